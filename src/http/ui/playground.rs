//! `…/playground`: what a flag answers, and why; now, on a branch, as of a commit, or two of them side by side.
//!
//! The question is in the address, so that a link carries it. It is put to the same function as `POST /api/v2/explain`,
//! on the very snapshot that is served, or on one that is compiled of a commit for this question alone. Nothing is
//! counted as an evaluation of an application.

mod places;

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use self::places::{Found, Place};
use super::render::{segment, shown};
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::flags::evaluate::Context;
use crate::flags::explain::{self, Answer, Explanation};
use crate::flags::snapshot::{Flag, Namespace};
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::http::{State, context as json_context};
use crate::limits;
use crate::serve::Environment;
use crate::view::question::{self, Unclear};
use crate::view::snippet;

/// What is asked, as it was typed.
#[derive(Debug, Clone, Serialize)]
struct Asked {
    flag: String,
    entity: String,
    context: String,
    /// A commit, or its first digits; empty for what is served now.
    at: String,
    /// The environment beside it; empty for none, or for the same at another commit.
    beside: String,
    beside_at: String,
}

impl Asked {
    fn of(visit: &Visit<'_>) -> Result<Self, Failure> {
        let asked = Self {
            flag: visit.asked("flag").trim().to_owned(),
            entity: visit.asked("entity"),
            context: visit.asked("context").replace("\r\n", "\n"),
            at: visit.asked("at").trim().to_owned(),
            beside: visit.asked("beside"),
            beside_at: visit.asked("beside_at").trim().to_owned(),
        };
        // The page has the question in each of its links.
        let longer = |text: &str, most: usize| text.chars().nth(most).is_some();
        if longer(&asked.context, limits::UI_PLAYGROUND_CONTEXT)
            || [&asked.flag, &asked.entity].into_iter().any(|text| longer(text, limits::UI_PLAYGROUND_ENTITY))
        {
            return Err(Failure::invalid("this question is longer than a link can carry: ask it by the API"));
        }
        Ok(asked)
    }
}

/// One answer with everything that led to it.
#[derive(Debug, Serialize)]
struct Side {
    environment: String,
    commit: Option<String>,
    /// Whether it is asked as of this commit, and not of what is served.
    past: bool,
    digest: Option<String>,
    /// Why there is no answer.
    trouble: Option<String>,
    told: Option<Explanation>,
    said: Option<Said>,
    href: String,
    /// Where its environment and namespace are.
    place: String,
}

/// An answer in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Said {
    /// The value: `true`, `false`, a variant; absent of a variant flag that gives none.
    value: Option<String>,
    on: bool,
    reason: String,
    attachment: String,
}

/// What one flag of all of them answers in every place.
#[derive(Debug, Serialize)]
struct Line {
    key: String,
    said: Vec<Option<Said>>,
    differs: bool,
}

/// The same with the question that asks it alone.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    line: Line,
    href: String,
}

/// A property that the flag looks at.
#[derive(Debug, Serialize)]
struct Wanted {
    property: String,
    given: bool,
    href: String,
}

/// `GET /ui/e/{environment}/n/{namespace}/playground?flag=&entity=&context=&at=&beside=&beside_at=`
pub(super) async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, paged(&state, &request).await)
}

async fn paged(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let key = visit.named("namespace");
    let asked = Asked::of(&visit)?;
    let (read, mistake) = match context_of(&asked.context) {
        Ok(read) => (read, None),
        Err(mistake) => (Context::default(), Some(mistake)),
    };
    let mut asked_of = vec![Place { environment: environment.clone(), at: asked.at.clone() }];
    asked_of.extend(places::beside(&visit, &environment, &key, &asked)?);
    let found = places::found(state, asked_of, &key).await?;
    let sides: Vec<Side> = found.iter().map(|found| side(found, &asked, &read, mistake.is_none())).collect();
    let differ = two(&sides).is_some_and(|(one, other)| one.said != other.said);
    let lines = if asked.flag.is_empty() && mistake.is_none() {
        let places: Vec<_> = found.iter().map(|found| found.namespace.as_ref().ok().cloned()).collect();
        let (entity, context) = (asked.entity.clone(), read.clone());
        blocking(state, move |_| Ok(lines(&places, &entity, &context))).await?
    } else {
        Vec::new()
    };
    let all = lines.len();
    let more = all.saturating_sub(limits::UI_PLAYGROUND_FLAGS);
    let differing = lines.iter().filter(|line| line.differs).count();
    let row = |line: Line| Row { href: with(request, &[("flag", &line.key)]), line };
    let rows: Vec<Row> = lines.into_iter().take(limits::UI_PLAYGROUND_FLAGS).map(row).collect();
    let flag = flag_of(&found, &asked.flag);
    let wanted = flag.map(|flag| wanted(flag, &asked, &read, request)).unwrap_or_default();
    let snippets = match (flag, mistake.is_none()) {
        (Some(flag), true) => snippets(&visit, &environment, &key, flag, &asked, &read),
        _ => Vec::new(),
    };
    let commits = places::commits(state, &environment, &key, &asked).await;
    let flags: Vec<String> =
        found.first().and_then(|found| found.namespace.as_ref().ok()).map_or_else(Vec::new, |of| {
            of.flags_by_key().take(limits::UI_PLAYGROUND_FLAGS).map(|flag| flag.key.to_string()).collect()
        });
    let environments = places::environments(&visit, &environment, &key);
    visit.page(
        "playground/page.html",
        context! {
            asked => shown(&asked),
            mistake => shown(&mistake),
            sides => shown(&sides),
            differ => differ,
            rows => shown(&rows),
            more => more,
            all => all,
            differing => differing,
            wanted => shown(&wanted),
            snippets => shown(&snippets),
            commits => shown(&commits),
            flags => flags,
            environments => environments,
            longest => limits::UI_PLAYGROUND_CONTEXT,
            longest_entity => limits::UI_PLAYGROUND_ENTITY,
        },
    )
}

/// Why a context cannot be read.
#[derive(Debug, Serialize)]
struct Mistake {
    /// The line of it that says nothing.
    line: Option<usize>,
    /// What the reader of JSON says.
    json: Option<String>,
}

fn context_of(text: &str) -> Result<Context, Mistake> {
    if question::is_json(text) {
        return json_context(text).map_err(|json| Mistake { line: None, json: Some(json) });
    }
    question::lines(text).map_err(|Unclear { line }| Mistake { line: Some(line), json: None })
}

fn side(found: &Found, asked: &Asked, read: &Context, clear: bool) -> Side {
    let Found { place, commit, namespace } = found;
    let mut side = Side {
        environment: place.environment.name.to_string(),
        commit: commit.as_ref().map(ToString::to_string),
        past: !place.at.is_empty(),
        digest: None,
        trouble: None,
        told: None,
        said: None,
        href: String::new(),
        place: String::new(),
    };
    let namespace = match namespace {
        Ok(namespace) => namespace,
        Err(trouble) => return Side { trouble: Some(trouble.clone()), ..side },
    };
    side.digest = Some(namespace.digest.to_string());
    let at = if side.past { commit.as_ref().map_or(String::new(), |id| format!("?at={id}")) } else { String::new() };
    side.place = format!("/ui/e/{}/n/{}", segment(&place.environment.name), segment(&namespace.key));
    side.href = format!("{}/flags/{}{at}", side.place, segment(&asked.flag));
    if asked.flag.is_empty() || !clear {
        return side;
    }
    let Some(flag) = namespace.flag(&asked.flag) else {
        let trouble = format!("flag \"{}/{}\" not found", namespace.key, asked.flag);
        return Side { trouble: Some(trouble), ..side };
    };
    let told = explain::explain(flag, &asked.entity, read);
    Side { said: Some(said(&told.answer)), told: Some(told), ..side }
}

fn said(answer: &Answer) -> Said {
    let word = |reason: &str| reason.trim_end_matches("_EVALUATION_REASON").to_lowercase().replace('_', " ");
    match answer {
        Answer::Boolean { enabled, reason, .. } => {
            Said { value: Some(enabled.to_string()), on: *enabled, reason: word(reason), attachment: String::new() }
        }
        Answer::Variant { reason, variant_key, variant_attachment, .. } => Said {
            value: Some(variant_key.clone()).filter(|key| !key.is_empty()),
            on: !variant_key.is_empty(),
            reason: word(reason),
            attachment: variant_attachment.clone(),
        },
    }
}

fn two(sides: &[Side]) -> Option<(&Side, &Side)> {
    sides.first().zip(sides.get(1))
}

/// Every flag of the places, those that differ first.
fn lines(places: &[Option<Arc<Namespace>>], entity: &str, read: &Context) -> Vec<Line> {
    let mut keys: Vec<&str> = places.iter().flatten().flat_map(|of| of.flags_by_key()).map(|flag| &*flag.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let of = |key: &str| -> Vec<Option<Said>> {
        let answer = |flag: &Flag| said(&explain::answer(flag, entity, read));
        places.iter().map(|place| place.as_ref().and_then(|of| of.flag(key)).map(answer)).collect()
    };
    let line = |key: &str| {
        let said = of(key);
        let differs = said.first().zip(said.get(1)).is_some_and(|(one, other)| one != other);
        Line { key: key.to_owned(), said, differs }
    };
    let mut lines: Vec<Line> = keys.into_iter().map(line).collect();
    lines.sort_by_key(|line| !line.differs);
    lines
}

fn flag_of<'f>(found: &'f [Found], key: &str) -> Option<&'f Flag> {
    found.iter().filter_map(|found| found.namespace.as_ref().ok()).find_map(|namespace| namespace.flag(key))
}

fn wanted(flag: &Flag, asked: &Asked, read: &Context, request: &HttpRequest) -> Vec<Wanted> {
    let json = question::is_json(&asked.context);
    let one = |property: &str| {
        let text = asked.context.trim_end();
        let more = if text.is_empty() { format!("{property}=") } else { format!("{text}\n{property}=") };
        let given = read.get(property).is_some();
        // Into JSON nothing is put; who writes that knows what they want.
        let href = if given || json { String::new() } else { with(request, &[("context", &more)]) };
        Wanted { property: property.to_owned(), given, href }
    };
    question::properties(flag).into_iter().take(limits::UI_PLAYGROUND_PROPERTIES).map(one).collect()
}

/// This question with other words for some of its fields.
fn with(request: &HttpRequest, fields: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if !fields.iter().any(|(other, _)| *other == name) && !value.is_empty() {
            query.append_pair(&name, &value);
        }
    }
    query.extend_pairs(fields);
    format!("{}?{}", request.path(), query.finish())
}

fn snippets(
    visit: &Visit<'_>,
    environment: &Environment,
    namespace: &str,
    flag: &Flag,
    asked: &Asked,
    read: &Context,
) -> Vec<snippet::Snippet> {
    let base = {
        let connection = visit.request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    };
    snippet::all(&snippet::Call {
        base: &base,
        environment: &environment.name,
        is_default: environment.default,
        namespace,
        flag: &flag.key,
        kind: flag.kind,
        entity: &asked.entity,
        context: &question::pairs(read),
        has_token: !visit.pass.caller().name.is_empty(),
    })
}
