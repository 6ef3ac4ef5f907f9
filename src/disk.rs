//! What several parts ask of a file: whether it is still the same one, and for its lock.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// Tells one state of a file from another, as far as a look without reading it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    /// That of a file which was looked at.
    #[must_use]
    pub fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// How often a lock is asked for.
const PAUSE: Duration = Duration::from_millis(20);

/// Locks a file; false if somebody else has it all that time. Blocks.
///
/// A lock outlives its owner for moments: a process that is ending, or a child between its fork and its exec, holds it
/// still. So whoever finds it taken asks again for a while before it says so.
///
/// # Errors
/// The system knows no locks there.
pub fn lock_within(patience: Duration, file: &File) -> io::Result<bool> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => std::thread::park_timeout(PAUSE),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
