//! To be written.

pub mod webhooks;
