//! Anchors that others share. An edit is of one resource; what an alias brings elsewhere must not change with it. So
//! where something below an anchor changes, each of its aliases is written out with what it stood for.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::scalar::Place;
use super::splice::{Splicer, Stuck};
use super::value::Value;
use super::write::Writer;
use super::{Rewritten, lines};
use crate::limits;
use crate::yaml::spans::{Form, Spot};
use saphyr_parser::ScalarStyle;

/// Writes out the aliases of anchors that the splices touch.
///
/// # Errors
/// One of them cannot be written in place.
pub(super) fn write_out(splicer: &mut Splicer<'_>, root: &Spot) -> Result<Vec<Rewritten>, Stuck> {
    let mut touched = HashSet::new();
    for spot in &splicer.touched {
        anchors(spot, &mut touched);
    }
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    let mut nodes = HashMap::new();
    let mut sites = Vec::new();
    find(root, &touched, &mut nodes, &mut sites);
    let gone: Vec<_> =
        splicer.splices.iter().map(|splice| splice.range.clone()).filter(|range| !range.is_empty()).collect();
    let mut rewritten = Vec::new();
    for (number, start, end) in sites {
        if gone.iter().any(|range| range.start <= start && end <= range.end) {
            continue;
        }
        let Some(node) = nodes.get(&number) else { continue };
        let mut left = limits::EDIT_ALIAS_NODES;
        let value = value_of(node, &nodes, &mut left)
            .ok_or_else(|| Stuck("an anchor in it is shared, and too large or too odd to be written out".to_owned()))?;
        let mut writer = Writer::new(splicer.style, "\n");
        writer.flow("", &value, Place::Flow);
        let name = splicer.text.get(start..end).unwrap_or_default();
        let line = splicer.text.get(..start).unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count() + 1;
        rewritten.push(Rewritten {
            what: format!("{name} in line {line}"),
            why: format!(
                "it was an alias of what changes, and now says itself what it stood for ({})",
                lines::content(splicer.text, start).trim()
            ),
        });
        let text = writer.out;
        splicer.push(start..end, text);
    }
    Ok(rewritten)
}

fn anchors(spot: &Spot, found: &mut HashSet<usize>) {
    if spot.anchor != 0 {
        found.insert(spot.anchor);
    }
    spot.children().for_each(|child| anchors(child, found));
}

fn find<'s>(
    spot: &'s Spot,
    touched: &HashSet<usize>,
    nodes: &mut HashMap<usize, &'s Spot>,
    sites: &mut Vec<(usize, usize, usize)>,
) {
    if spot.anchor != 0 {
        nodes.insert(spot.anchor, spot);
    }
    if let Form::Alias(number) = spot.form
        && touched.contains(&number)
    {
        sites.push((number, spot.start, spot.end));
    }
    spot.children().for_each(|child| find(child, touched, nodes, sites));
}

/// What a node stands for; none if it has merge keys or tags, or is larger than `left`.
fn value_of(spot: &Spot, nodes: &HashMap<usize, &Spot>, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    if spot.tag {
        return None;
    }
    Some(match &spot.form {
        Form::Scalar { text, style: ScalarStyle::Plain }
            if crate::yaml::scalar::kind(text) == crate::yaml::Kind::Null =>
        {
            Value::Bare("null".to_owned())
        }
        Form::Scalar { text, style: ScalarStyle::Plain }
            if crate::yaml::scalar::kind(text) != crate::yaml::Kind::Text =>
        {
            Value::Bare(text.to_string())
        }
        Form::Scalar { text, .. } => Value::text(text),
        Form::Alias(number) => value_of(nodes.get(number)?, nodes, left)?,
        Form::List { items, .. } => {
            Value::List(items.iter().map(|item| value_of(&item.node, nodes, left)).collect::<Option<_>>()?)
        }
        Form::Map { pairs, .. } => {
            let pair = |key: &Spot, value: &Spot, left: &mut usize| {
                let key = key.text().filter(|key| *key != "<<")?;
                Some((Cow::Owned(key.to_owned()), value_of(value, nodes, left)?))
            };
            Value::Map(pairs.iter().map(|it| pair(&it.key, &it.value, left)).collect::<Option<_>>()?)
        }
    })
}
