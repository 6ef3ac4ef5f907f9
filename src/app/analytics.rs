//! Books what was counted of evaluations, as often as the configuration says.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::analytics::Analytics;
use crate::analytics::row::Place;
use crate::clock::Clock;
use crate::config;
use crate::store::Store;

/// Begins with what was kept, which is read on a thread of its own: nobody waits for it, not even the end of the process.
pub(super) fn open(store: &Store, kept: Vec<(Place, Vec<u8>)>, clock: &Arc<dyn Clock>) -> Arc<Analytics> {
    let analytics = Arc::new(Analytics::new(Box::new(store.clone())));
    if kept.is_empty() {
        analytics.restore(kept, clock.now());
        return analytics;
    }
    let (reading, now) = (analytics.clone(), clock.now());
    let thread = std::thread::Builder::new().name("analytics-open".to_owned());
    if let Err(error) = thread.spawn(move || reading.restore(kept, now)) {
        tracing::warn!(%error, "what was counted before cannot be read, and is not shown");
        analytics.restore(Vec::new(), now);
    }
    analytics
}

/// Whoever books, and how often.
#[derive(Debug)]
pub(super) struct Booking {
    analytics: Arc<Analytics>,
    settings: watch::Sender<config::Analytics>,
    task: JoinHandle<()>,
}

impl Booking {
    /// Begins. Needs a runtime around it.
    pub(super) fn begin(analytics: Arc<Analytics>, clock: Arc<dyn Clock>, settings: config::Analytics) -> Self {
        analytics.set_on(settings.enabled);
        let (sender, receiver) = watch::channel(settings);
        let task = tokio::spawn(book(analytics.clone(), clock, receiver));
        Self { analytics, settings: sender, task }
    }

    /// Takes over other settings.
    pub(super) fn reload(&self, settings: config::Analytics) {
        self.analytics.set_on(settings.enabled);
        self.settings.send_replace(settings);
    }

    /// Ends it when it has done what it is at, so that no row comes after the last words of the store; what was counted
    /// last is booked by [`Analytics::finish`].
    pub(super) async fn stop(self) {
        drop(self.settings);
        // How it ended it has said itself.
        let _ = self.task.await;
    }
}

async fn book(analytics: Arc<Analytics>, clock: Arc<dyn Clock>, mut settings: watch::Receiver<config::Analytics>) {
    let mut last = Instant::now();
    loop {
        let next = last + settings.borrow_and_update().flush_period;
        tokio::select! {
            () = sleep_until(next) => {}
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        }
        last = Instant::now();
        // A slot that has ended is compressed: milliseconds, now and then.
        let (analytics, now) = (analytics.clone(), clock.now());
        if spawn_blocking(move || analytics.collect(now)).await.is_err_and(|error| error.is_panic()) {
            tracing::error!("bug: booking evaluations panicked");
        }
    }
}
