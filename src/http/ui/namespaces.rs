//! `…/namespaces`: what an environment is divided into.

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;
use serde_json::json;

use super::form::Form;
use super::listed::{Head, List, may_change, query, redirect};
use super::render::{segment, shown};
use super::{Trouble, Visit, answered, save};
use crate::auth::Action;
use crate::flags::resource::view::{DEFAULT, Listed, View};
use crate::flags::resource::{Namespace, payload};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::limits;
use crate::view::list::{Entry, cut, find};
use crate::write::{Change, What};

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let all = web::resource("/ui/e/{environment}/namespaces");
    config.service(all.route(web::get().to(list)).route(web::post().to(remove)));
    let new = web::resource("/ui/e/{environment}/new-namespace");
    config.service(new.route(web::get().to(begin)).route(web::post().to(write)));
    let one = web::resource("/ui/e/{environment}/namespaces/{namespace}");
    config.service(one.route(web::get().to(begin)).route(web::post().to(write)));
}

/// `GET …/namespaces?q=&page=`
async fn list(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, listed(&state, &request).await)
}

/// `POST …/namespaces`: deletes one, with everything in it.
async fn remove(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, removed(&state, &request, sent).await)
}

/// `GET …/new-namespace`, `GET …/namespaces/{namespace}`
async fn begin(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, begun(&state, &request).await)
}

/// `POST …/new-namespace`, `POST …/namespaces/{namespace}`
async fn write(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, written(&state, &request, sent).await)
}

/// A namespace as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    key: String,
    name: String,
    description: String,
    flags: usize,
    segments: usize,
    files: Vec<String>,
    more_files: usize,
    read_only: bool,
    /// It cannot be deleted.
    protected: bool,
    /// What may be offered.
    change: bool,
}

/// Files that a row names.
const FILES: usize = 2;

impl Row {
    fn of(view: &View, listed: Listed) -> Self {
        let Listed { namespace, protected, read_only } = listed;
        let files: Vec<_> = view.files_of(&namespace.key).collect();
        Self {
            flags: view.flags(&namespace.key).len(),
            segments: view.segments(&namespace.key).len(),
            more_files: files.len().saturating_sub(FILES),
            files: files.into_iter().take(FILES).map(|file| file.path.to_string()).collect(),
            name: cut(&namespace.name, limits::UI_CELL_CHARACTERS),
            description: cut(&namespace.description, 2 * limits::UI_CELL_CHARACTERS),
            key: namespace.key,
            read_only,
            protected,
            change: false,
        }
    }
}

fn may(visit: &Visit<'_>, environment: &str, namespace: &str) -> bool {
    visit.may(Action::Write, environment, namespace) || visit.may(Action::Propose, environment, namespace)
}

fn place(environment: &str) -> String {
    format!("/ui/e/{}/namespaces", segment(environment))
}

async fn listed(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let (of, whole) = (environment.clone(), visit.reads_all_of(&environment.name));
    let (head, tip) = blocking(state, move |state| {
        let tip = state.writers.tip(&of)?;
        Ok((Head::of(&of, &tip, DEFAULT, whole), tip))
    })
    .await?;
    let mut listed = tip.view.namespaces();
    listed.retain(|one| visit.may(Action::Read, &environment.name, &one.namespace.key));
    let (query, total) = (query(request), listed.len());
    let found = {
        let entries: Vec<_> = listed.iter().map(|one| Entry::of_namespace(&one.namespace)).collect();
        find(&entries, &query, state.clock.now())
    };
    let row = |listed: &Listed| {
        let change = !listed.read_only && may(&visit, &environment.name, &listed.namespace.key);
        Row { change, ..Row::of(&tip.view, listed.clone()) }
    };
    let rows = found.rows.iter().filter_map(|at| listed.get(*at)).map(row).collect();
    let page = List { head, rows, found, total, waits: false }.page(&query, &[]);
    let may_make = visit.reaches(Action::Write, &environment.name) || visit.reaches(Action::Propose, &environment.name);
    visit.page("namespaces/list.html", context! { may_make, ..page })
}

async fn removed(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let form = visit.form(sent).await?;
    let Some(key) = form.filled("delete").map(str::to_owned) else {
        return Ok(redirect(&place(&environment.name)));
    };
    if key == DEFAULT {
        return Err(Failure::invalid(format!("namespace \"{key}\" is protected")).into());
    }
    may_change(&visit, &environment.name, &key)?;
    let of = environment.clone();
    let commit = blocking(state, move |state| Ok(state.writers.tip(&of)?.commit.to_string())).await?;
    let change = Change { namespace: key, what: What::DeleteNamespace, revision: Some(commit) };
    let next = place(&environment.name);
    save::review_then(&visit, environment, vec![change], next).await
}

/// A namespace as a form has it.
#[derive(Debug, Default, Serialize)]
struct Asked {
    key: String,
    name: String,
    description: String,
    /// What somebody has seen who changes it.
    revision: String,
    /// Why it is refused.
    wrong: Option<String>,
}

impl Asked {
    fn of(form: &Form, key: &str) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        let key = if key.is_empty() { text("key") } else { key.to_owned() };
        Self { key, name: text("name"), description: text("description"), revision: text("revision"), wrong: None }
    }

    fn namespace(&self) -> Result<Namespace, String> {
        let name = if self.name.is_empty() { &self.key } else { &self.name };
        let head = json!({ "key": self.key, "name": name, "description": self.description });
        payload::namespace(&head).map_err(|error| error.to_string())
    }
}

async fn begun(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let key = visit.named("namespace");
    if key.is_empty() {
        return visit.page("namespaces/edit.html", context! { asked => shown(Asked::default()), fresh => true });
    }
    let asked = blocking(state, move |state| {
        let tip = state.writers.tip(&environment)?;
        let listed = tip.view.namespace(&key).ok_or(crate::write::Refusal::UnknownNamespace(key))?;
        let Namespace { key, name, description } = listed.namespace;
        Ok(Asked { key, name, description, revision: tip.commit.to_string(), wrong: None })
    })
    .await?;
    visit.page("namespaces/edit.html", context! { asked => shown(asked), fresh => false })
}

async fn written(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let key = visit.named("namespace");
    let mut asked = Asked::of(&visit.form(sent).await?, &key);
    let fresh = key.is_empty();
    let namespace = match asked.namespace() {
        Ok(namespace) => namespace,
        Err(why) => {
            asked.wrong = Some(why);
            let page = context! { asked => shown(asked), fresh => fresh };
            return visit.page_as(HttpResponse::UnprocessableEntity(), "namespaces/edit.html", page);
        }
    };
    may_change(&visit, &environment.name, &namespace.key)?;
    let change = Change {
        namespace: namespace.key.clone(),
        what: if fresh { What::CreateNamespace(namespace) } else { What::UpdateNamespace(namespace) },
        revision: Some(asked.revision).filter(|revision| !revision.is_empty()),
    };
    let next = place(&environment.name);
    save::review_then(&visit, environment, vec![change], next).await
}
