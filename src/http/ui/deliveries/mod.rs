//! `/ui/deliveries`: what the providers sent, what became of it, and how long each step took; and what they did not send.
//! Of one storage also what is to be entered at its provider, what that has, and whether a delivery comes through.

mod setting;

use std::cmp::Reverse;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use self::setting::Setting;
use super::{Trouble, Visit, answered};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::Failure;
use crate::ingest::deliveries::Missed;
use crate::ingest::{Delivery, Outcome};
use crate::limits;
use crate::view::commit::with_short_ids;
use crate::view::moment::Moment;
use crate::view::took::took;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/ui/deliveries").route(web::get().to(page)));
    setting::routes(config);
}

/// `GET /ui/deliveries?storage=&show=&page=`
async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, shown(&state, &request))
}

fn shown(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    visit.pass.permit_everything()?;
    let now = state.clock.now();
    let all: Vec<Arc<str>> = state.board.all(now).into_iter().map(|storage| storage.name).collect();
    let wanted = visit.asked("storage");
    if !wanted.is_empty() && !all.iter().any(|name| **name == *wanted) {
        return Err(Failure::not_found(format!("storage \"{wanted}\" not found")).into());
    }
    let trouble = visit.asked("show") == "trouble";
    let number = visit.asked("page").parse::<usize>().unwrap_or(1).max(1);

    let chosen = |name: &&Arc<str>| wanted.is_empty() || ***name == *wanted;
    let mut rows: Vec<Row> = all.iter().filter(chosen).flat_map(|name| rows(state, name, now)).collect();
    rows.sort_by_key(|row| Reverse(row.at));
    let count = rows.len();
    let troubled = rows.iter().filter(|row| row.fate.is_trouble()).count();
    rows.retain(|row| !trouble || row.fate.is_trouble());
    let pages = rows.len().div_ceil(limits::DELIVERIES_SHOWN).max(1);
    let number = number.min(pages);
    let from = (number - 1) * limits::DELIVERIES_SHOWN;
    let rows = rows.into_iter().skip(from).take(limits::DELIVERIES_SHOWN).collect();
    let several = all.len() > 1;
    // Of the only storage there is, without its being asked for.
    let one = if several { Some(wanted.clone()) } else { all.first().map(ToString::to_string) };
    let setting = one.filter(|name| !name.is_empty()).and_then(|name| Setting::of(&visit, &name, now));
    let storages = all.into_iter().map(|name| Choice { current: *name == *wanted, name }).collect();
    let page = Page { storages, several, wanted, trouble, count, troubled, rows, number, pages, setting };
    visit.page("deliveries/list.html", page)
}

#[derive(Debug, Serialize)]
struct Page {
    storages: Vec<Choice>,
    /// There is more than one storage.
    several: bool,
    /// The storage that is looked at; empty for all.
    wanted: String,
    /// Only what went wrong is listed.
    trouble: bool,
    count: usize,
    troubled: usize,
    rows: Vec<Row>,
    number: usize,
    pages: usize,
    setting: Option<Setting>,
}

#[derive(Debug, Serialize)]
struct Choice {
    name: Arc<str>,
    current: bool,
}

/// What became of one, in a word that the page's text explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    /// What it announced is served.
    Live,
    /// It was taken, and is being worked on.
    Taken,
    /// What it asked for failed, or is held back.
    Failed,
    /// Authentic, and of no use.
    Ignored,
    /// It was seen before.
    Duplicate,
    /// Authentic, and about another repository.
    Elsewhere,
    /// Not authentic.
    Unverified,
    /// It could not be taken in.
    Refused,
    /// Nothing was sent.
    Missed,
}

impl Fate {
    fn of(delivery: &Delivery) -> Self {
        match delivery.outcome {
            Outcome::Accepted if delivery.error.is_some() => Self::Failed,
            Outcome::Accepted if delivery.steps.live.is_some() => Self::Live,
            Outcome::Accepted => Self::Taken,
            Outcome::Duplicate => Self::Duplicate,
            Outcome::Ignored => Self::Ignored,
            Outcome::OtherRepository => Self::Elsewhere,
            Outcome::Unauthorized | Outcome::UnknownEndpoint => Self::Unverified,
            Outcome::Unsupported | Outcome::TooLarge | Outcome::TooSlow | Outcome::Overloaded => Self::Refused,
        }
    }

    const fn is_trouble(self) -> bool {
        matches!(self, Self::Failed | Self::Elsewhere | Self::Unverified | Self::Refused | Self::Missed)
    }

    /// The chip that it is shown as.
    const fn look(self) -> &'static str {
        match self {
            Self::Live => "good",
            Self::Taken | Self::Elsewhere => "warn",
            Self::Failed | Self::Unverified | Self::Refused | Self::Missed => "bad",
            Self::Ignored | Self::Duplicate => "off",
        }
    }
}

/// One line of the inbox.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    at: Timestamp,
    /// What it can be found by on the page.
    id: Arc<str>,
    when: Moment,
    storage: Arc<str>,
    provider: &'static str,
    event: Option<String>,
    /// The provider's own id.
    delivery: Option<String>,
    fate: Fate,
    look: &'static str,
    /// How it was verified.
    verified: Option<&'static str>,
    status: u16,
    detail: String,
    error: Option<String>,
    commit: Option<String>,
    steps: [Option<String>; 4],
}

/// What there is of a storage.
fn rows(state: &State, storage: &str, now: Timestamp) -> Vec<Row> {
    let log = &state.deliveries;
    let kept = limits::DELIVERIES_KEPT + limits::REFUSALS_KEPT;
    let deliveries = log.list(storage, kept);
    let missed = log.missed_of(storage);
    deliveries
        .iter()
        .map(|one| Row::of(one, now))
        .chain(missed.into_iter().map(|one| Row::of_missed(one, now)))
        .collect()
}

impl Row {
    fn of(delivery: &Delivery, now: Timestamp) -> Self {
        let fate = Fate::of(delivery);
        let steps = &delivery.steps;
        Self {
            at: delivery.received,
            id: delivery.id.clone(),
            when: Moment::of(delivery.received, now),
            storage: delivery.storage.clone(),
            provider: delivery.provider,
            event: delivery.event.clone(),
            delivery: delivery.delivery_id.clone(),
            fate,
            look: fate.look(),
            verified: delivery.verified,
            status: delivery.status,
            detail: with_short_ids(&delivery.detail),
            error: delivery.error.clone(),
            commit: delivery.commit.clone(),
            steps: [steps.verified, steps.answered, steps.fetched, steps.live].map(|step| step.map(took)),
        }
    }

    fn of_missed(missed: Missed, now: Timestamp) -> Self {
        Self {
            at: missed.at,
            id: missed.commit.as_str().into(),
            when: Moment::of(missed.at, now),
            storage: missed.storage,
            provider: "",
            event: None,
            delivery: None,
            fate: Fate::Missed,
            look: Fate::Missed.look(),
            verified: None,
            status: 0,
            detail: String::new(),
            error: None,
            commit: Some(missed.commit),
            steps: [const { None }; 4],
        }
    }
}
