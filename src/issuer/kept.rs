//! Verdicts that are kept: who a token spoke for when it was judged last.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::auth::jwt::KeySet;
use crate::limits;

/// Stands for a token: the hash of its whole text.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// Good tokens, of one set of keys.
#[derive(Debug, Default)]
pub(super) struct Kept(RwLock<Verdicts>);

#[derive(Debug, Default)]
struct Verdicts {
    /// The keys that gave them; others may think otherwise.
    keys: Option<Arc<KeySet>>,
    by_token: HashMap<Digest, Verdict>,
}

#[derive(Debug)]
struct Verdict {
    from: Option<Timestamp>,
    until: Timestamp,
    caller: Arc<Caller>,
}

impl Kept {
    pub(super) fn get(&self, digest: &Digest, keys: &Arc<KeySet>, now: Timestamp) -> Option<Arc<Caller>> {
        let verdicts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !verdicts.keys.as_ref().is_some_and(|of| Arc::ptr_eq(of, keys)) {
            return None;
        }
        let verdict = verdicts.by_token.get(digest)?;
        let holds = now < verdict.until && verdict.from.is_none_or(|from| now >= from);
        holds.then(|| verdict.caller.clone())
    }

    pub(super) fn put(
        &self,
        digest: Digest,
        keys: &Arc<KeySet>,
        (from, until): (Option<Timestamp>, Timestamp),
        caller: Arc<Caller>,
    ) {
        let mut verdicts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let same = verdicts.keys.as_ref().is_some_and(|of| Arc::ptr_eq(of, keys));
        if !same || verdicts.by_token.len() >= limits::JWT_KEPT {
            verdicts.by_token.clear();
            verdicts.keys = Some(keys.clone());
        }
        verdicts.by_token.insert(digest, Verdict { from, until, caller });
    }
}
