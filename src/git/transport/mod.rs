//! How a remote is reached: over HTTP by our own client, over ssh and on this machine by a program.
//!
//! gix brings transports of its own; none of them can end a conversation with a server that sends a byte now and then
//! (measured: 41 s where 6 s were asked for). Here a deadline covers the conversation as a whole, the flag that says
//! "stop" is looked at while waiting, and what went wrong is kept in our own words instead of being guessed from texts.
//!
//! A fetch is a [`Conversation`], which gix leads. A push is an [`Errand`]: what the server says first, one request, one
//! answer; the bytes are our own, and after a failure it is known whether the request had left.

mod child;
mod http;
mod ssh;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use gix_transport::client::blocking_io::Transport;
use url::Url;

use super::Error;
pub(super) use http::{Pool, Start};

/// How long a conversation may take, and who may end it earlier.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    pub(super) total: Duration,
    pub(super) until: Instant,
    pub(super) stop: Arc<AtomicBool>,
}

impl Patience {
    pub(super) fn new(total: Duration, stop: &Arc<AtomicBool>) -> Self {
        Self { total, until: Instant::now() + total, stop: Arc::clone(stop) }
    }

    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.stop.load(std::sync::atomic::Ordering::Relaxed) {
            Err(Error::Stopped)
        } else if Instant::now() >= self.until {
            Err(Error::Deadline(self.total))
        } else {
            Ok(())
        }
    }
}

/// Where a remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Http(Url),
    Ssh(ssh::Place),
    Path(PathBuf),
}

impl Address {
    /// Reads a remote's URL: `https://`, `http://`, `ssh://`, `git@host:path`, `file://` or a path.
    pub(super) fn parse(remote: &str) -> Result<Self, Error> {
        let odd = |why: &str| Error::Local(format!("the remote's URL: {why}"));
        let lower = remote.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            let url: Url = remote.parse().map_err(|error| odd(&format!("{error}")))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(odd("it must not carry a user or a password"));
            }
            return Ok(Self::Http(url));
        }
        let url = gix::url::parse(gix::bstr::BStr::new(remote)).map_err(|error| odd(&super::error::chain(&error)))?;
        match url.scheme {
            gix::url::Scheme::Ssh => ssh::Place::of(&url).map(Self::Ssh),
            gix::url::Scheme::File => {
                let path = gix::path::from_bstring(url.path).map_err(|_| odd("its path is not UTF-8"))?;
                Ok(Self::Path(path))
            }
            scheme => Err(odd(&format!("{scheme} is not supported; https, http, ssh, file and paths are"))),
        }
    }
}

/// One conversation: what gix speaks over, and what explains it when it fails.
pub(super) struct Conversation {
    pub(super) wire: Box<dyn Transport>,
    side: Side,
}

enum Side {
    Http(http::Talk),
    Child(child::Program),
}

impl Conversation {
    fn over_http(wire: Box<dyn Transport>, talk: http::Talk) -> Self {
        Self { wire, side: Side::Http(talk) }
    }

    fn over_program(wire: Box<dyn Transport>, program: child::Program) -> Self {
        Self { wire, side: Side::Child(program) }
    }

    /// What an error of gix really was: our own account of it, if we have one.
    pub(super) fn explain(&mut self, error: &gix::Error) -> Error {
        let account = match &mut self.side {
            Side::Http(talk) => talk.failure(),
            Side::Child(program) => program.failure(),
        };
        account.unwrap_or_else(|| Error::Protocol(super::error::chain(error)))
    }

    /// Ends it in good order, so that a warm connection is left, and says how much came in.
    pub(super) fn finish(mut self) -> u64 {
        match self.side {
            Side::Http(talk) => {
                drop(self.wire);
                talk.finish()
            }
            Side::Child(program) => {
                // Says goodbye; a program that does not listen is ended below.
                let _ = gix::protocol::indicate_end_of_interaction(&mut self.wire, false);
                drop(self.wire);
                program.finish()
            }
        }
    }
}

/// One push: what the server says first, one request, one answer.
pub(super) enum Errand {
    Http(http::Errand),
    Program(Box<child::Errand>),
}

/// An errand that came to nothing.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) error: Error,
    /// Whether the server may have got the whole request.
    pub(super) sent: bool,
}

impl Errand {
    /// What the server says first, whole.
    pub(super) fn advertisement(&mut self, whole: &dyn Fn(&[u8]) -> Result<bool, String>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Http(errand) => errand.advertisement(),
            Self::Program(errand) => errand.advertisement(whole),
        }
    }

    /// Sends the request, and hands over what comes back until `take` has it all or nothing more comes.
    pub(super) fn deliver(
        &mut self,
        request: Vec<u8>,
        take: &mut dyn FnMut(&[u8]) -> Result<bool, String>,
    ) -> Result<(), Lost> {
        match self {
            Self::Http(errand) => errand.deliver(request, take),
            Self::Program(errand) => errand.deliver(request, take),
        }
    }

    /// What people are meant to read of a failure: status and body of an HTTP answer, or what the program said.
    pub(super) fn said(&mut self) -> (Option<u16>, String) {
        match self {
            Self::Http(errand) => errand.said(),
            Self::Program(errand) => (None, errand.said()),
        }
    }
}

/// Starts a push to a repository on this machine. One that is the operator's own gets its files along with its branch.
pub(super) fn push_local(path: &std::path::Path, own: bool, patience: &Patience) -> Result<Errand, Error> {
    child::push_local(path, own, patience).map(Box::new).map(Errand::Program)
}

/// Starts a push over ssh, as [`over_ssh`].
pub(super) fn push_over_ssh(
    place: &ssh::Place,
    credential: Option<&crate::config::Credential>,
    scratch: &std::path::Path,
    patience: &Patience,
) -> Result<Errand, Error> {
    let login = ssh::Login::prepare(credential, scratch)?;
    child::push_over_ssh(place, login, patience).map(Box::new).map(Errand::Program)
}

/// Has a `git` program reach a place by `ssh` as we would. What is answered has to live as long as the program.
pub(super) fn ssh_for_git(
    place: &ssh::Place,
    credential: Option<&crate::config::Credential>,
    scratch: &std::path::Path,
    git: &mut std::process::Command,
) -> Result<ssh::Login, Error> {
    let login = ssh::Login::prepare(credential, scratch)?;
    place.lend(&login, git);
    Ok(login)
}

/// What a program said of a failure.
pub(super) fn explain_program(said: &str) -> Error {
    ssh::explain(said)
}

/// Starts a conversation with a repository on this machine.
pub(super) fn local(path: &std::path::Path, patience: &Patience) -> Result<Conversation, Error> {
    child::local(path, patience)
}

/// Starts a conversation over ssh. The directory of the files that it needs for its time begins with `scratch`.
pub(super) fn over_ssh(
    place: &ssh::Place,
    credential: Option<&crate::config::Credential>,
    scratch: &std::path::Path,
    patience: &Patience,
) -> Result<Conversation, Error> {
    let login = ssh::Login::prepare(credential, scratch)?;
    child::over_ssh(place, login, patience)
}
