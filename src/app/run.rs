//! The daemon as a process: what its signals mean, and what the service manager is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Daemon, StartError};
use crate::clock::Clock;
use crate::config::Config;
use crate::limits;
use crate::telemetry::systemd;

/// Reads the configuration anew, for SIGHUP; none = it cannot be used, which has been logged, and nothing changes. It
/// may block: files can be on a disk that does not answer.
pub type Reload = Arc<dyn Fn() -> Option<Config> + Send + Sync>;

/// Runs the daemon until a signal ends it. The service manager is told that it is ready when there is something to
/// serve ([`Daemon::settled`]), so that whoever is started or restarted after it finds flags; a remote that does not
/// answer delays that by [`limits::READY_GRACE`] at most. `watchdog` is how often the service manager wants to hear of it
/// (`telemetry::systemd::watchdog_interval`).
///
/// # Errors
/// What keeps it from starting.
pub async fn run(
    config: Config,
    reload: Reload,
    watchdog: Option<Duration>,
    clock: Arc<dyn Clock>,
) -> Result<(), StartError> {
    // Before anything is started, so that an early signal ends it in order.
    let listen = |kind| signal(kind).map_err(StartError::Signals);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut hangup = listen(SignalKind::hangup())?;
    let daemon = Daemon::start(config, clock).await?;
    let mut told = daemon.summary();
    systemd::status(&told);

    let (started, mut ready) = (Instant::now(), false);
    let mut glance = interval(limits::READY_GLANCE);
    let mut reading: Option<JoinHandle<Option<Config>>> = None;
    let mut beat = interval(watchdog.unwrap_or(limits::STATUS_INTERVAL).max(Duration::from_millis(1)));
    let mut look = interval(limits::STATUS_INTERVAL);
    for timer in [&mut glance, &mut beat, &mut look] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let signal = loop {
        select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            _ = glance.tick(), if !ready => {
                if daemon.settled() || started.elapsed() >= limits::READY_GRACE {
                    ready = true;
                    told = daemon.summary();
                    systemd::ready(&told);
                }
            }
            // One at a time; one that is asked for meanwhile comes after it, for the file may have changed again.
            _ = hangup.recv(), if reading.is_none() => {
                tracing::info!("reading the configuration anew");
                if ready {
                    systemd::reloading();
                }
                let reload = reload.clone();
                reading = Some(spawn_blocking(move || reload()));
            }
            read = outcome(&mut reading) => {
                reading = None;
                if let Some(config) = read {
                    daemon.reload(config).await;
                }
                if ready {
                    told = daemon.summary();
                    systemd::ready(&told);
                }
            }
            _ = beat.tick(), if watchdog.is_some() => {
                if daemon.alive() {
                    systemd::watchdog();
                } else {
                    tracing::error!("a worker hangs; the service manager is not told that we are alive");
                }
            }
            _ = look.tick() => {
                let line = daemon.summary();
                if line != told {
                    systemd::status(&line);
                    told = line;
                }
            }
        }
    };
    tracing::info!(signal, "stopping");
    systemd::stopping("finishing what is under way");
    daemon.stop().await;
    Ok(())
}

/// What a reload read; it comes never where none is under way.
async fn outcome(reading: &mut Option<JoinHandle<Option<Config>>>) -> Option<Config> {
    let Some(task) = reading else { return std::future::pending().await };
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "bug: reading the configuration panicked, and nothing changes");
        None
    })
}
