//! `…/review`: what changes will do, before they are made.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::conflict;
use super::offer::{Offer, named};
use crate::auth::Action;
use crate::flags::change::told::told;
use crate::flags::resource::revision;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::{blocking, changes_as_text, changes_of, refused_write};
use crate::http::error::Failure;
use crate::http::ui::form::Form;
use crate::http::ui::render::{segment, shown};
use crate::http::ui::session::own;
use crate::http::ui::{Trouble, Visit, answered};
use crate::limits;
use crate::serve::Environment;
use crate::view;
use crate::write::{Change, Outcome, Refusal, Request, What};

/// What somebody has said about changes beside the changes themselves.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Wish {
    /// `here`, `branch`, `glass`; empty where nothing was said yet.
    pub(super) to: String,
    /// The branch, where it goes to one.
    pub(super) branch: String,
    /// Propose it.
    pub(super) propose: bool,
    /// Message of the commit; the template's, where it is empty.
    pub(super) message: String,
    /// Why the glass is broken.
    pub(super) reason: String,
    /// Where one came from: the page with the form.
    pub(super) from: String,
    /// Where one goes on when it is saved.
    pub(super) next: String,
    /// These are changes that were gathered.
    pub(super) gathered: bool,
}

impl Wish {
    pub(super) fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().replace("\r\n", "\n");
        Self {
            to: text("to"),
            branch: text("branch"),
            propose: form.filled("propose").is_some(),
            message: text("message"),
            reason: text("reason"),
            from: own(form.text("from")).to_owned(),
            next: own(form.text("next")).to_owned(),
            gathered: form.filled("gathered").is_some(),
        }
    }

    /// These changes, to be tried and not to be made.
    pub(super) fn dry_run(&self, visit: &Visit<'_>, environment: &Arc<Environment>, changes: &[Change]) -> Request {
        Request {
            environment: environment.clone(),
            changes: changes.to_vec(),
            revision: None,
            message: Some(self.message.clone()).filter(|message| !message.is_empty()),
            co_authors: Vec::new(),
            by: visit.by(),
            dry_run: true,
            on_branch: None,
            break_glass: None,
        }
    }
}

/// What every page about changes is sent: by whom, to which environment, and what they have said.
pub(super) struct Said<'s> {
    pub(super) visit: Visit<'s>,
    pub(super) form: Form,
    pub(super) environment: Arc<Environment>,
    pub(super) wish: Wish,
}

impl<'s> Said<'s> {
    pub(super) async fn read(state: &'s Data<State>, request: &'s HttpRequest, sent: Payload) -> Result<Self, Trouble> {
        let visit = Visit::admit(state, request, Need::CHANGE)?;
        let form = visit.form(sent).await?;
        let environment = visit.environment(Action::Read)?;
        let wish = Wish::of(&form);
        Ok(Self { visit, form, environment, wish })
    }
}

/// One of the changes, in a line.
#[derive(Debug, Serialize)]
struct Line {
    verb: &'static str,
    kind: &'static str,
    namespace: String,
    key: String,
    href: Option<String>,
    /// Joined with what somebody else has changed since.
    merged: bool,
    /// All changes but this one.
    others: Option<String>,
}

/// Why it was not done.
#[derive(Debug, Serialize)]
pub(super) struct Wrong {
    message: String,
    meaning: &'static str,
    problems: Vec<crate::flags::problem::Problem>,
    /// The provider is down: it may be served before it is pushed.
    down: bool,
    /// Whether it was done is not known.
    unknown: bool,
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        let problems = match &refusal {
            Refusal::Invalid { problems, .. } => problems.iter().take(limits::CONFLICTS_TOLD).cloned().collect(),
            _ => Vec::new(),
        };
        let (down, unknown) = (matches!(refusal, Refusal::Unavailable { .. }), matches!(refusal, Refusal::Unknown(_)));
        Self { problems, down, unknown, ..Self::from(refused_write(refusal)) }
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        let Failure { code, message, .. } = failure;
        Self {
            message: message.into_owned(),
            meaning: code.meaning(),
            problems: Vec::new(),
            down: false,
            unknown: false,
        }
    }
}

/// `GET /ui/e/{environment}/review`: what was gathered, which the browser alone knows.
pub(super) async fn gathered(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let page = || {
        let visit = Visit::admit(&state, &request, Need::READ)?;
        visit.environment(Action::Read)?;
        visit.page("save/gathered.html", context! { emptied => false })
    };
    answered(&state, &request, page())
}

/// `POST /ui/e/{environment}/review`
pub(super) async fn asked(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, looked(&state, &request, sent).await)
}

async fn looked(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let Said { visit, form, environment, mut wish } = Said::read(state, request, sent).await?;
    // One that is taken away stands in the name of its button.
    let text = form.filled("only").unwrap_or_else(|| form.text("changes"));
    if text == "[]" {
        return visit.page("save/gathered.html", context! { emptied => true });
    }
    let changes = changes_of(text)?;
    if form.filled("next").is_none() {
        let namespace = changes.first().map_or_else(|| "default".to_owned(), |change| segment(&change.namespace));
        wish.next = format!("/ui/e/{}/n/{namespace}/flags", segment(&environment.name));
    }
    page(&visit, environment, changes, wish, None).await
}

/// The page. `wrong` says why they were not made when they were asked for.
pub(super) async fn page(
    visit: &Visit<'_>,
    environment: Arc<Environment>,
    changes: Vec<Change>,
    mut wish: Wish,
    wrong: Option<Wrong>,
) -> Result<HttpResponse, Trouble> {
    let offer = Offer::of(visit, &environment, &changes)?;
    if !(offer.here && wish.to == "here" || offer.glass && wish.to == "glass" || offer.branch && wish.to == "branch") {
        (if offer.here { "here" } else { "branch" }).clone_into(&mut wish.to);
        wish.propose = offer.cannot_propose.is_none();
    }
    if wish.branch.is_empty() {
        wish.branch.clone_from(&offer.name);
    }
    let changes = pinned(visit, &environment, changes).await?;
    let on_branch = (!offer.here).then(|| wish.branch.clone());
    let request = Request { on_branch, ..wish.dry_run(visit, &environment, &changes) };
    let (outcome, wrong) = match visit.state.writers.change(request).await {
        Ok(outcome) => (Some(outcome), wrong),
        Err(Refusal::Conflict(met)) => return conflict::page(visit, &changes, &wish, &conflict::Met::of(*met)),
        Err(refusal) => (None, Some(Wrong::from(refusal))),
    };
    let page = context! {
        changes => changes_as_text(&changes),
        lines => shown(lines(&environment, &changes, outcome.as_ref())),
        offer => shown(offer),
        wish => shown(wish),
        wrong => shown(wrong),
        branch => &*environment.branch,
        outcome => shown(outcome.map(|outcome| told_of(&outcome))),
    };
    visit.page("save/review.html", page)
}

/// What would come of it.
#[derive(Debug, Serialize)]
struct Seen {
    /// Nothing: it is so already.
    nothing: bool,
    told: crate::flags::change::told::Told,
    diff: view::diff::Diff,
    message: String,
    warnings: Vec<crate::flags::problem::Problem>,
    rewritten: Vec<Rewritten>,
    merged: bool,
}

/// A part of a file that loses its form.
#[derive(Debug, Serialize)]
struct Rewritten {
    file: String,
    what: String,
    why: String,
}

fn told_of(outcome: &Outcome) -> Seen {
    let rewritten = outcome.rewritten.iter().map(|(file, part)| Rewritten {
        file: file.clone(),
        what: part.what.clone(),
        why: part.why.clone(),
    });
    Seen {
        nothing: outcome.text_diff.is_empty(),
        told: told(&outcome.changes, limits::UI_CHANGES),
        diff: view::diff::read(&outcome.text_diff),
        message: outcome.message.trim_end().to_owned(),
        warnings: outcome.warnings.iter().take(limits::CONFLICTS_TOLD).cloned().collect(),
        rewritten: rewritten.collect(),
        merged: outcome.written.iter().any(|one| one.merged),
    }
}

/// The changes, each with the revision that is shown here where its author named none: whatever comes between this page
/// and its answer is joined or told, and never overwritten.
async fn pinned(
    visit: &Visit<'_>,
    environment: &Arc<Environment>,
    mut changes: Vec<Change>,
) -> Result<Vec<Change>, Trouble> {
    if changes.iter().all(|change| change.revision.is_some()) {
        return Ok(changes);
    }
    let environment = environment.clone();
    let pinned = blocking(visit.state, move |state| {
        let tip = state.writers.tip(&environment)?;
        for change in changes.iter_mut().filter(|change| change.revision.is_none()) {
            let (kind, key) = match &change.what {
                What::Create(_) | What::CreateNamespace(_) => continue,
                What::Update(resource) | What::Put(resource) => (resource.kind(), resource.key()),
                What::Delete { kind, key } => (*kind, key.as_str()),
                What::UpdateNamespace(_) | What::DeleteNamespace => {
                    change.revision = Some(tip.commit.to_string());
                    continue;
                }
            };
            change.revision = tip.view.get(&change.namespace, kind, key).map(|there| revision(&there));
        }
        Ok(changes)
    });
    Ok(pinned.await?)
}

fn lines(environment: &Environment, changes: &[Change], outcome: Option<&Outcome>) -> Vec<Line> {
    let line = |(at, change): (usize, &Change)| {
        let (verb, kind, key) = named(change);
        let place = format!("/ui/e/{}/n/{}", segment(&environment.name), segment(&change.namespace));
        let others = || {
            let others: Vec<Change> =
                changes.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, one)| one.clone()).collect();
            changes_as_text(&others)
        };
        Line {
            verb,
            kind,
            namespace: change.namespace.clone(),
            key: key.to_owned(),
            href: match (verb, kind) {
                ("create", _) => None,
                (_, "namespace") => Some(format!("{place}/flags")),
                _ => Some(format!("{place}/{kind}s/{}", segment(key))),
            },
            merged: outcome.and_then(|outcome| outcome.written.get(at)).is_some_and(|written| written.merged),
            others: (changes.len() > 1 && changes.len() <= limits::UI_GATHERED).then(others),
        }
    };
    changes.iter().enumerate().map(line).collect()
}
