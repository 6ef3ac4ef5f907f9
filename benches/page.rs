//! An open page: how long after the swap a real browser shows a change, and how soon a list of 5,000 flags can be used.
//!
//! Needs Chromium, as the stories of the pages do.

use serde_json::Value;
use yardarm::clock::Clock as _;

use crate::browser::Browser;
use crate::{ours, propagation};

/// Milliseconds from the swap to the page.
const SHOWN: f64 = 200.0;
/// Milliseconds until a list can be used.
const USABLE: f64 = 1_000.0;

pub async fn run() {
    println!("\npage: in headless Chromium on the same cores; the page's clock is the daemon's");
    shown().await;
    usable().await;
}

/// Swap -> event at a stream beside it -> page shown.
async fn shown() {
    let file = |salt| vec![("flags/default/features.yaml".to_owned(), ours::file("default", 50, salt))];
    let (stage, _) = propagation::stage(&file(0), "flags").await;
    let root = format!("http://{}", stage.daemon.address());
    let client = reqwest::Client::new();
    let browser = Browser::at(&root).await;
    browser.go("/ui/e/default/n/default/flags").await;
    browser.until("it listens", "return 'connected' in document.documentElement.dataset").await;
    let note = "window.shown = []; document.body.addEventListener('yardarm:shown', () => \
                shown.push(performance.timeOrigin + performance.now()))";
    browser.script(note).await;
    let mut beside =
        client.get(format!("{root}/ui/events?environment=default&namespace=default")).send().await.expect("stream");
    moved(&mut beside).await;
    let (mut heard, mut seen) = (Vec::new(), Vec::new());
    let rounds = if crate::quick() { 3 } else { 40 };
    for round in 1..=rounds {
        let commit = propagation::commit(&stage.forge, &file(round), 1_700_000_000 + round as i64);
        let before = browser.script("return shown.length").await.as_u64().expect("a number");
        let (at, _) = tokio::join!(moved(&mut beside), propagation::deliver(&stage, &client, &commit, round));
        let swapped = stage.daemon.environments().get("default").expect("served").load().since;
        heard.push(at.duration_since(swapped).as_secs_f64() * 1e3);
        browser.until("it is shown", &format!("return shown.length > {before}")).await;
        let first = browser.script(&format!("return shown[{before}]")).await;
        seen.push(first.as_f64().expect("a moment") - swapped.as_microsecond() as f64 / 1e3);
    }
    browser.end().await;
    heard.sort_by(f64::total_cmp);
    seen.sort_by(f64::total_cmp);
    let at = |of: &[f64], part: f64| of[((of.len() - 1) as f64 * part).round() as usize];
    println!("swap -> event at a stream     p50 {:>6.1} ms  p99 {:>6.1} ms", at(&heard, 0.5), at(&heard, 0.99));
    println!(
        "swap -> shown in the page     p50 {:>6.1} ms  p99 {:>6.1} ms   ratio of the medians {:.1}   (aim {SHOWN} ms: {})",
        at(&seen, 0.5),
        at(&seen, 0.99),
        at(&seen, 0.5) / at(&heard, 0.5),
        if at(&seen, 0.99) < SHOWN { "reached" } else { "not reached" }
    );
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

/// When the stream says that the environment has moved.
async fn moved(stream: &mut reqwest::Response) -> jiff::Timestamp {
    loop {
        let chunk = stream.chunk().await.expect("event").expect("open");
        let text = String::from_utf8_lossy(&chunk);
        if text.lines().any(|line| line.starts_with("data:") && line.contains("environment")) {
            return yardarm::clock::System.now();
        }
    }
}

/// From the click to the end of loading, scripts included, beside a page with nothing on it.
async fn usable() {
    let files = [("flags/default/features.yaml".to_owned(), ours::file("default", 5_000, 0))];
    let (stage, _) = propagation::stage(&files, "flags").await;
    let browser = Browser::at(&format!("http://{}", stage.daemon.address())).await;
    let bare = loaded(&browser, "/ui/audit").await;
    println!("an audit of nothing           p50 {bare:>6.1} ms");
    for (name, path) in
        [("5,000 flags", "/ui/e/default/n/default/flags"), ("one of them", "/ui/e/default/n/default/flags/flag-000042")]
    {
        let time = loaded(&browser, path).await;
        let reached = if time < USABLE { "reached" } else { "not reached" };
        println!("{name:<29} p50 {time:>6.1} ms   ratio {:.2}   (aim {USABLE} ms: {reached})", time / bare);
    }
    browser.end().await;
    stage.daemon.stop().await;
    stage.forge.stop().await;
}

/// Milliseconds, median of a few.
async fn loaded(browser: &Browser, path: &str) -> f64 {
    let mut times = Vec::new();
    for _ in 0..if crate::quick() { 3 } else { 15 } {
        browser.go(path).await;
        browser.until("it listens", "return 'connected' in document.documentElement.dataset").await;
        let took: Value = browser.script("return performance.getEntriesByType('navigation')[0].loadEventEnd").await;
        times.push(took.as_f64().expect("a time"));
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
