//! What is the two Bitbuckets' own; what they have in common with everybody is told in the conformance stories.

mod cloud;
mod data_center;
mod recorded;
mod webhooks;

use yardarm::provider::Provider;
use yardarm::provider::api::{self, Api, Failure, New};

use crate::scm::git::Shared;
use crate::scm::plain::Plain;
use crate::scm::{Dialect, Scm};
use crate::spec::Spec;

/// `acme/flags` at a Bitbucket, with `main` and branches one commit ahead of it.
pub(crate) struct Stage {
    pub(crate) scm: Scm,
    pub(crate) git: Shared,
    pub(crate) api: Box<dyn Api>,
}

impl Stage {
    pub(crate) fn new(provider: Provider, root: &str, dialect: Box<dyn Dialect>) -> Self {
        let git = Shared::new();
        let scm = Scm::new(provider, root, dialect, Plain::new(Box::new(git.clone())));
        let stage = Self { api: api::of(scm.place()), scm, git };
        stage.branch("topic");
        stage
    }

    pub(crate) fn branch(&self, name: &str) -> String {
        self.git.with(|git| {
            git.branch(name, "main");
            git.commit(name)
        })
    }

    /// Opens one and answers its number.
    pub(crate) fn open(&self, head: &str) -> u64 {
        self.api.create(&self.scm, &new(head)).unwrap().number
    }

    pub(crate) fn asked(&self, method: &str, part: &str) -> usize {
        let meets = |it: &&crate::scm::Exchange| it.asked.method == method && it.asked.path.join("/").contains(part);
        self.scm.exchanges().iter().filter(meets).count()
    }

    /// Holds everything that was said against the specification.
    pub(crate) fn check(&self) {
        let Some(spec) = Spec::of(self.scm.provider) else { return };
        let wrong: Vec<String> = self.scm.exchanges().iter().flat_map(|exchange| spec.check(exchange)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

pub(crate) fn new(head: &str) -> New {
    New {
        title: "Turn the checkout on".to_owned(),
        body: "For everybody.".to_owned(),
        head: head.to_owned(),
        base: "main".to_owned(),
        draft: false,
    }
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    serde_json::to_value(result.unwrap_err()).unwrap()["kind"].as_str().unwrap().to_owned()
}
