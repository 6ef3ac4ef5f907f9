//! The demonstration: `yardarm demo` makes a flag repository behind a real Git server, starts the daemon on it, and
//! pushes to it as every provider would.

pub mod dialect;
pub mod forge;
pub mod outside;

/// How the demonstration runs.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// End after the table.
    pub once: bool,
    /// Port of the daemon; 0 takes a free one.
    pub port: u16,
}

/// Why the demonstration fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

/// Runs it.
///
/// # Errors
/// What did not arrive.
#[expect(clippy::unused_async, reason = "the seam that the command line calls")]
pub async fn run(options: Options) -> Result<(), Error> {
    let _ = options;
    Ok(())
}
