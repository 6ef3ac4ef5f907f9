//! Cost against size: a one-flag commit must cost by what changed.

use crate::{ours, propagation};

pub async fn run() {
    println!("\nsize: start, memory and a one-flag commit (hook received -> swapped, median of a few)");
    let client = reqwest::Client::new();
    let quick = crate::quick();
    let cases: &[(&str, usize, usize)] = if quick {
        &[("10 flags", 10, 0), ("1,000 flags", 1_000, 0)]
    } else {
        &[
            ("10 flags", 10, 0),
            ("1,000 flags", 1_000, 0),
            ("100,000 flags in 100 namespaces", 100_000, 0),
            ("1,000 flags, 50,000 files outside", 1_000, 50_000),
        ]
    };
    let mut first = None;
    for (name, flags, outside) in cases {
        // A namespace has a thousand flags at most, as a team's file would.
        let namespaces = flags.div_ceil(1_000);
        let each = flags / namespaces;
        let mut files: Vec<(String, String)> = (0..namespaces)
            .map(|n| (format!("flags/ns-{n:03}/features.yaml"), ours::file(&format!("ns-{n:03}"), each, 0)))
            .collect();
        files.extend((0..*outside).map(|i| (format!("code/{:03}/{i:05}.txt", i / 100), format!("file {i}\n"))));
        let before = crate::fan_out::resident(std::process::id());
        let (stage, start) = propagation::stage(&files, "flags").await;
        let memory = crate::fan_out::resident(std::process::id()).saturating_sub(before);
        let mut times = Vec::new();
        for i in 1..=if quick { 3 } else { 9 } {
            let change = [("flags/ns-000/features.yaml".to_owned(), ours::file("ns-000", each, i))];
            let commit = propagation::commit(&stage.forge, &change, 1_700_000_000 + i as i64);
            times.push(propagation::deliver(&stage, &client, &commit, i).await.1);
        }
        times.sort_by(f64::total_cmp);
        let middle = times[times.len() / 2];
        let base = *first.get_or_insert(middle);
        println!(
            "{name:<36} start {:>7.0} ms   memory +{:>5.1} MB   one flag {middle:>6.1} ms   ratio to 10 flags {:.2}",
            start.as_secs_f64() * 1000.0,
            memory as f64 / 1e6,
            middle / base
        );
        stage.daemon.stop().await;
        stage.forge.stop().await;
    }
}
