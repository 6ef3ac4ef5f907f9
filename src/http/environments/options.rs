//! What every request that changes something may say beside what Flipt's says: `message`, `coAuthors`, `dryRun`,
//! `branch`, `breakGlass`.

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;
use serde_json::Value;

use super::fields::Fields;
use crate::http::error::Failure;
use crate::limits;
use crate::write::Identity;

/// Their names. In a body a co-author is `{"name", "email"}`, in a query they are `Name <address>`, with commas between.
pub(super) const NAMES: [&str; 5] = ["message", "coAuthors", "dryRun", "branch", "breakGlass"];

/// What they come to.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) message: Option<String>,
    pub(super) co_authors: Vec<Identity>,
    pub(super) dry_run: bool,
    pub(super) branch: Option<String>,
    pub(super) break_glass: Option<String>,
}

impl Options {
    pub(super) fn take(fields: &mut Fields) -> Result<Self, Failure> {
        let message = fields.filled("message")?.map(|text| text.trim_end().to_owned());
        if let Some(message) = &message {
            check_text("message", message, limits::COMMIT_MESSAGE_BYTES)?;
        }
        let branch = fields.filled("branch")?.map(|text| text.trim().to_owned());
        Ok(Self {
            message,
            co_authors: co_authors(fields)?,
            dry_run: fields.truth("dryRun")?,
            branch,
            break_glass: reason(fields)?,
        })
    }

    /// Whether the caller knows more than Flipt's API, and wants to be told more.
    pub(super) fn is_ours(&self) -> bool {
        let Self { message, co_authors, dry_run, branch, break_glass } = self;
        *dry_run || message.is_some() || branch.is_some() || break_glass.is_some() || !co_authors.is_empty()
    }
}

/// The precondition of a request: the field `revision`, or the header `If-Match`.
pub(super) fn revision(request: &HttpRequest, field: String) -> Result<Option<String>, Failure> {
    let Some(header) = request.headers().get(IF_MATCH) else { return Ok(Some(field).filter(|text| !text.is_empty())) };
    let header = header.to_str().unwrap_or_default().trim();
    if header == "*" {
        return Ok(Some(field).filter(|text| !text.is_empty()));
    }
    let tag = header.strip_prefix("W/").unwrap_or(header).trim_matches('"');
    if tag.is_empty() || !tag.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::invalid("If-Match is to be one revision"));
    }
    if !field.is_empty() && field != tag {
        return Err(Failure::invalid("If-Match and \"revision\" differ"));
    }
    Ok(Some(tag.to_owned()))
}

fn co_authors(fields: &mut Fields) -> Result<Vec<Identity>, Failure> {
    let wrong = |fields: &Fields| {
        fields.wrong("coAuthors", "a list of people with \"name\" and \"email\", such as \"Ada <ada@example.com>\"")
    };
    let people = match fields.value("coAuthors") {
        None => Vec::new(),
        Some(Value::Array(people)) => people,
        Some(Value::String(text)) => text.split(',').map(|person| person.trim().into()).collect(),
        Some(_) => return Err(wrong(fields)),
    };
    if people.len() > limits::CO_AUTHORS {
        return Err(Failure::invalid(format!("a commit has at most {} co-authors", limits::CO_AUTHORS)));
    }
    let identity = |person: &Value| -> Option<Identity> {
        let (name, email) = match person {
            Value::Object(person) if person.len() == 2 => {
                (person.get("name")?.as_str()?, person.get("email")?.as_str()?)
            }
            Value::String(text) => text.strip_suffix('>')?.split_once('<')?,
            _ => return None,
        };
        let (name, email) = (name.trim(), email.trim());
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= limits::IDENTITY_BYTES
                && !text.chars().any(|c| c.is_control() || matches!(c, '<' | '>'))
        };
        let address = email.contains('@') && !email.contains(char::is_whitespace);
        (plain(name) && plain(email) && address).then(|| Identity { name: name.to_owned(), email: email.to_owned() })
    };
    people.iter().map(|person| identity(person).ok_or_else(|| wrong(fields))).collect()
}

/// Why the glass is broken: everybody will read it.
fn reason(fields: &mut Fields) -> Result<Option<String>, Failure> {
    let reason = match fields.value("breakGlass") {
        None => return Ok(None),
        Some(Value::String(reason)) => reason,
        Some(Value::Object(object)) => Fields::of(object, "breakGlass.".to_owned(), &["reason"])?.text("reason")?,
        Some(_) => return Err(fields.wrong("breakGlass", "{\"reason\": \"…\"}")),
    };
    let reason = reason.trim().to_owned();
    check_reason(&reason)?;
    Ok(Some(reason))
}

fn check_reason(reason: &str) -> Result<(), Failure> {
    if reason.is_empty() {
        return Err(Failure::invalid("the field \"breakGlass.reason\" is to say why; everybody will read it"));
    }
    check_text("breakGlass.reason", reason, limits::REASON_BYTES)
}

/// Whether a message and a reason can be taken, of whoever reads them elsewhere.
pub(in crate::http) fn checked(message: &str, reason: Option<&str>) -> Result<(), Failure> {
    check_text("message", message, limits::COMMIT_MESSAGE_BYTES)?;
    reason.map_or(Ok(()), check_reason)
}

fn check_text(name: &str, text: &str, most: usize) -> Result<(), Failure> {
    if text.len() > most {
        return Err(Failure::invalid(format!("the field \"{name}\" has more than {most} bytes")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Failure::invalid(format!("the field \"{name}\" has a control character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn options(body: &str) -> Result<Options, String> {
        let fields = Fields::of_body(body.as_bytes(), &NAMES);
        fields.and_then(|mut fields| Options::take(&mut fields)).map_err(|failure| failure.message.into_owned())
    }

    #[test]
    fn everything_at_once() {
        let all = options(
            r#"{"message":"Toggle it\n\nAda asked.\n","coAuthors":[{"name":"Ada","email":"ada@example.com"},
            "Grace H <grace@example.com>"],"dryRun":true,"branch":" next ","breakGlass":{"reason":"the forge is down"}}"#,
        )
        .unwrap();
        assert!(all.is_ours() && all.dry_run);
        assert_eq!(all.message.as_deref(), Some("Toggle it\n\nAda asked."));
        assert_eq!(all.branch.as_deref(), Some("next"));
        assert_eq!(all.break_glass.as_deref(), Some("the forge is down"));
        let names: Vec<_> = all.co_authors.iter().map(|one| format!("{} {}", one.name, one.email)).collect();
        assert_eq!(names, ["Ada ada@example.com", "Grace H grace@example.com"]);
        assert!(!options(r#"{"message":" ","branch":"","dryRun":false,"coAuthors":null}"#).unwrap().is_ours());
    }

    #[test]
    fn what_no_commit_can_carry_is_refused() {
        for body in [
            r#"{"message":"a\u0000b"}"#,
            r#"{"coAuthors":{}}"#,
            r#"{"coAuthors":["Ada"]}"#,
            r#"{"coAuthors":["<ada@example.com>"]}"#,
            r#"{"coAuthors":[{"name":"A\nCo-authored-by: B","email":"b@example.com"}]}"#,
            r#"{"coAuthors":[{"name":"Ada","email":"ada"}]}"#,
            r#"{"coAuthors":[{"name":"Ada","email":"ada@example.com","x":1}]}"#,
            r#"{"breakGlass":{}}"#,
            r#"{"breakGlass":{"reason":" "}}"#,
            r#"{"breakGlass":{"why":"x"}}"#,
            r#"{"breakGlass":true}"#,
        ] {
            assert!(options(body).is_err(), "{body}");
        }
        let many = vec![r#""A <a@example.com>""#; limits::CO_AUTHORS + 1].join(",");
        assert!(options(&format!("{{\"coAuthors\":[{many}]}}")).is_err());
        let long = "x".repeat(limits::COMMIT_MESSAGE_BYTES + 1);
        assert!(options(&format!("{{\"message\":\"{long}\"}}")).is_err());
    }

    #[test]
    fn preconditions() {
        let of = |tag: Option<&str>, field: &str| {
            let request = tag.map_or_else(TestRequest::get, |tag| TestRequest::get().insert_header((IF_MATCH, tag)));
            revision(&request.to_http_request(), field.to_owned()).map_err(|failure| failure.message.into_owned())
        };
        assert_eq!(of(None, ""), Ok(None));
        assert_eq!(of(None, "latest"), Ok(Some("latest".to_owned())));
        assert_eq!(of(Some("*"), ""), Ok(None));
        for tag in ["\"ab12\"", "W/\"ab12\"", "ab12"] {
            assert_eq!(of(Some(tag), ""), Ok(Some("ab12".to_owned())), "{tag}");
        }
        assert_eq!(of(Some("\"ab12\""), "ab12"), Ok(Some("ab12".to_owned())));
        for (tag, field) in [("\"ab12\"", "cd"), ("\"a\", \"b\"", ""), ("\"latest\"", ""), ("", "")] {
            assert!(of(Some(tag), field).is_err(), "{tag} {field}");
        }
    }
}
