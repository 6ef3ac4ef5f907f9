//! How the process itself behaves: listeners, logs, what it counts and shows.

use super::super::keys::{Key, Shape};
use super::{key, own, unused};
use crate::limits;

const PORT: Shape = Shape::Integer(0, 65_535);
const NO_GRPC: &str = "there is no gRPC listener; every API is served over HTTP";
const NO_ANALYTICS_STORAGE: &str = "evaluations are counted and kept by Yardarm itself, and are at `/metrics` for Prometheus; no other server is asked";

pub(super) static SERVER: &[Key] = &[
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

pub(super) static LOG: &[Key] = &[
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

pub(super) static STATE: &[Key] = &[own(
    "directory",
    Shape::Path,
    "`$STATE_DIRECTORY`, else `$XDG_STATE_HOME/yardarm`, else `~/.local/state/yardarm`",
    "Mirrors, deliveries and last good snapshots.",
)];

pub(super) static AUDIT: &[Key] = &[own(
    "file",
    Shape::Path,
    "none",
    "File to append a line of JSON to for each write. Made with mode 0600; one that was moved away is begun anew.",
)];

pub(super) static ANALYTICS: &[Key] = &[
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

pub(super) static CORS: &[Key] = &[
    key("enabled", Shape::Bool, "false", "Answer browsers of other origins."),
    key("allowed_origins", Shape::Texts, "*", "Origins that may ask."),
    key(
        "allowed_headers",
        Shape::Texts,
        "Accept Authorization Content-Type X-CSRF-Token X-Flipt-Accept-Server-Version X-Flipt-Environment X-Flipt-Namespace If-None-Match",
        "Request headers that a page may send.",
    ),
];

pub(super) static EVALUATION: &[Key] = &[key(
    "include_flag_metadata",
    Shape::Bool,
    "false",
    "The list of flags (`/api/v1/namespaces/<ns>/flags`) carries `metadata`.",
)];

pub(super) static TEMPLATES: &[Key] = &[
    key("commit_message", Shape::Text, "", "Message of commits."),
    key("proposal_title", Shape::Text, "", "Title of merge proposals."),
    key("proposal_body", Shape::Text, "", "Body of merge proposals."),
];

pub(super) static UI: &[Key] = &[
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
