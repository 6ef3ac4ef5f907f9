//! What a token claims, against what the operator asks for. Only claims under a good signature come here.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Refusal, shown};
use crate::auth::{Person, Scope, Scopes};
use crate::limits;

/// What is asked of a token beside its signature: `validate_claims` and `claims_mapping` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What `iss` has to be.
    pub issuer: Option<String>,
    /// What `sub` has to be.
    pub subject: Option<String>,
    /// One of these has to be in `aud`; none: `aud` is not looked at.
    pub audiences: Vec<String>,
    /// Where the person is found.
    pub mapping: Mapping,
    /// What a caller with a good token may do.
    pub grant: Grant,
}

/// What a caller with a good token may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// A JSON pointer to a claim that says so: a list of scopes, or one text of them with blanks between.
    pub claim: Option<String>,
    /// Where no claim says so: absent means everything, as in Flipt, or nothing if a claim is named.
    pub scopes: Option<Scopes>,
}

impl Grant {
    /// A claim that is there counts alone. What is no scope of ours is passed over: the claim may be shared with others.
    #[must_use]
    pub fn scopes(&self, claims: &Claims) -> Scopes {
        let pointer = self.claim.as_deref();
        if let Some(pointer) = pointer.filter(|pointer| claims.at(pointer).is_some()) {
            return Scopes::of(claims.texts(pointer).iter().filter_map(|text| text.parse::<Scope>().ok()));
        }
        match &self.scopes {
            Some(scopes) => scopes.clone(),
            None if pointer.is_some() => Scopes::default(),
            None => Scopes::all(),
        }
    }
}

/// JSON pointers (RFC 6901) to what is known of the person; each has the usual claim where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// `/sub`
    pub subject: String,
    /// `/name`
    pub name: String,
    /// `/email`
    pub email: String,
}

impl Default for Mapping {
    fn default() -> Self {
        let [subject, name, email] = ["/sub", "/name", "/email"].map(str::to_owned);
        Self { subject, name, email }
    }
}

/// The claims of a good token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// Who signed, as they call themselves.
    pub issuer: Option<String>,
    /// The issuer's name for whom it speaks for: mostly a number, and mostly unique only with the issuer.
    pub subject: Option<String>,
    /// What is told of the person. In one line and bounded: it will stand in commits. That the address is theirs is the
    /// issuer's word.
    pub person: Option<Person>,
    /// From then on it is not good any more, leeway included.
    pub until: Timestamp,
    /// Before then it is not good yet, leeway included; it matters where a verdict is kept and the clock goes back.
    pub from: Option<Timestamp>,
    all: Map<String, Value>,
}

impl Claims {
    /// Any claim, by its JSON pointer.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        at(&self.all, pointer)
    }

    /// The texts at a JSON pointer: one, a list of them, or one text with blanks between, as OAuth's `scope` is.
    #[must_use]
    pub fn texts(&self, pointer: &str) -> Vec<&str> {
        match self.at(pointer) {
            Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a verdict that was given before still holds.
    #[must_use]
    pub fn hold(&self, now: Timestamp) -> bool {
        now < self.until && self.from.is_none_or(|from| now >= from)
    }
}

impl Rules {
    /// Whether somebody who is not meant could have a good token: nothing says whom it has to be for, from or about.
    #[must_use]
    pub fn are_wide(&self) -> bool {
        self.audiences.is_empty() && self.subject.is_none()
    }

    pub(super) fn judge(&self, all: Map<String, Value>, now: Timestamp) -> Result<Claims, Refusal> {
        let until = time(&all, "exp")?.ok_or(Refusal::Endless)?;
        let until = until.checked_add(limits::JWT_LEEWAY).unwrap_or(Timestamp::MAX);
        if now >= until {
            return Err(Refusal::Expired(now.as_second().saturating_sub(until.as_second())));
        }
        let from = time(&all, "nbf")?.max(time(&all, "iat")?);
        let from = from.map(|from| from.checked_sub(limits::JWT_LEEWAY).unwrap_or(Timestamp::MIN));
        if let Some(from) = from.filter(|from| now < *from) {
            return Err(Refusal::Early(from.as_second().saturating_sub(now.as_second())));
        }
        let issuer = text(&all, "iss")?;
        if self.issuer.is_some() && self.issuer.as_deref() != issuer {
            return Err(Refusal::Claim { claim: "iss", is: issuer.map(shown) });
        }
        let subject = text(&all, "sub")?;
        if self.subject.is_some() && self.subject.as_deref() != subject {
            return Err(Refusal::Claim { claim: "sub", is: subject.map(shown) });
        }
        let audiences = audiences(&all)?;
        if !self.audiences.is_empty() && !audiences.iter().any(|is| self.audiences.iter().any(|wanted| wanted == is)) {
            let is = (!audiences.is_empty()).then(|| shown(&audiences.join(" ")));
            return Err(Refusal::Claim { claim: "aud", is });
        }
        let issuer = issuer.map(shown);
        let [subject, name, email] =
            [&self.mapping.subject, &self.mapping.name, &self.mapping.email].map(|pointer| told(at(&all, pointer)?));
        let person = (name.is_some() || email.is_some()).then_some(Person { name, email });
        Ok(Claims { issuer, subject, person, until, from, all })
    }
}

/// A value about a person as it may be repeated: in one line and bounded; nothing where nothing is left.
fn told(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let told: String = text.chars().filter(|c| !c.is_control()).take(limits::PERSON_CHARACTERS).collect();
    let told = told.trim();
    (!told.is_empty()).then(|| told.to_owned())
}

/// [`Value::pointer`] begins at a value, and this is only the inside of one.
fn at<'a>(all: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let rest = pointer.strip_prefix('/')?;
    let (first, below) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    all.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(below)
}

/// A `NumericDate`. One in milliseconds is far out of range, and refused.
fn time(all: &Map<String, Value>, claim: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = all.get(claim) else { return Ok(None) };
    let time = match value.as_i64() {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        // A fraction, which is allowed; a number with an exponent comes here as well.
        None => value
            .as_f64()
            .and_then(|seconds| jiff::SignedDuration::try_from_secs_f64(seconds).ok())
            .and_then(|since| Timestamp::from_duration(since).ok()),
    };
    time.filter(|time| *time >= Timestamp::UNIX_EPOCH).map(Some).ok_or(Refusal::Malformed(claim))
}

fn text<'a>(all: &'a Map<String, Value>, claim: &'static str) -> Result<Option<&'a str>, Refusal> {
    match all.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::Malformed(claim)),
    }
}

/// `aud` is one text or a list of them.
fn audiences(all: &Map<String, Value>) -> Result<Vec<&str>, Refusal> {
    let malformed = Refusal::Malformed("aud");
    match all.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(all)) => all.iter().map(Value::as_str).collect::<Option<_>>().ok_or(malformed),
        Some(_) => Err(malformed),
    }
}
