//! A description as Azure DevOps takes it: at most 4,000 characters, of which its lists show the first 400. The marker has
//! to survive both, so in a longer text it goes to the front, and the rest is cut.

/// Most characters of a description.
const WHOLE: usize = 4_000;
/// As many of them stand in lists.
const LISTED: usize = 400;

/// `text` so that it fits, its marker within what lists show.
pub(super) fn fitted(text: &str) -> String {
    match marker(text) {
        Some((marker, before, after)) if units(before) + units(marker) > LISTED => {
            let rest = format!("{}\n{}", before.trim_end(), after.trim_start());
            cut(format!("{marker}\n\n{}", rest.trim()))
        }
        _ => cut(text.to_owned()),
    }
}

/// The comment of HTML that carries our marker, with what stands before and behind it.
fn marker(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text.get(from..)?.find("<!--").map(|at| from + at) {
        let end = start + text.get(start..)?.find("-->")? + "-->".len();
        let comment = text.get(start..end)?;
        if comment.contains("yardarm") {
            return Some((comment, text.get(..start)?, text.get(end..)?));
        }
        from = end;
    }
    None
}

/// Characters as .NET counts them.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn cut(mut text: String) -> String {
    if units(&text) <= WHOLE {
        return text;
    }
    let mut left = WHOLE - 1;
    let end = text.char_indices().find_map(|(at, c)| match left.checked_sub(c.len_utf16()) {
        Some(rest) => {
            left = rest;
            None
        }
        None => Some(at),
    });
    text.truncate(end.unwrap_or(text.len()));
    text + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &str = "<!-- yardarm:0123456789abcdef -->";

    #[test]
    fn what_fits_stays() {
        for text in ["", "Turn it on.", &format!("Turn it on.\n\n{MARKER}"), &"x".repeat(4_000)] {
            assert_eq!(fitted(text), *text);
        }
    }

    #[test]
    fn the_marker_stays_within_what_lists_show() {
        for length in [401, 3_990, 4_000, 9_000] {
            let long = format!("{}\n\n{MARKER}\n", "ä😀".repeat(length / 2));
            let fitted = fitted(&long);
            assert!(units(&fitted) <= WHOLE, "{length}");
            assert!(fitted.starts_with(&format!("{MARKER}\n\nä😀")), "{length}");
            assert_eq!(super::fitted(&fitted), fitted, "{length}: again");
        }
        let other = format!("<!-- a template -->{}", "x".repeat(5_000));
        assert_eq!(units(&fitted(&other)), WHOLE);
    }
}
