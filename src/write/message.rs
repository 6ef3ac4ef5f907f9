//! The message of a commit: the caller's own, else a template's, else Yardarm's; clean, bounded, and with everybody
//! named who wrote along. Pure.
//!
//! A template comes from the server's configuration, and before that from `flipt.yaml` in the environment's directory
//! ([`own`]). One that fails never holds a write up: the next text stands in, and [`Message::warnings`] says so. (In Flipt
//! such a file stops every write to its environment.)

pub mod own;

use crate::config::Templates;
use crate::git::Identity;
use crate::limits;
use crate::template::Template;
use crate::template::context::{self, Change, Environment};
use crate::write::plan::Done;

use self::own::Own;

/// The server's template, parsed.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    commit_message: Option<Template>,
}

impl Texts {
    /// Those of a configuration, which has checked them.
    #[must_use]
    pub fn of(templates: &Templates) -> Self {
        let parse = |text: &Option<String>| text.as_deref().and_then(|text| Template::parse(text).ok());
        Self { commit_message: parse(&templates.commit_message) }
    }
}

/// A message, and what the operator has to know about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// It; never empty.
    pub text: String,
    /// Why it is not what a template says.
    pub warnings: Vec<String>,
}

/// The message of a commit that does `done`. `asked` is the caller's own.
#[must_use]
pub fn commit(
    texts: &Texts,
    own: Option<&Own>,
    environment: Environment<'_>,
    done: &[Done],
    asked: Option<&str>,
    co_authors: &[Identity],
) -> Message {
    let mut message = Message::default();
    let asked = asked.map(clean).filter(|text| !text.is_empty());
    message.text = asked.unwrap_or_else(|| {
        let changes: Vec<Change<'_>> = done.iter().map(change).collect();
        made(texts, own, environment, &changes, &mut message.warnings)
    });
    name(co_authors, &mut message);
    message
}

/// Of a template, or ours.
fn made(
    texts: &Texts,
    own: Option<&Own>,
    environment: Environment<'_>,
    changes: &[Change<'_>],
    warnings: &mut Vec<String>,
) -> String {
    let context = context::commit(environment, changes);
    let file = own.map_or("", |own| own.path.as_str());
    warnings.extend(own.into_iter().flat_map(|own| own.warnings.clone()));
    let templates = [
        (own.and_then(|own| own.commit_message.as_ref()), format!("{file}: `templates.commit_message`")),
        (texts.commit_message.as_ref(), "`templates.commit_message` of the configuration".to_owned()),
    ];
    for (template, place) in templates {
        match template.map(|template| template.render(&context)) {
            None => {}
            Some(Ok(text)) if clean(&text).is_empty() => warnings.push(format!("{place} comes to an empty message")),
            Some(Ok(text)) => return clean(&text),
            Some(Err(error)) => warnings.push(format!("{place} cannot be filled in: {error}")),
        }
    }
    match changes {
        [] => "updated".to_owned(),
        [one] => clean(&one.to_string()),
        several => {
            let lines: Vec<String> = several.iter().map(|change| format!("- {change}")).collect();
            clean(&format!("updated multiple resources\n\n{}", lines.join("\n")))
        }
    }
}

fn change(done: &Done) -> Change<'_> {
    Change { verb: done.verb, kind: done.kind, namespace: &done.namespace, key: &done.key }
}

/// Lines that end with `\n`, without blanks at their ends and without control characters; no empty lines at the ends,
/// never two at a time; at most [`limits::COMMIT_MESSAGE_CHARACTERS`].
fn clean(text: &str) -> String {
    let mut clean = String::new();
    let mut left = limits::COMMIT_MESSAGE_CHARACTERS;
    let mut empty = 0;
    for line in text.replace("\r\n", "\n").split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let line = line.trim_end();
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !clean.is_empty() {
            clean.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        let cut: String = line.chars().take(left).collect();
        left = left.saturating_sub(cut.chars().count() + 1);
        let whole = cut.len() == line.len();
        clean.push_str(&cut);
        if !whole || left == 0 {
            clean.push('…');
            break;
        }
    }
    clean
}

const TRAILER: &str = "Co-authored-by";

/// Names everybody who wrote along, at the end, as Git's trailers.
fn name(co_authors: &[Identity], message: &mut Message) {
    let there: Vec<String> = message.text.lines().filter_map(address_of).collect();
    let mut named: Vec<String> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for Identity { name, email } in co_authors.iter().take(limits::CO_AUTHORS) {
        let (name, email) = (name.trim(), email.trim());
        let fits = |text: &str| {
            !text.is_empty()
                && text.chars().count() <= limits::PERSON_CHARACTERS
                && !text.contains(|c: char| c.is_control() || matches!(c, '<' | '>'))
        };
        if !fits(name) || !fits(email) || !email.contains('@') || email.contains(char::is_whitespace) {
            message.warnings.push("a co-author without a name and an address is not named".to_owned());
            continue;
        }
        let known = email.to_lowercase();
        if !there.contains(&known) && !named.contains(&known) {
            lines.push(format!("{TRAILER}: {name} <{email}>"));
            named.push(known);
        }
    }
    if !lines.is_empty() {
        message.text.push_str(if ends_in_trailers(&message.text) { "\n" } else { "\n\n" });
        message.text.push_str(&lines.join("\n"));
    }
}

/// Whom a line of a message names as a co-author, by address.
fn address_of(line: &str) -> Option<String> {
    let (token, rest) = line.split_once(':')?;
    let (_, address) = rest.split_once('<').filter(|_| token.trim().eq_ignore_ascii_case(TRAILER))?;
    Some(address.split_once('>')?.0.trim().to_lowercase())
}

/// Whether the last paragraph is made of trailers, which more can join. The subject is none, whatever it looks like.
fn ends_in_trailers(text: &str) -> bool {
    let Some((_, last)) = text.rsplit_once("\n\n") else { return false };
    last.lines().all(|line| {
        let token = line.split_once(": ").map(|(token, _)| token);
        token.is_some_and(|t| !t.is_empty() && t.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    })
}

#[cfg(test)]
mod tests;
