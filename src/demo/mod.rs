//! The demonstration: `yardarm demo` makes a flag repository behind a real Git server, starts the daemon on it, and
//! pushes to it as every provider would.

pub mod dialect;
pub mod forge;
