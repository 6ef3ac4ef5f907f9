//! The providers' worlds: one function each.

use yardarm::provider::Provider;

use crate::scm::plain::Plain;
use crate::scm::{self, Scm};

/// One provider's world.
pub struct World {
    pub provider: Provider,
    /// Its simulator over a plain world.
    pub make: fn(Plain) -> Scm,
    /// Stories that it cannot tell, by their names, each with the reason; it stands in the matrix.
    pub lacks: &'static [(&'static str, &'static str)],
}

pub fn worlds() -> Vec<World> {
    vec![github(), gitlab(), bitbucket_cloud(), bitbucket_data_center(), azure(), gitea(), forgejo()]
}

fn github() -> World {
    use crate::scm::github::Github;
    let make = |plain| Scm::new(Provider::Github, "https://api.github.com", Box::new(Github), plain);
    World { provider: Provider::Github, make, lacks: &[] }
}

fn gitlab() -> World {
    let make = |plain| {
        Scm::new(Provider::Gitlab, "https://gitlab.example/api/v4", Box::<scm::gitlab::Gitlab>::default(), plain)
    };
    World { provider: Provider::Gitlab, make, lacks: &[] }
}

fn bitbucket_cloud() -> World {
    use crate::scm::bitbucket_cloud::{BitbucketCloud, ROOT};
    let make = |plain| Scm::new(Provider::BitbucketCloud, ROOT, Box::<BitbucketCloud>::default(), plain);
    let lacks = &[("read while mergeability is found out", "it answers at once, or does not know")];
    World { provider: Provider::BitbucketCloud, make, lacks }
}

fn bitbucket_data_center() -> World {
    use crate::scm::bitbucket_data_center::{BitbucketDataCenter, ROOT};
    let provider = Provider::BitbucketDataCenter;
    let make = |plain| Scm::new(Provider::BitbucketDataCenter, ROOT, Box::<BitbucketDataCenter>::default(), plain);
    World { provider, make, lacks: &[] }
}

fn azure() -> World {
    use crate::scm::azure::{Azure, ROOT};
    let make = |plain| Scm::new(Provider::Azure, ROOT, Box::new(Azure::services()), plain);
    World { provider: Provider::Azure, make, lacks: &[] }
}

fn gitea() -> World {
    World { provider: Provider::Gitea, make: scm::gitea::gitea, lacks: &[] }
}

fn forgejo() -> World {
    World { provider: Provider::Forgejo, make: scm::gitea::forgejo, lacks: &[] }
}
