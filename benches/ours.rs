//! Our own server for the benches: the daemon's HTTP surface over flags made here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use yardarm::clock::{self, Clock};
use yardarm::config::{self, Config};
use yardarm::flags::document::{Format, read};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{self, Input, assemble};
use yardarm::http::serve::{self, Listening};
use yardarm::http::{Settings, State};
use yardarm::ingest::{Endpoint, Hint, Hints, Ingest, deliveries::Log};
use yardarm::serve::{Environment, Environments, Served};

/// A flag file of `flags` flags: every second a boolean, each variant flag with two segments on its rule.
pub fn file(namespace: &str, flags: usize, salt: usize) -> String {
    use std::fmt::Write;
    let mut text = format!("version: \"1.6\"\nnamespace: {namespace}\nflags:\n");
    for i in 0..flags {
        let enabled = i != 0 || salt % 2 == 0;
        if i % 2 == 0 {
            let _ = write!(
                text,
                "- key: flag-{i:06}\n  name: Flag {i}\n  type: BOOLEAN_FLAG_TYPE\n  enabled: {enabled}\n  rollouts:\n  - segment:\n      key: beta\n      value: true\n  - threshold:\n      percentage: 50\n      value: true\n"
            );
        } else {
            let _ = write!(
                text,
                "- key: flag-{i:06}\n  name: Flag {i}\n  type: VARIANT_FLAG_TYPE\n  enabled: true\n  variants:\n  - key: a\n    attachment: {{colour: blue, size: {i}}}\n  - key: b\n  rules:\n  - segment:\n      keys: [beta, internal]\n      operator: OR_SEGMENT_OPERATOR\n    distributions:\n    - variant: a\n      rollout: 50\n    - variant: b\n      rollout: 50\n"
            );
        }
    }
    text.push_str("segments:\n- key: beta\n  name: Beta\n  match_type: ALL_MATCH_TYPE\n  constraints:\n  - type: STRING_COMPARISON_TYPE\n    property: plan\n    operator: isoneof\n    value: [pro, team]\n  - type: NUMBER_COMPARISON_TYPE\n    property: version\n    operator: gte\n    value: \"7\"\n- key: internal\n  name: Internal\n  match_type: ANY_MATCH_TYPE\n  constraints:\n  - type: STRING_COMPARISON_TYPE\n    property: email\n    operator: suffix\n    value: \"@example.com\"\n");
    text
}

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

/// Serves `text` as the namespace `default` of the environment `default`, with a GitHub endpoint at `/webhooks/flags`.
pub fn start(text: &str) -> Ours {
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
        metrics: Arc::default(),
        settings: ArcSwap::from_pointee(Settings::default()),
        clock,
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
