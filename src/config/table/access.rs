//! `authentication`: who may ask.

use super::super::keys::{Key, Shape};
use super::{key, own, unused};

const NO_LOGIN: &str =
    "only tokens and JWTs are served; this method is ignored while `authentication.required` is false";

pub(super) static AUTHENTICATION: &[Key] = &[
    key(
        "required",
        Shape::Bool,
        "false",
        "Every API needs a token, but for health, readiness, metrics and webhooks. Written out as `false`, everybody may do everything; where it is not written, everybody may evaluate and read, and may change something only over a listener on loopback.",
    ),
    key("exclude", Shape::Section(EXCLUDE), "", "Routes that need none."),
    key("methods", Shape::Section(METHODS), "", "Ways to authenticate."),
    key("session", Shape::Section(SESSION), "", "Who signed in to the web interface, and for how long."),
];

static SESSION: &[Key] = &[
    key(
        "token_lifetime",
        Shape::Duration,
        "24h",
        "How long somebody stays signed in; a token that ends sooner ends it sooner, and so does a restart. `1m` to `744h`.",
    ),
    key(
        "secure",
        Shape::Bool,
        "true where `server.protocol` is `https`",
        "The cookie is sent over TLS alone. Set it where a proxy speaks TLS.",
    ),
    key("domain", Shape::Text, "the host of the page alone", "Hosts that get the cookie: this one and those below it."),
    unused("storage", Shape::Any, "sessions are kept in memory and end with the process"),
    unused("state_lifetime", Shape::Duration, "there is no sign-in by way of another site"),
    unused("csrf", Shape::Any, "every form carries a proof of its own, and forms of other origins are refused"),
];

static EXCLUDE: &[Key] = &[
    key("evaluation", Shape::Bool, "false", "Evaluation, snapshots and streams."),
    key("ofrep", Shape::Bool, "false", "OFREP."),
];

static METHODS: &[Key] = &[
    key("token", Shape::Section(TOKEN), "", "Static tokens."),
    unused("oidc", Shape::Any, NO_LOGIN),
    unused("github", Shape::Any, NO_LOGIN),
    unused("kubernetes", Shape::Any, NO_LOGIN),
    key("jwt", Shape::Section(JWT), "", "JSON Web Tokens of somebody else, sent as `Authorization: JWT`."),
];

static JWT: &[Key] = &[
    key("enabled", Shape::Bool, "false", "Accept them."),
    key(
        "jwks_url",
        Shape::Text,
        "",
        "Where their keys are published (JSON Web Key Set). Fetched in the background and renewed; excludes `public_key_file`.",
    ),
    key(
        "public_key_file",
        Shape::Path,
        "",
        "Their public keys in PEM form, or certificates; several while one replaces the other. Excludes `jwks_url`.",
    ),
    own("ca_cert_path", Shape::Path, "", "Certificate authority of the server of `jwks_url`, PEM."),
    key("validate_claims", Shape::Section(JWT_CLAIMS), "", "What is asked of a token beside its signature."),
    key("claims_mapping", Shape::Section(JWT_MAPPING), "", "Where the person is found: JSON pointers into the claims."),
    own(
        "scopes",
        Shape::Texts,
        "everything, as in Flipt; nothing, where `scopes_claim` is given",
        "What a caller may do of whom no claim says it; see `authentication.methods.token.storage.tokens.<name>.scopes`.",
    ),
    own(
        "scopes_claim",
        Shape::Text,
        "none",
        "JSON pointer to a claim that lists scopes, or has them in one text with blanks between; what is no scope is passed over.",
    ),
];

static JWT_CLAIMS: &[Key] = &[
    key("issuer", Shape::Text, "any", "What `iss` has to be."),
    key("subject", Shape::Text, "any", "What `sub` has to be."),
    key("audiences", Shape::Texts, "any", "One of these has to be in `aud`."),
];

static JWT_MAPPING: &[Key] = &[
    key("sub", Shape::Text, "/sub", "Who it is, for logs and rate limits."),
    key("name", Shape::Text, "/name", "Name, for commits."),
    key("email", Shape::Text, "/email", "Address, for commits."),
    unused("role", Shape::Text, "nothing looks at it; `scopes_claim` says what a caller may do"),
    unused("picture", Shape::Text, "nothing shows it"),
];

static TOKEN: &[Key] = &[
    key("enabled", Shape::Bool, "false", "Accept these tokens."),
    key("storage", Shape::Section(TOKEN_STORAGE), "", "Where tokens come from."),
    unused("cleanup", Shape::Any, "a token that has expired is not accepted, and stays where it is written"),
];

static TOKEN_STORAGE: &[Key] = &[
    key("type", Shape::Word(&["static"]), "static", "The only word; tokens come from `tokens` and from `file`."),
    key("tokens", Shape::Map(STATIC_TOKEN), "", "Tokens, by name."),
    own(
        "file",
        Shape::Path,
        "none",
        "File of tokens that `yardarm token` keeps: their hashes, scopes and times. A change of it counts within seconds, without a reload.",
    ),
];

static STATIC_TOKEN: &[Key] = &[
    key("credential", Shape::Secret, "", "The token that a client sends as `Authorization: Bearer`."),
    own(
        "scopes",
        Shape::Texts,
        "everything, as in Flipt",
        "What it may do: `evaluate`, `read`, `propose`, `write`, `break-glass`, `admin`, each alone or as `write:<environment>/<namespace>`; a name may end with `*`.",
    ),
    own(
        "expires",
        Shape::Text,
        "never",
        "When it ends: `2027-01-30T09:00:00Z`, or a day, from whose beginning (UTC) on it is not accepted.",
    ),
    unused("metadata", Shape::Any, "nothing looks at it"),
];
