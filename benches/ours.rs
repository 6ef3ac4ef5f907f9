//! Our own server for the benches: the daemon's HTTP surface over flags made here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use yardarm::auth::Scopes;
use yardarm::auth::tokens::{Digest, Token};
use yardarm::clock::{self, Clock};
use yardarm::config::{self, Config};
use yardarm::flags::document::{Format, read};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{self, Input, assemble};
use yardarm::http::serve::{self, Listening};
use yardarm::http::{Authentication, Settings, State};
use yardarm::ingest::{Endpoint, Hint, Hints, Ingest, deliveries::Log};
use yardarm::serve::{Environment, Environments, Served};

pub use crate::flag_file::file;

/// The flags of one file.
pub fn flags(text: &str, previous: &snapshot::Environment) -> snapshot::Environment {
    let file = read(Format::Yaml, text.as_bytes());
    let input = Input { path: "default/features.yaml".into(), blob: (&*file.sha1).into(), file: Arc::new(file) };
    let environment = assemble(&[input], previous, HazardPolicy::Refuse);
    assert!(environment.problems.is_empty(), "{:?}", environment.problems);
    environment
}

/// Counts hints and does nothing else: what happens after the answer is another section's figure.
#[derive(Debug, Default)]
struct Counted(std::sync::atomic::AtomicU64);

impl Hints for Counted {
    fn set(&self, _hint: Hint) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A running surface.
pub struct Ours {
    pub address: SocketAddr,
    pub environment: Arc<Environment>,
    _listening: Listening,
}

/// A token that [`guarded`] knows.
pub const TOKEN: &str = "a-token-of-the-bench";

/// The same as [`start`] for whoever shows one of a thousand tokens; [`TOKEN`] may evaluate this one namespace.
pub fn guarded(text: &str) -> Ours {
    let scope = || "evaluate:default/default".parse().expect("a scope");
    let token = |n: u32| Token {
        name: format!("t{n}").into(),
        digest: Digest::of(&if n == 500 { TOKEN.to_owned() } else { format!("token-{n}") }),
        scopes: Scopes::of([scope()]),
        expires: Some(jiff::Timestamp::MAX),
    };
    let authentication = config::Authentication {
        required: Some(true),
        tokens: (0..1_000).map(token).collect(),
        ..config::Authentication::default()
    };
    serving(text, Settings { authentication: Authentication::from(&authentication), ..Settings::default() })
}

/// Serves `text` as the namespace `default` of the environment `default`, with a GitHub endpoint at `/webhooks/flags`.
pub fn start(text: &str) -> Ours {
    serving(text, Settings::default())
}

fn serving(text: &str, settings: Settings) -> Ours {
    let configuration = config(
        "storage: {flags: {remote: 'https://github.com/acme/flags.git', webhook: {provider: github, secrets: [secret]}}}\n\
         environments: {default: {storage: flags}}\n",
    );
    let name = |text: &str| Arc::<str>::from(text);
    let environment = Arc::new(Environment::new(name("default"), None, true, name("flags"), name(""), name("main")));
    publish(&environment, flags(text, &snapshot::Environment::default()));
    let clock: Arc<dyn Clock> = Arc::new(clock::System);
    let deliveries = Arc::new(Log::new());
    let hints: Arc<dyn Hints> = Arc::new(Counted::default());
    let ingest = Arc::new(Ingest::new(Endpoint::of(&configuration), deliveries.clone(), hints, clock.clone()));
    let state = Arc::new(State {
        environments: Arc::new(Environments::new(vec![environment.clone()])),
        board: Arc::default(),
        ingest,
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
    });
    let server = config::Server { host: "127.0.0.1".to_owned(), port: 0, tls: None, webhook: None };
    let listening = serve::bind(&state, &server).expect("bind");
    Ours { address: listening.address(), environment, _listening: listening }
}

/// Swaps and tells.
pub fn publish(environment: &Environment, flags: snapshot::Environment) {
    environment.publish(Served {
        flags: Arc::new(flags),
        commit: Some("c0ffee".into()),
        since: jiff::Timestamp::now(),
    });
}

/// A configuration from its text, with a state directory that is not the user's.
pub fn config(text: &str) -> Config {
    config::load(text, "bench.yml", &BTreeMap::new(), &|_| Err(std::io::ErrorKind::NotFound.into()))
        .unwrap_or_else(|findings| panic!("{findings:?}"))
}
