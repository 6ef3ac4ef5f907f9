//! `…/resolve`: somebody else was faster. The three versions beside each other, and what is made of them.
//!
//! What only one of the two has changed is merged already. What is decided here becomes a change like the one before,
//! made to what is there now, and is looked at before it is saved: nobody is overwritten who came after this page.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::offer::named;
use super::review::{self, Said, Wish};
use crate::flags::resource::{Compared, Kind, Resource, Side, compare, payload, revision};
use crate::http::State;
use crate::http::environments::{changes_as_text, changes_of};
use crate::http::error::Failure;
use crate::http::ui::render::shown;
use crate::http::ui::{Trouble, Visit, answered};
use crate::view::conflict::{decided, rows};
use crate::write::{Change, Conflict, What};

/// What somebody met with, as the page carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Met {
    message: String,
    namespace: String,
    /// None of a namespace.
    kind: Option<String>,
    key: String,
    base: Option<Value>,
    theirs: Option<Value>,
    /// Tip of the branch.
    commit: String,
}

impl Met {
    pub(super) fn of(conflict: Conflict) -> Self {
        let version = |resource: Option<Resource>| resource.as_ref().map(payload::to_json);
        Self {
            message: conflict.message,
            namespace: conflict.namespace,
            kind: conflict.kind.map(|kind| kind.word().to_owned()),
            key: conflict.key,
            base: version(conflict.base),
            theirs: version(conflict.theirs),
            commit: conflict.commit.to_string(),
        }
    }

    /// Which of the changes it is about.
    fn place(&self, changes: &[Change]) -> Option<usize> {
        let kind = self.kind.as_deref().unwrap_or("namespace");
        changes.iter().rposition(|change| {
            let (_, of, key) = named(change);
            change.namespace == self.namespace && of == kind && key == self.key
        })
    }

    fn version(&self, value: Option<&Value>) -> Result<Option<Resource>, Failure> {
        let kind = if self.kind.as_deref() == Some(Kind::Segment.word()) { Kind::Segment } else { Kind::Flag };
        let read = |value: &Value| payload::resource(kind, &self.key, value);
        value.map(read).transpose().map_err(|invalid| Failure::invalid(invalid.to_string()))
    }
}

/// What a change wants a flag or segment to be; nothing where it is to go.
fn ours(change: &Change) -> Option<&Resource> {
    match &change.what {
        What::Create(resource) | What::Update(resource) | What::Put(resource) => Some(resource),
        _ => None,
    }
}

/// The page, with nothing decided yet.
pub(super) fn page(visit: &Visit<'_>, changes: &[Change], wish: &Wish, met: &Met) -> Result<HttpResponse, Trouble> {
    let compared = compared(changes, met, &BTreeMap::new())?;
    asked(visit, changes, wish, met, compared.as_ref(), false)
}

/// The three of them; nothing where one is gone, or it is a namespace.
fn compared(changes: &[Change], met: &Met, decided: &BTreeMap<String, Side>) -> Result<Option<Compared>, Failure> {
    let ours = met.place(changes).and_then(|at| changes.get(at)).and_then(ours);
    let (base, theirs) = (met.version(met.base.as_ref())?, met.version(met.theirs.as_ref())?);
    let (Some(ours), Some(theirs)) = (ours, &theirs) else { return Ok(None) };
    Ok(Some(compare(base.as_ref(), ours, theirs, decided)))
}

fn asked(
    visit: &Visit<'_>,
    changes: &[Change],
    wish: &Wish,
    met: &Met,
    compared: Option<&Compared>,
    tried: bool,
) -> Result<HttpResponse, Trouble> {
    let rows = compared.map(rows).unwrap_or_default();
    let merged = rows.iter().filter(|row| !row.overlaps).count();
    let left = compared.map(|compared| compared.left.clone()).unwrap_or_default();
    // What is left and has no row: what was decided does not hold together.
    let loose: Vec<&String> =
        left.iter().filter(|path| !compared.is_some_and(|c| c.fields.iter().any(|f| f.path == **path))).collect();
    let page = context! {
        changes => changes_as_text(changes),
        met => serde_json::to_string(met).unwrap_or_default(),
        message => &met.message,
        namespace => &met.namespace,
        kind => met.kind.as_deref().unwrap_or("namespace"),
        key => &met.key,
        is_known => met.base.is_some(),
        is_gone => met.kind.is_some() && met.theirs.is_none(),
        deletes => met.place(changes).and_then(|at| changes.get(at)).is_some_and(|change| named(change).0 == "delete"),
        rows => shown(&rows),
        merged => merged,
        loose => shown(&loose),
        tried => tried,
        wish => shown(wish),
    };
    visit.page("save/conflict.html", page)
}

/// `POST /ui/e/{environment}/resolve`
pub(super) async fn decide(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, resolved(&state, &request, sent).await)
}

async fn resolved(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let Said { visit, form, environment, wish } = Said::read(state, request, sent).await?;
    let mut changes = changes_of(form.text("changes"))?;
    let met: Met = serde_json::from_str(form.text("met")).map_err(|_| Failure::invalid("this form is not whole"))?;
    let at = met.place(&changes).ok_or_else(|| Failure::invalid("the changes have nothing of what is decided"))?;
    let theirs = met.version(met.theirs.as_ref())?;
    let compared = compared(&changes, &met, &decided(form.fields()))?;
    match form.text("take") {
        "theirs" => {
            changes.remove(at);
        }
        taken => {
            let merged = compared.as_ref().and_then(|compared| compared.result.clone()).filter(|_| taken != "ours");
            let Some(change) = changes.get_mut(at) else { return Err(Failure::invalid("no such change").into()) };
            match (ours(change).cloned(), merged) {
                (Some(_), Some(merged)) => change.what = What::Put(merged),
                (Some(ours), None) if taken == "ours" => change.what = What::Put(ours),
                (None, _) if taken == "ours" => {}
                _ => return asked(&visit, &changes, &wish, &met, compared.as_ref(), true),
            }
            // What is there now has been seen here.
            change.revision = match (&met.kind, &theirs) {
                (Some(_), theirs) => theirs.as_ref().map(revision),
                (None, _) => Some(met.commit.clone()),
            };
        }
    }
    if changes.is_empty() {
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, wish.next)).finish());
    }
    review::page(&visit, environment, changes, wish, None).await
}
