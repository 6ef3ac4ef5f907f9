//! Somebody who looks at a page: who it is, what they may, where they are, and the frame around what they look at.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::form::{self, Form, PROOF};
use super::listed::place;
use super::live::{Marks, Spot};
use super::render::{html, shown};
use super::session::{Seat, Sessions};
use super::shell::Shell;
use super::trouble::{Trouble, bug};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::auth::{self, Need, Pass};
use crate::http::environments::{by, may, segment};
use crate::http::error::{Code, Failure};
use crate::http::{State, body};
use crate::serve::Environment;
use crate::write::By;

/// One visit of one page.
#[derive(Debug)]
pub(super) struct Visit<'s> {
    pub(super) state: &'s Data<State>,
    pub(super) request: &'s HttpRequest,
    pub(super) pass: Pass<'s>,
    pub(super) seat: Seat,
    /// How things stood before anything was looked at for the page.
    pub(super) marks: Marks,
}

impl<'s> Visit<'s> {
    /// Lets somebody in, by their session, or else as the API does.
    pub(super) fn admit(state: &'s Data<State>, request: &'s HttpRequest, need: Need) -> Result<Self, Trouble> {
        let seat = Sessions::seat(request);
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

    /// The namespace of an environment that they come to: the one that they want, or the first that they may read.
    pub(super) fn arrives_in(&self, environment: &Environment, wanted: &str) -> String {
        let readable = |key: &str| self.may(Action::Read, &environment.name, key);
        let served = environment.load();
        let namespaces = &served.flags.namespaces;
        if namespaces.contains_key(wanted) && readable(wanted) {
            return wanted.to_owned();
        }
        namespaces.keys().find(|key| readable(key)).map_or_else(|| "default".to_owned(), ToString::to_string)
    }

    /// The flags of an environment: of a namespace that they may read.
    pub(super) fn flags_of(&self, environment: &Environment) -> String {
        place(&environment.name, &self.arrives_in(environment, "default"), "flags")
    }

    /// Whether they may read all of an environment, and so be told what may be about any of its namespaces.
    pub(super) fn reads_all_of(&self, environment: &str) -> bool {
        self.may(Action::Read, environment, ANY)
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
        // The script sends it as a header, which no form of another page can.
        let header = self.request.headers().get("x-proof").and_then(|proof| proof.to_str().ok()).unwrap_or_default();
        let proofs = [form.text(PROOF), header];
        if proofs.iter().any(|proof| self.state.ui.sessions.is_proof(&self.seat, proof)) {
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
        if let Some(cookie) = self.seat.cookie(self.state, self.request) {
            response.insert_header((actix_web::http::header::SET_COOKIE, cookie));
        }
        let whole = context! { shell => shown(Shell::of(self)), page => shown(&page) };
        let body =
            self.state.ui.pages.render(template, whole).map_err(|error| Trouble::Answered(Box::new(bug(&error))))?;
        Ok(html(self.request, response, body))
    }
}

/// The path and query of a request.
pub(super) fn here(request: &HttpRequest) -> String {
    request.uri().path_and_query().map_or_else(|| "/ui/".to_owned(), ToString::to_string)
}

/// Whether the script asks for the inside of a page.
pub(super) fn is_partial(request: &HttpRequest) -> bool {
    request.headers().contains_key("hx-request")
}
