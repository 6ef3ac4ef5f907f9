//! Streams: what a client gets, when, and what it never gets.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use sha1::{Digest as _, Sha1};
use yardarm::http::Settings;
use yardarm::limits;
use yardarm::serve::Environment;
use yardarm::serve::streams::ROWS;

use super::server::{Server, environment, publish, tokens};
use super::wire::{self, Open};

fn flag(key: &str, enabled: bool) -> String {
    format!("version: \"1.6\"\nflags:\n- key: {key}\n  name: {key}\n  type: BOOLEAN_FLAG_TYPE\n  enabled: {enabled}\n")
}

fn in_namespace(namespace: &str, flag: &str) -> String {
    format!("namespace: {namespace}\n{flag}")
}

/// A server with one environment that serves `default`.
fn server() -> (Server, Arc<Environment>) {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", &flag("a", true))]);
    (Server::start(vec![main.clone()], Settings::default()), main)
}

fn digest(environment: &Environment, namespace: &str) -> String {
    environment.load().flags.namespaces[namespace].digest.to_string()
}

fn lines(server: &Server, path: &str) -> Open {
    let open = wire::open(server.address, "GET", path, &[], None);
    assert_eq!(open.status, 200);
    open
}

fn events(server: &Server, path: &str) -> Open {
    let mut open = wire::open(server.address, "GET", path, &[("Accept", "text/event-stream")], None);
    assert_eq!(open.status, 200);
    assert_eq!(wire::joined(&open.headers, "content-type").as_deref(), Some("text/event-stream"));
    let retry = open.until("\n\n");
    let pause: u32 = retry.strip_prefix("retry: ").and_then(|rest| rest.split('\n').next()?.parse().ok()).unwrap();
    let (least, most) = limits::STREAM_RETRY_MILLISECONDS;
    assert!((least..=most).contains(&pause), "{retry}");
    open
}

fn event_of(digest: &str) -> String {
    format!("id: {}\ndata: {{\"etag\":\"{digest}\",\"type\":\"refetchEvaluation\"}}\n\n", digest.get(..9).unwrap())
}

/// Makes a keep-alive due for every stream: one round to have been quiet in, one to say so.
fn tick(server: &Server) {
    for _ in 0..2 * ROWS {
        server.state.environments.streams().tick();
    }
}

const LINES: &str = "/client/v2/environments/main/namespaces/default/stream";
const EVENTS: &str = "/ofrep/v1/_stream/main/default/events";

#[test]
fn lines_carry_the_snapshot_then_each_change_and_the_way_back() {
    let (server, main) = server();
    let (on, off) = (flag("a", true), flag("a", false));
    let mut stream = lines(&server, LINES);
    assert_eq!(wire::joined(&stream.headers, "content-type").as_deref(), Some("application/json"));
    let snapshot = || {
        let body = server.get("/client/v2/environments/main/namespaces/default/snapshot").text();
        format!("{{\"result\":{body}}}\n")
    };
    assert_eq!(stream.until("\n"), snapshot());
    publish(&main, &[("default/features.yaml", &off)]);
    assert_eq!(stream.until("\n"), snapshot());
    publish(&main, &[("default/features.yaml", &on)]);
    assert_eq!(stream.until("\n"), snapshot());
}

#[test]
fn events_name_the_digest_byte_for_byte() {
    let (server, main) = server();
    for path in [LINES, EVENTS] {
        let mut stream = events(&server, path);
        assert_eq!(stream.until("\n\n"), event_of(&digest(&main, "default")));
        publish(&main, &[("default/features.yaml", &flag("b", true))]);
        assert_eq!(stream.until("\n\n"), event_of(&digest(&main, "default")));
        publish(&main, &[("default/features.yaml", &flag("a", true))]);
        assert_eq!(stream.until("\n\n"), event_of(&digest(&main, "default")));
    }
}

#[test]
fn a_keep_alive_is_a_blank_without_a_line_or_a_comment() {
    let (server, main) = server();
    let mut line = lines(&server, LINES);
    line.until("\n");
    let mut event = events(&server, EVENTS);
    event.until("\n\n");
    tick(&server);
    assert_eq!(line.chunk().unwrap(), b" ");
    assert_eq!(event.chunk().unwrap(), b":\n\n");
    publish(&main, &[("default/features.yaml", &flag("b", true))]);
    // The server's own timer may have added a blank.
    let next = line.until("\n");
    let next = next.trim_start_matches(' ');
    assert!(next.starts_with("{\"result\":{") && next.matches('\n').count() == 1, "{next}");
}

#[test]
fn only_the_streams_of_a_changed_namespace_are_told() {
    let (server, main) = server();
    let files = |other: &str| {
        [("default/features.yaml", flag("a", true)), ("other/features.yaml", in_namespace("other", &flag(other, true)))]
    };
    let serve = |other: &str| {
        let files = files(other);
        publish(&main, &[(files[0].0, &files[0].1), (files[1].0, &files[1].1)]);
    };
    serve("x");
    let mut quiet = events(&server, EVENTS);
    quiet.until("\n\n");
    let mut told = events(&server, "/ofrep/v1/_stream/main/other/events");
    told.until("\n\n");
    serve("y");
    assert_eq!(told.until("\n\n"), event_of(&digest(&main, "other")));
    // Had the other been told of anything, it would come before this.
    tick(&server);
    assert_eq!(quiet.until("\n\n"), ":\n\n");
}

#[test]
fn a_client_that_knows_the_state_gets_the_head_at_once_and_the_next_state() {
    let (server, main) = server();
    let now = digest(&main, "default");
    let mut line = lines(&server, &format!("{LINES}?digest={now}"));
    let mut event = events(&server, &format!("{EVENTS}?digest={now}"));
    let mut stale = events(&server, &format!("{EVENTS}?digest=short"));
    assert_eq!(stale.until("\n\n"), event_of(&now));
    publish(&main, &[("default/features.yaml", &flag("b", true))]);
    assert!(line.until("\n").contains(&digest(&main, "default")));
    assert_eq!(event.until("\n\n"), event_of(&digest(&main, "default")));
}

#[test]
fn a_namespace_may_come_later_go_and_come_back() {
    let (server, main) = server();
    let path = "/client/v2/environments/main/namespaces/later/stream";
    let mut line = lines(&server, path);
    let mut event = events(&server, "/ofrep/v1/_stream/main/later/events");
    let later = in_namespace("later", &flag("x", true));
    let both = [("default/features.yaml", flag("a", true)), ("later/features.yaml", later)];
    let with = || publish(&main, &[(both[0].0, &both[0].1), (both[1].0, &both[1].1)]);
    let without = || publish(&main, &[(both[0].0, &both[0].1)]);
    with();
    assert!(line.until("\n").starts_with("{\"result\":{\"namespace\":{\"key\":\"later\"}"));
    assert_eq!(event.until("\n\n"), event_of(&digest(&main, "later")));
    without();
    assert_eq!(event.until("\n\n"), "data: {\"type\":\"refetchEvaluation\"}\n\n");
    with();
    assert_eq!(event.until("\n\n"), event_of(&digest(&main, "later")));
    // Whoever holds the snapshot still holds the right one: there is nothing to say.
    tick(&server);
    assert_eq!(line.chunk().unwrap(), b" ");
}

#[test]
fn branch_environments_stream_and_end_with_their_branch() {
    let (server, main) = server();
    let path = "/client/v2/environments/topic/namespaces/default/stream";
    let mut fallback = events(&server, path);
    assert_eq!(fallback.until("\n\n"), event_of(&digest(&main, "default")));
    let topic = environment("topic", false);
    publish(&topic, &[("default/features.yaml", &flag("t", true))]);
    server.state.environments.set_branches("flags", std::slice::from_ref(&topic));
    // Who asked for it before it came was given the default one, and finds it when coming back.
    tick(&server);
    assert_eq!(fallback.chunk(), None);
    let mut stream = events(&server, path);
    assert_eq!(stream.until("\n\n"), event_of(&digest(&topic, "default")));
    publish(&topic, &[("default/features.yaml", &flag("u", true))]);
    assert_eq!(stream.until("\n\n"), event_of(&digest(&topic, "default")));
    server.state.environments.set_branches("flags", &[]);
    assert_eq!(stream.chunk(), None);
}

#[test]
fn a_reader_that_stopped_is_moved_to_the_newest_state() {
    let (server, main) = server();
    let large = |n: usize| {
        let mut text = "version: \"1.6\"\nflags:\n".to_owned();
        for k in 0..2_000 {
            let name = "x".repeat(20);
            writeln!(text, "- key: flag-{k}-{n}\n  name: \"{name}\"\n  type: BOOLEAN_FLAG_TYPE").unwrap();
        }
        text
    };
    publish(&main, &[("default/features.yaml", &large(0))]);
    let mut stream = lines(&server, LINES);
    let mut other = events(&server, EVENTS);
    for n in 1..=20 {
        publish(&main, &[("default/features.yaml", &large(n))]);
        // Another reader is told of each all the same, or of a later one: it does not wait for this one.
        while other.until("\n\n") != event_of(&digest(&main, "default")) {}
    }
    let newest = digest(&main, "default");
    let mut frames = 0;
    loop {
        frames += 1;
        let line = stream.until("\n");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["result"]["digest"] == newest.as_str() {
            break;
        }
    }
    // What fits into the buffers of the kernel went out before it was known that nobody reads.
    assert!(frames < 20, "{frames}");
}

#[test]
fn too_many_are_told_to_come_back() {
    let (server, _main) = server();
    let streams = server.state.environments.streams();
    let mut tickets: Vec<_> = std::iter::from_fn(|| streams.enter()).collect();
    assert_eq!(tickets.len(), limits::STREAMS);
    let refused = server.send("GET", EVENTS, &[("Accept", "text/event-stream")], None);
    assert_eq!((refused.status, refused.header("retry-after").as_deref()), (503, Some("5")));
    assert!(refused.text().starts_with("data: {\"code\":14,"), "{}", refused.text());
    let refused = server.get(LINES);
    assert_eq!(refused.status, 503);
    assert!(refused.text().starts_with("{\"error\":{\"code\":14,"), "{}", refused.text());
    tickets.pop();
    let stream = lines(&server, LINES);
    assert_eq!(streams.open(), limits::STREAMS);
    drop((stream, tickets));
}

#[test]
fn a_client_that_is_gone_is_found_by_the_keep_alive() {
    let (server, _main) = server();
    let streams = server.state.environments.streams().clone();
    let mut stream = events(&server, EVENTS);
    stream.until("\n\n");
    assert_eq!(streams.open(), 1);
    drop(stream);
    let deadline = std::time::Instant::now() + wire::DEADLINE;
    while streams.open() > 0 {
        assert!(std::time::Instant::now() < deadline);
        tick(&server);
        std::thread::yield_now();
    }
}

#[test]
fn a_shutdown_ends_every_stream_in_order() {
    let (mut server, _main) = server();
    let mut line = lines(&server, LINES);
    line.until("\n");
    let mut event = events(&server, EVENTS);
    event.until("\n\n");
    let stopped = server.stop();
    assert_eq!((line.chunk(), event.chunk()), (None, None));
    // Whether the port is free again cannot be asked: another test may have it by now.
    server.runtime.block_on(stopped).unwrap();
}

#[test]
fn what_does_not_begin_says_why_in_the_form_of_the_stream() {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", &flag("a", true))]);
    let server = Server::start(vec![main], Settings { authentication: tokens(false), ..Settings::default() });
    let accept = ("Accept", "text/event-stream, */*");
    let token = ("Authorization", "Bearer golden-token");
    let nope = ("X-Flipt-Environment", "nope");
    assert_eq!(server.send("GET", EVENTS, &[accept], None).status, 401);
    let answer = server.send("GET", "/ofrep/v1/_stream/nope/default/events", &[accept, token, nope], None);
    assert_eq!((answer.status, answer.header("content-type").as_deref()), (404, Some("text/event-stream")));
    assert!(answer.text().starts_with("data: {\"code\":5,"), "{}", answer.text());
    let answer = server.send("GET", "/client/v2/environments/nope/namespaces/x/stream", &[token, nope], None);
    assert_eq!(answer.status, 404);
    assert!(answer.text().starts_with("{\"error\":{\"code\":5,") && answer.text().ends_with("}}\n"));
    let answer = server.send("GET", EVENTS, &[token], None);
    assert_eq!((answer.status, answer.header("content-type").as_deref()), (406, Some("text/plain; charset=utf-8")));
}

/// Swap first, then notify: whoever is told of a state and asks at once gets that state or a newer one, while others
/// ask all the time. Flipt tells first: 3 of 120 such questions got the state of before.
#[test]
fn whoever_is_told_of_a_state_finds_it() {
    const ROUNDS: usize = 200;
    const SNAPSHOT: &str = "/internal/v1/evaluation/snapshot/namespace/default";
    let (server, main) = server();
    let texts: Vec<String> = (0..=ROUNDS).map(|n| flag(&format!("f{n}"), true)).collect();
    let order = |n: usize, text: &String| (hex::encode(Sha1::digest(text)), n);
    let order: HashMap<String, usize> = texts.iter().enumerate().map(|(n, text)| order(n, text)).collect();
    publish(&main, &[("default/features.yaml", &texts[0])]);
    let (done, ask) = (AtomicBool::new(false), || server.get(SNAPSHOT));
    let read = |form: &str, tell: Option<mpsc::Sender<usize>>| {
        let mut stream = if form == "events" { events(&server, EVENTS) } else { lines(&server, LINES) };
        let (end, mark) = if form == "events" { ("\n\n", "\"etag\":\"") } else { ("\n", "\"digest\":\"") };
        let mut rounds = 0;
        loop {
            let frame = stream.until(end);
            let Some(at) = frame.find(mark) else { continue };
            let told = order[&frame[at + mark.len()..][..40]];
            let found = ask();
            let found = (found.status, order[&found.header("etag").unwrap()]);
            assert!(found.0 == 200 && found.1 >= told, "told of {told}, found {found:?}");
            rounds += 1;
            if let Some(tell) = &tell {
                tell.send(told).unwrap();
            }
            if told == ROUNDS {
                return rounds;
            }
        }
    };
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let first = scope.spawn(move || read("events", Some(tell)));
        let others = [scope.spawn(move || read("events", None)), scope.spawn(move || read("lines", None))];
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(ask().status, 200);
                }
            });
        }
        for (n, text) in texts.iter().enumerate() {
            if n > 0 {
                publish(&main, &[("default/features.yaml", text)]);
            }
            while told.recv_timeout(wire::DEADLINE).is_ok_and(|told| told < n) {}
        }
        assert_eq!(first.join().unwrap(), ROUNDS + 1);
        let _ = others.map(|other| other.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
}
