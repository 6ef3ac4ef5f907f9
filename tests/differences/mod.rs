//! Where Yardarm does otherwise than Flipt v2 on purpose: the one place.
//!
//! Tests replay what was recorded of Flipt, and fail at every difference that does not stand here; most also fail at one
//! that stands here and is none any more. `docs/compatibility.md` is made of these tables (`it::compatibility`).

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each crate of tests uses some of it")]

mod behaviour;
mod commits;
mod configurations;
mod conversations;
mod metrics;
mod ofrep;
pub mod reasons;
mod validations;

pub use behaviour::BEHAVIOUR;
pub use commits::COMMITS;
pub use configurations::CONFIGURATIONS;
pub use conversations::CONVERSATIONS;
pub use metrics::{LABELS, METRICS};
pub use ofrep::{OFREP, OfrepDeviation};
pub use validations::VALIDATIONS;
