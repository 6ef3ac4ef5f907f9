//! Recorded configurations with which one of the two starts and the other does not.

use super::reasons::{self, Reason};

/// Name of the recorded configuration, whether it is taken here, and why.
#[rustfmt::skip]
pub const CONFIGURATIONS: &[(&str, bool, &Reason)] = &[
    ("unknown keys", false, &reasons::STRICT),
    ("fetch_policy nonsense", false, &reasons::STRICT),
    ("unknown backend", false, &reasons::STRICT),
    ("two environments of one name", false, &reasons::SAME_NAME),
    ("upper-case names", true, &reasons::CASE),
    ("ssh key without passphrase", true, &reasons::PASSPHRASE),
];
