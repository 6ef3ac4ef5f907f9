//! Edit -> live, by the management API: the change is a commit on a real Git server before it is served.
//!
//! The remote's own time is what the daemon measured of each push (`yardarm_push_duration_seconds`): what is left is
//! the plan, the commit, the record on the disk, the swap and the streams. A push spoken by hand to the same server, of a
//! commit that it has already, says what the server takes at least.

use std::time::Instant;

use serde_json::{Value, json};
use sha1::Digest as _;
use yardarm::demo::dialect::Sender;

use crate::fan_out::{Piped, now};
use crate::{ours, propagation};

const WRITERS: usize = 50;

pub async fn run() {
    println!("\nwrites: a flag toggled by the API -> pushed -> swapped -> streams, milliseconds");
    let file = vec![("default/features.yaml".to_owned(), ours::file("default", WRITERS, 0))];
    let (stage, _) = propagation::stage(&file, "").await;
    let client = reqwest::Client::new();
    let root = format!("http://{}", stage.daemon.address());
    let url = stage.forge.url(Sender::Github);
    let streams = if crate::quick() { 50 } else { 1_000 };
    let address = stage.daemon.address().to_string();
    let path = "/client/v2/environments/default/namespaces/default/stream";
    let mut clients = Piped::start(&["--clients", &address, path, &streams.to_string()]);
    clients.line();

    let tip = stage.forge.repository().tip("main").expect("tip").expect("tip");
    let mut flag = resource(&client, &root, "flag-000000").await;
    let (mut server, mut answered, mut seen, mut pushes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut before_answer, mut before_live) = (Vec::new(), Vec::new());
    let changes = if crate::quick() { 5 } else { 100 };
    for i in 0..changes {
        server.push(push(&client, &url, &tip, i).await);
        toggle(&mut flag);
        let pushed_before = pushed(&client, &root).await;
        let (begin, start) = (now(), Instant::now());
        put(&client, &root, &flag).await;
        answered.push(start.elapsed().as_secs_f64() * 1000.0);
        let last: u128 = clients.line().parse().expect("a time");
        seen.push(last.saturating_sub(begin) as f64 / 1e6);
        pushes.push(pushed(&client, &root).await - pushed_before);
        before_answer.push(answered[i] - pushes[i]);
        before_live.push(seen[i] - pushes[i]);
    }
    drop(clients);
    for times in [&mut server, &mut answered, &mut seen, &mut pushes, &mut before_answer, &mut before_live] {
        times.sort_by(f64::total_cmp);
    }
    let at = |v: &[f64], q: f64| v[((v.len() - 1) as f64 * q).round() as usize];
    let last = format!("asked -> the last of {streams} streams");
    let rows = [
        ("a push by hand of nothing new", &server),
        ("the push of each", &pushes),
        ("asked -> answered", &answered),
        ("  without the push", &before_answer),
        (&last, &seen),
        ("  without the push", &before_live),
    ];
    for (name, times) in rows {
        println!("{name:<36} p50 {:>7.1}  p99 {:>7.1}  worst {:>7.1}", at(times, 0.5), at(times, 0.99), at(times, 1.0));
    }
    let beyond = at(&before_live, 0.99);
    println!(
        "live, p99 without the push: {beyond:.1} ms (aim under 40: {}); ratio of the medians, live to push {:.2}",
        if beyond < 40.0 { "reached" } else { "not reached" },
        at(&seen, 0.5) / at(&pushes, 0.5)
    );

    let mut flags = Vec::new();
    for n in 0..WRITERS {
        flags.push(resource(&client, &root, &format!("flag-{n:06}")).await);
    }
    let mut rounds = Vec::new();
    for _ in 0..if crate::quick() { 1 } else { 10 } {
        flags.iter_mut().for_each(toggle);
        let begin = Instant::now();
        futures_util::future::join_all(flags.iter().map(|flag| put(&client, &root, flag))).await;
        rounds.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    rounds.sort_by(f64::total_cmp);
    for flag in &flags {
        let key = flag["key"].as_str().expect("a key");
        assert_eq!(resource(&client, &root, key).await["enabled"], flag["enabled"], "lost: {key}");
    }
    println!(
        "{WRITERS} writers at once, all of their edits there: {:.0} ms (slowest round {:.0}); one alone {:.0}",
        at(&rounds, 0.5),
        at(&rounds, 1.0),
        at(&answered, 0.5)
    );
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

fn toggle(flag: &mut Value) {
    flag["enabled"] = json!(flag["enabled"] != json!(true));
}

async fn resource(client: &reqwest::Client, root: &str, key: &str) -> Value {
    let url = format!("{root}/api/v2/environments/default/namespaces/default/resources/flipt.core.Flag/{key}");
    let answer = client.get(url).send().await.expect("ask").text().await.expect("text");
    let value: Value = serde_json::from_str(&answer).expect("JSON");
    assert!(value["resource"]["payload"].is_object(), "{answer}");
    value["resource"]["payload"].clone()
}

async fn put(client: &reqwest::Client, root: &str, flag: &Value) {
    let url = format!("{root}/api/v2/environments/default/namespaces/default/resources");
    let body = json!({"key": flag["key"], "payload": flag}).to_string();
    let request = client.put(url).header("Content-Type", "application/json").body(body);
    let answer = request.send().await.expect("ask");
    let status = answer.status();
    assert_eq!(status, 200, "{}", answer.text().await.expect("text"));
}

/// Milliseconds that all pushes until now took, by the daemon's own measure.
async fn pushed(client: &reqwest::Client, root: &str) -> f64 {
    let text = client.get(format!("{root}/metrics")).send().await.expect("ask").text().await.expect("text");
    let sum = text.lines().find(|line| line.starts_with("yardarm_push_duration_seconds_sum"));
    sum.and_then(|line| line.rsplit(' ').next()?.parse().ok()).map_or(0.0, |seconds: f64| seconds * 1000.0)
}

/// What any client has to say to a Git server for one push: capabilities, and the ref with a pack. Milliseconds.
async fn push(client: &reqwest::Client, url: &str, tip: &str, n: usize) -> f64 {
    let command = format!("{} {tip} refs/heads/floor-{n}\0 report-status", "0".repeat(40));
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    pack.extend(sha1::Sha1::digest(&pack));
    let body = [format!("{:04x}{command}0000", command.len() + 4).into_bytes(), pack].concat();
    let begin = Instant::now();
    let answer = client.get(format!("{url}/info/refs?service=git-receive-pack")).send().await.expect("ask");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("bytes");
    let answer = client
        .post(format!("{url}/git-receive-pack"))
        .header("Content-Type", "application/x-git-receive-pack-request")
        .body(body)
        .send()
        .await
        .expect("ask");
    let text = answer.text().await.expect("text");
    assert!(text.contains("unpack ok"), "{text}");
    begin.elapsed().as_secs_f64() * 1000.0
}
