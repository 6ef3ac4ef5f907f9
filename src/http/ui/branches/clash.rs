//! What a branch and its base have both changed, so that one cannot take up the other.

use minijinja::{Value, context};

use crate::flags::resource::{Resource, payload};
use crate::limits;
use crate::view::list::cut;
use crate::view::proposal::short;
use crate::write::writers::Conflicts;

/// Each with its three versions, as far as they are known.
pub(in super::super) fn told(conflicts: &Conflicts) -> Value {
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
    let resources: Vec<Value> = conflicts.conflicts.iter().take(limits::CONFLICTS_TOLD).map(clash).collect();
    let files: Vec<String> = conflicts.files.iter().take(limits::CONFLICTS_TOLD).map(|file| short(file)).collect();
    context! { resources, files }
}
