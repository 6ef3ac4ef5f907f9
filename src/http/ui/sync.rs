//! `/ui/sync`: what each storage is doing, what is wrong with it and what to do, and who listens.
//!
//! It says what `GET /api/v2/storages` says, in the order in which somebody looks who was woken: is it well, how old is
//! what is served, what fails since when, which files are to blame. A storage is no environment's own: who may see it may
//! see everything.

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;

use super::{Trouble, Visit, answered};
use crate::fault::Class;
use crate::flags::problem::{Problem, Severity};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::status::given_up_problems;
use crate::limits;
use crate::sync::status::{self, Mode};
use crate::track;
use crate::view::moment::Moment;
use crate::view::took::took;
use crate::write::standing::Standing;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/ui/sync").route(web::get().to(page)));
}

/// `GET /ui/sync`
async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, shown(&state, &request))
}

fn shown(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    visit.pass.permit_everything()?;
    let now = state.clock.now();
    let mut storages: Vec<Storage> =
        state.board.all(now).iter().map(|storage| Storage::of(&visit, storage, now)).collect();
    // What somebody was woken for stands at the top.
    storages.sort_by_key(|storage| storage.health);
    let unwell = storages.iter().filter(|storage| storage.health < Health::Well).count();
    let clients = state.environments.streams().clients().all();
    let clients = clients.into_iter().map(|(name, streams)| Client { name, streams }).collect();
    visit.page("sync/page.html", Page { storages, unwell, clients })
}

#[derive(Debug, Serialize)]
struct Page {
    storages: Vec<Storage>,
    unwell: usize,
    clients: Vec<Client>,
}

#[derive(Debug, Serialize)]
struct Client {
    name: Arc<str>,
    streams: usize,
}

/// A commit, short for reading and whole for copying.
#[derive(Debug, Serialize)]
struct Commit {
    whole: Arc<str>,
    short: String,
}

impl Commit {
    fn of(id: &Arc<str>) -> Self {
        Self { whole: id.clone(), short: id.chars().take(10).collect() }
    }
}

/// How a storage is, in one word that the page's text explains; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// It could not be fetched.
    Failing,
    /// A file is to blame: something of it is not served.
    Held,
    /// It was not fetched yet.
    Waiting,
    /// What the remote has is served.
    Well,
    /// There is no remote.
    Local,
}

#[derive(Debug, Serialize)]
struct Storage {
    name: Arc<str>,
    health: Health,
    remote: Option<String>,
    branch: Arc<str>,
    webhook: bool,
    head: Option<Commit>,
    fetched: Option<Moment>,
    took: Option<String>,
    next: Option<Moment>,
    delivered: Option<Moment>,
    missed: u64,
    failure: Option<Failure>,
    tracking: Option<Tracking>,
    environments: Vec<Environment>,
    /// The first of them, the worst first.
    problems: Vec<Fault>,
    /// How many there are.
    faults: usize,
}

/// What fails, since when, and who has to act.
#[derive(Debug, Serialize)]
struct Failure {
    message: String,
    class: &'static str,
    since: Option<Moment>,
    attempts: u64,
}

#[derive(Debug, Serialize)]
struct Tracking {
    webhook: bool,
    open: usize,
    merged: usize,
    waiting: usize,
    looked: Option<Moment>,
    next: Option<Moment>,
    missed: u64,
    trouble: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Environment {
    name: Arc<str>,
    base: Option<Arc<str>>,
    /// Its flags, while it is there.
    href: Option<String>,
    commit: Option<Commit>,
    since: Option<Moment>,
    from_disk: bool,
    namespaces: usize,
    flags: usize,
    held: Vec<Arc<str>>,
    protected: bool,
    read_only: Option<String>,
    written: Option<Moment>,
    warnings: Vec<String>,
    /// Changes that are served and not pushed yet, and until when.
    waiting: usize,
    until: Option<Moment>,
}

/// A problem of a file, and where.
#[derive(Debug, Serialize)]
struct Fault {
    environment: Arc<str>,
    severity: Severity,
    code: &'static str,
    /// File and line, as an editor takes them; empty where it is about no file.
    place: String,
    namespace: Option<Arc<str>>,
    key_path: String,
    message: String,
    help: String,
}

impl Storage {
    fn of(visit: &Visit<'_>, storage: &status::Storage, now: Timestamp) -> Self {
        let state = visit.state;
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::of(at, now));
        let environments: Vec<Environment> =
            storage.environments.iter().map(|one| Environment::of(visit, storage, one, now)).collect();
        let mut problems: Vec<Fault> =
            storage.environments.iter().flat_map(|one| faults(state, &storage.name, one)).collect();
        let faults = problems.len();
        // Every branch has those of its base once more: a file that is wrong in many of them is read once.
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        problems.truncate(limits::UI_PROBLEMS);
        let is_held = |one: &Environment| !one.held.is_empty() || one.commit.is_none();
        let health = match (&storage.failure, &storage.remote) {
            (Some(_), _) => Health::Failing,
            (None, None) => Health::Local,
            (None, Some(_)) if storage.last_fetch.is_none() => Health::Waiting,
            _ if environments.iter().any(is_held) => Health::Held,
            _ => Health::Well,
        };
        Self {
            name: storage.name.clone(),
            health,
            remote: storage.remote.clone(),
            branch: storage.branch.clone(),
            webhook: storage.mode == Mode::Webhook,
            head: storage.head.as_ref().map(Commit::of),
            fetched: moment(storage.last_fetch),
            took: storage.fetch_milliseconds.map(took),
            next: moment(storage.next_poll),
            delivered: moment(storage.last_delivery),
            missed: storage.missed_deliveries,
            failure: storage.failure.as_ref().map(|failure| Failure {
                message: failure.message.clone(),
                class: failure.class.name(),
                since: moment(Some(failure.since)),
                attempts: failure.attempts,
            }),
            tracking: state.tracker.status(&storage.name).map(|status| Tracking::of(status, now)),
            environments,
            problems,
            faults,
        }
    }
}

impl Tracking {
    fn of(status: track::Status, now: Timestamp) -> Self {
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::of(at, now));
        Self {
            webhook: status.mode == track::schedule::Mode::Webhook,
            open: status.open,
            merged: status.merged,
            waiting: status.waiting,
            looked: moment(status.last_reconcile),
            next: moment(status.next_reconcile),
            missed: status.missed,
            trouble: status.trouble.map(|trouble| Failure {
                message: trouble.message,
                class: Class::name(trouble.class),
                since: moment(trouble.since),
                attempts: 0,
            }),
        }
    }
}

impl Environment {
    fn of(visit: &Visit<'_>, storage: &status::Storage, one: &status::Environment, now: Timestamp) -> Self {
        let state = visit.state;
        let moment = |at: Option<Timestamp>| at.map(|at| Moment::of(at, now));
        let served = state.environments.get(&one.name);
        let standing = served.as_ref().map_or_else(Standing::default, |served| state.writers.standing(served));
        Self {
            name: one.name.clone(),
            base: one.base.clone(),
            href: served.as_ref().map(|served| visit.flags_of(served)),
            commit: one.commit.as_ref().map(Commit::of),
            since: moment(one.since),
            from_disk: one.from_disk,
            namespaces: one.namespaces.len(),
            flags: one.namespaces.iter().map(|(_, flags)| flags).sum(),
            held: one.held.clone(),
            protected: standing.protected,
            read_only: standing.read_only,
            written: moment(state.audit.last_write(&storage.name, &one.name)),
            warnings: standing.warnings,
            waiting: standing.waiting,
            until: moment(standing.until),
        }
    }
}

/// What is wrong with the files of an environment, and what was given up of what was changed behind glass.
fn faults(state: &State, storage: &str, one: &status::Environment) -> Vec<Fault> {
    let directory = state.environments.get(&one.name).map(|served| served.directory.clone()).unwrap_or_default();
    let given_up = given_up_problems(state, storage, &one.name);
    one.problems.iter().chain(&given_up).map(|problem| Fault::of(problem, &one.name, &directory)).collect()
}

impl Fault {
    fn of(problem: &Problem, environment: &Arc<str>, directory: &str) -> Self {
        let file: Vec<&str> = [directory, &problem.file].into_iter().filter(|part| !part.is_empty()).collect();
        let mut place = if problem.file.is_empty() { String::new() } else { file.join("/") };
        if let Some(at) = &problem.at {
            place = format!("{place}:{}:{}", at.line, at.column);
        }
        Self {
            environment: environment.clone(),
            severity: problem.severity,
            code: problem.code,
            place,
            namespace: problem.namespace.clone(),
            key_path: problem.key_path.clone(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}
