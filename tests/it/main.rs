//! The one integration binary: linking is the cost, so every scenario is a module here.
#![allow(clippy::string_slice)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod architecture;

mod cli;
mod commits;
mod compatibility;
mod diff;
#[path = "../differences/mod.rs"]
mod differences;
mod edits;
mod evaluate;
mod evaluation;
mod git_commit;
mod git_faults;
mod git_fetch;
mod git_history;
mod git_mirror;
mod git_place;
mod git_push;
mod git_push_faults;
mod git_server;
mod git_sign;
mod git_ssh;
mod http;
mod packaging;
mod process;
mod state;
mod validate;
mod webhook_command;
mod webhooks;
mod webhooks_fixtures;
mod webhooks_hostile;
mod writes;

mod contents;
mod deliveries;
mod intake;
mod killed;
mod lives;
mod lost_updates;
mod own_places;
mod past;
mod proposals;
#[path = "../world/provider.rs"]
mod provider;
#[path = "../reference/mod.rs"]
mod reference;
mod remotes;
#[path = "../world/scm/mod.rs"]
mod scm;
#[path = "../world/scm_http.rs"]
mod scm_http;
mod signals;
mod tokens;
#[path = "../world/mod.rs"]
mod world;
