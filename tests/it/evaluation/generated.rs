//! Our evaluator against the reference, over generated files and requests.
//!
//! A failing case shrinks and its seed is kept in `regressions.txt` beside this file, which belongs into the commit:
//! it is tried first on every run from then on. The files are the same on every run, so that nobody's change fails for an
//! input that nobody had thought of; `PROPTEST_CASES=20000` looks for those.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;
use yardarm::flags::document::{Format, read};
use yardarm::flags::evaluate::{self, Context};
use yardarm::flags::explain;
use yardarm::flags::problem::{HazardPolicy, Severity};
use yardarm::flags::snapshot::{Environment, Flag, FlagKind, Input, assemble};

use super::case::{self, Case, cases};
use crate::reference::{self, Answer, Constraint, Mode, Request, values};

/// Files of one run; each is asked some eighty times.
const FILES: u32 = 1_300;
/// Files whose warnings are compared with what the two engines make of every constraint.
const WARNED: u32 = 500;
/// Files of which clients evaluate the snapshot.
const SNAPSHOTS: u32 = 500;
/// Files of which answers are explained.
const EXPLAINED: u32 = 150;
/// What a run has to compare at least.
const COMPARED: u64 = 100_000;

/// The same cases every time; with `PROPTEST_CASES=N` new ones, and at least so many. What that finds is kept.
fn runner(files: u32) -> TestRunner {
    let config = Config {
        cases: files.max(Config::default().cases),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/it/evaluation/regressions.txt"))),
        ..Config::default()
    };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

fn environment(text: &str) -> Environment {
    let file = read(Format::Yaml, text.as_bytes());
    let input = Input { path: "a/features.yaml".into(), blob: (&*file.sha1).into(), file: Arc::new(file) };
    assemble(&[input], &Environment::default(), HazardPolicy::Warn)
}

/// Our answer in the words of the reference.
fn ours(flag: &Flag, request: &Request) -> Answer {
    let context: Context = request.context.clone().into_iter().collect();
    let keys = |segments: evaluate::Segments<'_>| segments.iter().map(|key| (*key).to_owned()).collect();
    match flag.kind {
        FlagKind::Boolean => {
            let answer = evaluate::boolean(flag, &request.entity, &context);
            let segments = keys(answer.segments);
            Answer::Boolean { enabled: answer.enabled, reason: answer.reason.name(), segments }
        }
        FlagKind::Variant => {
            let answer = evaluate::variant(flag, &request.entity, &context);
            let (key, attachment) = answer.variant.map_or(("", "null"), |v| (&v.key, &v.attachment));
            Answer::Variant {
                matched: answer.matched,
                reason: answer.reason.name(),
                segments: keys(answer.segments),
                key: key.to_owned(),
                attachment: serde_json::from_str(attachment).unwrap(),
            }
        }
    }
}

/// Entities at the edges of a flag's shares, where another rounding would give another variant. Chance finds them once
/// in a thousand, so they are looked up.
fn edges(flag: &reference::Flag) -> Vec<String> {
    let mut buckets = BTreeSet::new();
    for rule in &flag.rules {
        let rollouts: Vec<f32> = rule.shares.iter().map(|share| share.rollout).filter(|r| *r > 0.0).collect();
        for mode in [Mode::Server, Mode::Client] {
            let ends = values::boundaries(mode, &rollouts);
            buckets.extend(ends.into_iter().filter(|end| (1..1000).contains(end)).flat_map(|end| [end - 1, end]));
        }
    }
    buckets.into_iter().map(|bucket| entity_in(&flag.key, bucket)).collect()
}

/// An entity that falls into a bucket of a flag.
fn entity_in(flag: &str, bucket: u32) -> String {
    static KNOWN: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let entities = known.entry(flag.to_owned()).or_insert_with(|| {
        let mut entities = vec![String::new(); 1000];
        for entity in (0..20_000).map(|n| format!("n{n}")) {
            let bucket = values::crc32(&format!("{flag}{entity}")) % 1000;
            entities[bucket as usize] = entity;
        }
        entities
    });
    entities[bucket as usize].clone()
}

/// Runs `check` on every case, and prints the smallest file that fails it.
fn all(files: u32, check: impl Fn(&Case, &str) -> Result<(), String>) {
    let result = runner(files).run(&cases(), |case| {
        let text = case.text();
        check(&case, &text).map_err(|what| TestCaseError::fail(format!("{what}\n{text}")))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_hundred_thousand_evaluations_are_those_of_the_reference() {
    let compared = Cell::new(0_u64);
    let reasons = std::cell::RefCell::new(BTreeMap::<String, u64>::new());
    all(FILES, |case, text| {
        let environment = environment(text);
        let refused: Vec<_> = environment.problems.iter().filter(|p| p.severity == Severity::Error).collect();
        if !refused.is_empty() {
            return Err(format!("a valid file is refused: {refused:#?}"));
        }
        let reference = reference::files([text]);
        let served: BTreeSet<&str> = environment.namespaces.keys().map(|key| &**key).collect();
        if !served.iter().copied().eq(reference.keys().map(String::as_str)) {
            return Err(format!("other namespaces: {served:?}"));
        }
        let requests = case.requests();
        for (key, flags) in &reference {
            let namespace = &environment.namespaces[key.as_str()];
            if namespace.flags_by_key().len() != flags.len() {
                return Err("another number of flags".to_owned());
            }
            for (key, flag) in flags {
                let own = namespace.flag(key).ok_or("a flag is missing")?;
                let at_edges = edges(flag).into_iter().map(|entity| Request { entity, ..requests[0].clone() });
                for request in requests.iter().cloned().chain(at_edges) {
                    let (ours, theirs) = (ours(own, &request), reference::evaluate(Mode::Server, flag, &request));
                    if ours != theirs {
                        return Err(format!("{key} for {request:?}\nours:      {ours:?}\nreference: {theirs:?}"));
                    }
                    let (Answer::Boolean { reason, segments, .. } | Answer::Variant { reason, segments, .. }) = theirs;
                    *reasons.borrow_mut().entry(format!("{reason} by {} segments", segments.len())).or_default() += 1;
                    compared.set(compared.get() + 1);
                }
            }
        }
        Ok(())
    });
    println!("{} evaluations compared: {:#?}", compared.get(), reasons.borrow());
    assert!(compared.get() >= COMPARED, "only {} evaluations compared", compared.get());
    for reason in ["UNKNOWN", "FLAG_DISABLED", "DEFAULT"] {
        assert!(reasons.borrow()[&format!("{reason}_EVALUATION_REASON by 0 segments")] > 1_000, "{reason} is rare");
    }
    for (segments, least) in [(0, 1_000), (1, 1_000), (2, 500), (3, 20)] {
        let reason = format!("MATCH_EVALUATION_REASON by {segments} segments");
        assert!(reasons.borrow()[&reason] > least, "{reason} is rare");
    }
}

/// A constraint of a file and where it stands.
struct Placed {
    key_path: String,
    constraint: Constraint,
}

fn placed(document: &Value) -> Vec<Placed> {
    let mut all = Vec::new();
    for (s, segment) in document["segments"].as_array().into_iter().flatten().enumerate() {
        let constraints = reference::read::segment(segment, "match_type").constraints;
        all.extend(
            constraints.into_iter().enumerate().map(|(c, constraint)| Placed {
                key_path: format!("segments[{s}].constraints[{c}].value"),
                constraint,
            }),
        );
    }
    all
}

/// Whether server and clients read a value of a request alike, whatever it is compared with. If they do not, it is the
/// request that is odd: "1.5" for a version, "1" for a boolean, a blank at the end of a name.
fn is_plain(subject: &str, v: &str) -> bool {
    let untrimmed = values::trim(v) != v;
    !untrimmed
        && match subject {
            "NUMBER" => values::float(v) == v.parse::<i32>().ok().map(f64::from),
            "BOOLEAN" => values::boolean(Mode::Server, v) == values::boolean(Mode::Client, v),
            "DATETIME" => values::instant(v) == values::strict_second(v).map(|s| i128::from(s) * 1_000_000_000),
            _ => true,
        }
}

/// Values made of a constraint's own: the ones that a person who wrote it expects to match, and their neighbours.
fn derived(constraint: &Constraint) -> Vec<String> {
    let c = &constraint.value;
    let mut all = vec![c.clone(), format!("{c}x"), format!("x{c}"), values::trim(c).to_owned()];
    all.extend(values::texts(c).into_iter().flatten());
    for n in values::numbers(c).into_iter().flatten().chain(values::float(c)) {
        all.extend([
            n.to_string(),
            format!("{}", n.trunc()),
            format!("{}", n.trunc() + 1.0),
            (n * 2.0).to_string(),
            (n / 2.0).to_string(),
        ]);
    }
    if let Some((second, _)) = c.split_once(['.', ',']) {
        all.extend([format!("{second}Z"), format!("{second}.999Z")]);
    }
    if values::instant(c).is_some() {
        all.extend([format!("{c}T00:00:00Z"), "9999-01-01T00:00:00Z".to_owned(), "0001-01-01T00:00:00Z".to_owned()]);
        all.push(c.replace("T1:", "T01:"));
        all.extend(case::TIMES.iter().map(|time| (*time).to_owned()));
    }
    all
}

/// A value that the two judge differently, if there is one: first among the plain ones, then among those that the
/// constraint itself suggests.
fn witness(constraint: &Constraint) -> Option<String> {
    if values::is_malformed(constraint) {
        return None;
    }
    let pools = [case::TEXTS, case::NUMBERS, case::TIMES, case::TRUTHS].concat();
    let unlike =
        |v: &str| values::fulfils(Mode::Server, constraint, v) != values::fulfils(Mode::Client, &sent(constraint), v);
    let plain = |v: &str| is_plain(&constraint.subject, v);
    // What a request brings may be as odd as the constraint, but not odder: then the constraint is not to blame.
    let own_is_plain = match constraint.operator.as_str() {
        // Lists are looked at by their items, and the others at no value at all.
        "isoneof" | "isnotoneof" | "empty" | "notempty" | "present" | "notpresent" | "true" | "false" => true,
        _ => is_plain(&constraint.subject, &constraint.value),
    };
    let found = pools.iter().copied().find(|v| plain(v) && unlike(v)).map(str::to_owned);
    let items = values::texts(&constraint.value).unwrap_or_default();
    let numbers = values::numbers(&constraint.value).unwrap_or_default();
    let is_item = |v: &String| items.contains(v) || numbers.iter().any(|n| n.to_string() == *v);
    found.or_else(|| derived(constraint).into_iter().find(|v| (plain(v) || !own_is_plain || is_item(v)) && unlike(v)))
}

/// A constraint as clients get it: lists of texts without needless escapes.
fn sent(constraint: &Constraint) -> Constraint {
    let mut sent = constraint.clone();
    if ["STRING", "ENTITY_ID"].contains(&&*sent.subject)
        && sent.operator.ends_with("oneof")
        && sent.value.contains('\\')
    {
        sent.value = serde_json::to_string(&values::texts(&sent.value).unwrap()).unwrap();
    }
    sent
}

/// Paths of the distributions of a document that end elsewhere for clients.
#[expect(clippy::cast_possible_truncation, reason = "32-bit floats are the rule")]
fn rounded_otherwise(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (f, flag) in document["flags"].as_array().into_iter().flatten().enumerate() {
        for (r, rule) in flag["rules"].as_array().into_iter().flatten().enumerate() {
            let shares: Vec<(&str, f32)> = rule["distributions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|share| (share["variant"].as_str().unwrap(), share["rollout"].as_f64().unwrap() as f32))
                .filter(|(_, rollout)| *rollout > 0.0)
                .collect();
            let rollouts: Vec<f32> = shares.iter().map(|(_, rollout)| *rollout).collect();
            let [server, clients] = [Mode::Server, Mode::Client].map(|mode| values::boundaries(mode, &rollouts));
            let unlike =
                |bucket| shares[values::chosen(&server, bucket)].0 != shares[values::chosen(&clients, bucket)].0;
            if !shares.is_empty() && (0..1000).any(unlike) {
                found.push(format!("flags[{f}].rules[{r}].distributions"));
            }
        }
    }
    found
}

#[test]
fn what_clients_judge_otherwise_is_told_and_nothing_else() {
    let told_of = Cell::new(0_u64);
    let silent = Cell::new(0_u64);
    all(WARNED, |_, text| {
        let problems = read(Format::Yaml, text.as_bytes()).problems;
        let mut told: Vec<String> =
            problems.iter().filter(|p| p.code.starts_with("clients-")).map(|p| p.key_path.clone()).collect();
        let mut expected = Vec::new();
        for document in reference::read::documents(text) {
            for Placed { key_path, constraint } in placed(&document) {
                match witness(&constraint) {
                    Some(_) => expected.push(key_path),
                    None => silent.set(silent.get() + 1),
                }
            }
            expected.extend(rounded_otherwise(&document));
        }
        told.sort();
        expected.sort();
        told_of.set(told_of.get() + told.len() as u64);
        if told == expected { Ok(()) } else { Err(format!("told:     {told:?}\nexpected: {expected:?}")) }
    });
    println!("{} warnings, {} constraints without", told_of.get(), silent.get());
    assert!(told_of.get() > 300 && silent.get() > 1_000, "{} {}", told_of.get(), silent.get());
}

#[test]
fn clients_answer_otherwise_only_where_it_is_told_or_the_request_is_odd() {
    let (alike, warned, odd) = (Cell::new(0_u64), Cell::new(0_u64), Cell::new(0_u64));
    all(SNAPSHOTS, |case, text| {
        let environment = environment(text);
        let requests = case.requests();
        for (key, flags) in reference::files([text]) {
            let snapshot = reference::read::snapshot(&environment.namespaces[key.as_str()].client_snapshot());
            let namespace = environment.problems.iter().filter(|p| p.namespace.as_deref() == Some(&*key));
            let is_warned = namespace.filter(|p| p.code.starts_with("clients-")).count() > 0;
            for (key, flag) in &flags {
                let at_edges = edges(flag).into_iter().map(|entity| Request { entity, ..requests[0].clone() });
                for request in requests.iter().cloned().chain(at_edges) {
                    let server = reference::evaluate(Mode::Server, flag, &request);
                    let clients = reference::evaluate(Mode::Client, &snapshot[key], &request);
                    let counter = if server == clients {
                        &alike
                    } else if is_warned {
                        &warned
                    } else if is_odd(flag, &request) {
                        &odd
                    } else {
                        return Err(format!("{key} for {request:?}\nserver:  {server:?}\nclients: {clients:?}"));
                    };
                    counter.set(counter.get() + 1);
                }
            }
        }
        Ok(())
    });
    println!("{} alike; unlike: {} with a warning, {} for odd requests", alike.get(), warned.get(), odd.get());
    assert!(alike.get() > 10_000 && warned.get() > 50 && odd.get() > 5);
}

/// Which explanations note that client SDKs answer otherwise: those of which it is true.
#[test]
fn an_explanation_knows_what_clients_answer() {
    let (alike, unlike) = (Cell::new(0_u64), Cell::new(0_u64));
    let value = |answer: &Answer| match answer {
        Answer::Boolean { enabled, .. } => enabled.to_string(),
        Answer::Variant { key, .. } if key.is_empty() => "no variant".to_owned(),
        Answer::Variant { key, .. } => format!("variant {key:?}"),
    };
    all(EXPLAINED, |case, text| {
        let environment = environment(text);
        let requests = case.requests();
        for (namespace, flags) in reference::files([text]) {
            let served = &environment.namespaces[namespace.as_str()];
            let snapshot = reference::read::snapshot(&served.client_snapshot());
            for (key, flag) in &flags {
                let at_edges = edges(flag).into_iter().map(|entity| Request { entity, ..requests[0].clone() });
                for request in requests.iter().cloned().chain(at_edges) {
                    let context: Context = request.context.clone().into_iter().collect();
                    let told = explain::explain(served.flag(key).unwrap(), &request.entity, &context);
                    let note = told.notes.iter().find(|note| note.code == "client-engines");
                    let clients = value(&reference::evaluate(Mode::Client, &snapshot[key], &request));
                    let differs = value(&reference::evaluate(Mode::Server, flag, &request)) != clients;
                    let right = note.map_or(!differs, |note| differs && note.message.ends_with(&clients));
                    if !right {
                        return Err(format!("{key} for {request:?}\nclients: {clients}\nnote: {note:?}"));
                    }
                    let counter = if differs { &unlike } else { &alike };
                    counter.set(counter.get() + 1);
                }
            }
        }
        Ok(())
    });
    println!("{} alike, {} unlike", alike.get(), unlike.get());
    assert!(alike.get() > 1_000 && unlike.get() > 5);
}

/// Whether a constraint that a flag looks at is asked with a value that is odd by itself.
fn is_odd(flag: &reference::Flag, request: &Request) -> bool {
    let of_rules = flag.rules.iter().map(|rule| &rule.targets);
    let of_rollouts = flag.rollouts.iter().filter_map(|rollout| match rollout {
        reference::Rollout::Segment(targets, _) => Some(targets),
        _ => None,
    });
    let segments = of_rules.chain(of_rollouts).flat_map(|targets| &targets.segments);
    let mut constraints = segments.flat_map(|segment| &segment.constraints);
    constraints.any(|constraint| !is_plain(&constraint.subject, reference::asked_value(constraint, request)))
}
