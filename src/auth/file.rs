//! The file of tokens: names, scopes and times, and of each token its hash; never a token.
//!
//! ```json
//! {
//!   "version": 1,
//!   "tokens": [
//!     {
//!       "name": "payments-web",
//!       "scopes": ["evaluate:production/payments"],
//!       "created": "2026-11-01T09:00:00Z",
//!       "expires": "2027-01-30T09:00:00Z",
//!       "sha256": "…64 hexadecimal digits…"
//!     }
//!   ]
//! }
//! ```
//!
//! A file is read as a whole or not at all: to pass over one entry could take away what protects, or let in what was
//! shut out. Fields that are not known are kept when the file is written again, for a version to come. A message says
//! where something is wrong and never quotes what stands there, which may be a token by mistake.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::tokens::{Digest, Token, is_name};
use super::{Scope, Scopes};
use crate::limits;

/// What a file of tokens says.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenFile {
    entries: Vec<Entry>,
    /// Fields of the file that are not known.
    rest: Map<String, Value>,
}

/// One token of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The token.
    pub token: Token,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Fields that are not known.
    rest: Map<String, Value>,
}

/// Why a text is no file of tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// No JSON.
    #[error("line {line}, column {column}: no JSON")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Not what the file should be.
    #[error("{0}")]
    Shape(&'static str),
    /// One entry is not right.
    #[error("token {number} (`{name}`): {why}")]
    Entry {
        /// From 1.
        number: usize,
        /// Its name, if it has one.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Why a token cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Names are given once.
    #[error("there is a token `{0}` already; revoke it first, or take another name")]
    Taken(Arc<str>),
    /// There is a bound.
    #[error("there are {} tokens already, and no more are taken", limits::TOKENS)]
    Full,
}

impl Default for TokenFile {
    fn default() -> Self {
        Self { entries: Vec::new(), rest: Map::new() }
    }
}

impl TokenFile {
    /// Reads a file. Nothing at all is a file without tokens: `touch` makes one.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| FileError::Json { line: error.line(), column: error.column() })?;
        let Value::Object(mut rest) = value else { return Err(FileError::Shape("the file is no JSON object")) };
        if rest.remove("version") != Some(json!(VERSION)) {
            return Err(FileError::Shape("`version` is not 1: the file is of another kind, or of a later Yardarm"));
        }
        let Some(Value::Array(list)) = rest.remove("tokens") else {
            return Err(FileError::Shape("`tokens` is no list"));
        };
        if list.len() > limits::TOKENS {
            return Err(FileError::Shape("there are more tokens than are taken"));
        }
        let (mut names, mut digests) = (HashSet::new(), HashSet::new());
        let mut entries = Vec::with_capacity(list.len());
        for (n, value) in list.into_iter().enumerate() {
            let name = value.get("name").and_then(Value::as_str).filter(|name| is_name(name)).unwrap_or("?").to_owned();
            let wrong = |why: String| FileError::Entry { number: n + 1, name: name.clone(), why };
            let entry = Entry::read(value).map_err(wrong)?;
            if !names.insert(entry.token.name.clone()) {
                return Err(wrong("there is another one of this name".to_owned()));
            }
            if !digests.insert(entry.token.digest) {
                return Err(wrong("there is another one with this `sha256`".to_owned()));
            }
            entries.push(entry);
        }
        Ok(Self { entries, rest })
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut file = self.rest.clone();
        file.insert("version".to_owned(), json!(VERSION));
        file.insert("tokens".to_owned(), self.entries.iter().map(Entry::write).collect());
        format!("{:#}\n", Value::Object(file))
    }

    /// The entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        self.entries.iter().map(|entry| entry.token.clone()).collect()
    }

    /// Adds one.
    ///
    /// # Errors
    /// Its name is taken, or there are too many.
    pub fn add(&mut self, token: Token, created: Timestamp) -> Result<(), AddError> {
        if self.entries.iter().any(|entry| entry.token.name == token.name) {
            return Err(AddError::Taken(token.name));
        }
        if self.entries.len() >= limits::TOKENS {
            return Err(AddError::Full);
        }
        self.entries.push(Entry { token, created: Some(created), rest: Map::new() });
        Ok(())
    }

    /// Takes one away; whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| *entry.token.name != *name);
        self.entries.len() < before
    }
}

const VERSION: u64 = 1;

impl Entry {
    fn read(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else { return Err("no JSON object".to_owned()) };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let name = text(fields.remove("name")).filter(|name| is_name(name));
        let name = name.ok_or("`name` is no text of a few visible characters")?;
        let digest = text(fields.remove("sha256")).and_then(|text| Digest::from_hex(&text));
        let digest = digest.ok_or("`sha256` is no SHA-256 in hexadecimal")?;
        let Some(Value::Array(list)) = fields.remove("scopes") else { return Err("`scopes` is no list".to_owned()) };
        if list.len() > limits::SCOPES {
            return Err(format!("`scopes` has more than {} entries", limits::SCOPES));
        }
        let mut scopes = Vec::with_capacity(list.len());
        for (n, scope) in list.into_iter().enumerate() {
            let scope = text(Some(scope)).ok_or("a scope is no text")?;
            scopes.push(scope.parse::<Scope>().map_err(|error| format!("scope {}: {error}", n + 1))?);
        }
        let mut time = |key: &str| match fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                time.map(Some).ok_or_else(|| format!("`{key}` is no time like 2027-01-30T09:00:00Z"))
            }
        };
        let (created, expires) = (time("created")?, time("expires")?);
        let token = Token { name: name.into(), digest, scopes: Scopes::of(scopes), expires };
        Ok(Self { token, created, rest: fields })
    }

    fn write(&self) -> Value {
        let mut fields = self.rest.clone();
        let mut put = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        put("name", json!(&*self.token.name));
        put("sha256", json!(self.token.digest.to_hex()));
        put("scopes", self.token.scopes.iter().map(|scope| json!(scope.to_string())).collect());
        for (key, time) in [("created", self.created), ("expires", self.token.expires)] {
            if let Some(time) = time {
                put(key, json!(time.to_string()));
            }
        }
        Value::Object(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, secret: &str) -> Value {
        json!({ "name": name, "sha256": Digest::of(secret).to_hex(), "scopes": ["read"] })
    }

    fn file(tokens: &Value) -> String {
        json!({ "version": 1, "tokens": tokens }).to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut written = TokenFile::parse(" \n").unwrap();
        let token = |name: &str, expires: Option<&str>| Token {
            name: name.into(),
            digest: Digest::of(name),
            scopes: Scopes::of(["write:staging/*".parse().unwrap(), "evaluate".parse().unwrap()]),
            expires: expires.map(|at| at.parse().unwrap()),
        };
        let now = "2026-11-01T09:00:00Z".parse().unwrap();
        written.add(token("one", None), now).unwrap();
        written.add(token("two", Some("2027-01-01T00:00:00Z")), now).unwrap();
        assert_eq!(written.add(token("one", None), now), Err(AddError::Taken("one".into())));
        assert_eq!(TokenFile::parse(&written.render()), Ok(written.clone()));
        assert!(written.remove("one") && !written.remove("one"));
        assert_eq!(written.entries().len(), 1);
    }

    #[test]
    fn fields_that_are_not_known_are_kept() {
        let mut one = entry("ci", "s");
        one["note"] = json!({ "ticket": 7 });
        let text = json!({ "version": 1, "owner": "platform", "tokens": [one, entry("other", "t")] }).to_string();
        let mut file = TokenFile::parse(&text).unwrap();
        assert!(file.remove("other"));
        let again: Value = serde_json::from_str(&file.render()).unwrap();
        assert_eq!((&again["owner"], &again["tokens"][0]["note"]["ticket"]), (&json!("platform"), &json!(7)));
    }

    #[test]
    fn what_is_wrong_is_said_and_not_quoted() {
        let with = |key: &str, value: Value| {
            let mut one = entry("ci", "s");
            one[key] = value;
            file(&json!([entry("first", "f"), one]))
        };
        let secret = "yardarm_SECRET";
        for (text, why) in [
            ("{\n  nope".to_owned(), "line 2, column 3: no JSON"),
            ("[]".to_owned(), "the file is no JSON object"),
            ("{}".to_owned(), "`version` is not 1: the file is of another kind, or of a later Yardarm"),
            (
                json!({ "version": 2, "tokens": [] }).to_string(),
                "`version` is not 1: the file is of another kind, or of a later Yardarm",
            ),
            (json!({ "version": 1 }).to_string(), "`tokens` is no list"),
            (file(&json!([5])), "token 1 (`?`): no JSON object"),
            (with("name", json!("a\u{7}")), "token 2 (`?`): `name` is no text of a few visible characters"),
            (with("name", json!("first")), "token 2 (`first`): there is another one of this name"),
            (with("sha256", json!(secret)), "token 2 (`ci`): `sha256` is no SHA-256 in hexadecimal"),
            (
                with("sha256", json!(Digest::of("f").to_hex())),
                "token 2 (`ci`): there is another one with this `sha256`",
            ),
            (with("scopes", json!("read")), "token 2 (`ci`): `scopes` is no list"),
            (with("scopes", json!([5])), "token 2 (`ci`): a scope is no text"),
            (
                with("scopes", json!(["read", secret])),
                "token 2 (`ci`): scope 2: a scope begins with one of evaluate, read, propose, write, break-glass, admin",
            ),
            (with("expires", json!("tomorrow")), "token 2 (`ci`): `expires` is no time like 2027-01-30T09:00:00Z"),
            (with("expires", json!(5)), "token 2 (`ci`): `expires` is no time like 2027-01-30T09:00:00Z"),
        ] {
            let error = TokenFile::parse(&text).unwrap_err().to_string();
            assert_eq!(error, why);
            assert!(!error.contains("SECRET"));
        }
        let many: Vec<_> = (0..=limits::TOKENS).map(|n| entry(&n.to_string(), &n.to_string())).collect();
        assert_eq!(
            TokenFile::parse(&file(&json!(many))).unwrap_err().to_string(),
            "there are more tokens than are taken"
        );
    }

    #[test]
    fn hostile_texts_end_in_an_error() {
        for text in ["[".repeat(100_000), format!("{{\"version\":1,\"tokens\":{}", "[".repeat(100_000)), "\u{0}".into()]
        {
            assert!(TokenFile::parse(&text).is_err());
        }
        assert!(TokenFile::parse(&file(&json!([{ "name": "n", "sha256": "é".repeat(32), "scopes": [] }]))).is_err());
    }
}
