//! `cargo bench`: every figure with its ratio against bare actix-web in the same run.
//!
//! `cargo bench -- intake evaluate …` runs only the named sections; `YARDARM_BENCH=quick` makes short rounds.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::print_stderr, clippy::string_slice)]

#[path = "../tests/ui/browser.rs"]
mod browser;
mod fan_out;
mod flag_file;
mod floor;
mod lists;
mod load;
mod ours;
mod page;
mod process;
mod propagation;
mod proposals;
#[path = "../tests/world/provider.rs"]
mod provider;
mod requests;
#[path = "../tests/world/scm/mod.rs"]
mod scm;
#[path = "../tests/world/scm_http.rs"]
mod scm_http;
mod size;
#[path = "../tests/world/mod.rs"]
mod world;
mod writes;

use std::time::Duration;

/// Rounds of each side; the best of each counts, since noise only ever slows.
pub fn rounds() -> usize {
    if quick() { 1 } else { 4 }
}

/// Length of a round.
pub fn round_time() -> Duration {
    if quick() { Duration::from_millis(400) } else { Duration::from_secs(2) }
}

/// Whether only the working of the bench is to be seen.
pub fn quick() -> bool {
    std::env::vars().any(|(name, value)| name == "YARDARM_BENCH" && value == "quick")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    // The bench starts itself again where a measurement needs a second process.
    match arguments.first().map(String::as_str) {
        Some("--clients") => return fan_out::clients(&arguments[1..]),
        Some("--floor-streams") => return fan_out::floor(),
        Some("--daemon") => return process::daemon(&arguments[1..]),
        _ => {}
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|a| a == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    if wanted("intake") || wanted("evaluate") {
        runtime.block_on(requests::run(&wanted));
    }
    if wanted("propagation") {
        runtime.block_on(propagation::run());
    }
    if wanted("proposals") {
        runtime.block_on(proposals::run());
    }
    if wanted("fan-out") {
        runtime.block_on(fan_out::run());
    }
    if wanted("writes") {
        runtime.block_on(writes::run());
    }
    if wanted("size") {
        runtime.block_on(size::run());
    }
    if wanted("lists") {
        runtime.block_on(lists::run());
    }
    if wanted("page") {
        runtime.block_on(page::run());
    }
    if wanted("process") {
        runtime.block_on(process::run());
    }
}
