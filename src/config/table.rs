//! Every key of the file. A new key is a line here; what is done with it stands where its section is built.

use super::keys::{Key, Shape, Status};
use crate::limits;

/// A key of Flipt that Yardarm acts on.
const fn key(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Key {
    Key { name, shape, default, doc, status: Status::Flipt }
}

/// A key that only Yardarm has.
const fn own(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Key {
    Key { name, shape, default, doc, status: Status::Own }
}

/// A key of Flipt that changes nothing here.
const fn unused(name: &'static str, shape: Shape, why: &'static str) -> Key {
    Key { name, shape, default: "", doc: "", status: Status::Unused(why) }
}

const PORT: Shape = Shape::Integer(0, 65_535);
const NO_GRPC: &str = "there is no gRPC listener; every API is served over HTTP";
const NO_ANALYTICS_STORAGE: &str = "evaluations are counted and kept by Yardarm itself, and are at `/metrics` for Prometheus; no other server is asked";
const NO_LOGIN: &str =
    "only tokens and JWTs are served; this method is ignored while `authentication.required` is false";
const NO_SECRETS: &str = "no secret manager is asked; the key is given by `key_path` or `key_bytes`";

/// The whole file.
pub(super) static FILE: &[Key] = &[
    key("version", Shape::Text, "2.0", "Version of the format; `2.0` is the only one."),
    key("storage", Shape::Map(STORAGE), "one storage `default` in memory", "Git repositories, by name."),
    key(
        "environments",
        Shape::Map(ENVIRONMENT),
        "one environment `default`",
        "What clients ask, by name: a directory of a storage.",
    ),
    key("credentials", Shape::Map(CREDENTIAL), "", "How to authenticate to Git servers and their APIs, by name."),
    key("server", Shape::Section(SERVER), "", "Listeners."),
    key("log", Shape::Section(LOG), "", "Logging."),
    own("audit", Shape::Section(AUDIT), "", "The record of every write; `GET /api/v2/audit` has it in any case."),
    own("state", Shape::Section(STATE), "", "What Yardarm keeps on disk; all of it can be rebuilt from Git."),
    key("cors", Shape::Section(CORS), "", "Cross-origin requests of browsers."),
    key("authentication", Shape::Section(AUTHENTICATION), "", "Who may ask."),
    key("evaluation", Shape::Section(EVALUATION), "", "Details of answers."),
    key("templates", Shape::Section(TEMPLATES), "", "Texts of commits and proposals, in Go's template syntax."),
    unused("authorization", Shape::Section(AUTHORIZATION), "policies are not evaluated yet"),
    unused("metrics", Shape::Section(METRICS), "`/metrics` always serves Prometheus' format"),
    unused("tracing", Shape::Section(TRACING), "traces are not exported"),
    key("ui", Shape::Section(UI), "", "The web interface, at `/ui/`."),
    unused("meta", Shape::Section(META), "Yardarm neither looks for updates nor reports its use"),
    unused("diagnostics", Shape::Section(DIAGNOSTICS), "there is no profiling endpoint"),
    key(
        "analytics",
        Shape::Section(ANALYTICS),
        "",
        "How often which flag was answered what; counted here, kept below `state.directory`.",
    ),
    unused("license", Shape::Section(LICENSE), "every function is free"),
    unused(
        "secrets",
        Shape::Section(SECRETS),
        "secrets come from `${env:NAME}`, `${file:/path}` and `${credential:NAME}`; no other provider is asked",
    ),
    unused("experimental", Shape::Any, "there is no experimental function"),
];

static STORAGE: &[Key] = &[
    key(
        "remote",
        Shape::Text,
        "none: a repository of this machine only",
        "URL of the repository: `https://`, `http://`, `ssh://`, `user@host:path`, `file://`.",
    ),
    key("branch", Shape::Text, "main", "The branch that is served. It has to exist; Yardarm never creates it."),
    key("poll_interval", Shape::Duration, "30s", "How often the remote is asked without a webhook. At least `1s`."),
    own(
        "poll_ceiling",
        Shape::Duration,
        "ten times `poll_interval`, at most `5m`",
        "Longest pause between polls while webhooks prove healthy.",
    ),
    key("credentials", Shape::Text, "none", "Name of an entry of `credentials`."),
    key("ca_cert_path", Shape::Path, "", "Certificate authority of the Git server, PEM. Excludes `ca_cert_bytes`."),
    key("ca_cert_bytes", Shape::Text, "", "The same as text."),
    key("insecure_skip_tls", Shape::Bool, "false", "Do not verify the Git server's certificate."),
    key(
        "fetch_policy",
        Shape::Word(&["strict", "lenient"]),
        "strict",
        "`strict` and `lenient` do the same: a first fetch that fails never ends the process; `/ready` answers 503, and it keeps trying.",
    ),
    key("backend", Shape::Section(BACKEND), "", "Where the mirror lives."),
    key(
        "signature",
        Shape::Section(SIGNATURE),
        "",
        "Author of commits where no person is known, and the key that commits are signed with.",
    ),
    own(
        "push_with",
        Shape::Word(&["builtin", "git"]),
        "builtin",
        "What carries commits to the remote: our own client, or the program `git`, where a server does not understand it.",
    ),
    own("webhook", Shape::Section(WEBHOOK), "none: polling only", "The endpoint `POST /webhooks/<storage>`."),
];

static BACKEND: &[Key] = &[
    key(
        "type",
        Shape::Word(&["memory", "local"]),
        "memory",
        "`memory`: the mirror lives below `state.directory`. `local`: in `path`.",
    ),
    key("path", Shape::Path, ".", "Directory of a `local` backend."),
];

static SIGNATURE: &[Key] = &[
    key("name", Shape::Text, "flipt", "Name of the author."),
    key("email", Shape::Text, "`flipt[bot]@noreply.flipt.io`", "Address of the author."),
    key("enabled", Shape::Bool, "false", "Sign every commit. Needs a key, and the program `gpg` or `ssh-keygen`."),
    key("type", Shape::Word(&["gpg", "ssh"]), "told by the key", "`ssh` is ours; `git verify-commit` knows both."),
    own(
        "key_path",
        Shape::Path,
        "",
        "File of the private key: OpenSSH's form, or what `gpg --export-secret-keys` wrote.",
    ),
    own("key_bytes", Shape::Secret, "", "The same as text. Excludes `key_path`."),
    own("passphrase", Shape::Secret, "none", "Passphrase of the key, if it has one."),
    key(
        "key_id",
        Shape::Text,
        "the first key",
        "Which key of several: its id, its fingerprint, or a part of its user id. Only for `gpg`.",
    ),
    unused("key_ref", Shape::Section(KEY_REF), NO_SECRETS),
];

static KEY_REF: &[Key] =
    &[unused("provider", Shape::Text, ""), unused("path", Shape::Text, ""), unused("key", Shape::Text, "")];

static WEBHOOK: &[Key] = &[
    own(
        "provider",
        Shape::Word(super::place::PROVIDERS),
        "the type of the environment's `scm`, else told by the host of `remote`",
        "Who sends.",
    ),
    own(
        "secrets",
        Shape::Secrets,
        "",
        "Every secret that is valid now; two while one replaces the other. Secrets of `environments.<name>.scm.webhook` count too.",
    ),
];

static ENVIRONMENT: &[Key] = &[
    key("name", Shape::Text, "the name in the file", "Name in the API."),
    key(
        "default",
        Shape::Bool,
        "true for the only environment",
        "Answers where a client names no environment. Exactly one is the default.",
    ),
    key("storage", Shape::Text, "default", "Name of an entry of `storage`."),
    key("directory", Shape::Text, "the root of the repository", "Directory whose flag files are served."),
    own(
        "hazards",
        Shape::Word(&["warn", "refuse"]),
        "warn",
        "What becomes of flag files that are accepted by Flipt but do not mean what they say. `warn`: served as Flipt serves them, and shown. `refuse`: the namespace keeps its last good state.",
    ),
    own(
        "protected",
        Shape::Bool,
        "false",
        "Nothing is written to it directly: an edit goes to a branch, and comes back as a merge.",
    ),
    own(
        "break_glass",
        Shape::Section(BREAK_GLASS),
        "",
        "Edits while the provider is down: served at once, pushed when it is back, shown everywhere until then.",
    ),
    key("scm", Shape::Section(SCM), "", "The provider of the repository."),
];

static BREAK_GLASS: &[Key] = &[
    own(
        "enabled",
        Shape::Bool,
        "false",
        "Let it be done by whoever has a token for `break-glass` of this environment.",
    ),
    own(
        "expires_after",
        Shape::Duration,
        "4h",
        "How long such an edit is served without having been pushed; then the last pushed state is. `1m` to `168h`.",
    ),
];

static SCM: &[Key] = &[
    key(
        "type",
        Shape::Word(super::place::SCM_TYPES),
        "told by the host of `remote`",
        "The provider. `bitbucket` means Cloud on bitbucket.org and Data Center on any other host.",
    ),
    key(
        "api_url",
        Shape::Text,
        "derived from `remote`",
        "Base of the provider's API; the root of its REST interface is derived from it.",
    ),
    key("credentials", Shape::Text, "none", "Name of an entry of `credentials`, used for the API."),
    own(
        "owner",
        Shape::Text,
        "told by `remote`",
        "Owner at the API: user, organisation, group path (`group/sub`), workspace; on Bitbucket Data Center and Azure DevOps the project.",
    ),
    own(
        "project",
        Shape::Text,
        "told by `remote`",
        "The same in the words of GitLab (`group/sub/name`, owner and repository in one), of Bitbucket Data Center (key of the project) and of Azure DevOps.",
    ),
    own("repository", Shape::Text, "told by `remote`", "Name of the repository at the API; on Bitbucket its slug."),
    own("report", Shape::Section(SCM_REPORT), "", "What Yardarm says on a proposal that touches flag files."),
    own(
        "delete_merged_branches",
        Shape::Bool,
        "false",
        "Remove a branch of Yardarm's at the provider once its proposal is merged.",
    ),
    own("draft", Shape::Bool, "false", "Begin a proposal as a draft where the request does not say."),
    own(
        "merge_method",
        Shape::Word(&["merge", "squash", "rebase"]),
        "the provider's own",
        "How a proposal is merged that is merged through Yardarm.",
    ),
    key("webhook", Shape::Section(SCM_WEBHOOK), "", "The endpoint `POST /api/v2/webhooks/<environment>`."),
];

static SCM_REPORT: &[Key] = &[
    own(
        "status",
        Shape::Bool,
        "true",
        "A commit status `yardarm/flags`: the files are valid, or the first problem. Needs `credentials`.",
    ),
    own(
        "comment",
        Shape::Bool,
        "true",
        "One comment, kept up to date: which flags change how, and who is affected. Needs `credentials`.",
    ),
];

static SCM_WEBHOOK: &[Key] =
    &[key("secret", Shape::Secret, "", "Secret of the webhook; it counts beside those of `storage.<name>.webhook`.")];

static CREDENTIAL: &[Key] = &[
    key("type", Shape::Word(&["basic", "ssh", "access_token", "github_app"]), "", "Which of the following is meant."),
    key("access_token", Shape::Secret, "", "A token. The user name that goes with it is the provider's convention."),
    key("basic", Shape::Section(BASIC), "", "User and password."),
    key("ssh", Shape::Section(SSH), "", "A key."),
    key("github_app", Shape::Section(GITHUB_APP), "", "An installation of a GitHub App."),
];

static BASIC: &[Key] =
    &[key("username", Shape::Text, "", "User."), key("password", Shape::Secret, "", "Password or token.")];

static SSH: &[Key] = &[
    key("user", Shape::Text, "git", "User."),
    key("password", Shape::Secret, "none", "Passphrase of the key, if it has one."),
    key("private_key_path", Shape::Path, "", "File of the key. Excludes `private_key_bytes`."),
    key("private_key_bytes", Shape::Secret, "", "The key itself."),
    key(
        "known_hosts",
        Shape::Path,
        "",
        "Ours: a file of host keys, and the only one that counts. Else those of the user and of the machine do.",
    ),
    key("insecure_ignore_host_key", Shape::Bool, "false", "Do not verify the host's key."),
];

static GITHUB_APP: &[Key] = &[
    key("client_id", Shape::Text, "", "Client id of the app."),
    key("installation_id", Shape::Integer(1, i64::MAX), "", "Number of the installation."),
    key("private_key_path", Shape::Path, "", "File of the app's key, PEM. Excludes `private_key_bytes`."),
    key("private_key_bytes", Shape::Secret, "", "The key itself."),
    key("api_url", Shape::Text, "github.com", "Base of the API on GitHub Enterprise Server."),
];

static SERVER: &[Key] = &[
    key("host", Shape::Text, "0.0.0.0", "Address to listen on; `127.0.0.1` where there is no configuration file."),
    key("protocol", Shape::Word(&["http", "https"]), "http", "`https` needs `cert_file` and `cert_key`."),
    key("http_port", PORT, "8080", "Port of `http`; 0 takes a free one."),
    key("https_port", PORT, "443", "Port of `https`."),
    key("cert_file", Shape::Path, "", "Certificate chain, PEM."),
    key("cert_key", Shape::Path, "", "Its key, PEM."),
    own(
        "webhook",
        Shape::Section(WEBHOOK_LISTENER),
        "none: webhooks come to the main listener",
        "A listener for webhooks only, so that nothing else has to be public.",
    ),
    own("rate_limit", Shape::Section(RATE_LIMIT), "none", "How often a caller may ask; past it the answer is 429."),
    own(
        "trusted_proxies",
        Shape::Texts,
        "none",
        "Addresses and ranges (`10.0.0.0/8`) of proxies whose `X-Forwarded-For` is believed, for rate limits.",
    ),
    unused("grpc_port", PORT, NO_GRPC),
    unused("grpc_conn_max_idle_time", Shape::Duration, NO_GRPC),
    unused("grpc_conn_max_age", Shape::Duration, NO_GRPC),
    unused("grpc_conn_max_age_grace", Shape::Duration, NO_GRPC),
];

static WEBHOOK_LISTENER: &[Key] =
    &[own("host", Shape::Text, "`server.host`", "Address to listen on."), own("port", PORT, "", "Port.")];

static RATE_LIMIT: &[Key] = &[
    own(
        "requests_per_second",
        Shape::Integer(0, limits::RATE_MAX),
        "0: no limit",
        "Of one caller: a token or a JWT by its name, anybody else by address (IPv6: the first 64 bits). Health, readiness, metrics and webhooks do not count.",
    ),
    own(
        "burst",
        Shape::Integer(1, limits::RATE_MAX),
        "`requests_per_second`",
        "Requests that may come at once after a pause.",
    ),
    own(
        "failures_per_minute",
        Shape::Integer(0, limits::RATE_MAX),
        "0: no limit",
        "Wrong credentials from one address; past it no credential from there is looked at. Behind a proxy it needs `trusted_proxies`, or all clients share one limit.",
    ),
];

static LOG: &[Key] = &[
    key(
        "level",
        Shape::Word(&["trace", "debug", "info", "warn", "error", "dpanic", "panic", "fatal"]),
        "info",
        "Least level that is written; the last three mean `error`.",
    ),
    key("encoding", Shape::Word(&["console", "json"]), "console", "Lines for people or JSON lines."),
    key(
        "file",
        Shape::Path,
        "standard output",
        "File to append to; `stderr` is standard error. A reload opens it anew.",
    ),
    unused("grpc_level", Shape::Text, NO_GRPC),
    unused("keys", Shape::Any, "the names of the fields are fixed: `timestamp`, `level`, `message`"),
];

static STATE: &[Key] = &[own(
    "directory",
    Shape::Path,
    "`$STATE_DIRECTORY`, else `$XDG_STATE_HOME/yardarm`, else `~/.local/state/yardarm`",
    "Mirrors, deliveries and last good snapshots.",
)];

static AUDIT: &[Key] = &[own(
    "file",
    Shape::Path,
    "none",
    "File to append a line of JSON to for each write. Made with mode 0600; one that was moved away is begun anew.",
)];

static ANALYTICS: &[Key] = &[
    own("enabled", Shape::Bool, "true", "Count evaluations by flag and variant."),
    key("buffer", Shape::Section(ANALYTICS_BUFFER), "", "How counts are gathered."),
    unused("storage", Shape::Section(ANALYTICS_STORAGE), NO_ANALYTICS_STORAGE),
];

static ANALYTICS_BUFFER: &[Key] = &[
    key(
        "flush_period",
        Shape::Duration,
        "10s",
        "How often what was counted is booked by time, at least: `1s` to `1m`. Whoever asks gets it to the second.",
    ),
    unused("capacity", Shape::Integer(0, i64::MAX), "nothing is queued: every evaluation is an addition"),
];

static ANALYTICS_STORAGE: &[Key] =
    &[unused("clickhouse", Shape::Any, NO_ANALYTICS_STORAGE), unused("prometheus", Shape::Any, NO_ANALYTICS_STORAGE)];

static CORS: &[Key] = &[
    key("enabled", Shape::Bool, "false", "Answer browsers of other origins."),
    key("allowed_origins", Shape::Texts, "*", "Origins that may ask."),
    key(
        "allowed_headers",
        Shape::Texts,
        "Accept Authorization Content-Type X-CSRF-Token X-Flipt-Accept-Server-Version X-Flipt-Environment X-Flipt-Namespace If-None-Match",
        "Request headers that a page may send.",
    ),
];

static AUTHENTICATION: &[Key] = &[
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

static EVALUATION: &[Key] = &[key(
    "include_flag_metadata",
    Shape::Bool,
    "false",
    "The list of flags (`/api/v1/namespaces/<ns>/flags`) carries `metadata`.",
)];

static TEMPLATES: &[Key] = &[
    key("commit_message", Shape::Text, "", "Message of commits."),
    key("proposal_title", Shape::Text, "", "Title of merge proposals."),
    key("proposal_body", Shape::Text, "", "Body of merge proposals."),
];

static AUTHORIZATION: &[Key] = &[
    unused("required", Shape::Bool, ""),
    unused("backend", Shape::Any, ""),
    unused("local", Shape::Any, ""),
    unused("bundle", Shape::Any, ""),
];

static METRICS: &[Key] = &[
    unused("enabled", Shape::Bool, ""),
    unused("exporter", Shape::Word(&["prometheus", "otlp"]), ""),
    unused("otlp", Shape::Any, ""),
];

static TRACING: &[Key] = &[
    unused("enabled", Shape::Bool, ""),
    unused("exporter", Shape::Text, ""),
    unused("sampling_ratio", Shape::Any, ""),
    unused("propagators", Shape::Any, ""),
    unused("otlp", Shape::Any, ""),
];

static UI: &[Key] = &[
    key(
        "enabled",
        Shape::Bool,
        "true",
        "Serve it. Where it is `false` it has no route. Counts at the start, not at a reload.",
    ),
    key(
        "default_theme",
        Shape::Word(&["system", "light", "dark"]),
        "system",
        "Light or dark, for whoever has chosen neither.",
    ),
    key("topbar", Shape::Section(TOPBAR), "", "The bar at the top of every page."),
];

static TOPBAR: &[Key] = &[
    key("color", Shape::Text, "none", "Its colour, `\"#8a1c1c\"`, to tell one installation from another."),
    own("label", Shape::Text, "none", "A word in it, for the same."),
];

static META: &[Key] = &[
    unused("check_for_updates", Shape::Bool, ""),
    unused("telemetry_enabled", Shape::Bool, ""),
    unused("state_directory", Shape::Path, ""),
];

static DIAGNOSTICS: &[Key] = &[unused("profiling", Shape::Any, "")];

static LICENSE: &[Key] =
    &[unused("key", Shape::Secret, ""), unused("file", Shape::Path, ""), unused("machine_id", Shape::Text, "")];

static SECRETS: &[Key] = &[unused("providers", Shape::Section(SECRET_PROVIDERS), "")];

static SECRET_PROVIDERS: &[Key] = &[
    unused("file", Shape::Section(SECRET_FILES), ""),
    unused("vault", Shape::Any, ""),
    unused("gcp", Shape::Any, ""),
    unused("aws", Shape::Any, ""),
    unused("azure", Shape::Any, ""),
];

static SECRET_FILES: &[Key] = &[unused("enabled", Shape::Bool, ""), unused("base_path", Shape::Path, "")];
