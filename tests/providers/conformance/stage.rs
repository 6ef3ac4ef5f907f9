//! A world for one story: `acme/flags` with `main` and a `topic` one commit ahead of it.

use yardarm::provider::api::{self, Api, Failure, New, Opened, Proposal};

use super::worlds::World;
use crate::scm::Scm;
use crate::scm::git::{Git as _, Shared};
use crate::scm::plain::Plain;

pub const TITLE: &str = "Turn the new checkout on for «everyone»";
pub const BODY: &str = "From 10 % to 100 %.\n\n<!-- yardarm:proposal 0123456789abcdef -->";
/// Who Yardarm is at the provider.
pub const ROBOT: &str = "yardarm-bot";

pub struct Stage {
    pub scm: Scm,
    pub git: Shared,
    pub api: Box<dyn Api>,
}

impl Stage {
    pub fn of(world: &World) -> Self {
        let git = Shared::new();
        let scm = (world.make)(Plain::new(Box::new(git.clone())));
        let stage = Self { api: api::of(scm.place()), scm, git };
        stage.branch("topic");
        stage
    }

    /// A branch that is one commit ahead of `main`.
    pub fn branch(&self, name: &str) {
        self.git.with(|git| {
            git.branch(name, "main");
            git.commit(name);
        });
    }

    /// Somebody pushes a commit.
    pub fn push(&self, branch: &str) -> String {
        let commit = self.git.with(|git| git.commit(branch));
        self.scm.world(|plain| plain.pushed(branch));
        commit
    }

    pub fn tip(&self, branch: &str) -> String {
        self.git.tip(branch).unwrap()
    }

    /// Time goes by: what the provider was still finding out is known.
    pub fn later(&self) {
        self.scm.world(|plain| plain.now += jiff::SignedDuration::from_hours(1));
    }

    /// One is open that Yardarm opened, from `topic`, some time ago.
    pub fn opened(&self) -> u64 {
        self.opened_from("topic")
    }

    pub fn opened_from(&self, head: &str) -> u64 {
        let open = |plain: &mut Plain| plain.open(ROBOT, head, "main", TITLE, BODY, false, false);
        let number = self.scm.world(open).unwrap();
        self.later();
        number
    }

    pub fn open_or_join(&self, new: &New) -> Result<Opened, Failure> {
        api::open_or_join(&*self.api, &self.scm, new)
    }

    pub fn say(&self, number: u64, text: &str) -> Result<(), Failure> {
        api::say(&*self.api, &self.scm, number, MARKER, text)
    }

    pub fn read(&self, number: u64) -> Result<Proposal, Failure> {
        self.api.read(&self.scm, number)
    }

    /// How many requests were made until now that were answered.
    pub fn asked(&self) -> usize {
        self.scm.exchanges().len()
    }

    /// Everything of the world that Yardarm could have changed.
    pub fn trace(&self) -> Vec<String> {
        self.scm.world(|plain| {
            let proposals = plain.proposals.iter().map(|it| {
                let comments: Vec<String> = it.comments.iter().map(|it| format!("{}: {}", it.by, it.text)).collect();
                format!(
                    "#{} {} -> {} {:?} draft {} {:?} {:?} {comments:?}",
                    it.number, it.head, it.base, it.state, it.draft, it.title, it.body
                )
            });
            let statuses = plain.statuses.iter().map(|it| format!("{it:?}"));
            proposals.chain(statuses).collect()
        })
    }
}

/// What Yardarm's comment carries.
pub const MARKER: &str = "<!-- yardarm:report -->";

/// A comment of Yardarm.
pub fn report(text: &str) -> String {
    format!("{text}\n\n{MARKER}")
}

/// What is to be opened, from a branch.
pub fn new(head: &str) -> New {
    New { title: TITLE.to_owned(), body: BODY.to_owned(), head: head.to_owned(), base: "main".to_owned(), draft: false }
}

/// What became of something, in one word: `ok`, or the kind of the failure.
pub fn word<T>(result: &Result<T, Failure>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(failure) => serde_json::to_value(failure).unwrap()["kind"].as_str().unwrap().to_owned(),
    }
}

/// Whether a commit is the whole one, or begins it with the 12 digits or more that a provider tells.
pub fn is_commit(told: Option<&str>, whole: &str) -> bool {
    told.is_some_and(|told| told.len() >= 12 && whole.starts_with(told))
}
