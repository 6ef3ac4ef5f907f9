//! Quick actions: lines of a text that are commands are carried out with the rights of its author, and taken out.

use super::super::plain::{Plain, Verdict};

/// What the project knows.
const KNOWN: [&str; 6] = ["close", "merge", "draft", "ready", "approve", "target_branch"];

/// A text without its commands, and them. What stands in a fence of code is none.
pub(super) fn taken_out(text: &str) -> (String, Vec<String>) {
    let (mut kept, mut commands, mut fenced) = (Vec::new(), Vec::new(), false);
    for line in text.split('\n') {
        fenced ^= line.starts_with("```");
        let word = line.trim().strip_prefix('/').map(|rest| rest.split_whitespace().next().unwrap_or_default());
        match word.filter(|word| !fenced && KNOWN.contains(&word.to_lowercase().as_str())) {
            Some(word) => commands.push(word.to_lowercase()),
            None => kept.push(line),
        }
    }
    (kept.join("\n"), commands)
}

/// Does as a text says.
pub(super) fn carry_out(plain: &mut Plain, number: u64, by: &str, commands: &[String]) {
    for command in commands {
        // What cannot be done is not done.
        let _ = match command.as_str() {
            "close" => plain.close(number),
            "merge" => plain.merge(number, None, "merge", "", false).map(drop),
            "draft" => plain.set_draft(number, true),
            "ready" => plain.set_draft(number, false),
            "approve" => plain.review(number, by, Verdict::Approved).map(drop),
            _ => Ok(()),
        };
    }
}
