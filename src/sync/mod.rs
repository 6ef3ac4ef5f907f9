//! From "something moved" to "it is served": one worker a storage.

pub mod schedule;
pub mod slot;
pub mod status;
