//! Every number that bounds something, with its reason. A bound that stands anywhere else is a defect.

use std::time::Duration;

/// A flag file larger than this is a problem of the file, not of our memory: 10 MB of YAML are 24,000 flags.
pub const FLAG_FILE_BYTES: usize = 64 * 1024 * 1024;
/// Nesting of a YAML or JSON document; a flag with a deep attachment needs about twelve.
pub const YAML_DEPTH: usize = 128;
/// Nodes of one YAML file after its aliases are expanded; 100,000 flags in one file are about four million.
pub const YAML_NODES: usize = 16_000_000;
/// A configuration file; the largest seen has a few hundred lines.
pub const CONFIG_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Body of a webhook: GitHub and GitLab send at most 25 MB.
pub const WEBHOOK_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Bytes of webhook bodies held at one time over all deliveries; past it a delivery is told to come back.
pub const WEBHOOK_IN_FLIGHT_BYTES: usize = 128 * 1024 * 1024;
/// A body that has not arrived by then will not be waited for: providers send it in one go.
pub const WEBHOOK_BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Nesting of a payload; the deepest recorded one has eleven levels. `serde_json` stops at 128 by itself.
pub const PAYLOAD_DEPTH: usize = 64;
/// Age, either way, that the signed timestamp of a delivery may have (Standard Webhooks, GitLab 19.0).
pub const SIGNATURE_WINDOW: Duration = Duration::from_secs(300);
/// Signatures that are looked at in one list; GitLab sends one a signing token.
pub const SIGNATURES_PER_HEADER: usize = 8;
/// Delivery ids remembered for deduplication, over all endpoints; GitHub keeps a delivery for three days.
pub const DEDUPE_IDS: usize = 16_384;
/// Deliveries kept for the status API, a storage.
pub const DELIVERIES_KEPT: usize = 256;

/// Body of an evaluation request; Flipt takes 12 MB and more, a batch of 10,000 with contexts is 4 MB.
pub const EVALUATION_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Requests in one batch.
pub const BATCH_ITEMS: usize = 10_000;
/// Streams open at one time; past it the answer is 503, well below the limit of open files.
pub const STREAMS: usize = 16_000;
/// A stream that had nothing to say says so, before proxies cut it (60 s is the usual limit).
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Reaching a Git server: name, connection and TLS.
pub const GIT_CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A conversation that only lists refs.
pub const GIT_LIST_DEADLINE: Duration = Duration::from_secs(30);
/// A fetch into a mirror that has the history.
pub const GIT_FETCH_DEADLINE: Duration = Duration::from_secs(120);
/// The first clone.
pub const GIT_CLONE_DEADLINE: Duration = Duration::from_secs(1_800);
/// Packs in a mirror before it is compacted; each fetch makes one.
pub const GIT_PACKS: usize = 50;
/// Shortest poll interval, as in Flipt v2.
pub const POLL_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two tries after a failed fetch.
pub const FETCH_BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long a commit that a webhook announced is awaited when the remote does not show it (replica lag).
pub const COMMIT_AWAITED: Duration = Duration::from_secs(30);
/// Environments, branch environments included; a hostile remote could otherwise make one a branch without end.
pub const BRANCH_ENVIRONMENTS: usize = 256;
/// Time to finish what is under way after SIGTERM.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How often a wait looks whether it was told to stop.
pub const NET_STOP_LOOK: Duration = Duration::from_millis(25);
/// How long an idle connection is kept for the next request; a poll every 30 s finds it warm.
pub const NET_IDLE: Duration = Duration::from_secs(90);
/// Probes that keep the entry of a connection in the tables on its way.
pub const NET_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Longest wait that a server may impose by `Retry-After`.
pub const NET_RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
/// An answer of a provider's API; a page of 100 pull requests is about 2 MB.
pub const NET_JSON_BYTES: usize = 16 * 1024 * 1024;
/// Redirects of one Git request: a renamed project, and http to https before it.
pub const GIT_REDIRECTS: usize = 4;
/// Capabilities and refs of a remote; 16 MiB list about 200,000 branches.
pub const GIT_LIST_BYTES: u64 = 16 * 1024 * 1024;
/// One pack on the wire. Flag repositories have megabytes; a monorepo's first clone has a few gigabytes.
pub const GIT_PACK_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// One object in memory; nothing that is read by us is larger than a flag file, but a pack's deltas may pass by it.
pub const GIT_OBJECT_BYTES: usize = 1024 * 1024 * 1024;
/// Commits that we tell the remote we have; it finds the common ones from a handful.
pub const GIT_HAVES: usize = 256;
/// How long the capabilities of a server are believed before they are asked for again.
pub const GIT_CAPABILITIES_FRESH: Duration = Duration::from_secs(600);
/// Packs that one open mirror can index; compaction keeps it far below.
pub const GIT_PACK_SLOTS: u16 = 1024;
/// Entries of trees looked at below one directory. A tree can name itself's twin ten times a level and so
/// stand for more files than there are atoms, in a few hundred bytes.
pub const GIT_ENTRIES: usize = 2_000_000;
/// Damaged mirrors kept beside the new one, for whoever wants to know why.
pub const GIT_QUARANTINED: usize = 3;
/// What a Git program said on its standard error, kept for the message.
pub const GIT_STDERR_BYTES: usize = 4096;
/// A token of an app is renewed this long before it ends.
pub const APP_TOKEN_SPARE: Duration = Duration::from_secs(300);
/// A server that says "too many requests" and not until when.
pub const GIT_THROTTLED: Duration = Duration::from_secs(60);
/// How far back in its history that handful reaches.
pub const GIT_HAVE_DISTANCE: u32 = 256;
