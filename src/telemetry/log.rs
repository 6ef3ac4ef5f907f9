//! Log lines: one a decision, as text for people or as JSON for collectors, with the keys `storage`, `environment`,
//! `delivery` and `revision` where they apply. ERROR means that a person must act.
//!
//! Own lines follow the configured level; those of libraries only from WARN on, unless the level is `trace`: their
//! debug output speaks of headers and URLs, which may hold secrets.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::Log;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the log file {}", path.display())]
    Open {
        /// It.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// This process has a log already.
    #[error("the log is set up already")]
    Again,
}

/// The log of this process, for a reload.
#[derive(Clone)]
pub struct Handle {
    level: reload::Handle<Targets, Registry>,
    sink: Sink,
    json: bool,
}

/// Sets up the log of this process. Colours only on a terminal, and not where `NO_COLOR` or a dumb terminal forbids.
///
/// # Errors
/// A file that cannot be opened, or a second call.
pub fn init(log: &Log, environment: &BTreeMap<String, String>) -> Result<Handle, Error> {
    let (subscriber, handle) = build(log, environment)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| Error::Again)?;
    Ok(handle)
}

impl Handle {
    /// Takes over another level, and another file or the same one anew (it may have been rotated). The form of the
    /// lines stays; a change of it is told.
    ///
    /// # Errors
    /// A file that cannot be opened: then nothing changes.
    pub fn reload(&self, log: &Log) -> Result<(), Error> {
        self.sink.set(Output::open(log)?);
        if self.level.reload(targets(&log.level)).is_err() {
            tracing::warn!("the level of the log cannot be changed");
        }
        if log.json != self.json {
            tracing::warn!("`log.encoding` changes with the next start");
        }
        Ok(())
    }
}

/// The subscriber and the handle to change it.
fn build(
    log: &Log,
    environment: &BTreeMap<String, String>,
) -> Result<(impl Subscriber + Send + Sync + use<>, Handle), Error> {
    let output = Output::open(log)?;
    let plain = environment.get("NO_COLOR").is_some_and(|v| !v.is_empty())
        || environment.get("TERM").is_some_and(|t| t == "dumb");
    let ansi = output.is_terminal() && !plain;
    let sink = Sink(Arc::new(Mutex::new(output)));
    let (level, handle) = reload::Layer::new(targets(&log.level));
    let lines: Box<dyn Layer<_> + Send + Sync> = if log.json {
        let form = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
        Box::new(form.with_writer(sink.clone()))
    } else {
        Box::new(fmt::layer().with_ansi(ansi).with_target(false).with_writer(sink.clone()))
    };
    let subscriber = Registry::default().with(level).with(lines);
    Ok((subscriber, Handle { level: handle, sink, json: log.json }))
}

fn targets(level: &str) -> Targets {
    let level = match level {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let libraries = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    // The HTTP server below calls everything an error that a stranger sends and that is no HTTP. None of it is for a
    // person to act on.
    let strangers = if level >= LevelFilter::DEBUG { libraries } else { LevelFilter::OFF };
    Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target("actix_http", strangers)
        .with_default(libraries)
}

/// Where lines go.
enum Output {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(File),
}

impl Output {
    fn open(log: &Log) -> Result<Self, Error> {
        match log.file.as_deref() {
            None => Ok(Self::Stdout(io::stdout())),
            Some(path) if path == Path::new("stdout") || path == Path::new("/dev/stdout") => {
                Ok(Self::Stdout(io::stdout()))
            }
            Some(path) if path == Path::new("stderr") || path == Path::new("/dev/stderr") => {
                Ok(Self::Stderr(io::stderr()))
            }
            Some(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map(Self::File)
                .map_err(|source| Error::Open { path: path.to_owned(), source }),
        }
    }

    fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(output) => output.is_terminal(),
            Self::Stderr(output) => output.is_terminal(),
            Self::File(_) => false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(output) => output.write_all(bytes),
            Self::Stderr(output) => output.write_all(bytes),
            Self::File(output) => output.write_all(bytes),
        }
    }
}

/// An output that a reload can change under those who write.
#[derive(Clone)]
struct Sink(Arc<Mutex<Output>>);

impl Sink {
    fn set(&self, output: Output) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = output;
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { sink: self.clone(), bytes: Vec::new() }
    }
}

/// One line, written whole at its end: lines of several threads do not mix, and none is torn by a rotation.
struct Line {
    sink: Sink,
    bytes: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut output = self.sink.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk or a closed pipe must not stop the daemon, and there is no other place to say it.
        let _ = output.write(&self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(level: &str, json: bool, file: PathBuf) -> Log {
        Log { level: level.to_owned(), json, file: Some(file) }
    }

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    #[test]
    fn json_lines_carry_their_keys_at_the_top() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let (subscriber, _handle) = build(&log("info", true, file.clone()), &none()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(storage = "flags", environment = "prod", delivery = "d1", revision = "abc", "swapped");
            tracing::debug!("not at this level");
            tracing::info!(target: "reqwest", "not of a library");
            tracing::warn!(target: "reqwest", "of a library");
            tracing::error!(target: "actix_http::h1::dispatcher", "stream error: request parse error");
        });
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        let first = &lines[0];
        assert_eq!(
            (&first["storage"], &first["environment"], &first["delivery"], &first["revision"]),
            (&"flags".into(), &"prod".into(), &"d1".into(), &"abc".into())
        );
        assert_eq!((&first["message"], &first["level"]), (&"swapped".into(), &"INFO".into()));
        assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_file_gets_no_colours() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let (subscriber, _handle) = build(&log("info", false, file.clone()), &none()).unwrap();
        tracing::subscriber::with_default(subscriber, || tracing::error!(storage = "flags", "no such branch"));
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.contains("ERROR") && text.contains("no such branch") && text.contains("storage=\"flags\""),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn a_reload_changes_level_and_file() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("first"), directory.path().join("second"));
        let (subscriber, handle) = build(&log("warn", false, first.clone()), &none()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("one");
            handle.reload(&log("debug", false, second.clone())).unwrap();
            tracing::debug!("two");
            let missing = directory.path().join("no/such/directory");
            assert!(matches!(handle.reload(&log("info", false, missing)), Err(Error::Open { .. })));
            tracing::debug!("three");
        });
        assert_eq!(std::fs::read_to_string(first).unwrap(), "");
        let text = std::fs::read_to_string(second).unwrap();
        assert!(text.contains("two") && text.contains("three"), "{text}");
    }
}
