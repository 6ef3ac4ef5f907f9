//! Books what was counted of evaluations, as often as the configuration says.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::analytics::Analytics;
use crate::clock::Clock;
use crate::config;

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

    /// Ends it; what was counted last is booked by [`Analytics::finish`].
    pub(super) fn stop(&self) {
        self.task.abort();
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
