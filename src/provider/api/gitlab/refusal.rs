//! GitLab's ways to say no: `message` as text, list or map, or `error`; and what a status means where the operation
//! does not know better.

use serde_json::Value;

use crate::provider::api::failure::shown;
use crate::provider::api::{Answer, Failure};

/// Most characters of GitLab's words that are passed on.
const SHOWN: usize = 300;

/// What it said, in one line.
pub(super) fn words(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let parts = [body.get("message"), body.get("error"), body.get("error_description")];
    let said = parts.into_iter().flatten().map(spoken).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    if said.is_empty() { format!("status {}", answer.status) } else { shown(&said, SHOWN) }
}

/// A text; a list of them; a map from what is wrong to them.
fn spoken(said: &Value) -> String {
    match said {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(spoken).collect::<Vec<_>>().join("; "),
        Value::Object(members) => {
            members.iter().map(|(name, said)| format!("{name} {}", spoken(said))).collect::<Vec<_>>().join("; ")
        }
        _ => String::new(),
    }
}

/// Whether it is the token's scope that is missing, and nothing else.
pub(super) fn is_about_scope(answer: &Answer) -> bool {
    answer.status == 403 && words(answer).contains("insufficient_scope")
}

/// Whether a 404 is about the thing at the end of the path: "404 Note Not Found". "404 Project Not Found", and what a
/// proxy says, are about something else.
pub(super) fn is_about_the_thing(answer: &Answer) -> bool {
    let said = words(answer).to_ascii_lowercase();
    answer.status == 404 && !is_about_the_address(answer) && said.ends_with("not found") && !said.contains("project")
}

/// Whether a 404 is about the address itself: GitLab says so with `error`, and whoever stands in front of it in HTML.
fn is_about_the_address(answer: &Answer) -> bool {
    let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
    said.is_none_or(|said| said.get("error").and_then(Value::as_str) == Some("404 Not Found"))
}

/// What a refusal means.
pub(super) fn of(answer: &Answer, needs: &str) -> Failure {
    let said = words(answer);
    match answer.status {
        300..=399 => Failure::Moved("the project has another path now; name it by that".to_owned()),
        405 if said.contains("moved project") => {
            Failure::Moved("the project has another path now, and takes no changes by the old one".to_owned())
        }
        400 | 413 | 422 => Failure::Invalid(said),
        403 => Failure::Forbidden { needs: needs.to_owned(), said },
        // A proxy that takes the slashes of a path out of their encoding is the usual reason.
        404 if is_about_the_address(answer) => Failure::NotFound(format!(
            "{said}: GitLab knows no such address; is the root of its API right, and does a proxy in front of it leave %2F \
             as it is?"
        )),
        404 => Failure::NotFound(said),
        405 => Failure::State(said),
        409 if said.contains("already exists") => Failure::Exists { number: number_in(&said) },
        409 | 412 => Failure::Stale(said),
        _ => Failure::Nonsense(format!("status {}: {said}", answer.status)),
    }
}

/// The number behind the last `!`: "Another open merge request already exists for this source branch: !7".
fn number_in(said: &str) -> Option<u64> {
    let (_, rest) = said.rsplit_once('!')?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The id in the address that a read of a moved project is redirected to.
pub(super) fn moved_to(answer: &Answer) -> Option<u64> {
    if !matches!(answer.status, 300..=399) {
        return None;
    }
    let (_, rest) = answer.header("location")?.rsplit_once("/projects/")?;
    rest.split(['/', '?']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec(), at }
    }

    #[test]
    fn every_form_of_its_words_is_read() {
        for (body, said) in [
            (r#"{"message":"404 Project Not Found"}"#, "404 Project Not Found"),
            (r#"{"message":["one","two"]}"#, "one; two"),
            (r#"{"message":{"title":["can't be blank"]}}"#, "title can't be blank"),
            (r#"{"error":"title is missing"}"#, "title is missing"),
            (
                r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges."}"#,
                "insufficient_scope: The request requires higher privileges.",
            ),
            ("<html>", "status 400"),
            ("", "status 400"),
            (r#"{"message":null}"#, "status 400"),
            ("[1]", "status 400"),
        ] {
            assert_eq!(words(&answer(400, body)), said);
        }
    }

    #[test]
    fn the_one_that_exists_is_named() {
        let body = r#"{"message":["Another open merge request already exists for this source branch: !12"]}"#;
        assert_eq!(of(&answer(409, body), ""), Failure::Exists { number: Some(12) });
        let body = r#"{"message":["Another open merge request already exists"]}"#;
        assert_eq!(of(&answer(409, body), ""), Failure::Exists { number: None });
        assert!(matches!(of(&answer(409, r#"{"message":"SHA does not match"}"#), ""), Failure::Stale(_)));
    }

    #[test]
    fn an_address_that_is_not_there_is_told_from_a_thing() {
        for body in [r#"{"error":"404 Not Found"}"#, "<html>", ""] {
            let Failure::NotFound(said) = of(&answer(404, body), "") else { panic!("not found") };
            assert!(said.contains("%2F") && !is_about_the_thing(&answer(404, body)), "{said}");
        }
        for (body, thing) in [("404 Note Not Found", true), ("404 Not found", true), ("404 Project Not Found", false)] {
            let answer = answer(404, &format!(r#"{{"message":"{body}"}}"#));
            assert_eq!(of(&answer, ""), Failure::NotFound(body.to_owned()));
            assert_eq!(is_about_the_thing(&answer), thing, "{body}");
        }
    }

    #[test]
    fn a_moved_project_says_so_to_reads_and_writes() {
        let mut redirect = answer(301, "");
        redirect
            .headers
            .push(("location".to_owned(), "https://elsewhere/api/v4/projects/654/merge_requests".to_owned()));
        assert_eq!(moved_to(&redirect), Some(654));
        let Failure::Moved(said) = of(&redirect, "") else { panic!("it has moved") };
        assert!(!said.contains("elsewhere"), "{said}");
        let body = r#"{"message":"Non GET methods are not allowed for moved projects"}"#;
        assert!(matches!(of(&answer(405, body), ""), Failure::Moved(_)));
    }
}
