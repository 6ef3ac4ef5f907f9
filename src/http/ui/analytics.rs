//! `…/analytics`: how often flags are evaluated, and what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use super::{Trouble, Visit, answered};
use crate::analytics::{Course, Span, Sums, Used};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::flags::snapshot::Namespace;
use crate::http::State;
use crate::http::auth::Need;
use crate::limits;
use crate::view::ago::{Ago, ago};
use crate::view::plot::{Kind, Plot, Spark, grouped, plot, share, spark};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/ui/e/{environment}/n/{namespace}/analytics").route(web::get().to(page)));
}

/// `GET /ui/e/{environment}/n/{namespace}/analytics?span=&flag=&q=&unused=`
pub(super) async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, paged(&state, &request))
}

/// What every one of these pages has.
#[derive(Debug, Serialize)]
struct Page {
    on: bool,
    /// What was counted before the start is being read.
    reading: bool,
    span: &'static str,
    spans: [&'static str; 3],
    /// Whether it is worth looking again soon.
    moves: bool,
    plot: Plot,
    total: String,
    /// Evaluations of flags that are too many to be counted by name, of all environments: for whoever may see those.
    uncounted: u64,
    flag: Option<One>,
    list: Option<List>,
}

/// One flag.
#[derive(Debug, Serialize)]
struct One {
    key: String,
    name: String,
    /// It is served now.
    there: bool,
    last: Option<Last>,
}

/// One answer of a flag.
#[derive(Debug, Serialize)]
struct Part {
    name: String,
    share: String,
}

/// The flags of the namespace.
#[derive(Debug, Serialize)]
struct List {
    /// What is searched for.
    q: String,
    /// Those that were not evaluated are listed, and not the others.
    unused: bool,
    rows: Vec<Row>,
    /// How many there are, and how many of them have no row.
    found: usize,
    more: usize,
    /// How many were evaluated and how many were not, within the span.
    used_count: usize,
    unused_count: usize,
}

/// One flag of the list.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    name: String,
    there: bool,
    count: String,
    share: String,
    answers: Vec<Part>,
    spark: Spark,
    last: Option<Last>,
}

/// When something was evaluated last.
#[derive(Debug, Serialize)]
struct Last {
    at: String,
    ago: Ago,
}

impl Last {
    fn of(at: Timestamp, now: Timestamp) -> Self {
        Self { at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), ago: ago(at, now) }
    }
}

fn paged(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let now = state.clock.now();
    let span = Span::named(&visit.asked("span")).unwrap_or(Span::Day);
    let flag = Some(visit.asked("flag")).filter(|flag| !flag.is_empty());
    let counts = &state.analytics;
    let course = counts.course(&environment.name, &namespace, flag.as_deref(), span, now);
    let plot = plot(&course.begins, course.seconds, &kinds(&course));
    let served = environment.load();
    let nothing = Namespace::default();
    let flags = served.flags.namespaces.get(&*namespace).map_or(&nothing, |namespace| &**namespace);
    let (one, list) = if let Some(key) = &flag {
        let last = counts.last(&environment.name, &namespace, key, now);
        (Some(one(key, flags, last.map(|at| Last::of(at, now)))), None)
    } else {
        let sums = counts.sums(&environment.name, &namespace, span, now);
        let used = counts.used(&environment.name, &namespace, now);
        let asked = Asked { q: visit.asked("q"), unused: visit.asked("unused") == "1" };
        (None, Some(list(asked, flags, &sums, &used, now)))
    };
    let page = Page {
        on: counts.on(),
        reading: !counts.restored(),
        span: span.name(),
        spans: Span::ALL.map(Span::name),
        moves: counts.on() && span != Span::Month,
        total: grouped(plot.total),
        plot,
        uncounted: if visit.pass.allows(ANY, ANY) { counts.uncounted() } else { 0 },
        flag: one,
        list,
    };
    visit.page("analytics/page.html", page)
}

fn kinds(course: &Course) -> Vec<Kind> {
    course.answers.iter().map(|(name, counts)| Kind { name: name.to_string(), counts: counts.clone() }).collect()
}

fn one(key: &str, flags: &Namespace, last: Option<Last>) -> One {
    let served = flags.flag(key);
    One {
        key: key.to_owned(),
        name: served.map_or_else(|| key.to_owned(), |flag| named(&flag.name, key)),
        there: served.is_some(),
        last,
    }
}

fn named(name: &str, key: &str) -> String {
    if name.trim().is_empty() { key.to_owned() } else { name.to_owned() }
}

/// What a list is asked for.
struct Asked {
    q: String,
    unused: bool,
}

/// Every flag that there is or that was evaluated, by its key, with its name.
type Known<'n> = BTreeMap<&'n str, Option<&'n str>>;

fn list(asked: Asked, flags: &Namespace, sums: &Sums, used: &BTreeMap<Arc<str>, Used>, now: Timestamp) -> List {
    let mut known: Known<'_> = sums.keys().map(|key| (&**key, None)).collect();
    known.extend(flags.flags_by_key().map(|flag| (&*flag.key, Some(&*flag.name))));
    let total = |key: &str| sums.get(key).map_or(0, |answers| answers.iter().map(|(_, count)| count).sum::<u64>());
    let all: u64 = known.keys().map(|key| total(key)).sum();
    let used_count = sums.len();
    let unused_count = known.len().saturating_sub(used_count);
    let sought = asked.q.trim().to_lowercase();
    let fits = |key: &str, name: Option<&str>| {
        sought.is_empty()
            || key.to_lowercase().contains(&sought)
            || name.is_some_and(|n| n.to_lowercase().contains(&sought))
    };
    let mut found: Vec<_> = known
        .into_iter()
        .filter(|(key, name)| sums.contains_key(*key) != asked.unused && fits(key, *name))
        .map(|(key, name)| (total(key), key, name))
        .collect();
    found.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    let rows = found.iter().take(limits::UI_ANALYTICS_FLAGS).map(|(count, key, name)| {
        let used = used.get(*key);
        let answers = sums.get(*key).into_iter().flatten().take(3);
        Row {
            key: (*key).to_owned(),
            name: named(name.unwrap_or_default(), key),
            there: name.is_some(),
            count: grouped(*count),
            share: share(*count, all),
            answers: answers.map(|(name, part)| Part { name: name.to_string(), share: share(*part, *count) }).collect(),
            spark: spark(&used.map(|used| used.hours).unwrap_or_default()),
            last: used.map(|used| Last::of(used.last, now)),
        }
    });
    List {
        rows: rows.collect(),
        more: found.len().saturating_sub(limits::UI_ANALYTICS_FLAGS),
        found: found.len(),
        q: asked.q,
        unused: asked.unused,
        used_count,
        unused_count,
    }
}
