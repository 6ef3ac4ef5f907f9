//! What a caller had seen when it made up its mind, and whether that still holds.
//!
//! A revision is the id of a resource's content, or a commit of the branch. What is no hex, empty, or all zeros says
//! nothing, as in Flipt. A commit is compared by what is declared there: another commit in between that left the
//! resource alone is no conflict.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::Draft;
use super::{Change, Look, Refusal, What};
use crate::flags::resource::view::View;
use crate::flags::resource::{self, Kind, Resource};

/// The preconditions of a request.
pub(super) struct Seen<'p> {
    pub(super) tip: &'p Arc<str>,
    request: Option<String>,
    look: &'p dyn Look,
    /// Commits that were asked for: fifty changes name the same one.
    views: RefCell<BTreeMap<String, Option<Arc<View>>>>,
}

/// A resource as its caller had seen it.
pub(super) enum Base {
    /// As it is now, or the caller does not mind.
    Fresh,
    /// This, or not there.
    Was(Option<Box<Resource>>),
    /// The revision is not known any more, or never was.
    Unknown,
}

impl Base {
    pub(super) fn known(&self) -> Option<&Resource> {
        match self {
            Self::Was(Some(resource)) => Some(resource),
            Self::Was(None) | Self::Unknown | Self::Fresh => None,
        }
    }
}

/// A whole state as its caller had seen it.
pub(super) enum Then {
    /// It is the tip, or the caller does not mind.
    Now,
    /// This.
    Was(Arc<View>),
    /// It is not known any more, or never was.
    Unknown,
}

impl Then {
    pub(super) fn view(&self) -> Option<&View> {
        match self {
            Self::Was(view) => Some(view),
            Self::Now | Self::Unknown => None,
        }
    }
}

/// A revision that says something, in lower case.
fn meant(revision: Option<&str>) -> Option<String> {
    let text = revision?.trim();
    let says = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0');
    says.then(|| text.to_ascii_lowercase())
}

impl<'p> Seen<'p> {
    pub(super) fn new(tip: &'p Arc<str>, request: Option<&str>, look: &'p dyn Look) -> Self {
        Self { tip, request: meant(request), look, views: RefCell::default() }
    }

    fn revision(&self, change: &Change) -> Option<String> {
        let revision = meant(change.revision.as_deref()).or_else(|| self.request.clone());
        revision.filter(|revision| **revision != **self.tip)
    }

    fn at(&self, commit: &str) -> Result<Option<Arc<View>>, Refusal> {
        if let Some(known) = self.views.borrow().get(commit) {
            return Ok(known.clone());
        }
        let view = self.look.at(commit)?;
        self.views.borrow_mut().insert(commit.to_owned(), view.clone());
        Ok(view)
    }

    /// What the caller of a change had seen of its resource. What an earlier change of the same request has made is not
    /// asked about.
    pub(super) fn resource(
        &self,
        change: &Change,
        draft: &Draft<'_>,
        kind: Kind,
        key: &str,
        current: Option<&Resource>,
    ) -> Result<Base, Refusal> {
        let Some(revision) = self.revision(change) else { return Ok(Base::Fresh) };
        let namespace = &*change.namespace;
        // What is to be created, and is not there, can overwrite nobody.
        let creates = current.is_none() && matches!(change.what, What::Create(_));
        if creates || draft.touched(namespace, kind, key) || current.is_some_and(|c| resource::revision(c) == revision)
        {
            return Ok(Base::Fresh);
        }
        let Some(view) = self.at(&revision)? else {
            let earlier = self.look.earlier(namespace, kind, key, &revision)?;
            return Ok(earlier.map_or(Base::Unknown, |base| Base::Was(Some(Box::new(base)))));
        };
        let base = view.get(namespace, kind, key);
        Ok(if base.as_ref() == current { Base::Fresh } else { Base::Was(base.map(Box::new)) })
    }

    /// The state that the caller of a change had seen.
    pub(super) fn namespace(&self, change: &Change, draft: &Draft<'_>) -> Result<Then, Refusal> {
        match self.revision(change) {
            Some(revision) if !draft.touched_namespace(&change.namespace) => {
                Ok(self.at(&revision)?.map_or(Then::Unknown, Then::Was))
            }
            _ => Ok(Then::Now),
        }
    }
}
