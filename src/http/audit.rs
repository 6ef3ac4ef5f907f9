//! `GET /api/v2/audit`: who changed what, or tried to.
//!
//! A caller is shown the records of what it may read: of an environment and every namespace that the record names. From
//! where a request came is shown to whoever may `admin` that environment.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;

use super::auth::{self, Need, Pass};
use super::environments::may;
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, select};
use crate::audit::log::{Filter, Place};
use crate::audit::{Event, Kind, Outcome, Who};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::limits;

/// `GET /api/v2/audit?environment=&namespace=&key=&by=&outcome=&from=&to=&limit=&cursor=`
pub(super) async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answer(&state, &request).unwrap_or_else(|failure| failure.json())
}

fn answer(state: &State, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (filter, limit) = asked(request)?;
    let (events, next) = page(state, &pass, &filter, limit);
    Ok(HttpResponse::Ok().json(json!({ "events": events, "nextCursor": next })))
}

/// What a query asks for, and how many at most.
fn asked(request: &HttpRequest) -> Result<(Filter, usize), Failure> {
    let text = |name: &str| select::query(request, [name, name]).map(Cow::into_owned).filter(|t| !t.is_empty());
    let limit = match text("limit") {
        None => limits::AUDIT_PAGE,
        Some(text) => text.parse::<usize>().map_err(|_| Failure::invalid("limit is not a number"))?,
    };
    Ok((filter(&text)?, limit.clamp(1, limits::AUDIT_PAGE_MAX)))
}

/// What somebody may see of the records that are asked for, and the cursor of what is older.
pub(super) fn page(state: &State, pass: &Pass<'_>, filter: &Filter, limit: usize) -> (Vec<Arc<Event>>, Option<String>) {
    let (events, more) = state.audit.list(filter, &|event| sees(state, pass, event), limit);
    let next = events.last().filter(|_| more).map(|event| cursor(event));
    (events.into_iter().map(|event| shown(state, pass, event)).collect(), next)
}

fn sees(state: &State, pass: &Pass<'_>, event: &Event) -> bool {
    let read = |namespace: &str| may(state, pass, Action::Read, &event.environment, namespace);
    if event.changes.is_empty() || event.more_changes > 0 {
        return read(ANY);
    }
    event.changes.iter().all(|change| read(&change.namespace))
}

fn shown(state: &State, pass: &Pass<'_>, event: Arc<Event>) -> Arc<Event> {
    if event.by.address.is_none() || may(state, pass, Action::Admin, &event.environment, ANY) {
        return event;
    }
    let mut event = Arc::unwrap_or_clone(event);
    event.by = Who { address: None, ..event.by };
    Arc::new(event)
}

/// Which records are asked for, by the names that the query has for it.
pub(super) fn filter(text: &dyn Fn(&str) -> Option<String>) -> Result<Filter, Failure> {
    let time = |name: &'static str| {
        let read = |text: String| {
            let read = text.parse::<Timestamp>();
            read.map_err(|_| Failure::invalid(format!("{name} is no time like 2027-01-30T09:00:00Z")))
        };
        text(name).map(read).transpose()
    };
    let outcome = |text: String| {
        let names = || Outcome::ALL.map(Outcome::name).join(", ");
        let found = Outcome::ALL.into_iter().find(|outcome| outcome.name() == text);
        found.ok_or_else(|| Failure::invalid(format!("outcome is one of {}", names())))
    };
    let before = |text: String| place(&text).ok_or_else(|| Failure::invalid("cursor is not one of an earlier answer"));
    Ok(Filter {
        environment: text("environment"),
        namespace: text("namespace"),
        key: text("key"),
        by: text("by"),
        outcome: text("outcome").map(outcome).transpose()?,
        from: time("from")?,
        to: time("to")?,
        before: text("cursor").map(before).transpose()?,
    })
}

fn cursor(event: &Event) -> String {
    format!("{}_{}", event.at.as_nanosecond(), event.id)
}

fn place(cursor: &str) -> Option<Place> {
    let (at, id) = cursor.split_once('_')?;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, id.into()))
}

pub(super) fn about_list() -> Operation {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": "string", "format": "date-time" });
    Operation::new(Tag::Status, "audit", "Who changed what, or tried to")
        .describe(
            "Every write that was accepted or refused, as far as the caller may read the environment and the namespaces \
             that it was about. Addresses are shown to whoever may `admin` the environment.",
        )
        .query("environment", text(), "Of this environment.")
        .query("namespace", text(), "Of this namespace.")
        .query("key", text(), "Of this flag or segment.")
        .query("by", text(), "Of this caller: name of the token, subject of the JWT, name or address of the person.")
        .query("outcome", json!({ "enum": Outcome::ALL.map(Outcome::name) }), "With this end.")
        .query("from", time(), "Not before this.")
        .query("to", time(), "Before this.")
        .query("limit", json!({ "type": "integer", "minimum": 1, "maximum": limits::AUDIT_PAGE_MAX }), "How many at most.")
        .query("cursor", text(), "`nextCursor` of an earlier answer: what is older than that one.")
        .ok("The newest first.", "AuditPage")
        .asks_who(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::Invalid])
}

/// Records of writes.
pub(super) const SCHEMAS: Schemas = &[
    ("AuditPage", || {
        json!({
            "type": "object",
            "required": ["events", "nextCursor"],
            "properties": {
                "events": { "type": "array", "items": schema("AuditEvent") },
                "nextCursor": { "type": ["string", "null"], "description": "Asks for what is older; absent at the end." },
            },
        })
    }),
    ("AuditEvent", || {
        let optional = |description: &str| json!({ "type": ["string", "null"], "description": description });
        json!({
            "type": "object",
            "required": [
                "id", "at", "by", "request", "storage", "environment", "branch", "changes", "moreChanges", "before",
                "after", "message", "outcome", "refusal", "breakGlass", "settled",
            ],
            "properties": {
                "id": { "type": "string" },
                "at": { "type": "string", "format": "date-time", "description": "When it was asked for." },
                "by": {
                    "type": "object",
                    "required": ["name", "method", "person", "email", "address"],
                    "properties": {
                        "name": { "type": "string", "description": "Name of the token, subject of the JWT; empty for anybody." },
                        "method": { "enum": ["anonymous", "token", "jwt"] },
                        "person": optional("Name of the person, where it is known."),
                        "email": optional("Address of the person, likewise."),
                        "address": optional("Where from."),
                    },
                },
                "request": { "enum": Kind::ALL.map(Kind::name) },
                "storage": { "type": "string" },
                "environment": { "type": "string" },
                "branch": { "type": "string" },
                "changes": { "type": "array", "items": schema("AuditChange") },
                "moreChanges": { "type": "integer", "minimum": 0, "description": "Changes that are not listed." },
                "before": optional("Tip of the branch before."),
                "after": optional("The commit that was made."),
                "message": optional("The message that was asked for."),
                "outcome": { "enum": Outcome::ALL.map(Outcome::name) },
                "refusal": {
                    "type": ["object", "null"],
                    "required": ["code", "message"],
                    "properties": {
                        "code": { "type": "string", "description": "A short, stable name." },
                        "message": { "type": "string", "description": "What the caller was told." },
                    },
                },
                "breakGlass": optional("The reason that was given for serving it before it was pushed."),
                "settled": { "type": ["string", "null"], "format": "date-time", "description": "When the end was known." },
            },
        })
    }),
    ("AuditChange", || {
        json!({
            "type": "object",
            "required": ["verb", "kind", "namespace", "key", "before", "after"],
            "properties": {
                "verb": { "enum": ["create", "update", "delete", "put"] },
                "kind": { "enum": ["flag", "segment", "namespace"] },
                "namespace": { "type": "string" },
                "key": { "type": "string" },
                "before": { "type": ["string", "null"], "description": "The revision that the caller had seen, if it said so." },
                "after": { "type": ["string", "null"], "description": "Its revision now." },
            },
        })
    }),
];

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn queries() {
        let of = |query: &str| asked(&TestRequest::with_uri(&format!("/?{query}")).to_http_request());
        let (filter, limit) = of("").unwrap();
        assert!(filter.environment.is_none() && limit == limits::AUDIT_PAGE);
        let (filter, limit) =
            of("environment=a&key=&outcome=break-glass&from=2027-01-30T09:00:00Z&limit=5000").unwrap();
        assert_eq!((filter.environment.as_deref(), filter.key, limit), (Some("a"), None, limits::AUDIT_PAGE_MAX));
        assert_eq!(filter.outcome, Some(Outcome::BreakGlass));
        for wrong in ["limit=x", "outcome=done", "from=yesterday", "to=1", "cursor=x", "cursor=1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let at = Timestamp::new(1_800_000_000, 123_456_789).unwrap();
        let (filter, _) = of(&format!("cursor={}_a_b", at.as_nanosecond())).unwrap();
        assert_eq!(filter.before, Some((at, "a_b".into())));
    }
}
