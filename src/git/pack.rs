//! The pack of a fetch: what is asked for, in one round, and how it comes to the disk.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::progress::Discard;
use gix::protocol::Handshake;
use gix::protocol::fetch::negotiate::{Action, Round, one_round};
use gix::protocol::fetch::{Arguments, Context, Options, Response, Shallow, Tags};
use gix_pack::bundle::write;

use super::error::{chain, damaged, machine};
use super::list::agent;
use super::mirror::{KEPT, tips};
use super::transport::{Conversation, Patience};
use super::tree::read;
use super::{Error, place};
use crate::limits;

/// A pack that was written.
pub(super) struct Pack {
    bytes: u64,
    keep: Option<std::path::PathBuf>,
}

impl Pack {
    /// Lets it be joined with others, and says how large it is.
    pub(super) fn settle(self) -> Result<u64, Error> {
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
