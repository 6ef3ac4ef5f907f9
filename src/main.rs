//! Starts the library's daemon.

fn main() {}
