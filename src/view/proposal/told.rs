//! What is different, in words, a line each.

use serde::Serialize;

use crate::flags::change::{self, Changes};
use crate::limits;

/// The differences of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its name.
    pub environment: String,
    /// `1 flag added, 2 changed`.
    pub summary: String,
    /// Line by line.
    pub lines: Vec<Line>,
    /// How many lines more there are than a page shows.
    pub more: usize,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How it is shown: `place`, `add`, `del`, `same`, `who`.
    pub look: &'static str,
    /// How deep it stands.
    pub deep: usize,
    /// What it says.
    pub text: String,
}

impl Told {
    /// Those of an environment.
    #[must_use]
    pub fn of(environment: &str, changes: &Changes) -> Self {
        let text = change::text(changes);
        // The last line sums them up.
        let mut all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let summary = all.pop().unwrap_or_default().to_owned();
        let more = all.len().saturating_sub(limits::UI_CHANGE_LINES);
        all.truncate(limits::UI_CHANGE_LINES);
        Self { environment: environment.to_owned(), summary, lines: all.into_iter().map(Line::of).collect(), more }
    }
}

impl Line {
    fn of(line: &str) -> Self {
        let text = line.trim_start();
        let deep = usize::from(line.starts_with("  ")) + usize::from(line.starts_with("      "));
        let look = match text.chars().next() {
            Some('+') => "add",
            Some('-' | '!') => "del",
            Some('~') => "same",
            Some('→') => "who",
            _ => "place",
        };
        Self { look, deep, text: text.to_owned() }
    }
}
