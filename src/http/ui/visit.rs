//! Somebody who looks at a page: who it is, what they may, where they are, and the frame around what they look at.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::assets;
use super::form::{self, Form, PROOF};
use super::live::{Marks, Spot};
use super::render::{html, segment as encoded, shown};
use super::session::Seat;
use super::trouble::{Trouble, bug};
use crate::auth::Action;
use crate::http::auth::{self, Need, Pass};
use crate::http::environments::{by, may, segment};
use crate::http::error::{Code, Failure};
use crate::http::{State, body};
use crate::limits;
use crate::serve::Environment;
use crate::write::By;

/// One visit of one page.
#[derive(Debug)]
pub(super) struct Visit<'s> {
    pub(super) state: &'s Data<State>,
    pub(super) request: &'s HttpRequest,
    pub(super) pass: Pass<'s>,
    seat: Seat,
    /// How things stood before anything was looked at for the page.
    marks: Marks,
}

impl<'s> Visit<'s> {
    /// Lets somebody in, by their session, or else as the API does.
    pub(super) fn admit(state: &'s Data<State>, request: &'s HttpRequest, need: Need) -> Result<Self, Trouble> {
        let seat = state.ui.sessions.seat(request);
        let pass = match state.ui.sessions.credential(&seat, state.clock.now()) {
            Some(credential) => auth::admit_as(state, need, request, credential.borrowed())?,
            None => auth::admit(state, need, request)?,
        };
        let named = |name| segment(request, name).into_owned();
        let spot = Spot { environment: named("environment"), namespace: named("namespace") };
        let marks = Marks::of(state, &spot, &|environment, namespace| pass.allows(environment, namespace));
        Ok(Self { state, request, pass, seat, marks })
    }

    /// A segment of the path, decoded.
    pub(super) fn named(&self, name: &str) -> String {
        segment(self.request, name).into_owned()
    }

    /// A value of the query; the first one, empty where there is none.
    pub(super) fn asked(&self, name: &str) -> String {
        let mut query = url::form_urlencoded::parse(self.request.query_string().as_bytes());
        query.find(|(field, _)| field == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    /// The environment of the path, for `action` on the namespace of the path, or on some of its namespaces.
    pub(super) fn environment(&self, action: Action) -> Result<Arc<Environment>, Trouble> {
        let (name, namespace) = (self.named("environment"), self.named("namespace"));
        let allowed =
            if namespace.is_empty() { self.reaches(action, &name) } else { self.may(action, &name, &namespace) };
        if !allowed {
            self.pass.permit_to(action, &name, &namespace)?;
        }
        let unknown = || Failure::not_found(format!("environment: \"{name}\" not found"));
        Ok(self.state.environments.get(&name).ok_or_else(unknown)?)
    }

    /// Whether they may do this.
    pub(super) fn may(&self, action: Action, environment: &str, namespace: &str) -> bool {
        may(self.state, &self.pass, action, environment, namespace)
    }

    /// Whether they may do this with some of its namespaces.
    pub(super) fn reaches(&self, action: Action, environment: &str) -> bool {
        crate::http::environments::reaches(self.state, &self.pass, action, environment)
    }

    /// Who it is, for the commit and the audit.
    pub(super) fn by(&self) -> By {
        by(self.state, &self.pass, self.request)
    }

    /// What they sent, if it comes from a page of ours that was shown to them.
    pub(super) async fn form(&self, sent: Payload) -> Result<Form, Trouble> {
        form::is_own(self.request)?;
        let form = Form::read(&body::read(self.request, sent).await?);
        if self.state.ui.sessions.is_proof(&self.seat, form.text(PROOF)) {
            return Ok(form);
        }
        Err(Failure::new(Code::Forbidden, "this page was made before the server or your session was; load it again")
            .into())
    }

    /// A page: the template's, with `shell` and `page` to be named in it.
    pub(super) fn page(&self, template: &str, page: impl Serialize) -> Result<HttpResponse, Trouble> {
        self.page_as(HttpResponse::Ok(), template, page)
    }

    /// The same with another status.
    pub(super) fn page_as(
        &self,
        mut response: actix_web::HttpResponseBuilder,
        template: &str,
        page: impl Serialize,
    ) -> Result<HttpResponse, Trouble> {
        if let Some(cookie) = self.seat.cookie() {
            response.insert_header((actix_web::http::header::SET_COOKIE, cookie));
        }
        let whole = context! { shell => shown(self.shell()), page => shown(&page) };
        let body = self.state.ui.pages.render(template, whole).map_err(|error| Trouble::Answered(bug(&error)))?;
        Ok(html(self.request, response, body))
    }

    fn shell(&self) -> Shell {
        let (name, namespace) = (self.named("environment"), self.named("namespace"));
        let all = self.state.environments.all();
        let seen = |one: &&Arc<Environment>| self.reaches(Action::Read, &one.name);
        let current = self.state.environments.get(&name);
        let namespaces = current.as_ref().map(|current| self.namespaces(current)).unwrap_or_default();
        let environments = all.iter().filter(seen).take(limits::UI_ENVIRONMENTS).map(|one| Place {
            key: one.name.to_string(),
            base: one.base.as_ref().map(ToString::to_string),
            href: format!("/ui/e/{}/n/{}/flags", encoded(&one.name), encoded(&first_namespace(one, &namespace))),
            current: *one.name == *name,
        });
        let caller = self.pass.caller();
        Shell {
            environments: environments.collect(),
            base: current.as_ref().and_then(|current| current.base.as_ref()).map(ToString::to_string),
            is_default: current.as_ref().is_some_and(|current| current.default),
            who: (!caller.name.is_empty()).then(|| caller.name.to_string()),
            signed_in: self.state.ui.sessions.is_signed_in(&self.seat),
            proof: self.state.ui.sessions.proof(&self.seat),
            namespaces,
            may: May {
                write: self.may(Action::Write, &name, &namespace),
                propose: self.may(Action::Propose, &name, &namespace),
            },
            events: events(&name, &namespace),
            marks: self.marks.to_string(),
            environment: name,
            namespace,
            ..shell_of_nobody(self.state, self.request)
        }
    }

    fn namespaces(&self, environment: &Environment) -> Vec<Place> {
        let named = self.named("namespace");
        let served = environment.load();
        let mut keys: Vec<&str> = served.flags.namespaces.keys().map(|key| &**key).collect();
        if !named.is_empty() && !keys.contains(&&*named) {
            keys.push(&named);
        }
        let seen = keys.into_iter().filter(|key| self.may(Action::Read, &environment.name, key));
        let place = |key: &str| Place {
            key: key.to_owned(),
            base: None,
            href: format!("/ui/e/{}/n/{}/flags", encoded(&environment.name), encoded(key)),
            current: key == named,
        };
        seen.take(limits::UI_NAMESPACES).map(place).collect()
    }
}

/// The namespace that somebody who changes to an environment comes to: the same, if it is there, or its first.
pub(super) fn first_namespace(environment: &Environment, wanted: &str) -> String {
    let served = environment.load();
    let namespaces = &served.flags.namespaces;
    if namespaces.contains_key(wanted) {
        return wanted.to_owned();
    }
    namespaces.keys().next().map_or_else(|| "default".to_owned(), ToString::to_string)
}

/// Where a page of this place hears of what moves.
fn events(environment: &str, namespace: &str) -> String {
    format!("/ui/events?environment={}&namespace={}", encoded(environment), encoded(namespace))
}

/// The path and query of a request.
pub(super) fn here(request: &HttpRequest) -> String {
    request.uri().path_and_query().map_or_else(|| "/ui/".to_owned(), ToString::to_string)
}

/// Whether the script asks for the inside of a page.
pub(super) fn is_partial(request: &HttpRequest) -> bool {
    request.headers().contains_key("hx-request")
}

/// Where one can go.
#[derive(Debug, Serialize)]
struct Place {
    key: String,
    base: Option<String>,
    href: String,
    current: bool,
}

/// What may be offered; what is done is decided when it is asked for.
#[derive(Debug, Default, Serialize)]
struct May {
    write: bool,
    propose: bool,
}

/// An environment that is served as the provider does not have it.
#[derive(Debug, Serialize)]
struct Glass {
    environment: String,
    until: String,
    changes: usize,
    by: String,
    reason: String,
}

/// What is around every page.
#[derive(Debug, Serialize)]
pub(super) struct Shell {
    /// The template that a page extends: the whole of it, or the inside alone.
    layout: &'static str,
    assets: String,
    version: &'static str,
    theme: &'static str,
    label: Option<String>,
    colour: Option<String>,
    /// Path and query of the page.
    here: String,
    environments: Vec<Place>,
    environment: String,
    /// The environment that this one is a branch of.
    base: Option<String>,
    is_default: bool,
    namespaces: Vec<Place>,
    namespace: String,
    who: Option<String>,
    signed_in: bool,
    proof: String,
    may: May,
    glass: Vec<Glass>,
    /// Where the page hears of what moves; empty for one that does not.
    events: String,
    /// How things stood when it was made.
    marks: String,
}

/// The same around a page that is about nobody.
pub(super) fn shell_of_nobody(state: &Data<State>, request: &HttpRequest) -> Shell {
    let look = state.settings.load().look.clone();
    let glass = state.writers.glass().map(|told| {
        let broken = told.broken.iter().map(|one| Glass {
            environment: one.environment.to_string(),
            until: one.until.to_string(),
            changes: one.changes,
            by: one.by.to_string(),
            reason: one.reason.clone(),
        });
        broken.collect()
    });
    Shell {
        layout: if is_partial(request) { "partial.html" } else { "layout.html" },
        assets: assets::base(),
        version: env!("CARGO_PKG_VERSION"),
        theme: look.theme,
        label: look.label.clone(),
        colour: look.colour.clone(),
        here: here(request),
        environments: Vec::new(),
        environment: String::new(),
        base: None,
        is_default: false,
        namespaces: Vec::new(),
        namespace: String::new(),
        who: None,
        signed_in: false,
        proof: String::new(),
        may: May::default(),
        glass: glass.unwrap_or_default(),
        events: String::new(),
        marks: String::new(),
    }
}
