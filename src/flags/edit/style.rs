//! How a person writes: how deep things are indented, which quotes are used, read off what is there.

use std::collections::HashMap;

use saphyr_parser::ScalarStyle;

use super::lines;
use super::scalar::{self, Place};
use crate::yaml::spans::{Form, Pair, Spot};

/// How deep things stand below the key that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indent {
    /// At the next multiple of four, as Flipt's writer does.
    Flipt,
    /// This much deeper.
    By {
        /// The dashes of a list; 0 is in the column of the key.
        list: usize,
        /// The keys of a mapping.
        map: usize,
    },
}

impl Indent {
    /// The column of the dashes below a key.
    pub(super) const fn list(self, column: usize) -> usize {
        match self {
            Self::Flipt => column / 4 * 4 + 4,
            Self::By { list, .. } => column + list,
        }
    }

    /// The column of the keys below a key.
    pub(super) const fn map(self, column: usize) -> usize {
        match self {
            Self::Flipt => column / 4 * 4 + 4,
            Self::By { map, .. } => column + map,
        }
    }
}

/// The style of a text, or of a part of it.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) indent: Indent,
    /// Blanks behind a dash.
    pub(super) gap: usize,
    /// The quotes in which the values of a key stand.
    pub(super) quotes: HashMap<String, ScalarStyle>,
    /// The quotes of keys without an own habit, and of the keys themselves.
    pub(super) usual: (ScalarStyle, ScalarStyle),
}

impl Default for Style {
    fn default() -> Self {
        Self {
            indent: Indent::By { list: 2, map: 2 },
            gap: 1,
            quotes: HashMap::new(),
            usual: (ScalarStyle::Plain, ScalarStyle::Plain),
        }
    }
}

/// Nodes that are looked at: style shows early, and a large file is not read for it.
const LOOKED_AT: usize = 4_000;

impl Style {
    /// What `root` shows of it, and the list in it to which something is done, which counts twice.
    pub(super) fn of(text: &str, root: &Spot, list: Option<&Pair>) -> Self {
        let mut seen = Seen { text, left: LOOKED_AT, flipt: true, ..Seen::default() };
        let mut style = Self::default();
        if let Some(pair) = list {
            seen.look(&pair.value, Some(lines::column(text, pair.key.start)));
            seen.left = LOOKED_AT;
        }
        seen.look(root, None);
        let mut all = [0; 3];
        for (key, counts) in &seen.quotes {
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
            style.quotes.insert(key.clone(), most_used(*counts));
        }
        style.usual = (most_used(all), most_used(seen.keys));
        let most = |counts: &HashMap<usize, usize>| {
            counts.iter().max_by_key(|(depth, count)| (**count, usize::MAX - **depth)).map(|(depth, _)| *depth)
        };
        let (list, map) = (most(&seen.lists), most(&seen.maps));
        style.indent = if seen.flipt && seen.four {
            Indent::Flipt
        } else {
            let map = map.filter(|map| *map > 0).or(list.filter(|list| *list > 0)).unwrap_or(2);
            Indent::By { list: list.unwrap_or(map), map }
        };
        style.gap = most(&seen.gaps).unwrap_or(1);
        style
    }

    /// How texts under a key are quoted here.
    pub(super) fn quotes_of(&self, key: &str) -> ScalarStyle {
        self.quotes.get(key).copied().unwrap_or(self.usual.0)
    }
}

/// Which quotes a text stands in, if it could have stood in others.
fn choice(text: &str, style: ScalarStyle) -> Option<usize> {
    let free = scalar::inline(text, ScalarStyle::Plain, Place::Block) == *text;
    match style {
        ScalarStyle::Plain => Some(0),
        ScalarStyle::SingleQuoted if free => Some(1),
        ScalarStyle::DoubleQuoted if free => Some(2),
        _ => None,
    }
}

fn most_used([plain, single, double]: [usize; 3]) -> ScalarStyle {
    match plain.max(single).max(double) {
        most if most == plain => ScalarStyle::Plain,
        most if most == single => ScalarStyle::SingleQuoted,
        _ => ScalarStyle::DoubleQuoted,
    }
}

#[derive(Default)]
struct Seen<'t> {
    text: &'t str,
    left: usize,
    /// How often the texts of a key stand without quotes, in single and in double ones.
    quotes: HashMap<String, [usize; 3]>,
    /// And the keys themselves.
    keys: [usize; 3],
    lists: HashMap<usize, usize>,
    maps: HashMap<usize, usize>,
    gaps: HashMap<usize, usize>,
    /// Every depth is one that Flipt's writer would choose.
    flipt: bool,
    /// And one of them is deeper than others would choose.
    four: bool,
}

impl Seen<'_> {
    fn look(&mut self, spot: &Spot, key: Option<usize>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        match &spot.form {
            Form::List { flow: false, items } => {
                if let (Some(key), Some(first)) = (key, items.first()) {
                    self.depth(key, lines::column(self.text, first.dash), true);
                }
                for item in items {
                    if let Form::Map { flow: false, .. } = item.node.form
                        && item.node.start > item.dash
                        && lines::start(self.text, item.dash) == lines::start(self.text, item.node.start)
                    {
                        *self.gaps.entry(item.node.start - item.dash - 1).or_default() += 1;
                    }
                    self.look(&item.node, None);
                }
            }
            Form::Map { flow, pairs, .. } => {
                if let (Some(key), Some(first), false) = (key, pairs.first(), *flow) {
                    self.depth(key, lines::column(self.text, first.key.start), false);
                }
                for pair in pairs {
                    let column = (!flow).then(|| lines::column(self.text, pair.key.start));
                    if let (Some(name), Form::Scalar { style, text }) = (pair.key.text(), &pair.value.form) {
                        self.quotes(name, text, *style);
                    }
                    if let (false, Form::Scalar { style, text }) = (*flow, &pair.key.form)
                        && let Some(count) = choice(text, *style).and_then(|which| self.keys.get_mut(which))
                    {
                        *count += 1;
                    }
                    self.look(&pair.value, column);
                }
            }
            Form::List { flow: true, items } => items.iter().for_each(|item| self.look(&item.node, None)),
            Form::Scalar { .. } | Form::Alias(_) => {}
        }
    }

    /// Only quotes that were a choice count.
    fn quotes(&mut self, key: &str, text: &str, style: ScalarStyle) {
        let which = choice(text, style).filter(|_| scalar::is_text(text));
        let counts = self.quotes.entry(key.to_owned()).or_default();
        if let Some(count) = which.and_then(|which| counts.get_mut(which)) {
            *count += 1;
        }
    }

    fn depth(&mut self, key: usize, inner: usize, list: bool) {
        let depth = inner.saturating_sub(key);
        *if list { &mut self.lists } else { &mut self.maps }.entry(depth).or_default() += 1;
        self.flipt &= inner == Indent::Flipt.list(key);
        self.four |= depth == 4;
    }
}
