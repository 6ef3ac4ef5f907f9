//! A server in this process, over flag files.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Runtime;
use yardarm::auth::Scopes;
use yardarm::auth::tokens::{Digest, Token};
use yardarm::clock;
use yardarm::config;
use yardarm::flags::document::{self, format_of};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{self, Input, assemble};
use yardarm::http::serve::Listening;
use yardarm::http::{Authentication, Settings, State};
use yardarm::ingest::deliveries::Log;
use yardarm::ingest::{Hint, Hints, Ingest};
use yardarm::serve::{Environment, Environments, Served};

use super::wire::{self, Answer};

pub(super) struct Server {
    pub(super) state: Arc<State>,
    pub(super) listening: Option<Listening>,
    pub(super) address: SocketAddr,
    pub(super) runtime: Runtime,
}

impl Server {
    pub(super) fn start(environments: Vec<Arc<Environment>>, settings: Settings) -> Self {
        Self::with_webhook_listener(environments, settings, None)
    }

    pub(super) fn with_webhook_listener(
        environments: Vec<Arc<Environment>>,
        settings: Settings,
        webhook: Option<config::Listener>,
    ) -> Self {
        let server = config::Server { host: "127.0.0.1".to_owned(), port: 0, tls: None, webhook };
        Self::on(state(environments, settings), &server)
    }

    pub(super) fn on(state: Arc<State>, server: &config::Server) -> Self {
        let runtime = Runtime::new().unwrap();
        let listening = runtime.block_on(async { yardarm::http::serve::bind(&state, server) }).unwrap();
        let address = listening.address();
        Self { state, listening: Some(listening), address, runtime }
    }

    pub(super) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        wire::send(self.address, method, path, headers, body.map(str::as_bytes))
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(super) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], Some(body))
    }

    pub(super) fn environment(&self, name: &str) -> Arc<Environment> {
        self.state.environments.get(name).unwrap()
    }

    /// Begins to shut down; the handle ends when everything is closed.
    pub(super) fn stop(&mut self) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(self.listening.take().unwrap().stop())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.runtime.block_on(listening.stop());
        }
    }
}

/// What a server looks at, with nobody behind its webhooks.
pub(super) fn state(environments: Vec<Arc<Environment>>, settings: Settings) -> Arc<State> {
    struct Nobody;
    impl Hints for Nobody {
        fn set(&self, _: Hint) {}
    }
    let deliveries = Arc::new(Log::new());
    let clock = Arc::new(clock::System);
    Arc::new(State {
        environments: Arc::new(Environments::new(environments)),
        board: Arc::default(),
        ingest: Arc::new(Ingest::new(Vec::new(), deliveries.clone(), Arc::new(Nobody), clock.clone())),
        deliveries,
        webhooks: Arc::default(),
        metrics: Arc::default(),
        settings: ArcSwap::from_pointee(settings),
        writers: Arc::default(),
        tracker: Arc::default(),
        audit: Arc::default(),
        clock,
        ui: yardarm::http::Ui::default(),
        analytics: Arc::default(),
        draining: Arc::default(),
    })
}

pub(super) fn environment(name: &str, default: bool) -> Arc<Environment> {
    let text = Arc::<str>::from;
    Arc::new(Environment::new(text(name), None, default, text("flags"), text(""), text("main")))
}

/// Serves these files, as paths and texts.
pub(super) fn publish(environment: &Environment, files: &[(&str, &str)]) {
    let inputs: Vec<_> = files.iter().map(|(path, text)| input(path, text.as_bytes())).collect();
    let flags = assemble(&inputs, &environment.load().flags, HazardPolicy::Warn);
    let errors: Vec<_> =
        flags.problems.iter().filter(|p| flags.held.iter().any(|h| Some(h) == p.namespace.as_ref())).collect();
    assert!(flags.held.is_empty(), "{errors:?}");
    serve(environment, flags);
}

fn serve(environment: &Environment, flags: snapshot::Environment) {
    environment.publish(Served {
        flags: Arc::new(flags),
        commit: Some("c0ffee".into()),
        since: jiff::Timestamp::now(),
    });
}

fn input(path: &str, bytes: &[u8]) -> Input {
    let file = document::read(format_of(path).unwrap(), bytes);
    Input { path: path.into(), blob: (&*file.sha1).into(), file: Arc::new(file) }
}

/// An environment over a directory of fixtures, read in the order in which Flipt walks it.
pub(super) fn of_directory(name: &str, default: bool, directory: &str) -> Arc<Environment> {
    fn walk(root: &Path, below: &str, inputs: &mut Vec<Input>) {
        let mut entries: Vec<_> = std::fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let file = entry.file_name().into_string().unwrap();
            let path = if below.is_empty() { file } else { format!("{below}/{file}") };
            if entry.file_type().unwrap().is_dir() {
                walk(root, &path, inputs);
            } else if format_of(&path).is_some() {
                inputs.push(input(&path, &std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/inputs").join(directory);
    let mut inputs = Vec::new();
    walk(&root, "", &mut inputs);
    let flags = assemble(&inputs, &snapshot::Environment::default(), HazardPolicy::Warn);
    assert!(flags.held.is_empty() && !flags.namespaces.is_empty(), "{directory}: {:?}", flags.problems);
    let environment = environment(name, default);
    serve(&environment, flags);
    environment
}

/// Flipt's default list of headers that a page may send.
pub(super) fn cors(origin: &str) -> Arc<config::Cors> {
    let headers = [
        "Accept",
        "Authorization",
        "Content-Type",
        "X-CSRF-Token",
        "X-Flipt-Accept-Server-Version",
        "X-Flipt-Environment",
        "X-Flipt-Namespace",
        "If-None-Match",
    ];
    Arc::new(config::Cors {
        enabled: true,
        allowed_origins: vec![origin.to_owned()],
        allowed_headers: headers.map(str::to_owned).to_vec(),
    })
}

/// A token for everything, for ever.
pub(super) fn token_of(name: &str, token: &str) -> Token {
    Token { name: name.into(), digest: Digest::of(token), scopes: Scopes::all(), expires: None }
}

/// `golden-token` and `other-token` may everything, `elsewhere-token` may evaluate where nothing is.
pub(super) fn tokens(excluded: bool) -> Authentication {
    let mut tokens = [("ci", "golden-token"), ("other", "other-token"), ("elsewhere", "elsewhere-token")]
        .map(|(name, token)| token_of(name, token));
    tokens[2].scopes = Scopes::of(["evaluate:elsewhere".parse().unwrap()]);
    Authentication::from(&config::Authentication {
        required: Some(true),
        exclude_evaluation: excluded,
        exclude_ofrep: excluded,
        tokens: tokens.into(),
        ..config::Authentication::default()
    })
}
