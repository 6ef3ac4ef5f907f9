//! Hook received -> swapped, over a real smart-HTTP Git server on loopback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use yardarm::app::Daemon;
use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Forge, Options};
use yardarm::git::program::Commit;

use crate::ours;

/// A daemon on a forge of its own.
pub struct Stage {
    pub forge: Forge,
    pub daemon: Daemon,
    _directory: tempfile::TempDir,
}

/// Pushes `files` to a new forge and starts the daemon on it.
pub async fn stage(files: &[(String, String)], directory: &str) -> (Stage, Duration) {
    let root = tempfile::tempdir().expect("directory");
    let forge = Forge::start(root.path(), Options::default()).expect("forge");
    commit(&forge, files, 1_700_000_000);
    let begin = Instant::now();
    let daemon = start(&forge, root.path(), directory).await;
    let stage = Stage { forge, daemon, _directory: root };
    live(&stage).await;
    (stage, begin.elapsed())
}

/// Starts the daemon on a forge, with its state below `root`.
pub async fn start(forge: &Forge, root: &std::path::Path, directory: &str) -> Daemon {
    let text = format!(
        "state: {{directory: '{}'}}\nserver: {{host: 127.0.0.1, http_port: 0}}\nstorage:\n  flags:\n    remote: '{}'\n    poll_interval: 10m\n    webhook: {{provider: github, secrets: [secret]}}\nenvironments: {{default: {{storage: flags, directory: '{directory}'}}}}\n",
        root.join("state").display(),
        forge.url(Sender::Github),
    );
    Daemon::start(ours::config(&text), Arc::new(yardarm::clock::System)).await.expect("start")
}

/// Makes a commit on the forge.
pub fn commit(forge: &Forge, files: &[(String, String)], seconds: i64) -> String {
    let files: Vec<(&str, Option<&[u8]>)> = files.iter().map(|(p, t)| (p.as_str(), Some(t.as_bytes()))).collect();
    forge.repository().commit(&Commit { branch: "main", files: &files, message: "change", seconds }).expect("commit")
}

async fn live(stage: &Stage) {
    let url = format!("http://{}/ready", stage.daemon.address());
    loop {
        if reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Delivers the push of `commit` and answers what the record of the delivery says: milliseconds from its head to the
/// end of the fetch and to the swap.
pub async fn deliver(stage: &Stage, client: &reqwest::Client, commit: &str, id: usize) -> (f64, f64) {
    let body = serde_json::json!({
        "ref": "refs/heads/main",
        "before": "6113496094ec91d3a32d3751c399a06979cb9161",
        "after": commit,
        "repository": {"clone_url": stage.forge.url(Sender::Github)},
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("key");
    mac.update(body.as_bytes());
    let root = format!("http://{}", stage.daemon.address());
    let answer = client
        .post(format!("{root}/webhooks/flags"))
        .header("Content-Type", "application/json")
        .header("X-GitHub-Event", "push")
        .header("X-GitHub-Delivery", format!("delivery-{id}"))
        .header("X-Hub-Signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
        .body(body)
        .send()
        .await
        .expect("deliver");
    assert_eq!(answer.status(), 202);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = client
            .get(format!("{root}/api/v2/storages/flags/deliveries"))
            .send()
            .await
            .expect("ask")
            .text()
            .await
            .expect("text");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let newest = &value["deliveries"][0];
        if let (Some(fetched), Some(live)) = (newest["steps"]["fetched"].as_f64(), newest["steps"]["live"].as_f64()) {
            if newest["deliveryId"] == format!("delivery-{id}").as_str() {
                return (fetched, live);
            }
        }
        assert!(Instant::now() < deadline, "not live: {newest}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub async fn run() {
    println!("\npropagation: hook received -> swapped, milliseconds, real Git over smart HTTP on loopback");
    let file = |salt| vec![("default/features.yaml".to_owned(), ours::file("default", 50, salt))];
    let (stage, _) = stage(&file(0), "").await;
    let client = reqwest::Client::new();
    let (mut fetched, mut live, mut server) = (Vec::new(), Vec::new(), Vec::new());
    let mut old = stage.forge.repository().tip("main").expect("tip").expect("tip");
    let changes = if crate::quick() { 5 } else { 60 };
    for i in 1..=changes {
        let new = commit(&stage.forge, &file(i), 1_700_000_000 + i as i64);
        // The floor: the same conversation, spoken by hand to the same server, no client around it.
        server.push(conversation(&client, &stage.forge.url(Sender::Github), &old, &new).await);
        let (f, l) = deliver(&stage, &client, &new, i).await;
        fetched.push(f);
        live.push(l);
        old = new;
    }
    for times in [&mut fetched, &mut live, &mut server] {
        times.sort_by(f64::total_cmp);
    }
    let at = |v: &[f64], q: f64| v[((v.len() - 1) as f64 * q).round() as usize];
    for (name, times) in
        [("the Git server's own time", &server), ("received -> fetched", &fetched), ("received -> swapped", &live)]
    {
        println!("{name:<28} p50 {:>7.1}  p99 {:>7.1}", at(times, 0.5), at(times, 0.99));
    }
    let beyond = at(&live, 0.99) - at(&server, 0.5);
    println!(
        "p99 beyond the Git server's own time: {beyond:.1} ms (aim under 80: {}); ratio of the medians {:.2}",
        if beyond < 80.0 { "reached" } else { "not reached" },
        at(&live, 0.5) / at(&server, 0.5)
    );
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

/// What any client has to ask a Git server for one new commit: capabilities, the ref, the pack. Milliseconds.
async fn conversation(client: &reqwest::Client, url: &str, old: &str, new: &str) -> f64 {
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let begin = Instant::now();
    let ask = |request: reqwest::RequestBuilder| async {
        let answer = request.header("Git-Protocol", "version=2").send().await.expect("ask");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("bytes")
    };
    ask(client.get(format!("{url}/info/refs?service=git-upload-pack"))).await;
    let post = |body: String| {
        client
            .post(format!("{url}/git-upload-pack"))
            .header("Content-Type", "application/x-git-upload-pack-request")
            .body(body)
    };
    let refs = line("command=ls-refs\n") + "0001" + &line("ref-prefix refs/heads/main\n") + "0000";
    assert!(!ask(post(refs)).await.is_empty());
    let fetch = [
        line("command=fetch\n"),
        "0001".to_owned(),
        line("no-progress\n"),
        line("ofs-delta\n"),
        line(&format!("want {new}\n")),
        line(&format!("have {old}\n")),
        line("done\n"),
        "0000".to_owned(),
    ]
    .concat();
    let pack = ask(post(fetch)).await;
    assert!(pack.windows(4).any(|w| w == b"PACK"), "no pack");
    begin.elapsed().as_secs_f64() * 1000.0
}
