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
use gix::hash::Kind;
use gix::progress::Discard;
use gix::protocol::fetch::negotiate::{Action, Round, one_round};
use gix::protocol::fetch::{Arguments, Context, Options, Response, Shallow, Tags};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::{Handshake, LsRefsCommand};
use gix_pack::bundle::write;
use gix_transport::Service;

use super::ahead::{self, Ahead};
use super::error::{chain, damaged, machine};
use super::mirror::{KEPT, Mirror, Owner, lock, set, tips};
use super::transport::{self, Address, Conversation, Patience, Pool, Start};
use super::tree::read;
use super::{Error, FetchRequest, Fetched, Moved, Remote, Renewed, place};
use crate::clock::{Clock as _, System};
use crate::limits;

/// How this client calls itself to Git servers; some of them look for `git/`.
const AGENT: (&str, Option<&str>) = ("agent", Some(concat!("git/yardarm-", env!("CARGO_PKG_VERSION"))));

fn agent() -> (&'static str, Option<String>) {
    (AGENT.0, AGENT.1.map(str::to_owned))
}

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
        let heads = heads?;
        if self.repository.load().as_ref().is_some_and(|repository| repository.objects.object_hash() != format) {
            *renewed = self.renew(Some(format!("its ids are not made as the remote makes them, by {format}")))?;
        }
        if self.repository.load().is_none() {
            self.repository.store(Some(Arc::new(place::create(&self.directory, &remote.url, format)?)));
        }
        let repository = self.reader()?.ok_or_else(|| Error::Local("the mirror is gone".to_owned()))?;

        let before = tips(&repository, "refs/heads/")?;
        let pack = bring(&mut conversation, &mut handshake, &repository, &heads, &before, patience)?;
        pool.learn(&conversation);
        conversation.finish();
        patience.check()?;

        let changed = changes(&before, &heads, &request.branches);
        if pack.is_some() {
            self.reopen()?;
        }
        let repository = self.reader()?.ok_or_else(|| Error::Local("the mirror is gone".to_owned()))?;
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

/// Says hello. The credential, if there is one, has been sent along: nothing is asked for twice.
pub(super) fn handshake(conversation: &mut Conversation) -> Result<Handshake, Error> {
    let handshake =
        gix::protocol::handshake(&mut conversation.wire, Service::UploadPack, |_| Ok(None), Vec::new(), &mut Discard);
    handshake.map_err(|error| conversation.explain(&error))
}

/// How the remote makes its ids.
fn format(handshake: &Handshake) -> Result<Kind, Error> {
    let named = handshake.capabilities.capability("object-format").and_then(|capability| capability.value());
    match named {
        None => Ok(Kind::Sha1),
        Some(name) if name == "sha1" => Ok(Kind::Sha1),
        Some(name) if name == "sha256" => Ok(Kind::Sha256),
        Some(name) => {
            let name: String = name.to_string().chars().filter(char::is_ascii_alphanumeric).take(32).collect();
            Err(Error::Protocol(format!("its object format \"{name}\" is not known here; sha1 and sha256 are")))
        }
    }
}

/// Whether a short name is one of the wanted ones: equal, or by the pattern's beginning.
fn matches(pattern: &str, branch: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => branch.len() > prefix.len() && branch.starts_with(prefix),
        None => branch == pattern,
    }
}

fn wanted(patterns: &[String], branch: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, branch))
}

/// Tips of the wanted branches. A branch that is asked for by its whole name must be there.
fn select(
    conversation: &mut Conversation,
    handshake: &mut Handshake,
    patterns: &[String],
) -> Result<BTreeMap<String, ObjectId>, Error> {
    let prefixes: Vec<&str> = patterns.iter().map(|pattern| pattern.trim_end_matches('*')).collect();
    let mut all = list(conversation, handshake, &prefixes)?;
    let missing = patterns.iter().find(|pattern| !pattern.ends_with('*') && !all.contains_key(*pattern));
    if let Some(branch) = missing {
        // Only now is it worth to ask what else there is.
        if handshake.refs.is_none() {
            all = list(conversation, handshake, &[""])?;
        }
        if all.is_empty() {
            return Err(Error::EmptyRemote);
        }
        return Err(Error::MissingBranch { branch: branch.clone(), similar: similar(branch, all.keys()) });
    }
    all.retain(|branch, _| wanted(patterns, branch));
    Ok(all)
}

/// Branches whose names begin with one of `prefixes`, and perhaps others.
fn list(
    conversation: &mut Conversation,
    handshake: &Handshake,
    prefixes: &[&str],
) -> Result<BTreeMap<String, ObjectId>, Error> {
    // Protocol versions 0 and 1 name all of them at once.
    let refs = if let Some(refs) = &handshake.refs {
        refs.clone()
    } else {
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.iter().map(|prefix| format!("refs/heads/{prefix}").into()));
        let command = LsRefsCommand::new(Some(wanted), &handshake.capabilities, agent());
        let listed = command.invoke_blocking(&mut conversation.wire, &mut Discard, false);
        listed.map_err(|error| conversation.explain(&error))?
    };
    let mut branches = BTreeMap::new();
    for found in &refs {
        let (Ref::Direct { full_ref_name: name, object }
        | Ref::Symbolic { full_ref_name: name, object, .. }
        | Ref::Peeled { full_ref_name: name, object, .. }) = found
        else {
            continue;
        };
        // A name that is none for Git is one that nobody can have meant.
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let Some(short) = name.strip_prefix("refs/heads/") else { continue };
        if gix::validate::reference::name(name.into()).is_ok() {
            branches.insert(short.to_owned(), *object);
        }
    }
    Ok(branches)
}

/// What somebody may have meant.
fn similar<'a>(branch: &str, all: impl Iterator<Item = &'a String>) -> Vec<String> {
    let all: Vec<&String> = all.collect();
    let few = all.len() <= 3;
    let mut near: Vec<(f64, &String)> =
        all.into_iter().map(|name| (strsim::jaro_winkler(branch, name), name)).collect();
    near.retain(|(likeness, _)| few || *likeness > 0.75);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
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

/// A pack that was written.
pub(super) struct Pack {
    bytes: u64,
    keep: Option<std::path::PathBuf>,
}

impl Pack {
    /// Lets it be joined with others, and says how large it is.
    fn settle(self) -> Result<u64, Error> {
        if let Some(keep) = self.keep {
            place::remove(&keep)?;
        }
        Ok(self.bytes)
    }
}

/// Fetches the tips that are not here, with everything they need. `None` if all of them are.
pub(super) fn bring(
    conversation: &mut Conversation,
    handshake: &mut Handshake,
    repository: &gix::Repository,
    heads: &BTreeMap<String, ObjectId>,
    before: &BTreeMap<String, ObjectId>,
    patience: &Patience,
) -> Result<Option<Pack>, Error> {
    let known = |id: &ObjectId| -> Result<bool, Error> {
        repository.try_find_header(*id).map(|header| header.is_some()).map_err(|error| damaged(&id.to_string(), &error))
    };
    let mut wants = Vec::new();
    for (branch, tip) in heads {
        if before.get(branch) != Some(tip) && !wants.contains(tip) && !known(tip)? {
            wants.push(*tip);
        }
    }
    if wants.is_empty() {
        return Ok(None);
    }
    let haves = haves(repository, before)?;
    let first = haves.is_empty();
    let mut negotiation = Negotiation { wants, haves };
    let mut written = None;
    let directory = place::pack_directory(repository.git_dir());
    let received = gix::protocol::fetch(
        &mut negotiation,
        |reader, progress, stop| {
            let outcome = gix_pack::Bundle::write_to_directory(
                reader,
                Some(&directory),
                progress,
                stop,
                // Packs of a fetch lean on objects that are here; they are completed with them.
                Some(Box::new((*repository.objects).clone())),
                repository.object_hash(),
                write::Options {
                    // The packs of a day are small; only the first one is worth every core.
                    thread_limit: (!first).then_some(1),
                    alloc_limit_bytes: Some(limits::GIT_OBJECT_BYTES),
                    ..write::Options::default()
                },
            )?;
            written = Some(outcome);
            Ok(true)
        },
        Discard,
        &patience.stop,
        Context { handshake, transport: &mut conversation.wire, user_agent: agent(), trace_packetlines: false },
        Options {
            shallow_file: repository.shallow_file().map_err(|error| Error::Local(chain(&error)))?,
            shallow: &Shallow::NoChange,
            tags: Tags::None,
            reject_shallow_remote: false,
        },
    );
    received.map_err(|error| {
        // A disk that is full is no fault of the remote.
        match machine(&error) {
            Some(io) => Error::Local(format!("the mirror cannot be written: {io}")),
            None => conversation.explain(&error),
        }
    })?;
    let outcome = written.ok_or_else(|| Error::Protocol("it sent no pack".to_owned()))?;
    let size = outcome.data_path.as_ref().and_then(|path| path.metadata().ok()).map_or(0, |file| file.len());
    Ok(Some(Pack { bytes: size, keep: outcome.keep_path }))
}

/// What we say that we have: every tip, and its ancestors at growing distance, because a remote whose branch was
/// rewritten may have thrown away the tip that we know.
fn haves(repository: &gix::Repository, before: &BTreeMap<String, ObjectId>) -> Result<Vec<ObjectId>, Error> {
    let kept = tips(repository, KEPT)?;
    let mut haves: Vec<ObjectId> = Vec::new();
    let mut starts: Vec<ObjectId> = before.values().chain(kept.values()).copied().collect();
    starts.sort();
    starts.dedup();
    haves.extend(starts.iter().take(limits::GIT_HAVES));
    for start in starts {
        let (mut at, mut distance, mut next) = (start, 0_u32, 1_u32);
        while haves.len() < limits::GIT_HAVES && next <= limits::GIT_HAVE_DISTANCE {
            let data = read(repository, at, gix::objs::Kind::Commit)?;
            let parent = gix::objs::CommitRefIter::from_bytes(&data, at.kind()).parent_ids().next();
            let Some(parent) = parent else { break };
            at = parent;
            distance += 1;
            if distance == next {
                if !haves.contains(&at) {
                    haves.push(at);
                }
                next = if next < 8 { next + 1 } else { next * 2 };
            }
        }
    }
    Ok(haves)
}

/// One round: what we want, what we have, and that this is all. The remote answers with the pack.
struct Negotiation {
    wants: Vec<ObjectId>,
    haves: Vec<ObjectId>,
}

impl gix::protocol::fetch::Negotiate for Negotiation {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        for want in &self.wants {
            arguments.want(want);
        }
        !self.wants.is_empty()
    }

    fn one_round(
        &mut self,
        _state: &mut one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::Result<(Round, bool)> {
        for have in &self.haves {
            arguments.have(have);
        }
        let round = Round {
            haves_sent: self.haves.len(),
            in_vain: 0,
            haves_to_send: 0,
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
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
    fn a_pattern_is_a_beginning_and_more() {
        assert!(matches("main", "main"));
        assert!(!matches("main", "maintenance"));
        assert!(matches("flipt/production/*", "flipt/production/new-pricing"));
        assert!(matches("flipt/production/*", "flipt/production/a/b"));
        assert!(!matches("flipt/production/*", "flipt/production/"));
        assert!(!matches("flipt/production/*", "flipt/staging/x"));
    }

    #[test]
    fn a_missing_branch_names_what_is_like_it() {
        let all = ["main", "develop", "release/1.0", "mian", "production"].map(str::to_owned);
        assert_eq!(similar("mains", all.iter()), ["main", "mian"]);
        assert!(similar("zzz", all.iter()).is_empty());
        assert_eq!(similar("main", ["master".to_owned()].iter()), ["master"]);
    }

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
