//! Moving a branch of the remote: a compare-and-swap that the server checks.
//!
//! gix does not push, so this is a `send-pack` of our own over the transports of the fetch: what the server says first,
//! one command and a pack, the report. The old id goes along, and it is the server that compares it, under its own lock:
//! whoever pushes in between makes us lose, and nothing is overwritten. That the new commit stands on the old one is
//! checked here, because no server has to.
//!
//! What a failure leaves behind is told apart by when it came: before the request left, nothing has happened; after it
//! and without a report, nobody knows ([`PushError::Unknown`]). A push shares neither connections nor locks with
//! a fetch, so one that hangs does not hold up the other.

mod by_program;
mod outgoing;
mod rejection;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gix::ObjectId;

use self::rejection::Complaint;
use self::wire::{Advertisement, Answer, Verdict};
use super::error::damaged;
use super::mirror::{compare_and_set, lock, tips};
use super::transport::{self, Address, Errand, Lost, Patience};
use super::{Error, Mirror, Remote, list, place};
use crate::clock::{Clock as _, System};
use crate::config::PushWith;

/// One branch to be moved, made or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Short name.
    pub branch: String,
    /// Where it has to be, hex; `None`: it must not be there yet. Sent with the push and checked by the server.
    pub old: Option<String>,
    /// Where it goes, hex; `None`: it goes away.
    pub new: Option<String>,
    /// The branch may go where its old commit is not in the history: it was made anew on top of something else. Only
    /// a branch below [`OURS`] can; the old id is checked as ever, so nobody's commit gets lost that was not seen.
    pub rewrites: bool,
    /// Total time for the whole conversation.
    pub deadline: Duration,
}

/// Where the branches of branch environments are: no other branch is ever made to forget a commit.
pub const OURS: &str = "flipt/";

/// Why a push did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The branch is elsewhere. Nothing was changed.
    #[error("the branch has moved")]
    Stale {
        /// Where, if the server said so.
        actual: Option<String>,
    },
    /// The server understood and said no. Nothing was changed.
    #[error("{0}")]
    Rejected(Rejection),
    /// It failed before anything could have been changed.
    #[error(transparent)]
    Failed(Error),
    /// The connection was lost after the push was sent: nobody knows. Look at the branch before anything else.
    #[error("the outcome of the push is not known: {0}")]
    Unknown(Error),
}

/// A push that the server refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Of which sort.
    pub kind: RejectionKind,
    /// For the caller: what the server said, and what to do.
    pub message: String,
}

/// Sorts of refusals, told apart by what providers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// The branch is protected.
    Protected,
    /// A hook or a rule of the repository refused it.
    Hook,
    /// The repository or the account is full, or the push is too large.
    Quota,
    /// The credential may read and not write.
    Permission,
    /// The repository takes no pushes: archived, a mirror, in maintenance.
    ReadOnly,
    /// Something else.
    Other,
}

impl From<Error> for PushError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A push whose values have been looked at.
struct Checked {
    reference: String,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    repository: gix::Repository,
}

impl Mirror {
    /// Moves, makes or removes a branch of the remote, if it is where `push.old` says. The mirror's own branch stays
    /// where it is until [`Mirror::adopt`].
    ///
    /// # Errors
    /// See [`PushError`]: it says what is known about the remote afterwards.
    pub fn push(&self, remote: &Remote, push: &Push, with: PushWith, stop: &Arc<AtomicBool>) -> Result<(), PushError> {
        let patience = Patience::new(push.deadline, stop);
        let checked = self.checked(push)?;
        let address = Address::parse(&remote.url)?;
        if with == PushWith::Git {
            return by_program::push(self, &address, remote, &checked, &patience);
        }
        let scratch = place::beside(&self.directory, "ssh");
        let mut errand = match &address {
            Address::Http(url) => {
                // Held by one push at a time; no fetch and no reader wants it.
                let mut pool = lock(&self.pushing);
                let mut errand = pool.start(url, remote, &patience, System.now())?.errand(&patience);
                let mut server = greet(&mut errand);
                // What was remembered from earlier may have gone stale: a connection, a token.
                if server.as_ref().is_err_and(is_perhaps_stale) && pool.forget() {
                    errand = pool.start(url, remote, &patience, System.now())?.errand(&patience);
                    server = greet(&mut errand);
                }
                let server = server?;
                let done = send(errand, &server, &checked, &patience);
                if done.is_ok() {
                    pool.warmed();
                }
                return done;
            }
            Address::Path(path) => transport::push_local(path, false, &patience)?,
            Address::Ssh(place) => transport::push_over_ssh(place, remote.credential.as_ref(), &scratch, &patience)?,
        };
        let server = greet(&mut errand)?;
        send(errand, &server, &checked, &patience)
    }

    /// [`Mirror::push`] for a repository that is no mirror, but the place itself. In one of the operator's the branch
    /// moves as if somebody had pushed to it, with its hooks; the files of a work tree follow if they are as they were
    /// committed, and are not touched if they are not: then nothing moves. In one of ours only the reference moves.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn advance(&self, push: &Push, stop: &Arc<AtomicBool>) -> Result<(), PushError> {
        let patience = Patience::new(push.deadline, stop);
        let checked = self.checked(push)?;
        if self.is_ours() {
            let moved = compare_and_set(&checked.repository, checked.reference.clone(), checked.old, checked.new);
            return moved.map_err(|error| {
                let at = self.heads().ok().and_then(|heads| heads.get(&push.branch).cloned());
                if at == push.old { PushError::Failed(error) } else { PushError::Stale { actual: at } }
            });
        }
        let mut errand = transport::push_local(&self.directory, true, &patience)?;
        let server = greet(&mut errand)?;
        send(errand, &server, &checked, &patience)
    }

    fn checked(&self, push: &Push) -> Result<Checked, Error> {
        let reference = format!("refs/heads/{}", push.branch);
        gix::validate::reference::name(reference.as_str().into())
            .map_err(|_| Error::Bug(format!("{:?} is no name of a branch", push.branch)))?;
        let repository = self.reader()?.ok_or_else(|| Error::UnknownCommit("of an empty repository".to_owned()))?;
        let id = |hex: &Option<String>| match hex {
            None => Ok(None),
            Some(hex) => ObjectId::from_hex(hex.as_bytes())
                .ok()
                .filter(|id| id.kind() == repository.object_hash() && !id.is_null())
                .map(Some)
                .ok_or_else(|| Error::UnknownCommit(hex.clone())),
        };
        let (old, new) = (id(&push.old)?, id(&push.new)?);
        match (old, new) {
            (None, None) => return Err(Error::Bug("a push from nothing to nothing".to_owned())),
            (Some(old), Some(new)) => {
                self.root(&old.to_string())?;
                self.root(&new.to_string())?;
                let base = repository.merge_base(old, new).map_err(|error| damaged("its history", &error))?;
                if push.rewrites {
                    if !push.branch.starts_with(OURS) {
                        return Err(Error::Bug(format!("{:?} is no branch that may be rewritten", push.branch)));
                    }
                } else if base.is_none_or(|base| base != old) {
                    return Err(Error::Bug(format!("{new} does not stand on {old}, which it would overwrite")));
                }
            }
            (None, Some(new)) => drop(self.root(&new.to_string())?),
            (Some(_), None) => {}
        }
        Ok(Checked { reference, old, new, repository })
    }
}

/// Hears what the server says first. Nothing has been sent yet.
fn greet(errand: &mut Errand) -> Result<Advertisement, PushError> {
    let said = errand.advertisement(&wire::is_whole);
    match said {
        Ok(bytes) => match wire::advertisement(&bytes) {
            Ok(server) => Ok(server),
            Err(why) => Err(Error::Protocol(why).into()),
        },
        Err(error) => Err(refused(errand, error)),
    }
}

fn is_perhaps_stale(error: &PushError) -> bool {
    matches!(
        error,
        PushError::Rejected(_) | PushError::Failed(Error::NotFound(_) | Error::Protocol(_) | Error::Unreachable(_))
    )
}

/// A failure before anything was sent, or one that the server answered in so many words.
fn refused(errand: &mut Errand, error: Error) -> PushError {
    let (status, said) = errand.said();
    match (status, &error) {
        // A gate, or what `ssh` and the program at its other end say.
        (Some(401 | 403 | 404 | 410 | 413), _) | (None, Error::Refused(_)) => {
            rejection::explain(&Complaint { reason: "", said: &said, status })
        }
        (None, Error::Unreachable(_)) if !said.trim().is_empty() => {
            match rejection::explain(&Complaint { reason: "", said: &said, status }) {
                PushError::Rejected(told) if told.kind != RejectionKind::Other => PushError::Rejected(told),
                _ => PushError::Failed(error),
            }
        }
        _ => PushError::Failed(error),
    }
}

/// Commits that the server has, as far as they are here. Of a branch that has moved on there it has what it had when we
/// fetched; should it have thrown that away, it says that objects are missing, and takes nothing.
fn known(repository: &gix::Repository, server: &Advertisement) -> Result<Vec<ObjectId>, Error> {
    let ours = tips(repository, "refs/heads/")?;
    let mut quiet = repository.clone();
    // Thousands of references that are not here are not looked for on the disk again and again.
    quiet.objects.refresh_never();
    let here = |id: &ObjectId| quiet.find_commit(*id).is_ok();
    let mut known: Vec<ObjectId> = server.have.iter().copied().filter(here).collect();
    for (name, id) in &server.references {
        let before = name.strip_prefix("refs/heads/").and_then(|branch| ours.get(branch)).copied();
        known.extend(if here(id) { Some(*id) } else { before });
    }
    known.sort_unstable();
    known.dedup();
    Ok(known)
}

/// Asks for the change and hears what became of it.
fn send(mut errand: Errand, server: &Advertisement, push: &Checked, patience: &Patience) -> Result<(), PushError> {
    let Checked { reference, old, new, repository } = push;
    if server.format != repository.object_hash() {
        let text = format!("its ids are made by {} and not by {}", server.format, repository.object_hash());
        return Err(Error::Protocol(text).into());
    }
    if !server.can("report-status") {
        return Err(Error::Protocol("it does not report what becomes of a push".to_owned()).into());
    }
    let there = server.references.get(reference);
    if there != old.as_ref() {
        return Err(PushError::Stale { actual: there.map(ToString::to_string) });
    }
    if new.is_none() && !server.can("delete-refs") {
        return Err(rejection::explain(&Complaint { reason: "deletion prohibited", ..Complaint::default() }));
    }
    let mut request = wire::command(reference, *old, *new, server, list::AGENT);
    if let Some(new) = new {
        let known = known(repository, server)?;
        request.extend_from_slice(&outgoing::pack(repository, *new, known, patience)?);
    }
    let mut answer = Answer::new(server);
    let delivered = errand.deliver(request, &mut |bytes| {
        answer.take(bytes)?;
        Ok(answer.is_over())
    });
    match (answer.verdict(reference), delivered) {
        (Some(Verdict::Done), _) => Ok(()),
        (Some(Verdict::Refused(reason)), _) => {
            Err(rejection::explain(&Complaint { reason: &reason, said: &answer.said(), status: None }))
        }
        (None, Err(Lost { error, sent: false })) => Err(refused(&mut errand, error)),
        (None, Err(Lost { error, sent: true })) => Err(PushError::Unknown(error)),
        (None, Ok(())) => {
            let why = "it ended without saying what became of the push".to_owned();
            Err(PushError::Unknown(Error::Protocol(why)))
        }
    }
}
