//! New files, as Flipt would write them.

use std::borrow::Cow;

use super::super::resource::{Document, Namespace, Resource};
use super::style::{Indent, Style};
use super::value::{self, Value};
use super::write::Writer;
use super::{Edit, Edited, Error, verify};

/// The newest version of the format.
const NEWEST: &str = "1.6";

/// The file that edits of nothing make.
///
/// # Errors
/// A resource has no form in the format, or there is nothing to write.
pub(super) fn file(namespace: &str, edits: &[Edit]) -> Result<Edited, Error> {
    let mut head = head(namespace);
    let mut resources: Vec<&Resource> = Vec::new();
    let mut any = false;
    for edit in edits {
        match edit {
            Edit::Namespace(new) => {
                head = Namespace { key: namespace.to_owned(), ..new.clone() };
                any = true;
            }
            Edit::Put(resource) => {
                resources.retain(|other| other.kind() != resource.kind() || other.key() != resource.key());
                resources.push(resource);
                any = true;
            }
            Edit::Delete { kind, key } => resources.retain(|other| other.kind() != *kind || other.key() != key),
        }
    }
    if !any {
        return Err(Error::NoNamespace(namespace.to_owned()));
    }
    let mut document = Document { version: NEWEST.to_owned(), namespace: head, ..Document::default() };
    for resource in resources {
        match resource {
            Resource::Flag(flag) => document.flags.push(flag.clone()),
            Resource::Segment(segment) => document.segments.push(segment.clone()),
        }
    }
    let bytes = text(&document, "\n")?.into_bytes();
    // A name that is not there is read as the key.
    if document.namespace.name.is_empty() {
        document.namespace.name.clone_from(&document.namespace.key);
    }
    verify::content(&bytes, &[document])?;
    Ok(Edited { bytes, rewritten: Vec::new() })
}

/// The head of a namespace that nothing else is known of.
pub(super) fn head(namespace: &str) -> Namespace {
    let name = if namespace == "default" { "Default" } else { "" };
    Namespace { key: namespace.to_owned(), name: name.to_owned(), description: String::new() }
}

/// A document in Flipt's form. It has two writers: what has a head only is indented by two blanks.
///
/// # Errors
/// A resource has no form in the document's version.
pub(super) fn text(document: &Document, eol: &'static str) -> Result<String, Error> {
    let minor = minor(&document.version);
    let mut pairs = vec![
        (Cow::Borrowed("version"), Value::text(&document.version)),
        (Cow::Borrowed("namespace"), value::namespace(&document.namespace)),
    ];
    if !document.flags.is_empty() {
        let flags = document.flags.iter().map(|flag| value::flag(flag, minor));
        pairs.push((Cow::Borrowed("flags"), Value::List(flags.collect())));
    }
    if !document.segments.is_empty() {
        let segments = document.segments.iter().map(|segment| value::segment(segment, minor));
        pairs.push((Cow::Borrowed("segments"), Value::List(segments.collect::<Result<_, _>>()?)));
    }
    let indent = if pairs.len() > 2 { Indent::Flipt } else { Indent::By { list: 0, map: 2 } };
    let style = Style { indent, ..Style::default() };
    let mut writer = Writer::new(&style, eol);
    writer.pairs(&pairs, 0, false);
    Ok(writer.out)
}

/// The minor part of a version.
pub(super) fn minor(version: &str) -> u8 {
    version.strip_prefix("1.").and_then(|minor| minor.parse().ok()).unwrap_or(value::since::LISTS)
}
