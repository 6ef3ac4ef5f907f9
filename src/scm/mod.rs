//! The way to the providers' APIs: for each environment whose `scm` can be used, a link, the API and the place.
//!
//! [`Link`] is the daemon's [`Ask`](crate::provider::api::Ask). It adds what no provider's file knows: the credential, a
//! deadline over the whole exchange, the bound of the answer, the pace that the provider wants, and what it answered
//! before (`ETag`). It keeps one rule: a request goes below the configured root and nowhere else, and no redirect is
//! followed, so a credential never leaves whom it was written for.
//!
//! Nobody waits here for a rate limit to end. While one is used up, every request is refused at once with the time to come
//! back; only a turn of a few seconds is waited for.

mod kept;
mod link;
mod links;
mod pace;
mod proof;

use std::time::Duration;

pub use link::{Background, Link};
pub use links::{Linked, Links, Target, place, target};

use crate::provider::Provider;

/// Who counts what is asked of providers.
pub trait Counts: Send + Sync {
    /// A request is over. `outcome` is a class of status (`2xx`), `304`, `unreachable`, `lost`, or `refused` for what our
    /// own pace did not let out.
    fn request(&self, provider: Provider, outcome: &'static str, took: Duration);

    /// What is left of the provider's rate limit.
    fn remaining(&self, provider: Provider, left: u64);
}

/// Nobody counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uncounted;

impl Counts for Uncounted {
    fn request(&self, _: Provider, _: &'static str, _: Duration) {}
    fn remaining(&self, _: Provider, _: u64) {}
}
