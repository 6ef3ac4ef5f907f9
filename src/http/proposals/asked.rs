//! Which proposals are asked for.

use std::sync::Arc;

use actix_web::HttpRequest;
use jiff::Timestamp;

use crate::http::environments::Fields;
use crate::http::error::Failure;
use crate::limits;
use crate::proposal::{Id, Record, State};
use crate::view::proposal::name;

/// What a list is to have.
#[derive(Debug)]
pub(super) struct Asked {
    environment: Option<String>,
    states: Vec<State>,
    author: Option<String>,
    after: Option<Place>,
    pub(super) limit: usize,
}

/// Where a proposal stands in the list.
type Place = (Timestamp, Id);

const STATES: [State; 7] =
    [State::Planned, State::Open, State::Merged, State::Live, State::Closed, State::Failed, State::Gone];

pub(super) fn names() -> [&'static str; 7] {
    STATES.map(name)
}

impl Asked {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Failure> {
        let mut fields = Fields::of_query(request, &["environment", "state", "author", "limit", "from"])?;
        let states = fields.filled("state")?.unwrap_or_default();
        let states = states.split(',').map(str::trim).filter(|word| !word.is_empty()).map(|word| {
            let known = STATES.into_iter().find(|state| name(*state) == word);
            known.ok_or_else(|| fields.wrong("state", &format!("some of {}", names().join(", "))))
        });
        let states = states.collect::<Result<Vec<_>, _>>()?;
        let after = match fields.filled("from")? {
            None => None,
            Some(text) => Some(place_of(&text).ok_or_else(|| fields.wrong("from", "the `next` of an earlier answer"))?),
        };
        let limit = match fields.filled("limit")? {
            None => limits::PROPOSALS_PAGE,
            Some(text) => text.parse().map_err(|_| fields.wrong("limit", "a number"))?,
        };
        Ok(Self {
            environment: fields.filled("environment")?,
            states,
            author: fields.filled("author")?,
            after,
            limit: limit.clamp(1, limits::PROPOSALS_PAGE_MAX),
        })
    }

    /// Whether one is asked for.
    pub(super) fn wants(&self, record: &Record) -> bool {
        let author = |name: &str| {
            let seen = record.seen.as_ref().is_some_and(|seen| seen.author == name);
            seen || record.opened_by.as_deref() == Some(name)
        };
        self.environment.as_deref().is_none_or(|name| record.environment.as_deref() == Some(name))
            && (self.states.is_empty() || self.states.contains(&record.state))
            && self.author.as_deref().is_none_or(author)
            && self.after.as_ref().is_none_or(|(at, id)| (record.since, &record.id) < (*at, id))
    }
}

/// Where one stands.
pub(super) fn place(record: &Record) -> (Timestamp, &Id) {
    (record.since, &record.id)
}

/// The same as text.
pub(super) fn cursor(record: &Record) -> String {
    format!("{}_{}", record.since.as_nanosecond(), record.id)
}

fn place_of(cursor: &str) -> Option<Place> {
    let (at, id) = cursor.split_once('_')?;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, Arc::from(id)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn queries() {
        let of = |query: &str| Asked::of(&TestRequest::with_uri(&format!("/?{query}")).to_http_request());
        let text = Arc::<str>::from;
        let record = Record::planned(&text("s"), &text("topic"), &text("main"), &text("ada"), Timestamp::UNIX_EPOCH);
        assert!(of("").unwrap().wants(&record));
        assert!(of("state=open,planned&author=ada&pretty").unwrap().wants(&record));
        assert!(!of("state=open").unwrap().wants(&record));
        assert!(!of("author=eve").unwrap().wants(&record));
        assert!(!of("environment=production").unwrap().wants(&record));
        assert!(!of(&format!("from={}", cursor(&record))).unwrap().wants(&record), "the next page begins after it");
        assert_eq!(of("limit=100000").unwrap().limit, limits::PROPOSALS_PAGE_MAX);
        for wrong in ["state=opened", "from=x", "limit=many", "colour=red"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
