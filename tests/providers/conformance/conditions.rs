//! What an operation meets.

use crate::scm::Fault;
use crate::scm::plain::Plain;

pub struct Condition {
    pub name: &'static str,
    pub cause: Cause,
    /// What may come of it, in the words of [`super::stage::word`].
    pub allowed: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub enum Cause {
    /// Nothing.
    Well,
    /// Each request of the operation meets it in turn.
    Fault(fn() -> Fault),
    /// Each request of the operation meets it in turn: an untruth, by which what is there looks done.
    Lie(fn() -> Fault),
    /// Each request that changes something meets it in turn.
    FaultOfWrites(fn() -> Fault),
    /// The world is so, and then well again.
    World(fn(&mut Plain), fn(&mut Plain)),
    /// The world becomes so before each request in turn, and then well again.
    Midway(fn(&mut Plain), fn(&mut Plain)),
    /// It is asked with the credential of somebody who may only look.
    Reader,
    /// There is no proposal of this number.
    NoSuchProposal,
}

/// Kinds of failures by which a provider's own words for a refusal may end.
const REFUSED: &[&str] = &[
    "ok",
    "exists",
    "nothing",
    "stale",
    "not-mergeable",
    "state",
    "invalid",
    "forbidden",
    "not-found",
    "archived",
    "unsupported",
    "moved",
];

pub fn conditions() -> Vec<Condition> {
    let condition = |name, cause, allowed| Condition { name, cause, allowed };
    vec![
        condition("all is well", Cause::Well, &["ok", "unsupported"]),
        condition("no connection", Cause::Fault(|| Fault::Down), &["unreachable", "lost"]),
        condition("answer lost", Cause::FaultOfWrites(|| Fault::Lost), &["lost", "ok"]),
        condition("answer cut", Cause::Fault(|| Fault::Cut), &["nonsense", "lost", "ok"]),
        condition("HTML instead of JSON", Cause::Fault(html), &["nonsense", "lost", "ok"]),
        // GitLab says 401 to a merge that one may not do; a token that still reads is good.
        condition("401", Cause::Fault(unauthorized), &["credential", "forbidden"]),
        condition("token revoked midway", Cause::Midway(revoke, restore), &["credential"]),
        condition("403, a right is missing", Cause::Reader, &["forbidden", "ok", "not-found"]),
        condition("403, unknown words", Cause::Fault(|| refusal(403)), &["forbidden", "not-mergeable", "ok"]),
        condition("404, no such proposal", Cause::NoSuchProposal, &["not-found"]),
        condition("404, unknown words", Cause::Lie(|| refusal(404)), REFUSED),
        condition("409, unknown words", Cause::Fault(|| refusal(409)), REFUSED),
        condition("422, unknown words", Cause::Fault(|| refusal(422)), REFUSED),
        condition("429 with Retry-After", Cause::Fault(too_many), &["wait"]),
        condition("503 with Retry-After", Cause::Fault(not_now), &["wait"]),
        condition("secondary limit", Cause::Fault(secondary), &["wait"]),
        condition("502", Cause::Fault(bad_gateway), &["provider", "lost", "ok"]),
        condition(
            "base protected, approval missing",
            Cause::World(|it| it.protected = true, |it| it.protected = false),
            &["not-mergeable", "forbidden", "ok"],
        ),
        condition(
            "repository renamed",
            Cause::World(|it| it.renamed_to = Some("banners".to_owned()), |it| it.renamed_to = None),
            &["moved", "not-found", "ok"],
        ),
        condition(
            "repository archived",
            Cause::World(|it| it.archived = true, |it| it.archived = false),
            &["archived", "forbidden", "state", "ok"],
        ),
        condition("repository deleted", Cause::World(|it| it.gone = true, |it| it.gone = false), &["not-found"]),
        condition(
            "repository deleted midway",
            Cause::Midway(|it| it.gone = true, |it| it.gone = false),
            &["not-found", "ok"],
        ),
    ]
}

fn json(status: u16, body: &str, headers: &[(&str, &str)]) -> Fault {
    let mut all = vec![("content-type".to_owned(), "application/json".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Fault::Answer(status, body.to_owned(), all)
}

fn html() -> Fault {
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    Fault::Answer(200, "<!DOCTYPE html>\n<title>Sign in</title>".to_owned(), headers)
}

/// Forgejo really repeats the token.
fn unauthorized() -> Fault {
    json(401, r#"{"message":"token is required: token-of-yardarm"}"#, &[])
}

fn refusal(status: u16) -> Fault {
    json(status, r#"{"message":"the moon is in the wrong phase"}"#, &[])
}

fn too_many() -> Fault {
    json(429, r#"{"message":"too many requests"}"#, &[("retry-after", "7")])
}

fn not_now() -> Fault {
    json(503, r#"{"message":"down for maintenance"}"#, &[("retry-after", "30")])
}

fn secondary() -> Fault {
    json(403, r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#, &[])
}

fn bad_gateway() -> Fault {
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    Fault::Answer(502, "<html><h1>502 Bad Gateway</h1></html>".to_owned(), headers)
}

fn revoke(plain: &mut Plain) {
    plain.people.clear();
}

fn restore(plain: &mut Plain) {
    plain.people = Plain::everybody();
}
