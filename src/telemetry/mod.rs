//! What the daemon says about itself: log lines, metrics, and the service manager's notifications.

pub mod log;
pub mod metrics;
pub mod systemd;
