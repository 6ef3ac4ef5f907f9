//! The process as a whole: resident memory idle, and start to first answer from a warm clone.

use std::io::BufRead;
use std::time::{Duration, Instant};

use crate::fan_out::resident;
use crate::{ours, propagation};

/// The second process. `streams`: only the HTTP surface, one swap for each line on standard input.
pub fn daemon(arguments: &[String]) {
    assert_eq!(arguments.first().map(String::as_str), Some("streams"), "{arguments:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let ours = ours::start(&ours::file("default", 50, 0));
        println!("{}", ours.address);
        // Made before they are needed: parsing is not what is measured.
        let mut next = Vec::new();
        let mut previous = (**ours.environment.load()).flags.as_ref().clone();
        for salt in 1..=16 {
            previous = ours::flags(&ours::file("default", 50, salt), &previous);
            next.push(previous.clone());
        }
        let environment = ours.environment.clone();
        tokio::task::spawn_blocking(move || {
            let mut next = next.into_iter();
            for _ in std::io::stdin().lock().lines() {
                crate::ours::publish(&environment, next.next().expect("few waves"));
            }
        })
        .await
        .expect("waves");
        std::process::exit(0);
    });
}

pub async fn run() {
    println!("\nprocess: the released binary");
    let program = env!("CARGO_BIN_EXE_yardarm");
    let files = [("flags/default/features.yaml".to_owned(), ours::file("default", 1_000, 0))];
    let (stage, _) = propagation::stage(&files, "flags").await;
    let root = tempfile::tempdir().expect("directory");
    let config = root.path().join("config.yml");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("port").port();
    let text = format!(
        "state: {{directory: '{}'}}\nserver: {{host: 127.0.0.1, http_port: {port}}}\nlog: {{level: error}}\nstorage: {{flags: {{remote: '{}', poll_interval: 10m}}}}\nenvironments: {{default: {{storage: flags, directory: flags}}}}\n",
        root.path().join("state").display(),
        stage.forge.url(yardarm::demo::dialect::Sender::Github),
    );
    std::fs::write(&config, text).expect("write");
    let mut times = Vec::new();
    let mut memory = 0;
    for round in 0..if crate::quick() { 2 } else { 6 } {
        let begin = Instant::now();
        let mut child =
            std::process::Command::new(program).arg("serve").arg("--config").arg(&config).spawn().expect("start");
        let body = r#"{"flagKey":"flag-000002","entityId":"user-1","context":{"plan":"pro","version":"9"}}"#;
        let request = crate::load::request("POST", "/evaluate/v1/boolean", &[("Connection", "close")], body.as_bytes());
        loop {
            if ask(port, &request).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = begin.elapsed().as_secs_f64() * 1000.0;
        // The first start clones.
        if round > 0 {
            times.push(took);
        }
        std::thread::sleep(Duration::from_millis(500));
        memory = resident(child.id());
        let _ = std::process::Command::new("kill").arg(child.id().to_string()).status();
        let _ = child.wait();
    }
    times.sort_by(f64::total_cmp);
    let middle = times[times.len() / 2];
    println!(
        "start to first answer, warm clone, 1,000 flags: {middle:.0} ms (aim under 200: {})",
        if middle < 200.0 { "reached" } else { "not reached" }
    );
    println!(
        "resident memory idle, 1,000 flags: {:.1} MB (aim under 20: {})",
        memory as f64 / 1e6,
        if memory < 20_000_000 { "reached" } else { "not reached" }
    );
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

fn ask(port: u16, request: &[u8]) -> Option<String> {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    socket.write_all(request).ok()?;
    let mut text = String::new();
    socket.read_to_string(&mut text).ok()?;
    Some(text)
}
