//! The records as the API shows them: the newest of each storage in memory, handed on to whoever keeps them.
//!
//! Refused requests are counted apart, so that a flood of them cannot push out what was done.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Outcome, Pending, Sink};
use crate::bell::Bell;
use crate::limits;

/// Keeps records across a restart.
pub trait Keep: fmt::Debug + Send + Sync {
    /// Returns when they are on the disk. Blocks.
    fn put_pending(&self, pending: Vec<Pending>);
    /// Takes the newest state of a record, to be written soon; with `done`, its intent goes in the same write.
    fn put_event(&self, event: Arc<Event>, done: bool);
}

/// Is told of every record, and of every change of one, in order.
pub trait Copy: fmt::Debug + Send + Sync {
    /// Takes one. Does not block.
    fn copy(&self, event: &Arc<Event>);
    /// [`Sink::pushed`].
    fn pushed(&self, storage: &str, result: &'static str, took: Duration) {
        let _ = (storage, result, took);
    }
    /// [`Sink::retried`].
    fn retried(&self, storage: &str) {
        let _ = storage;
    }
}

/// The records of all storages.
#[derive(Debug, Default)]
pub struct Log {
    held: Mutex<Held>,
    keep: Option<Box<dyn Keep>>,
    copies: Vec<Box<dyn Copy>>,
    bell: Bell,
}

/// Sorts by time; the id tells records of one moment apart.
pub type Place = (Timestamp, Arc<str>);

#[derive(Debug, Default)]
struct Held {
    rings: HashMap<Arc<str>, Rings>,
    pending: BTreeMap<Place, Pending>,
}

#[derive(Debug, Default)]
struct Rings {
    done: BTreeMap<Place, Arc<Event>>,
    refused: BTreeMap<Place, Arc<Event>>,
}

/// Which records are asked for; what is absent does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name of the environment.
    pub environment: Option<String>,
    /// Key of a namespace that was changed.
    pub namespace: Option<String>,
    /// Key of a resource that was changed.
    pub key: Option<String>,
    /// Name of the caller, or name or address of the person.
    pub by: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Older than this record.
    pub before: Option<Place>,
}

impl Filter {
    /// Whether a record is asked for.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
        let changed = |namespace: &str, key: &str| is(&self.namespace, namespace) && is(&self.key, key);
        let by = |wanted: &String| {
            let person = [&event.by.person, &event.by.email].into_iter().flatten();
            *wanted == *event.by.name || person.into_iter().any(|name| name == wanted)
        };
        is(&self.environment, &event.environment)
            && (self.namespace.is_none() && self.key.is_none()
                || event.changes.iter().any(|change| changed(&change.namespace, &change.key)))
            && self.by.as_ref().is_none_or(by)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at < to)
            && self.before.as_ref().is_none_or(|(at, id)| (event.at, &event.id) < (*at, id))
    }
}

impl Log {
    /// A log that hands its records on.
    #[must_use]
    pub fn new(keep: Option<Box<dyn Keep>>, copies: Vec<Box<dyn Copy>>) -> Self {
        Self { held: Mutex::default(), keep, copies, bell: Bell::default() }
    }

    /// Rings at every new record, and at every change of one.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Adds what an earlier life of this process left, without handing it on again.
    pub fn restore(&self, events: impl IntoIterator<Item = Event>, pending: impl IntoIterator<Item = Pending>) {
        let mut held = self.lock();
        for waiting in pending {
            let event = Arc::new(waiting.event.clone());
            held.keep(event);
            held.pending.insert((waiting.event.at, waiting.event.id.clone()), waiting);
        }
        for event in events {
            held.keep(Arc::new(event));
        }
        drop(held);
        self.bell.ring();
    }

    /// The newest records that `filter` takes and `sees` allows, newest first, at most `limit`; and whether there are
    /// more.
    #[must_use]
    pub fn list(&self, filter: &Filter, sees: &dyn Fn(&Event) -> bool, limit: usize) -> (Vec<Arc<Event>>, bool) {
        let held = self.lock();
        let rings = held.rings.values().flat_map(|rings| [&rings.done, &rings.refused]);
        let taken = |ring: &BTreeMap<Place, Arc<Event>>| -> Vec<Arc<Event>> {
            let found = ring.values().rev().filter(|event| filter.takes(event) && sees(event));
            found.take(limit.saturating_add(1)).cloned().collect()
        };
        let mut all: Vec<Arc<Event>> = rings.flat_map(taken).collect();
        drop(held);
        all.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
        let more = all.len() > limit;
        all.truncate(limit);
        (all, more)
    }

    /// When something was written to an environment last, as far as records go back.
    #[must_use]
    pub fn last_write(&self, storage: &str, environment: &str) -> Option<Timestamp> {
        let held = self.lock();
        let done = &held.rings.get(storage)?.done;
        let written = |event: &&Arc<Event>| {
            matches!(event.outcome, Outcome::Accepted | Outcome::Landed | Outcome::BreakGlass)
                && *event.environment == *environment
        };
        done.values().rev().find(written).map(|event| event.settled.unwrap_or(event.at))
    }

    /// A panic while it was held leaves whole records: the lock is never held over foreign code.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn keep(&mut self, event: Arc<Event>) {
        let rings = self.rings.entry(event.storage.clone()).or_default();
        let (ring, bound) = if event.outcome == Outcome::Refused {
            (&mut rings.refused, limits::AUDIT_REFUSALS_KEPT)
        } else {
            (&mut rings.done, limits::AUDIT_KEPT)
        };
        ring.insert((event.at, event.id.clone()), event);
        while ring.len() > bound {
            ring.pop_first();
        }
    }
}

impl Sink for Log {
    fn intend(&self, pending: Vec<Pending>) {
        self.restore(Vec::new(), pending.iter().cloned());
        if let Some(keep) = &self.keep {
            keep.put_pending(pending);
        }
    }

    fn record(&self, event: Event) {
        let open = matches!(event.outcome, Outcome::Intended | Outcome::Unknown | Outcome::BreakGlass);
        let event = Arc::new(event);
        let place = (event.at, event.id.clone());
        {
            let mut held = self.lock();
            if event.outcome == Outcome::Refused
                && let Some(rings) = held.rings.get_mut(&event.storage)
            {
                rings.done.remove(&place);
            }
            match held.pending.get_mut(&place) {
                Some(waiting) if open => waiting.event = (*event).clone(),
                Some(_) => drop(held.pending.remove(&place)),
                None => {}
            }
            held.keep(event.clone());
        }
        self.bell.ring();
        if let Some(keep) = &self.keep {
            keep.put_event(event.clone(), !open);
        }
        for copy in &self.copies {
            copy.copy(&event);
        }
    }

    fn pushed(&self, storage: &str, result: &'static str, took: Duration) {
        for copy in &self.copies {
            copy.pushed(storage, result, took);
        }
    }

    fn retried(&self, storage: &str) {
        for copy in &self.copies {
            copy.retried(storage);
        }
    }

    fn pending(&self, storage: &str) -> Vec<Pending> {
        self.lock().pending.values().filter(|waiting| *waiting.event.storage == *storage).cloned().collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::{Changed, Kind, Refused, Who};

    pub(in crate::audit) fn event(id: u32, outcome: Outcome) -> Event {
        let changed = |key: &str| Changed {
            verb: "update".into(),
            kind: "flag".into(),
            namespace: "default".into(),
            key: key.into(),
            before: None,
            after: Some("b10b".into()),
        };
        Event {
            id: format!("{id:06}").into(),
            at: Timestamp::from_second(i64::from(id)).unwrap(),
            by: Who { name: "ci".into(), method: "token".into(), ..Who::default() },
            request: Kind::Change,
            storage: "flags".into(),
            environment: "production".into(),
            branch: "main".into(),
            changes: vec![changed("checkout"), changed(&format!("f{id}"))],
            more_changes: 0,
            before: Some("c0".into()),
            after: Some("c1".into()),
            message: None,
            refusal: (outcome == Outcome::Refused)
                .then(|| Refused { code: "conflict".into(), message: "no".to_owned() }),
            outcome,
            break_glass: None,
            settled: None,
        }
    }

    fn pending(id: u32) -> Pending {
        Pending { event: event(id, Outcome::Intended), tip: Some("c1".into()), until: None, wish: None }
    }

    fn outcomes(log: &Log) -> Vec<(String, Outcome)> {
        let (events, _) = log.list(&Filter::default(), &|_| true, usize::MAX);
        events.iter().map(|event| (event.id.trim_start_matches('0').to_owned(), event.outcome)).collect()
    }

    #[test]
    fn an_intent_waits_until_its_end_is_known() {
        let log = Log::default();
        log.intend(vec![pending(1), pending(2), pending(3), pending(4)]);
        log.record(event(1, Outcome::Accepted));
        log.record(event(2, Outcome::Unknown));
        log.record(event(3, Outcome::Refused));
        let open = |log: &Log| log.pending("flags").iter().map(|p| p.event.outcome).collect::<Vec<_>>();
        assert_eq!(open(&log), [Outcome::Unknown, Outcome::Intended]);
        assert!(log.pending("other").is_empty());
        log.record(event(2, Outcome::Landed));
        log.record(event(4, Outcome::Forgotten));
        assert!(open(&log).is_empty());
        let said = [Outcome::Forgotten, Outcome::Refused, Outcome::Landed, Outcome::Accepted];
        assert_eq!(outcomes(&log), [4, 3, 2, 1].map(|id| id.to_string()).into_iter().zip(said).collect::<Vec<_>>());
    }

    #[test]
    fn refusals_hide_nothing_and_the_number_is_bounded() {
        let log = Log::default();
        let many = u32::try_from(limits::AUDIT_KEPT).unwrap() + 5;
        for id in 0..many {
            log.record(event(id, Outcome::Accepted));
            log.record(event(many + id, Outcome::Refused));
        }
        let all = outcomes(&log);
        assert_eq!(all.len(), limits::AUDIT_KEPT + limits::AUDIT_REFUSALS_KEPT);
        assert_eq!(all.first().unwrap().0, (2 * many - 1).to_string());
        assert_eq!(all.last().unwrap(), &("5".to_owned(), Outcome::Accepted));
    }

    #[test]
    fn pages_and_filters() {
        let log = Log::default();
        for id in 1..=9 {
            log.record(event(id, if id % 3 == 0 { Outcome::Refused } else { Outcome::Accepted }));
        }
        let list = |filter: Filter, limit| {
            let (events, more) = log.list(&filter, &|event| &*event.id != "000008", limit);
            (events.iter().map(|event| event.id.trim_start_matches('0').to_owned()).collect::<String>(), more)
        };
        assert_eq!(list(Filter::default(), 3), ("976".to_owned(), true));
        assert_eq!(log.last_write("flags", "production"), Some(Timestamp::from_second(8).unwrap()));
        assert_eq!((log.last_write("flags", "staging"), log.last_write("other", "production")), (None, None));
        let before = Some((Timestamp::from_second(6).unwrap(), "000006".into()));
        assert_eq!(list(Filter { before, ..Filter::default() }, 9), ("54321".to_owned(), false));
        let outcome = Some(Outcome::Refused);
        assert_eq!(list(Filter { outcome, ..Filter::default() }, 3), ("963".to_owned(), false));
        let from = Some(Timestamp::from_second(2).unwrap());
        let to = Some(Timestamp::from_second(4).unwrap());
        assert_eq!(list(Filter { from, to, ..Filter::default() }, 9), ("32".to_owned(), false));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(list(Filter { key: text("f4"), ..Filter::default() }, 9), ("4".to_owned(), false));
        assert_eq!(list(Filter { key: text("f4"), namespace: text("x"), ..Filter::default() }, 9).0, "");
        assert_eq!(list(Filter { by: text("ci"), ..Filter::default() }, 1), ("9".to_owned(), true));
        assert_eq!(list(Filter { by: text("c"), ..Filter::default() }, 1).0, "");
        assert_eq!(list(Filter { environment: text("staging"), ..Filter::default() }, 1).0, "");
    }
}
