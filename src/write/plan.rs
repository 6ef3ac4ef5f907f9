//! What changes of the files a wish comes to. Pure: files as values in, files as values out.
//!
//! Every change is made to a draft of what is declared, each on top of the one before; what comes of it decides whether
//! it can be made, and in which files. Only then each file is edited, once, and read again: what the texts say now must
//! be what the draft says, in every namespace of every file that was touched, or nothing is done.
//!
//! A change is refused rather than guessed: a file in error or in JSON is not edited, a segment that flags name is not
//! deleted, and what somebody else has changed since the caller looked is merged field by field or not at all.

mod draft;
mod references;
mod seen;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Change, Conflict, Refusal, What, Written};
use crate::flags::document::SourceFile;
use crate::flags::edit::Rewritten;
use crate::flags::resource::view::{DEFAULT, View};
use crate::flags::resource::{self, Kind, Namespace, Resource, payload};
use draft::Draft;
use seen::{Base, Seen, Then};

/// What the planner may look at.
pub trait Look {
    /// The bytes of a file of the view, by its path.
    ///
    /// # Errors
    /// It cannot be read now.
    fn text(&self, path: &str) -> Result<Vec<u8>, Refusal>;
    /// What that file was compiled to, if it is known: what is as it was is not read again. For speed alone.
    fn source(&self, path: &str) -> Option<Arc<SourceFile>> {
        let _ = path;
        None
    }
    /// The view at an earlier commit, which a caller names as what it has seen; none if that commit is not known or is
    /// not in the branch's history.
    ///
    /// # Errors
    /// It cannot be read now.
    fn at(&self, commit: &str) -> Result<Option<Arc<View>>, Refusal>;
    /// The resource when it had this revision, as far back as is looked: what somebody had seen who names no commit.
    ///
    /// # Errors
    /// It cannot be read now.
    fn earlier(&self, namespace: &str, kind: Kind, key: &str, revision: &str) -> Result<Option<Resource>, Refusal> {
        let _ = (namespace, kind, key, revision);
        Ok(None)
    }
}

/// What is to be committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Planned {
    /// Path below the environment's directory, and the new bytes or `None` if the file goes. Empty: nothing changes.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// One for each change, in order.
    pub written: Vec<Written>,
    /// What lost its form, by path below the environment's directory.
    pub rewritten: Vec<(String, Rewritten)>,
    /// What is done, for the message of the commit.
    pub done: Vec<Done>,
}

/// One thing that is done, as templates see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// `create`, `update`, `delete`.
    pub verb: &'static str,
    /// `flag`, `segment`, `namespace`.
    pub kind: &'static str,
    /// Key of the namespace.
    pub namespace: String,
    /// Key; that of the namespace, if it is one.
    pub key: String,
}

/// Plans all of `changes`, each on top of the one before, or says why not. `seen` is the revision of the request, which
/// counts for every change that names none; `tip` the commit of `view`.
///
/// # Errors
/// The first change that cannot be made.
pub fn plan(
    view: &View,
    tip: &Arc<str>,
    changes: &[Change],
    seen: Option<&str>,
    look: &dyn Look,
) -> Result<Planned, Refusal> {
    let mut planner = Planner { draft: Draft::new(view), seen: Seen::new(tip, seen, look), done: Vec::new() };
    let mut written = Vec::with_capacity(changes.len());
    for change in changes {
        written.push(planner.change(change)?);
    }
    let edited = text::edited(&planner.draft, look)?;
    references::check(&planner.draft, &edited.view)?;
    Ok(Planned { files: edited.files, written, rewritten: edited.rewritten, done: planner.done })
}

struct Planner<'p> {
    draft: Draft<'p>,
    seen: Seen<'p>,
    done: Vec<Done>,
}

impl Planner<'_> {
    fn change(&mut self, change: &Change) -> Result<Written, Refusal> {
        let namespace = &*change.namespace;
        match &change.what {
            What::Create(_) | What::Update(_) | What::Put(_) => self.put(change),
            What::Delete { kind, key } => self.delete(change, *kind, key),
            What::CreateNamespace(head) => self.create_namespace(&own(namespace, head)?),
            What::UpdateNamespace(head) => self.update_namespace(change, &own(namespace, head)?),
            What::DeleteNamespace => self.delete_namespace(change),
        }
    }

    fn done(&mut self, verb: &'static str, kind: &'static str, namespace: &str, key: &str) {
        self.done.push(Done { verb, kind, namespace: namespace.to_owned(), key: key.to_owned() });
    }

    fn put(&mut self, change: &Change) -> Result<Written, Refusal> {
        let (What::Create(ours) | What::Update(ours) | What::Put(ours)) = &change.what else {
            return Err(Refusal::Bug("no resource to put".to_owned()));
        };
        let (namespace, kind, key) = (&*change.namespace, ours.kind(), ours.key());
        self.draft.open(namespace)?;
        let current = self.draft.get(namespace, kind, key);
        let base = self.seen.resource(change, &self.draft, kind, key, current.as_ref())?;
        match (&change.what, &current, &base) {
            (What::Create(_), Some(_), _) => {
                return Err(Refusal::AlreadyExists(format!("{} {namespace}/{key}", kind.word())));
            }
            (What::Update(_) | What::Put(_), None, Base::Was(Some(_))) => {
                return Err(self.conflict(change, kind, key, base.known(), Some(ours), None, Vec::new()));
            }
            (What::Update(_), None, _) => return Err(unknown(kind, namespace, key)),
            _ => {}
        }
        let (result, merged) = match (&current, &base) {
            (Some(theirs), Base::Was(_) | Base::Unknown) => {
                let result = resource::merge(base.known(), ours, theirs)
                    .and_then(|merged| match resource::new_mistake(&merged, Some(theirs)) {
                        // Each half may be right, and the whole no flag that anybody has asked for.
                        Some(mistake) if resource::new_mistake(ours, Some(theirs)).is_none() => Err(vec![mistake.path]),
                        _ => Ok(merged),
                    })
                    .map_err(|overlaps| {
                        self.conflict(change, kind, key, base.known(), Some(ours), Some(theirs), overlaps)
                    })?;
                let merged = result != *ours;
                (result, merged)
            }
            _ => (ours.clone(), false),
        };
        if let Some(mistake) = resource::new_mistake(&result, current.as_ref()) {
            return Err(invalid(mistake.to_string()));
        }
        let revision = Some(resource::revision(&result));
        if current.as_ref() != Some(&result) {
            self.draft.put(namespace, &result)?;
            let verb = if current.is_some() { "update" } else { "create" };
            self.done(verb, kind.word(), namespace, key);
        }
        Ok(Written { namespace: namespace.to_owned(), resource: Some(result), revision, merged })
    }

    fn delete(&mut self, change: &Change, kind: Kind, key: &str) -> Result<Written, Refusal> {
        let namespace = &*change.namespace;
        self.draft.open(namespace)?;
        let Some(current) = self.draft.get(namespace, kind, key) else { return Err(unknown(kind, namespace, key)) };
        let base = self.seen.resource(change, &self.draft, kind, key, Some(&current))?;
        if !matches!(base, Base::Fresh) {
            return Err(self.conflict(change, kind, key, base.known(), None, Some(&current), Vec::new()));
        }
        self.draft.delete(namespace, kind, key)?;
        self.done("delete", kind.word(), namespace, key);
        Ok(nothing_left(namespace))
    }

    fn create_namespace(&mut self, head: &Namespace) -> Result<Written, Refusal> {
        if self.draft.namespace(&head.key).is_some() {
            return Err(Refusal::AlreadyExists(format!("namespace {}", head.key)));
        }
        self.draft.create_namespace(head)?;
        self.done("create", "namespace", &head.key, &head.key);
        Ok(nothing_left(&head.key))
    }

    fn update_namespace(&mut self, change: &Change, head: &Namespace) -> Result<Written, Refusal> {
        let key = &*head.key;
        self.draft.open(key)?;
        let Some(current) = self.draft.namespace(key) else { return Err(Refusal::UnknownNamespace(key.to_owned())) };
        let mut merged = false;
        let mut result = head.clone();
        let then = self.seen.namespace(change, &self.draft)?;
        if !matches!(then, Then::Now) {
            let base = then.view().and_then(|view| view.namespace(key)).map(|listed| listed.namespace);
            let (ours, theirs) = (head, &current);
            let mut overlaps = Vec::new();
            let mut field = |path: &str, of: fn(&Namespace) -> &String| {
                let (base, ours, theirs) = (base.as_ref().map(of), of(ours), of(theirs));
                if ours != theirs && base != Some(ours) && base != Some(theirs) {
                    overlaps.push(path.to_owned());
                }
                if base == Some(ours) { theirs.clone() } else { ours.clone() }
            };
            let (name, description) =
                (field("name", |head| &head.name), field("description", |head| &head.description));
            if !overlaps.is_empty() {
                return Err(self.namespace_conflict(key, overlaps));
            }
            result = Namespace { key: key.to_owned(), name, description };
            merged = result != *head;
        }
        if result != current {
            self.draft.update_namespace(&result)?;
            self.done("update", "namespace", key, key);
        }
        Ok(Written { merged, ..nothing_left(key) })
    }

    fn delete_namespace(&mut self, change: &Change) -> Result<Written, Refusal> {
        let key = &*change.namespace;
        if key == DEFAULT {
            return Err(invalid(format!("namespace \"{key}\" is protected")));
        }
        self.draft.open(key)?;
        let then = self.seen.namespace(change, &self.draft)?;
        if !matches!(then, Then::Now) {
            let now = self.draft.before();
            let same = then.view().is_some_and(|then| {
                then.namespace(key) == now.namespace(key)
                    && then.flags(key) == now.flags(key)
                    && then.segments(key) == now.segments(key)
            });
            if !same {
                return Err(self.namespace_conflict(key, Vec::new()));
            }
        }
        self.draft.delete_namespace(key)?;
        self.done("delete", "namespace", key, key);
        Ok(nothing_left(key))
    }

    #[expect(clippy::too_many_arguments, reason = "a conflict has three sides")]
    fn conflict(
        &self,
        change: &Change,
        kind: Kind,
        key: &str,
        base: Option<&Resource>,
        ours: Option<&Resource>,
        theirs: Option<&Resource>,
        overlaps: Vec<String>,
    ) -> Refusal {
        let namespace = &*change.namespace;
        let what = format!("{} {namespace}/{key}", kind.word());
        let message = match (ours, theirs) {
            (_, None) => format!("{what} was deleted by somebody else since then"),
            (None, Some(_)) => {
                format!("{what} was changed by somebody else since then; look at it before it is deleted")
            }
            (Some(_), Some(_)) if overlaps.is_empty() => format!("{what} was changed by somebody else since then"),
            (Some(_), Some(_)) => format!("{what} was changed by somebody else since then: {}", overlaps.join(", ")),
        };
        Refusal::Conflict(Box::new(Conflict {
            message,
            namespace: namespace.to_owned(),
            kind: Some(kind),
            key: key.to_owned(),
            base: base.cloned(),
            ours: ours.cloned(),
            theirs: theirs.cloned(),
            overlaps,
            revision: theirs.map(resource::revision),
            commit: Arc::clone(self.seen.tip),
        }))
    }

    fn namespace_conflict(&self, key: &str, overlaps: Vec<String>) -> Refusal {
        let in_it = if overlaps.is_empty() { ", or something in it," } else { "" };
        let paths = if overlaps.is_empty() { String::new() } else { format!(": {}", overlaps.join(", ")) };
        Refusal::Conflict(Box::new(Conflict {
            message: format!("namespace {key}{in_it} was changed by somebody else since then{paths}"),
            namespace: key.to_owned(),
            kind: None,
            key: key.to_owned(),
            base: None,
            ours: None,
            theirs: None,
            overlaps,
            revision: None,
            commit: Arc::clone(self.seen.tip),
        }))
    }
}

/// The head of the namespace that a change is about.
fn own(namespace: &str, head: &Namespace) -> Result<Namespace, Refusal> {
    if head.key != namespace {
        return Err(invalid(format!("namespace \"{namespace}\" cannot become \"{}\"; keys are not changed", head.key)));
    }
    if !payload::is_key(namespace) {
        let what = "is no key; keys are made of ASCII letters, digits, \"-\", \"_\" and \",\"";
        return Err(invalid(format!("{namespace:?} {what}")));
    }
    let name = if head.name.is_empty() { head.key.clone() } else { head.name.clone() };
    if name.contains('\n') {
        return Err(invalid("name: the name has more than one line"));
    }
    Ok(Namespace { name, ..head.clone() })
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Invalid { message: message.into(), problems: Vec::new() }
}

fn unknown(kind: Kind, namespace: &str, key: &str) -> Refusal {
    Refusal::UnknownResource { kind, namespace: namespace.to_owned(), key: key.to_owned() }
}

fn nothing_left(namespace: &str) -> Written {
    Written { namespace: namespace.to_owned(), resource: None, revision: None, merged: false }
}
