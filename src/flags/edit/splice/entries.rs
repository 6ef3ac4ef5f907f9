//! The entries of a mapping, on lines of their own and in braces.

use super::super::lines;
use super::super::scalar::Place;
use super::super::value::Value;
use super::super::want::Want;
use super::super::write::Writer;
use super::{Done, Splicer, stuck};
use crate::yaml::spans::{Form, Pair, Spot};

impl Splicer<'_> {
    /// Changes the entries of a mapping.
    pub(in crate::flags::edit) fn map(
        &mut self,
        spot: &Spot,
        fields: &[(std::borrow::Cow<'static, str>, Want)],
    ) -> Done {
        let Form::Map { flow, odd, pairs } = &spot.form else { return stuck("it is no mapping") };
        if *odd {
            return stuck("its keys are written in a form that is not edited");
        }
        let merges = pairs.iter().any(|pair| pair.key.text() == Some("<<"));
        let place = Self::place_of(spot);
        // The entry behind which a new one goes.
        let mut before: Option<&Pair> = None;
        let mut new: Vec<(Option<&Pair>, &str, &Value)> = Vec::new();
        let mut gone: Vec<usize> = Vec::new();
        for (key, want) in fields {
            let own = pairs.iter().enumerate().find(|(_, pair)| pair.key.text() == Some(key));
            match (own, want) {
                (Some((_, pair)), Want::Keep) => before = Some(pair),
                (Some((at, pair)), Want::Remove(_)) if !merges => {
                    gone.push(at);
                    // What comes instead stands in its place.
                    let begins_line = lines::content(self.text, pair.key.start).trim_start().len()
                        == lines::content(self.text, pair.key.start)
                            .len()
                            .saturating_sub(lines::column(self.text, pair.key.start));
                    if !*flow && begins_line {
                        before = Some(pair);
                    }
                }
                (Some((_, pair)), want) => {
                    self.pair(pair, want, *flow, place)?;
                    before = Some(pair);
                }
                (None, Want::Remove(empty)) if merges => new.push((before, key, empty)),
                (None, Want::Keep | Want::Remove(_)) => {}
                (None, want) => new.extend(want.whole().map(|whole| (before, &**key, whole))),
            }
        }
        self.touch_outside(spot);
        if !*flow {
            return self.block_entries(pairs, &new, &gone);
        }
        self.flow_entries(spot, pairs, &new, &gone, place);
        Ok(())
    }

    fn block_entries(&mut self, pairs: &[Pair], new: &[(Option<&Pair>, &str, &Value)], gone: &[usize]) -> Done {
        let Some(first) = pairs.first() else { return stuck("it is empty") };
        if gone.len() == pairs.len() && new.is_empty() {
            return stuck("nothing is left in it");
        }
        let column = if new.is_empty() && gone.is_empty() { 0 } else { self.column(first.key.start)? };
        for (before, key, value) in new {
            let at = before.map_or(first.key.start, |pair| self.chunk(pair.key.start, pair.value.tail, column).end);
            let mut writer = Writer::new(self.style, lines::eol(self.text, first.key.start));
            writer.pairs(&[(std::borrow::Cow::Owned((*key).to_owned()), (*value).clone())], column, before.is_none());
            if before.is_none() {
                // It begins where the first entry began, which goes on below it.
                let out = format!("{}{}", writer.out, " ".repeat(column));
                self.push(at..at, out);
            } else {
                self.push(at..at, writer.out);
            }
        }
        for at in gone {
            let Some(pair) = pairs.get(*at) else { continue };
            self.touch(&pair.value);
            self.touch(&pair.key);
            let shared = lines::start(self.text, pair.key.start) + column != pair.key.start
                || self.slice(lines::start(self.text, pair.key.start)..pair.key.start).contains('-');
            if !shared {
                let chunk = self.chunk(pair.key.start, pair.value.tail, column);
                self.push(chunk, "");
                continue;
            }
            // It stands behind a dash: what comes next takes its place.
            let next = pairs.iter().enumerate().skip(at + 1).find(|(next, _)| !gone.contains(next));
            let Some((next_at, next)) = next else { return stuck("nothing is left behind the dash") };
            let end = lines::end(self.text, pair.value.tail.saturating_sub(1).max(pair.key.start));
            if next_at == at + 1 && self.slice(end..next.key.start).trim().is_empty() {
                self.push(pair.key.start..next.key.start, "");
            } else if gone.contains(&(at + 1)) {
                // The ones between go by themselves; the dash stays alone on its line.
                self.push(self.past_blanks_before(pair.key.start)..self.line_content_end(pair.value.tail), "");
            } else {
                self.push(self.past_blanks_before(pair.key.start)..self.line_content_end(pair.value.tail), "");
            }
        }
        Ok(())
    }

    pub(super) fn past_blanks_before(&self, at: usize) -> usize {
        self.slice(0..at).trim_end_matches(' ').len()
    }

    /// Where the content of the line ends that holds the last byte before `at`.
    fn line_content_end(&self, at: usize) -> usize {
        let start = lines::start(self.text, at.saturating_sub(1));
        start + lines::content(self.text, start).len()
    }

    fn flow_entries(
        &mut self,
        spot: &Spot,
        pairs: &[Pair],
        new: &[(Option<&Pair>, &str, &Value)],
        gone: &[usize],
        place: Place,
    ) {
        let write = |key: &str, value: &Value| {
            let mut writer = Writer::new(self.style, "\n");
            writer.flow_pair(key, value, place);
            writer.out
        };
        let separator =
            self.separator(spot.body + 1, pairs.iter().map(|pair| (pair.key.start, pair.value.end.max(pair.colon))));
        let mut additions: Vec<(usize, String)> = Vec::new();
        let left: Vec<&Pair> =
            pairs.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, pair)| pair).collect();
        if left.is_empty() {
            let all: Vec<String> = new.iter().map(|(_, key, value)| write(key, value)).collect();
            for pair in pairs {
                self.touch(&pair.value);
            }
            self.push(spot.body + 1..spot.end.saturating_sub(1), all.join(", "));
            return;
        }
        for (before, key, value) in new {
            if let Some(pair) = before {
                additions.push((pair.value.end.max(pair.colon), format!("{separator}{}", write(key, value))));
            } else if let Some(first) = left.first() {
                additions.push((first.key.start, format!("{}{separator}", write(key, value))));
            }
        }
        for (at, text) in additions {
            self.push(at..at, text);
        }
        for at in gone {
            let Some(pair) = pairs.get(*at) else { continue };
            self.touch(&pair.value);
            let end = pair.value.end.max(pair.colon);
            // With the comma behind it; the last of those that stay loses its own.
            let later = pairs.iter().enumerate().skip(at + 1).find(|(next, _)| !gone.contains(next));
            if later.is_some() {
                let next = pairs.get(at + 1).map_or(end, |next| next.key.start);
                self.push(pair.key.start..next, "");
            } else {
                let before = at
                    .checked_sub(1)
                    .and_then(|at| pairs.get(at))
                    .map_or(pair.key.start, |before| before.value.end.max(before.colon));
                self.push(before..end, "");
            }
        }
    }
}
