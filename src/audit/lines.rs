//! The file of the audit: a line of JSON for every record, and for every change of one.
//!
//! It is appended to and never read. One that was moved or removed (by whoever rotates it) is begun anew, with mode 0600.
//! Who writes never waits for it: a thread of its own does, which puts lines that come together on the disk together.
//! What it cannot write is counted and logged; the record itself is in the store all the same.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::Event;
use super::log::Copy;
use crate::limits;

/// The file, or none.
#[derive(Debug)]
pub struct Lines {
    sender: Mutex<Option<SyncSender<Told>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Told {
    Line(Arc<Event>),
    To(Option<PathBuf>),
}

impl Lines {
    /// Writes to `path`, once there is something to write.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        let (sender, receiver) = sync_channel(limits::AUDIT_QUEUE);
        let started = thread::Builder::new().name("audit".to_owned()).spawn(move || run(path, &receiver));
        if let Err(error) = &started {
            tracing::error!(%error, "the audit's file cannot be written: there is no thread for it");
        }
        let started = started.ok();
        Self { sender: Mutex::new(started.is_some().then_some(sender)), thread: Mutex::new(started) }
    }

    /// Writes to another file from now on, or to none.
    pub fn redirect(&self, path: Option<PathBuf>) {
        self.tell(Told::To(path));
    }

    /// Writes what it was told, and ends. Blocks.
    pub fn finish(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    fn tell(&self, told: Told) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let full = sender.as_ref().is_some_and(|sender| sender.try_send(told).is_err());
        if full {
            tracing::error!("the audit's file is too slow: a record is not in it");
        }
    }
}

impl Copy for Lines {
    fn copy(&self, event: &Arc<Event>) {
        self.tell(Told::Line(event.clone()));
    }
}

fn run(mut path: Option<PathBuf>, told: &Receiver<Told>) {
    let mut open: Option<File> = None;
    let mut failing = false;
    while let Ok(first) = told.recv() {
        let mut text = Vec::new();
        let mut moved = None;
        for next in std::iter::once(first).chain(told.try_iter().take(limits::AUDIT_QUEUE)) {
            match next {
                Told::Line(event) => {
                    // A record has a form in JSON, always.
                    if serde_json::to_writer(&mut text, &*event).is_ok() {
                        text.push(b'\n');
                    }
                }
                // What came before it belongs into the file that was.
                Told::To(other) => {
                    moved = Some(other);
                    break;
                }
            }
        }
        if let Some(path) = path.as_deref().filter(|_| !text.is_empty()) {
            match append(path, &mut open, &text) {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!(file = %path.display(), "the audit's file is written again");
                }
                Ok(()) => {}
                Err(error) => {
                    open = None;
                    if !failing {
                        tracing::error!(file = %path.display(), %error, "the audit's file cannot be written; records are kept in the store alone");
                    }
                    failing = true;
                }
            }
        }
        if let Some(other) = moved {
            (path, open, failing) = (other, None, false);
        }
    }
}

/// Appends to the file that has this name now.
fn append(path: &Path, open: &mut Option<File>, text: &[u8]) -> io::Result<()> {
    let now = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let held = open.as_ref().and_then(|file| file.metadata().ok()).map(|found| (found.dev(), found.ino()));
    if held.is_none() || held != now {
        *open = None;
    }
    let file = match open {
        Some(file) => file,
        None => open.insert(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?),
    };
    file.write_all(text)?;
    file.sync_data()
}

/// One that several hold.
#[derive(Debug, Clone)]
pub struct Shared(pub Arc<Lines>);

impl Copy for Shared {
    fn copy(&self, event: &Arc<Event>) {
        self.0.copy(event);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::audit::Sink as _;
    use crate::audit::log::tests::event;
    use crate::audit::{Outcome, log::Log};

    fn ids(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let read = |line: &str| serde_json::from_str::<Event>(line).unwrap().id.trim_start_matches('0').to_owned();
        text.lines().map(read).collect()
    }

    #[test]
    fn lines_survive_a_rotation_and_a_redirection() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let lines = Arc::new(Lines::new(Some(at("audit"))));
        let log = Log::new(None, vec![Box::new(Shared(lines.clone()))]);
        let written = |path: PathBuf, want: &[&str]| {
            let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while ids(&path) != want && std::time::Instant::now() < end {
                thread::yield_now();
            }
            assert_eq!(ids(&path), want);
        };
        log.record(event(1, Outcome::Accepted));
        written(at("audit"), &["1"]);
        assert_eq!(std::fs::metadata(at("audit")).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::rename(at("audit"), at("audit.1")).unwrap();
        log.record(event(2, Outcome::Refused));
        written(at("audit"), &["2"]);
        std::fs::remove_file(at("audit")).unwrap();
        // A directory in its place: nothing can be written, and nothing else suffers.
        std::fs::create_dir(at("audit")).unwrap();
        log.record(event(3, Outcome::Accepted));
        lines.redirect(Some(at("other")));
        log.record(event(4, Outcome::Accepted));
        log.record(event(5, Outcome::Landed));
        lines.redirect(None);
        log.record(event(6, Outcome::Accepted));
        lines.finish();
        assert_eq!(ids(&at("other")), ["4", "5"]);
        assert_eq!(ids(&at("audit.1")), ["1"]);
        // After the end it is told in vain.
        log.record(event(7, Outcome::Accepted));
    }
}
