//! `cargo bench --bench core`: the pure core in process. One evaluation, beside the slow evaluator of the tests; and a
//! snapshot of 100,000 flags, from text to flags that answer; the edit of one flag in a file of 5 MB; and what it costs
//! to count an evaluation, beside the evaluation.
//!
//! `-- evaluate`, `-- compile`, `-- edit` and `-- count` run one of them; `YARDARM_BENCH=quick` only shows that they work.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::print_stderr, clippy::string_slice)]

mod flag_file;
#[path = "../tests/reference/mod.rs"]
mod reference;
mod targeting;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use yardarm::analytics::Analytics;
use yardarm::flags::document::{Format, SourceFile, read, read_after};
use yardarm::flags::evaluate::{self, Context};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{Environment, Input, assemble};

fn quick() -> bool {
    std::env::var_os("YARDARM_BENCH").is_some_and(|value| value == "quick")
}

fn main() {
    let wanted = |name: &str| {
        let mut named = std::env::args().skip(1).filter(|a| !a.starts_with("--")).peekable();
        named.peek().is_none() || named.any(|a| a == name)
    };
    if wanted("evaluate") {
        evaluate();
    }
    if wanted("compile") {
        compile();
    }
    if wanted("edit") {
        edit();
    }
    if wanted("count") {
        count();
    }
}

fn evaluate() {
    let length = if quick() { Duration::from_millis(200) } else { Duration::from_secs(3) };
    let mut criterion = Criterion::default().warm_up_time(length / 3).measurement_time(length);
    let file = read(Format::Yaml, targeting::FLAGS.as_bytes());
    let environment = assemble(&[input("a", file)], &Environment::default(), HazardPolicy::Refuse);
    let namespace = &environment.namespaces["default"];
    let (banner, beta) = (namespace.flag("banner").unwrap(), namespace.flag("beta").unwrap());
    let slow = &reference::files([targeting::FLAGS])["default"];
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    for (name, pairs) in [("all of three segments match", targeting::MATCHING), ("none matches", targeting::OTHER)] {
        let context: Context = pairs.iter().map(owned).collect();
        let request = reference::Request { entity: "user-1".to_owned(), context: pairs.iter().map(owned).collect() };
        let server = reference::Mode::Server;
        let mut group = criterion.benchmark_group(name);
        group.bench_function("variant", |b| {
            b.iter(|| black_box(evaluate::variant(black_box(banner), "user-1", black_box(&context))))
        });
        group.bench_function("boolean", |b| {
            b.iter(|| black_box(evaluate::boolean(black_box(beta), "user-1", black_box(&context))))
        });
        group.bench_function("variant, reference", |b| {
            b.iter(|| black_box(reference::evaluate(server, black_box(&slow["banner"]), black_box(&request))))
        });
        group.finish();
        // The ratio of one run, taken in turns: what slows one slows the other.
        let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
        for _ in 0..if quick() { 3 } else { 30 } {
            ours = ours.min(nanoseconds(10_000, || {
                drop(black_box(evaluate::variant(black_box(banner), "user-1", black_box(&context))))
            }));
            theirs = theirs.min(nanoseconds(200, || {
                drop(black_box(reference::evaluate(server, black_box(&slow["banner"]), black_box(&request))));
            }));
        }
        println!(
            "{name}: {ours:.0} ns (aim under 1000: {}); the reference takes {:.0} times as long",
            if ours < 1000.0 { "reached" } else { "not reached" },
            theirs / ours
        );
    }
}

/// A flag that is evaluated and counted, by one thread and by all at once, beside the same without the count.
fn count() {
    let file = read(Format::Yaml, targeting::FLAGS.as_bytes());
    let environment = assemble(&[input("a", file)], &Environment::default(), HazardPolicy::Refuse);
    let namespace = &environment.namespaces["default"];
    let banner = namespace.flag("banner").unwrap();
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let context: Context = targeting::MATCHING.iter().map(owned).collect();
    let analytics = Analytics::default();
    let name: Arc<str> = "production".into();
    // Ten thousand other series, so that the table is as large as it gets.
    (0..10_000).for_each(|n| analytics.lane(&name, &namespace.key).count(&n.to_string(), "true"));
    let off = Analytics::default();
    off.set_on(false);
    let one = |analytics: &Analytics| {
        let answer = evaluate::variant(black_box(banner), "user-1", black_box(&context));
        analytics.lane(&name, &namespace.key).count(&banner.key, answer.name());
        drop(black_box(answer));
    };
    one(&analytics);
    analytics.collect(jiff::Timestamp::now());
    for threads in [1, std::thread::available_parallelism().map_or(2, usize::from)] {
        let all = |analytics: &Analytics| {
            let run = || nanoseconds(10_000, || one(analytics));
            std::thread::scope(|scope| {
                let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
                running.into_iter().map(|thread| thread.join().expect("it counts")).fold(0.0, f64::max)
            })
        };
        let (mut with, mut without) = (f64::MAX, f64::MAX);
        for _ in 0..if quick() { 3 } else { 40 } {
            with = with.min(all(&analytics));
            without = without.min(all(&off));
        }
        let ratio = with / without;
        println!(
            "{threads} threads: {without:.0} ns an evaluation, {with:.0} ns counted: ratio {ratio:.2} (aim under 1.25: {})",
            if ratio < 1.25 { "reached" } else { "not reached" }
        );
    }
}

/// Mean of one call.
fn nanoseconds(calls: u32, mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    (0..calls).for_each(|_| call());
    begin.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn input(directory: &str, file: SourceFile) -> Input {
    let path = format!("{directory}/features.yaml").into();
    Input { path, blob: (&*file.sha1).into(), file: Arc::new(file) }
}

/// Reads texts on as many threads as there are cores, as the daemon does.
fn read_all(texts: &[(String, String)]) -> Vec<Input> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(yardarm::limits::FLAG_READERS);
    std::thread::scope(|scope| {
        let parts: Vec<_> = texts
            .chunks(texts.len().div_ceil(threads))
            .map(|part| {
                let one = |(name, text): &(String, String)| input(name, read(Format::Yaml, text.as_bytes()));
                scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("read")).collect()
    })
}

/// 100,000 flags: parsed, checked and compiled; then one of them changed.
fn compile() {
    let flags = if quick() { 2_000 } else { 100_000 };
    println!("\n{flags} flags from text, and one of them changed; best of a few");
    let judged =
        |ms: f64, aim: f64| format!("{ms:.1} ms (aim {aim}: {})", if ms < aim { "reached" } else { "not reached" });
    // The last one is a file of 5 MB.
    for (files, flags, aim) in [(100, flags, 20.0), (1, flags, 20.0), (1, flags / 5, 10.0)] {
        let text = |n: usize, salt| flag_file::file(&format!("ns-{n}"), flags / files, salt);
        let texts: Vec<(String, String)> = (0..files).map(|n| (format!("ns-{n:03}"), text(n, 0))).collect();
        let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
        let (mut whole, mut change, mut added, mut segment) = (f64::MAX, f64::MAX, f64::MAX, f64::MAX);
        for round in 0..if quick() { 1 } else { 3 } {
            let begin = Instant::now();
            let inputs = read_all(&texts);
            let before = assemble(&inputs, &Environment::default(), HazardPolicy::Refuse);
            whole = whole.min(begin.elapsed().as_secs_f64() * 1000.0);
            assert!(before.problems.is_empty() && before.namespaces.len() == files);
            let one = text(0, 2 * round + 1);
            let more = texts[0].1.replacen("- key: flag-000001", "- key: flag-new\n  name: New\n- key: flag-000001", 1);
            let other = texts[0].1.replacen("value: \"7\"", "value: \"8\"", 1);
            for (changed, best) in [(one, &mut change), (more, &mut added), (other, &mut segment)] {
                for _ in 0..if quick() { 1 } else { 3 } {
                    let begin = Instant::now();
                    let mut now = inputs.clone();
                    let former = now[0].file.clone();
                    now[0] = input("ns-000", read_after(Some(&former), Format::Yaml, changed.as_bytes()));
                    let after = assemble(&now, &before, HazardPolicy::Refuse);
                    *best = best.min(begin.elapsed().as_secs_f64() * 1000.0);
                    assert!(after.problems.is_empty());
                }
            }
        }
        let mut digest = f64::MAX;
        for _ in 0..5 {
            let begin = Instant::now();
            black_box(sha1_of(texts[0].1.as_bytes()));
            digest = digest.min(begin.elapsed().as_secs_f64() * 1000.0);
        }
        println!(
            "{files:>3} files, {:.0} MB: whole {}, one flag {}, of which its file's SHA-1 is {digest:.1} ms; a new flag {added:.1} ms, a \
             segment that every flag names {segment:.1} ms; whole / one flag {:.0}",
            bytes as f64 / 1e6,
            judged(whole, 1_500.0),
            judged(change, aim),
            whole / change
        );
    }
}

fn sha1_of(bytes: &[u8]) -> Vec<u8> {
    use sha1::Digest as _;
    sha1::Sha1::digest(bytes).to_vec()
}

/// One flag of a file of 5 MB: the text edited, and what came out read after what was.
fn edit() {
    use yardarm::flags::edit::{Edit, apply};
    use yardarm::flags::resource::{Resource, view};
    let flags = if quick() { 500 } else { 20_000 };
    let text = flag_file::file("ns", flags, 0);
    let file = view::File::new(&"a/features.yaml".into(), &"blob".into(), Format::Yaml, text.as_bytes());
    let mut flag = file.documents()[0].flags[flags / 2].clone();
    flag.enabled = !flag.enabled;
    let edits = [Edit::Put(Resource::Flag(flag))];
    let former = read(Format::Yaml, text.as_bytes());
    let (mut edited, mut whole, mut after) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..if quick() { 1 } else { 7 } {
        let begin = Instant::now();
        let new = apply(Some(text.as_bytes()), "ns", &edits).expect("an edit in place");
        edited = edited.min(begin.elapsed().as_secs_f64() * 1000.0);
        assert!(new.rewritten.is_empty() && new.bytes.len().abs_diff(text.len()) < 2);
        let begin = Instant::now();
        drop(black_box(read(Format::Yaml, &new.bytes)));
        whole = whole.min(begin.elapsed().as_secs_f64() * 1000.0);
        let begin = Instant::now();
        drop(black_box(read_after(Some(&former), Format::Yaml, &new.bytes)));
        after = after.min(begin.elapsed().as_secs_f64() * 1000.0);
    }
    println!(
        "\none flag of {:.0} MB edited in {edited:.1} ms (aim 50: {}), the result read after the former in {after:.1} ms, as a whole in \
         {whole:.1} ms; edit / whole read {:.2}",
        text.len() as f64 / 1e6,
        if edited < 50.0 { "reached" } else { "not reached" },
        edited / whole
    );
}
