//! `…/copy?flag=&segment=`: flags or segments, to another environment, namespace or key.
//!
//! The address holds what is to be copied and where to; the page says what that comes to. What is then reviewed is what
//! the page has said: its form repeats it.

use std::sync::Arc;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use serde::Serialize;

use super::listed::{may_change, place};
use super::render::shown;
use super::{Trouble, Visit, answered, save};
use crate::auth::Action;
use crate::flags::resource::payload::is_key;
use crate::flags::resource::{Kind, Namespace};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::limits;
use crate::serve::Environment;
use crate::view::copy::{Copy, Fate, Wish, plan};
use crate::write::{Change, What};

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let one = web::resource("/ui/e/{environment}/n/{namespace}/copy");
    config.service(one.route(web::get().to(ask)).route(web::post().to(act)));
}

/// Where the place is chosen that these are copied to.
pub(super) fn address(environment: &str, namespace: &str, kind: Kind, keys: &[String]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for key in keys {
        query.append_pair(kind.word(), key);
    }
    format!("{}?{}", place(environment, namespace, "copy"), query.finish())
}

/// `GET …/copy?flag=&segment=&to=&into=&as=&replace=on&along=on`
async fn ask(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, asked(&state, &request).await)
}

/// `POST …/copy`: the same fields.
async fn act(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, acted(&state, &request, sent).await)
}

/// What is to be copied where, as somebody has chosen it.
#[derive(Debug, Clone, Default)]
struct Chosen {
    /// Name of the environment; empty: the one that it is in.
    to: String,
    /// Key of the namespace.
    into: String,
    wish: Wish,
}

impl Chosen {
    fn of<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> Self {
        let mut chosen = Self::default();
        for (name, value) in fields {
            let value = value.trim();
            let wish = &mut chosen.wish;
            match name {
                "flag" if wish.flags.len() < limits::UI_ROWS => wish.flags.push(value.to_owned()),
                "segment" if wish.segments.len() < limits::UI_ROWS => wish.segments.push(value.to_owned()),
                "to" => value.clone_into(&mut chosen.to),
                "into" => value.clone_into(&mut chosen.into),
                "as" => wish.key = Some(value.to_owned()).filter(|key| !key.is_empty()),
                "replace" => wish.replace = value == "on",
                "along" => wish.replace_along = value == "on",
                _ => {}
            }
        }
        chosen
    }
}

/// What a copy comes to.
struct Told {
    copies: Vec<Copy>,
    /// The namespace is not there yet, and is made.
    fresh: Option<Namespace>,
    /// Tip of the branch that it goes to.
    commit: String,
    /// Namespaces that it can go to.
    namespaces: Vec<String>,
}

/// The environment that it goes to, and what a copy comes to there.
async fn told(
    visit: &Visit<'_>,
    here: &Arc<Environment>,
    namespace: &str,
    chosen: &Chosen,
) -> Result<(Arc<Environment>, Told), Trouble> {
    let name = if chosen.to.is_empty() { &*here.name } else { &*chosen.to };
    let seen = if chosen.into.is_empty() {
        visit.reaches(Action::Read, name)
    } else {
        visit.may(Action::Read, name, &chosen.into)
    };
    if !seen {
        visit.pass.permit_to(Action::Read, name, &chosen.into)?;
    }
    let unknown = || Failure::not_found(format!("environment: \"{name}\" not found"));
    let there = visit.state.environments.get(name).ok_or_else(unknown)?;
    let (from, to, namespace, chosen) = (here.clone(), there.clone(), namespace.to_owned(), chosen.clone());
    let mut told = blocking(visit.state, move |state| {
        let (from, to) = (state.writers.tip(&from)?, state.writers.tip(&to)?);
        let known = to.view.namespaces().into_iter().map(|listed| listed.namespace.key).collect::<Vec<_>>();
        let fresh = (!chosen.into.is_empty() && !known.contains(&chosen.into)).then(|| {
            let head = from.view.namespace(&namespace).map(|listed| listed.namespace);
            // Of the same namespace elsewhere it is known what people call it.
            let known = head.filter(|head| head.key == chosen.into);
            let key = chosen.into.clone();
            known.unwrap_or_else(|| Namespace { name: key.clone(), key, description: String::new() })
        });
        let copies = plan((&from.view, &namespace), (&to.view, &chosen.into), &chosen.wish);
        Ok(Told { copies, fresh, commit: to.commit.to_string(), namespaces: known })
    })
    .await?;
    told.namespaces.retain(|key| visit.may(Action::Read, &there.name, key));
    told.namespaces.truncate(limits::UI_NAMESPACES);
    Ok((there, told))
}

/// One thing, as the page tells of it.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    key: String,
    to: String,
    along: bool,
    fate: Fate,
}

async fn asked(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let here = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let pairs: Vec<_> = url::form_urlencoded::parse(request.query_string().as_bytes()).collect();
    let chosen = Chosen::of(pairs.iter().map(|(name, value)| (&**name, &**value)));
    if chosen.wish.flags.is_empty() && chosen.wish.segments.is_empty() {
        return Err(Failure::invalid("nothing was chosen that could be copied").into());
    }
    let (there, told) = told(&visit, &here, &namespace, &chosen).await?;
    let may =
        |one: &Arc<Environment>| visit.reaches(Action::Write, &one.name) || visit.reaches(Action::Propose, &one.name);
    let mut targets: Vec<String> =
        state.environments.all().iter().filter(|one| may(one)).map(|one| one.name.to_string()).collect();
    targets.truncate(limits::UI_ENVIRONMENTS);
    // The list says what the page is about, be it offered or not.
    if !targets.iter().any(|name| **name == *there.name) {
        targets.insert(0, there.name.to_string());
    }
    let lines = told.copies.iter().map(|copy| Line {
        kind: copy.kind.word(),
        key: copy.key.clone(),
        to: copy.to.clone(),
        along: copy.along,
        fate: copy.fate,
    });
    let is = |fate: Fate, along: bool| told.copies.iter().any(|copy| copy.fate == fate && copy.along == along);
    let wrong = wrong(&chosen);
    let allowed =
        visit.may(Action::Write, &there.name, &chosen.into) || visit.may(Action::Propose, &there.name, &chosen.into);
    let page = context! {
        lines => shown(lines.collect::<Vec<_>>()), targets => targets, namespaces => told.namespaces,
        to => &*there.name, into => &chosen.into, fresh => told.fresh.is_some(), allowed => allowed,
        flags => &chosen.wish.flags, segments => &chosen.wish.segments, key => chosen.wish.key.as_deref().unwrap_or_default(),
        alone => chosen.wish.flags.len() + chosen.wish.segments.len() == 1,
        replace => chosen.wish.replace, along => chosen.wish.replace_along, wrong => wrong,
        can_replace => is(Fate::Kept, false) || is(Fate::Replaced, false),
        can_replace_along => is(Fate::Kept, true) || is(Fate::Replaced, true),
        does => wrong.is_none() && told.copies.iter().any(|copy| copy.resource.is_some()),
        same => chosen.wish.key.is_none() && *there.name == *here.name && chosen.into == namespace,
    };
    visit.page("copy/ask.html", page)
}

/// What is wrong with the place, as the name of the text that says so.
fn wrong(chosen: &Chosen) -> Option<&'static str> {
    let odd = |key: &str| !is_key(key);
    match (chosen.into.as_str(), chosen.wish.key.as_deref()) {
        ("", _) => None,
        (into, _) if odd(into) => Some("namespace"),
        (_, Some(key)) if odd(key) => Some("key"),
        _ => None,
    }
}

async fn acted(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let here = visit.environment(Action::Read)?;
    let namespace = visit.named("namespace");
    let form = visit.form(sent).await?;
    let chosen = Chosen::of(form.fields());
    if chosen.into.is_empty() || wrong(&chosen).is_some() {
        return Err(Failure::invalid("this is no key of a namespace or of what is copied there").into());
    }
    let (there, told) = told(&visit, &here, &namespace, &chosen).await?;
    may_change(&visit, &there.name, &chosen.into)?;
    let Told { copies, fresh, commit, namespaces: _ } = told;
    let resources = copies.into_iter().filter_map(|copy| {
        let resource = copy.resource?;
        Some(if copy.fate == Fate::New { What::Create(resource) } else { What::Update(resource) })
    });
    let change = |what| Change { namespace: chosen.into.clone(), what, revision: Some(commit.clone()) };
    let changes: Vec<Change> = fresh.map(What::CreateNamespace).into_iter().chain(resources).map(change).collect();
    let list = if chosen.wish.flags.is_empty() { "segments" } else { "flags" };
    let next = place(&there.name, &chosen.into, list);
    save::review_then(&visit, there, changes, next).await
}
