//! The published SDKs, unmodified, against the running daemon.
//!
//! Teams that come from Flipt keep their clients. So the clients are taken as the registries have them, at pinned
//! versions, and each is used by a script in its own language as an application would use it. They all speak with the
//! real binary, over one story: everything that a client can ask for; a push that arrives by webhook while they are
//! connected; a daemon that is killed, and comes back to a repository that has moved on. What each caller gets to see
//! is compared in the scripts, word for word, and a page of the documentation is made of it.
//!
//! This is a test target of its own: it needs other things than the rest (Node.js, Python, their registries), it waits
//! for other things (the polls of clients), and it should not do so while two hundred other tests want the same cores.
//! `docs/decisions/0012-published-sdks.md` has the price.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod client;
mod daemon;
mod kit;
mod page;
mod script;
#[path = "../world/mod.rs"]
mod world;

use std::io::Write as _;
use std::time::{Duration, Instant};

use yardarm::demo::dialect::Sender;

use client::Client;
use daemon::Daemon;
use script::{Arrival, Kit, SCRIPTS, STEPS};
use world::{Plan, Pushed, World};

/// A stream tells of a change; the next poll of its client would be minutes away.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn published_clients_find_everything_as_they_are_used_to() {
    let mode = std::env::var_os("YARDARM_TEST_SDK").unwrap_or_default();
    let (kits, missing) = kit::install_all();
    for why in &missing {
        tell(&format!("not tested against the published SDKs: {why}"));
    }
    assert!(missing.is_empty() || mode.is_empty(), "{}", missing.join("\n"));
    let scripts: Vec<_> = SCRIPTS.iter().filter_map(|script| Some((script, kits.get(&script.kit)?))).collect();
    if scripts.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (clients, mut wrong) = runtime.block_on(async {
        let mut stage = Stage::set_up().await;
        let mut clients = Vec::new();
        for (script, kit) in scripts {
            clients.push(Client::start(script, kit, &stage.world.path(), &stage.variables()));
        }
        let wrong = stage.play(&mut clients).await;
        stage.tear_down().await;
        (clients, wrong)
    });

    wrong.extend(clients.iter().flat_map(Client::complaints));
    for client in &clients {
        let seen = client.seen_after_push();
        tell(&format!(
            "{:48} change seen after {}",
            client.script.title(),
            seen.map_or_else(|| "-".to_owned(), |it| format!("{} ms", it.as_millis()))
        ));
        if client.script.arrival == Arrival::Stream && seen.is_none_or(|seen| seen > AT_ONCE) {
            wrong.push(format!("{}: the change did not come over the stream at once: {seen:?}", client.script.title()));
        }
        for step in STEPS.iter().filter(|step| !client.took(step)) {
            wrong.push(format!("{}: never came to `{step}`", client.script.title()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    page::compare(&clients, mode == "write");
}

/// To the terminal, also from a test that is content.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The forge, and two daemons that serve its repository: one that asks everybody for a token, and one with OFREP open
/// for browsers. GitHub tells the one of a push, Gitea the other.
struct Stage {
    world: World,
    strict: Daemon,
    browser: Daemon,
}

impl Stage {
    async fn set_up() -> Self {
        let world = Plan::of(Sender::Github).empty().forge_only();
        let first = commit(&world, "first", 3);
        let strict = Daemon::start(&world, "strict", Sender::Github, "").await;
        let browser = Daemon::start(&world, "browser", Sender::Gitea, "exclude: {ofrep: true}").await;
        let stage = Self { world, strict, browser };
        stage.serve(&first).await;
        stage
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("YARDARM_URL", self.strict.url().to_owned()),
            ("YARDARM_BROWSER_URL", self.browser.url().to_owned()),
            ("YARDARM_TOKEN", daemon::TOKEN.to_owned()),
        ]
    }

    /// The story. Every client says where it is; nobody is kept waiting for a client that has failed. What is wrong
    /// beside what the clients say of themselves.
    async fn play(&mut self, clients: &mut [Client]) -> Vec<String> {
        Client::all_await(clients, "pushed").await;
        // Two of every client that streams: nobody may hear of the push only because it came late.
        let streaming = clients.iter().filter(|client| client.goes_on() && client.script.arrival == Arrival::Stream);
        let (engines, browsers): (Vec<_>, Vec<_>) = streaming.partition(|client| client.script.kit == Kit::Python);
        let (engines, browsers) = (2 * engines.len(), 2 * browsers.len());
        let connected = [self.strict.has_streams(engines).await, self.browser.has_streams(browsers).await];
        let pushed = Instant::now();
        for client in clients.iter_mut() {
            client.pushed = Some(pushed);
        }
        let second = commit(&self.world, "second", 4);
        self.announce(&second).await;
        Client::tell_all(clients, "pushed").await;

        Client::all_await(clients, "down").await;
        for daemon in [&mut self.strict, &mut self.browser] {
            daemon.kill().await;
        }
        let third = commit(&self.world, "third", 5);
        Client::tell_all(clients, "down").await;

        Client::all_await(clients, "up").await;
        for daemon in [&mut self.strict, &mut self.browser] {
            daemon.start_again().await;
        }
        self.serve(&third).await;
        Client::tell_all(clients, "up").await;

        // What comes over a stream that has nothing to say must not disturb its client.
        let strict = &self.strict;
        let idle = async {
            let connected = strict.has_streams(engines).await;
            strict.keeps_a_stream_alive().await;
            connected
        };
        let ((), again) = tokio::join!(Client::all_await(clients, "later"), idle);
        let fourth = commit(&self.world, "fourth", 6);
        self.announce(&fourth).await;
        Client::tell_all(clients, "later").await;

        Client::all_await(clients, "end").await;
        Client::tell_all(clients, "end").await;
        for client in clients {
            client.end().await;
        }
        connected.into_iter().chain([again]).filter_map(Result::err).collect()
    }

    /// Both providers tell their daemon of a push, and both daemons serve it.
    async fn announce(&mut self, pushed: &Pushed) {
        for daemon in [&self.strict, &self.browser] {
            daemon.announce(&mut self.world, pushed).await;
        }
        self.serve(pushed).await;
    }

    async fn serve(&self, pushed: &Pushed) {
        for daemon in [&self.strict, &self.browser] {
            daemon.serves(pushed).await;
        }
    }

    async fn tear_down(self) {
        for daemon in [self.strict, self.browser] {
            daemon.stop().await;
        }
        self.world.end().await;
    }
}

/// Commits the flags that the scripts ask for, with this news in them.
fn commit(world: &World, news: &str, level: u32) -> Pushed {
    let flags = |namespace: &str| {
        let text = include_str!("features.yaml").replace("NEWS", news).replace("LEVEL", &level.to_string());
        format!("namespace: {namespace}\n{text}")
    };
    let default = flags("default").replace("flags:\n", include_str!("default-only.yaml"));
    world.commit("main", &[("shop/features.yaml", &flags("shop")), ("default/features.yaml", &default)])
}
