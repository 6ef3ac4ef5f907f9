//! The frame around a page: where one is, where else one can go, who one is, and what nobody may miss.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::Serialize;

use super::assets;
use super::visit::{Visit, here, is_partial};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::http::environments::decoded;
use crate::limits;
use crate::serve::Environment;
use crate::view::moment::Moment;
use crate::view::place::{Spot, segment};
use crate::write::glass::Broken;

/// What is around every page.
#[derive(Debug, Serialize)]
pub(super) struct Shell {
    /// The template that a page extends: the whole of it, or the inside alone.
    layout: &'static str,
    assets: String,
    version: &'static str,
    theme: &'static str,
    label: Option<String>,
    /// Digits of the colour behind the bar.
    colour: Option<String>,
    /// Path and query of the page.
    here: String,
    /// The word of the navigation under which it stands.
    section: &'static str,
    environments: Vec<Place>,
    /// The environment of the path; empty on a page of the whole installation.
    environment: String,
    /// Whether it takes no direct changes.
    protected: bool,
    namespaces: Vec<Place>,
    namespace: String,
    /// Where the links of the navigation lead: the place of the path, or the first that may be seen.
    place: Spoken,
    who: Option<String>,
    signed_in: bool,
    /// Whether one could sign in.
    tokens: bool,
    proof: String,
    may: May,
    glass: Vec<Glass>,
    /// Where the page hears of what moves; empty for one that does not.
    events: String,
    /// How things stood when it was made.
    marks: String,
}

/// Where one can go.
#[derive(Debug, Serialize)]
struct Place {
    key: String,
    base: Option<String>,
    protected: bool,
    href: String,
    current: bool,
}

/// An environment and a namespace by their names.
#[derive(Debug, Default, Serialize)]
struct Spoken {
    environment: String,
    namespace: String,
}

/// What may be offered; what is done is decided when it is asked for.
#[derive(Debug, Default, Serialize)]
struct May {
    write: bool,
    propose: bool,
    /// See what is of no environment of its own: storages and deliveries.
    operate: bool,
}

/// An environment that is served as the provider does not have it.
#[derive(Debug, Serialize)]
struct Glass {
    environment: String,
    until: String,
    changes: usize,
    /// Who broke it and why, for whoever may read the environment.
    why: Option<Why>,
}

/// Why a glass was broken.
#[derive(Debug, Serialize)]
struct Why {
    by: String,
    reason: String,
}

impl Shell {
    /// That around a page which somebody looks at.
    pub(super) fn of(visit: &Visit<'_>) -> Self {
        let (name, namespace) = (visit.named("environment"), visit.named("namespace"));
        let (state, sessions) = (visit.state, &visit.state.ui.sessions);
        let spot = Spot::of(visit.request.path());
        let all = state.environments.all();
        let seen: Vec<_> = all.iter().filter(|one| visit.reaches(Action::Read, &one.name)).collect();
        // Of one that they may not see the page of a refusal tells nothing but what they have typed.
        let current = state.environments.get(&name).filter(|one| visit.reaches(Action::Read, &one.name));
        // A page of the whole installation says where one came from, where it is asked for that.
        let from = visit.asked("from");
        let from = from.split_once('/').and_then(|(environment, namespace)| {
            let environment = decoded(environment);
            let there = seen.iter().find(|one| *one.name == *environment)?;
            Some((*there, decoded(namespace).into_owned()))
        });
        let known = seen.iter().find(|one| current.is_none() && one.default).or_else(|| seen.first());
        let place = if let Some((there, wanted)) = from.filter(|_| name.is_empty()) {
            Some(Spoken { environment: there.name.to_string(), namespace: visit.arrives_in(there, &wanted) })
        } else if name.is_empty() {
            known.map(|one| Spoken { environment: one.name.to_string(), namespace: visit.arrives_in(one, "default") })
        } else {
            let inside = current.as_ref().filter(|_| namespace.is_empty());
            let namespace = inside.map_or_else(|| namespace.clone(), |one| visit.arrives_in(one, "default"));
            Some(Spoken { environment: name.clone(), namespace })
        };
        let place = place.unwrap_or_default();
        let environments = seen.into_iter().take(limits::UI_ENVIRONMENTS).map(|one| Place {
            key: one.name.to_string(),
            base: one.base.as_ref().map(ToString::to_string),
            protected: state.writers.is_protected(one),
            href: elsewhere(visit, spot, one, &visit.arrives_in(one, &place.namespace)),
            current: *one.name == *name,
        });
        let caller = visit.pass.caller();
        Self {
            section: spot.section,
            environments: environments.collect(),
            protected: current.as_ref().is_some_and(|current| state.writers.is_protected(current)),
            namespaces: current.as_ref().map(|current| namespaces(visit, current, spot)).unwrap_or_default(),
            who: (!caller.name.is_empty()).then(|| caller.name.to_string()),
            signed_in: sessions.is_signed_in(&visit.seat),
            proof: sessions.proof(&visit.seat),
            may: May {
                write: visit.may(Action::Write, &name, &namespace),
                propose: visit.may(Action::Propose, &name, &namespace),
                operate: visit.pass.allows(ANY, ANY),
            },
            glass: glass(state, &|environment| visit.reads_all_of(environment)),
            events: events(&name, &namespace),
            marks: visit.marks.to_string(),
            environment: name,
            namespace,
            place,
            ..Self::of_nobody(state, visit.request)
        }
    }

    /// The pages of the navigation in their order: word and path.
    pub(super) fn pages(&self) -> Vec<(&'static str, String)> {
        let of_place = ["flags", "segments", "playground", "analytics", "branches", "namespaces"];
        let there = of_place.into_iter().filter(|_| !self.place.environment.is_empty());
        let there = there.map(|section| {
            (section, Spot { section, thing: None }.elsewhere(&self.place.environment, &self.place.namespace))
        });
        let of_all = ["proposals", "sync", "deliveries", "audit"].into_iter();
        let of_all = of_all.filter(|section| self.may.operate || !matches!(*section, "sync" | "deliveries"));
        there.chain(of_all.map(|section| (section, format!("/ui/{section}")))).collect()
    }

    /// The same around a page that is about nobody.
    pub(super) fn of_nobody(state: &Data<State>, request: &HttpRequest) -> Self {
        let settings = state.settings.load();
        let look = &settings.look;
        let (tokens, jwt) = settings.authentication.methods();
        Self {
            layout: if is_partial(request) { "partial.html" } else { "layout.html" },
            assets: assets::base(),
            version: env!("CARGO_PKG_VERSION"),
            theme: look.theme.name(),
            label: look.label.clone(),
            colour: look.colour.map(crate::config::Colour::digits),
            here: here(request),
            section: "",
            environments: Vec::new(),
            environment: String::new(),
            protected: false,
            namespaces: Vec::new(),
            namespace: String::new(),
            place: Spoken::default(),
            who: None,
            signed_in: false,
            tokens: tokens || jwt,
            proof: String::new(),
            may: May::default(),
            glass: glass(state, &|_| false),
            events: String::new(),
            marks: String::new(),
        }
    }
}

/// What nobody may miss, as every answer's head says it; who did it and why, to whoever may read the environment.
fn glass(state: &State, reads: &dyn Fn(&str) -> bool) -> Vec<Glass> {
    let glass = |one: &Broken| Glass {
        environment: one.environment.to_string(),
        until: Moment::of(one.until, one.until).whole,
        changes: one.changes,
        why: reads(&one.environment).then(|| Why { by: one.by.to_string(), reason: one.reason.clone() }),
    };
    state.writers.glass().iter().flat_map(|told| &told.broken).map(glass).collect()
}

/// Where a page hears of what moves.
fn events(environment: &str, namespace: &str) -> String {
    format!("/ui/events?environment={}&namespace={}", segment(environment), segment(namespace))
}

/// The same page in another environment; of a flag or a segment that is not there, the list.
fn elsewhere(visit: &Visit<'_>, spot: Spot<'_>, environment: &Environment, namespace: &str) -> String {
    let list = spot.elsewhere(&environment.name, namespace);
    let served = environment.load();
    let there = |key: &str| {
        let readable = visit.may(Action::Read, &environment.name, namespace);
        let namespace = served.flags.namespaces.get(namespace).filter(|_| readable);
        namespace.is_some_and(|namespace| match spot.section {
            "flags" => namespace.flag(key).is_some(),
            "segments" => namespace.segments_by_key().any(|segment| *segment.key == *key),
            _ => false,
        })
    };
    match spot.thing.map(decoded).filter(|key| there(key)) {
        Some(key) => format!("{list}/{}", segment(&key)),
        None => list,
    }
}

fn namespaces(visit: &Visit<'_>, environment: &Arc<Environment>, spot: Spot<'_>) -> Vec<Place> {
    let named = visit.named("namespace");
    let served = environment.load();
    let mut keys: Vec<&str> = served.flags.namespaces.keys().map(|key| &**key).collect();
    if !named.is_empty() && !keys.contains(&&*named) {
        keys.push(&named);
    }
    let seen = keys.into_iter().filter(|key| key.len() <= limits::UI_KEY_BYTES);
    let seen = seen.filter(|key| visit.may(Action::Read, &environment.name, key));
    let place = |key: &str| Place {
        key: key.to_owned(),
        base: None,
        protected: false,
        href: spot.elsewhere(&environment.name, key),
        current: key == named,
    };
    seen.take(limits::UI_NAMESPACES).map(place).collect()
}
