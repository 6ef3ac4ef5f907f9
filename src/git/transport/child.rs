//! A conversation with a program: `git upload-pack` on this machine, or `ssh`.
//!
//! Its output is read by a thread of its own and waited for with the conversation's deadline: neither a program that
//! hangs nor one that leaves its output open to a child of its own can hold us. It never outlives the conversation.

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gix_transport::Protocol;
use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;

use super::{Conversation, Lost, Patience, ssh};
use crate::git::{Error, program};
use crate::limits;

/// Bytes that are read from a program at one time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A program that we started, and what it has told us.
pub(super) struct Program {
    child: Child,
    account: Arc<Account>,
    /// Files that it reads; gone with it.
    _login: Option<ssh::Login>,
}

/// What the reading side learns.
#[derive(Default)]
struct Account {
    failure: Mutex<Option<Error>>,
    received: Mutex<u64>,
    said: Mutex<Vec<u8>>,
    said_all: Mutex<Option<Receiver<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn local(path: &Path, patience: &Patience) -> Result<Conversation, Error> {
    if !path.exists() {
        return Err(Error::NotFound(path.display().to_string()));
    }
    // Not `program::command`: whose repositories `git` trusts is configured where the operator configures it.
    let mut git = program::configured("git");
    git.env("GIT_PROTOCOL", "version=2").arg("upload-pack").arg("--").arg(path);
    start(git, "git", None, patience)
}

pub(super) fn over_ssh(place: &ssh::Place, login: ssh::Login, patience: &Patience) -> Result<Conversation, Error> {
    start(place.command(&login, ssh::UPLOAD), "ssh", Some(login), patience)
}

pub(super) fn push_local(path: &Path, own: bool, patience: &Patience) -> Result<Errand, Error> {
    if !path.exists() {
        return Err(Error::NotFound(path.display().to_string()));
    }
    let mut git = program::configured("git");
    if own {
        // Its files follow the branch that is checked out, and are never overwritten; a bare repository has none.
        let settings = [("receive.denyCurrentBranch", "updateInstead"), ("receive.denyDeleteCurrent", "refuse")];
        program::set(&mut git, &settings);
    }
    git.arg("receive-pack").arg("--").arg(path);
    Errand::start(git, "git", None, patience)
}

pub(super) fn push_over_ssh(place: &ssh::Place, login: ssh::Login, patience: &Patience) -> Result<Errand, Error> {
    Errand::start(place.command(&login, ssh::RECEIVE), "ssh", Some(login), patience)
}

fn start(command: Command, name: &str, login: Option<ssh::Login>, patience: &Patience) -> Result<Conversation, Error> {
    let (program, output, stdin) = spawn(command, name, login, patience)?;
    let wire: Connection<Output, ChildStdin> =
        Connection::new(output, stdin, Protocol::V2, "", None::<(&str, Option<u16>)>, ConnectMode::Process, false);
    Ok(Conversation::over_program(Box::new(wire), program))
}

fn spawn(
    mut command: Command,
    name: &str,
    login: Option<ssh::Login>,
    patience: &Patience,
) -> Result<(Program, Output, ChildStdin), Error> {
    let local = |why: &dyn std::fmt::Display| Error::Local(format!("the program {name}: {why}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| local(&error))?;
    let account = Arc::new(Account::default());
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let program = Program { child, account: Arc::clone(&account), _login: login };
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(local(&"it has no pipes")) };

    let (sender, chunks) = sync_channel(4);
    let pump = std::thread::Builder::new().name("git-output".to_owned());
    pump.spawn(move || pump_output(stdout, &sender)).map_err(|error| local(&error))?;
    let (ended, said_all) = sync_channel(1);
    *lock(&account.said_all) = Some(said_all);
    let listening = Arc::clone(&account);
    let pump = std::thread::Builder::new().name("git-messages".to_owned());
    pump.spawn(move || listen(stderr, &listening, &ended)).map_err(|error| local(&error))?;

    let output = Output { chunks, chunk: Vec::new(), at: 0, account, patience: patience.clone() };
    Ok((program, output, stdin))
}

fn pump_output(mut output: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = output.read(&mut chunk).map(|read| {
            chunk.truncate(read);
            chunk
        });
        let last = read.as_ref().map_or(true, Vec::is_empty);
        if sender.send(read).is_err() || last {
            return;
        }
    }
}

/// Keeps the beginning of what the program says; the rest is read so that it does not block.
fn listen(mut messages: ChildStderr, account: &Account, ended: &SyncSender<()>) {
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = messages.read(&mut chunk) {
        let mut said = lock(&account.said);
        let room = limits::GIT_STDERR_BYTES.saturating_sub(said.len());
        said.extend_from_slice(chunk.get(..read.min(room)).unwrap_or_default());
    }
    let _ = ended.send(());
}

impl Program {
    /// Our account, if the reading side gave one, else what the program said.
    pub(super) fn failure(&mut self) -> Option<Error> {
        if let Some(failure) = lock(&self.account.failure).take() {
            return Some(failure);
        }
        let said = self.last_words();
        (!said.trim().is_empty()).then(|| ssh::explain(&said))
    }

    /// Everything that it said, and its end.
    fn last_words(&mut self) -> String {
        let _ = self.child.kill();
        if let Some(ended) = lock(&self.account.said_all).take() {
            // The pipe closes with the program; a child of its own may keep it open, and is not waited for long.
            let _ = ended.recv_timeout(limits::NET_STOP_LOOK * 8);
        }
        String::from_utf8_lossy(&lock(&self.account.said)).into_owned()
    }

    pub(super) fn finish(self) -> u64 {
        *lock(&self.account.received)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has said all that we wanted, or is late. Killed, it ends at once, and no zombie stays.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program's output, for as long as the conversation may take.
struct Output {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    account: Arc<Account>,
    patience: Patience,
}

impl Output {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Err(error) = self.patience.check() {
                let text = error.to_string();
                lock(&self.account.failure).get_or_insert(error);
                return Err(io::Error::other(text));
            }
            let left = self.patience.until.saturating_duration_since(Instant::now());
            match self.chunks.recv_timeout(limits::NET_STOP_LOOK.min(left)) {
                Ok(chunk) => return chunk,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
            }
        }
    }
}

impl Read for Output {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.chunk.len() {
            self.chunk = self.next()?;
            self.at = 0;
            let mut received = lock(&self.account.received);
            *received = received.saturating_add(self.chunk.len() as u64);
            if *received > limits::GIT_PACK_BYTES {
                let error = Error::Protocol(format!("its answers are larger than {} bytes", limits::GIT_PACK_BYTES));
                lock(&self.account.failure).get_or_insert(error);
                return Err(io::Error::other("too large"));
            }
        }
        let read = self.chunk.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// A push by way of a program.
pub(in crate::git) struct Errand {
    program: Program,
    output: Output,
    input: Option<ChildStdin>,
}

impl Errand {
    fn start(command: Command, name: &str, login: Option<ssh::Login>, patience: &Patience) -> Result<Self, Error> {
        let (program, output, input) = spawn(command, name, login, patience)?;
        Ok(Self { program, output, input: Some(input) })
    }

    pub(super) fn advertisement(&mut self, whole: &dyn Fn(&[u8]) -> Result<bool, String>) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while !whole(&bytes).map_err(Error::Protocol)? {
            let chunk = self.output.next().map_err(|error| self.explain(&error))?;
            if chunk.is_empty() {
                return Err(self.explain(&io::ErrorKind::UnexpectedEof.into()));
            }
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limits::GIT_LIST_BYTES {
                let text = format!("it lists more than {} bytes of references", limits::GIT_LIST_BYTES);
                return Err(Error::Protocol(text));
            }
        }
        Ok(bytes)
    }

    pub(super) fn deliver(
        &mut self,
        request: Vec<u8>,
        take: &mut dyn FnMut(&[u8]) -> Result<bool, String>,
    ) -> Result<(), Lost> {
        let lost = |error| Lost { error, sent: true };
        let unsent = |error| Lost { error, sent: false };
        let input = self.input.take().ok_or_else(|| unsent(Error::Local("it was sent already".to_owned())))?;
        self.output.patience.check().map_err(unsent)?;
        // A program that does not read holds up its own thread and not ours; it ends with the program. Its input is
        // left open until the answer is there: some programs take its end for ours.
        let (written, input_is_back) = sync_channel(1);
        let feed = std::thread::Builder::new().name("git-input".to_owned());
        feed.spawn(move || {
            let mut input = input;
            let _ = input.write_all(&request).and_then(|()| input.flush());
            let _ = written.send(input);
        })
        .map_err(|error| unsent(Error::Local(format!("a thread for a push: {error}"))))?;
        loop {
            let chunk = self.output.next().map_err(|error| lost(self.explain(&error)))?;
            if chunk.is_empty() {
                return Err(lost(self.explain(&io::ErrorKind::UnexpectedEof.into())));
            }
            if take(&chunk).map_err(|why| lost(Error::Protocol(why)))? {
                break;
            }
        }
        // It has said all, and goes by itself now; one of its own children may keep its output open, and is not waited
        // for long.
        drop(input_is_back.recv_timeout(limits::NET_STOP_LOOK));
        let soon = Instant::now() + limits::NET_STOP_LOOK * 8;
        self.output.patience.until = soon.min(self.output.patience.until);
        while matches!(self.output.next(), Ok(chunk) if !chunk.is_empty()) {}
        Ok(())
    }

    pub(super) fn said(&mut self) -> String {
        self.program.last_words()
    }

    fn explain(&mut self, error: &io::Error) -> Error {
        self.program.failure().unwrap_or_else(|| Error::Unreachable(format!("the connection ended: {error}")))
    }
}
