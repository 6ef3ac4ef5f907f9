//! The recorded story of commits, where its streams tell something else.

use super::reasons::{self, Reason};

/// The commit, the namespace that is live there already and in Flipt at the commit after it, and why.
pub const COMMITS: &[(&str, &str, &Reason)] =
    &[("valid change of another namespace while one file is invalid", "live-b", &reasons::HELD)];
