//! What happens to proposals, told against every provider. A story answers what came of it in a few words, which stand in
//! the matrix; a failure is told by its kind.

mod life;
mod merging;
mod opening;
mod reading;
mod saying;

use yardarm::provider::api::Failure;

use super::stage::Stage;

#[derive(Clone, Copy)]
pub struct Story {
    pub name: &'static str,
    pub run: fn(&Stage) -> Result<&'static str, Failure>,
    /// What may come of it.
    pub allowed: &'static [&'static str],
}

pub fn stories() -> Vec<Story> {
    [opening::stories(), reading::stories(), life::stories(), merging::stories(), saying::stories()].concat()
}

const fn story(
    name: &'static str,
    run: fn(&Stage) -> Result<&'static str, Failure>,
    allowed: &'static [&'static str],
) -> Story {
    Story { name, run, allowed }
}
