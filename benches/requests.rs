//! Requests a second of every surface, beside a bare handler of the same payload.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{floor, load, ours};

pub async fn run(wanted: &dyn Fn(&str) -> bool) {
    let ours = ours::start(&ours::file("default", 350, 0));
    let environment = ours.environment.load();
    let snapshot = environment.flags.namespaces.get("default").expect("namespace").client_snapshot();
    let digest = environment.flags.namespaces.get("default").expect("namespace").digest.clone();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let floor = floor::start(snapshot.clone(), workers);
    println!("requests: 32 connections, the load generator on the same cores; best of {} rounds", crate::rounds());

    if wanted("intake") {
        let body = push();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("key");
        mac.update(&body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        // A ref that nobody follows: authentic, recorded, answered 200. What an accepted one sets in motion afterwards
        // is the figure of `propagation`.
        let signed: Vec<_> = (0..256)
            .map(|i| {
                let id = format!("72d3162e-cc78-11e3-81ab-4c9367dc{i:04x}");
                let headers = [
                    ("Content-Type", "application/json"),
                    ("X-GitHub-Event", "push"),
                    ("X-GitHub-Delivery", id.as_str()),
                    ("X-Hub-Signature-256", signature.as_str()),
                ];
                load::request("POST", "/webhooks/flags", &headers, &body)
            })
            .collect();
        let bare = [load::request("POST", "/hash", &[("Content-Type", "application/json")], &body)];
        load::compare("signed webhook of 10 KiB", (ours.address, &signed, 200), (floor.address, &bare, 202), 0.5).await;
    }
    if wanted("evaluate") {
        let guarded = ours::guarded(&ours::file("default", 350, 0));
        let token = format!("Bearer {}", ours::TOKEN);
        let credential = [("Authorization", token.as_str())];
        evaluate(ours.address, &[], "", floor.address, &digest, snapshot.len()).await;
        evaluate(guarded.address, &credential, ", with a token", floor.address, &digest, snapshot.len()).await;
    }
}

/// The surfaces of clients, asked with this credential.
async fn evaluate(
    address: SocketAddr,
    credential: &[(&str, &str)],
    note: &str,
    floor: SocketAddr,
    digest: &str,
    bytes: usize,
) {
    let body = br#"{"namespaceKey":"default","flagKey":"flag-000002","entityId":"user-12345","context":{"plan":"free","version":"9","email":"a@b.c"}}"#;
    let json = [&[("Content-Type", "application/json")], credential].concat();
    let plain = [("Content-Type", "application/json")];
    let request = [load::request("POST", "/evaluate/v1/boolean", &json, body)];
    let bare = [load::request("POST", "/echo", &plain, body)];
    load::compare(
        &format!("/evaluate/v1/boolean with targeting{note}"),
        (address, &request, 200),
        (floor, &bare, 200),
        0.6,
    )
    .await;
    let request = [load::request(
        "POST",
        "/ofrep/v1/evaluate/flags/flag-000002",
        &json,
        br#"{"context":{"targetingKey":"user-12345","plan":"free","version":"9","email":"a@b.c"}}"#,
    )];
    load::compare(&format!("OFREP single{note}"), (address, &request, 200), (floor, &bare, 200), 0.6).await;
    let get = [load::request("GET", "/internal/v1/evaluation/snapshot/namespace/default", credential, b"")];
    let bare = [load::request("GET", "/bytes", &[], b"")];
    load::compare(
        &format!("client snapshot, 200, {} kB{note}", bytes / 1000),
        (address, &get, 200),
        (floor, &bare, 200),
        0.8,
    )
    .await;
    let same = [load::request(
        "GET",
        "/internal/v1/evaluation/snapshot/namespace/default",
        &[&[("If-None-Match", digest)], credential].concat(),
        b"",
    )];
    let bare = [load::request("GET", "/same", &[], b"")];
    load::compare(&format!("client snapshot, 304{note}"), (address, &same, 304), (floor, &bare, 304), 0.8).await;
    let bulk = [load::request(
        "POST",
        "/ofrep/v1/evaluate/flags",
        &json,
        br#"{"context":{"targetingKey":"user-12345","plan":"free","version":"9"}}"#,
    )];
    let mut best = 0f64;
    for _ in 0..crate::rounds() {
        best = best.max(load::run(address, &bulk, 32, crate::round_time(), 200).await.rate);
    }
    println!(
        "{:<44} {best:>9.0}/s   (aim 10000/s: {})",
        format!("OFREP bulk of 350 flags{note}"),
        if best >= 10_000.0 { "reached" } else { "not reached" }
    );
}

/// A push of GitHub's shape, 10 KiB long.
fn push() -> Vec<u8> {
    let mut commits = Vec::new();
    loop {
        let text = serde_json::json!({
            "ref": "refs/heads/not-followed",
            "before": "6113496094ec91d3a32d3751c399a06979cb9161",
            "after": "5201b8f12cec95c8b6afd2517dd099ed095a51ec",
            "repository": {"full_name": "acme/flags", "clone_url": "https://github.com/acme/flags.git"},
            "commits": commits,
        })
        .to_string();
        if text.len() >= 10 * 1024 {
            return text.into_bytes();
        }
        commits.push(serde_json::json!({
            "id": "5201b8f12cec95c8b6afd2517dd099ed095a51ec",
            "message": "Turn the flag on for everybody in the beta",
            "timestamp": "2026-11-22T10:00:00Z",
            "author": {"name": "Mona", "email": "mona@example.com", "username": "mona"},
            "added": [], "removed": [], "modified": ["production/default/features.yaml"],
        }));
    }
}
