//! Recorded requests that are answered otherwise than Flipt answered them.

use super::reasons::{self, Reason};

/// One request, or several of one name.
pub struct Conversation {
    /// The recording, a file in `fixtures/golden`.
    pub file: &'static str,
    /// Name of the recorded request; a `*` at its end stands for anything.
    pub name: &'static str,
    /// What we answer.
    pub status: u16,
    /// What our body holds.
    pub body: &'static str,
    /// Why.
    pub reason: &'static Reason,
}

const fn differs(
    file: &'static str,
    name: &'static str,
    status: u16,
    body: &'static str,
    reason: &'static Reason,
) -> Conversation {
    Conversation { file, name, status, body, reason }
}

/// All of them.
#[rustfmt::skip]
pub const CONVERSATIONS: &[Conversation] = &[
    differs("evaluation-boolean", "context value number", 200, r#""reason":"MATCH_EVALUATION_REASON""#, &reasons::NATIVE),
    differs("evaluation-boolean", "context value decimal", 200, r#""reason":"MATCH_EVALUATION_REASON""#, &reasons::NATIVE),
    differs("evaluation-boolean", "context value boolean", 200, r#""reason":"MATCH_EVALUATION_REASON""#, &reasons::NATIVE),
    differs("evaluation-boolean", "context value array", 200, r#""reason":"MATCH_EVALUATION_REASON""#, &reasons::NATIVE),
    differs("evaluation-boolean", "context value object", 200, r#""reason":"MATCH_EVALUATION_REASON""#, &reasons::NATIVE),
    differs("evaluation-variant", "context value number", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-variant", "context value decimal", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-variant", "context value boolean", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-variant", "context value array", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-variant", "context value object", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-boolean", "pretty", 400, r#""details":[]"#, &reasons::PRETTY),
    differs("evaluation-variant", "pretty", 400, r#""details":[]"#, &reasons::PRETTY),
    differs("evaluation-boolean", "pretty answer", 200, r#""enabled":false"#, &reasons::PRETTY),
    differs("evaluation-variant", "pretty answer", 200, r#""match":false"#, &reasons::PRETTY),
    differs("evaluation-boolean", "accept pretty", 200, r#""enabled":false"#, &reasons::PRETTY),
    differs("evaluation-variant", "accept pretty", 200, r#""match":false"#, &reasons::PRETTY),
    differs("evaluation-batch", "bad context in one item", 200, r#""variantKey":"classic""#, &reasons::NATIVE),
    differs("evaluation-batch", "pretty", 200, r#""enabled":false"#, &reasons::PRETTY),
    differs("snapshots", "if-none-match quoted", 304, "", &reasons::VALIDATORS),
    differs("snapshots", "if-none-match weak", 304, "", &reasons::VALIDATORS),
    differs("snapshots", "if-none-match list", 304, "", &reasons::VALIDATORS),
    differs("snapshots", "pretty", 200, r#""name":"""#, &reasons::PRETTY),
    differs("snapshots", "internal multi", 200, r#""key":"shared""#, &reasons::LINKED),
    differs("snapshots", "client multi", 200, r#""key":"shared""#, &reasons::LINKED),
    differs("list-flags", "no environment", 200, r#""key":"all""#, &reasons::DEFAULTED),
    differs("list-flags", "header blank", 200, r#""key":"j""#, &reasons::DEFAULTED),
    differs("list-flags", "short path without environment", 200, r#""key":"j""#, &reasons::DEFAULTED),
    differs("list-flags", "short path without namespace", 200, r#""namespaceKey":"default""#, &reasons::NAMED),
    differs("list-flags", "query limit=-1", 400, "limit must not be negative", &reasons::NO_500),
    differs("list-flags", "query limit=x", 400, "limit is not a number", &reasons::PARSER),
    differs("list-flags", "pretty", 200, r#""description":"""#, &reasons::PRETTY),
    differs("ofrep", "single context value number", 200, r#""value":true"#, &reasons::NATIVE),
    differs("ofrep", "single context value boolean", 200, r#""value":true"#, &reasons::NATIVE),
    differs("ofrep", "single context value array", 200, r#""value":true"#, &reasons::NATIVE),
    differs("ofrep", "single context value object", 200, r#""value":true"#, &reasons::NATIVE),
    differs("ofrep", "single targetingKey number", 200, r#""value":true"#, &reasons::NATIVE),
    differs("ofrep", "bulk number in context", 200, r#""key":"all""#, &reasons::NATIVE),
    differs("ofrep", "single malformed", 400, r#""key":"kill-switch""#, &reasons::OFREP_KEY),
    differs("ofrep", "single array", 400, r#""key":"kill-switch""#, &reasons::OFREP_KEY),
    differs("ofrep", "single unknown environment", 404, r#""key":"kill-switch""#, &reasons::OFREP_KEY),
    differs("ofrep", "single empty key", 400, r#""key":"""#, &reasons::OFREP_KEY),
    differs("ofrep", "single pretty", 200, r#""reason":"UNKNOWN""#, &reasons::PRETTY),
    differs("ofrep", "bulk if-none-match unquoted weak", 304, "", &reasons::VALIDATORS),
    differs("ofrep", "bulk if-none-match strong quoted", 304, "", &reasons::VALIDATORS),
    differs("ofrep", "bulk if-none-match raw", 304, "", &reasons::VALIDATORS),
    differs("ofrep", "bulk if-none-match list", 304, "", &reasons::VALIDATORS),
    differs("ofrep", "bulk flags with space", 200, r#"{"key":" checkout","errorCode":"FLAG_NOT_FOUND""#, &reasons::OTHERS),
    differs("ofrep", "bulk flags unknown", 200, r#"{"key":"nope","errorCode":"FLAG_NOT_FOUND""#, &reasons::OTHERS),
    differs("ofrep", "bulk no context", 200, r#""key":"all""#, &reasons::STABLE),
    differs("ofrep", "bulk empty body", 200, r#""key":"all""#, &reasons::STABLE),
    differs("ofrep", "stream POST", 501, r#""errorCode":"GENERAL""#, &reasons::METHOD),
    differs("errors", "path /evaluate", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "path /evaluate/v2/boolean", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "path /api/v3", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "path /api", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "path /nope", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "path /favicon.ico", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "double slash", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "upper case path", 404, r#""code":5"#, &reasons::NO_UI),
    differs("errors", "body text", 400, "malformed JSON at line 1", &reasons::PARSER),
    differs("errors", "body single quotes", 400, "malformed JSON at line 1", &reasons::PARSER),
    differs("errors", "body trailing comma", 400, "malformed JSON at line 1", &reasons::PARSER),
    differs("errors", "body byte order mark", 400, "malformed JSON at line 1", &reasons::PARSER),
    differs("errors", "body bad escape", 400, "malformed JSON at line 1", &reasons::PARSER),
    differs("errors", "long header", 431, "", &reasons::HEADERS),
    differs("errors", "too long header", 431, "", &reasons::HEADERS),
    differs("errors", "timeout header", 200, r#""enabled":true"#, &reasons::NO_GRPC),
    differs("health-meta", "/health/*", 200, r#""status":"SERVING""#, &reasons::SLASH),
    differs("health-meta", "accept-encoding deflate", 200, r#""digest":"#, &reasons::ONE_CODING),
    differs("stream", "client: accept with parameter", 200, "id: ", &reasons::ACCEPT),
    differs("stream", "ofrep: accept list", 200, "id: ", &reasons::ACCEPT),
    differs("stream", "ndjson gzip", 200, r#"{"result":{"#, &reasons::PLAIN_STREAMS),
    differs("stream", "ndjson multi-document namespace", 200, r#""digest":"87a6f6093d82f2de3a86e62168423bae""#, &reasons::LINKED),
    differs("stream", "pretty", 200, r#"{"result":{"#, &reasons::PRETTY),
    differs("stream", "digest of 32*", 200, "", &reasons::DIGESTS),
    differs("authentication", "malformed body", 401, r#""code":16"#, &reasons::STRANGERS),
    differs("authentication", "metrics", 200, "", &reasons::METRICS),
];
