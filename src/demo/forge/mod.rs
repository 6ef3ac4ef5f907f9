//! A forge on loopback: a real bare repository behind a real Git smart-HTTP server, and what it does wrong on purpose.
//!
//! What is fetched is Git's own work (`git http-backend`); the forge around it is plain data: where the repository is
//! found by each provider's URL convention, who may read it, which requests came, and a list of [`Fault`]s that the
//! next requests meet. The demo uses it as it is; the scenario tests turn its knobs.

mod fault;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web;
use tokio::sync::watch;

use super::dialect::{Repository, Sender};
use super::loopback::{Loopback, Port};
use crate::git::backend::Backend;
use crate::git::program;
use crate::limits;

pub use fault::{Fault, Kind, Seen};

/// Directory of the repository below the forge's root.
const REPOSITORY: &str = "flags.git";
/// Directory of the copy that lags behind.
const REPLICA: &str = "replica.git";

/// Why a forge could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository could not be made.
    #[error("the flag repository could not be made")]
    Git(#[from] crate::git::Error),
    /// No socket.
    #[error("no Git server on loopback")]
    Listen(#[source] std::io::Error),
    /// The copy that lags behind could not be made.
    #[error("the lagging copy of the repository could not be made")]
    Replica(#[source] std::io::Error),
}

/// How a forge is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// User and password that every request must carry.
    pub credential: Option<(String, String)>,
    /// Object format of the repository.
    pub format: program::Format,
}

/// A running forge with one repository, `acme/flags`.
#[derive(Debug)]
pub struct Forge {
    root: PathBuf,
    place: Repository,
    repository: program::Repository,
    state: Arc<State>,
    server: Loopback,
}

/// What the HTTP side shares with the owner.
#[derive(Debug)]
struct State {
    backend: Backend,
    credential: Option<(String, String)>,
    place: Repository,
    book: Mutex<fault::Book>,
    /// Raised whenever the book changes.
    changed: watch::Sender<u64>,
}

impl Forge {
    /// Makes the repository below `root` and serves it on a free port of loopback.
    ///
    /// # Errors
    /// [`Error`], if Git or the socket refuses.
    pub fn start(root: &Path, options: Options) -> Result<Self, Error> {
        let repository = program::Repository::init(&root.join(REPOSITORY), options.format)?;
        let port = Port::free()?;
        let place = Repository { base: port.url(), owner: "acme".to_owned(), name: "flags".to_owned() };
        let state = Arc::new(State {
            backend: Backend::new(root, limits::DEMO_GIT_DEADLINE),
            credential: options.credential,
            place: place.clone(),
            book: Mutex::default(),
            changed: watch::Sender::new(0),
        });
        let server = port.serve(web::Data::from(Arc::clone(&state)), wire::answer)?;
        Ok(Self { root: root.to_owned(), place, repository, state, server })
    }

    /// Scheme, host and port, owner and name.
    #[must_use]
    pub fn place(&self) -> &Repository {
        &self.place
    }

    /// Clone URL by a provider's convention; all of them name the one repository.
    #[must_use]
    pub fn url(&self, sender: Sender) -> String {
        sender.clone_url(&self.place)
    }

    /// The repository itself: what is committed here is on the remote at once.
    #[must_use]
    pub fn repository(&self) -> &program::Repository {
        &self.repository
    }

    /// Every request of a kind from now on meets the fault, until [`Self::recover`].
    pub fn misbehave(&self, on: Kind, fault: Fault) {
        self.misbehave_times(on, fault, usize::MAX);
    }

    /// The next `times` requests of a kind meet the fault.
    pub fn misbehave_times(&self, on: Kind, fault: Fault, times: usize) {
        self.with(|book| book.plan(on, fault, times));
    }

    /// No faults any more; answers that were held back are let go.
    pub fn recover(&self) {
        self.with(fault::Book::clear);
    }

    /// Keeps a copy of the repository as it is now, for [`Fault::Lag`] to answer from.
    ///
    /// # Errors
    /// [`Error::Replica`] if it cannot be copied.
    pub fn freeze_replica(&self) -> Result<(), Error> {
        let replica = self.root.join(REPLICA);
        if replica.exists() {
            std::fs::remove_dir_all(&replica).map_err(Error::Replica)?;
        }
        copy(self.repository.path(), &replica).map_err(Error::Replica)
    }

    /// Every request so far, oldest first, with what it met.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.with_quietly(|book| book.seen().to_vec())
    }

    /// Paths of requests that were none of Git, or of another repository.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.with_quietly(|book| book.strays().to_vec())
    }

    /// How many requests of a kind came.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.with_quietly(|book| book.seen().iter().filter(|seen| kind.covers(seen.kind)).count())
    }

    /// A wake-up for every request and every change of faults.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.state.changed.subscribe()
    }

    /// Ends the server; connections that are open are closed.
    pub async fn stop(self) {
        self.recover();
        self.server.stop().await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut fault::Book) -> T) -> T {
        self.state.with(act)
    }

    fn with_quietly<T>(&self, read: impl FnOnce(&fault::Book) -> T) -> T {
        read(&self.state.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn with<T>(&self, act: impl FnOnce(&mut fault::Book) -> T) -> T {
        let done = act(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
        done
    }
}

/// A bare repository is directories and files, nothing else.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
