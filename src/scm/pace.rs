//! How fast one credential may ask one provider, as far as arithmetic goes: no clock, no lock, no socket.
//!
//! Three things hold a request back. What the provider said: a limit that is used up, or a time to come back, which can
//! stand on a success too (Azure DevOps). How many are under way. And on GitHub how fast things are made, which it
//! punishes without announcing it (docs.github.com, "About secondary rate limits"). What runs by itself leaves a part of
//! the limit to whoever waits for an answer.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::provider::Provider;
use crate::provider::api::{Answer, Failure};
use crate::{limits, net};

/// What kind of request wants out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// It changes something.
    pub(super) changes: bool,
    /// Nobody waits for it.
    pub(super) background: bool,
    /// Which limit of the provider counts it.
    pub(super) lane: Lane,
}

/// GitHub counts REST and GraphQL apart; the others have one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Rest,
    Graphql,
}

/// Whether a request may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now.
    Go,
    /// When one that is under way has ended.
    Full,
    /// After this, which is a matter of seconds.
    Soon(Duration),
    /// It is not to be waited for.
    Later(Duration, String),
}

/// What an answer says about the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) limit: Option<u64>,
    pub(super) left: Option<u64>,
    pub(super) ends: Option<Timestamp>,
    /// `Retry-After`.
    pub(super) after: Option<Duration>,
    /// Bitbucket Cloud: less than a fifth is left.
    pub(super) near: bool,
}

/// A part of a window of the provider's.
#[derive(Debug, Clone, Copy)]
struct Window {
    limit: Option<u64>,
    left: u64,
    ends: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    most: f64,
    a_second: f64,
    full: f64,
    at: Timestamp,
}

impl Bucket {
    fn new((most, a_second): (f64, f64), at: Timestamp) -> Self {
        Self { most, a_second, full: most, at }
    }

    /// How long until one may be taken.
    fn wait(&mut self, now: Timestamp) -> Duration {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.full = passed.mul_add(self.a_second, self.full).min(self.most);
        self.at = now;
        if self.full >= 1.0 {
            Duration::ZERO
        } else {
            Duration::try_from_secs_f64((1.0 - self.full) / self.a_second).unwrap_or(limits::PROVIDER_PAUSE)
        }
    }
}

/// The pace of one credential at one provider.
#[derive(Debug)]
pub(super) struct Pace {
    rest: Option<Window>,
    graphql: Option<Window>,
    hold: Option<(Timestamp, String)>,
    near_until: Option<Timestamp>,
    /// Holds in a row whose length the provider did not say.
    strikes: u32,
    under_way: usize,
    buckets: Vec<Bucket>,
}

impl Pace {
    pub(super) fn new(provider: Provider, now: Timestamp) -> Self {
        let buckets = match provider {
            Provider::Github => [limits::PROVIDER_CHANGES, limits::PROVIDER_CHANGES_LONG].to_vec(),
            _ => Vec::new(),
        };
        Self {
            rest: None,
            graphql: None,
            hold: None,
            near_until: None,
            strikes: 0,
            under_way: 0,
            buckets: buckets.into_iter().map(|size| Bucket::new(size, now)).collect(),
        }
    }

    /// Asks for a turn; one that may go counts as under way until [`Self::leave`].
    pub(super) fn enter(&mut self, wish: Wish, now: Timestamp) -> Turn {
        let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        if let Some((at, why)) = &self.hold {
            if *at > now {
                return Turn::Later(until(*at), why.clone());
            }
            self.hold = None;
        }
        if let Some(at) = self.near_until.filter(|at| *at > now && wish.background) {
            return Turn::Later(until(at), "the provider says that its rate limit is nearly used up".to_owned());
        }
        let window = self.window(wish.lane);
        *window = window.filter(|window| window.ends > now);
        if let Some(window) = window {
            let reserve = if wish.background { reserve(window.limit) } else { 0 };
            if window.left <= reserve {
                let what = if window.left == 0 { "is used up" } else { "is left to people" };
                return Turn::Later(until(window.ends), format!("its rate limit {what} until {}", window.ends));
            }
        }
        // A slow provider and much to look through must not keep people out.
        let most = if wish.background { limits::PROVIDER_AT_ONCE / 2 } else { limits::PROVIDER_AT_ONCE };
        if self.under_way >= most {
            return Turn::Full;
        }
        if wish.changes {
            let wait = self.buckets.iter_mut().map(|bucket| bucket.wait(now)).max().unwrap_or_default();
            if wait > limits::PROVIDER_TURN {
                return Turn::Later(wait, "it takes only so many changes a minute and an hour".to_owned());
            }
            if !wait.is_zero() {
                return Turn::Soon(wait);
            }
            for bucket in &mut self.buckets {
                bucket.full -= 1.0;
            }
        }
        self.under_way += 1;
        if let Some(window) = self.window(wish.lane) {
            window.left = window.left.saturating_sub(1);
        }
        Turn::Go
    }

    /// One that was under way has ended.
    pub(super) fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Takes over what an answer says. `failure` is what it means at every provider.
    pub(super) fn hear(&mut self, lane: Lane, heard: Heard, failure: Option<&Failure>, now: Timestamp) {
        let alone = self.under_way == 0;
        if let (Some(left), Some(ends)) = (heard.left, heard.ends) {
            let window = self.window(lane);
            // Answers overtake one another: within a window the least counts, unless it is the only one.
            let left = match window {
                Some(known) if !alone && ends.duration_since(known.ends).abs() <= SignedDuration::from_secs(1) => {
                    left.min(known.left)
                }
                _ => left,
            };
            *window = Some(Window { limit: heard.limit, left, ends: ends.max(now) });
        }
        if heard.near {
            self.near_until = now.checked_add(limits::PROVIDER_PAUSE).ok();
        }
        let (after, why) = if let Some(Failure::Wait { after, why }) = failure {
            let said = heard.after.is_some() || heard.left == Some(0);
            self.strikes = if said { 0 } else { self.strikes.saturating_add(1) };
            let again = 1 << self.strikes.saturating_sub(1).min(5);
            (Some(if said { *after } else { after.saturating_mul(again) }), why.clone())
        } else {
            if failure.is_none() {
                self.strikes = 0;
            }
            (heard.after, "it asked to come back later".to_owned())
        };
        let until = after.filter(|after| !after.is_zero()).and_then(|after| now.checked_add(after).ok());
        if let Some(until) = until.filter(|until| self.hold.as_ref().is_none_or(|(at, _)| at < until)) {
            self.hold = Some((until, why));
        }
    }

    fn window(&mut self, lane: Lane) -> &mut Option<Window> {
        match lane {
            Lane::Rest => &mut self.rest,
            Lane::Graphql => &mut self.graphql,
        }
    }
}

fn reserve(limit: Option<u64>) -> u64 {
    limit.map_or(0, |limit| limit.saturating_mul(limits::PROVIDER_RESERVE_PERCENT) / 100)
}

impl Heard {
    /// Reads the headers of an answer: `x-ratelimit-*` (GitHub, Bitbucket, Azure DevOps), `ratelimit-*` (GitLab).
    pub(super) fn of(answer: &Answer) -> Self {
        let text = |names: [&str; 2]| names.into_iter().find_map(|name| answer.header(name));
        let number = |names| text(names).and_then(|text| text.trim().parse::<f64>().ok()).filter(|n| n.is_finite());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
        let count = |names| number(names).map(|number| number.clamp(0.0, 1e15) as u64);
        let left = count(["x-ratelimit-remaining", "ratelimit-remaining"]);
        let ends = count(["x-ratelimit-reset", "ratelimit-reset"]).and_then(|reset| end(reset, answer.at));
        // Bitbucket Data Center fills its bucket by intervals, and names no end.
        let interval = || count(["x-ratelimit-interval-seconds", ""]).and_then(|seconds| end(seconds, answer.at));
        Self {
            limit: count(["x-ratelimit-limit", "ratelimit-limit"]),
            left,
            ends: ends.or_else(|| left.and_then(|_| interval())),
            after: answer.header("retry-after").and_then(|text| net::retry_after(text, answer.at)),
            near: answer.header("x-ratelimit-nearlimit").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        }
    }
}

/// A time since 1970 in seconds, or how many seconds from now: nobody's window is thirty years long.
fn end(number: u64, now: Timestamp) -> Option<Timestamp> {
    let number = i64::try_from(number).ok()?;
    let most = i64::try_from(limits::NET_RETRY_AFTER_MAX.as_secs()).unwrap_or(i64::MAX);
    let seconds = if number > 1_000_000_000 { number.saturating_sub(now.as_second()) } else { number };
    now.checked_add(SignedDuration::from_secs(seconds.clamp(0, most))).ok()
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
