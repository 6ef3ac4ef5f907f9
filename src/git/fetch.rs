//! Bringing what is new.
//!
//! gix's own fetch is not used as a whole. It asks for capabilities each time, negotiates in rounds, never removes a
//! branch, and reports a reference that it refused to move as a success. What it is made of is used instead: the
//! handshake, the list of references, one request for a pack whose negotiation is over with its first line, and one
//! change of references that is read back and compared. Whoever has the remote's capabilities in memory and finds
//! nothing new has paid one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;

use super::ahead::{self, Ahead};
use super::error::damaged;
use super::list::{format, handshake, select, wanted};
use super::mirror::{Mirror, Owner, lock, set, tips};
use super::pack::bring;
use super::transport::{self, Address, Patience, Pool, Start};
use super::tree::read;
use super::{Error, FetchRequest, Fetched, Moved, Remote, Renewed, place};
use crate::clock::{Clock as _, System};
use crate::limits;

impl Mirror {
    /// Brings the wanted branches of the remote, follows forced moves, drops branches of a pattern that are gone.
    /// A mirror that a reader found damaged, or that is one of another remote, is moved aside and made anew first.
    ///
    /// # Errors
    /// See [`Error`]; the branches are as they were before. A wanted branch that is missing on the remote is
    /// [`Error::MissingBranch`] and brings nothing.
    pub fn fetch(&self, remote: &Remote, request: &FetchRequest, stop: &Arc<AtomicBool>) -> Result<Fetched, Error> {
        let mut pool = lock(&self.fetching);
        let mut patience = Patience::new(request.deadline, stop);
        patience.check()?;
        let address = Address::parse(&remote.url)?;
        if !self.is_ours() && !place::is_free(&self.directory)? {
            let text =
                format!("{} holds something that is no mirror of ours; give another path", self.directory.display());
            return Err(Error::Local(text));
        }
        let mut renewed = self.renew(self.reason_to_renew(remote))?;
        if renewed.is_some() {
            patience = again(request, stop);
        }
        let mut fetched = self.fetch_once(&mut pool, &address, remote, request, &patience, &mut renewed);
        let stale = |error: &Error| {
            matches!(error, Error::Refused(_) | Error::NotFound(_) | Error::Protocol(_) | Error::Unreachable(_))
        };
        // What was remembered from earlier may have gone stale: capabilities, a connection, a token.
        if fetched.as_ref().is_err_and(stale) && pool.forget() {
            fetched = self.fetch_once(&mut pool, &address, remote, request, &patience, &mut renewed);
        }
        if let Err(Error::Damaged(why)) = &fetched
            && renewed.is_none()
        {
            renewed = self.renew(Some(why.clone()))?;
            patience = again(request, stop);
            fetched = self.fetch_once(&mut pool, &address, remote, request, &patience, &mut renewed);
        }
        // Whoever runs the fetches joins packs when there is time; this is for when there never is.
        if place::indices(&self.directory)?.len() > limits::GIT_PACKS * 4
            && let Err(error) = self.compact(stop)
        {
            tracing::warn!(mirror = %self.directory.display(), %error, "packs could not be joined");
        }
        fetched.map(|fetched| Fetched { renewed, ..fetched })
    }

    /// Why the mirror cannot be fetched into as it is.
    fn reason_to_renew(&self, remote: &Remote) -> Option<String> {
        if let Some(why) = self.damage() {
            return Some(why);
        }
        let known = place::remote_of(&self.directory);
        if self.repository.load().is_some() && known.as_deref() != Some(&remote.url) {
            return Some("it is a mirror of another remote".to_owned());
        }
        None
    }

    /// Moves the mirror aside, if there is a reason and if it is there.
    fn renew(&self, reason: Option<String>) -> Result<Option<Renewed>, Error> {
        let Some(why) = reason else { return Ok(None) };
        if place::is_free(&self.directory)? || (self.owner == Owner::Operator && !self.is_ours()) {
            return Ok(None);
        }
        // Readers find nothing until the fetch is done, and not half a mirror.
        self.repository.store(None);
        lock(&self.adopted).begin();
        let to = place::quarantine(&self.directory)?;
        Ok(Some(Renewed { to, why }))
    }

    fn fetch_once(
        &self,
        pool: &mut Pool,
        address: &Address,
        remote: &Remote,
        request: &FetchRequest,
        patience: &Patience,
        renewed: &mut Option<Renewed>,
    ) -> Result<Fetched, Error> {
        let begun = lock(&self.adopted).begin();
        let mut ahead = None;
        let mut conversation = match address {
            Address::Http(url) => {
                let start = pool.start(url, remote, patience, System.now())?;
                ahead = self.ahead(&start, request)?;
                start.converse(patience)?
            }
            Address::Path(path) => transport::local(path, patience)?,
            Address::Ssh(place) => {
                let scratch = place::beside(&self.directory, "ssh");
                transport::over_ssh(place, remote.credential.as_ref(), &scratch, patience)?
            }
        };
        let mut handshake = handshake(&mut conversation)?;
        let format = format(&handshake)?;
        let list = || select(&mut conversation, &mut handshake, &request.branches);
        let (heads, early) = ahead::beside(ahead, patience, list);
        let mut pack_bytes = 0;
        if let Some(pack) = early {
            self.reopen()?;
            pack_bytes += pack.settle()?;
        }
        let heads = match heads {
            // It has no commit that we want, but is there: what is written to it needs a place and the form of its ids.
            Err(error @ (Error::EmptyRemote | Error::MissingBranch { .. })) if self.repository.load().is_none() => {
                self.repository.store(Some(Arc::new(place::create(&self.directory, &remote.url, format)?)));
                return Err(error);
            }
            heads => heads?,
        };
        if self.repository.load().as_ref().is_some_and(|repository| repository.objects.object_hash() != format) {
            *renewed = self.renew(Some(format!("its ids are not made as the remote makes them, by {format}")))?;
        }
        if self.repository.load().is_none() {
            self.repository.store(Some(Arc::new(place::create(&self.directory, &remote.url, format)?)));
        }
        let repository = self.reader()?.ok_or_else(|| Error::Local("the mirror is gone".to_owned()))?;

        let mut heads = heads;
        let before = tips(&repository, "refs/heads/")?;
        let pack = bring(&mut conversation, &mut handshake, &repository, &heads, &before, patience)?;
        pool.learn(&conversation);
        conversation.finish();
        patience.check()?;

        if pack.is_some() {
            self.reopen()?;
        }
        let repository = self.reader()?.ok_or_else(|| Error::Local("the mirror is gone".to_owned()))?;
        // From here to the end only this machine is asked. What our own pushes have done to a branch since the remote
        // was asked is newer than its answer.
        let adopted = lock(&self.adopted);
        let before = tips(&repository, "refs/heads/")?;
        let ours = |branch: &String| adopted.since(begun, branch);
        heads.retain(|branch, _| !ours(branch));
        let own = before.iter().filter(|(branch, _)| ours(branch) && wanted(&request.branches, branch));
        heads.extend(own.map(|(branch, tip)| (branch.clone(), *tip)));
        let changed = changes(&before, &heads, &request.branches);
        for (branch, tip) in &heads {
            if before.get(branch) != Some(tip) {
                read(&repository, *tip, gix::objs::Kind::Commit).map_err(|error| {
                    Error::Protocol(format!("it did not send commit {tip} of branch \"{branch}\": {error}"))
                })?;
            }
        }
        let mut moved = Vec::with_capacity(changed.len());
        for (branch, new) in &changed {
            let old = before.get(branch).copied();
            let forced = match (old, new) {
                (Some(old), Some(new)) => !contains(&repository, *new, old)?,
                _ => false,
            };
            let hex = |id: &ObjectId| id.to_string();
            moved.push(Moved {
                branch: branch.clone(),
                old: old.as_ref().map(hex),
                new: new.as_ref().map(hex),
                forced,
            });
        }
        let targets = changed.into_iter().map(|(branch, id)| (format!("refs/heads/{branch}"), id));
        set(&repository, targets.collect())?;
        agree(&repository, &heads)?;
        drop(adopted);
        if let Some(pack) = pack {
            pack_bytes += pack.settle()?;
        }
        let expected_found = match &request.expected {
            Some(expected) => Some(is_on(&repository, expected, &heads)?),
            None => None,
        };
        let heads = heads.into_iter().map(|(branch, id)| (branch, id.to_string())).collect();
        Ok(Fetched { heads, moved, pack_bytes, expected_found, renewed: None })
    }
}

impl Mirror {
    /// What can be fetched while the remote is asked for its branches: an announced commit that is not here yet, from a
    /// remote whose capabilities are known.
    fn ahead(&self, start: &Start, request: &FetchRequest) -> Result<Option<Ahead>, Error> {
        let announced = request.expected.as_deref().and_then(|commit| ObjectId::from_hex(commit.as_bytes()).ok());
        let (Some(commit), Some(repository), true) = (announced, self.repository.load_full(), start.is_warm()) else {
            return Ok(None);
        };
        let local = repository.to_thread_local();
        let before = tips(&local, "refs/heads/")?;
        if before.is_empty() || commit.kind() != local.object_hash() || local.has_object(commit) {
            return Ok(None);
        }
        Ok(Some(Ahead { commit, before, repository, start: start.clone() }))
    }
}

/// Everything has to come again, which takes the time of a first clone whatever the caller expected.
fn again(request: &FetchRequest, stop: &Arc<AtomicBool>) -> Patience {
    Patience::new(request.deadline.max(limits::GIT_CLONE_DEADLINE), stop)
}

/// What has to change: branch -> where it goes, `None` if it is gone. Only branches of a pattern can go.
fn changes(
    before: &BTreeMap<String, ObjectId>,
    after: &BTreeMap<String, ObjectId>,
    patterns: &[String],
) -> BTreeMap<String, Option<ObjectId>> {
    let moved = after.iter().filter(|(branch, tip)| before.get(*branch) != Some(tip));
    let gone = before.keys().filter(|branch| !after.contains_key(*branch) && wanted(patterns, branch));
    let moved = moved.map(|(branch, tip)| (branch.clone(), Some(*tip)));
    moved.chain(gone.map(|branch| (branch.clone(), None))).collect()
}

/// Whether `ancestor` is in the history of `tip`.
fn contains(repository: &gix::Repository, tip: ObjectId, ancestor: ObjectId) -> Result<bool, Error> {
    if tip == ancestor {
        return Ok(true);
    }
    let base = repository.merge_base(ancestor, tip).map_err(|error| damaged("its history", &error))?;
    Ok(base.is_some_and(|base| base == ancestor))
}

/// Whether a commit that was announced is on one of the branches. What is announced is a hint and may be anything.
fn is_on(repository: &gix::Repository, commit: &str, heads: &BTreeMap<String, ObjectId>) -> Result<bool, Error> {
    let Ok(id) = ObjectId::from_hex(commit.as_bytes()) else { return Ok(false) };
    if heads.values().any(|tip| *tip == id) {
        return Ok(true);
    }
    if id.kind() != repository.object_hash() || repository.find_commit(id).is_err() {
        return Ok(false);
    }
    for tip in heads.values() {
        if contains(repository, *tip, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A reference that did not move is a failure, however quietly it stayed.
fn agree(repository: &gix::Repository, heads: &BTreeMap<String, ObjectId>) -> Result<(), Error> {
    let now = tips(repository, "refs/heads/")?;
    match heads.iter().find(|(branch, tip)| now.get(*branch) != Some(tip)) {
        None => Ok(()),
        Some((branch, tip)) => Err(Error::Local(format!("branch \"{branch}\" did not move to {tip}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_branches_of_a_pattern_can_go() {
        let id = |letter: char| ObjectId::from_hex(letter.to_string().repeat(40).as_bytes()).unwrap();
        let before = BTreeMap::from([
            ("main".to_owned(), id('1')),
            ("flipt/a/x".to_owned(), id('2')),
            ("other".to_owned(), id('3')),
        ]);
        let after = BTreeMap::from([("main".to_owned(), id('4')), ("flipt/a/y".to_owned(), id('5'))]);
        let patterns = ["main".to_owned(), "flipt/a/*".to_owned()];
        let changed = changes(&before, &after, &patterns);
        let expected = BTreeMap::from([
            ("flipt/a/x".to_owned(), None),
            ("flipt/a/y".to_owned(), Some(id('5'))),
            ("main".to_owned(), Some(id('4'))),
        ]);
        assert_eq!(changed, expected);
    }
}
