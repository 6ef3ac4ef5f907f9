//! The writers against a repository that is plain data, with a planner that knows one line a flag.

mod changes;
mod faults;
mod glass;
mod world;
