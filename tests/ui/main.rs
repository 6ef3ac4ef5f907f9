//! The pages, as people use them: in a real browser, with a real Git remote and the simulators of the providers behind
//! the daemon.
//!
//! A story needs `chromium` and `chromedriver`; where they are missing it fails and says so. `YARDARM_BROWSER` and
//! `YARDARM_DRIVER` name other programs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod analytics;
mod away;
mod branches;
mod browser;
mod deliveries;
mod edit;
mod elsewhere;
mod first;
mod glass;
mod hostile;
mod lists;
mod live;
mod pages;
mod play;
mod proposals;
#[path = "../world/provider.rs"]
mod provider;
mod rights;
mod save;
#[path = "../world/scm/mod.rs"]
mod scm;
#[path = "../world/scm_http.rs"]
mod scm_http;
mod shell;
mod texts;
mod unscripted;
mod walks;
#[path = "../world/mod.rs"]
mod world;
