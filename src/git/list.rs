//! What a remote says of itself: how it makes its ids, and which branches it has.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::hash::Kind;
use gix::progress::Discard;
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::{Handshake, LsRefsCommand};
use gix_transport::Service;

use super::Error;
use super::transport::Conversation;

/// How this client calls itself to Git servers; some of them look for `git/`.
pub(super) const AGENT: &str = concat!("git/yardarm-", env!("CARGO_PKG_VERSION"));

pub(super) fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(AGENT.to_owned()))
}

/// Says hello. The credential, if there is one, has been sent along: nothing is asked for twice.
pub(super) fn handshake(conversation: &mut Conversation) -> Result<Handshake, Error> {
    let handshake =
        gix::protocol::handshake(&mut conversation.wire, Service::UploadPack, |_| Ok(None), Vec::new(), &mut Discard);
    handshake.map_err(|error| conversation.explain(&error))
}

/// How the remote makes its ids.
pub(super) fn format(handshake: &Handshake) -> Result<Kind, Error> {
    let named = handshake.capabilities.capability("object-format").and_then(|capability| capability.value());
    match named {
        None => Ok(Kind::Sha1),
        Some(name) if name == "sha1" => Ok(Kind::Sha1),
        Some(name) if name == "sha256" => Ok(Kind::Sha256),
        Some(name) => {
            let name: String = name.to_string().chars().filter(char::is_ascii_alphanumeric).take(32).collect();
            Err(Error::Protocol(format!("its object format \"{name}\" is not known here; sha1 and sha256 are")))
        }
    }
}

/// Whether a short name is one of the wanted ones: equal, or by the pattern's beginning. No branch has a `*` or a `?` in
/// its name.
fn matches(pattern: &str, branch: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => branch.len() > prefix.len() && branch.starts_with(prefix),
        None => branch == pattern.strip_suffix('?').unwrap_or(pattern),
    }
}

/// Whether it is an error if nothing is there.
fn must_be_there(pattern: &str) -> bool {
    !pattern.ends_with(['*', '?'])
}

/// Whether one of the patterns asks for a branch.
pub(super) fn wanted(patterns: &[String], branch: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, branch))
}

/// Tips of the wanted branches. A branch that is asked for by its whole name must be there; with a `?` behind it, it may.
pub(super) fn select(
    conversation: &mut Conversation,
    handshake: &mut Handshake,
    patterns: &[String],
) -> Result<BTreeMap<String, ObjectId>, Error> {
    let prefixes: Vec<&str> = patterns.iter().map(|pattern| pattern.trim_end_matches(['*', '?'])).collect();
    let mut all = list(conversation, handshake, &prefixes)?;
    let missing = patterns.iter().find(|pattern| must_be_there(pattern) && !all.contains_key(*pattern));
    if let Some(branch) = missing {
        // Only now is it worth to ask what else there is.
        if handshake.refs.is_none() {
            all = list(conversation, handshake, &[""])?;
        }
        if all.is_empty() {
            return Err(Error::EmptyRemote);
        }
        return Err(Error::MissingBranch { branch: branch.clone(), similar: similar(branch, all.keys()) });
    }
    all.retain(|branch, _| wanted(patterns, branch));
    Ok(all)
}

/// Branches whose names begin with one of `prefixes`, and perhaps others.
fn list(
    conversation: &mut Conversation,
    handshake: &Handshake,
    prefixes: &[&str],
) -> Result<BTreeMap<String, ObjectId>, Error> {
    // Protocol versions 0 and 1 name all of them at once.
    let refs = if let Some(refs) = &handshake.refs {
        refs.clone()
    } else {
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.iter().map(|prefix| format!("refs/heads/{prefix}").into()));
        let command = LsRefsCommand::new(Some(wanted), &handshake.capabilities, agent());
        let listed = command.invoke_blocking(&mut conversation.wire, &mut Discard, false);
        listed.map_err(|error| conversation.explain(&error))?
    };
    let mut branches = BTreeMap::new();
    for found in &refs {
        let (Ref::Direct { full_ref_name: name, object }
        | Ref::Symbolic { full_ref_name: name, object, .. }
        | Ref::Peeled { full_ref_name: name, object, .. }) = found
        else {
            continue;
        };
        // A name that is none for Git is one that nobody can have meant.
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let Some(short) = name.strip_prefix("refs/heads/") else { continue };
        if gix::validate::reference::name(name.into()).is_ok() {
            branches.insert(short.to_owned(), *object);
        }
    }
    Ok(branches)
}

/// What somebody may have meant.
fn similar<'a>(branch: &str, all: impl Iterator<Item = &'a String>) -> Vec<String> {
    let all: Vec<&String> = all.collect();
    let few = all.len() <= 3;
    let mut near: Vec<(f64, &String)> =
        all.into_iter().map(|name| (strsim::jaro_winkler(branch, name), name)).collect();
    near.retain(|(likeness, _)| few || *likeness > 0.75);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_beginning_and_more() {
        assert!(matches("main", "main"));
        assert!(!matches("main", "maintenance"));
        assert!(matches("flipt/production/*", "flipt/production/new-pricing"));
        assert!(matches("flipt/production/*", "flipt/production/a/b"));
        assert!(!matches("flipt/production/*", "flipt/production/"));
        assert!(!matches("flipt/production/*", "flipt/staging/x"));
    }

    #[test]
    fn a_missing_branch_names_what_is_like_it() {
        let all = ["main", "develop", "release/1.0", "mian", "production"].map(str::to_owned);
        assert_eq!(similar("mains", all.iter()), ["main", "mian"]);
        assert!(similar("zzz", all.iter()).is_empty());
        assert_eq!(similar("main", ["master".to_owned()].iter()), ["master"]);
    }
}
