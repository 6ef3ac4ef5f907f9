//! From "something moved" to "it is served": one worker a storage.

pub mod status;
