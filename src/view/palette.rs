//! What the one field finds: how well a name goes with what was typed.
//!
//! Every word that was typed has to be in it: as it is, or its letters in their order and close together, so that
//! `chkout` finds `checkout`. What begins with it comes first, then what has it at the beginning of a word, then
//! anywhere. Of the same kind the shorter is the better one, as there is less else it could be about.

/// What was typed, ready to be compared.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<Vec<char>>);

/// Letters of a query that count.
const LETTERS: usize = 100;
/// Letters of a name that are looked at.
const LOOKED_AT: usize = 200;
/// Letters that may lie among those of a word which is not there as it was typed.
const SLACK: usize = 4;

impl Query {
    /// That of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text: String = text.chars().take(LETTERS).collect::<String>().to_lowercase();
        Self(text.split_whitespace().map(|word| word.chars().collect()).collect())
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How well these names of one thing go with it: more is better, and none is not at all.
    #[must_use]
    pub fn rate(&self, names: &[&str]) -> Option<u32> {
        let names: Vec<Vec<char>> =
            names.iter().map(|name| name.chars().take(LOOKED_AT).flat_map(char::to_lowercase).collect()).collect();
        let of_word = |word: &Vec<char>| names.iter().filter_map(|name| rate(word, name)).max();
        self.0.iter().map(of_word).sum::<Option<u32>>()
    }
}

fn rate(word: &[char], name: &[char]) -> Option<u32> {
    let shortness = 50_u32.saturating_sub(u32::try_from(name.len()).unwrap_or(50));
    let places = name.windows(word.len().max(1)).enumerate().filter(|(_, there)| *there == word);
    let place = |at: usize| match at.checked_sub(1).and_then(|before| name.get(before)) {
        None if name.len() == word.len() => 1_000,
        None => 800,
        Some(before) if !before.is_alphanumeric() => 600,
        Some(_) => 400,
    };
    if let Some(best) = places.map(|(at, _)| place(at)).max() {
        return Some(best + shortness);
    }
    let span = scattered(word, name)?;
    let loose = u32::try_from(span - word.len()).unwrap_or(u32::MAX);
    Some(100_u32.saturating_sub(20 * loose) + shortness)
}

/// The shortest stretch of a name in which the letters of a word stand in their order.
fn scattered(word: &[char], name: &[char]) -> Option<usize> {
    let (first, rest) = word.split_first().filter(|(_, rest)| rest.len() >= 2)?;
    let stretch = |from: usize| {
        let mut letters = name.iter().enumerate().skip(from + 1);
        let mut last = from;
        for letter in rest {
            last = letters.find(|(_, there)| *there == letter)?.0;
        }
        Some(last - from + 1)
    };
    let starts = name.iter().enumerate().filter(|(_, there)| *there == first);
    let shortest = starts.filter_map(|(from, _)| stretch(from)).min()?;
    (shortest <= word.len() + SLACK).then_some(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(typed: &str) -> Vec<&'static str> {
        let names = [
            "checkout",
            "new-checkout",
            "checkout-button",
            "discheckoutable",
            "check-out-soon",
            "banner",
            "Überschrift",
        ];
        let query = Query::of(typed);
        let mut found: Vec<_> = names.into_iter().filter_map(|name| Some((query.rate(&[name])?, name))).collect();
        found.sort_by_key(|(rate, name)| (std::cmp::Reverse(*rate), *name));
        found.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn the_nearest_comes_first() {
        let order = ["checkout", "checkout-button", "new-checkout", "discheckoutable", "check-out-soon"];
        assert_eq!(best("checkout"), order);
        assert_eq!(
            best("CHKOUT"),
            ["checkout", "new-checkout", "checkout-button", "discheckoutable", "check-out-soon"]
        );
        assert_eq!(best("button check"), ["checkout-button"]);
        assert_eq!(best("über"), ["Überschrift"]);
        assert_eq!(best("bnr"), ["banner"]);
        assert!(best("zz").is_empty());
        assert!(best("cb").is_empty(), "two letters are everywhere");
    }

    #[test]
    fn a_name_of_several_counts_as_its_best() {
        let query = Query::of("pay invoice");
        assert!(query.rate(&["pay-by-invoice", "Rechnung"]).is_some());
        assert!(query.rate(&["pay", "Rechnung"]).is_none());
        assert!(Query::of("  ").is_empty());
        assert!(Query::of(&"x".repeat(100_000)).rate(&[&"x".repeat(100_000)]).is_some());
    }
}
