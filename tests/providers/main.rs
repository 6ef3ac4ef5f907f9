//! The providers' APIs: each of them against a simulator of its dialect, every exchange against its own specification.
//! A binary of its own, because it needs nothing but the pure core: `cargo test --no-default-features --test providers`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod azure;
mod bitbucket;
mod conformance;
mod events;
mod gitea;
mod github;
mod github_hooks;
mod github_recorded;
mod gitlab;
mod hooks_plan;
#[path = "../world/scm/mod.rs"]
mod scm;
mod spec;

use scm::git::{Git as _, Memory};

#[test]
fn the_repository_in_memory_merges() {
    let mut git = Memory::new();
    git.branch("topic", "main");
    let commit = git.commit("topic");
    assert_eq!((git.beyond("topic", "main"), git.beyond("main", "topic")), (1, 0));
    git.merge("main", "topic", "merge", "m");
    assert_eq!(git.beyond("topic", "main"), 0);
    assert_eq!(git.tip("topic"), Some(commit));
}
