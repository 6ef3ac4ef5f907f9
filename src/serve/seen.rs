//! Who has a change: of the streams that are open, those whose client was told of it, or of something newer.
//!
//! A stream notes on its seat how new what it told last is, and a place when its namespace changed last: two stores of
//! a number, and counting is for whoever asks. A client whose namespace did not change has the change as well: it has
//! all that there is for it. One that polls is no stream, and is not counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::limits;

/// How far a change has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Streams whose client has it.
    pub by: usize,
    /// Streams that are open.
    pub of: usize,
}

/// Which commit was published when: the latest ones.
#[derive(Debug, Default)]
pub(super) struct Past(Mutex<VecDeque<(Arc<str>, u64)>>);

impl Past {
    /// A commit is current since the publish of this number.
    pub(super) fn note(&self, commit: &Arc<str>, generation: u64) {
        // Nothing that holds this lock can leave the list half-done.
        let mut past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if past.back().is_some_and(|(last, _)| last == commit) {
            return;
        }
        if past.len() == limits::PUBLISHED_REMEMBERED {
            past.pop_front();
        }
        past.push_back((commit.clone(), generation));
    }

    /// Since which publish a commit was current, as far as that is remembered; of an older one, since the first.
    pub(super) fn when(&self, commit: &str) -> u64 {
        let past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        past.iter().find(|(known, _)| **known == *commit).map_or(1, |(_, generation)| *generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::snapshot;
    use crate::serve::streams::Streams;
    use crate::serve::{Environment, Served};

    fn state(commit: &str, namespaces: &[(&str, &str)]) -> Served {
        let namespace = |(key, digest): &(&str, &str)| {
            let mut namespace = snapshot::Namespace::default();
            (namespace.key, namespace.digest) = ((*key).into(), (*digest).into());
            (Arc::from(*key), Arc::new(namespace))
        };
        let flags =
            snapshot::Environment { namespaces: namespaces.iter().map(namespace).collect(), ..Default::default() };
        Served { flags: Arc::new(flags), commit: Some(commit.into()), ..Served::default() }
    }

    #[test]
    fn those_that_were_told_and_those_whom_it_does_not_concern() {
        let text = Arc::<str>::from;
        let environment = Environment::new(text("e"), None, true, text("s"), text(""), text("main"));
        environment.publish(state("one", &[("shop", "1"), ("blog", "1")]));
        let streams = Arc::new(Streams::default());
        let (shop, slow, blog, nowhere) =
            (streams.enter().unwrap(), streams.enter().unwrap(), streams.enter().unwrap(), streams.enter().unwrap());
        let _places = [("shop", &shop), ("shop", &slow), ("blog", &blog), ("nowhere", &nowhere)]
            .map(|(n, t)| environment.sit(n, t));
        assert_eq!(environment.seen("one"), Seen { by: 0, of: 3 }, "nobody was told anything yet");
        let told = |ticket: &crate::serve::streams::Ticket| ticket.seat().told(environment.generation());
        [&shop, &slow, &blog].into_iter().for_each(told);
        assert_eq!(environment.seen("one"), Seen { by: 3, of: 3 });

        environment.publish(state("two", &[("shop", "2"), ("blog", "1")]));
        assert_eq!(environment.seen("two"), Seen { by: 1, of: 3 }, "the blog has not changed");
        told(&shop);
        assert_eq!(environment.seen("two"), Seen { by: 2, of: 3 });
        assert_eq!(environment.seen("one"), Seen { by: 3, of: 3 });
        assert_eq!(environment.seen("of another life"), Seen { by: 3, of: 3 });

        environment.publish(state("three", &[("shop", "3"), ("blog", "1")]));
        assert_eq!(environment.seen("two"), Seen { by: 2, of: 3 }, "what is newer contains it");
        drop(slow);
        assert_eq!(environment.seen("two"), Seen { by: 2, of: 2 });
    }
}
