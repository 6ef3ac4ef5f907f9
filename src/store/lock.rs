//! A file that one process locks at a time, waited for.
//!
//! A lock outlives its owner for moments: a process that is ending, or a child between its fork and its exec, holds it
//! still. So whoever finds it taken asks again for a while before it says so.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// Locks a file; false if somebody else has it all that time. Blocks.
///
/// # Errors
/// The system knows no locks there.
pub fn within(patience: Duration, file: &File) -> io::Result<bool> {
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
