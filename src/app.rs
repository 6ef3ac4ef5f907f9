//! Builds every part and owns every task. The only file that sees all modules.
//!
//! ```text
//! config -> store -> environments, board -> workers <- hints - ingest <- http
//!                                              |------ ledger -------^ records, metrics
//!            links -> tracker <- hints - ingest     (merge proposals)
//! ```
//!
//! The order of a start: what is configured is put on the table, the listeners open, then the workers serve what is on
//! disk and only then ask the network. So whoever asks gets an answer at any time, and `/ready` says what is not there
//! yet. A remote that cannot be fetched from does not end the process, whatever `fetch_policy` says: see
//! [`sync::workers`](crate::sync::workers).

mod analytics;
mod ledger;
mod proposals;
mod run;
mod store;
mod tokens;
mod trust;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use self::analytics::Booking;
use self::ledger::{Counting, Ledger};
use self::proposals::{Booked, Kept};
pub use self::run::{Reload, run};
use self::store::{open_store, write_behind};
use self::tokens::TokenFiles;
use self::trust::Trust;
use crate::audit::lines::{self, Lines};
use crate::audit::log::Log as Audit;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::fault::Class;
use crate::http::State;
use crate::http::serve::{self as listen, BindError, Listening};
use crate::ingest::deliveries::Log;
use crate::ingest::{Endpoint, Ingest};
use crate::scm::Links;
use crate::serve::{self, Environments};
use crate::store::{Remembered, Store};
use crate::sync::status::{Board, Mode};
use crate::sync::workers::{Seams, Workers};
use crate::telemetry::metrics::Metrics;
use crate::track::{self, Tracker};
use crate::write::writers::Writers;
use crate::{limits, net, write};

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Two processes would work on the same mirrors.
    #[error("the state directory {0} is used by another process")]
    InUse(PathBuf),
    /// There is no place for mirrors.
    #[error("the state directory {directory} cannot be used: {why}")]
    State {
        /// As configured.
        directory: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The system does not let us listen to signals.
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
}

impl StartError {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Bind(error) => error.class(),
            Self::InUse(_) | Self::State { .. } => Class::Operator,
            Self::Signals(_) => Class::Bug,
        }
    }
}

/// The running daemon.
pub struct Daemon {
    http: Arc<State>,
    listening: Listening,
    workers: Arc<Workers>,
    links: Arc<Links>,
    store: Store,
    audit_file: Arc<Lines>,
    writer: (watch::Sender<bool>, JoinHandle<()>),
    trust: Arc<Trust>,
    watch: JoinHandle<()>,
    token_files: (Arc<TokenFiles>, JoinHandle<()>),
    booking: Booking,
    /// What cannot change while it runs.
    fixed: Mutex<Fixed>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Daemon {
    /// Starts it; port 0 takes a free one. Needs a multi-threaded runtime around it.
    ///
    /// # Errors
    /// See [`StartError`]; then nothing is left running.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        net::crypto();
        let (store, remembered) = open_store(&config).await?;
        let (environments, board) = (Arc::<Environments>::default(), Arc::<Board>::default());
        let (metrics, deliveries) = (Arc::new(Metrics::new()), Arc::new(Log::new()));
        let ledger = Arc::new(Ledger::new(deliveries.clone(), metrics.clone(), clock.clone()));
        let workers = Arc::new(Workers::new(Seams {
            environments: environments.clone(),
            board: board.clone(),
            store: store.clone(),
            observer: ledger.clone(),
            clock: clock.clone(),
        }));
        let ingest = Arc::new(Ingest::new(Endpoint::of(&config), deliveries.clone(), workers.clone(), clock.clone()));
        let counted = metrics.clone();
        ingest.observe(Box::new(move |storage, provider, outcome| counted.delivery(storage, provider, outcome)));
        let Remembered { deliveries: known, events, intents, proposals: kept, rows } = remembered;
        ingest.seed(&known);
        deliveries.restore(known);
        ledger.connect(&ingest);

        let audit_file = Arc::new(Lines::new(config.audit_file.clone()));
        let copies: [Box<dyn crate::audit::log::Copy>; 2] =
            [Box::new(lines::Shared(audit_file.clone())), Box::new(Counting(metrics.clone()))];
        let audit = Arc::new(Audit::new(Some(Box::new(store.clone())), copies.into()));
        audit.restore(events, intents);
        let writers = Arc::new(Writers::new(
            write::writers::Seams {
                workers: workers.clone(),
                environments: environments.clone(),
                board: board.clone(),
                audit: audit.clone(),
                clock: clock.clone(),
            },
            &config,
        ));

        let links = Arc::new(Links::new(&config, clock.clone(), Arc::new(Counting(metrics.clone()))));
        let booked = Arc::new(Booked::new(deliveries.clone(), metrics.clone()));
        booked.connect(&ingest);
        let by = links.clone();
        let tracker = Arc::new(Tracker::new(
            track::Seams {
                workers: workers.clone(),
                writers: writers.clone(),
                environments: environments.clone(),
                reach: Box::new(move |config, storage| proposals::reach(&by, config, storage)),
                keep: Box::new(Kept(store.clone())),
                told: booked,
                audit: audit.clone(),
                clock: clock.clone(),
            },
            kept,
        ));
        ingest.track(tracker.clone());

        let analytics = analytics::open(&store, rows, &clock);
        let (counted, at) = (analytics.clone(), clock.clone());
        metrics.flags(Box::new(move || counted.totals(at.now())));
        let trust = Arc::<Trust>::default();
        let http = Arc::new(State {
            environments,
            board,
            ingest,
            deliveries: deliveries.clone(),
            webhooks: Arc::default(),
            metrics,
            writers,
            tracker,
            audit,
            analytics,
            settings: ArcSwap::from_pointee(trust.settings(&config)),
            ui: crate::http::Ui::default(),
            clock,
            draining: Arc::default(),
        });
        workers.prepare(&config);
        let listening = match listen::bind(&http, &config.server) {
            Ok(listening) => listening,
            Err(error) => {
                trust.stop();
                return Err(error.into());
            }
        };
        tracing::info!(address = %listening.address(), webhook_address = ?listening.webhook_address(), "listening");

        let (sender, receiver) = mpsc::channel(limits::STORE_QUEUE);
        deliveries.write_behind(sender);
        let (stop, stopped) = watch::channel(false);
        let writer = (stop, tokio::spawn(write_behind(store.clone(), receiver, stopped)));
        workers.apply(&config);
        http.writers.look_after();
        http.tracker.apply(&config);
        http.webhooks.apply(&config, &links);
        let watch = trust::watch(http.clone(), trust.clone(), listening.certificate());
        let token_files = Arc::new(TokenFiles::new(http.clone(), &config));
        let token_files = (token_files.clone(), tokio::spawn(token_files.follow()));
        let booking = Booking::begin(http.analytics.clone(), http.clock.clone(), config.analytics);
        let fixed = Mutex::new(Fixed::of(&config));
        Ok(Self {
            http,
            listening,
            workers,
            links,
            store,
            audit_file,
            writer,
            trust,
            watch,
            token_files,
            booking,
            fixed,
        })
    }

    /// Who writes.
    #[must_use]
    pub fn writers(&self) -> &Arc<Writers> {
        &self.http.writers
    }

    /// Address of the main listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Address of the listener for webhooks only, where there is one.
    #[must_use]
    pub fn webhook_address(&self) -> Option<SocketAddr> {
        self.listening.webhook_address()
    }

    /// Takes over another configuration: storages, environments, secrets, tokens, cross-origin rules, the certificate.
    /// What is served of what stays goes on being served. Listeners and the state directory stay as they are until a
    /// restart. A certificate that cannot be used is logged, and then nothing is taken over.
    pub async fn reload(&self, config: Config) {
        if let (Some(certificate), Some(tls)) = (self.listening.certificate(), config.server.tls.clone())
            && let Ok(Err(error)) = spawn_blocking(move || certificate.renew(&tls)).await
        {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, why, "the certificate cannot be used, and nothing of the configuration changes");
            return;
        }
        let asked = Fixed::of(&config);
        let fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        for key in fixed.differences(&asked) {
            tracing::warn!(key, "takes effect only with a restart");
        }
        let config = Config { state_directory: fixed.state_directory.clone(), ..config };
        drop(fixed);
        self.token_files.0.adopt(&config, self.trust.settings(&config));
        self.http.ingest.set_endpoints(Endpoint::of(&config));
        self.http.writers.reload(&config);
        self.booking.reload(config.analytics);
        self.audit_file.redirect(config.audit_file.clone());
        self.workers.apply(&config);
        self.http.writers.look_after();
        self.links.apply(&config);
        self.http.tracker.apply(&config);
        self.http.webhooks.apply(&config, &self.links);
        tracing::info!("configuration taken over");
    }

    /// Ends it: new deliveries are sent away, streams end, requests and fetches under way are finished or broken off
    /// within [`limits::DRAIN_DEADLINE`], what was to be written is written.
    pub async fn stop(self) {
        let deadline = Instant::now() + limits::DRAIN_DEADLINE;
        self.token_files.1.abort();
        self.http.draining.store(true, Ordering::Release);
        self.http.ingest.drain();
        self.watch.abort();
        self.trust.stop();
        self.http.tracker.stop();
        self.links.stop();
        // Whoever waits for a write gets an answer; the workers end after it, for a write may have to look.
        tokio::join!(self.listening.stop(), self.http.writers.stop(deadline));
        self.workers.stop(deadline.max(Instant::now() + limits::RUNTIME_PAUSE)).await;
        let (stop, writer) = self.writer;
        self.booking.stop().await;
        self.http.analytics.finish(self.http.clock.now());
        stop.send_replace(true);
        if timeout_at(deadline + limits::STORE_PAUSE, writer).await.is_err() {
            tracing::warn!("the last records could not be written in time");
        }
        let (store, audit_file) = (self.store, self.audit_file);
        let closed = spawn_blocking(move || {
            audit_file.finish();
            store.close();
        });
        if timeout_at(deadline + limits::STORE_PAUSE, closed).await.is_err() {
            tracing::warn!("the state store could not be closed in time");
        }
        tracing::info!("stopped");
    }

    /// What is being served.
    #[must_use]
    pub fn environments(&self) -> &Arc<Environments> {
        &self.http.environments
    }

    /// Whether every environment is served, or it is known why it is not: what the first run of a storage brings, from
    /// disk or from the remote.
    #[must_use]
    pub fn settled(&self) -> bool {
        let storages = self.http.board.all(self.http.clock.now());
        self.http.environments.all().iter().filter(|environment| environment.base.is_none()).all(|environment| {
            let storage = storages.iter().find(|storage| storage.name == environment.storage);
            storage.is_none_or(|storage| storage.failure.is_some() || storage.serves(environment))
        })
    }

    /// Whether every worker turns as it promised.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.workers.alive()
    }

    /// One line for `systemctl status`.
    #[must_use]
    pub fn summary(&self) -> String {
        let storages = self.http.board.all(self.http.clock.now());
        let environments = self.http.environments.all();
        let serves = |e: &serve::Environment| storages.iter().any(|s| s.name == e.storage && s.serves(e));
        let unserved = environments.iter().filter(|e| e.base.is_none() && !serves(e)).count();
        let webhooks = storages.iter().filter(|storage| storage.mode == Mode::Webhook).count();
        let failing: Vec<&str> = storages.iter().filter(|s| s.failure.is_some()).map(|s| &*s.name).collect();
        let mut line = format!(
            "serving {} of {} environments; {webhooks} of {} storages by webhook",
            environments.len() - unserved,
            environments.len(),
            storages.len()
        );
        if !failing.is_empty() {
            line += "; failing: ";
            line += &failing.join(", ");
        }
        if let Some(told) = self.http.writers.glass() {
            line += "; BROKEN GLASS: ";
            line += &told.line;
        }
        if let Some(failure) = self.trust.health().and_then(|health| health.failure) {
            line += "; the keys of JWTs cannot be fetched: ";
            line += &failure;
        }
        line
    }
}

/// What of a configuration a running process cannot change.
#[derive(Debug)]
struct Fixed {
    server: config::Server,
    state_directory: PathBuf,
    has_pages: bool,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            server: config.server.clone(),
            state_directory: config.state_directory.clone(),
            has_pages: !config.interface.disabled,
        }
    }

    /// Keys that differ.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (&self.server, &other.server);
        let all = [
            ("server.host", ours.host != theirs.host),
            ("server.port", ours.port != theirs.port),
            ("server.webhook", ours.webhook != theirs.webhook),
            ("server.protocol", ours.tls.is_some() != theirs.tls.is_some()),
            ("state.directory", self.state_directory != other.state_directory),
            ("ui.enabled", self.has_pages != other.has_pages),
        ];
        all.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}
