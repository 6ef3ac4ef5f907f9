//! The providers whose API is there: one function each. A provider that is not is `None`.

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
    let all = [github(), gitlab(), bitbucket_cloud(), bitbucket_data_center(), azure(), gitea(), forgejo()];
    all.into_iter().flatten().collect()
}

fn github() -> Option<World> {
    use crate::scm::github::Github;
    let make = |plain| Scm::new(Provider::Github, "https://api.github.com", Box::new(Github), plain);
    Some(World { provider: Provider::Github, make, lacks: &[] })
}

// -

fn gitlab() -> Option<World> {
    let make = |plain| {
        Scm::new(Provider::Gitlab, "https://gitlab.example/api/v4", Box::<scm::gitlab::Gitlab>::default(), plain)
    };
    Some(World { provider: Provider::Gitlab, make, lacks: &[] })
}

// -

fn bitbucket_cloud() -> Option<World> {
    use crate::scm::bitbucket_cloud::{BitbucketCloud, ROOT};
    let make = |plain| Scm::new(Provider::BitbucketCloud, ROOT, Box::<BitbucketCloud>::default(), plain);
    let lacks = &[("read while mergeability is found out", "it answers at once, or does not know")];
    Some(World { provider: Provider::BitbucketCloud, make, lacks })
}

// -

fn bitbucket_data_center() -> Option<World> {
    use crate::scm::bitbucket_data_center::{BitbucketDataCenter, ROOT};
    let provider = Provider::BitbucketDataCenter;
    let make = |plain| Scm::new(Provider::BitbucketDataCenter, ROOT, Box::<BitbucketDataCenter>::default(), plain);
    Some(World { provider, make, lacks: &[] })
}

// -

fn azure() -> Option<World> {
    use crate::scm::azure::{Azure, ROOT};
    let make = |plain| Scm::new(Provider::Azure, ROOT, Box::new(Azure::services()), plain);
    Some(World { provider: Provider::Azure, make, lacks: &[] })
}

// -

fn gitea() -> Option<World> {
    Some(World { provider: Provider::Gitea, make: scm::gitea::gitea, lacks: &[] })
}

// -

fn forgejo() -> Option<World> {
    Some(World { provider: Provider::Forgejo, make: scm::gitea::forgejo, lacks: &[] })
}
