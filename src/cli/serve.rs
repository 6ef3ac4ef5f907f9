//! `yardarm serve` and `yardarm demo`: from a file to a running daemon.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Exit, Process, print, read_config, referred};
use crate::config::{self, Config, Excerpts, Finding};
use crate::telemetry::{log, systemd};
use crate::{app, clock, demo, limits};

/// Runs the daemon until a signal ends it.
pub(super) fn run(config: Option<PathBuf>, process: &mut Process<'_>) -> Exit {
    let file = config.or_else(|| {
        let found = usual(&process.environment);
        if found.is_none() {
            print(process.err, "yardarm: no configuration file found; serving one storage in memory on loopback\n");
        }
        found
    });
    let config = match load(file.as_deref(), &process.environment) {
        Ok(config) => config,
        Err(message) => {
            print(process.err, &message);
            return Exit::Usage;
        }
    };
    let log = match log::init(&config.log, &process.environment) {
        Ok(log) => log,
        Err(error) => {
            print(process.err, &format!("yardarm: {}\n", chain(&error)));
            return Exit::Failure;
        }
    };
    log_panics();
    tell(&config.warnings, file.as_deref());
    let environment = process.environment.clone();
    let followed = Mutex::new(config.log.clone());
    let reload: app::Reload = Arc::new(move || {
        let loaded = load(file.as_deref(), &environment);
        let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(config) = &loaded {
            followed.clone_from(&config.log);
        }
        // Whatever the file says: who rotated the log asks for a new one, and what follows belongs there.
        if let Err(error) = log.reload(&followed) {
            tracing::error!("the log stays where it is: {}", chain(&error));
        }
        let config = match loaded {
            Ok(config) => config,
            Err(message) => {
                tracing::error!("the configuration cannot be used, and nothing changes:\n{}", message.trim_end());
                return None;
            }
        };
        tell(&config.warnings, file.as_deref());
        Some(config)
    });
    let watchdog = systemd::watchdog_interval(&process.environment, std::process::id());
    finish(block_on(app::run(config, reload, watchdog, Arc::new(clock::System))), process)
}

/// Runs the demonstration.
pub(super) fn demo(once: bool, port: u16, process: &mut Process<'_>) -> Exit {
    finish(block_on(demo::run(demo::Options { once, port })), process)
}

fn block_on<E: Error + 'static>(future: impl Future<Output = Result<(), E>>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("yardarm").build()?;
    let result = runtime.block_on(future);
    // Not by dropping it, which waits without end for what a thread does on a disk or a network that does not answer.
    runtime.shutdown_timeout(limits::RUNTIME_PAUSE);
    Ok(result?)
}

fn finish(result: Result<(), Box<dyn Error>>, process: &mut Process<'_>) -> Exit {
    match result {
        Ok(()) => Exit::Success,
        Err(error) => {
            let message = chain(&*error);
            tracing::error!("{message}");
            print(process.err, &format!("yardarm: {message}\n"));
            Exit::Failure
        }
    }
}

/// The file that counts where none is named: the first that is there.
pub(super) fn usual(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    places(environment).into_iter().find(|path| is_there(&path.metadata()))
}

/// Where a file is looked for, in this order.
fn places(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    home.map(|home| home.join("yardarm/config.yml"))
        .into_iter()
        .chain([PathBuf::from("/etc/yardarm/config.yml")])
        .collect()
}

/// Whether a look at a place says that there is a file. One that may not be looked at counts: to pass over it would serve
/// something else than what is written there, without a word.
fn is_there<T>(look: &io::Result<T>) -> bool {
    look.as_ref().map_or_else(|error| error.kind() == io::ErrorKind::PermissionDenied, |_| true)
}

/// Reads the configuration; the error is the text that tells an operator everything at once.
pub(super) fn load(file: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Config, String> {
    let Some(file) = file else {
        return config::load_without_file(environment, &referred)
            .map_err(|findings| show(&findings, "environment", ""));
    };
    let text = read_config(file).map_err(|message| format!("yardarm: {message}\n"))?;
    let name = file.display().to_string();
    config::load(&text, &name, environment, &referred).map_err(|findings| show(&findings, &name, &text))
}

fn show(findings: &[Finding], name: &str, text: &str) -> String {
    let excerpts = Excerpts::of(text);
    findings.iter().map(|finding| excerpts.show(name, finding)).collect()
}

fn tell(warnings: &[Finding], file: Option<&Path>) {
    for warning in warnings {
        let line = warning.at.map(|at| at.line);
        let file = file.map(|file| file.display().to_string());
        tracing::warn!(file, line, key = warning.key, "{}", warning.message);
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A panic is a defect: it is logged with its place, in the form that the log has. Its text is not, for it may quote
/// the input that provoked it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let trace = Backtrace::capture();
        let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
        tracing::error!(place, trace, "a defect of Yardarm: a thread panicked; please report it");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_file_is_looked_for_at_home_and_then_for_the_machine() {
        let system = PathBuf::from("/etc/yardarm/config.yml");
        assert_eq!(places(&variables(&[])), std::slice::from_ref(&system));
        assert_eq!(
            places(&variables(&[("HOME", "/home/u")])),
            [PathBuf::from("/home/u/.config/yardarm/config.yml"), system.clone()]
        );
        assert_eq!(
            places(&variables(&[("HOME", "/home/u"), ("XDG_CONFIG_HOME", "/x")])),
            [PathBuf::from("/x/yardarm/config.yml"), system.clone()]
        );
        assert_eq!(places(&variables(&[("XDG_CONFIG_HOME", "relative")])), [system]);
    }

    #[test]
    fn a_file_that_may_not_be_looked_at_is_not_passed_over() {
        let failed = |kind| Err::<(), _>(io::Error::from(kind));
        assert!(is_there(&Ok(())) && is_there(&failed(io::ErrorKind::PermissionDenied)));
        assert!(!is_there(&failed(io::ErrorKind::NotFound)) && !is_there(&failed(io::ErrorKind::NotADirectory)));
    }

    #[test]
    fn causes_are_told_on_one_line() {
        let error = log::Error::Open { path: PathBuf::from("/x"), source: std::io::Error::other("disk on fire") };
        assert_eq!(chain(&error), "cannot open the log file /x: disk on fire");
    }
}
