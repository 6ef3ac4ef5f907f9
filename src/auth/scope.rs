//! Scopes: what a caller may do, in a text that fits into a configuration, a file and a claim.
//!
//! ```text
//! ACTION [ ":" ENVIRONMENT [ "/" NAMESPACE ] ]     ACTION: evaluate read propose write break-glass admin
//! ```
//!
//! `read` is for every environment; `write:staging` for every namespace of one; `evaluate:production/shop` for one
//! namespace. A pattern is a name, or `*`, or the beginning of names (`team-*`). A `*` anywhere else is refused, so
//! that no scope has to be worked out on paper. Names of branch environments may have a slash: the last one in a scope
//! divides it, hence `write:feature/login/*`.

use std::fmt;
use std::str::FromStr;

use super::Action;
use crate::limits;

/// What names a scope is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Every name, and what is about no one of them.
    Any,
    /// Names that begin so.
    Beginning(Box<str>),
    /// This name.
    Exactly(Box<str>),
}

impl Pattern {
    /// Whether this name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Beginning(beginning) => name != ANY && name.starts_with(&**beginning),
            Self::Exactly(exactly) => *name == **exactly,
        }
    }

    fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Err(ScopeError::EmptyName);
        }
        let (beginning, open) = text.strip_suffix('*').map_or((text, false), |beginning| (beginning, true));
        if beginning.contains('*') {
            return Err(ScopeError::Star);
        }
        if beginning.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ScopeError::Blank);
        }
        Ok(match (beginning, open) {
            ("", _) => Self::Any,
            (beginning, true) => Self::Beginning(beginning.into()),
            (exactly, false) => Self::Exactly(exactly.into()),
        })
    }
}

/// Stands for all names, in a scope and in a question.
pub const ANY: &str = "*";

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str(ANY),
            Self::Beginning(beginning) => write!(f, "{beginning}*"),
            Self::Exactly(exactly) => f.write_str(exactly),
        }
    }
}

/// One thing that a caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// And everything that it includes.
    pub action: Action,
    /// In which environments.
    pub environment: Pattern,
    /// With which of their namespaces.
    pub namespace: Pattern,
}

impl Scope {
    /// This action, everywhere.
    #[must_use]
    pub const fn everywhere(action: Action) -> Self {
        Self { action, environment: Pattern::Any, namespace: Pattern::Any }
    }

    /// The narrowest scope that allows this; `*` is everything.
    #[must_use]
    pub fn exactly(action: Action, environment: &str, namespace: &str) -> Self {
        let pattern = |name: &str| if name == ANY { Pattern::Any } else { Pattern::Exactly(name.into()) };
        Self { action, environment: pattern(environment), namespace: pattern(namespace) }
    }

    /// Whether it allows this. `*` asks for everything, and only a scope for everything allows that.
    #[must_use]
    pub fn allows(&self, action: Action, environment: &str, namespace: &str) -> bool {
        self.action.includes(action) && self.environment.matches(environment) && self.namespace.matches(namespace)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.environment, &self.namespace) {
            (Pattern::Any, Pattern::Any) => f.write_str(self.action.name()),
            (environment, namespace) => write!(f, "{}:{environment}/{namespace}", self.action),
        }
    }
}

/// Why a text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The word before the colon.
    #[error("a scope begins with one of evaluate, read, propose, write, break-glass, admin")]
    Action,
    /// Nothing behind the colon or the slash.
    #[error("a name is missing; `*` is every name")]
    EmptyName,
    /// A `*` in front of something.
    #[error("`*` stands at the end of a name, or alone")]
    Star,
    /// No name has those.
    #[error("a name has neither blanks nor control characters")]
    Blank,
    /// Nobody wrote that by hand.
    #[error("a scope has at most {} bytes", limits::SCOPE_BYTES)]
    TooLong,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > limits::SCOPE_BYTES {
            return Err(ScopeError::TooLong);
        }
        let (word, place) = text.split_once(':').map_or((text, None), |(word, place)| (word, Some(place)));
        let action = Action::ALL.into_iter().find(|action| action.name() == word).ok_or(ScopeError::Action)?;
        let Some(place) = place else { return Ok(Self::everywhere(action)) };
        let (environment, namespace) = place.rsplit_once('/').unwrap_or((place, ANY));
        Ok(Self { action, environment: Pattern::parse(environment)?, namespace: Pattern::parse(namespace)? })
    }
}

/// Everything that a caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Box<[Scope]>);

impl Scopes {
    /// The right to everything.
    #[must_use]
    pub fn all() -> Self {
        Self::of([Scope::everywhere(Action::Admin)])
    }

    /// These, and nothing else.
    #[must_use]
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().collect())
    }

    /// Whether one of them allows this with some namespace of the environment, be it one alone.
    #[must_use]
    pub fn reach(&self, action: Action, environment: &str) -> bool {
        self.0.iter().any(|scope| scope.action.includes(action) && scope.environment.matches(environment))
    }

    /// Whether one of them allows this.
    #[must_use]
    pub fn allow(&self, action: Action, environment: &str, namespace: &str) -> bool {
        self.0.iter().any(|scope| scope.allows(action, environment, namespace))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{scope}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_and_what_they_mean() {
        for (text, canonical) in [
            ("read", "read"),
            ("read:*", "read"),
            ("read:*/*", "read"),
            ("evaluate:production", "evaluate:production/*"),
            ("evaluate:production/*", "evaluate:production/*"),
            ("write:staging/payments", "write:staging/payments"),
            ("admin:*/payments", "admin:*/payments"),
            ("propose:team-*/shop-*", "propose:team-*/shop-*"),
            ("break-glass:production", "break-glass:production/*"),
            ("write:feature/login/*", "write:feature/login/*"),
            ("write:feature/*/shop", "write:feature/*/shop"),
            ("read:a:b/c", "read:a:b/c"),
            ("read:ü/ñ", "read:ü/ñ"),
        ] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(scope));
        }
        for (text, why) in [
            ("", ScopeError::Action),
            ("*", ScopeError::Action),
            ("Read", ScopeError::Action),
            ("reads", ScopeError::Action),
            (" read", ScopeError::Action),
            ("read ", ScopeError::Action),
            ("production/*", ScopeError::Action),
            ("read:", ScopeError::EmptyName),
            ("read:/", ScopeError::EmptyName),
            ("read:/shop", ScopeError::EmptyName),
            ("read:production/", ScopeError::EmptyName),
            ("read:*a", ScopeError::Star),
            ("read:a*b/c", ScopeError::Star),
            ("read:**", ScopeError::Star),
            ("read:a b", ScopeError::Blank),
            ("read: a", ScopeError::Blank),
            ("read:a\n", ScopeError::Blank),
            ("read:a\0/b", ScopeError::Blank),
        ] {
            assert_eq!(text.parse::<Scope>(), Err(why), "{text:?}");
        }
        assert_eq!(format!("read:{}", "a".repeat(limits::SCOPE_BYTES)).parse::<Scope>(), Err(ScopeError::TooLong));
    }

    #[test]
    fn who_asks_for_everything_needs_everything() {
        for text in ["read:production", "read:*/shop", "read:p*", "read:p*/*", "read:*/s*"] {
            assert!(!text.parse::<Scope>().unwrap().allows(Action::Read, ANY, ANY), "{text}");
        }
        assert!("read".parse::<Scope>().unwrap().allows(Action::Read, ANY, ANY));
        assert!(!Scopes::default().allow(Action::Evaluate, "production", "shop"));
        assert!(Scopes::all().allow(Action::Admin, ANY, ANY));
    }

    fn action() -> impl Strategy<Value = Action> {
        prop::sample::select(Action::ALL.as_slice())
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-c/:*é-]{1,4}"
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop_oneof![Just("*".to_owned()), "[a-c/é-]{1,3}\\*?", "[a-c-]{1,3}"]
    }

    proptest! {
        /// Written out anew from the sentences above, without the types.
        #[test]
        fn a_scope_allows_what_its_parts_say_and_nothing_else(
            action in action(), environment in pattern(), namespace in "(\\*|[a-c-]{1,3}\\*?)",
            asked in action(), e in name(), n in name(),
        ) {
            let scope: Scope = format!("{action}:{environment}/{namespace}").parse().unwrap();
            let step = |action: Action| Action::ALL.iter().position(|a| *a == action).unwrap();
            let means = |pattern: &str, name: &str| {
                pattern == "*" || match pattern.strip_suffix('*') {
                    Some(beginning) => name.starts_with(beginning),
                    None => name == pattern,
                }
            };
            let wanted = step(asked) <= step(action) && means(&environment, &e) && means(&namespace, &n);
            prop_assert_eq!(scope.allows(asked, &e, &n), wanted);
        }

        #[test]
        fn what_is_shown_is_what_is_read(action in action(), environment in pattern(), namespace in "(\\*|[a-c-]{1,3}\\*?)") {
            let scope: Scope = format!("{action}:{environment}/{namespace}").parse().unwrap();
            prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
        }

        #[test]
        fn any_text_is_a_scope_or_an_error(text in "\\PC{0,40}") {
            if let Ok(scope) = text.parse::<Scope>() {
                prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
            }
        }

        /// More scopes never take anything away, and none give nothing.
        #[test]
        fn scopes_only_add(one in pattern(), two in pattern(), asked in action(), e in name()) {
            let scopes = |texts: &[&String]| Scopes::of(texts.iter().map(|t| format!("write:{t}/*").parse().unwrap()));
            let (first, second, both) = (scopes(&[&one]), scopes(&[&two]), scopes(&[&one, &two]));
            let allow = |scopes: &Scopes| scopes.allow(asked, &e, "ns");
            prop_assert_eq!(allow(&both), allow(&first) || allow(&second));
        }
    }
}
