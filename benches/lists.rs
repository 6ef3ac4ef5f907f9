//! Lists of the web interface: what one of 5,000 flags costs the server, and how much of it goes over the wire.

use std::time::Instant;

use crate::{ours, propagation};

/// Milliseconds that a page of 5,000 flags may take.
const AIM: f64 = 50.0;
/// Bytes of it over the wire.
const WIRE: usize = 60_000;

pub async fn run() {
    println!("\nlists: 5,000 flags in one namespace, one request at a time, compressed; median");
    let files = [("flags/default/features.yaml".to_owned(), ours::file("default", 5_000, 0))];
    let (stage, _) = propagation::stage(&files, "flags").await;
    let client = reqwest::Client::new();
    let root = format!("http://{}", stage.daemon.address());
    let rounds = if crate::quick() { 5 } else { 50 };
    let own = format!("{root}/ui/e/default/n/default/flags");
    // What management answers with is the same flags read from the same place, all of them and as JSON.
    let api = format!("{root}/api/v2/environments/default/namespaces/default/resources/flipt.core.Flag");
    let (base, _) = median(&client, &api, rounds).await;
    println!("{:<36} {base:>7.2} ms", "the same as JSON, of the API");
    for (name, query) in [
        ("the first page", ""),
        ("the last page", "?page=50"),
        ("a search", "?q=flag+499"),
        ("by what was changed last", "?sort=changed"),
    ] {
        let (time, bytes) = median(&client, &format!("{own}{query}"), rounds).await;
        let reached = if time < AIM && bytes < WIRE { "reached" } else { "not reached" };
        println!(
            "{name:<36} {time:>7.2} ms   {bytes:>6} bytes   ratio to the API {:.2}   (aim {AIM} ms, {WIRE} bytes: {reached})",
            time / base
        );
    }
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

/// Milliseconds of a request, and the bytes of its answer.
async fn median(client: &reqwest::Client, url: &str, rounds: usize) -> (f64, usize) {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for round in 0..=rounds {
        let begin = Instant::now();
        let answer = client.get(url).header("Accept-Encoding", "gzip").send().await.expect("answer");
        assert_eq!(answer.status(), 200, "{url}");
        bytes = answer.bytes().await.expect("body").len();
        // The first one reads what the others find.
        if round > 0 {
            times.push(begin.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], bytes)
}
