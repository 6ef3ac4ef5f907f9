//! Yardarm: feature flags from Git, live when the push is.
//!
//! The library is the daemon; `main.rs` only starts it. The modules below `daemon` touch the world (disk, network,
//! clock, runtime); the others are pure and compile without any of it (`--no-default-features`).
//! `docs/ARCHITECTURE.md` is the map.

pub mod analytics;
pub mod auth;
pub mod config;
pub mod der;
pub mod fault;
pub mod flags;
mod json;
pub mod limits;
pub mod proposal;
pub mod provider;
pub mod template;
pub mod view;
pub mod yaml;

#[cfg(feature = "daemon")]
pub mod app;
#[cfg(feature = "daemon")]
pub mod audit;
#[cfg(feature = "daemon")]
pub mod bell;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod clock;
#[cfg(feature = "daemon")]
pub mod demo;
#[cfg(feature = "daemon")]
pub mod disk;
#[cfg(feature = "daemon")]
pub mod git;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
pub mod ingest;
#[cfg(feature = "daemon")]
pub mod issuer;
#[cfg(feature = "daemon")]
pub mod net;
#[cfg(feature = "daemon")]
pub mod scm;
#[cfg(feature = "daemon")]
pub mod serve;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(feature = "daemon")]
pub mod sync;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod track;
#[cfg(feature = "daemon")]
pub mod webhook;
#[cfg(feature = "daemon")]
pub mod write;
