//! The fields of a request that changes something: each known by name, in either spelling, and of its type.
//!
//! A name that is not known is refused with the nearest one that is: whoever misspells `dryRun` did not mean to write.

use actix_web::HttpRequest;
use serde_json::{Map, Value};

use super::strict;
use crate::http::error::Failure;
use crate::limits;

/// The fields that are left to be taken.
#[derive(Debug)]
pub(in crate::http) struct Fields {
    object: Map<String, Value>,
    /// In front of the names in messages: `changes[2].`.
    place: String,
}

/// `snake_case` of a name in `camelCase`.
fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The name that was meant, if one is near enough to be a slip of the hand.
fn nearest<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    if wrong.len() > 64 {
        return None;
    }
    let alike = |name: &str| strsim::normalized_damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase());
    let near = names.iter().map(|name| (alike(name), *name)).filter(|(alike, _)| *alike >= 0.5);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

impl Fields {
    /// Those of a body.
    pub(in crate::http) fn of_body(body: &[u8], known: &[&str]) -> Result<Self, Failure> {
        Self::of(strict::read(body)?, String::new(), known)
    }

    /// Those of an object inside a body.
    pub(in crate::http) fn of(object: Map<String, Value>, place: String, known: &[&str]) -> Result<Self, Failure> {
        let mut named = Map::with_capacity(object.len());
        for (name, value) in object {
            let Some(camel) = known.iter().find(|camel| **camel == name || snake(camel) == name) else {
                return Err(unknown("field", &format!("{place}{name}"), &name, known));
            };
            if named.insert((*camel).to_owned(), value).is_some() {
                return Err(Failure::invalid(format!("the field \"{place}{camel}\" stands twice")));
            }
        }
        Ok(Self { object: named, place })
    }

    /// Those of the query of a request whose body has none of them: `true` and `false` are what they say.
    pub(in crate::http) fn of_query(request: &HttpRequest, known: &[&str]) -> Result<Self, Failure> {
        let mut named = Map::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if name == "pretty" {
                continue;
            }
            let Some(camel) = known.iter().find(|camel| **camel == name || snake(camel) == name) else {
                return Err(unknown("parameter", &name, &name, known));
            };
            if named.insert((*camel).to_owned(), value.into_owned().into()).is_some() {
                return Err(Failure::invalid(format!("the parameter \"{camel}\" stands twice")));
            }
        }
        Ok(Self { object: named, place: String::new() })
    }

    /// The value of a field; nothing where it is not there or `null`.
    pub(in crate::http) fn value(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// A text; empty where it is not there.
    pub(in crate::http) fn text(&mut self, name: &str) -> Result<String, Failure> {
        match self.value(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// A text that says something.
    pub(in crate::http) fn filled(&mut self, name: &str) -> Result<Option<String>, Failure> {
        Ok(Some(self.text(name)?).filter(|text| !text.trim().is_empty()))
    }

    /// How many commits a page is to have, of the query.
    pub(in crate::http) fn page(&mut self) -> Result<usize, Failure> {
        let limit = match self.filled("limit")? {
            None => limits::HISTORY_PAGE,
            Some(text) => text.parse().map_err(|_| self.wrong("limit", "a number"))?,
        };
        Ok(limit.clamp(1, limits::HISTORY_PAGE_MAX))
    }

    /// A truth value; false where it is not there.
    pub(in crate::http) fn truth(&mut self, name: &str) -> Result<bool, Failure> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            // As a query has it.
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" || text.is_empty() => Ok(false),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A list; empty where it is not there.
    pub(in crate::http) fn list(&mut self, name: &str) -> Result<Vec<Value>, Failure> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    /// A failure about one of the fields.
    pub(in crate::http) fn wrong(&self, name: &str, what: &str) -> Failure {
        Failure::invalid(format!("the field \"{}{name}\" is to be {what}", self.place))
    }
}

fn unknown(what: &str, shown: &str, name: &str, known: &[&str]) -> Failure {
    let help = nearest(name, known)
        .map_or_else(|| format!("known here: {}", known.join(", ")), |near| format!("did you mean \"{near}\"?"));
    Failure::invalid(format!("the {what} \"{shown}\" is not known here; {help}"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const KNOWN: &[&str] = &["key", "dryRun", "coAuthors"];

    #[test]
    fn either_spelling_and_never_both() {
        let mut fields = Fields::of_body(br#"{"dry_run":true,"key":null,"coAuthors":[]}"#, KNOWN).unwrap();
        assert!(fields.truth("dryRun").unwrap());
        assert_eq!(fields.text("key").unwrap(), "");
        assert!(fields.list("coAuthors").unwrap().is_empty());
        assert!(Fields::of_body(br#"{"dry_run":true,"dryRun":false}"#, KNOWN).is_err());
    }

    #[test]
    fn a_slip_of_the_hand_is_told() {
        for (body, told) in [
            (r#"{"dryrun":true}"#, "the field \"dryrun\" is not known here; did you mean \"dryRun\"?"),
            (r#"{"Key":"x"}"#, "the field \"Key\" is not known here; did you mean \"key\"?"),
            (r#"{"colour":"x"}"#, "the field \"colour\" is not known here; known here: key, dryRun, coAuthors"),
        ] {
            assert_eq!(Fields::of_body(body.as_bytes(), KNOWN).unwrap_err().message, told);
        }
    }

    #[test]
    fn types() {
        let mut fields = Fields::of_body(br#"{"key":1,"dryRun":"yes","coAuthors":"x"}"#, KNOWN).unwrap();
        assert_eq!(fields.text("key").unwrap_err().message, "the field \"key\" is to be a text");
        assert_eq!(fields.truth("dryRun").unwrap_err().message, "the field \"dryRun\" is to be true or false");
        assert_eq!(fields.list("coAuthors").unwrap_err().message, "the field \"coAuthors\" is to be a list");
    }

    #[test]
    fn queries() {
        let of = |uri: &str| Fields::of_query(&TestRequest::with_uri(uri).to_http_request(), KNOWN);
        assert!(of("/?dry_run=true&pretty").unwrap().truth("dryRun").unwrap());
        assert!(!of("/?key=a%20b").unwrap().truth("dryRun").unwrap());
        assert_eq!(of("/?key=a%20b").unwrap().text("key").unwrap(), "a b");
        let failure = of("/?dryrun=true").unwrap_err();
        assert_eq!(failure.message, "the parameter \"dryrun\" is not known here; did you mean \"dryRun\"?");
        assert!(of("/?key=a&key=b").is_err());
    }
}
