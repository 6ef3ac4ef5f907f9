//! What Gitea and Forgejo say when they do not do what was asked.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::provider::api::failure::shown;
use crate::provider::api::{Answer, Failure};

/// What proposals take.
pub(super) const PROPOSALS: &str = "a token with write:repository, of an account that may write to the repository";
/// What comments take.
pub(super) const COMMENTS: &str = "a token with write:issue";
/// What statuses take.
pub(super) const STATUSES: &str = "a token with write:repository, of an account that may write to the repository";

/// How long to wait for a server that is still finding out whether something can be merged.
pub(super) const LATER: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Said {
    message: Option<String>,
    errors: Option<Vec<String>>,
}

/// The server's words, as they may be shown. Forgejo's 401 repeats the token, but no 401 comes here.
pub(super) fn said(answer: &Answer) -> String {
    let Ok(said) = answer.json::<Said>() else { return shown(&String::from_utf8_lossy(&answer.body), 200) };
    // The message is the same of everything that is missing, then; what is missing stands beside it.
    let words = [said.message.unwrap_or_default()].into_iter().chain(said.errors.unwrap_or_default());
    shown(&words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "), 300)
}

/// What an answer means that is no success, whatever was asked; `needs` is what the operation takes.
pub(super) fn refused(answer: &Answer, needs: &str) -> Failure {
    let said = said(answer);
    match answer.status {
        // Gitea 307, Forgejo 301, with a location below its own root. It is shown, not followed: the place is configured.
        301 | 302 | 303 | 307 | 308 => Failure::Moved(moved(answer.header("location").unwrap_or_default())),
        400 | 413 | 422 => Failure::Invalid(said),
        403 => Failure::Forbidden { needs: scopes(&said).unwrap_or_else(|| needs.to_owned()), said },
        404 => Failure::NotFound(said),
        405 | 412 => Failure::State(said),
        409 => Failure::Stale(said),
        423 => Failure::Archived(said),
        status => Failure::Nonsense(format!("status {status}, {said}")),
    }
}

/// `… at least one of required scope(s): [write:repository]`, and Gitea's `required=[write:repository], token scope=…`.
fn scopes(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("required scope(s): [").or_else(|| said.split_once("required=["))?;
    let (scopes, _) = rest.split_once(']')?;
    Some(format!("a token with {}", shown(&scopes.replace(',', " or "), 100)))
}

fn moved(location: &str) -> String {
    let path = location.split_once("/repos/").map_or("", |(_, path)| path);
    let mut names = path.split('/').filter(|name| !name.is_empty());
    match (names.next(), names.next()) {
        (Some(owner), Some(name)) => {
            format!("it is {} now; the configured remote has its old name", shown(&format!("{owner}/{name}"), 200))
        }
        _ => "the server does not say where to".to_owned(),
    }
}

/// The server's own time, by which it says when something changed.
pub(super) fn now(answer: &Answer) -> Timestamp {
    static DATES: jiff::fmt::rfc2822::DateTimeParser = jiff::fmt::rfc2822::DateTimeParser::new();
    answer.header("date").and_then(|date| DATES.parse_timestamp(date).ok()).unwrap_or(answer.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.as_bytes().to_vec(), at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_missing_scope_is_named_as_the_server_names_it() {
        for said in [
            r#"{"message":"token does not have at least one of required scope(s): [write:issue]"}"#,
            r#"{"message":"token does not have at least one of required scope(s), required=[write:issue], token scope=read:repository"}"#,
        ] {
            let Failure::Forbidden { needs, .. } = refused(&answer(403, said, &[]), PROPOSALS) else { panic!() };
            assert_eq!(needs, "a token with write:issue");
        }
        let said = r#"{"message":"user should have a permission to write to a repo"}"#;
        let Failure::Forbidden { needs, .. } = refused(&answer(403, said, &[]), STATUSES) else { panic!() };
        assert_eq!(needs, STATUSES);
    }

    #[test]
    fn where_a_repository_went_is_said_and_not_followed() {
        for status in [301, 307] {
            let failure = refused(&answer(status, "", &[("location", "/api/v1/repos/acme/banners/pulls")]), PROPOSALS);
            assert_eq!(
                failure,
                Failure::Moved("it is acme/banners now; the configured remote has its old name".into())
            );
        }
        assert!(matches!(refused(&answer(301, "", &[]), PROPOSALS), Failure::Moved(_)));
    }

    #[test]
    fn what_is_missing_stands_beside_the_message() {
        let body = r#"{"message":"The target couldn't be found.","url":"x","errors":["could not find 'none' to be a commit"]}"#;
        assert_eq!(said(&answer(404, body, &[])), "The target couldn't be found. could not find 'none' to be a commit");
        assert_eq!(said(&answer(404, "404 page not found\n", &[])), "404 page not found");
        assert_eq!(said(&answer(404, r#"{"message":"m","errors":null}"#, &[])), "m");
    }

    #[test]
    fn the_servers_clock_is_the_one_that_counts() {
        let at = now(&answer(200, "", &[("date", "Sun, 22 Nov 2026 20:48:32 GMT")]));
        assert_eq!(at, "2026-11-22T20:48:32Z".parse().unwrap());
        assert_eq!(now(&answer(200, "", &[("date", "yesterday")])), Timestamp::UNIX_EPOCH);
    }
}
