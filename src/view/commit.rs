//! Commits as a page says them.

/// Characters of an id that tell it from all others of a repository of flags.
pub const SHORT: usize = 10;

/// A text in which every whole id of a commit is cut to its beginning: the whole one stands beside it.
#[must_use]
pub fn with_short_ids(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let bounded = !before.ends_with(|c: char| c.is_alphanumeric());
        let is_id = bounded && matches!(word.len(), 40 | 64) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        said.push_str(before);
        said.push_str(if is_id { word.get(..SHORT).unwrap_or(word) } else { word });
        rest = after;
    }
    said.push_str(rest);
    said
}

#[cfg(test)]
mod tests {
    use super::with_short_ids;

    #[test]
    fn whole_ids_are_cut_and_nothing_else_is() {
        let id = "0123456789abcdef".repeat(3).split_at(40).0.to_owned();
        let told = with_short_ids(&format!("`refs/heads/main` moved to {id}: fetching"));
        assert_eq!(told, "`refs/heads/main` moved to 0123456789: fetching");
        for same in [String::new(), "décafé bad".to_owned(), format!("x{id}"), format!("{id}é{id}z"), format!("{id}0")]
        {
            let cut = with_short_ids(&same);
            assert!(cut == same || same.contains('é'), "{same}: {cut}");
        }
    }
}
