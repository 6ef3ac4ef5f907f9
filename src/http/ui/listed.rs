//! What every list has: where it was read, its pages, its orders, and what was chosen in it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use minijinja::{Value, context};
use serde::Serialize;

use super::form::Form;
use super::render::{segment, shown};
use super::visit::here;
use super::{Trouble, Visit, copy};
use crate::auth::Action;
use crate::flags::resource::Kind;
use crate::http::error::Failure;
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
    /// There are some, of which nothing is told to whoever may read some namespaces alone.
    broken_elsewhere: bool,
}

/// A file in error.
#[derive(Debug, Serialize)]
struct Broken {
    path: String,
    why: String,
}

impl Head {
    /// That of a namespace; `whole` is for somebody who may read all of the environment.
    pub(super) fn of(environment: &Environment, tip: &Tip, namespace: &str, whole: bool) -> Self {
        let listed = tip.view.namespace(namespace);
        let head = listed.as_ref().map(|listed| &listed.namespace);
        let below = |path: &str| match &*environment.directory {
            "" => path.to_owned(),
            directory => format!("{directory}/{path}"),
        };
        let all = tip.view.broken().count();
        let told = if whole { all } else { 0 };
        let broken = tip.view.broken().take(told.min(BROKEN));
        let broken =
            broken.map(|(file, why)| Broken { path: below(&file.path), why: cut(why, 2 * limits::UI_CELL_CHARACTERS) });
        Self {
            commit: tip.commit.to_string(),
            branch: environment.branch.to_string(),
            there: listed.is_some(),
            name: head.filter(|head| head.name != head.key).map(|head| cut(&head.name, limits::UI_CELL_CHARACTERS)),
            description: head.map(|head| cut(&head.description, 2 * limits::UI_CELL_CHARACTERS)).unwrap_or_default(),
            read_only: listed.as_ref().is_some_and(|listed| listed.read_only),
            broken: broken.collect(),
            more_broken: told.saturating_sub(BROKEN),
            broken_elsewhere: all > told,
        }
    }
}

/// What every row says first.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    key: String,
    name: String,
    description: String,
}

impl Named {
    pub(super) fn of(key: &str, name: &str, description: &str) -> Self {
        let cut = |text: &str| cut(text, limits::UI_CELL_CHARACTERS);
        Self { key: key.to_owned(), name: cut(name), description: cut(description) }
    }
}

/// What a list is made of.
pub(super) struct List<R> {
    pub(super) head: Head,
    pub(super) rows: Vec<R>,
    pub(super) found: Found,
    pub(super) total: usize,
    /// Which changes were the last is not wholly known yet.
    pub(super) waits: bool,
}

impl<R: Serialize> List<R> {
    /// What its page shows, in orders that its columns offer.
    pub(super) fn page(&self, query: &Query, by: &[By]) -> Value {
        context! {
            head => shown(&self.head),
            rows => shown(&self.rows),
            total => self.total,
            waits => self.waits,
            query => shown(query),
            narrow => query.is_narrow(),
            pages => shown(Pages::of(query, &self.found)),
            by => shown(orders(query, by)),
        }
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

/// How long a list waits for the last changes: longer where it is asked for by them, and where it is shown already and
/// asks for nothing else (`lists/parts.html`).
pub(super) fn patience(visit: &Visit<'_>, query: &Query) -> Duration {
    let by_change = query.changed.is_some() || query.sort.by == By::Changed;
    let is_again = visit.asked("known") == "all";
    if by_change || is_again { limits::RECENT_WAIT_LONG } else { limits::RECENT_WAIT }
}

/// What the address asks for.
pub(super) fn query(request: &HttpRequest) -> Query {
    let pairs: Vec<_> = url::form_urlencoded::parse(request.query_string().as_bytes()).collect();
    Query::of(pairs.iter().map(|(name, value)| (&**name, &**value)))
}

/// The pages of what was found.
#[derive(Debug, Serialize)]
struct Pages {
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
    fn of(query: &Query, found: &Found) -> Self {
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
struct Order {
    /// The query that asks for it.
    query: String,
    /// `ascending`, `descending` or `none`, as `aria-sort` has it.
    now: &'static str,
}

/// The orders that the columns offer, by the word of each.
fn orders(query: &Query, by: &[By]) -> std::collections::BTreeMap<&'static str, Order> {
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

/// What somebody wants to have done to which flags or segments of a list, and may. Answered already is what changes
/// nothing: nothing was chosen, or what was is to be copied, which begins on a page of its own.
pub(super) async fn wanted(
    visit: &Visit<'_>,
    environment: &Environment,
    kind: Kind,
    sent: Payload,
) -> Result<ControlFlow<HttpResponse, (String, Vec<String>)>, Trouble> {
    let namespace = visit.named("namespace");
    let (wanted, keys) = chosen(&visit.form(sent).await?);
    if keys.is_empty() {
        return Ok(ControlFlow::Break(redirect(&here(visit.request))));
    }
    if keys.len() > limits::CHANGES {
        return Err(Failure::invalid(format!("one commit has at most {} changes", limits::CHANGES)).into());
    }
    if wanted == "copy" {
        return Ok(ControlFlow::Break(redirect(&copy::address(&environment.name, &namespace, kind, &keys))));
    }
    may_change(visit, &environment.name, &namespace)?;
    Ok(ControlFlow::Continue((wanted, keys)))
}

/// What a form of a list asks for, and of which: `turn=on:key` of one, or `do=on` of those that are ticked.
fn chosen(form: &Form) -> (String, Vec<String>) {
    if let Some((what, key)) = form.filled("turn").and_then(|turn| turn.split_once(':')) {
        return (what.to_owned(), vec![key.to_owned()]);
    }
    let ticked = form.fields().filter(|(name, key)| *name == "key" && !key.is_empty());
    let mut known = HashSet::new();
    let keys = ticked.map(|(_, key)| key).filter(|key| known.insert(*key)).map(str::to_owned);
    (form.text("do").to_owned(), keys.collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_chosen_once_and_one_by_its_own_button() {
        let of = |sent: &str| chosen(&Form::read(sent.as_bytes()));
        let told =
            |what: &str, keys: &[&str]| (what.to_owned(), keys.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of("key=b&key=&key=a&key=b&do=delete"), told("delete", &["b", "a"]));
        assert_eq!(of("key=b&turn=on:a%3Ac&do=delete"), told("on", &["a:c"]));
        assert_eq!(of(""), told("", &[]));
    }
}
