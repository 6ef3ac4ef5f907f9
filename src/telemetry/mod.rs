//! What the daemon says about itself: log lines, and the service manager's notifications.

pub mod log;
pub mod systemd;
