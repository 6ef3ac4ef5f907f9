//! What every list has: where it was read, its pages, its orders, and what was chosen in it.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use super::form::Form;
use super::render::segment;
use super::{Trouble, Visit};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::limits;
use crate::serve::Environment;
use crate::view::list::{By, Found, Query, cut};
use crate::view::moment::Moment;
use crate::write::recent::Change;
use crate::write::writers::Tip;

/// Files in error that a list tells of; the page about the state of all has the others.
const BROKEN: usize = 5;

/// Where a list was read.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    /// The commit; empty where there is none yet.
    commit: String,
    branch: String,
    /// Whether the namespace is there.
    there: bool,
    /// Its name, where it is another one than its key.
    name: Option<String>,
    description: String,
    /// It stands in files that are only read.
    read_only: bool,
    /// Files in error: what they hold is not listed.
    broken: Vec<Broken>,
    /// Further ones.
    more_broken: usize,
}

/// A file in error.
#[derive(Debug, Serialize)]
struct Broken {
    path: String,
    why: String,
    /// Its directory, which has the name of the namespace that it is about, where it has one.
    #[serde(skip)]
    directory: String,
}

impl Head {
    pub(super) fn of(environment: &Environment, tip: &Tip, namespace: &str) -> Self {
        let listed = tip.view.namespace(namespace);
        let head = listed.as_ref().map(|listed| &listed.namespace);
        let below = |path: &str| match &*environment.directory {
            "" => path.to_owned(),
            directory => format!("{directory}/{path}"),
        };
        let broken = tip.view.broken().map(|(file, why)| Broken {
            path: below(&file.path),
            why: cut(why, 2 * limits::UI_CELL_CHARACTERS),
            directory: file.directory().to_owned(),
        });
        Self {
            commit: tip.commit.to_string(),
            branch: environment.branch.to_string(),
            there: listed.is_some(),
            name: head.filter(|head| head.name != head.key).map(|head| cut(&head.name, limits::UI_CELL_CHARACTERS)),
            description: head.map(|head| cut(&head.description, 2 * limits::UI_CELL_CHARACTERS)).unwrap_or_default(),
            read_only: listed.as_ref().is_some_and(|listed| listed.read_only),
            broken: broken.collect(),
            more_broken: 0,
        }
    }

    /// As somebody may see it: what a file in error is about is known by its place alone.
    pub(super) fn seen(mut self, visit: &Visit<'_>, environment: &str) -> Self {
        let may = |namespace: &str| visit.may(Action::Read, environment, namespace);
        let whole = may(ANY);
        self.broken.retain(|file| whole || may(&file.directory));
        self.more_broken = self.broken.len().saturating_sub(BROKEN);
        self.broken.truncate(BROKEN);
        self
    }
}

/// The last change of something, as a row tells of it.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    at: Moment,
    by: String,
}

impl Changed {
    pub(super) fn of(change: &Change, now: Timestamp) -> Self {
        Self { at: Moment::of(change.at, now), by: cut(&change.author, limits::UI_CELL_CHARACTERS / 4) }
    }
}

/// How long a list waits for the last changes: longer where it is asked for by them.
pub(super) fn patience(query: &Query) -> Duration {
    let by_change = query.changed.is_some() || query.sort.by == By::Changed;
    if by_change { limits::RECENT_WAIT_LONG } else { limits::RECENT_WAIT }
}

/// What the address asks for.
pub(super) fn query(request: &HttpRequest) -> Query {
    let pairs: Vec<_> = url::form_urlencoded::parse(request.query_string().as_bytes()).collect();
    Query::of(pairs.iter().map(|(name, value)| (&**name, &**value)))
}

/// The pages of what was found.
#[derive(Debug, Serialize)]
pub(super) struct Pages {
    matching: usize,
    /// The first row of this page, from 1; 0 where nothing was found.
    from: usize,
    to: usize,
    page: usize,
    count: usize,
    /// Queries of the pages beside this one.
    before: Option<String>,
    after: Option<String>,
    here: String,
    first: String,
    last: String,
    /// Without anything that leaves something out.
    all: String,
}

impl Pages {
    pub(super) fn of(query: &Query, found: &Found) -> Self {
        let from = (found.page - 1) * limits::UI_ROWS;
        let all = Query { sort: query.sort, ..Query::default() };
        Self {
            matching: found.matching,
            from: if found.rows.is_empty() { 0 } else { from + 1 },
            to: from + found.rows.len(),
            page: found.page,
            count: found.pages,
            before: (found.page > 1).then(|| query.at(found.page - 1).address()),
            after: (found.page < found.pages).then(|| query.at(found.page + 1).address()),
            here: query.at(found.page).address(),
            first: query.at(1).address(),
            last: query.at(found.pages).address(),
            all: all.address(),
        }
    }
}

/// An order that a column offers.
#[derive(Debug, Serialize)]
pub(super) struct Order {
    /// The query that asks for it.
    query: String,
    /// `ascending`, `descending` or `none`, as `aria-sort` has it.
    now: &'static str,
}

/// The orders that the columns offer, by the word of each.
pub(super) fn orders(query: &Query, by: &[By]) -> std::collections::BTreeMap<&'static str, Order> {
    let order = |by: By| {
        let now = match (query.sort.by == by, query.sort.back) {
            (false, _) => "none",
            (true, back) if back == by.is_from_the_top() => "ascending",
            (true, _) => "descending",
        };
        (by.word(), Order { query: query.by(by).address(), now })
    };
    by.iter().copied().map(order).collect()
}

/// What a form of a list asks for, and of which: `turn=on:key` of one, or `do=on` of those that are ticked.
pub(super) fn chosen(form: &Form) -> (String, Vec<String>) {
    if let Some((what, key)) = form.filled("turn").and_then(|turn| turn.split_once(':')) {
        return (what.to_owned(), vec![key.to_owned()]);
    }
    let mut keys: Vec<String> = Vec::new();
    for (_, key) in form.fields().filter(|(name, key)| *name == "key" && !key.is_empty()) {
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    (form.text("do").to_owned(), keys)
}

/// Whether somebody may change something here, directly or by a proposal; as an error that says what is missing.
pub(super) fn may_change(visit: &Visit<'_>, environment: &str, namespace: &str) -> Result<(), Trouble> {
    if visit.may(Action::Write, environment, namespace) || visit.may(Action::Propose, environment, namespace) {
        return Ok(());
    }
    Ok(visit.pass.permit_to(Action::Write, environment, namespace)?)
}

/// The address of a page of a namespace.
pub(super) fn place(environment: &str, namespace: &str, page: &str) -> String {
    format!("/ui/e/{}/n/{}/{page}", segment(environment), segment(namespace))
}

/// Leads somewhere else.
pub(super) fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}
