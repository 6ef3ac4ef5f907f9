//! Builds every part and owns every task. To be written; what `main` calls stands here.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;

/// Reads the configuration anew, for SIGHUP; none = it cannot be used, which has been logged, and nothing changes.
pub type Reload = Box<dyn Fn() -> Option<Config> + Send + Sync>;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {}

/// Runs the daemon until a signal ends it. `watchdog` is how often the service manager wants to hear of it
/// (`telemetry::systemd::watchdog_interval`).
///
/// # Errors
/// What keeps it from starting.
#[expect(clippy::unused_async, reason = "the seam that main calls")]
pub async fn run(
    config: Config,
    reload: Reload,
    watchdog: Option<Duration>,
    clock: Arc<dyn Clock>,
) -> Result<(), StartError> {
    drop((config, reload, watchdog, clock));
    Ok(())
}
