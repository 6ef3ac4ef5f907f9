//! Descriptions as Azure DevOps has them: at most 4,000 characters, of which its lists show the first 400. The marker
//! stands at the beginning (`proposal::marker`) and survives both.

/// Most characters of a description.
const WHOLE: usize = 4_000;
/// As many of them stand in lists.
const LISTED: usize = 400;

/// As much of `text` as is taken.
pub(super) fn fitted(text: &str) -> String {
    if units(text) <= WHOLE {
        return text.to_owned();
    }
    let mut left = WHOLE - 1;
    let kept = text.chars().take_while(|c| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    kept.chain(['…']).collect()
}

/// Whether a description from a list may have been cut there.
pub(super) fn may_be_cut(text: &str) -> bool {
    units(text) >= LISTED
}

/// Characters as .NET counts them.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_the_rest_is_cut() {
        for text in ["", "Turn it on.", &"x".repeat(4_000), &"😀".repeat(2_000)] {
            assert_eq!(fitted(text), *text);
        }
        for text in ["x".repeat(4_001), "😀".repeat(2_001), format!("x{}", "😀".repeat(2_000))] {
            let fitted = fitted(&text);
            assert!((3_999..=4_000).contains(&units(&fitted)), "{}", units(&fitted));
            assert!(text.starts_with(fitted.trim_end_matches('…')));
        }
    }
}
