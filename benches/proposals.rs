//! An event of a proposal -> its new state at a subscriber, and a page of 1,000, with a simulated provider on loopback.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yardarm::demo::dialect::Sender;

use crate::provider::Story;
use crate::world::{NAMESPACE, Plan, SHOP, features};

const PAGE: usize = 1_000;

pub async fn run() {
    println!(
        "\nproposals: event -> visible to a subscriber (the provider's own time on loopback included), milliseconds"
    );
    let story = Story::prepared(Plan::of(Sender::Gitea), |plain| crate::provider::past(plain, PAGE)).await;
    story.branch("bench", &[(SHOP, &features(NAMESPACE, "bench"))]).await;
    let told = story.propose("bench", &serde_json::json!({})).await.json();
    let number = told["number"].as_u64().expect("number");
    story.tell().await;

    let mut stream = TcpStream::connect(story.world.daemon().address()).await.expect("connect");
    stream.write_all(b"GET /api/v2/proposals/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("ask");
    let rounds = if crate::quick() { 5 } else { 100 };
    let mut took = Vec::new();
    for round in 0..rounds {
        let title = format!("title number {round}.");
        story.scm.world(|plain| plain.edit(number, Some(&title), None)).expect("edit");
        let deliveries = story.webhooks();
        // Each is the first of its second: what is measured is a single event.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let began = Instant::now();
        for delivery in &deliveries {
            story.world.send(delivery).await;
        }
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(&title) {
            assert!(stream.read_buf(&mut read).await.expect("read") > 0, "the stream ended");
        }
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!("  p50 {:.2}  p99 {:.2}  max {:.2}  ({rounds} events)", at(0.5), at(0.99), at(1.0));

    let before = story.scm.exchanges().len();
    let mut pages = Vec::new();
    for _ in 0..rounds.min(50) {
        let began = Instant::now();
        let page = story.world.outside.get(&format!("/api/v2/proposals?limit={PAGE}")).await.expect("page");
        pages.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(page.status, 200);
    }
    pages.sort_by(f64::total_cmp);
    let asked = story.scm.exchanges().len() - before;
    println!(
        "  a page of {PAGE}: p50 {:.2}  max {:.2}; requests to the provider meanwhile: {asked}",
        pages[pages.len() / 2],
        pages[pages.len() - 1]
    );
    story.world.end().await;
}
