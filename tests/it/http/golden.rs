//! The recorded conversations with Flipt, replayed against our server.
//!
//! What we answer otherwise on purpose stands in [`CONVERSATIONS`], with the reason and with our own answer. Anything
//! else that differs fails, and so does an entry of the table that no longer differs.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use yardarm::http::Settings;

use super::server::{Server, cors, of_directory, tokens};
use super::{management, wire};
use crate::differences::CONVERSATIONS;
use crate::world::World;

/// Paths that are not here at all.
const ELSEWHERE: &[&str] = &["/internal/v2/", "/debug/"];
/// What is read from a repository: a daemon is asked.
const MANAGED: &str = "/api/v2/environments";

#[test]
fn evaluation_boolean() {
    replay("evaluation-boolean");
}

#[test]
fn evaluation_variant() {
    replay("evaluation-variant");
}

#[test]
fn evaluation_batch() {
    replay("evaluation-batch");
}

#[test]
fn snapshots() {
    replay("snapshots");
}

#[test]
fn list_flags() {
    replay("list-flags");
}

#[test]
fn ofrep() {
    replay("ofrep");
}

#[test]
fn errors() {
    replay("errors");
}

#[test]
fn cross_origin() {
    replay("cors");
}

#[test]
fn authentication() {
    replay("authentication");
}

#[test]
fn health() {
    replay("health-meta");
}

/// The head and the first frame of every recorded stream. Where nothing came, not even a head, ours comes at once and
/// the first frame does not.
#[test]
fn streams() {
    let text = recorded_conversations("stream");
    let mut servers = Servers::default();
    let digest = servers.get("main").environment("default").load().flags.namespaces["json"].digest.clone();
    let mut failures = Vec::new();
    let mut used = vec![false; CONVERSATIONS.len()];
    let mut count = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (name, request, want) = (line["name"].as_str().unwrap(), &line["request"], &line["response"]);
        let path = request["path"].as_str().unwrap().replace("{{digest}}", &digest);
        let headers = request["headers"].as_object().unwrap().iter();
        let headers: Vec<_> =
            headers.map(|(n, v)| (n.clone(), v.as_str().unwrap().replace("{{digest}}", &digest))).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        let server = servers.get(line["server"].as_str().unwrap());
        let mut open = wire::open(server.address, "GET", &path, &headers, None);
        count += 1;
        let got = first_frame(server, &mut open, want["frames"].as_array().unwrap().is_empty());
        let mut want = want.clone();
        if want["status"].is_null() {
            want["status"] = 200.into();
            want["headers"]["Content-Type"] = wire::joined(&open.headers, "content-type").unwrap().into();
        }
        want["body"] = want["frames"].get(0).map_or_else(
            || Value::String(String::new()),
            |frame| {
                let text = frame.as_str().unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
            },
        );
        let got = wire::Answer { status: open.status, headers: open.headers, body: got.into_bytes() };
        let differences = compare(&want, &got);
        judge("stream", name, &differences, &got, &mut used, &mut failures);
    }
    unused("stream", &used, &mut failures);
    assert!(count > 40 && failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

/// What a stream tells first, without its own pause before coming back; nothing if it has nothing to tell until a
/// keep-alive.
fn first_frame(server: &Server, open: &mut wire::Open, silent: bool) -> String {
    let events = wire::joined(&open.headers, "content-type").is_some_and(|mime| mime.starts_with("text/event-stream"));
    if open.status != 200 {
        let mut body = Vec::new();
        open.read_to_end(&mut body);
        return String::from_utf8(body).unwrap();
    }
    if events {
        assert!(open.until("\n\n").starts_with("retry: "));
    }
    if silent {
        for _ in 0..2 * yardarm::serve::streams::ROWS {
            server.state.environments.streams().tick();
        }
        let alive = open.chunk().unwrap();
        assert_eq!(alive, if events { &b":\n\n"[..] } else { b" " });
        return String::new();
    }
    open.until(if events { "\n\n" } else { "\n" })
}

pub(super) fn recorded_conversations(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden").join(format!("{file}.jsonl"));
    std::fs::read_to_string(path).unwrap()
}

/// Whether an answer is as recorded, or differs as it is meant to.
pub(super) fn judge(
    file: &str,
    name: &str,
    differences: &[String],
    got: &wire::Answer,
    used: &mut [bool],
    failures: &mut Vec<String>,
) {
    let wanted = CONVERSATIONS.iter().position(|d| {
        d.file == file && d.name.strip_suffix('*').map_or(d.name == name, |begin| name.starts_with(begin))
    });
    match wanted {
        None if differences.is_empty() => {}
        None => failures.push(format!("{name}: {}", differences.join("; "))),
        Some(n) => {
            let want = &CONVERSATIONS[n];
            used[n] |= !differences.is_empty();
            if got.status != want.status || !got.text().contains(want.body) {
                failures.push(format!("{name} ({}): now {} {}", want.reason.here, got.status, cut(&got.text())));
            }
        }
    }
}

fn unused(file: &str, used: &[bool], failures: &mut Vec<String>) {
    for (difference, used) in CONVERSATIONS.iter().zip(used) {
        if difference.file == file && !used {
            failures.push(format!("{} does not differ any more", difference.name));
        }
    }
}

/// The servers that were recorded, started when first asked.
#[derive(Default)]
struct Servers(BTreeMap<String, Server>);

impl Servers {
    fn get(&mut self, name: &str) -> &Server {
        self.0.entry(name.to_owned()).or_insert_with(|| {
            let environments = vec![
                of_directory("default", true, "main/dev"),
                of_directory("production", false, "main/production"),
                of_directory("canary", false, "canary"),
            ];
            let settings = match name {
                "main" => Settings::default(),
                "metadata-cors" => Settings {
                    cors: Some(cors("http://app.example")),
                    include_flag_metadata: true,
                    ..Settings::default()
                },
                "auth" => Settings { authentication: tokens(false), ..Settings::default() },
                "auth-excluded" => Settings { authentication: tokens(true), ..Settings::default() },
                other => panic!("no server {other}"),
            };
            Server::start(environments, settings)
        })
    }
}

/// Daemons with the remote of the recordings, configured as the recorded servers were; started when first asked.
#[derive(Default)]
struct Daemons(Option<tokio::runtime::Runtime>, BTreeMap<String, World>);

impl Daemons {
    fn get(&mut self, name: &str) -> SocketAddr {
        if !self.1.contains_key(name) {
            let token = "methods: {token: {enabled: true, storage: {tokens: {ci: {credential: golden-token}}}}}";
            let rest = match name {
                "main" => String::new(),
                "auth" => format!("authentication: {{required: true, {token}}}\n"),
                "auth-excluded" => {
                    format!("authentication: {{required: true, exclude: {{evaluation: true, ofrep: true}}, {token}}}\n")
                }
                other => panic!("no daemon {other}"),
            };
            let runtime = self.0.get_or_insert_with(|| tokio::runtime::Runtime::new().unwrap());
            let world = runtime.block_on(management::recorded_world(&rest));
            self.1.insert(name.to_owned(), world);
        }
        self.1[name].daemon().address()
    }

    fn remote(&self, name: &str) -> String {
        let world = &self.1[name];
        world.forge.url(world.sender)
    }

    fn stop(mut self) {
        if let Some(runtime) = self.0 {
            self.1.values_mut().for_each(|world| runtime.block_on(world.stop_daemon()));
        }
    }
}

fn replay(file: &str) {
    let text = recorded_conversations(file);
    let (mut servers, mut daemons) = (Servers::default(), Daemons::default());
    let mut etag = String::new();
    let mut failures = Vec::new();
    let mut used = vec![false; CONVERSATIONS.len()];
    let mut count = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let path = line["request"]["path"].as_str().unwrap();
        if ELSEWHERE.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        count += 1;
        let (name, server) = (line["name"].as_str().unwrap(), line["server"].as_str().unwrap());
        let managed = path.starts_with(MANAGED);
        let address = if managed { daemons.get(server) } else { servers.get(server).address };
        let mut got = ask(address, &line["request"], &etag);
        if got.status == 200 {
            etag = got.header("etag").unwrap_or(etag);
        }
        if got.header("content-encoding").as_deref() == Some("gzip") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*got.body).read_to_end(&mut plain).unwrap();
            got.body = plain;
        }
        let mut want = line["response"].clone();
        if managed {
            let remote = daemons.remote(server);
            want["body"] = management::normal(want["body"].take(), &remote);
            if let Ok(body) = serde_json::from_slice(&got.body) {
                got.body = management::normal(body, &remote).to_string().into_bytes();
            }
        }
        let differences = compare(&want, &got);
        judge(file, name, &differences, &got, &mut used, &mut failures);
    }
    unused(file, &used, &mut failures);
    daemons.stop();
    assert!(count > 0);
    assert!(failures.is_empty(), "{} of {count} in {file}:\n{}", failures.len(), failures.join("\n"));
}

pub(super) fn ask(server: SocketAddr, request: &Value, etag: &str) -> wire::Answer {
    let raw = etag.trim_start_matches("W/").trim_matches('"');
    let headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| String::from_utf8(repeated(value)).unwrap(), str::to_owned);
            (name.clone(), value.replace("{{etag}}", etag).replace("{{etag-raw}}", raw))
        })
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
    let body = match &request["body"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Object(object) if object.contains_key("$repeat") => Some(repeated(&request["body"])),
        Value::Object(object) if object.contains_key("$hex") => {
            Some(hex::decode(object["$hex"].as_str().unwrap()).unwrap())
        }
        json => Some(json.to_string().into_bytes()),
    };
    // A quotation mark in a query is no URI; clients in use send it escaped.
    let path = request["path"].as_str().unwrap().replace('"', "%22");
    wire::send(server, request["method"].as_str().unwrap(), &path, &headers, body.as_deref())
}

fn repeated(value: &Value) -> Vec<u8> {
    let parts = value["$repeat"].as_array().unwrap();
    let text = |n: usize| parts[n].as_str().unwrap();
    let times = usize::try_from(parts[2].as_u64().unwrap()).unwrap();
    format!("{}{}{}", text(0), text(1).repeat(times), text(3)).into_bytes()
}

/// Everything in which our answer differs from the recorded one.
pub(super) fn compare(want: &Value, got: &wire::Answer) -> Vec<String> {
    let mut differences = Vec::new();
    let status = want["status"].as_u64().unwrap();
    if status != u64::from(got.status) {
        differences.push(format!("status {status}, now {}", got.status));
    }
    let recorded = |name: &str| {
        want["headers"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str().unwrap())
    };
    for name in [
        "Content-Type",
        "Content-Encoding",
        "Etag",
        "Www-Authenticate",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
    ] {
        let (want, got) = (recorded(name), got.header(name));
        // Our tag of a bulk answer is another hash; that it is one, and moves, is tested where it is made.
        let weak = |tag: &str| name == "Etag" && tag.starts_with("W/\"") && tag.ends_with('"');
        if want != got.as_deref() && !(want.is_some_and(weak) && got.as_deref().is_some_and(weak)) {
            differences.push(format!("{name} {want:?}, now {got:?}"));
        }
    }
    let vary: Vec<String> = got.header("vary").unwrap_or_default().split(", ").map(str::to_lowercase).collect();
    for field in recorded("Vary").unwrap_or_default().split(", ").filter(|field| !field.is_empty()) {
        if !vary.contains(&field.to_lowercase()) {
            differences.push(format!("Vary without {field}: {vary:?}"));
        }
    }
    let body = match &want["body"] {
        Value::String(text) => Value::String(text.clone()),
        json => stable(json.clone()),
    };
    let ours = serde_json::from_slice(&got.body).map_or_else(|_| Value::String(got.text()), stable);
    // Of a long batch only the first and the last item were kept.
    let same = match (body["responses"].as_array(), ours["responses"].as_array()) {
        (Some(want), Some(got)) if want.len() == 2 && got.len() == 5_000 => want[0] == got[0] && want[1] == got[4_999],
        _ => body == ours,
    };
    if !same {
        differences.push(format!("body {}, now {}", cut(&body.to_string()), cut(&ours.to_string())));
    }
    differences
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

/// A body without what is different each time.
fn stable(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(stable).collect(),
        Value::Object(object) => {
            let mut kept = serde_json::Map::new();
            let (rule, flag) = (object.contains_key("segmentOperator"), object.contains_key("variants"));
            for (name, value) in object {
                // Ids of rules are made up at each start; a listed flag's namespace is empty there, and ours is told.
                if name == "id" && rule || name == "namespaceKey" && flag {
                    continue;
                }
                let value = match (name.as_str(), &value) {
                    ("requestDurationMillis", Value::Number(_)) => "<number>".into(),
                    ("timestamp", Value::String(at)) if at.parse::<jiff::Timestamp>().is_ok() => "<instant>".into(),
                    ("createdAt" | "updatedAt" | "ruleId", _) => continue,
                    ("requestId", Value::String(id)) if is_uuid(id) => "<uuid>".into(),
                    ("segmentKeys", Value::Array(keys)) => {
                        let mut keys = keys.clone();
                        keys.sort_by_key(ToString::to_string);
                        Value::Array(keys)
                    }
                    ("segments", Value::String(keys)) => {
                        let mut keys: Vec<_> = keys.split(',').collect();
                        keys.sort_unstable();
                        keys.join(",").into()
                    }
                    ("variantAttachment" | "attachment", Value::String(text)) if !text.is_empty() => {
                        serde_json::from_str(text).unwrap()
                    }
                    _ => stable(value),
                };
                kept.insert(name, value);
            }
            Value::Object(kept)
        }
        other => other,
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok()
}
