//! Every exchange with a simulator, held against the provider's own specification: what Yardarm asks (path, query, body)
//! and what the simulator answers (status, body). A simulator that answers what no server would, and a request that no
//! server would take, both fail here before anybody meets the real one.
//!
//! Stricter than the documents are: a field that is not described is wrong, in requests and in answers. Where a document
//! is known to be wrong or silent, [`gaps`] says so, each with its reason; there is no other way around it.
//!
//! The documents are not part of the repository. They stand beside it (`../shared/openapi`), or where the variable
//! `YARDARM_SPECIFICATIONS` says. CI fails without them; elsewhere the checks say that they check nothing.

mod document;
mod gaps;
mod schema;
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use yardarm::provider::Provider;

use crate::scm::Exchange;
use document::{Document, Operation};
use gaps::Part;
use schema::{Schema, Wrong};

/// A provider's specification.
pub(crate) struct Spec {
    provider: Provider,
    documents: Vec<Document>,
    /// Schemas that were used before, by operation and place in it.
    compiled: Mutex<HashMap<String, Arc<Schema>>>,
}

static SPECS: [OnceLock<Option<Spec>>; Provider::ALL.len()] = [const { OnceLock::new() }; Provider::ALL.len()];

impl Spec {
    /// That of a provider; nothing where there are no documents, which is then said.
    pub(crate) fn of(provider: Provider) -> Option<&'static Self> {
        let at = Provider::ALL.iter().position(|known| *known == provider).unwrap();
        SPECS[at].get_or_init(|| Some(Self::read(provider, &folder()?))).as_ref()
    }

    fn read(provider: Provider, folder: &std::path::Path) -> Self {
        let documents = document::files(provider).iter().map(|file| Document::read(&folder.join(file))).collect();
        Self { provider, documents, compiled: Mutex::default() }
    }

    /// What is wrong with an exchange, in words; nothing if all is well.
    pub(crate) fn check(&self, exchange: &Exchange) -> Vec<String> {
        let asked = &exchange.asked;
        let here = format!("{} {} /{}", self.provider.name(), asked.method, asked.path.join("/"));
        let path: Vec<&str> = document::path(self.provider, &asked.path);
        let found = self.documents.iter().find_map(|document| document.find(&path, asked.method));
        let Some(operation) = found else {
            let known = gaps::known(self.provider, asked.method, &format!("/{}", path.join("/")), &Part::Path);
            return if known { Vec::new() } else { vec![format!("{here}: no such operation")] };
        };
        let mut wrong = operation.query_wrong(&asked.query, &asked.headers);
        if let Some(wrongs) = self.body_wrong(&operation, "request", operation.request(), asked.body.as_ref()) {
            wrong.extend(wrongs);
        }
        wrong.extend(self.answer_wrong(&operation, exchange));
        wrong.retain(|wrong| !gaps::known(self.provider, asked.method, &operation.template, &wrong.part));
        wrong.into_iter().map(|wrong| format!("{here} ({}): {wrong}", exchange.answer.status)).collect()
    }

    fn answer_wrong(&self, operation: &Operation<'_>, exchange: &Exchange) -> Vec<Wrong> {
        let answer = &exchange.answer;
        let Some(response) = operation.response(answer.status) else {
            return vec![Wrong::new(Part::Status(answer.status), "the status is not described")];
        };
        if answer.body.is_empty() {
            return Vec::new();
        }
        if matches!(answer.status, 204 | 304) {
            return vec![Wrong::new(Part::Answer(String::new()), "a body where there is none")];
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec![Wrong::new(Part::Answer(String::new()), "no JSON")];
        };
        // Azure describes its lists as bare; they come as `{"count", "value"}`, as recorded.
        if self.provider == Provider::Azure && body["count"].is_u64() && body["value"].is_array() {
            body = body["value"].take();
        }
        self.body_wrong(operation, &format!("{}", answer.status), response, Some(&body)).unwrap_or_default()
    }

    fn body_wrong(
        &self,
        operation: &Operation<'_>,
        at: &str,
        schema: Body<'_>,
        body: Option<&Value>,
    ) -> Option<Vec<Wrong>> {
        let request = at == "request";
        let part = |path: String| if request { Part::Request(path) } else { Part::Answer(path) };
        let (schema, body) = match (schema, body) {
            (Body::Of(schema, _), Some(body)) => (schema, body),
            (Body::Of(_, true), None) => return Some(vec![Wrong::new(part(String::new()), "a body is missing")]),
            (Body::None, Some(_)) if request => {
                return Some(vec![Wrong::new(part(String::new()), "a body where there is none")]);
            }
            _ => return None,
        };
        let compiled = {
            let mut all = self.compiled.lock().unwrap();
            let name = format!("{} {} {at}", operation.method, operation.template);
            // Only GitHub says of each field whether it may be null; the others' documents never do, and they all send
            // null where there is nothing.
            let nulls = !request && self.provider != Provider::Github;
            let names_only = !request && self.provider == Provider::Gitlab;
            let build = || Arc::new(Schema::new(operation.document, schema, nulls, names_only));
            all.entry(name).or_insert_with(build).clone()
        };
        Some(compiled.wrong(body).into_iter().map(|(path, what)| Wrong::new(part(path), what)).collect())
    }
}

/// What is said of a body.
#[derive(Clone, Copy)]
enum Body<'d> {
    /// There is none, or nothing is said of it.
    None,
    /// Its schema, and whether it has to be there.
    Of(&'d Value, bool),
}

/// Where the documents are.
fn folder() -> Option<PathBuf> {
    let found = places().into_iter().find(|place| place.is_dir());
    if found.is_none() {
        missing("the providers' specifications");
    }
    found
}

/// A folder of the same kind, beside that of the documents.
pub(crate) fn beside(name: &str) -> Option<PathBuf> {
    places().iter().map(|place| place.with_file_name(name)).find(|place| place.is_dir())
}

/// Where they are said to be; else beside the checkout, or beside the folder of several.
fn places() -> Vec<PathBuf> {
    let here = ["../shared/openapi", "../../shared/openapi"];
    let here = here.map(|here| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(here));
    std::env::var_os("YARDARM_SPECIFICATIONS").map_or_else(|| here.into(), |said| vec![said.into()])
}

/// Says that something is not tested for want of a folder; in CI that is a failure.
#[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
pub(crate) fn missing(what: &str) {
    let why = format!("{what} are not there: say where the specifications are with YARDARM_SPECIFICATIONS");
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("not tested: {why}");
}
