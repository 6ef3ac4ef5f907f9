//! Fetching an announced commit while the remote is still being asked where its branches are.
//!
//! A fetch is two questions, one after the other: where are the branches, and give me what is new. A webhook has told
//! what the second answer will probably be about, so both are asked at once, on two connections, and a push is here
//! after one round trip. The announcement stays a hint: the pack only lies in the mirror, and no branch moves but to
//! where the remote's own list says it is. If the list does not name the commit, the second conversation is ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::{ObjectId, ThreadSafeRepository};

use super::Error;
use super::list::handshake;
use super::pack::{Pack, bring};
use super::transport::{Patience, Start};

/// What is to be fetched on the side.
pub(super) struct Ahead {
    /// The announced commit, which is not here yet.
    pub(super) commit: ObjectId,
    /// Tips of the mirrored branches.
    pub(super) before: BTreeMap<String, ObjectId>,
    /// Where it goes.
    pub(super) repository: Arc<ThreadSafeRepository>,
    /// A conversation to be had.
    pub(super) start: Start,
}

/// Asks where the branches are, and brings the announced commit at the same time. A pack that has come is
/// answered whatever the list says: it has to be settled.
pub(super) fn beside(
    ahead: Option<Ahead>,
    patience: &Patience,
    list: impl FnOnce() -> Result<BTreeMap<String, ObjectId>, Error>,
) -> (Result<BTreeMap<String, ObjectId>, Error>, Option<Pack>) {
    let Some(ahead) = ahead else { return (list(), None) };
    let given_up = Arc::new(AtomicBool::new(false));
    let patience = Patience { stop: given_up.clone(), ..patience.clone() };
    let commit = ahead.commit;
    std::thread::scope(|scope| {
        let side = scope.spawn(move || fetch(&ahead, &patience));
        let heads = list();
        let named = heads.as_ref().is_ok_and(|heads| heads.values().any(|tip| *tip == commit));
        given_up.store(!named, Ordering::Relaxed);
        // What went wrong here goes wrong again, and is told, when it is asked for in order.
        let pack = side.join().ok().and_then(Result::ok).flatten();
        (heads, pack)
    })
}

fn fetch(ahead: &Ahead, patience: &Patience) -> Result<Option<Pack>, Error> {
    let mut conversation = ahead.start.converse(patience)?;
    let mut handshake = handshake(&mut conversation)?;
    let repository = ahead.repository.to_thread_local();
    let wanted = BTreeMap::from([(String::new(), ahead.commit)]);
    let pack = bring(&mut conversation, &mut handshake, &repository, &wanted, &ahead.before, patience)?;
    conversation.finish();
    Ok(pack)
}
