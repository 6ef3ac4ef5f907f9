//! Recorded cases in which `yardarm validate` ends otherwise than `flipt validate`.

use super::reasons::{self, Reason};

/// One case.
pub struct Validation {
    /// Name of the recording.
    pub case: &'static str,
    /// How Flipt ended.
    pub there: i64,
    /// How we end.
    pub here: u8,
    /// Why.
    pub reason: &'static Reason,
}

const fn ends(case: &'static str, there: i64, here: u8, reason: &'static Reason) -> Validation {
    Validation { case, there, here, reason }
}

/// All of them.
#[rustfmt::skip]
pub const VALIDATIONS: &[Validation] = &[
    ends("file at the root", 0, 2, &reasons::NOTHING_CHECKED),
    ends("no file", 0, 2, &reasons::NOTHING_CHECKED),
    ends("work dir that is missing", 0, 2, &reasons::NOTHING_CHECKED),
    ends("named file that is missing", 1, 2, &reasons::ASKED_WRONGLY),
    ends("unknown format", 1, 2, &reasons::ASKED_WRONGLY),
    ends("named file with ./", 1, 0, &reasons::ANY_PATH),
    ends("exit code 7", 7, 1, &reasons::EXIT_CODES),
    ends("extra schema", 1, 0, &reasons::NO_CUE),
    ends("flipt.yaml with a bad version", 1, 0, &reasons::FLIPT_YAML),
];
