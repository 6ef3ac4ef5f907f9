//! What a branch and its base have both changed, so that one cannot take up the other.

use minijinja::{Value, context};

use crate::auth::Action;
use crate::flags::resource::{Resource, payload};
use crate::http::ui::Visit;
use crate::limits;
use crate::view::list::cut;
use crate::view::proposal::short;
use crate::write::writers::Conflicts;

/// Each with its three versions, as far as they are known; of namespaces that may be read.
pub(in super::super) fn told(visit: &Visit<'_>, environment: &str, conflicts: &Conflicts) -> Value {
    let seen = |one: &&crate::write::Conflict| visit.may(Action::Read, environment, &one.namespace);
    let version = |resource: &Option<Resource>| {
        let text = resource.as_ref().map(|resource| format!("{:#}", payload::to_json(resource)));
        text.map(|text| cut(&text, limits::UI_VERSION_CHARACTERS))
    };
    let clash = |one: &crate::write::Conflict| {
        context! {
            kind => one.kind.map(crate::flags::resource::Kind::word),
            namespace => short(&one.namespace),
            key => short(&one.key),
            overlaps => one.overlaps.iter().map(|place| short(place)).collect::<Vec<_>>(),
            base => version(&one.base),
            ours => version(&one.ours),
            theirs => version(&one.theirs),
        }
    };
    let clashes = conflicts.conflicts.iter().filter(seen).take(limits::CONFLICTS_TOLD);
    let files = conflicts.files.iter().filter(|_| visit.reads_all_of(environment)).take(limits::CONFLICTS_TOLD);
    context! {
        resources => clashes.map(clash).collect::<Vec<_>>(),
        files => files.map(|file| short(file)).collect::<Vec<_>>(),
    }
}
