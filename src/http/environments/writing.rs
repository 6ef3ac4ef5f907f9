//! Carrying out a change, and what is told of it.

use std::sync::Arc;

use actix_web::web::Data;
use serde_json::{Value, json};

use super::options::Options;
use super::refusal::{self, Asked};
use crate::flags::resource::{Kind, payload};
use crate::http::State;
use crate::http::error::Failure;
use crate::http::proposals::Brief;
use crate::limits;
use crate::provider::api::Failure as ByProvider;
use crate::serve::Environment;
use crate::track::{Proposed, Refusal, Wish};
use crate::write::{By, Change, Outcome, Request, What};

/// What was done, and what was proposed for it.
#[derive(Debug)]
pub(in crate::http) struct Done {
    pub(in crate::http) outcome: Outcome,
    pub(in crate::http) proposal: Option<Value>,
}

impl std::ops::Deref for Done {
    type Target = Outcome;

    fn deref(&self) -> &Outcome {
        &self.outcome
    }
}

/// Has it done. What goes to a branch of a protected environment is proposed as well.
pub(super) async fn carried_out(
    state: &Data<State>,
    environment: Arc<Environment>,
    by: By,
    changes: Vec<Change>,
    revision: Option<String>,
    options: Options,
    asked: Asked<'_>,
) -> Result<Done, Failure> {
    let Options { message, co_authors, dry_run, branch: on_branch, break_glass } = options;
    let wish = Request { environment, changes, revision, message, co_authors, by, dry_run, on_branch, break_glass };
    done(state, wish, false).await.map_err(|refusal| refusal::failure(refusal, asked))
}

/// The same for whoever answers in a form of its own. What goes to a branch may be proposed wherever that is.
pub(in crate::http) async fn done(
    state: &Data<State>,
    wish: Request,
    proposes: bool,
) -> Result<Done, crate::write::Refusal> {
    let (base, author) = (wish.environment.clone(), wish.by.clone());
    let to_branch = wish.on_branch.is_some() && !wish.dry_run;
    let outcome = state.writers.change(wish).await?;
    let proposes = to_branch && (proposes || state.tracker.proposes_by_itself(&base));
    let proposal = if proposes { proposed(state, &base, &outcome, &author).await } else { None };
    Ok(Done { outcome, proposal })
}

/// Opens or joins the proposal of a branch that was written to. The change is made whatever comes of it: what the provider
/// does not take now is told with the answer, and what it may take later is tried again.
async fn proposed(state: &Data<State>, base: &Arc<Environment>, outcome: &Outcome, by: &By) -> Option<Value> {
    let asked = state.tracker.propose(base, &outcome.environment, Wish::default(), by);
    let refusal = match tokio::time::timeout(limits::PROPOSE_WAIT, asked).await {
        Ok(Ok(Proposed { entry, .. })) => return Some(json!(Brief::of(&entry))),
        Ok(Err(refusal)) => Some(refusal),
        Err(_) => None,
    };
    if matches!(&refusal, Some(Refusal::Provider(ByProvider::Nothing(_)))) {
        return None;
    }
    let known = state.tracker.of_branches(&base.storage, &base.branch).remove(&outcome.branch);
    let mut told = known.as_ref().map_or_else(|| json!({}), |entry| json!(Brief::of(entry)));
    let trouble = refusal.map_or_else(|| "the provider has not answered yet".to_owned(), |refusal| refusal.to_string());
    if let Some(told) = told.as_object_mut() {
        told.insert("trouble".to_owned(), trouble.into());
    }
    Some(told)
}

/// Everything that is known of a change that was made, or would be.
pub(super) fn outcome(done: &Done, changes: &[Named], dry_run: bool) -> Value {
    let Done { outcome, proposal } = done;
    let resources = outcome.written.iter().zip(changes).map(|(written, named)| {
        let mut told = json!({
            "namespace": written.namespace,
            "key": named.key,
            "type": named.kind.map_or("namespace", Kind::type_url),
            "revision": written.revision,
            "merged": written.merged,
        });
        if let (Some(told), Some(resource)) = (told.as_object_mut(), &written.resource) {
            told.insert("payload".to_owned(), payload::to_json(resource));
        }
        told
    });
    let rewritten =
        outcome.rewritten.iter().map(|(file, part)| json!({ "file": file, "what": part.what, "why": part.why }));
    let mut told = json!({
        "commit": outcome.commit,
        "made": outcome.made,
        "dryRun": dry_run,
        "branch": outcome.branch,
        "environment": outcome.environment,
        "resources": resources.collect::<Vec<_>>(),
        "rewritten": rewritten.collect::<Vec<_>>(),
        "textDiff": outcome.text_diff,
        "changes": outcome.changes,
        "live": outcome.live,
        "breakGlass": outcome.break_glass,
    });
    if let (Some(told), Some(proposal)) = (told.as_object_mut(), proposal) {
        told.insert("proposal".to_owned(), proposal.clone());
    }
    told
}

/// What a change is about, as its caller named it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// None of a namespace.
    pub(super) kind: Option<Kind>,
    pub(super) key: String,
}

impl From<&Change> for Named {
    fn from(change: &Change) -> Self {
        let (kind, key) = match &change.what {
            What::Create(resource) | What::Update(resource) | What::Put(resource) => {
                (Some(resource.kind()), resource.key())
            }
            What::Delete { kind, key } => (Some(*kind), key.as_str()),
            What::CreateNamespace(_) | What::UpdateNamespace(_) | What::DeleteNamespace => {
                (None, change.namespace.as_str())
            }
        };
        Self { kind, key: key.to_owned() }
    }
}

/// Adds to an answer of Flipt's what only our callers know, where they asked for it or have to know it: that the change
/// was joined with somebody else's, that comments were lost, that it is not pushed yet.
pub(super) fn with_outcome(mut answer: Value, told: &Done, named: &[Named], asked: Asking) -> Value {
    let noteworthy = told.break_glass
        || told.proposal.is_some()
        || !told.rewritten.is_empty()
        || told.written.iter().any(|one| one.merged);
    if let (true, Some(answer)) = (asked.ours || noteworthy, answer.as_object_mut()) {
        answer.insert("outcome".to_owned(), outcome(told, named, asked.dry_run));
    }
    answer
}

/// What of the options the answer depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    ours: bool,
    dry_run: bool,
}

impl From<&Options> for Asking {
    fn from(options: &Options) -> Self {
        Self { ours: options.is_ours(), dry_run: options.dry_run }
    }
}
