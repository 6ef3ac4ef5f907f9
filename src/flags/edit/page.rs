//! One edit of one file: which documents it concerns, what is wanted of them, and the ways to get there, the smallest
//! first.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;

use super::super::resource::{Document, Kind, Namespace, Resource};
use super::super::snapshot::FlagKind;
use super::splice::{self, Splicer, Stuck};
use super::style::Style;
use super::value::{self, Value, since};
use super::want::{self, Slot, Want};
use super::{Edit, Error, Rewritten, alias, fresh, lines, verify};
use crate::limits;
use crate::yaml;
use crate::yaml::spans::{self, Form, Page, Spot};

/// What came of one edit.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// The new file, if it is another.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) rewritten: Vec<Rewritten>,
    /// What was changed of the text, its byte order mark not counted; none where it cannot be told so.
    pub(super) splices: Option<Vec<splice::Splice>>,
}

/// How much is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What differs, and nothing else.
    InPlace,
    /// The same, and aliases of what changes are written out.
    Aliases,
    /// The same, and the end of the last line that the file had not stays: a block scalar ended there.
    Ended,
    Item,
    Document,
}

/// A file as it is read for an edit.
struct File<'t> {
    bom: bool,
    /// Without byte order mark, and with an end of its last line.
    text: Cow<'t, str>,
    /// That end was added.
    open_end: bool,
    pages: Vec<Page>,
    documents: Vec<Option<Document>>,
}

fn unreadable(error: &yaml::Error) -> Error {
    Error::Unreadable(format!("line {}: {}", error.at.line, error.message))
}

impl<'t> File<'t> {
    fn read(bytes: &'t [u8]) -> Result<Self, Error> {
        if bytes.len() > limits::FLAG_FILE_BYTES {
            return Err(Error::Unreadable(format!("it has {} bytes", bytes.len())));
        }
        let text = yaml::decode(bytes).map_err(|error| unreadable(&error))?;
        let documents = verify::declared(text).map_err(|error| unreadable(&error))?;
        let open_end = !text.is_empty() && !text.ends_with('\n');
        let text =
            if open_end { Cow::Owned(format!("{text}{}", lines::eol(text, text.len()))) } else { Cow::Borrowed(text) };
        let pages = spans::read(&text, yaml::Limits::default()).map_err(|error| unreadable(&error))?;
        if pages.len() != documents.len() {
            return Err(Error::Unreadable("its documents cannot be told apart".to_owned()));
        }
        Ok(Self { bom: bytes.starts_with(b"\xef\xbb\xbf"), text, open_end, pages, documents })
    }

    /// `open`: the last line loses the end that it had not.
    fn bytes(&self, text: &str, open: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() + 3);
        if self.bom {
            bytes.extend_from_slice(b"\xef\xbb\xbf");
        }
        let end = if self.open_end && open { text.strip_suffix("\r\n").or(text.strip_suffix('\n')) } else { None };
        bytes.extend_from_slice(end.unwrap_or(text).as_bytes());
        bytes
    }
}

/// What one document is to become.
struct Task<'e> {
    /// Which document.
    at: usize,
    wanted: Document,
    version: Option<String>,
    head: Option<&'e Namespace>,
    /// The resource that is put, and where the one that it replaces stands.
    put: Option<(&'e Resource, Option<usize>)>,
    /// The resources that go.
    delete: Option<(Kind, Vec<usize>)>,
}

/// Does one edit.
///
/// # Errors
/// As [`super::apply`].
pub(super) fn edit(bytes_before: &[u8], namespace: &str, edit: &Edit) -> Result<Step, Error> {
    let file = File::read(bytes_before)?;
    if file.documents.iter().all(Option::is_none) {
        return begin(&file, namespace, edit);
    }
    let tasks = tasks(&file.documents, namespace, edit)?;
    if tasks.is_empty() {
        return Ok(Step::default());
    }
    let mut wanted: Vec<Option<Document>> = file.documents.clone();
    for task in &tasks {
        if let Some(slot) = wanted.get_mut(task.at) {
            *slot = Some(task.wanted.clone());
        }
    }
    let wanted: Vec<Document> = wanted.into_iter().flatten().collect();
    let mut why = String::new();
    for way in [Way::InPlace, Way::Aliases, Way::Ended, Way::Item, Way::Document] {
        if way == Way::Ended && !file.open_end {
            continue;
        }
        match attempt(&file, &tasks, way, &why) {
            Ok((text, splices, rewritten)) => {
                let bytes = file.bytes(&text, way != Way::Ended);
                match verify::content(&bytes, &wanted) {
                    Ok(()) => {
                        let splices = (way != Way::Document).then_some(splices);
                        return Ok(Step { bytes: Some(bytes), rewritten, splices });
                    }
                    Err(_) if way != Way::Document => {
                        if why.is_empty() {
                            // A file that had an error before has it still.
                            if let Some(error) = verify::first_error(bytes_before) {
                                return Err(Error::Unreadable(error));
                            }
                            "in place it would have said something else".clone_into(&mut why);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(Failure::Stuck(Stuck(reason))) if way != Way::Document => {
                if why.is_empty() {
                    why = reason;
                }
            }
            Err(Failure::Stuck(Stuck(reason))) => return Err(Error::Unfaithful(reason)),
            Err(Failure::Error(error)) => return Err(error),
        }
    }
    Err(Error::Unfaithful(why))
}

/// A file that has no document yet: comments at most.
fn begin(file: &File<'_>, namespace: &str, edit: &Edit) -> Result<Step, Error> {
    let new = fresh::file(namespace, std::slice::from_ref(edit))?;
    let new = String::from_utf8_lossy(&new.bytes).into_owned();
    let wanted: Vec<Document> =
        verify::declared(&new).map_err(|error| unreadable(&error))?.into_iter().flatten().collect();
    let bytes = file.bytes(&format!("{}{new}", file.text), true);
    verify::content(&bytes, &wanted)?;
    Ok(Step { bytes: Some(bytes), ..Step::default() })
}

fn position(document: &Document, kind: Kind, key: &str) -> Option<usize> {
    match kind {
        Kind::Flag => document.flags.iter().rposition(|flag| flag.key == key),
        Kind::Segment => document.segments.iter().rposition(|segment| segment.key == key),
    }
}

fn tasks<'e>(documents: &[Option<Document>], namespace: &str, edit: &'e Edit) -> Result<Vec<Task<'e>>, Error> {
    let own = || {
        let documents = documents.iter().enumerate().filter_map(|(at, document)| Some((at, document.as_ref()?)));
        documents.filter(|(_, document)| document.namespace.key == namespace)
    };
    let Some((last, last_document)) = own().next_back() else { return Err(Error::NoNamespace(namespace.to_owned())) };
    let task = |at: usize, document: &Document| Task {
        at,
        wanted: document.clone(),
        version: None,
        head: None,
        put: None,
        delete: None,
    };
    match edit {
        Edit::Put(resource) => {
            let found = own()
                .filter_map(|(at, document)| Some((at, document, position(document, resource.kind(), resource.key())?)))
                .next_back();
            let (at, document, place) =
                found.map_or((last, last_document, None), |(at, document, place)| (at, document, Some(place)));
            let mut task = Task { put: Some((resource, place)), ..task(at, document) };
            match (resource, place) {
                (Resource::Flag(new), Some(place)) => {
                    if let Some(flag) = task.wanted.flags.get_mut(place) {
                        flag.clone_from(new);
                    }
                }
                (Resource::Flag(new), None) => task.wanted.flags.push(new.clone()),
                (Resource::Segment(new), Some(place)) => {
                    if let Some(segment) = task.wanted.segments.get_mut(place) {
                        segment.clone_from(new);
                    }
                }
                (Resource::Segment(new), None) => task.wanted.segments.push(new.clone()),
            }
            if verify::same(&task.wanted, document) {
                return Ok(Vec::new());
            }
            let needed = needed(resource);
            if fresh::minor(&document.version) < needed {
                let version = format!("1.{needed}");
                task.wanted.version.clone_from(&version);
                task.version = Some(version);
            }
            Ok(vec![task])
        }
        Edit::Delete { kind, key } => Ok(own()
            .filter_map(|(at, document)| {
                let mut task = task(at, document);
                let places: Vec<usize> = match kind {
                    Kind::Flag => {
                        (0..).zip(&document.flags).filter(|(_, it)| it.key == *key).map(|(at, _)| at).collect()
                    }
                    Kind::Segment => {
                        (0..).zip(&document.segments).filter(|(_, it)| it.key == *key).map(|(at, _)| at).collect()
                    }
                };
                match kind {
                    Kind::Flag => task.wanted.flags.retain(|it| it.key != *key),
                    Kind::Segment => task.wanted.segments.retain(|it| it.key != *key),
                }
                let some = !places.is_empty();
                task.delete = Some((*kind, places));
                some.then_some(task)
            })
            .collect()),
        Edit::Namespace(head) => Ok(own()
            .filter(|(_, document)| {
                let name = if head.name.is_empty() { &head.key } else { &head.name };
                document.namespace.name != *name || document.namespace.description != head.description
            })
            .map(|(at, document)| {
                let mut task = task(at, document);
                task.wanted.namespace.name =
                    if head.name.is_empty() { namespace.to_owned() } else { head.name.clone() };
                task.wanted.namespace.description.clone_from(&head.description);
                task.head = Some(head);
                task
            })
            .collect()),
    }
}

/// The minor version from which a resource can be said.
fn needed(resource: &Resource) -> u8 {
    let Resource::Flag(flag) = resource else { return 0 };
    let mut needed = 0;
    if flag.kind == FlagKind::Boolean {
        needed = needed.max(since::TYPE);
    }
    if flag.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty()) {
        needed = needed.max(since::METADATA);
    }
    if flag.default_variant.is_some() {
        needed = needed.max(since::DEFAULT_VARIANT);
    }
    needed
}

/// The key of a list of resources.
pub(super) const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "flags",
        Kind::Segment => "segments",
    }
}

enum Failure {
    Stuck(Stuck),
    Error(Error),
}

impl From<Stuck> for Failure {
    fn from(stuck: Stuck) -> Self {
        Self::Stuck(stuck)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

type Attempt = Result<(String, Vec<splice::Splice>, Vec<Rewritten>), Failure>;

fn attempt(file: &File<'_>, tasks: &[Task<'_>], way: Way, why: &str) -> Attempt {
    let mut splices = Vec::new();
    let mut rewritten = Vec::new();
    for task in tasks {
        let Some((page, Some(document))) = file.pages.get(task.at).zip(file.documents.get(task.at)) else {
            return Err(Stuck("its place cannot be found".to_owned()).into());
        };
        if way == Way::Document {
            let what = format!("document {}", task.at + 1);
            rewritten.push(Rewritten { what, why: why.to_owned() });
            splices.push(document_anew(&file.text, page, &task.wanted)?);
            continue;
        }
        let list = task.put.as_ref().and_then(|(resource, _)| page.root.pair(plural(resource.kind())));
        let style = Style::of(&file.text, &page.root, list);
        let mut work = Splicer::new(&file.text, &style);
        let wants = wants(&mut work, &page.root, document, task, way)?;
        work.map(&page.root, &wants)?;
        let written_out = if way == Way::InPlace { Vec::new() } else { alias::write_out(&mut work, &page.root)? };
        if way == Way::Ended {
            end_block_scalar(&mut work, &page.root);
        }
        if way == Way::Item {
            let what = match &task.put {
                Some((resource, _)) => format!("{} \"{}\"", resource.kind().word(), resource.key()),
                None => format!("document {}", task.at + 1),
            };
            rewritten.push(Rewritten { what, why: why.to_owned() });
        }
        rewritten.extend(written_out);
        splices.extend(work.splices);
    }
    let text = splice::apply(&file.text, 0, splices.clone()).map_err(Stuck)?;
    Ok((text, splices, rewritten))
}

/// A block scalar that ended with the file, without a line end, is told so in its header.
fn end_block_scalar(splicer: &mut Splicer<'_>, root: &Spot) {
    let mut spot = root;
    while let Some(last) = spot.children().last() {
        spot = last;
    }
    let Form::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } = spot.form else { return };
    let header = lines::content(splicer.text, spot.body).len() + lines::start(splicer.text, spot.body);
    let header = splicer.text.get(spot.body..header).unwrap_or_default();
    let word = header.split([' ', '#']).next().unwrap_or_default();
    if !word.contains(['-', '+']) && lines::end(splicer.text, spot.end) == splicer.text.len() {
        let at = spot.body + word.len();
        splicer.push(at..at, "-");
    }
}

fn document_anew(text: &str, page: &Page, wanted: &Document) -> Result<splice::Splice, Failure> {
    let eol = lines::eol(text, page.root.start);
    let new = fresh::text(wanted, eol)?;
    let start = lines::start(text, page.root.start);
    let (from, lead) = if start < page.start { (page.root.start, eol) } else { (start, "") };
    let last = page.root.tail.saturating_sub(1).max(from);
    let to = lines::end(text, last).min(page.end.max(page.root.tail));
    Ok(splice::Splice { range: from..to, text: format!("{lead}{new}") })
}

/// What is wanted of the top of a document.
fn wants(
    splicer: &mut Splicer<'_>,
    root: &Spot,
    document: &Document,
    task: &Task<'_>,
    way: Way,
) -> Result<Vec<(Cow<'static, str>, Want)>, Failure> {
    let minor = fresh::minor(&task.wanted.version);
    let version = task.version.as_deref().map_or(Want::Keep, |version| Want::Set(Value::text(version)));
    let place = |key: &str| root.pair(key).map(|pair| &pair.value);
    let head = match task.head {
        Some(_) => want::namespace(&document.namespace, &task.wanted.namespace, place("namespace")),
        None => Want::Keep,
    };
    let (mut flags, mut segments) = (Want::Keep, Want::Keep);
    if let Some((resource, old)) = task.put {
        let (key, count) = match resource.kind() {
            Kind::Flag => ("flags", document.flags.len()),
            Kind::Segment => ("segments", document.segments.len()),
        };
        let item = old.and_then(|old| place(key).and_then(|list| list.items().get(old))).map(|item| &item.node);
        let new = match (old, item) {
            (Some(old), Some(spot)) if way != Way::Item => {
                let before = match resource.kind() {
                    Kind::Flag => document.flags.get(old).cloned().map(Resource::Flag),
                    Kind::Segment => document.segments.get(old).cloned().map(Resource::Segment),
                };
                match before {
                    Some(before) => want::resource(&before, resource, spot, minor)?,
                    None => Want::Set(value::resource(resource, minor)?),
                }
            }
            _ => Want::Set(value::resource(resource, minor)?),
        };
        let mut slots: Vec<Slot> = (0..count).map(|at| Slot { old: Some(at), want: Want::Keep }).collect();
        match old.and_then(|old| slots.get_mut(old)) {
            Some(slot) => slot.want = new,
            None => slots.push(Slot { old: None, want: new }),
        }
        let want = Want::List(slots, whole(place(key), &task.wanted, resource.kind(), minor)?);
        *(if resource.kind() == Kind::Flag { &mut flags } else { &mut segments }) = want;
    }
    if let Some((kind, gone)) = &task.delete {
        let (key, count) = match kind {
            Kind::Flag => ("flags", document.flags.len()),
            Kind::Segment => ("segments", document.segments.len()),
        };
        let slots: Vec<Slot> =
            (0..count).filter(|at| !gone.contains(at)).map(|at| Slot { old: Some(at), want: Want::Keep }).collect();
        let want = if slots.is_empty() {
            emptied(splicer, root, key)
        } else {
            Want::List(slots, whole(place(key), &task.wanted, *kind, minor)?)
        };
        *(if *kind == Kind::Flag { &mut flags } else { &mut segments }) = want;
    }
    Ok(vec![
        (Cow::Borrowed("version"), version),
        (Cow::Borrowed("namespace"), head),
        (Cow::Borrowed("flags"), flags),
        (Cow::Borrowed("segments"), segments),
    ])
}

/// All items of a list, where what stands there is none that could be edited.
fn whole(list: Option<&Spot>, wanted: &Document, kind: Kind, minor: u8) -> Result<Value, Error> {
    if list.is_some_and(|list| !list.items().is_empty()) {
        return Ok(Value::List(Vec::new()));
    }
    let items = match kind {
        Kind::Flag => wanted.flags.iter().map(|flag| Ok(value::flag(flag, minor))).collect::<Result<_, Error>>(),
        Kind::Segment => wanted.segments.iter().map(|segment| value::segment(segment, minor)).collect(),
    };
    items.map(Value::List)
}

/// The last item of a list goes: the key goes too, unless comments stand there or nothing else is left.
fn emptied(splicer: &mut Splicer<'_>, root: &Spot, key: &str) -> Want {
    let gone = Want::Remove(Value::List(Vec::new()));
    let Some(pair) = root.pair(key) else { return gone };
    let Form::List { flow: false, items } = &pair.value.form else { return gone };
    if root.is_flow() {
        return gone;
    }
    let text = splicer.text;
    let column = lines::column(text, pair.key.start);
    let own = splicer.chunk(pair.key.start, pair.value.tail, column);
    let mut left = text.get(own.start..pair.key.start).unwrap_or_default().to_owned();
    let mut at = pair.colon;
    let mut chunks = Vec::new();
    for item in items {
        let chunk = splicer.chunk(item.dash, item.node.tail.max(item.dash + 1), lines::column(text, item.dash));
        left.push_str(text.get(at..chunk.start).unwrap_or_default());
        at = chunk.end;
        chunks.push(chunk);
    }
    left.push_str(text.get(at..own.end).unwrap_or_default());
    if !left.contains('#') && root.pairs().len() > 1 {
        return gone;
    }
    if pair.value.start < lines::end(text, pair.colon) {
        return Want::Set(Value::List(Vec::new()));
    }
    splicer.push(pair.colon..pair.colon, " []");
    splicer.touched.push(pair.value.clone());
    for chunk in chunks {
        splicer.push(chunk, "");
    }
    Want::Keep
}
