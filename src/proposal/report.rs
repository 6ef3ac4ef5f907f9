//! What is said at the provider about a proposal: the commit status in one line, the comment in Markdown.
//!
//! Both tell what the proposal brings, not what was wrong before it: an error that the base has already does not fail a
//! proposal that does not touch it. Everything that somebody else wrote (keys, names, paths, messages about them) stands
//! in code spans of the comment, where nothing of it is Markdown, HTML or a mention ([`crate::flags::change`]).

use std::collections::HashSet;
use std::fmt::Write as _;

use super::marker;
use crate::flags::change::{self, Changes, Presence, code};
use crate::flags::problem::{Problem, Severity};
use crate::limits;
use crate::provider::Provider;
use crate::provider::api::CheckState;

/// Name of the commit status.
pub const CONTEXT: &str = "yardarm/flags";

/// One environment that a proposal touches.
#[derive(Debug, Clone, Copy)]
pub struct Part<'p> {
    /// Its name.
    pub environment: &'p str,
    /// Its directory in the repository; empty for the root.
    pub directory: &'p str,
    /// What would change.
    pub changes: &'p Changes,
    /// Problems where the proposal parted from its base …
    pub before: &'p [Problem],
    /// … and at its head.
    pub after: &'p [Problem],
    /// Hazards are not served there.
    pub refuses_hazards: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Between<'p> {
    /// The head, hex.
    pub head: &'p str,
    /// The base's short name.
    pub base: &'p str,
    /// Where they parted, hex.
    pub parted: &'p str,
}

impl<'p> Part<'p> {
    /// Problems that the proposal brings, those that keep it from being served first.
    fn brought(&self) -> Vec<&'p Problem> {
        // Where it stands in the file may be another place, and it the same one.
        let name = |problem: &'p Problem| (&problem.file, problem.code, &problem.key_path, &problem.message);
        let known: HashSet<_> = self.before.iter().map(name).collect();
        let mut brought: Vec<&Problem> = self.after.iter().filter(|problem| !known.contains(&name(problem))).collect();
        brought.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        brought
    }

    /// The first problem for which it would not be served.
    fn stopped_by(&self) -> Option<&'p Problem> {
        self.brought().into_iter().find(|problem| self.stops(problem))
    }

    fn stops(&self, problem: &Problem) -> bool {
        problem.severity == Severity::Error || (self.refuses_hazards && problem.severity == Severity::Hazard)
    }

    fn flags(&self) -> usize {
        self.changes.namespaces.iter().map(|namespace| namespace.flags.len()).sum()
    }

    /// `flags/production/default/features.yaml:3:5`.
    fn place(&self, problem: &Problem) -> String {
        let slash = if self.directory.is_empty() { "" } else { "/" };
        let at = problem.at.map_or_else(String::new, |at| format!(":{}:{}", at.line, at.column));
        format!("{}{slash}{}{at}", self.directory, problem.file)
    }
}

/// The commit status: valid, and how much changes; or the first problem and where it is. One line of at most
/// [`limits::STATUS_DESCRIPTION_CHARACTERS`].
#[must_use]
pub fn status(parts: &[Part<'_>]) -> (CheckState, String) {
    if let Some((part, problem)) = parts.iter().find_map(|part| Some((part, part.stopped_by()?))) {
        let place = part.place(problem);
        // Where it is must be readable whatever is said about it: of a long path its end.
        let line = format!("{}: {}", ending(&place, limits::STATUS_DESCRIPTION_CHARACTERS / 2), problem.message);
        return (CheckState::Failure, one_line(&line));
    }
    let changed: Vec<&Part<'_>> = parts.iter().filter(|part| !part.changes.namespaces.is_empty()).collect();
    let flags: usize = changed.iter().map(|part| part.flags()).sum();
    let line = match &*changed {
        [] => "valid: no flag changes".to_owned(),
        [part] => format!("valid: {}", change::summary(part.changes)),
        [_, ..] => format!("valid: {} in {} environments", changing(flags), changed.len()),
    };
    (CheckState::Success, one_line(&line))
}

fn changing(flags: usize) -> String {
    match flags {
        0 => "no flag changes".to_owned(),
        1 => "1 flag changes".to_owned(),
        flags => format!("{flags} flags change"),
    }
}

/// How many bytes a comment may have.
#[must_use]
pub const fn room(provider: Provider) -> usize {
    match provider {
        Provider::BitbucketCloud | Provider::BitbucketDataCenter => limits::REPORT_BYTES_BITBUCKET,
        _ => limits::REPORT_BYTES,
    }
}

/// The comment, of at most `room` bytes; what is left out is said.
#[must_use]
pub fn comment(id: &str, parts: &[Part<'_>], between: &Between<'_>, room: usize) -> String {
    let mut out = format!("{}\n", marker::of_comment(id));
    let flags: usize = parts.iter().map(Part::flags).sum();
    let stopped = parts.iter().filter(|part| part.stopped_by().is_some()).count();
    let _ = match (stopped, parts.len()) {
        (0, 0 | 1) => writeln!(out, "### Flags: {}", changing(flags)),
        (0, all) => writeln!(out, "### Flags: {} in {all} environments", changing(flags)),
        _ => writeln!(out, "### Flags: this cannot be served as it is"),
    };
    let foot = format!(
        "\n*Commit {}, against {} where it left {}. Yardarm keeps this comment up to date.*\n",
        code(&short(between.head), limits::QUOTED_CHARACTERS),
        code(&short(between.parted), limits::QUOTED_CHARACTERS),
        code(between.base, limits::QUOTED_CHARACTERS),
    );
    let told = parts.len().min(limits::REPORT_ENVIRONMENTS);
    let rest = parts.len() - told;
    let more = if rest > 0 {
        format!("\n… and {rest} more environments that are not told about here.\n")
    } else {
        String::new()
    };
    let mut left = room.saturating_sub(out.len() + foot.len() + more.len());
    for (number, part) in parts.iter().take(told).enumerate() {
        // What one environment does not need is for those that follow.
        let section = section(part, left / (told - number));
        if section.len() <= left {
            left -= section.len();
            out.push_str(&section);
        }
    }
    out + &more + &foot
}

/// One environment, in about `room` bytes.
fn section(part: &Part<'_>, room: usize) -> String {
    let mut out = format!("\n### Environment {}\n\n", code(part.environment, limits::QUOTED_CHARACTERS));
    let brought = part.brought();
    let mut told = 0;
    for problem in brought.iter().take(limits::REPORT_PROBLEMS) {
        let line = problem_line(part, problem);
        if out.len() + line.len() > room / 2 {
            break;
        }
        out.push_str(&line);
        told += 1;
    }
    if told < brought.len() {
        let _ = writeln!(out, "- … and {} more", brought.len() - told);
    }
    if !brought.is_empty() {
        out.push('\n');
    }
    if part.changes.is_empty() {
        out.push_str("No flag changes: who asks gets the same answers.\n");
    } else {
        // Some words for what is left out are always needed.
        let changes = change::markdown_within(part.changes, room.saturating_sub(out.len() + 80));
        out.push_str(&changes);
        if removes(part.changes) {
            out.push_str("\nWho asks for a flag that is gone gets an error.\n");
        }
    }
    out
}

fn removes(changes: &Changes) -> bool {
    let gone = |change| change == Presence::Removed;
    changes.namespaces.iter().any(|namespace| namespace.flags.iter().any(|flag| gone(flag.change)))
}

fn problem_line(part: &Part<'_>, problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Hazard => "hazard",
        Severity::Warning => "warning",
    };
    let stops = if part.stops(problem) { ", not served" } else { "" };
    let quoted = |text: &str| code(text, limits::REPORT_MESSAGE_CHARACTERS);
    let help = if problem.help.is_empty() { String::new() } else { format!(" ({})", quoted(&problem.help)) };
    format!("- **{severity}{stops}** {}: {}{help}\n", quoted(&part.place(problem)), quoted(&problem.message))
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// A text in one line, printable, as long as a commit status may be.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let odd = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let line: String = words.chars().filter(|c| !odd(*c)).collect();
    if line.chars().count() <= limits::STATUS_DESCRIPTION_CHARACTERS {
        return line;
    }
    line.chars().take(limits::STATUS_DESCRIPTION_CHARACTERS - 1).chain(['…']).collect()
}

/// The last characters of a text.
fn ending(text: &str, most: usize) -> String {
    let all = text.chars().count();
    if all <= most {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(all - most + 1)).collect()
}
