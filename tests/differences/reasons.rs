//! Why something is different, said once for all requests that it is seen in.

/// What is done here, what Flipt does, and why.
pub struct Reason {
    /// What it is about; a heading of the page.
    pub topic: &'static str,
    pub here: &'static str,
    pub there: &'static str,
    pub why: &'static str,
}

/// The headings of the page, in their order.
pub const TOPICS: [&str; 8] = [REQUESTS, ANSWERS, MANAGEMENT, STREAMS, GIT, CONFIGURATION, MEASURES, VALIDATE];
pub const REQUESTS: &str = "Requests";
pub const ANSWERS: &str = "Answers";
pub const MANAGEMENT: &str = "Management";
pub const STREAMS: &str = "Streams";
pub const GIT: &str = "Git";
pub const CONFIGURATION: &str = "Configuration";
pub const MEASURES: &str = "Metrics";
pub const VALIDATE: &str = "`validate`";

macro_rules! reasons {
    ($($name:ident: $topic:ident, $here:literal, $there:literal, $why:literal;)*) => {
        $(pub const $name: Reason = Reason { topic: $topic, here: $here, there: $there, why: $why };)*
    };
}

reasons! {
    NATIVE: REQUESTS, "context values of any JSON type are taken, as the text of their JSON", "400 for all but strings",
        "published SDKs send numbers and truth values as they are";
    DEFAULTED: REQUESTS, "a list of flags without an environment is one of the default environment", "404",
        "published SDKs name no environment";
    VALIDATORS: REQUESTS, "`If-None-Match` names a tag as it is, quoted, weak or in a list", "only byte for byte",
        "proxies rewrite tags";
    PRETTY: REQUESTS, "`?pretty` is ignored", "indents, and leaves out zero values",
        "clients parse JSON, and those that need a field break where it is left out";
    SLASH: REQUESTS, "a slash at the end is passed over on every path", "on most paths", "one rule is enough";
    HEADERS: REQUESTS, "the head of a request may have 128 KiB", "1 MiB", "nobody needs more, and thousands may send it at once";
    NO_GRPC: REQUESTS, "`Grpc-Timeout` is ignored", "400 where it is malformed", "there is no gRPC behind, whose timeout it would be";
    ACCEPT: REQUESTS, "a media type with a parameter, and one among others on OFREP's stream, is taken as that type",
        "compared letter by letter", "clients send both";
    DIGESTS: REQUESTS, "a stream takes any digest", "400 for the 32 characters of a namespace of several documents",
        "it is the digest that the server itself gave";
    STRANGERS: REQUESTS, "a caller who is not known has no body read: 401", "400 for a body that makes no sense",
        "strangers should cost nothing";
    OFREP_KEY: ANSWERS, "every failure of an OFREP evaluation of one flag names the flag", "400, and 404 for an environment, without a key",
        "the specification requires it, and providers report anything else as a broken answer";
    NO_500: ANSWERS, "400 for a negative limit", "500", "it is the mistake of the client";
    PARSER: ANSWERS, "malformed input is told with line and column", "with the message of Go's parser", "the message of a parser is the parser's own";
    NO_UI: ANSWERS, "an unknown path is 404 in JSON", "the page of the interface, or 404 in plain text", "there is no file server behind the API";
    METHOD: ANSWERS, "a wrong method is 501 on every path", "406 on OFREP's stream", "one rule is enough";
    NAMED: ANSWERS, "a default variant in a list names the namespace that it is in", "not where the namespace was not asked for by name", "it is in one either way";
    LIST_FIELDS: ANSWERS, "listed flags have `namespaceKey`, `createdAt` and `updatedAt`", "empty or missing", "a published SDK refuses a list without them";
    LINKED: ANSWERS, "segments of another document of the namespace are in the client snapshot too", "missing",
        "without them clients evaluate otherwise than the server";
    OTHERS: ANSWERS, "a flag of an OFREP bulk evaluation that fails does not fail the others", "the whole call fails", "the specification has a place for it";
    STABLE: ANSWERS, "OFREP without a targeting key is the entity `\"\"`", "a random one for each flag and call", "answers and tag stay the same, and no flag flaps";
    TAG: ANSWERS, "the `Etag` of an OFREP bulk answer changes whenever any answer does", "not with attachments, reasons and values", "a change of an attachment would never be seen";
    ONE_CODING: ANSWERS, "snapshots are compressed with gzip", "and with deflate; other answers too", "gzip is the one coding that clients in use ask for";
    PRODUCT: ANSWERS, "`/meta/info` names our version and the product `oss`", "Flipt's, Go's, and the licence", "the interface shows by that word what there is";
    WHOSE: ANSWERS, "`/auth/v1/self` tells name and scopes, and no metadata of a token", "the `metadata` of the configuration", "what a token may do is what its holder asks";
    NO_TOKEN_API: ANSWERS, "there is no API of tokens and sessions: 404", "lists tokens, ends sessions", "tokens are in a file that `yardarm token` keeps, and there are no sessions";
    NAMESPACES: MANAGEMENT, "namespaces are known by the keys of their documents, wherever these stand, also in JSON files", "by directories, and only those directly below the environment's", "what is evaluated can be seen";
    LAST_COUNTS: MANAGEMENT, "of two flags of one key the one is listed that counts, where it counts", "the first", "it is the one that is evaluated";
    LISTS: MANAGEMENT, "the list of a constraint is compact JSON, in the order in which it was sent", "stored sorted", "nobody's order is changed, and a text of one meaning has one form";
    STORED: MANAGEMENT, "a write is answered with what is stored, complete", "with what was sent", "it is what the next `GET` says";
    OWN_REVISION: MANAGEMENT, "a revision is about the one namespace, flag or segment: other commits never stand in the way", "409 after any commit of the branch", "people who change different things do not wait for each other";
    VERSIONS: MANAGEMENT, "a conflict carries what was seen, what is wanted and what is there", "only that the branch has moved", "whoever gets it can decide";
    MERGED: MANAGEMENT, "a change of other fields than somebody else's since is joined with it, and the answer says so", "409", "nobody's change is lost, and nobody has to type it again";
    MISSING: MANAGEMENT, "deleting what is not there is 404", "200, and an empty commit", "a misspelt key is no success";
    NO_EMPTY_COMMIT: MANAGEMENT, "what changes nothing makes no commit", "an empty one", "a history is read by people";
    CLIENT: MANAGEMENT, "a mistake in a request is 400 or 404, with its place", "500, or 404 for a payload, with the text of the validator", "it is the mistake of the client, who should find it";
    MEANINGLESS: MANAGEMENT, "what would not be evaluated as it reads is refused: shares over 100, rules for nobody, variants twice or missing, values that are no number, date or list", "stored as it is, or as something else", "it is a mistake that nobody would see";
    MISSPELT: MANAGEMENT, "a field that is not known is refused, with the nearest name; what Flipt's interface sends beside a resource is dropped", "ignored", "a misspelt field is a change that somebody believes in";
    ONE_KEY: MANAGEMENT, "the key of a payload is that of the request, or left out", "the request's counts", "nobody meant both";
    NAMESPACE_KEYS: MANAGEMENT, "keys of namespaces are made like those of flags", "of anything", "one that is not breaks the environment in Flipt";
    WORDS: MANAGEMENT, "what is wrong with a request is told in other words", "in those of Go's parser, or of another check", "the message of a parser is the parser's own";
    NOT_FROZEN: MANAGEMENT, "a change of a namespace leaves its file valid", "writes lists under version 1.5, and freezes the environment", "no edit may break what is served";
    EDITED: MANAGEMENT, "an edit leaves every other byte of the file as it is, so the digest after it is another than in Flipt", "the file is written anew", "comments and order belong to people";
    BRANCH_NAMES: MANAGEMENT, "names of branches are letters, digits, `-`, `_` and `.`, at most 100, and begin with none of the marks but `_`", "whatever Git takes, and 500 for the rest; a branch `a/b` is the environment `a`", "the name is a part of URLs, of Git's names and of command lines, on every machine";
    BRANCH_OF_BRANCH: MANAGEMENT, "a branch has no branches of its own: 400", "it has, and they go back to nowhere", "there is one way back, to the base";
    BRANCH_DEFAULT: MANAGEMENT, "`default` is false on every branch", "that of its base", "there is one default environment";
    BRANCH_MISSING: MANAGEMENT, "deleting a branch that is not there is 404", "200", "a misspelt name is no success";
    BRANCH_BASE: MANAGEMENT, "a branch is known by its base and its name: through another base it is 404, and no configured environment is ever unloaded", "an environment of that name is unloaded, also a configured one", "nobody takes away what they did not name";
    NO_SIDE_EFFECT: MANAGEMENT, "reading the changes of a branch, or proposing it, makes no branch", "makes and pushes one where it is missing", "a misspelt name makes nothing";
    WHAT_IS_MISSING: MANAGEMENT, "proposing without a provider is 501, and says what is missing", "501", "somebody has to configure it";
    BRANCH_COMMITS: MANAGEMENT, "the commits of a branch are read from Git, page by page", "501 without a provider and a licence, else the newest ten", "everybody may see what a branch would bring";
    BRANCH_LIVE: MANAGEMENT, "a change on a branch is evaluated as soon as it is answered", "never more, once the changes of the branch were read or it was proposed", "what is answered is live";
    METRICS: MEASURES, "metrics are OpenMetrics", "Prometheus' text", "Prometheus asks for it first, and units and ends are part of it";
    LABELS: MEASURES, "evaluations are counted by environment, namespace and reason", "also by flag, segments and value, and with what OpenTelemetry adds", "labels that grow with the flags make series without end";
    GIT_METRICS: MEASURES, "what storages do is in `yardarm_fetches`, `yardarm_storage_…` and `yardarm_deliveries`", "`flipt_git_…`", "other things happen to them";
    UNTIMED: MEASURES, "snapshots and streams are counted, their time and their failures are not", "both", "they are written from memory; who is turned away is in `yardarm_requests_refused`";
    RUNTIME_METRICS: MEASURES, "nothing of the runtime and the process", "Go's, gRPC's and the process's", "the service manager and the node exporter have it";
    NOTHING_CHECKED: VALIDATE, "2 where no flag file was found", "0", "nothing was checked, which is not a success: a CI job that names the wrong directory would stay green";
    ASKED_WRONGLY: VALIDATE, "2 for a wrong argument or a file that is missing", "1", "a CI job can tell it from a file with errors";
    ANY_PATH: VALIDATE, "a path may be written in any way", "`./` is an error", "the machine understands it";
    EXIT_CODES: VALIDATE, "exit codes are fixed: 0 no error, 1 errors, 2 it could not be done", "`--issue-exit-code`", "scripts are easier to read";
    NO_CUE: VALIDATE, "there are no schemas of one's own", "`-e FILE.cue`", "there is no CUE";
    FLIPT_YAML: VALIDATE, "`flipt.yaml` is not read", "a version like `1.0` is an error, and breaks the environment", "nothing that is served depends on it";
    PLAIN_STREAMS: STREAMS, "streams are not compressed", "compressed where the client takes gzip", "each would need a window of its own";
    OPEN: STREAMS, "streams stay open, answer with headers at once, and have keep-alives: a blank between lines, a comment between events", "cut after ten seconds, and without headers until there is something to tell", "clients live on reconnects otherwise";
    RETRY: STREAMS, "the first event sets `retry`, different for each client", "no pause is said", "a restart does not bring all clients back in one moment";
    GONE: STREAMS, "an event stream tells that a namespace is gone", "nothing is sent", "the client asks again, and knows";
    DISORDER: STREAMS, "clients are told after the new state is live", "before: some get the state of before, with a 304", "who asks at once gets what it was told of";
    BRANCH_STREAMS: STREAMS, "branch environments are streamed", "nothing is ever sent", "they are environments";
    HELD: GIT, "one bad file holds its own namespaces at their last good state", "the whole environment, and all that follows until it is repaired", "a mistake of one team is no outage of another";
    NOT_READY: GIT, "a start that finds nothing to serve is alive and not ready (`/ready`), and the status API says why", "healthy, and a line in the log", "somebody has to notice";
    UNREACHABLE: GIT, "a remote that cannot be reached does not end the start: what was served last is served", "exits, unless `fetch_policy: lenient` and data", "a restart at night needs no provider";
    NO_BRANCH: GIT, "a missing branch is an error that is shown", "made on the remote, with a commit", "reading should not write";
    SHADOW: GIT, "a branch environment never takes the name of a configured one", "shadows it", "a branch would change production";
    STRICT: CONFIGURATION, "keys and values that mean nothing are errors", "ignored", "a misspelt key is a setting that somebody believes in";
    SAME_NAME: CONFIGURATION, "two environments of one name are an error", "become one of them", "one of them is not served";
    CASE: CONFIGURATION, "names keep their case", "lower-cased", "storages of upper case cannot be referred to otherwise";
    PASSPHRASE: CONFIGURATION, "an SSH key needs no passphrase", "an error", "machines have keys without one";
}
