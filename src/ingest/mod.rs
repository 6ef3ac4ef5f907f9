//! Deliveries: from the bytes of a webhook to a verdict, and the record of what became of each.
//!
//! ```text
//! open    endpoint? draining? full? method, content type, encoding, length, signature's form;   404 503 405 415 413 401
//!         schemes that do not sign the body are decided here, before a byte of it is read
//! push    the body, chunk by chunk, up to the cap and within what all bodies together may hold      413 503
//! close   signature over the bytes, what they say, which repository and ref, seen before?           401 200 202
//! ```
//!
//! A delivery is a hint (I2): whatever it says, the most it sets in motion is one more look at the configured remote.
//! So it is answered before anything is fetched, its record is kept in memory and written behind, and losing, repeating
//! or reordering deliveries changes latency only (I6). What can be decided without state is pure (`verdict`); HTTP only
//! moves bytes in and a status out.

mod dedupe;
pub mod deliveries;
mod endpoint;
mod gate;
mod hint;
mod record;
mod throttle;
pub mod verdict;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;

pub use endpoint::{Endpoint, Target};
pub use hint::{Hint, Hints, NoProposals, ProposalHint, Proposals};
pub use record::{Delivery, Outcome, Steps};

use crate::clock::Clock;
use crate::limits;
use crate::provider::ProposalEvent;
use crate::provider::signature::Scheme;
use dedupe::{Begin, Seen};
use endpoint::Table;
use gate::{Gate, Held};
use throttle::Throttle;
use verdict::{Admitted, Head, Verdict};

/// What is told about each answered request: storage and provider (both `unknown` for an unknown endpoint), outcome.
pub type Observer = dyn Fn(&str, &'static str, Outcome) + Send + Sync;

/// What one body, all bodies and their senders may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one body.
    pub body: usize,
    /// Bytes of all bodies at one time.
    pub in_flight: usize,
    /// Time for one body to come.
    pub deadline: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body: limits::WEBHOOK_BODY_BYTES,
            in_flight: limits::WEBHOOK_IN_FLIGHT_BYTES,
            deadline: limits::WEBHOOK_BODY_DEADLINE,
        }
    }
}

/// Takes deliveries in.
pub struct Ingest {
    endpoints: ArcSwap<Table>,
    deliveries: Arc<deliveries::Log>,
    hints: Arc<dyn Hints>,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    gate: Arc<Gate>,
    /// Held for a look-up only, never over anything that waits.
    seen: Mutex<Seen>,
    draining: AtomicBool,
    refusals: Throttle,
    observer: OnceLock<Box<Observer>>,
    proposals: OnceLock<Arc<dyn Proposals>>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ingest").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Text of the body; empty for everybody who has not proved to be the provider.
    pub text: String,
    /// When to come back, for 503.
    pub retry_after: Option<Duration>,
    /// There may be more of the request to come, which nobody will read.
    pub unread: bool,
}

/// A delivery whose body is being read.
#[derive(Debug)]
pub struct Intake<'h> {
    ingest: Arc<Ingest>,
    endpoint: Arc<Endpoint>,
    head: Head<'h>,
    admitted: Admitted,
    received: Timestamp,
    held: Held,
    body: Vec<u8>,
}

impl Ingest {
    /// Takes deliveries for these endpoints.
    #[must_use]
    pub fn new(
        endpoints: Vec<Endpoint>,
        deliveries: Arc<deliveries::Log>,
        hints: Arc<dyn Hints>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::with_bounds(endpoints, deliveries, hints, clock, Bounds::default())
    }

    /// The same, within other bounds.
    #[must_use]
    pub fn with_bounds(
        endpoints: Vec<Endpoint>,
        deliveries: Arc<deliveries::Log>,
        hints: Arc<dyn Hints>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Self {
        let ingest = Self {
            endpoints: ArcSwap::default(),
            deliveries,
            hints,
            clock,
            bounds,
            gate: Gate::new(bounds.in_flight, limits::WEBHOOK_INLINE_BYTES),
            seen: Mutex::new(Seen::new(limits::DEDUPE_IDS)),
            draining: AtomicBool::new(false),
            refusals: Throttle::new(limits::REFUSAL_LOG_INTERVAL),
            observer: OnceLock::new(),
            proposals: OnceLock::new(),
        };
        ingest.set_endpoints(endpoints);
        ingest
    }

    /// Replaces the endpoints, for a reload. Deliveries that are being read are judged by what was true when they came.
    pub fn set_endpoints(&self, endpoints: Vec<Endpoint>) {
        for endpoint in &endpoints {
            let (scheme, storage) = (endpoint.scheme(), &endpoint.storage);
            let unusable = endpoint.secrets.iter().filter(|secret| !scheme.takes(secret)).count();
            if unusable > 0 && scheme == Scheme::StandardWebhooks {
                tracing::warn!(
                    %storage, unusable,
                    "a signing token (whsec_…) is configured: plain tokens beside it, and tokens whose base64 is broken, verify nothing"
                );
            }
            if !endpoint.can_verify() {
                tracing::warn!(%storage, "no webhook secret can verify anything: the storage has no endpoint");
            }
        }
        self.endpoints.store(Arc::new(Table::new(endpoints)));
    }

    /// Tells `observer` about every request that is answered. Only the first call counts.
    pub fn observe(&self, observer: Box<Observer>) {
        drop(self.observer.set(observer));
    }

    /// Names who keeps track of proposals. Only the first call counts.
    pub fn track(&self, proposals: Arc<dyn Proposals>) {
        drop(self.proposals.set(proposals));
    }

    fn proposals(&self) -> &dyn Proposals {
        self.proposals.get().map_or(&NoProposals, |proposals| &**proposals)
    }

    /// From now on deliveries are sent away (503): the process is going to end. What is being read is finished.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// How long a body may take to come.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.bounds.deadline
    }

    /// Deliveries of an earlier life of this process: those that were worked on are duplicates when they come again.
    pub fn seed<'d>(&self, deliveries: impl IntoIterator<Item = &'d Delivery>) {
        let mut seen = self.seen();
        for delivery in deliveries {
            let done = delivery.outcome == Outcome::Accepted
                && delivery.error.is_none()
                && (delivery.steps.fetched.is_some() || delivery.steps.live.is_some());
            if let (true, Some(id)) = (done, &delivery.delivery_id) {
                seen.seed(&delivery.storage, id);
            }
        }
    }

    /// The run that a delivery asked for has ended. One that failed may run again, and its record says why.
    ///
    /// `record` is [`Hint::delivery`]; what it covered by coalescing is reported one by one.
    ///
    /// # Errors
    /// Passed on into the record.
    pub fn finished(&self, record: &str, result: Result<(), &str>) {
        self.seen().finished(record, result.is_ok());
        if let Err(error) = result {
            self.deliveries.update(record, |delivery| delivery.error = Some(error.to_owned()));
        }
    }

    /// Looks at the head of a delivery.
    ///
    /// # Errors
    /// The answer, when there is nothing to read the body for.
    pub fn open<'h>(self: &Arc<Self>, target: Target<'_>, head: Head<'h>) -> Result<Intake<'h>, Answer> {
        let received = self.clock.now();
        let Some(endpoint) = self.endpoints.load().get(target).cloned() else {
            tracing::debug!("a delivery for an endpoint that does not exist");
            self.tell("unknown", "unknown", Outcome::UnknownEndpoint);
            return Err(Answer { status: 404, text: String::new(), retry_after: None, unread: true });
        };
        let judged = if self.draining.load(Ordering::Relaxed) {
            Err(Verdict::refused(Outcome::Overloaded, 503, "shutting down"))
        } else if self.gate.is_full() {
            Err(overloaded())
        } else {
            verdict::admit(&endpoint, &head, self.bounds.body, received)
        };
        match judged {
            Ok(admitted) => {
                // Not what is declared: that much is only a promise.
                let first = admitted.declared.unwrap_or(0).min(limits::WEBHOOK_INLINE_BYTES);
                let (entered, body) = (self.gate.enter(), Vec::with_capacity(first));
                Ok(Intake { ingest: Arc::clone(self), endpoint, head, admitted, received, held: entered, body })
            }
            Err(verdict) => Err(self.answer(&endpoint, received, None, verdict, true)),
        }
    }

    /// Records a verdict and makes the answer of it; an accepted one sets its hint.
    fn answer(
        &self,
        endpoint: &Endpoint,
        received: Timestamp,
        verified_at: Option<Timestamp>,
        mut verdict: Verdict,
        unread: bool,
    ) -> Answer {
        let record: Arc<str> = uuid::Uuid::new_v4().to_string().into();
        let now = self.clock.now();
        if let (Outcome::Accepted, Some(id)) = (verdict.outcome, &verdict.delivery_id) {
            let before = match self.seen().begin(&endpoint.storage, id, &record, now) {
                Begin::Run => None,
                Begin::Running => Some("this delivery was seen before and is being worked on"),
                Begin::Done => Some("this delivery was seen before and is done"),
            };
            if let Some(detail) = before {
                (verdict.outcome, verdict.status, verdict.detail) = (Outcome::Duplicate, 200, detail.to_owned());
            }
        }
        let provider = endpoint.provider.name();
        self.log(endpoint, &record, &verdict, now);
        self.tell(&endpoint.storage, provider, verdict.outcome);
        let Verdict { outcome, status, detail, verified, delivery_id, event, commit, proposal, moved } = verdict;
        let text = if verified.is_some() { format!("{detail}\n") } else { String::new() };
        self.deliveries.push(Delivery {
            id: Arc::clone(&record),
            storage: Arc::clone(&endpoint.storage),
            provider,
            delivery_id,
            event,
            received,
            verified,
            outcome,
            status,
            detail,
            commit: commit.clone(),
            steps: Steps {
                verified: verified_at.filter(|_| verified.is_some()).map(|then| milliseconds(received, then)),
                answered: Some(milliseconds(received, now)),
                ..Steps::default()
            },
            error: None,
        });
        // After the record is there: whoever takes the hint writes into it.
        let storage = Arc::clone(&endpoint.storage);
        match proposal {
            Some(event) if outcome == Outcome::Accepted => {
                let ProposalEvent { number, kind, action, source, target, .. } = *event;
                let delivery = record;
                let hint = ProposalHint { storage, number, kind, action, source, target, delivery, received };
                self.proposals().set(hint);
            }
            _ if outcome == Outcome::Accepted && moved => {
                self.hints.set(Hint { storage, delivery: Some(record), commit, received });
            }
            _ => {}
        }
        let retry_after = (status == 503).then_some(limits::WEBHOOK_RETRY_AFTER);
        Answer { status, text, retry_after, unread }
    }

    /// One line a decision; forgeries, which anybody can send, not more than one in a while.
    fn log(&self, endpoint: &Endpoint, record: &str, verdict: &Verdict, now: Timestamp) {
        let (storage, provider, outcome) = (&endpoint.storage, endpoint.provider.name(), verdict.outcome.name());
        let Verdict { status, detail, event, .. } = verdict;
        let event = event.as_deref().unwrap_or_default();
        match verdict.outcome {
            Outcome::Accepted | Outcome::Duplicate | Outcome::Ignored if verdict.verified.is_some() => {
                tracing::info!(%storage, delivery = record, provider, outcome, status, event, "{detail}");
            }
            Outcome::OtherRepository => {
                tracing::warn!(%storage, delivery = record, provider, outcome, status, event, "{detail}");
            }
            _ => {
                if let Some(others) = self.refusals.pass(&endpoint.storage, now) {
                    tracing::warn!(%storage, delivery = record, provider, outcome, status, others, "{detail}");
                }
            }
        }
    }

    fn tell(&self, storage: &str, provider: &'static str, outcome: Outcome) {
        if let Some(observer) = self.observer.get() {
            observer(storage, provider, outcome);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake<'_> {
    /// Takes a part of the body.
    ///
    /// # Errors
    /// The answer, when the body goes over a bound.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Answer> {
        if self.body.len().saturating_add(chunk.len()) > self.ingest.bounds.body {
            return Err(self.stop(verdict::too_large(self.ingest.bounds.body)));
        }
        if !self.held.grow(chunk.len()) {
            return Err(self.stop(overloaded()));
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }

    /// Whether the body is so large that what follows should not be done where other requests wait for it.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.body.len() > limits::WEBHOOK_INLINE_BYTES
    }

    /// The body did not come in time.
    #[must_use]
    pub fn too_slow(self) -> Answer {
        self.stop(Verdict::refused(Outcome::TooSlow, 408, "the body did not come in time"))
    }

    /// The body ended before its end.
    #[must_use]
    pub fn broke_off(self) -> Answer {
        self.stop(Verdict::refused(Outcome::TooSlow, 408, "the body broke off"))
    }

    /// The body is complete: verify, read, decide.
    #[must_use]
    pub fn close(self) -> Answer {
        let verdict = verdict::judge(&self.endpoint, &self.head, &self.admitted, &self.body, self.ingest.proposals());
        let verified_at = self.ingest.clock.now();
        self.ingest.answer(&self.endpoint, self.received, Some(verified_at), verdict, false)
    }

    /// The same delivery, free of what its head was borrowed from.
    #[must_use]
    pub fn into_owned(self) -> Intake<'static> {
        let Self { ingest, endpoint, head, admitted, received, held, body } = self;
        Intake { ingest, endpoint, head: head.into_owned(), admitted, received, held, body }
    }

    fn stop(&self, verdict: Verdict) -> Answer {
        self.ingest.answer(&self.endpoint, self.received, None, verdict, true)
    }
}

fn overloaded() -> Verdict {
    Verdict::refused(Outcome::Overloaded, 503, "too many bodies are being read at the moment")
}

/// Milliseconds between two readings of the clock; a clock that was set back counts as none.
fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0) * 1_000.0
}

#[cfg(test)]
mod tests;
