//! Quick actions: a line of a description or comment that begins with a slash and a word (`/merge`, `/close`, `/approve`)
//! is a command, which GitLab carries out with the rights of whoever wrote the text, and takes out of it.
//!
//! Our texts hold other people's words: titles of commits, descriptions of flags. None of them may command anything with
//! our rights. So a backslash goes before such a slash, which Markdown does not show; and it comes off again when the
//! text is read, so that a text is the same after its way there and back, whatever it holds.

/// A text in which nothing commands.
pub(super) fn disarm(text: &str) -> String {
    each_line(text, |line| {
        let (space, rest) = split_space(line);
        is_command(rest.trim_start_matches('\\')).then(|| format!("{space}\\{rest}"))
    })
}

/// The text that [`disarm`] was given.
pub(super) fn rearm(text: &str) -> String {
    each_line(text, |line| {
        let (space, rest) = split_space(line);
        let bare = rest.strip_prefix('\\')?;
        is_command(bare.trim_start_matches('\\')).then(|| format!("{space}{bare}"))
    })
}

/// Lines end where any program could see an end, not only at `\n`.
fn each_line(text: &str, change: impl Fn(&str) -> Option<String>) -> String {
    text.split_inclusive(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
        .map(|line| change(line).unwrap_or_else(|| line.to_owned()))
        .collect()
}

/// White space and marks that cannot be seen, and the rest.
fn split_space(line: &str) -> (&str, &str) {
    let invisible = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let rest = line.trim_start_matches(invisible);
    (line.strip_suffix(rest).unwrap_or_default(), rest)
}

fn is_command(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn commands_are_disarmed_and_nothing_else() {
        for (text, disarmed) in [
            ("/merge", "\\/merge"),
            ("a\n/close\nb", "a\n\\/close\nb"),
            ("a\r\n  /approve\r\n", "a\r\n  \\/approve\r\n"),
            ("\\/close", "\\\\/close"),
            ("```\n/close\n```", "```\n\\/close\n```"),
            ("a/b\n//x\n/ x\n1/2\n> /quoted", "a/b\n//x\n/ x\n1/2\n> /quoted"),
            ("", ""),
        ] {
            assert_eq!(disarm(text), disarmed);
            assert_eq!(rearm(disarmed), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(6), failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn there_and_back_is_the_same(text in "([ \\\\/a\t\r\n>é]{0,4}){0,6}") {
            let disarmed = disarm(&text);
            prop_assert_eq!(rearm(&disarmed), text);
            prop_assert!(disarmed.lines().all(|line| !is_command(line.trim_start())), "{disarmed:?}");
        }
    }
}
