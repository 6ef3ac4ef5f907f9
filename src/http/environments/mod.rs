//! Management: environments, namespaces, flags, segments and branches as they are in Git, and changes to them.
//!
//! The routes, names and codes are Flipt v2's; ours stand beside them. Reads are of the text at the tip of the branch as
//! far as it is known here ([`tip`]), and never of the compiled snapshot. Whatever changes something becomes a
//! [`write::Request`](crate::write::Request) and goes to the [`Writers`](crate::write::writers::Writers); here it is
//! only read ([`fields`], [`options`]), permitted ([`access`]) and answered ([`writing`], [`refusal`]).
//!
//! A `GET` changes nothing. A write is answered 200 when it is on the remote and live, also where it made nothing new.

mod about;
mod access;
mod branches;
mod changes;
mod fields;
mod history;
mod list;
mod namespaces;
mod options;
mod refusal;
mod resources;
mod schemas;
mod strict;
mod tip;
mod writing;

use super::routes::{DELETE, GET, GET_AMONG, POST, POST_AMONG, PUT, Table};
use crate::auth::Action;

pub(super) use self::access::{allows as may, by, decoded, reaches, segment};
pub(super) use self::changes::{of_text as changes_of, text as changes_as_text};
pub(super) use self::fields::Fields;
pub(super) use self::list::providers;
use self::options::Options;
pub(super) use self::options::checked as options_checked;
pub(super) use self::refusal::conflicts;
pub(super) use self::resources::list as resources_of_nothing;
pub(super) use self::schemas::SCHEMAS;
pub(super) use self::tip::blocking;
pub(super) use self::writing::{Done, done};

/// The routes.
pub(super) fn routes(table: &mut impl Table) {
    table.route(GET, "/api/v2/environments", list::environments, about::environments);
    let all = "/api/v2/environments/{environment}/namespaces";
    table.route(GET_AMONG, all, namespaces::list, about::namespaces);
    table.route(POST_AMONG, all, namespaces::create, about::create_namespace);
    table.route(PUT, all, namespaces::update, about::update_namespace);
    let one = "/api/v2/environments/{environment}/namespaces/{namespace}";
    table.route(GET_AMONG, one, namespaces::get, about::namespace);
    table.route(DELETE, one, namespaces::delete, about::delete_namespace);
    let all = "/api/v2/environments/{environment}/namespaces/{namespace}/resources";
    table.route(POST_AMONG, all, resources::create, about::create_resource);
    table.route(PUT, all, resources::update, about::update_resource);
    let kind = "/api/v2/environments/{environment}/namespaces/{namespace}/resources/{type}";
    table.route(GET, kind, resources::list, about::resources);
    let one = "/api/v2/environments/{environment}/namespaces/{namespace}/resources/{type}/{key}";
    table.route(GET_AMONG, one, resources::get, about::resource);
    table.route(DELETE, one, resources::delete, about::delete_resource);
    let past = "/api/v2/environments/{environment}/namespaces/{namespace}/resources/{type}/{key}/history";
    table.route(GET, past, history::list, about::history);
    let back = "/api/v2/environments/{environment}/namespaces/{namespace}/resources/{type}/{key}/revert";
    table.route(POST, back, history::revert, about::revert);
    let changes = "/api/v2/environments/{environment}/changes";
    table.route(POST, changes, changes::change, about::change);
    let all = "/api/v2/environments/{environment}/branches";
    table.route(GET_AMONG, all, branches::list, about::branches);
    table.route(POST, all, branches::create, about::create_branch);
    let one = "/api/v2/environments/{environment}/branches/{branch}";
    table.route(POST_AMONG, one, branches::propose, about::propose);
    table.route(DELETE, one, branches::delete, about::delete_branch);
    let commits = "/api/v2/environments/{environment}/branches/{branch}/changes";
    table.route(GET, commits, branches::changes, about::branch_changes);
    let update = "/api/v2/environments/{environment}/branches/{branch}/update";
    table.route(POST, update, branches::update, about::update_branch);
}

/// A push that was not done, for whoever did not ask for the push itself.
pub(super) fn refused_write(refusal: crate::write::Refusal) -> super::error::Failure {
    refusal::failure(refusal, refusal::Asked::Ours)
}

/// Flipt's two ways to write a namespace or a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// What a write needs, by what it asks for.
const fn action(options: &Options) -> Action {
    match (&options.break_glass, &options.branch) {
        (Some(_), _) => Action::BreakGlass,
        (None, Some(_)) => Action::Propose,
        (None, None) => Action::Write,
    }
}
