//! Words to the service manager: ready, reloading, stopping, alive, and one line of status for `systemctl status`.
//!
//! Without `NOTIFY_SOCKET` every function does nothing. A manager that cannot be reached is no reason to stop serving:
//! a failure is logged, and systemd's own timeouts decide.

use std::collections::BTreeMap;
use std::time::Duration;

use sd_notify::NotifyState;

/// Flags are served. Also ends a reload.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// The configuration is read anew; [`ready`] has to follow, whatever comes of it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(%error, "cannot read the clock for the service manager");
            notify(&[NotifyState::Reloading]);
        }
    }
}

/// What is under way is brought to its end.
pub fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    notify(&[NotifyState::Status(&one_line(status))]);
}

/// Still alive. To be called from where a hang would matter, at [`watchdog_interval`].
pub fn watchdog() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`watchdog`] has to be called: half of what the unit says in `WatchdogSec=`, so that one late call does
/// not end the service. None where no watchdog runs for this process.
#[must_use]
pub fn watchdog_interval(environment: &BTreeMap<String, String>, process: u32) -> Option<Duration> {
    let number = |name: &str| environment.get(name).map(|text| text.parse::<u64>().ok());
    if number("WATCHDOG_PID").is_some_and(|pid| pid != Some(u64::from(process))) {
        return None;
    }
    let microseconds = number("WATCHDOG_USEC")??;
    (microseconds > 0).then(|| Duration::from_micros(microseconds / 2))
}

/// A line break would begin another assignment of the protocol.
fn one_line(status: &str) -> String {
    status.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager does not listen on NOTIFY_SOCKET");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(variables: &[(&str, &str)]) -> Option<Duration> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        watchdog_interval(&variables, 7)
    }

    #[test]
    fn the_watchdog_is_fed_twice_in_its_time() {
        assert_eq!(interval(&[("WATCHDOG_USEC", "30000000")]), Some(Duration::from_secs(15)));
        assert_eq!(interval(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")]), Some(Duration::from_secs(15)));
    }

    #[test]
    fn no_watchdog_for_another_process_or_without_a_time() {
        for variables in [
            &[][..],
            &[("WATCHDOG_PID", "7")],
            &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "8")],
            &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "x")],
            &[("WATCHDOG_USEC", "0")],
            &[("WATCHDOG_USEC", "soon")],
        ] {
            assert_eq!(interval(variables), None, "{variables:?}");
        }
    }

    #[test]
    fn a_status_cannot_smuggle_an_assignment() {
        assert_eq!(one_line("serving\nREADY=0\r"), "serving READY=0 ");
    }
}
