//! The frame around a page: where one is, where else one can go, who one is, and what nobody may miss.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::Serialize;

use super::assets;
use super::glass::Glass;
use super::visit::{Visit, here, is_partial};
use crate::auth::Action;
use crate::auth::scope::ANY;
use crate::http::State;
use crate::limits;
use crate::serve::Environment;
use crate::view::place::{Spot, segment};

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
    /// To look at everything, as pages about all of the installation ask for.
    everything: bool,
}

impl Shell {
    /// That around a page which somebody looks at.
    pub(super) fn of(visit: &Visit<'_>) -> Self {
        let (name, namespace) = (visit.named("environment"), visit.named("namespace"));
        let (state, sessions) = (visit.state, &visit.state.ui.sessions);
        let spot = Spot::of(visit.request.path());
        let all = state.environments.all();
        let seen: Vec<_> = all.iter().filter(|one| visit.reaches(Action::Read, &one.name)).collect();
        let current = state.environments.get(&name);
        // A page of the whole installation says where one came from, where it is asked for that.
        let from = visit.asked("from");
        let from = from.split_once('/').map(|(environment, namespace)| {
            let decoded = crate::http::environments::decoded;
            (decoded(environment).into_owned(), decoded(namespace).into_owned())
        });
        let from = from.filter(|(name, _)| seen.iter().any(|one| *one.name == **name));
        let known = seen.iter().find(|one| current.is_none() && one.default).or_else(|| seen.first());
        let place = if let Some((environment, namespace)) = from.filter(|_| name.is_empty()) {
            Some(Spoken { environment, namespace })
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
            href: elsewhere(spot, one, &visit.arrives_in(one, &place.namespace)),
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
                everything: visit.pass.allows(ANY, ANY),
            },
            events: events(&name, &namespace),
            marks: visit.marks.to_string(),
            glass: Glass::seen(visit),
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
        let of_all = ["proposals", "sync", "deliveries", "audit"];
        let of_all = of_all.into_iter().filter(|one| self.may.everything || !matches!(*one, "sync" | "deliveries"));
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
            glass: Glass::at_all(state),
            events: String::new(),
            marks: String::new(),
        }
    }
}

/// Where a page hears of what moves.
fn events(environment: &str, namespace: &str) -> String {
    format!("/ui/events?environment={}&namespace={}", segment(environment), segment(namespace))
}

/// The same page in another environment; of a flag or a segment that is not there, the list.
fn elsewhere(spot: Spot<'_>, environment: &Environment, namespace: &str) -> String {
    let list = spot.elsewhere(&environment.name, namespace);
    let served = environment.load();
    let there = |key: &str| {
        let namespace = served.flags.namespaces.get(namespace);
        namespace.is_some_and(|namespace| match spot.section {
            "flags" => namespace.flag(key).is_some(),
            "segments" => namespace.segments_by_key().any(|segment| *segment.key == *key),
            _ => false,
        })
    };
    match spot.thing.map(crate::http::environments::decoded).filter(|key| there(key)) {
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
    let seen = keys.into_iter().filter(|key| visit.may(Action::Read, &environment.name, key));
    let place = |key: &str| Place {
        key: key.to_owned(),
        base: None,
        protected: false,
        href: spot.elsewhere(&environment.name, key),
        current: key == named,
    };
    seen.take(limits::UI_NAMESPACES).map(place).collect()
}
