//! Who asks, and whether they may: before a body is read and before anything is looked up.
//!
//! [`admit`] finds out who it is, within the limits of how often they may ask. What comes back, a [`Pass`], is then
//! asked about each environment and namespace by the name that the request has for it, whether or not there is such a
//! thing: so an answer tells nothing about places to whom they are closed. Who is to decide what is
//! [`crate::auth`]'s.
//!
//! The answer to a wrong credential and to none is the same.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use jiff::Timestamp;

use super::error::{Code, Failure};
use super::{State, rate};
use crate::auth::jwt;
use crate::auth::scope::ANY;
use crate::auth::tokens::{self, Digest, Token, Tokens};
use crate::auth::{Action, Caller, Decision, Scopes, Verifier, decide, open_to_anybody};
use crate::config;
use crate::telemetry::metrics::{Metrics, Refusal};

/// Flipt's cookie.
pub(super) const COOKIE: &str = "flipt_client_token";

/// A group of routes that is opened as one by `authentication.exclude`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// `/evaluate`, `/internal/v1/evaluation`, `/client`.
    Evaluation,
    /// `/ofrep`.
    Ofrep,
    /// Everything else that is not public.
    Api,
}

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    surface: Surface,
    action: Action,
    /// Who it is matters also where anybody may.
    named: bool,
}

impl Need {
    /// Of evaluation, snapshots and their streams.
    pub(super) const EVALUATION: Self = Self { surface: Surface::Evaluation, action: Action::Evaluate, named: false };
    /// Of OFREP.
    pub(super) const OFREP: Self = Self { surface: Surface::Ofrep, action: Action::Evaluate, named: false };
    /// Of everything that is only looked at.
    pub(super) const READ: Self = Self::api(Action::Read);
    /// Of who asks who they are.
    pub(super) const WHO: Self = Self { named: true, ..Self::READ };
    /// Of whatever changes something. What it changes says what more is needed.
    pub(super) const CHANGE: Self = Self::api(Action::Propose);

    /// Of the routes of management.
    pub(super) const fn api(action: Action) -> Self {
        Self { surface: Surface::Api, action, named: !matches!(action, Action::Evaluate | Action::Read) }
    }

    /// What is to be done.
    pub(super) const fn action(self) -> Action {
        self.action
    }
}

/// The rules, compiled. Holds hashes of tokens, never a token.
#[derive(Debug, Clone, Default)]
pub struct Authentication(Arc<Rules>);

#[derive(Debug, Clone)]
struct Rules {
    required: Option<bool>,
    exclude_evaluation: bool,
    exclude_ofrep: bool,
    /// There are tokens, or a file that may have some.
    takes_tokens: bool,
    /// Those of the configuration itself.
    fixed: Arc<[Token]>,
    /// Those and what the file of tokens says.
    tokens: Tokens,
    /// Knows whose JWTs are whose.
    jwt: Option<Arc<dyn Verifier>>,
    anybody: Arc<Caller>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            required: None,
            exclude_evaluation: false,
            exclude_ofrep: false,
            takes_tokens: false,
            fixed: Arc::default(),
            tokens: Tokens::default(),
            jwt: None,
            anybody: Arc::new(Caller::anonymous(Scopes::all())),
        }
    }
}

impl From<&config::Authentication> for Authentication {
    fn from(config: &config::Authentication) -> Self {
        let of_file = config.token_file.as_ref().map(|file| &*file.tokens).unwrap_or_default();
        Self(Arc::new(Rules {
            required: config.required,
            exclude_evaluation: config.exclude_evaluation,
            exclude_ofrep: config.exclude_ofrep,
            takes_tokens: !config.tokens.is_empty() || config.token_file.is_some(),
            fixed: config.tokens.clone().into(),
            tokens: Tokens::of(config.tokens.iter().chain(of_file)),
            ..Rules::default()
        }))
    }
}

/// What a request shows of who sends it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Credential<'r> {
    None,
    /// A token, of a header or of Flipt's cookie.
    Token(&'r str),
    Jwt(&'r str),
    /// A bearer's text that has the form of a JWT: it may be a token that looks like one.
    TokenOrJwt(&'r str),
    /// Of a kind that there is not.
    Strange,
}

impl<'r> Credential<'r> {
    pub(super) fn of(headers: &'r HeaderMap) -> Self {
        static METADATA: HeaderName = HeaderName::from_static("grpc-metadata-authorization");
        let Some(value) = headers.get(header::AUTHORIZATION).or_else(|| headers.get(&METADATA)) else {
            let token = headers.get_all(header::COOKIE).find_map(|value| cookie(value.to_str().ok()?));
            return token.filter(|token| !token.is_empty()).map_or(Self::None, Self::Token);
        };
        let value = value.to_str().map(str::trim_end).unwrap_or_default();
        let of = |scheme| value.strip_prefix(scheme).filter(|credential: &&str| !credential.is_empty());
        of("Bearer ").map(Self::bearer).or_else(|| of("JWT ").map(Self::Jwt)).unwrap_or(Self::Strange)
    }

    /// The text of a bearer.
    pub(super) fn bearer(text: &'r str) -> Self {
        if jwt::looks_like_one(text) { Self::TokenOrJwt(text) } else { Self::Token(text) }
    }

    const fn is_there(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Flipt's token in a `Cookie` header.
fn cookie(header: &str) -> Option<&str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

impl Authentication {
    /// The same rules with what the file of tokens says now.
    #[must_use]
    pub fn with_token_file(&self, of_file: &[Token]) -> Self {
        let tokens = Tokens::of(self.0.fixed.iter().chain(of_file));
        Self(Arc::new(Rules { tokens, ..Rules::clone(&self.0) }))
    }

    /// The same rules with somebody who knows JWTs.
    #[must_use]
    pub fn with_jwt(&self, verifier: Arc<dyn Verifier>) -> Self {
        Self(Arc::new(Rules { jwt: Some(verifier), ..Rules::clone(&self.0) }))
    }

    /// The same rules, told apart from these: what a credential is worth by them may have changed.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self(Arc::new(Rules::clone(&self.0)))
    }

    /// Whether these are the very same rules.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the configuration asks everybody for a credential.
    pub(super) fn required(&self) -> bool {
        self.0.required == Some(true)
    }

    /// Which methods there are: tokens, JWTs.
    pub(super) fn methods(&self) -> (bool, bool) {
        (self.0.takes_tokens, self.0.jwt.is_some())
    }

    /// Whether anybody may, whoever it is.
    pub(super) fn open(&self, need: Need, loopback: bool) -> bool {
        match need.surface {
            Surface::Evaluation if self.0.exclude_evaluation => true,
            Surface::Ofrep if self.0.exclude_ofrep => true,
            _ => open_to_anybody(self.0.required, loopback, need.action),
        }
    }

    /// Who shows this credential: somebody who is known, and whose time is not over.
    pub(super) fn identify(&self, credential: Credential<'_>, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        match credential {
            Credential::None => Err("no credential"),
            Credential::Strange => Err("a credential of another kind"),
            Credential::Token(token) if tokens::is_misspelt(token) => Err("a token that is misspelt or cut off"),
            Credential::Token(token) => self.identify_token(&Digest::of(token), now),
            Credential::Jwt(jwt) => self.identify_jwt(jwt, now),
            // Tokens are compared whole, so that one text never means both.
            Credential::TokenOrJwt(text) => match self.0.tokens.find(&Digest::of(text)) {
                Some(_) => self.identify_token(&Digest::of(text), now),
                None => self.identify_jwt(text, now),
            },
        }
    }

    fn identify_jwt(&self, jwt: &str, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        let verifier = self.0.jwt.as_ref().ok_or("a JWT, and no method for it")?;
        verifier.verify(jwt, now).map_err(|unknown| unknown.0)
    }

    /// Whose token has this hash.
    pub(super) fn identify_token(&self, digest: &Digest, now: Timestamp) -> Result<Arc<Caller>, &'static str> {
        match self.0.tokens.find(digest) {
            Some(caller) if caller.expired(now) => {
                tracing::debug!(token = &*caller.name, "shown after its end");
                Err("a token that has expired")
            }
            Some(caller) => Ok(caller.clone()),
            None => Err("a token that is not known"),
        }
    }
}

/// Somebody who was let in, and what for.
#[derive(Debug)]
pub(super) struct Pass<'s> {
    caller: Arc<Caller>,
    action: Action,
    /// The surface is open to everybody: nothing more is asked.
    open: bool,
    now: Timestamp,
    rules: Authentication,
    metrics: &'s Metrics,
}

impl Pass<'_> {
    /// Whether this may go on with `namespace` of `environment`, named as the request names them.
    pub(super) fn allows(&self, environment: &str, namespace: &str) -> bool {
        self.decide(environment, namespace) == Decision::Allowed
    }

    /// Whether this may do something else than it was let in for.
    pub(super) fn allows_to(&self, action: Action, environment: &str, namespace: &str) -> bool {
        self.open || self.decide_on(action, environment, namespace) == Decision::Allowed
    }

    /// Whether this may do so with any namespace of `environment`, be it one alone.
    pub(super) fn reaches(&self, action: Action, environment: &str) -> bool {
        self.open || !self.caller.expired(self.now) && self.caller.scopes.reach(action, environment)
    }

    /// The same, as an error that says which scope is missing.
    pub(super) fn permit(&self, environment: &str, namespace: &str) -> Result<(), Failure> {
        self.permit_to(self.action, environment, namespace)
    }

    /// The same, for something else than it was let in for.
    pub(super) fn permit_to(&self, action: Action, environment: &str, namespace: &str) -> Result<(), Failure> {
        match if self.open { Decision::Allowed } else { self.decide_on(action, environment, namespace) } {
            Decision::Allowed => Ok(()),
            Decision::Unauthenticated => Err(Failure::unauthenticated()),
            Decision::Forbidden { missing } => {
                Err(self.forbidden(format!("permission denied: this needs the scope {missing}")))
            }
        }
    }

    /// The same, for what is about no environment of its own.
    pub(super) fn permit_everything(&self) -> Result<(), Failure> {
        self.permit(ANY, ANY)
    }

    /// The same, where the request names no environment. The one that answers then is not named to who may not see it.
    pub(super) fn permit_default(&self, environment: &str, namespace: &str) -> Result<(), Failure> {
        if self.allows(environment, namespace) {
            return Ok(());
        }
        let action = self.action;
        Err(self.forbidden(format!(
            "permission denied: this needs the scope {action} for namespace \"{namespace}\" of the default environment"
        )))
    }

    fn forbidden(&self, message: String) -> Failure {
        tracing::debug!(caller = &*self.caller.name, method = self.caller.method.name(), "{message}");
        self.metrics.refused(Refusal::Forbidden);
        Failure::new(Code::Forbidden, message)
    }

    /// Whether nothing more is asked.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Who it is.
    pub(super) const fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The rules by which it was decided.
    pub(super) const fn rules(&self) -> &Authentication {
        &self.rules
    }

    /// When it ends.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.caller.expires.filter(|_| !self.open)
    }

    fn decide(&self, environment: &str, namespace: &str) -> Decision {
        if self.open {
            return Decision::Allowed;
        }
        self.decide_on(self.action, environment, namespace)
    }

    fn decide_on(&self, action: Action, environment: &str, namespace: &str) -> Decision {
        decide(Some(&self.caller), action, environment, namespace, self.now)
    }
}

/// Lets somebody in, or says why not.
pub(super) fn admit<'s>(state: &'s State, need: Need, request: &HttpRequest) -> Result<Pass<'s>, Failure> {
    admit_as(state, need, request, Credential::of(request.headers()))
}

/// The same for a credential that the request does not show itself.
pub(super) fn admit_as<'s>(
    state: &'s State,
    need: Need,
    request: &HttpRequest,
    credential: Credential<'_>,
) -> Result<Pass<'s>, Failure> {
    let settings = state.settings.load();
    let rules = &settings.authentication;
    let now = state.clock.now();
    // The address of the listener: what came through a proxy of this machine came from anywhere.
    let open = rules.open(need, is_loopback(request));
    let pass = |caller| Pass { caller, action: need.action, open, now, rules: rules.clone(), metrics: &state.metrics };
    // Where everybody may, nobody is asked who they are. Only of a change it is good to know.
    let caller = if open && (!need.named || !credential.is_there()) {
        Ok(rules.0.anybody.clone())
    } else {
        if credential.is_there() {
            settings.rates.look_at_credential(request).map_err(|wait| too_many(state, wait))?;
        }
        rules.identify(credential, now)
    };
    let refused = match caller {
        Ok(caller) => {
            settings.rates.count(&caller, request).map_err(|wait| too_many(state, wait))?;
            return Ok(pass(caller));
        }
        Err(why) => why,
    };
    if credential.is_there() {
        settings.rates.count_failure(request);
    }
    settings.rates.count(&rules.0.anybody, request).map_err(|wait| too_many(state, wait))?;
    if open {
        return Ok(pass(rules.0.anybody.clone()));
    }
    tracing::debug!(path = request.path(), "refused: {refused}");
    if rules.0.required.is_none() && !credential.is_there() {
        state.metrics.refused(Refusal::Forbidden);
        return Err(Failure::new(Code::Forbidden, NOBODY_DECIDED));
    }
    state.metrics.refused(Refusal::Unauthenticated);
    Err(Failure::unauthenticated())
}

/// What the rule about listeners says.
const NOBODY_DECIDED: &str = "permission denied: the configuration does not say who may do this over a listener that \
                              is not on loopback; set `authentication.required` to true and give tokens, or to false \
                              to let everybody do everything";

fn too_many(state: &State, wait: std::time::Duration) -> Failure {
    state.metrics.refused(Refusal::TooMany);
    rate::failure(wait)
}

/// Whether the listener that this came by is on loopback.
pub(super) fn is_loopback(request: &HttpRequest) -> bool {
    request.app_config().local_addr().ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rules(required: Option<bool>) -> Authentication {
        let token = |name: &str, secret: &str, expires: Option<i64>| Token {
            name: name.into(),
            digest: Digest::of(secret),
            scopes: Scopes::all(),
            expires: expires.map(|at| Timestamp::from_second(at).unwrap()),
        };
        let config = config::Authentication {
            required,
            exclude_ofrep: true,
            tokens: vec![token("ci", "golden-token", None), token("other", "other-token", Some(100))],
            ..config::Authentication::default()
        };
        Authentication::from(&config)
    }

    fn who(name: &str, value: &str, second: i64) -> Result<String, &'static str> {
        let request = TestRequest::get().insert_header((name, value)).to_http_request();
        let now = Timestamp::from_second(second).unwrap();
        let caller = rules(Some(true)).identify(Credential::of(request.headers()), now)?;
        Ok(caller.name.to_string())
    }

    #[test]
    fn credentials() {
        for (name, value) in [
            ("Authorization", "Bearer golden-token"),
            ("Authorization", "Bearer golden-token "),
            ("Grpc-Metadata-Authorization", "Bearer golden-token"),
            ("Cookie", "flipt_client_token=golden-token"),
            ("Cookie", "a=b; flipt_client_token=golden-token; c=d"),
        ] {
            assert_eq!(who(name, value, 0).as_deref(), Ok("ci"), "{name}: {value}");
        }
        for (name, value) in [
            ("Authorization", ""),
            ("Authorization", "Bearer"),
            ("Authorization", "Bearer "),
            ("Authorization", "Bearer  golden-token"),
            ("Authorization", "bearer golden-token"),
            ("Authorization", "golden-token"),
            ("Authorization", "Bearer GOLDEN-TOKEN"),
            ("Authorization", "JWT golden-token"),
            ("Cookie", "flipt_client_token="),
            ("Cookie", "xflipt_client_token=golden-token"),
            ("X-API-Key", "golden-token"),
        ] {
            assert!(who(name, value, 0).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn a_token_ends_with_its_time() {
        assert_eq!(who("Authorization", "Bearer other-token", 99).as_deref(), Ok("other"));
        assert_eq!(who("Authorization", "Bearer other-token", 100), Err("a token that has expired"));
    }

    #[test]
    fn what_is_open() {
        for loopback in [true, false] {
            assert!(rules(Some(true)).open(Need::OFREP, loopback));
            assert!(!rules(Some(true)).open(Need::EVALUATION, loopback));
            assert!(!rules(Some(true)).open(Need::READ, loopback));
            assert!(rules(None).open(Need::READ, loopback));
            assert_eq!(rules(None).open(Need::api(Action::Write), loopback), loopback);
            assert!(rules(Some(false)).open(Need::api(Action::Admin), loopback));
        }
    }

    #[test]
    fn the_file_of_tokens_is_replaced_as_a_whole() {
        let of_file = |secret: &str| {
            [Token { name: "f".into(), digest: Digest::of(secret), scopes: Scopes::all(), expires: None }]
        };
        let before = rules(Some(true)).with_token_file(&of_file("one"));
        let after = before.with_token_file(&of_file("two"));
        let knows = |rules: &Authentication, token| rules.identify(Credential::Token(token), Timestamp::MIN).is_ok();
        assert!(knows(&before, "one") && !knows(&before, "two") && knows(&before, "golden-token"));
        assert!(!knows(&after, "one") && knows(&after, "two") && knows(&after, "golden-token"));
        assert!(!before.same(&after) && before.same(&before.clone()));
    }

    #[test]
    fn debug_output_holds_no_token() {
        assert!(!format!("{:?}", rules(Some(true))).contains("golden"));
    }
}
