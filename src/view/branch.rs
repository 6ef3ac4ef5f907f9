//! A name for the branch that a change goes to, which a person may replace.

use crate::limits;

/// A name that says what is done: `update-checkout`, `create-beta-and-2-more`; `taken` says which ones are in use.
#[must_use]
pub fn name(verb: &str, key: &str, others: usize, taken: impl Fn(&str) -> bool) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let key: String = key.chars().map(plain).take(limits::NAME_CHARACTERS / 2).collect();
    let key = key.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let more = if others == 0 { String::new() } else { format!("-and-{others}-more") };
    let name = format!("{verb}-{key}{more}").replace("--", "-");
    let name = name.trim_end_matches('-').to_owned();
    let free = |name: &String| !taken(name);
    let numbered = (2..limits::BRANCH_ENVIRONMENTS + 2).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone()).chain(numbered).find(free).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_done_and_is_free() {
        let free = |_: &str| false;
        assert_eq!(name("update", "Checkout_v2", 0, free), "update-checkout-v2");
        assert_eq!(name("create", "beta", 2, free), "create-beta-and-2-more");
        assert_eq!(name("delete", ",,", 0, free), "delete");
        assert_eq!(name("update", "é\u{202e}<b>", 0, free), "update-b");
        assert!(name("update", &"x".repeat(5_000), 999, free).len() <= limits::NAME_CHARACTERS);
        let taken = |name: &str| matches!(name, "update-a" | "update-a-2");
        assert_eq!(name("update", "a", 0, taken), "update-a-3");
    }
}
