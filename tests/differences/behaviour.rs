//! What is different without a recorded request that could be replayed: each with the test that shows ours.

use super::reasons::{self, Reason};

/// One difference.
pub struct Behaviour {
    pub reason: &'static Reason,
    /// Where ours is shown: a file and a test in it.
    pub shown: (&'static str, &'static str),
}

const fn shown(reason: &'static Reason, file: &'static str, test: &'static str) -> Behaviour {
    Behaviour { reason, shown: (file, test) }
}

/// All of them.
#[rustfmt::skip]
pub const BEHAVIOUR: &[Behaviour] = &[
    shown(&reasons::TAG, "tests/it/http/ofrep.rs", "a_tag_stands_for_the_whole_answer"),
    shown(&reasons::LIST_FIELDS, "tests/it/http/bounds.rs", "a_list_of_flags_tells_what_published_clients_require"),
    shown(&reasons::OPEN, "tests/it/http/streams.rs", "a_keep_alive_is_a_blank_without_a_line_or_a_comment"),
    shown(&reasons::RETRY, "tests/it/http/streams.rs", "events_name_the_digest_byte_for_byte"),
    shown(&reasons::GONE, "tests/it/http/streams.rs", "a_namespace_may_come_later_go_and_come_back"),
    shown(&reasons::DISORDER, "tests/it/http/streams.rs", "whoever_is_told_of_a_state_finds_it"),
    shown(&reasons::BRANCH_STREAMS, "tests/it/contents.rs", "a_branch_environment_appears_is_streamed_and_goes"),
    shown(&reasons::HELD, "tests/it/contents.rs", "a_bad_file_holds_its_namespace_and_no_other"),
    shown(&reasons::UNREACHABLE, "tests/it/lives.rs", "a_cold_start_without_the_remote_serves_the_last_good_state_and_says_how_old_it_is"),
    shown(&reasons::NOT_READY, "tests/it/lives.rs", "a_start_with_nothing_and_no_remote_is_alive_but_not_ready"),
    shown(&reasons::NO_BRANCH, "tests/it/remotes.rs", "a_branch_that_never_was_is_named_with_its_like_and_never_made"),
    shown(&reasons::SHADOW, "src/sync/tests/mod.rs", "branches_make_environments_that_never_take_a_name"),
];
