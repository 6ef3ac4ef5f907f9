//! Names of branch environments. Pure.

use crate::limits;

/// Why a key cannot be the name of a branch environment; nothing if it can. It becomes a part of a branch name, of URLs
/// and of file names, on every machine: so it is letters, digits and a few marks.
pub(super) fn fault(key: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let what = if key.is_empty() {
        "it is empty"
    } else if key.chars().count() > limits::NAME_CHARACTERS {
        return Some(format!("a branch name has at most {} characters", limits::NAME_CHARACTERS));
    } else if !key.chars().all(allowed) {
        "only letters, digits, `-`, `_` and `.` are allowed"
    } else if key.starts_with(['-', '.']) {
        "it must not begin with `-` or `.`"
    } else if key.ends_with('.') || key.contains("..") {
        "Git allows no `..` in it and no `.` at its end"
    } else if key.to_ascii_lowercase().ends_with(".lock") {
        "Git allows no `.lock` at its end"
    } else {
        return None;
    };
    Some(format!("the branch name {key:?} cannot be used: {what}"))
}

/// What a caller may mean: with or without the prefix of its base.
pub(super) fn key<'k>(base: &str, asked: &'k str) -> &'k str {
    let asked = asked.trim();
    asked.strip_prefix("flipt/").and_then(|rest| rest.strip_prefix(base)?.strip_prefix('/')).unwrap_or(asked)
}

/// The branch of a branch environment.
pub(super) fn branch(base: &str, key: &str) -> String {
    format!("flipt/{base}/{key}")
}

const ADJECTIVES: [&str; 16] = [
    "bold", "brisk", "calm", "clear", "deep", "fair", "fleet", "keen", "leeward", "lofty", "nimble", "quiet", "steady",
    "swift", "tidy", "windward",
];
const NOUNS: [&str; 16] = [
    "anchor", "beacon", "bowsprit", "capstan", "compass", "halyard", "harbour", "jib", "keel", "lantern", "mast",
    "mooring", "rudder", "sextant", "spar", "tiller",
];

/// A name that a person can say, made of chance.
pub(super) fn random(chance: u64) -> String {
    let pick = |words: [&'static str; 16], shift: u32| {
        let at = usize::try_from((chance >> shift) & 0xf).unwrap_or_default();
        words.get(at).copied().unwrap_or_default()
    };
    format!("{}-{}-{:04x}", pick(ADJECTIVES, 0), pick(NOUNS, 4), (chance >> 8) & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_refused() {
        for good in ["x", "feature-a", "v1.2", "A_b", &random(0), &random(u64::MAX)] {
            assert_eq!(fault(good), None, "{good}");
        }
        let long = "x".repeat(limits::NAME_CHARACTERS + 1);
        for bad in ["", "a/b", "-a", ".a", "a.", "a..b", "a b", "ü", "x.lock", "X.LOCK", "a~1", "a:b", "a\0", &long] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_name_may_be_asked_for_with_its_prefix() {
        assert_eq!(key("production", " flipt/production/x "), "x");
        assert_eq!(key("production", "flipt/staging/x"), "flipt/staging/x");
        assert_eq!(branch("production", "x"), "flipt/production/x");
        assert_eq!(random(0x0012_3421), "brisk-bowsprit-1234");
    }
}
