//! Every operation of the document asked over a real socket, for all that it says it answers.
//!
//! That an answer is described is seen to by [`super::openapi::check`] for every request of every test; here it is seen
//! to that what is described can be had. What cannot be had in a test stands in [`UNREACHED`], with the reason.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use yardarm::auth::rate::Rate;
use yardarm::config;
use yardarm::http::{Rates, Settings};
use yardarm::ingest::Endpoint;
use yardarm::provider::{Provider, remote};
use yardarm::sync::status;

use super::management;
use super::openapi::{self, DOCUMENT, Reached};
use super::server::{Server, environment, of_directory, tokens};
use super::wire;

/// Operation (a `*` is any), status, and why it is not asked for.
const UNREACHED: &[(&str, u16, &str)] = &[
    ("*", 408, "takes ten seconds: http::body and tests/it/webhooks.rs have clocks of their own"),
    ("*", 504, "the connection is lost after a push was sent: http::environments has the words, write the stories"),
    (
        "deleteBranch",
        409,
        "somebody else has to push to it in that moment, or the provider refuse: http::environments has the words",
    ),
    ("revert", 409, "the conflict of any other change: http::environments"),
    ("evaluateBoolean", 503, "takes 128 MiB of bodies at one time: http::body counts smaller ones"),
    ("evaluateVariant", 503, "the same"),
    ("evaluateBatch", 503, "the same"),
    ("explain", 503, "the same"),
    ("flagsEvaluations", 503, "the same"),
    ("evaluateFlag", 503, "the same"),
    ("evaluateFlags", 503, "the same"),
    ("snapshot", 503, "a large snapshot, asked for in the moment in which the process ends"),
    ("environmentSnapshot", 503, "the same"),
    ("proposal", 200, "takes a provider: tests/it/proposals"),
    ("propose", 200, "the same"),
    ("propose", 400, "the same"),
    ("propose", 409, "the same"),
    ("propose", 503, "the same"),
    (ACTS, 200, "the same"),
    (ACTS, 403, "the same"),
    (ACTS, 409, "the same"),
    (ACTS, 500, "the same"),
    (ACTS, 501, "the same"),
    (ACTS, 503, "the same"),
];

/// What people do with proposals.
const ACTS: &str = "closeProposal|reopenProposal|readyProposal|draftProposal|editProposal|mergeProposal|updateProposal";

/// Which server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// It serves, and knows a storage with a webhook.
    Open,
    /// It wants to know who asks.
    Guarded,
    /// It has been asked too often.
    Busy,
    /// It has nothing to serve yet.
    Bare,
    /// It is going down.
    Ending,
    /// A daemon with a repository.
    Written,
    /// A daemon that does not reach its repository.
    Gone,
}
use At::{Bare, Busy, Ending, Gone, Guarded, Open, Written};

type Headers = &'static [(&'static str, &'static str)];
type Call = (At, &'static str, &'static str, Headers, Option<&'static str>, u16);

/// A call with headers of its own.
type Made = (At, &'static str, &'static str, Vec<(&'static str, &'static str)>, Option<&'static str>, u16);

const NOBODY: Headers = &[];
const KNOWN: Headers = &[("Authorization", "Bearer golden-token")];
/// May evaluate, and not here.
const ELSEWHERE: (&str, &str) = ("Authorization", "Bearer elsewhere-token");
const NOWHERE: Headers = &[("X-Flipt-Environment", "nope")];
const HUGE: Headers = &[("Content-Length", "99999999999")];
const EVENTS: Headers = &[("Accept", "text/event-stream")];
const NO_EVENTS: Headers = &[("Accept", "text/event-stream"), ("X-Flipt-Environment", "nope")];
const PUSH: Headers =
    &[("X-Gitlab-Token", "secret"), ("X-Gitlab-Event", "Push Hook"), ("Content-Type", "application/json")];
const ISSUE: Headers =
    &[("X-Gitlab-Token", "secret"), ("X-Gitlab-Event", "Issue Hook"), ("Content-Type", "application/json")];
const IMAGE: Headers = &[("X-Gitlab-Token", "secret"), ("Content-Type", "image/png")];
const LARGE_PUSH: Headers = &[
    ("X-Gitlab-Token", "secret"),
    ("X-Gitlab-Event", "Push Hook"),
    ("Content-Type", "application/json"),
    ("Content-Length", "99999999999"),
];
const STRANGER: Headers = &[("Content-Type", "application/json")];
const PING: Headers = &[("X-Event-Key", "diagnostics:ping"), ("Content-Type", "application/json")];

const STREAM: &str = "/client/v2/environments/default/namespaces/json/stream";
const NO_STREAM: &str = "/client/v2/environments/nope/namespaces/json/stream";
const RESOURCES: &str = "/api/v2/environments/default/namespaces/shop/resources";
const FLAGS: &str = "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag";
const FLAG: &str = "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x";
const COUNTS: &str = "/internal/v2/analytics/environments/default/namespaces/shop/flags/x";
const ALL_COUNTS: &str = "/internal/v2/analytics/environments/default/namespaces/shop/batch";
const A_CHANGE: &str = r#"{"changes":[{"action":"delete","type":"flipt.core.Flag","namespace":"shop","key":"x"}]}"#;
const TWO_CHANGES: &str = r#"{"message":"Two at once","changes":[{"action":"create","namespace":"shop","payload":{"@type":"flipt.core.Segment","key":"s","name":"S"}},{"action":"put","namespace":"shop","type":"flipt.core.Flag","payload":{"key":"w","name":"W","type":"BOOLEAN_FLAG_TYPE"}}]}"#;
const PROPOSALS: &str = "/api/v2/proposals/stream";
const CHANGES: &str = "/ofrep/v1/_stream/default/json/events";

#[rustfmt::skip]
const CALLS: &[Call] = &[
    (Open, "POST", "/evaluate/v1/boolean", NOBODY, Some(r#"{"flagKey":"all","entityId":"e","context":{"a":1}}"#), 200),
    (Open, "POST", "/evaluate/v1/boolean", NOBODY, Some("{"), 400),
    (Open, "POST", "/evaluate/v1/boolean", NOBODY, Some(r#"{"flagKey":"nope"}"#), 404),
    (Open, "POST", "/evaluate/v1/boolean", HUGE, None, 413),
    (Guarded, "POST", "/evaluate/v1/boolean", NOBODY, Some("{}"), 401),
    (Guarded, "POST", "/evaluate/v1/boolean", KNOWN, Some(r#"{"flagKey":"all"}"#), 200),
    (Open, "POST", "/evaluate/v1/variant", NOBODY, Some(r#"{"namespaceKey":"json","flagKey":"j"}"#), 200),
    (Open, "POST", "/evaluate/v1/variant", NOBODY, Some(r#"{"flagKey":"all"}"#), 400),
    (Open, "POST", "/evaluate/v1/variant", NOWHERE, Some(r#"{"environmentKey":"x","flagKey":"j"}"#), 404),
    (Open, "POST", "/evaluate/v1/variant", HUGE, None, 413),
    (Guarded, "POST", "/evaluate/v1/variant", NOBODY, None, 401),
    (Open, "POST", "/evaluate/v1/batch", NOBODY, Some(r#"{"requests":[{"flagKey":"all"},{"namespaceKey":"json","flagKey":"j"},{}]}"#), 200),
    (Open, "POST", "/evaluate/v1/batch", NOBODY, Some(r#"{"requests":1}"#), 400),
    (Open, "POST", "/evaluate/v1/batch", NOWHERE, Some(r#"{"requests":[{}]}"#), 404),
    (Open, "POST", "/evaluate/v1/batch", HUGE, None, 413),
    (Guarded, "POST", "/evaluate/v1/batch", NOBODY, None, 401),
    (Open, "POST", "/api/v2/explain", NOBODY, Some(r#"{"flagKey":"all","context":{"a":1}}"#), 200),
    (Open, "POST", "/api/v2/explain", NOBODY, Some(r#"{"namespaceKey":"json","flagKey":"j"}"#), 200),
    (Open, "POST", "/api/v2/explain", NOBODY, Some("{"), 400),
    (Open, "POST", "/api/v2/explain", NOBODY, Some(r#"{"flagKey":"nope"}"#), 404),
    (Open, "POST", "/api/v2/explain", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/explain", NOBODY, None, 401),

    (Open, "GET", COUNTS, NOBODY, None, 200),
    (Open, "GET", "/internal/v2/analytics/environments/default/namespaces/shop/flags/x?from=yesterday", NOBODY, None, 400),
    (Open, "GET", "/internal/v2/analytics/environments/nope/namespaces/shop/flags/x", NOBODY, None, 404),
    (Guarded, "GET", COUNTS, NOBODY, None, 401),
    (Open, "POST", ALL_COUNTS, NOBODY, Some(r#"{"flagKeys":["all","j"],"limit":1}"#), 200),
    (Open, "POST", ALL_COUNTS, NOBODY, Some(r#"{"to":"tomorrow"}"#), 400),
    (Open, "POST", "/internal/v2/analytics/environments/nope/namespaces/shop/batch", NOBODY, None, 404),
    (Open, "POST", ALL_COUNTS, HUGE, None, 413),
    (Guarded, "POST", ALL_COUNTS, NOBODY, None, 401),

    (Open, "GET", "/internal/v1/evaluation/snapshot/namespace/default", NOBODY, None, 200),
    (Open, "GET", "/internal/v1/evaluation/snapshot/namespace/default", &[("If-None-Match", "{{etag}}")], None, 304),
    (Open, "GET", "/internal/v1/evaluation/snapshot/namespace/nope", NOBODY, None, 404),
    (Guarded, "GET", "/internal/v1/evaluation/snapshot/namespace/default", NOBODY, None, 401),
    (Open, "GET", "/client/v2/environments/production/namespaces/orders/snapshot", NOBODY, None, 200),
    (Open, "GET", "/client/v2/environments/production/namespaces/orders/snapshot", &[("If-None-Match", "{{etag}}")], None, 304),
    (Open, "GET", "/client/v2/environments/production/namespaces/a%2Fb/snapshot", NOBODY, None, 404),
    (Guarded, "GET", "/client/v2/environments/default/namespaces/json/snapshot", NOBODY, None, 401),
    (Open, "GET", STREAM, NOBODY, None, 200),
    (Open, "GET", STREAM, EVENTS, None, 200),
    (Guarded, "GET", STREAM, NOBODY, None, 401),
    (Guarded, "GET", STREAM, EVENTS, None, 401),
    (Open, "GET", NO_STREAM, NOWHERE, None, 404),
    (Open, "GET", NO_STREAM, NO_EVENTS, None, 404),
    (Ending, "GET", STREAM, NOBODY, None, 503),
    (Ending, "GET", STREAM, EVENTS, None, 503),

    (Open, "POST", "/ofrep/v1/evaluate/flags/all", NOBODY, Some(r#"{"context":{"targetingKey":"e"}}"#), 200),
    (Open, "POST", "/ofrep/v1/evaluate/flags/all", NOBODY, Some(r#"{"context":1}"#), 400),
    (Open, "POST", "/ofrep/v1/evaluate/flags//", NOBODY, None, 400),
    (Open, "POST", "/ofrep/v1/evaluate/flags/nope", NOBODY, None, 404),
    (Open, "POST", "/ofrep/v1/evaluate/flags/all", NOWHERE, None, 404),
    (Open, "POST", "/ofrep/v1/evaluate/flags/all", HUGE, None, 413),
    (Guarded, "POST", "/ofrep/v1/evaluate/flags/all", NOBODY, None, 401),
    (Open, "POST", "/ofrep/v1/evaluate/flags", NOBODY, Some(r#"{"context":{"flags":"all,nope"}}"#), 200),
    (Open, "POST", "/ofrep/v1/evaluate/flags", NOBODY, None, 200),
    (Open, "POST", "/ofrep/v1/evaluate/flags", &[("If-None-Match", "{{etag}}")], None, 304),
    (Open, "POST", "/ofrep/v1/evaluate/flags", NOBODY, Some(r#"{"context":{"flags":"a,"}}"#), 400),
    (Open, "POST", "/ofrep/v1/evaluate/flags", &[("X-Flipt-Namespace", "nope")], None, 404),
    (Open, "POST", "/ofrep/v1/evaluate/flags", HUGE, None, 413),
    (Guarded, "POST", "/ofrep/v1/evaluate/flags", NOBODY, None, 401),
    (Open, "GET", CHANGES, EVENTS, None, 200),
    (Open, "GET", CHANGES, NOBODY, None, 406),
    (Open, "GET", "/ofrep/v1/_stream/nope/json/events", NO_EVENTS, None, 404),
    (Guarded, "GET", CHANGES, EVENTS, None, 401),
    (Ending, "GET", CHANGES, EVENTS, None, 503),

    (Open, "GET", "/api/v1/namespaces/default/flags", NOBODY, None, 200),
    (Open, "GET", "/api/v1/namespaces/default/flags?limit=1&pageToken=1", NOBODY, None, 200),
    (Open, "GET", "/api/v1/namespaces/default/flags?limit=x", NOBODY, None, 400),
    (Open, "GET", "/api/v1/namespaces/nope/flags", NOBODY, None, 404),
    (Guarded, "GET", "/api/v1/namespaces/default/flags", NOBODY, None, 401),
    (Open, "GET", "/api/v1/flags?namespaceKey=json", NOBODY, None, 200),
    (Open, "GET", "/api/v1/flags?offset=1", NOBODY, None, 400),
    (Open, "GET", "/api/v1/flags", NOWHERE, None, 404),
    (Guarded, "GET", "/api/v1/flags", NOBODY, None, 401),

    (Open, "GET", "/api/v2/storages", NOBODY, None, 200),
    (Guarded, "GET", "/api/v2/storages", NOBODY, None, 401),
    (Open, "GET", "/api/v2/storages/flags", NOBODY, None, 200),
    (Open, "GET", "/api/v2/storages/nope", NOBODY, None, 404),
    (Guarded, "GET", "/api/v2/storages/flags", NOBODY, None, 401),

    (Open, "POST", "/webhooks/flags", PUSH, Some("{}"), 202),
    (Open, "POST", "/webhooks/flags", ISSUE, Some("{}"), 200),
    (Open, "POST", "/webhooks/center", PING, Some("{}"), 200),
    (Open, "POST", "/webhooks/flags", STRANGER, Some("{}"), 401),
    (Open, "POST", "/webhooks/nope", PUSH, Some("{}"), 404),
    (Open, "POST", "/webhooks/flags", LARGE_PUSH, None, 413),
    (Open, "POST", "/webhooks/flags", IMAGE, Some("{}"), 415),
    (Ending, "POST", "/webhooks/flags", PUSH, Some("{}"), 503),
    (Open, "POST", "/api/v2/webhooks/default", PUSH, Some("{}"), 202),
    (Open, "POST", "/api/v2/webhooks/default", ISSUE, Some("{}"), 200),
    (Open, "POST", "/api/v2/webhooks/centre", PING, Some("{}"), 200),
    (Open, "POST", "/api/v2/webhooks/default", STRANGER, Some("{}"), 401),
    (Open, "POST", "/api/v2/webhooks/nope", PUSH, Some("{}"), 404),
    (Open, "POST", "/api/v2/webhooks/default", LARGE_PUSH, None, 413),
    (Open, "POST", "/api/v2/webhooks/default", IMAGE, Some("{}"), 415),
    (Ending, "POST", "/api/v2/webhooks/default", PUSH, Some("{}"), 503),
    (Open, "GET", "/webhooks/flags", NOBODY, None, 405),

    (Open, "GET", "/meta/info", NOBODY, None, 200),
    (Guarded, "GET", "/meta/info", NOBODY, None, 401),
    (Guarded, "GET", "/auth/v1/method", NOBODY, None, 200),
    (Guarded, "GET", "/auth/v1/self", KNOWN, None, 200),
    (Open, "GET", "/auth/v1/self", NOBODY, None, 501),
    (Guarded, "GET", "/auth/v1/self", NOBODY, None, 401),
    (Open, "DELETE", "/auth/v1/self/revoke", NOBODY, None, 200),
    (Guarded, "DELETE", "/auth/v1/self/revoke", NOBODY, None, 401),

    (Open, "GET", "/api/v2/environments", NOBODY, None, 200),
    (Guarded, "GET", "/api/v2/environments", NOBODY, None, 401),
    (Guarded, "GET", "/api/v2/environments/default/namespaces", NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/nope/namespaces", NOBODY, None, 404),
    (Guarded, "GET", "/api/v2/environments/default/namespaces/shop", NOBODY, None, 401),
    (Guarded, "POST", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 401),
    (Open, "POST", "/api/v2/environments/default/namespaces", NOBODY, Some("{}"), 400),
    (Open, "POST", "/api/v2/environments/nope/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 404),
    (Open, "POST", "/api/v2/environments/default/namespaces", HUGE, None, 413),
    (Guarded, "PUT", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 401),
    (Open, "PUT", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"x","nmae":"y"}"#), 400),
    (Open, "PUT", "/api/v2/environments/nope/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 404),
    (Open, "PUT", "/api/v2/environments/default/namespaces", HUGE, None, 413),
    (Guarded, "DELETE", "/api/v2/environments/default/namespaces/shop", NOBODY, None, 401),
    (Open, "DELETE", "/api/v2/environments/default/namespaces/default", NOBODY, None, 400),
    (Open, "DELETE", "/api/v2/environments/nope/namespaces/shop", NOBODY, None, 404),
    (Guarded, "GET", FLAGS, NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/default/namespaces/shop/resources/a.B", NOBODY, None, 404),
    (Guarded, "GET", FLAG, NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/default/namespaces/shop/resources/a.B/x", NOBODY, None, 404),
    (Guarded, "POST", RESOURCES, NOBODY, Some("{}"), 401),
    (Open, "POST", RESOURCES, NOBODY, Some("{}"), 400),
    (Open, "POST", "/api/v2/environments/nope/namespaces/shop/resources", NOBODY, Some("{}"), 404),
    (Open, "POST", RESOURCES, HUGE, None, 413),
    (Guarded, "PUT", RESOURCES, NOBODY, Some("{}"), 401),
    (Open, "PUT", RESOURCES, NOBODY, Some(r#"{"key":"x","key":"x"}"#), 400),
    (Open, "PUT", "/api/v2/environments/nope/namespaces/shop/resources", NOBODY, Some("{}"), 404),
    (Open, "PUT", RESOURCES, HUGE, None, 413),
    (Guarded, "DELETE", FLAG, NOBODY, None, 401),
    (Open, "DELETE", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x?dryrun=true", NOBODY, None, 400),
    (Open, "DELETE", "/api/v2/environments/default/namespaces/shop/resources/a.B/x", NOBODY, None, 404),
    (Open, "GET", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x?att=1", NOBODY, None, 400),
    (Guarded, "GET", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/history", NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/history?limit=x", NOBODY, None, 400),
    (Open, "GET", "/api/v2/environments/nope/namespaces/shop/resources/flipt.core.Flag/x/history", NOBODY, None, 404),
    (Guarded, "POST", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/revert", NOBODY, Some("{}"), 401),
    (Open, "POST", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/revert", NOBODY, Some("{}"), 400),
    (Open, "POST", "/api/v2/environments/nope/namespaces/shop/resources/flipt.core.Flag/x/revert", NOBODY, Some(r#"{"to":"x"}"#), 404),
    (Open, "POST", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/revert", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/environments/default/changes", NOBODY, Some(A_CHANGE), 401),
    (Open, "POST", "/api/v2/environments/default/changes", NOBODY, Some("{}"), 400),
    (Open, "POST", "/api/v2/environments/nope/changes", NOBODY, Some(A_CHANGE), 404),
    (Open, "POST", "/api/v2/environments/default/changes", HUGE, None, 413),
    (Guarded, "GET", "/api/v2/environments/default/branches", NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/nope/branches", NOBODY, None, 404),
    (Guarded, "POST", "/api/v2/environments/default/branches", NOBODY, None, 401),
    (Open, "POST", "/api/v2/environments/default/branches", NOBODY, Some(r#"{"kye":"x"}"#), 400),
    (Open, "POST", "/api/v2/environments/nope/branches", NOBODY, None, 404),
    (Open, "POST", "/api/v2/environments/default/branches", HUGE, None, 413),
    (Guarded, "DELETE", "/api/v2/environments/default/branches/x", NOBODY, None, 401),
    (Open, "DELETE", "/api/v2/environments/default/branches/x?dryRun=true", NOBODY, None, 400),
    (Open, "DELETE", "/api/v2/environments/nope/branches/x", NOBODY, None, 404),
    (Guarded, "POST", "/api/v2/environments/default/branches/x", NOBODY, None, 401),
    (Open, "POST", "/api/v2/environments/default/branches/x", NOBODY, None, 501),
    (Open, "POST", "/api/v2/environments/default/branches/x", HUGE, None, 413),
    (Open, "POST", "/api/v2/environments/nope/branches/x", NOBODY, None, 404),
    (Guarded, "GET", "/api/v2/environments/default/branches/x/changes", NOBODY, None, 401),
    (Open, "GET", "/api/v2/environments/default/branches/x/changes?page=2", NOBODY, None, 400),
    (Open, "GET", "/api/v2/environments/nope/branches/x/changes", NOBODY, None, 404),
    (Guarded, "POST", "/api/v2/environments/default/branches/x/update", NOBODY, None, 401),
    (Open, "POST", "/api/v2/environments/default/branches/x/update", NOBODY, Some(r#"{"strategy":"x"}"#), 400),
    (Open, "POST", "/api/v2/environments/nope/branches/x/update", NOBODY, None, 404),
    (Open, "POST", "/api/v2/environments/default/branches/x/update", HUGE, None, 413),
    (Open, "PUT", FLAG, NOBODY, Some("{}"), 501),

    (Open, "GET", "/api/v2/audit", NOBODY, None, 200),
    (Open, "GET", "/api/v2/audit?limit=x", NOBODY, None, 400),
    (Guarded, "GET", "/api/v2/audit", NOBODY, None, 401),

    (Open, "GET", "/api/v2/proposals", NOBODY, None, 200),
    (Open, "GET", "/api/v2/proposals?limit=x", NOBODY, None, 400),
    (Guarded, "GET", "/api/v2/proposals", NOBODY, None, 401),
    (Open, "GET", PROPOSALS, NOBODY, None, 200),
    (Open, "GET", "/api/v2/proposals/stream?colour=red", NOBODY, None, 400),
    (Guarded, "GET", PROPOSALS, NOBODY, None, 401),
    (Ending, "GET", PROPOSALS, NOBODY, None, 503),
    (Open, "GET", "/api/v2/proposals/x", NOBODY, None, 404),
    (Guarded, "GET", "/api/v2/proposals/x", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/close", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/close", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/close", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/close", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/reopen", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/reopen", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/reopen", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/reopen", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/ready", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/ready", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/ready", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/ready", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/draft", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/draft", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/draft", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/draft", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/edit", NOBODY, Some(r#"{"title":"x"}"#), 404),
    (Open, "POST", "/api/v2/proposals/x/edit", NOBODY, Some(r#"{"title":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/edit", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/edit", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/merge", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/merge", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/merge", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/merge", NOBODY, None, 401),
    (Open, "POST", "/api/v2/proposals/x/update", NOBODY, None, 404),
    (Open, "POST", "/api/v2/proposals/x/update", NOBODY, Some(r#"{"colour":1}"#), 400),
    (Open, "POST", "/api/v2/proposals/x/update", HUGE, None, 413),
    (Guarded, "POST", "/api/v2/proposals/x/update", NOBODY, None, 401),

    (Written, "GET", "/api/v2/environments/default/namespaces", NOBODY, None, 200),
    (Written, "GET", "/api/v2/environments/default/namespaces/venus", NOBODY, None, 200),
    (Written, "GET", "/api/v2/environments/default/namespaces/nope", NOBODY, None, 404),
    (Written, "POST", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"shop","name":"Shop"}"#), 200),
    (Written, "POST", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"shop"}"#), 409),
    (Written, "PUT", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"shop","name":"The shop"}"#), 200),
    (Written, "PUT", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"shop","name":"X","revision":"{{first}}"}"#), 409),
    (Written, "POST", RESOURCES, NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Flag","name":"x","type":"BOOLEAN_FLAG_TYPE"}}"#), 200),
    (Written, "POST", RESOURCES, NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Flag","name":"x","type":"BOOLEAN_FLAG_TYPE"}}"#), 409),
    (Written, "PUT", RESOURCES, NOBODY, Some(r#"{"key":"x","dryRun":true,"payload":{"@type":"flipt.core.Flag","name":"y","type":"BOOLEAN_FLAG_TYPE"}}"#), 200),
    (Written, "PUT", RESOURCES, NOBODY, Some(r#"{"key":"x","revision":"{{first}}","payload":{"@type":"flipt.core.Flag","name":"y","type":"BOOLEAN_FLAG_TYPE"}}"#), 409),
    (Written, "GET", FLAGS, NOBODY, None, 200),
    (Written, "GET", FLAG, NOBODY, None, 200),
    (Written, "GET", FLAG, &[("If-None-Match", "{{etag}}")], None, 304),
    (Written, "PUT", RESOURCES, &[("If-Match", "{{etag}}")], Some(r#"{"key":"x","payload":{"@type":"flipt.core.Flag","name":"z","type":"BOOLEAN_FLAG_TYPE"}}"#), 200),
    (Written, "DELETE", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x?revision={{first}}", NOBODY, None, 409),
    (Written, "POST", "/api/v2/environments/default/changes", NOBODY, Some(TWO_CHANGES), 200),
    (Written, "POST", "/api/v2/environments/default/changes", NOBODY, Some(TWO_CHANGES), 409),
    (Written, "POST", "/api/v2/environments/default/branches", NOBODY, Some(r#"{"key":"next"}"#), 200),
    (Written, "POST", "/api/v2/environments/default/branches", NOBODY, Some(r#"{"key":"next"}"#), 409),
    (Written, "GET", "/api/v2/environments/default/branches", NOBODY, None, 200),
    (Written, "POST", "/api/v2/environments/default/branches/next/update", NOBODY, None, 200),
    (Written, "PUT", "/api/v2/environments/next/namespaces/shop/resources", NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Flag","name":"there","type":"BOOLEAN_FLAG_TYPE"}}"#), 200),
    (Written, "GET", "/api/v2/environments/default/branches/next/changes?limit=1", NOBODY, None, 200),
    (Written, "GET", "/api/v2/environments/default/branches/next/changes?limit=x", NOBODY, None, 400),
    (Written, "GET", "/api/v2/environments/default/branches/gone/changes", NOBODY, None, 404),
    (Written, "PUT", RESOURCES, NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Flag","name":"here","type":"BOOLEAN_FLAG_TYPE"}}"#), 200),
    (Written, "POST", "/api/v2/environments/default/branches/next/update", NOBODY, None, 409),
    (Written, "DELETE", "/api/v2/environments/default/branches/next", NOBODY, None, 200),
    (Written, "GET", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/history", NOBODY, None, 200),
    (Written, "POST", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/revert", NOBODY, Some(r#"{"to":"{{first}}","dryRun":true}"#), 200),
    (Written, "DELETE", FLAG, NOBODY, None, 200),
    (Written, "DELETE", "/api/v2/environments/default/namespaces/shop?revision={{first}}", NOBODY, None, 409),
    (Written, "DELETE", "/api/v2/environments/default/namespaces/shop", NOBODY, None, 200),
    (Gone, "GET", "/api/v2/environments/default/namespaces", NOBODY, None, 503),
    (Gone, "GET", "/api/v2/environments/default/namespaces/x", NOBODY, None, 503),
    (Gone, "POST", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 503),
    (Gone, "PUT", "/api/v2/environments/default/namespaces", NOBODY, Some(r#"{"key":"x"}"#), 503),
    (Gone, "DELETE", "/api/v2/environments/default/namespaces/x", NOBODY, None, 503),
    (Gone, "GET", FLAGS, NOBODY, None, 503),
    (Gone, "GET", FLAG, NOBODY, None, 503),
    (Gone, "GET", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/history", NOBODY, None, 503),
    (Gone, "POST", "/api/v2/environments/default/namespaces/shop/resources/flipt.core.Flag/x/revert", NOBODY, Some(r#"{"to":"0123456789012345678901234567890123456789"}"#), 503),
    (Gone, "POST", RESOURCES, NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Segment","name":"x"}}"#), 503),
    (Gone, "PUT", RESOURCES, NOBODY, Some(r#"{"key":"x","payload":{"@type":"flipt.core.Segment","name":"x"}}"#), 503),
    (Gone, "DELETE", FLAG, NOBODY, None, 503),
    (Gone, "POST", "/api/v2/environments/default/changes", NOBODY, Some(A_CHANGE), 503),
    (Gone, "GET", "/api/v2/environments/default/branches", NOBODY, None, 503),
    (Gone, "POST", "/api/v2/environments/default/branches", NOBODY, None, 503),
    (Gone, "GET", "/api/v2/environments/default/branches/x/changes", NOBODY, None, 503),
    (Gone, "DELETE", "/api/v2/environments/default/branches/x", NOBODY, None, 503),
    (Gone, "POST", "/api/v2/environments/default/branches/x/update", NOBODY, None, 503),

    // With the deliveries of above.
    (Open, "GET", "/api/v2/storages/flags/deliveries", NOBODY, None, 200),
    (Open, "GET", "/api/v2/storages/flags/deliveries?limit=x", NOBODY, None, 400),
    (Open, "GET", "/api/v2/storages/nope/deliveries", NOBODY, None, 404),
    (Guarded, "GET", "/api/v2/storages/flags/deliveries", NOBODY, None, 401),

    (Guarded, "GET", "/health", NOBODY, None, 200),
    (Open, "GET", "/ready", NOBODY, None, 200),
    (Bare, "GET", "/ready", NOBODY, None, 503),
    (Guarded, "GET", "/metrics", NOBODY, None, 200),
    (Guarded, "HEAD", "/metrics", NOBODY, None, 200),
    (Guarded, "GET", "/openapi.json", NOBODY, None, 200),
    (Guarded, "GET", "/openapi.json", &[("If-None-Match", "{{etag}}")], None, 304),
    (Guarded, "HEAD", "/openapi.json", NOBODY, None, 200),
    (Guarded, "HEAD", "/openapi.json", &[("If-None-Match", "{{etag}}")], None, 304),

    (Open, "GET", "/nope", NOBODY, None, 404),
    (Open, "GET", "/ofrep/v1/configuration", NOBODY, None, 404),
    (Open, "DELETE", "/evaluate/v1/boolean", NOBODY, None, 501),
    (Open, "PUT", "/ofrep/v1/evaluate/flags/all", NOBODY, None, 501),
    (Open, "POST", "/api/v2/storages", NOBODY, None, 501),
];

#[test]
fn everything_that_is_described_is_answered() {
    let servers = [Open, Guarded, Busy, Bare, Ending].map(|at| (at, server(at)));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut written, mut gone) =
        runtime.block_on(async { (management::recorded_world("").await, management::unreachable_world().await) });
    let first = written.forge.repository().tip("main").unwrap().unwrap();
    let address = |at: At| match at {
        Written => written.daemon().address(),
        Gone => gone.daemon().address(),
        _ => servers.iter().find(|(known, _)| *known == at).unwrap().1.address,
    };
    let mut reached = BTreeSet::new();
    let mut etag = String::new();
    openapi::reached();
    let calls = CALLS
        .iter()
        .map(|(at, method, path, headers, body, status)| (*at, *method, *path, headers.to_vec(), *body, *status));
    for (at, method, path, headers, body, status) in calls.chain(refused()) {
        let address = address(at);
        let (asked, body) = (path.replace("{{first}}", &first), body.map(|body| body.replace("{{first}}", &first)));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.replace("{{etag}}", &etag))).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut told = String::new();
        let got = if status == 200 && (path == STREAM || path == CHANGES || path == PROPOSALS) {
            let mut stream = wire::open(address, method, path, &headers, None);
            let events = !headers.is_empty();
            // The pause before coming back is an event of its own.
            for _ in 0..=usize::from(events) {
                stream.until(if events || path == PROPOSALS { "\n\n" } else { "\n" });
            }
            stream.status
        } else {
            let answer = wire::send(address, method, &asked, &headers, body.as_deref().map(str::as_bytes));
            etag = answer.header("etag").unwrap_or(etag);
            told = answer.text();
            answer.status
        };
        assert_eq!(got, status, "{at:?} {method} {path} {headers:?}: {told}");
        reached.extend(openapi::reached());
    }
    runtime.block_on(async {
        written.stop_daemon().await;
        gone.stop_daemon().await;
    });
    let described = described();
    let excused =
        |(id, status, _): &&Reached| UNREACHED.iter().any(|(of, excused, _)| names(of, id) && excused == status);
    let missing: Vec<_> = described.difference(&reached).filter(|one| !excused(one)).collect();
    assert!(missing.is_empty(), "described and never answered: {missing:#?}");
    for (of, status, why) in UNREACHED {
        let still = described.difference(&reached).any(|(id, other, _)| names(of, id) && other == status);
        assert!(still, "{of} {status} is excused ({why}) and needs no excuse");
    }
}

/// Whether an excuse is about an operation.
fn names(of: &str, id: &str) -> bool {
    of == "*" || of.split('|').any(|one| one == id)
}

/// What is refused to nobody is refused as well to somebody who may not, and to anybody who comes too often.
fn refused() -> impl Iterator<Item = Made> {
    let nobody = CALLS.iter().filter(|(at, .., status)| (*at, *status) == (Guarded, 401));
    nobody.flat_map(|(_, method, path, headers, body, _)| {
        // What is asked only who it is: each item of a batch is judged by itself, a list has what may be seen.
        let all = [
            "/evaluate/v1/batch",
            "/meta/info",
            "/auth/v1/self",
            "/auth/v1/self/revoke",
            "/api/v2/environments",
            "/api/v2/audit",
        ];
        // Who may not see a proposal is not told that it is there.
        let elsewhere = !all.contains(path) && !path.starts_with("/api/v2/proposals");
        let elsewhere = elsewhere.then(|| (Guarded, *method, *path, [*headers, &[ELSEWHERE]].concat(), *body, 403));
        elsewhere.into_iter().chain([(Busy, *method, *path, headers.to_vec(), *body, 429)])
    })
}

/// The answer with the most shapes, for every flag of the fixtures.
#[test]
fn every_explanation_is_described() {
    let server = server(Open);
    let environment = server.environment("default").load();
    let mut count = 0;
    for namespace in environment.flags.namespaces.values() {
        for flag in namespace.flags_by_key() {
            for entity in ["", "u1", "u2"] {
                let context = serde_json::json!({ "plan": "gold", "n": 5, "list": ["a"], "on": "true" });
                let body = serde_json::json!({
                    "namespaceKey": *namespace.key, "flagKey": *flag.key, "entityId": entity, "context": context,
                });
                assert_eq!(server.post("/api/v2/explain", &body.to_string()).status, 200);
                count += 1;
            }
        }
    }
    assert!(count > 200, "only {count} were asked for");
}

/// Everything that the document says is answered.
fn described() -> BTreeSet<Reached> {
    let mut described = BTreeSet::new();
    for operation in DOCUMENT["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let id = operation["operationId"].as_str().unwrap();
        for (status, response) in operation["responses"].as_object().unwrap() {
            let status = status.parse().unwrap();
            match response["content"].as_object() {
                Some(content) => {
                    described.extend(content.keys().map(|mime| (id.to_owned(), status, mime.clone())));
                }
                None => drop(described.insert((id.to_owned(), status, String::new()))),
            }
        }
    }
    described
}

fn server(at: At) -> Server {
    let environments = match at {
        Bare => vec![environment("default", true)],
        _ => vec![of_directory("default", true, "main/dev"), of_directory("production", false, "main/production")],
    };
    let settings = match at {
        Guarded => Settings { authentication: tokens(false), ..Settings::default() },
        Busy => {
            let once = Rate { every: Duration::from_secs(3_600), burst: 1 };
            let rates = config::Rates { requests: Some(once), ..config::Rates::default() };
            Settings { rates: Rates::from(&rates), ..Settings::default() }
        }
        _ => Settings::default(),
    };
    let server = Server::start(environments, settings);
    if at == Busy {
        assert_eq!(server.get("/api/v1/flags").status, 200);
    }
    let endpoint = |storage: &str, environment: &str, provider| Endpoint {
        storage: storage.into(),
        provider,
        secrets: vec![SecretString::from("secret")],
        repository: remote::parse("https://git.example.com/acme/flags"),
        branches: vec!["main".into()],
        environments: vec![environment.into()],
    };
    server.state.ingest.set_endpoints(vec![
        endpoint("flags", "default", Provider::Gitlab),
        endpoint("center", "centre", Provider::BitbucketDataCenter),
    ]);
    server.state.board.set(vec![status::Storage::new(
        "flags".into(),
        Some("https://git.example.com/acme/flags".to_owned()),
        "main".into(),
    )]);
    server.state.board.update("flags", |storage| {
        storage.last_fetch = Some(jiff::Timestamp::now());
        storage.environments = vec![status::Environment {
            name: "default".into(),
            base: None,
            commit: Some("c0ffee".into()),
            from_disk: false,
            since: Some(jiff::Timestamp::now()),
            namespaces: vec![("default".into(), 3)],
            held: vec!["bad".into()],
            problems: Vec::new(),
        }];
    });
    if at == Ending {
        server.state.environments.streams().drain();
        server.state.ingest.drain();
    }
    server
}
