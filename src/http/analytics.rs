//! `/internal/v2/analytics/…`: how often flags were evaluated, as the web interface of Flipt asks.
//!
//! Whoever may read a namespace may read how its flags are used. A flag that was never evaluated, be it there or not,
//! has zeros: the numbers tell nothing that its name does not.

use std::collections::BTreeSet;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::{self, Need};
use super::environments::{may, segment};
use super::error::{Code, Failure};
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, body, request, select};
use crate::analytics::Course;
use crate::auth::Action;
use crate::limits;

/// What is asked for where nothing says how far back.
const USUAL: SignedDuration = SignedDuration::from_hours(24);

/// `GET /internal/v2/analytics/environments/{environment}/namespaces/{namespace}/flags/{key}?from=&to=`
pub(super) async fn one(state: Data<State>, request: HttpRequest) -> HttpResponse {
    flag(&state, &request).unwrap_or_else(|failure| failure.json())
}

/// `POST /internal/v2/analytics/environments/{environment}/namespaces/{namespace}/batch`
pub(super) async fn batch(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    several(&state, &request, payload).await.unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_one() -> Operation {
    let time = || json!({ "type": "string", "format": "date-time" });
    about("flagEvaluations", "How often a flag was evaluated")
        .path("key", "The flag.")
        .query("from", time(), "The beginning; without it 24 hours before the end.")
        .query("to", time(), "The end; without it now.")
        .ok("Counts, slot by slot.", "EvaluationCounts")
        .refuses(&[Shape::Json], &[Code::Invalid])
}

pub(super) fn about_batch() -> Operation {
    about("flagsEvaluations", "How often several flags were evaluated")
        .body("EvaluationCountsRequest", Shape::Json)
        .ok("Counts by flag.", "EvaluationCountsByFlag")
        .refuses(&[Shape::Json], &[Code::Invalid])
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Tag::Status, id, summary)
        .describe(
            "Evaluations that this server answered; what clients evaluate from a snapshot they do not tell. Counts are \
             kept by minute for an hour, by quarter of an hour for a day, by six hours for a month.",
        )
        .path("environment", "The environment.")
        .path("namespace", "The namespace.")
        .guarded(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::NotFound])
}

/// What is asked, and what is answered.
pub(super) const SCHEMAS: Schemas = &[
    ("EvaluationCounts", || {
        json!({
            "type": "object",
            "required": ["timestamps", "values"],
            "properties": {
                "timestamps": {
                    "type": "array",
                    "items": { "type": "string", "format": "date-time" },
                    "description": "When each slot begins.",
                },
                "values": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            },
        })
    }),
    ("EvaluationCountsByFlag", || {
        json!({
            "type": "object",
            "required": ["flagEvaluations"],
            "properties": {
                "flagEvaluations": { "type": "object", "additionalProperties": schema("EvaluationCounts") },
            },
        })
    }),
    ("EvaluationCountsRequest", || {
        let time = |description: &str| json!({ "type": ["string", "null"], "format": "date-time", "description": description });
        json!({
            "type": ["object", "null"],
            "properties": {
                "flagKeys": {
                    "type": ["array", "null"],
                    "items": { "type": "string" },
                    "maxItems": limits::ANALYTICS_BATCH,
                },
                "from": time("The beginning; without it 24 hours before the end."),
                "to": time("The end; without it now."),
                "limit": { "type": ["integer", "null"], "minimum": 0, "description": "How many flags at most; 0 is no limit." },
            },
        })
    }),
];

/// A namespace that the caller may read.
fn place(state: &State, request: &HttpRequest) -> Result<(String, String), Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let (environment, namespace) = (segment(request, "environment"), segment(request, "namespace"));
    if !may(state, &pass, Action::Read, &environment, &namespace) {
        pass.permit_to(Action::Read, &environment, &namespace)?;
    }
    if state.environments.get(&environment).is_none() {
        return Err(Failure::not_found(format!("environment: \"{environment}\" not found")));
    }
    Ok((environment.into_owned(), namespace.into_owned()))
}

fn times(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<(Timestamp, Timestamp), Failure> {
    let time = |name: &str, text: &str| {
        text.parse::<Timestamp>().map_err(|_| Failure::invalid(format!("{name} is no time like 2027-01-30T09:00:00Z")))
    };
    let to = to.filter(|to| !to.is_empty()).map_or(Ok(now), |to| time("to", to))?;
    let usual = to.saturating_sub(USUAL).unwrap_or(Timestamp::MIN);
    let from = from.filter(|from| !from.is_empty()).map_or(Ok(usual), |from| time("from", from))?;
    Ok((from, to))
}

fn shown(course: &Course) -> Value {
    json!({ "timestamps": course.begins, "values": course.sums() })
}

fn flag(state: &State, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let (environment, namespace) = place(state, request)?;
    let now = state.clock.now();
    let asked = |name| select::query(request, [name, name]);
    let times = times(asked("from").as_deref(), asked("to").as_deref(), now)?;
    let key = segment(request, "key");
    let courses = state.analytics.between(&environment, &namespace, [&*key], times, now);
    Ok(HttpResponse::Ok().json(courses.first().map(shown)))
}

/// A request about several flags.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    flag_keys: Option<Vec<String>>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

async fn several(state: &State, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Failure> {
    let (environment, namespace) = place(state, request)?;
    let body = body::read(request, payload).await?;
    let text = request::text(&body);
    let asked: Asked = request::parse(&text)?;
    let keys = asked.flag_keys.unwrap_or_default();
    if keys.len() > limits::ANALYTICS_BATCH {
        return Err(Failure::invalid(format!("more than {} flags", limits::ANALYTICS_BATCH)));
    }
    let now = state.clock.now();
    let times = times(asked.from.as_deref(), asked.to.as_deref(), now)?;
    let most = asked.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let keys: BTreeSet<&str> = keys.iter().take(most).map(String::as_str).collect();
    let courses = state.analytics.between(&environment, &namespace, keys.iter().copied(), times, now);
    let flags: Map<String, Value> =
        keys.iter().zip(&courses).map(|(key, course)| ((*key).to_owned(), shown(course))).collect();
    Ok(HttpResponse::Ok().json(json!({ "flagEvaluations": flags })))
}
