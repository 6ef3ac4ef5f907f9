//! The providers whose API is there: one function each. A provider that is not is `None`.

use yardarm::provider::Provider;

use crate::scm::Scm;
use crate::scm::plain::Plain;

/// One provider's world.
pub struct World {
    pub provider: Provider,
    /// Its simulator over a plain world.
    pub make: fn(Plain) -> Scm,
    /// Stories that it cannot tell, by their names, each with the reason; it stands in the matrix.
    pub lacks: &'static [(&'static str, &'static str)],
}

pub fn worlds() -> Vec<World> {
    let all = [github(), gitlab(), bitbucket_cloud(), bitbucket_data_center(), azure(), gitea(), forgejo()];
    all.into_iter().flatten().collect()
}

fn github() -> Option<World> {
    None
}

// -

fn gitlab() -> Option<World> {
    None
}

// -

fn bitbucket_cloud() -> Option<World> {
    None
}

// -

fn bitbucket_data_center() -> Option<World> {
    None
}

// -

fn azure() -> Option<World> {
    None
}

// -

fn gitea() -> Option<World> {
    None
}

// -

fn forgejo() -> Option<World> {
    None
}
