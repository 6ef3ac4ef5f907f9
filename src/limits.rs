//! Every number that bounds something, with its reason. A bound that stands anywhere else is a defect.

mod pages;

use std::time::Duration;

pub use self::pages::*;

/// A flag file larger than this is a problem of the file, not of our memory: 10 MB of YAML are 24,000 flags.
pub const FLAG_FILE_BYTES: usize = 64 * 1024 * 1024;
/// Flag files below one environment's directory; the largest known monorepo has some hundreds.
pub const FLAG_FILES: usize = 50_000;
/// Threads that parse flag files, each holding one text; more than the cores of a small machine are no use.
pub const FLAG_READERS: usize = 4;
/// Fewer new files than this are parsed where they are read: a thread costs more than a small file.
pub const FLAG_FILES_ALONE: usize = 8;
/// Nesting of a YAML or JSON document; a flag with a deep attachment needs about twelve.
pub const YAML_DEPTH: usize = 128;
/// Nodes of one YAML file after its aliases are expanded; 100,000 flags in one file are about four million.
pub const YAML_NODES: usize = 16_000_000;
/// What anchors and aliases of one file may copy, in nodes (64 bytes of text count as one). Flipt stops at 50,000.
pub const YAML_COPIED: usize = 500_000;
/// Keys of the top of a document that is read by its parts; flag files have four.
pub const OUTLINE_ENTRIES: usize = 64;
/// A flag file from this size on is read by its parts when it changes; a smaller one is read as a whole in some
/// milliseconds.
pub const PARTS_BYTES: usize = 64 * 1024;
/// Items of a list that were changed, added or removed beside each other, up to which the next one is looked for where it
/// stood; a change of more costs a table of all.
pub const PARTS_NEAR: usize = 64;
/// Problems told of one flag file; who has more repairs the first thousand first.
pub const FLAG_PROBLEMS: usize = 1_000;
/// A configuration file; the largest seen has a few hundred lines.
pub const CONFIG_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Nodes of a configuration after its aliases are expanded; a thousand environments with everything need 30,000.
pub const CONFIG_NODES: usize = 200_000;
/// A file that the configuration refers to: a secret, a key, a bundle of certificates (the system's has 220 KB).
pub const REFERRED_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Characters of a name of a storage or environment: it is a part of URLs, file names and branch names.
pub const NAME_CHARACTERS: usize = 100;
/// Bytes of a scope of a caller: an action and two names.
pub const SCOPE_BYTES: usize = 512;
/// Scopes of one caller; each is looked at with every request.
pub const SCOPES: usize = 64;
/// Tokens of a file; a team of a hundred services in ten environments has a thousand.
pub const TOKENS: usize = 10_000;
/// A JWT that a stream keeps, to be looked at again when the rules change; those of identity providers have about 1 KB.
pub const HELD_CREDENTIAL_BYTES: usize = 8 * 1024;
/// Callers whose requests are counted at one time, where a rate is limited; 1 MB.
pub const RATE_KEYS: usize = 65_536;
/// Most requests a second that a limit may be set to.
pub const RATE_MAX: i64 = 1_000_000;
/// Addresses of `X-Forwarded-For` that are looked at, from the end; a chain of proxies has three.
pub const FORWARDED_HOPS: usize = 16;
/// A file of tokens; ten thousand with a scope each have 3 MB.
pub const TOKEN_FILE_BYTES: u64 = REFERRED_FILE_BYTES;
/// How often it is looked at whether it has changed: how long a token that was revoked may still be accepted.
pub const TOKEN_FILE_LOOK: Duration = Duration::from_secs(1);
/// How long `yardarm token` waits for another one that writes the same file.
pub const TOKEN_FILE_LOCK: Duration = Duration::from_secs(10);
/// Characters of a line that a finding shows.
pub const EXCERPT_CHARACTERS: usize = 160;
/// Steps of one flag up to which a comparison finds out which of them stayed in their order; that costs the square.
pub const DIFF_STEPS: usize = 1_000;
/// Places of one attachment that a comparison tells.
pub const DIFF_VALUES: usize = 50;
/// A comparison as a comment: GitHub takes 65,536 characters, Bitbucket half of that.
pub const DIFF_MARKDOWN_BYTES: usize = 30_000;
/// Groups of entities of one flag that a comparison counts answers for; a flag with more names more segments than a
/// person reads about.
pub const DIFF_GROUPS: usize = 32;
/// A line longer than this is not shown at all: its place has to be counted out, for each of a thousand findings.
pub const EXCERPT_LINE_BYTES: usize = 256 * 1024;
/// Characters of a value that the message of a finding quotes.
pub const QUOTED_CHARACTERS: usize = 80;
/// Secrets of one endpoint that are valid at once; each costs a hash of every forged body. Rotation needs two.
pub const WEBHOOK_SECRETS: usize = 8;

/// Body of a webhook: GitHub and GitLab send at most 25 MB.
pub const WEBHOOK_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Bytes of webhook bodies held at one time over all deliveries; past it a delivery is told to come back. The last
/// quarter is for bodies up to [`WEBHOOK_INLINE_BYTES`].
pub const WEBHOOK_IN_FLIGHT_BYTES: usize = 128 * 1024 * 1024;
/// A body that has not arrived by then will not be waited for: providers send it in one go.
pub const WEBHOOK_BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Nesting of a payload that is looked into; the deepest recorded one has eleven levels. Below it is skipped.
pub const PAYLOAD_DEPTH: usize = 64;
/// Items kept of one list in a payload; a longer list of refs counts as "which ones is not known", never as none.
pub const PAYLOAD_LIST: usize = 4_096;
/// Values kept of one payload: a push with a full list of refs has about six a ref.
pub const PAYLOAD_NODES: usize = 65_536;
/// Bytes of one text kept of a payload; the longest one that is used is a URL.
pub const PAYLOAD_TEXT: usize = 4_096;
/// Bytes of a name that is repeated in records, logs and the status API; a ref has at most 255 a component.
pub const PAYLOAD_TEXT_SHOWN: usize = 512;
/// Bodies above this are hashed and read on a thread of their own, so that one large delivery delays no other.
pub const WEBHOOK_INLINE_BYTES: usize = 256 * 1024;
/// What a sender that met a full gate is told to wait; a full gate drains as fast as bodies are read.
pub const WEBHOOK_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Age, either way, that the signed timestamp of a delivery may have (Standard Webhooks, GitLab 19.0).
pub const SIGNATURE_WINDOW: Duration = Duration::from_secs(300);
/// Signatures that are looked at in one list; GitLab sends one a signing token.
pub const SIGNATURES_PER_HEADER: usize = 8;
/// Delivery ids remembered for deduplication, over all endpoints; GitHub keeps a delivery for three days.
pub const DEDUPE_IDS: usize = 16_384;
/// After this a delivery whose run nobody has reported on may run again: longer than a fetch with its retries.
pub const DELIVERY_RUNNING: Duration = Duration::from_secs(300);
/// Deliveries kept for the status API, a storage.
pub const DELIVERIES_KEPT: usize = 256;
/// Refused requests kept for the status API, a storage; apart, so that no flood of forgeries hides what was real.
pub const REFUSALS_KEPT: usize = 64;
/// One line in the log for refused requests of an endpoint in this time; the next one tells how many there were.
pub const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Body of an evaluation request; Flipt takes 12 MB and more, a batch of 10,000 with contexts is 4 MB.
pub const EVALUATION_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of large evaluation bodies held at one time over all requests; past it the answer is 503.
pub const EVALUATION_IN_FLIGHT_BYTES: usize = 128 * 1024 * 1024;
/// A body up to this size is not counted against that sum: thousands of them are in flight on a busy day.
pub const EVALUATION_SMALL_BODY: usize = 64 * 1024;
/// A request body that has not arrived by then will not be waited for.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Changes of one request; a commit that nobody reads any more is no small one.
pub const CHANGES: usize = 1_000;
/// Message of a commit that a request brings; a long one has 4 KB.
pub const COMMIT_MESSAGE_BYTES: usize = 16 * 1024;
/// Co-authors of one commit; a mob has ten.
pub const CO_AUTHORS: usize = 20;
/// Name or address of a co-author.
pub const IDENTITY_BYTES: usize = 256;
/// Why somebody breaks the glass; it is shown in a header of every answer.
pub const REASON_BYTES: usize = 500;
/// Conflicts that one answer tells, each with three versions of a resource.
pub const CONFLICTS_TOLD: usize = 20;
/// Characters of a message for a caller; it may repeat a name of the request.
pub const MESSAGE_CHARACTERS: usize = 2_000;
/// Requests in one batch.
pub const BATCH_ITEMS: usize = 10_000;
/// Properties of one evaluation context; ten thousand were seen in tests of others, a hundred in use.
pub const CONTEXT_PROPERTIES: usize = 16_384;
/// Flags that one bulk evaluation may name.
pub const BULK_FLAGS: usize = 100_000;
/// Constraints that one explanation tells one by one: many rules may name one large segment, and a small file would
/// then make an answer of gigabytes. A person reads some dozens.
pub const EXPLAINED_CONSTRAINTS: usize = 5_000;
/// Characters of a key or value that an explanation repeats; a context may hold a megabyte.
pub const EXPLAINED_CHARACTERS: usize = 160;
/// Properties of a context up to which an explanation looks for one that a missing name may have meant.
pub const EXPLAINED_NEAR: usize = 100;
/// Everything that `yardarm evaluate` asks of a server; one answer takes milliseconds, ten thousand flags some seconds.
pub const EVALUATE_DEADLINE: Duration = Duration::from_secs(30);
/// Streams open at one time; past it the answer is 503, well below the limit of open files.
pub const STREAMS: usize = 16_000;
/// A stream that had nothing to say says so, before proxies cut it (60 s is the usual limit).
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A piece of a stream's frame that is handed to the connection at one time: what a reader that stopped reading holds.
pub const STREAM_PIECE_BYTES: usize = 64 * 1024;
/// Bounds of the pause before a client reconnects its event stream, chosen at random within: a restart then is not
/// followed by all clients in one second.
pub const STREAM_RETRY_MILLISECONDS: (u32, u32) = (1_000, 5_000);
/// Namespaces with evaluation metrics of their own; what comes after is counted together.
pub const METRIC_NAMESPACES: usize = 1_000;
/// Flags above which a snapshot is encoded and compressed away from the threads that answer requests.
pub const SNAPSHOT_INLINE_FLAGS: usize = 500;

/// A JSON Web Token; most have about one kilobyte, those that list a person's groups have eight.
pub const JWT_BYTES: usize = 16 * 1024;
/// How far the clocks of an issuer and of this machine may be apart.
pub const JWT_LEEWAY: Duration = Duration::from_secs(60);
/// Keys of one set; issuers publish two to twelve.
pub const JWT_KEYS: usize = 64;
/// Keys that a token without an id is tried with: each costs a verification, and whoever asks is not known yet.
pub const JWT_KEYS_TRIED: usize = 8;
/// Tokens whose verdict is kept, so that a client's next request costs a hash and not a signature; a few hundred bytes
/// each. When there are more, they are judged anew.
pub const JWT_KEPT: usize = 8_192;
/// A published key set; with certificates in it the largest ones have 50 KB.
pub const JWKS_BYTES: usize = 1024 * 1024;
/// Fetching it: a document of a few kilobytes from a server that is up.
pub const JWKS_DEADLINE: Duration = Duration::from_secs(10);
/// How often keys are asked for where the issuer says nothing: a key is published well before it is used.
pub const JWKS_INTERVAL: Duration = Duration::from_secs(300);
/// Whatever the issuer says, not more often than this …
pub const JWKS_INTERVAL_MIN: Duration = Duration::from_secs(60);
/// … and not less often: a key that was taken back must not live on for days.
pub const JWKS_INTERVAL_MAX: Duration = Duration::from_secs(3_600);
/// Least pause between two fetches, whoever shows a token with a key that is not known.
pub const JWKS_PAUSE: Duration = Duration::from_secs(10);
/// How long the last good keys count when the issuer cannot be asked: a bad weekend's night, not a bad month.
pub const JWKS_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Characters of a person's name or address.
pub const PERSON_CHARACTERS: usize = 256;

/// How often the files of the certificate are looked at, without reading them; a renewal has weeks to be noticed in, and
/// whoever makes one wants to see it.
pub const CERTIFICATE_LOOK: Duration = Duration::from_secs(2);
/// A certificate that ends sooner than this is warned about: who renews them does so at thirty days.
pub const CERTIFICATE_SPARE: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How often it is warned about.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(24 * 3_600);
/// Connections waiting to be accepted; a restart brings thousands of streams back at once.
pub const BACKLOG: u32 = 8_192;
/// Connections a worker holds: streams, and clients that keep theirs open.
pub const CONNECTIONS_PER_WORKER: usize = 30_000;
/// An idle connection is kept this long, a little longer than the usual proxy keeps its end.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The head of a request has to arrive by then.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes sent and not acknowledged, or not taken by the reader, for this long end the connection.
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(45);

/// Reaching a Git server: name, connection and TLS.
pub const GIT_CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// A conversation that only lists refs.
pub const GIT_LIST_DEADLINE: Duration = Duration::from_secs(30);
/// A fetch into a mirror that has the history.
pub const GIT_FETCH_DEADLINE: Duration = Duration::from_secs(120);
/// The first clone.
pub const GIT_CLONE_DEADLINE: Duration = Duration::from_secs(1_800);
/// Objects of our own commits before they are packed; a commit makes three to five.
pub const GIT_LOOSE: usize = 2_000;
/// Packs in a mirror before it is compacted; each fetch makes one.
pub const GIT_PACKS: usize = 50;
/// How often a remote is asked where the file says nothing, as in Flipt v2.
pub const POLL_INTERVAL: Duration = Duration::from_secs(30);
/// Healthy webhooks stretch polling to this many intervals, if the file says nothing …
pub const POLL_CEILING_FACTOR: u32 = 10;
/// … and no further than this: how late a lost delivery is noticed at worst.
pub const POLL_CEILING: Duration = Duration::from_secs(300);
/// Longest poll interval; past a day it is no safety net, and times far off overflow clocks.
pub const POLL_INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Shortest poll interval, as in Flipt v2.
pub const POLL_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two tries after a failed fetch.
pub const FETCH_BACKOFF_MAX: Duration = Duration::from_secs(60);
/// First pause after a failed fetch, and the least between two tries whoever asks.
pub const FETCH_BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Longest time that a remote which asks to wait is obeyed: GitHub's rate limits are by the hour.
pub const FETCH_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// How long a commit that a webhook announced is awaited when the remote does not show it (replica lag).
pub const COMMIT_AWAITED: Duration = Duration::from_secs(30);
/// First pause of that; replicas of the same site are behind by tens of milliseconds.
pub const COMMIT_RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest pause of that.
pub const COMMIT_RETRY_MAX: Duration = Duration::from_secs(2);
/// Announced commits remembered a storage, to tell what polling finds from what was announced.
pub const ANNOUNCED_COMMITS: usize = 256;
/// How long a delivery proves that webhooks arrive; a quiet repository falls back to polling at its interval after
/// it, so that a webhook that was removed is noticed within a day.
pub const WEBHOOK_PROOF: Duration = Duration::from_secs(24 * 3_600);
/// Environments, branch environments included; a hostile remote could otherwise make one a branch without end.
pub const BRANCH_ENVIRONMENTS: usize = 256;
/// Writes that may wait for their turn, a storage; a push takes a second, and whoever waits longer than a minute has gone.
pub const WRITE_QUEUE: usize = 256;
/// Writes that go in one push: a chain of commits that a person still reads.
pub const WRITE_BATCH: usize = 64;
/// Commits of a branch that are put on top of its base one by one; a branch of more is merged.
pub const REBASE_COMMITS: usize = 256;
/// What a caller that met a full queue is told to wait, seconds.
pub const WRITE_RETRY_AFTER: u32 = 5;
/// Pushes that are tried when the branch moves each time meanwhile.
pub const WRITE_TRIES: u32 = 8;
/// First pause before such another push; each doubles it.
pub const WRITE_PAUSE: Duration = Duration::from_millis(20);
/// Longest such pause.
pub const WRITE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// One push: a few kilobytes, and the hooks of the remote.
pub const WRITE_PUSH_DEADLINE: Duration = Duration::from_secs(30);
/// How long an outcome that is not known is looked for while the caller waits.
pub const WRITE_LOOKED_FOR: Duration = Duration::from_secs(10);
/// A push that was cut off may still be worked on by the remote; after this it will not land any more.
pub const WRITE_SETTLED: Duration = Duration::from_secs(120);
/// Dry runs at one time: each may read and link a whole environment.
pub const DRY_RUNS: usize = 4;
/// Texts of which declared documents are kept for the next read, bytes; all of them together take about five times that.
pub const VIEW_BYTES: usize = 64 * 1024 * 1024;
/// Directories at a commit that are kept as a whole.
pub const VIEWS: usize = 64;
/// Comparisons of lines with lines that a text diff affords: two thousand against two thousand.
pub const TEXT_DIFF_CELLS: usize = 4_000_000;
/// Bytes of a text diff in an answer; the rest can be read in the commit.
pub const TEXT_DIFF_BYTES: usize = 256 * 1024;
/// Commits that are walked to tell how far two branches are apart, and that an update replays.
pub const BRANCH_DISTANCE: usize = 10_000;
/// Branches that are gone and remembered as such while an older fetch may still name them; far more than any has made in
/// the minutes that a fetch takes.
pub const BRANCHES_GONE: usize = 4_096;
/// Time to finish what is under way after SIGTERM.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// A value in sled: space of larger ones is never given back.
pub const STORE_VALUE_BYTES: usize = 32 * 1024;
/// sled's page cache; the store is small and never read while running.
pub const STORE_CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// How long a state directory that another process uses is waited for: one that ends takes moments to let go.
pub const STORE_LOCK: Duration = Duration::from_secs(3);
/// Opening the store; a good one takes milliseconds.
pub const STORE_OPEN_DEADLINE: Duration = Duration::from_secs(10);
/// Records that may wait to be written; past it new ones are not kept.
pub const STORE_PENDING: usize = 4_096;
/// Stores that could not be trusted and are kept for a person to look at.
pub const STORE_QUARANTINED: usize = 3;
/// Problems of one environment that are logged at one time; all of them are in the status API.
pub const PROBLEMS_LOGGED: usize = 20;
/// How much later than it promised a worker may turn before the watchdog calls it dead.
pub const WORKER_GRACE: Duration = Duration::from_secs(60);

/// One request to the Git server of the demo and the scenario tests: longer than any honest one takes.
pub const DEMO_GIT_DEADLINE: Duration = Duration::from_secs(60);
/// A push to the same; flag repositories of the demo are a few kilobytes.
pub const DEMO_GIT_REQUEST_BYTES: usize = 32 * 1024 * 1024;

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
pub const GIT_ENTRIES: usize = 500_000;
/// Directories inside each other below it; flags have two or three.
pub const GIT_TREE_DEPTH: usize = 64;
/// One tree or commit in memory; a directory of 100,000 files has 4 MB.
pub const GIT_TREE_BYTES: u64 = 64 * 1024 * 1024;
/// Damaged mirrors kept beside the new one, for whoever wants to know why.
pub const GIT_QUARANTINED: usize = 3;
/// What a Git program said on its standard error, kept for the message.
pub const GIT_STDERR_BYTES: usize = 4096;
/// Characters of what a Git server said of a push that it refused, for whoever asked for it; GitHub's rules have 400.
pub const GIT_REFUSAL_CHARACTERS: usize = 600;
/// Body of an HTTP answer that is no success, kept for the message.
pub const GIT_REFUSAL_BYTES: u64 = 4 * 1024;
/// A pack that is pushed; it is held in memory, so that its length is known beforehand. A flag file may have 64 MB.
pub const GIT_PUSH_BYTES: u64 = 256 * 1024 * 1024;
/// Output of a program that signs or pushes: a signature has 1 KB, a report a line.
pub const GIT_PROGRAM_BYTES: usize = 64 * 1024;
/// Signing a commit; `gpg` starts its agent the first time, which takes up to a second on a small machine.
pub const GIT_SIGN_DEADLINE: Duration = Duration::from_secs(20);
/// Longest beginning of the path of a directory in which `gpg` keeps the sockets of its agent: the system allows 107
/// bytes for the whole.
pub const GIT_SIGN_PATH_BYTES: usize = 68;
/// Commits that a history of a file walks at most; a monorepo's year has some ten thousand.
pub const GIT_WALK: usize = 100_000;
/// Trees and commits kept while walking, so that what is stored as a difference is not made anew each time.
pub const GIT_WALK_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// How far apart branches are counted; past it nobody wants to know.
pub const GIT_DISTANCE: u32 = 10_000;
/// A token of an app is renewed this long before it ends.
pub const APP_TOKEN_SPARE: Duration = Duration::from_secs(300);
/// Installations of GitHub Apps whose tokens are kept; a configuration has one or two.
pub const APP_TOKENS: usize = 64;
/// A server that says "too many requests" and not until when.
pub const GIT_THROTTLED: Duration = Duration::from_secs(60);
/// How far back in its history that handful reaches.
pub const GIT_HAVE_DISTANCE: u32 = 256;
/// Pause in which records that are written behind come together; a crash loses that much history.
pub const STORE_PAUSE: Duration = Duration::from_millis(200);
/// How far what the disk knows of the last fetch may be behind: writing it costs two syncs, and age is told in minutes.
pub const STORE_FETCH_PAUSE: Duration = Duration::from_secs(60);
/// Changes of delivery records between intake and the store; past it a change is not written.
pub const STORE_QUEUE: usize = 4_096;
/// How long a start waits for its first snapshots before the service manager is told that it is ready all the same: a
/// provider that is away must not hold up the start of a machine. Above [`GIT_LIST_DEADLINE`], so that the reason is
/// known by then.
pub const READY_GRACE: Duration = Duration::from_secs(60);
/// How often it is looked whether they are there.
pub const READY_GLANCE: Duration = Duration::from_millis(20);
/// Time for what threads still do at the end of the process, after the drain.
pub const RUNTIME_PAUSE: Duration = Duration::from_secs(1);
/// How often the line of status that the service manager shows is looked at.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// One answer of the daemon to the demo or a scenario; it takes milliseconds.
pub const DEMO_ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// How often the demo's forge is looked at for what moved there, which is announced then: a person does not notice it.
pub const DEMO_HERALD: Duration = Duration::from_millis(150);
/// How long somebody who watches the demo waits for the next thing to happen in it.
pub const DEMO_PAUSE: Duration = Duration::from_secs(10);
/// How often an application of the demo asks for its flags.
pub const DEMO_QUESTION: Duration = Duration::from_millis(250);
/// One frame of a stream that a demo's client takes; a snapshot of the demo is a few kilobytes.
pub const DEMO_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// Frames that a demo's client keeps, the newest.
pub const DEMO_FRAMES: usize = 1_000;
/// A change of the demo has arrived everywhere by then, polling included; it takes tens of milliseconds, a poll a second.
pub const DEMO_LIVE_DEADLINE: Duration = Duration::from_secs(20);

/// Records of writes kept, a storage; a busy team makes some hundred a day.
pub const AUDIT_KEPT: usize = 4_096;
/// Records of refused writes kept, a storage; apart, so that no flood of them hides what was done.
pub const AUDIT_REFUSALS_KEPT: usize = 1_024;
/// Lines that wait for the audit's file, and that are put on the disk together.
pub const AUDIT_QUEUE: usize = 4_096;
/// Records of one page of the audit.
pub const AUDIT_PAGE: usize = 100;
/// Records of one page at most.
pub const AUDIT_PAGE_MAX: usize = 1_000;
/// Changes of one request that its record lists; the number of the others is told.
pub const AUDIT_CHANGES: usize = 50;
/// Characters of a message in a record; the commit has all of it.
pub const AUDIT_MESSAGE_CHARACTERS: usize = 1_000;
/// Characters of a name in a record. Keys of the request stand in it, and a body may be megabytes.
pub const AUDIT_NAME_CHARACTERS: usize = 256;
/// Nodes of what an alias stood for that an edit writes out in its place; a shared list of constraints has a few dozen.
pub const EDIT_ALIAS_NODES: usize = 2_000;

/// How long an edit is served that could not be pushed, if the file says nothing: a provider's bad night.
pub const BREAK_GLASS_EXPIRES: Duration = Duration::from_secs(4 * 3_600);
/// At least this: whoever breaks the glass has to see that it works.
pub const BREAK_GLASS_EXPIRES_MIN: Duration = Duration::from_secs(60);
/// At most this: what was not pushed in a week never will be.
pub const BREAK_GLASS_EXPIRES_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A change that waits for the provider, on the disk beside its record: a value of the store holds both.
pub const GLASS_WISH_BYTES: usize = 20 * 1024;
/// Changes of one storage that wait for the provider. Each is looked at once a second, and nobody can oversee more.
pub const GLASS_WAITING: usize = 100;
/// How often what waits is looked at.
pub const GLASS_LOOK: Duration = Duration::from_secs(1);
/// How often it is tried to push what waits, whether or not a fetch has succeeded.
pub const GLASS_TRY: Duration = Duration::from_secs(15);
/// How often the log says that the glass is still broken.
pub const GLASS_REMINDER: Duration = Duration::from_secs(600);

/// How long the status tells of changes behind glass that were given up: whoever made them is back from a
/// weekend and a holiday.
pub const GLASS_TOLD: Duration = Duration::from_secs(7 * 24 * 3_600);
/// At most so many of an environment; the audit has all of them.
pub const GLASS_GIVEN_UP: usize = 20;

/// A template of a commit or a proposal. One is parsed for each message, and a repository may bring its own.
pub const TEMPLATE_BYTES: usize = 16 * 1024;
/// What a template may come to; providers cut a proposal's body at 64 kB.
pub const TEMPLATE_OUTPUT_BYTES: usize = 64 * 1024;
/// A text inside of a template that is put into another one: doubled forty times it would fill a terabyte.
pub const TEMPLATE_TEXT_BYTES: usize = 16 * 1024;
/// Arguments of one function of a template, and verbs of one `printf`, each of which may be padded to 64 kB.
pub const TEMPLATE_ARGUMENTS: usize = 64;
/// Rounds of all loops of a template together.
pub const TEMPLATE_ROUNDS: u64 = 10_000;
/// Nodes of a template with those of every template that it calls: one round of its loops.
pub const TEMPLATE_STEPS: u64 = 5_000;

/// Characters of a commit's message; providers show some hundred of them.
pub const COMMIT_MESSAGE_CHARACTERS: usize = 16_000;
/// `flipt.yaml` of a repository: three templates.
pub const OWN_TEMPLATES_BYTES: usize = 64 * 1024;
/// Warnings about keys of it.
pub const OWN_TEMPLATES_WARNINGS: usize = 5;

/// Commits that are looked through for what a flag was when it had a revision that somebody names.
pub const REVISION_COMMITS: usize = 50;
/// Bytes of former versions of its files that are read for that: the writer of the storage does it, and others wait.
pub const REVISION_BYTES: usize = 4 * 1024 * 1024;

/// Commits of one page of a flag's history.
pub const HISTORY_PAGE: usize = 20;
/// At most.
pub const HISTORY_PAGE_MAX: usize = 100;
/// Commits that one page looks at: each costs two looks at the files of its environment. The next page goes on there.
pub const HISTORY_EXAMINED: usize = 500;
/// Commits that are asked for at one time.
pub const HISTORY_STEP: usize = 50;
/// Up to this size a file is read and verified as a whole for an edit, in some milliseconds; above it by its parts, where
/// it is plain enough to be told apart.
pub const EDIT_WHOLE_BYTES: usize = 256 * 1024;

/// How long nothing is asked of a provider that says "too many requests" and not for how long.
pub const PROVIDER_PAUSE: Duration = Duration::from_secs(60);
/// Proposals that one look at a provider lists: ten to a hundred pages.
pub const PROPOSALS_LISTED: usize = 1_000;
/// Characters of the one line of a commit status; GitHub takes 140, GitLab 255.
pub const STATUS_DESCRIPTION_CHARACTERS: usize = 140;

/// One request to a provider's API, whole; a merge at a slow one takes most of it.
pub const PROVIDER_DEADLINE: Duration = Duration::from_secs(30);
/// Requests to one provider with one credential that are under way at one time. GitHub takes 100 of all that use the
/// credential, and warns below that.
pub const PROVIDER_AT_ONCE: usize = 8;
/// How long a request may wait for its turn; past it the caller is told to come back, for somebody looks at a page.
pub const PROVIDER_TURN: Duration = Duration::from_secs(5);
/// Percent of a rate limit that are left to people and programs that wait: what runs by itself stops before.
pub const PROVIDER_RESERVE_PERCENT: u64 = 20;
/// Changes at GitHub in a row, and how many a second after them: its secondary limit is 80 a minute.
pub const PROVIDER_CHANGES: (f64, f64) = (10.0, 1.0);
/// The same for its 500 an hour.
pub const PROVIDER_CHANGES_LONG: (f64, f64) = (140.0, 0.1);
/// Answers with an `ETag` that one link keeps: the proposals that are open, and some pages of lists.
pub const PROVIDER_KEPT: usize = 1_024;
/// Bytes of them together.
pub const PROVIDER_KEPT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of one of them: a page of 100 pull requests is about 2 MB.
pub const PROVIDER_KEPT_ONE: usize = 4 * 1024 * 1024;
/// Headers of one answer that are kept, in bytes.
pub const PROVIDER_HEADER_BYTES: usize = 8 * 1024;
/// Pages of one list that are read of a Bitbucket: those of the most proposals at 50, and some for what is filtered out.
pub const BITBUCKET_PAGES: usize = 40;
/// Comments of one pull request that ours is looked for in at a Bitbucket.
pub const BITBUCKET_COMMENTS: usize = 2_000;
/// Reads of one proposal are at least this far apart: a burst of events about it is one read, and the rate limits of
/// providers (one to some thousand requests an hour) outlast it.
pub const PROPOSAL_READS: Duration = Duration::from_secs(1);
/// How often the provider is asked for all proposals while webhooks prove right: what they lost is found after this long.
pub const RECONCILE_INTERVAL: Duration = Duration::from_secs(600);
/// The same while there is no webhook, or after one was missed; conditional requests cost the provider little.
pub const RECONCILE_OFTEN: Duration = Duration::from_secs(60);
/// The first pause after the provider could not be asked; it doubles.
pub const PROPOSAL_RETRY: Duration = Duration::from_secs(5);
/// Proposals of one storage that are worked on at one time: each holds a thread and a request to the provider.
pub const PROPOSAL_THREADS: usize = 4;
/// Proposals of one page.
pub const PROPOSALS_PAGE: usize = 100;
/// At most.
pub const PROPOSALS_PAGE_MAX: usize = 1_000;
/// How far back the first look after a start asks for proposals that have ended: what ended before is history.
pub const PROPOSALS_BACK: Duration = Duration::from_secs(14 * 24 * 3_600);
/// How long a write to a protected environment waits for its proposal; after that it is opened behind the answer.
pub const PROPOSE_WAIT: Duration = Duration::from_secs(10);
/// Characters of a proposal's title, as Flipt's interface has it; GitHub and GitLab take 255.
pub const PROPOSAL_TITLE_CHARACTERS: usize = 255;
/// Characters of a proposal's description; Azure DevOps takes 4,000 and says so itself, Bitbucket 32,768.
pub const PROPOSAL_BODY_CHARACTERS: usize = 32_000;
/// Deliveries that wait for the read of one proposal, each with its record; further ones are answered by the same read.
pub const PROPOSAL_DELIVERIES: usize = 100;
/// Entries of the history of one proposal; a long review has some dozens …
pub const PROPOSAL_HISTORY: usize = 100;
/// … of which so many of the oldest stay when the middle goes: who opened it, and the first reviews.
pub const PROPOSAL_HISTORY_FIRST: usize = 20;
/// How often in a row a provider is asked at once again whether a proposal can be merged, while it is finding out; after
/// that the next look in turn tells.
pub const PROPOSAL_CHECKING: u8 = 5;
/// Looks in a row that do not find a proposal before it counts as gone: one may have met a replica that is behind.
pub const PROPOSAL_MISSED: u8 = 2;
/// Proposals of one storage that are kept; the ones that ended longest ago go first. A page of a thousand is the most that
/// anybody looks through, and a provider lists no more open ones than [`PROPOSALS_LISTED`].
pub const PROPOSALS_KEPT: usize = 2_000;
/// How often the tracker of a storage looks whether a reload has given it other environments to listen to.
pub const TRACK_GLANCE: Duration = Duration::from_secs(5);
/// How much of what was listed last is listed again: clocks differ, and a copy of the provider's may be behind.
pub const PROPOSALS_OVERLAP: Duration = Duration::from_secs(300);

/// Pages of one list that are read of a GitHub, of 100 entries each: twice the proposals that are listed, 2,000 comments.
pub const GITHUB_PAGES: usize = 20;
/// Pages of what GitHub remembers of a webhook's deliveries, of 100 each: the newest thousand.
pub const GITHUB_DELIVERY_PAGES: usize = 10;
/// Deliveries of one hook that GitLab is asked about: five pages, which hold their bodies.
pub const HOOK_ATTEMPTS: usize = 100;
/// How long after a change of a proposal or of its base Gitea's `mergeable: false` is taken for "not known yet": live
/// servers took up to 2.5 s to find out, a loaded one takes more.
pub const GITEA_CHECKING: Duration = Duration::from_secs(30);
/// Pages of ended proposals that are looked through for the newest of a branch, on Gitea, which cannot be asked for it.
pub const GITEA_PAGES_SOUGHT: u32 = 10;

/// One request of ours to an endpoint for webhooks, to see whether it takes a secret; a provider waits as long at least.
pub const WEBHOOK_CHECK_DEADLINE: Duration = Duration::from_secs(10);
/// How long the record of a test delivery is waited for; providers write it within seconds.
pub const WEBHOOK_TEST_DEADLINE: Duration = Duration::from_secs(20);
/// How often it is looked for.
pub const WEBHOOK_TEST_LOOK: Duration = Duration::from_secs(1);
/// Deliveries that one command asks a provider to send again.
pub const WEBHOOK_REDELIVERIES: usize = 100;
/// Attempts of one webhook that are shown.
pub const WEBHOOK_ATTEMPTS_SHOWN: usize = 5;
/// Characters of the description and of the title of a proposal whose record is too large for the store; a description may
/// have a megabyte.
pub const PROPOSAL_SHORT_CHARACTERS: usize = 1_000;
/// Records of proposals of one storage in the store: more than a book has, which says what it drops.
pub const PROPOSALS_STORED: usize = 2 * PROPOSALS_KEPT;
/// The comment on a proposal: GitHub takes 65,536 characters, Azure DevOps 150,000, GitLab a million; a person reads less.
pub const REPORT_BYTES: usize = 60_000;
/// The same on Bitbucket, which takes 32,768.
pub const REPORT_BYTES_BITBUCKET: usize = 30_000;
/// Problems of one environment that the comment tells one by one.
pub const REPORT_PROBLEMS: usize = 20;
/// Environments that it tells about; who has more has the same change in all of them.
pub const REPORT_ENVIRONMENTS: usize = 20;
/// Characters of the message of a problem in it.
pub const REPORT_MESSAGE_CHARACTERS: usize = 400;
/// How long a head that the provider names may be missing in the mirror before the commit status says so: a fetch is
/// under way as a rule.
pub const REPORT_PENDING: Duration = Duration::from_secs(30);
/// How soon it is looked for again …
pub const REPORT_LOOK: Duration = Duration::from_secs(1);
/// … and how late at most.
pub const REPORT_LOOK_MAX: Duration = Duration::from_secs(60);
/// How long something that the provider does not let us say is not tried again in the same words.
pub const REPORT_REFUSED: Duration = Duration::from_secs(3_600);

/// Commits kept that polling found and no webhook had announced, a storage: a week of a broken webhook, for a person.
pub const MISSED_KEPT: usize = 64;
/// How often a test delivery is looked for that is on its way to us.
pub const WEBHOOK_TEST_GLANCE: Duration = Duration::from_millis(50);
/// Deliveries on one page.
pub const DELIVERIES_SHOWN: usize = 100;
/// Names of clients that are told apart where streams are counted: a dozen SDKs in a few versions each.
pub const CLIENT_NAMES: usize = 64;
/// Characters of one of them.
pub const CLIENT_NAME_CHARACTERS: usize = 64;
/// Publishes of an environment that are remembered, to tell who has seen which: a day of a busy team.
pub const PUBLISHED_REMEMBERED: usize = 100;
/// Commits that are looked at for the last change of every flag: each costs the reading of one state of its file.
pub const RECENT_COMMITS: usize = 200;
/// Environments of which that is remembered; some 100 bytes a flag.
pub const RECENT_PLACES: usize = 64;
/// How often whoever waits for it is told, while it is being found out.
pub const RECENT_TELL: Duration = Duration::from_millis(200);
/// How long a list waits for it: a push is one commit more, which takes less …
pub const RECENT_WAIT: Duration = Duration::from_millis(30);
/// … and one that is asked for by it.
pub const RECENT_WAIT_LONG: Duration = Duration::from_secs(5);
/// Answers of flags that are counted by name: 5,000 flags with four answers each, and room for branches. Each takes 8
/// bytes a slot in which it was given, some 4 kB at most.
pub const ANALYTICS_SERIES: usize = 40_000;
/// Slots of a span that are kept beyond those that are shown: of them the first one of the next span is made.
pub const ANALYTICS_SPARE_SLOTS: u32 = 16;
/// Text of one row that was kept; all series in one slot take a tenth of it as a rule.
pub const ANALYTICS_ROW_BYTES: u64 = 32 << 20;
/// Flags and answers that have a Prometheus series of their own; the others have one together. A scrape of it has 200 kB.
pub const METRIC_FLAGS: usize = 2_000;
/// Flags in one request for counts; a page of Flipt's interface asks for those that it shows.
pub const ANALYTICS_BATCH: usize = 1_000;
/// How often what was counted is booked where nothing says it …
pub const ANALYTICS_FLUSH: Duration = Duration::from_secs(10);
/// … and between what it may be: a slot is a minute long.
pub const ANALYTICS_FLUSH_MIN: Duration = Duration::from_secs(1);
/// The longest.
pub const ANALYTICS_FLUSH_MAX: Duration = Duration::from_secs(60);
/// Bytes of text differences between a branch and its base that are made, and of a file that is compared at all.
pub const COMPARED_BYTES: usize = 1_000_000;
