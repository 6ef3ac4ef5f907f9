//! Changes of two people: what becomes one, what is told apart, and the laws that hold whatever they did.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::super::resource::payload;
use super::super::resource::{Flag, Kind, Resource, merge};

fn resource(payload: &Value) -> Resource {
    let kind = payload::kind(payload).unwrap();
    payload::resource(kind, "k", payload).unwrap_or_else(|error| panic!("{error}: {payload}"))
}

fn base() -> Value {
    json!({"@type": "flipt.core.Flag", "key": "k", "name": "K", "enabled": true, "defaultVariant": "a",
    "variants": [{"key": "a"}, {"key": "b", "attachment": {"n": 1}}],
    "metadata": {"team": "web", "n": 1},
    "rules": [
        {"segments": ["s"], "distributions": [{"variant": "a", "rollout": 100}]},
        {"segments": ["t"], "distributions": [{"variant": "a", "rollout": 50}, {"variant": "b", "rollout": 50}]},
    ]})
}

/// What becomes of the base and two states that were made of it.
fn merged(base: &Value, ours: impl Fn(&mut Value), theirs: impl Fn(&mut Value)) -> Result<Value, Vec<String>> {
    let (mut mine, mut other) = (base.clone(), base.clone());
    ours(&mut mine);
    theirs(&mut other);
    let [base, mine, other] = [base, &mine, &other].map(resource);
    merge(Some(&base), &mine, &other).map(|merged| payload::to_json(&merged))
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

fn insert(list: &mut Value, at: usize, item: Value) {
    list.as_array_mut().unwrap().insert(at, item);
}

fn remove(list: &mut Value, at: usize) {
    list.as_array_mut().unwrap().remove(at);
}

#[test]
fn different_fields_become_one() {
    let all = merged(
        &base(),
        |ours| {
            ours["enabled"] = json!(false);
            ours["metadata"]["owner"] = json!("me");
            ours["variants"][1]["name"] = json!("B");
            ours["rules"][0]["distributions"][0]["variant"] = json!("b");
        },
        |theirs| {
            theirs["description"] = json!("theirs");
            theirs["metadata"]["team"] = json!("app");
            theirs["metadata"].as_object_mut().unwrap().remove("n");
            push(&mut theirs["variants"], json!({"key": "c"}));
            theirs["variants"][1]["attachment"] = json!({"n": 2});
            theirs["rules"][0]["segments"] = json!(["u"]);
            theirs["rules"][1]["distributions"] = json!([]);
        },
    )
    .unwrap();
    assert_eq!((&all["enabled"], &all["description"]), (&json!(false), &json!("theirs")));
    assert_eq!(all["metadata"], json!({"team": "app", "owner": "me"}));
    let keys: Vec<&str> = all["variants"].as_array().unwrap().iter().map(|v| v["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert_eq!((&all["variants"][1]["name"], &all["variants"][1]["attachment"]), (&json!("B"), &json!({"n": 2})));
    assert_eq!(all["rules"][0]["segments"], json!(["u"]));
    assert_eq!(all["rules"][0]["distributions"][0]["variant"], "b");
    assert_eq!(all["rules"][1]["distributions"], json!([]));
}

#[test]
fn rules_move_apart_and_stay_what_they_are() {
    let rule = |segment: &str| json!({"segments": [segment], "distributions": [{"variant": "a", "rollout": 100}]});
    let segments = |all: &Value| -> Vec<String> {
        all["rules"].as_array().unwrap().iter().map(|rule| rule["segments"][0].as_str().unwrap().to_owned()).collect()
    };
    // One is put before the first, the first itself is changed, one is put behind the last.
    let all = merged(
        &base(),
        |ours| insert(&mut ours["rules"], 0, rule("new")),
        |theirs| {
            theirs["rules"][0]["distributions"][0]["rollout"] = json!(10);
            push(&mut theirs["rules"], rule("last"));
        },
    )
    .unwrap();
    assert_eq!(segments(&all), ["new", "s", "t", "last"]);
    assert_eq!(all["rules"][1]["distributions"][0]["rollout"], 10);
    assert_eq!(all["rules"][0]["distributions"][0]["rollout"], 100);
    // One is removed, the other one is changed.
    let all = merged(
        &base(),
        |ours| remove(&mut ours["rules"], 0),
        |theirs| theirs["rules"][1]["distributions"][0]["rollout"] = json!(10),
    )
    .unwrap();
    assert_eq!(segments(&all), ["t"]);
    assert_eq!(all["rules"][0]["distributions"][0]["rollout"], 10);
}

#[test]
fn what_both_have_changed_is_named() {
    let rule = |segment: &str| json!({"segments": [segment], "distributions": []});
    let overlaps = |ours: &dyn Fn(&mut Value), theirs: &dyn Fn(&mut Value)| merged(&base(), ours, theirs).unwrap_err();
    assert_eq!(
        overlaps(&|o| (o["name"], o["enabled"]) = (json!("x"), json!(false)), &|t| {
            (t["name"], t["enabled"]) = (json!("y"), json!(false));
        }),
        ["name"]
    );
    assert_eq!(
        overlaps(&|o| o["rules"][1]["distributions"] = json!([]), &|t| {
            t["rules"][1]["distributions"][0]["rollout"] = json!(1);
        }),
        ["rules[1].distributions"]
    );
    let named = overlaps(&|o| remove(&mut o["rules"], 0), &|t| t["rules"][0]["distributions"] = json!([]));
    assert_eq!(named, ["rules[0]"]);
    let named = overlaps(&|o| push(&mut o["rules"], rule("x")), &|t| push(&mut t["rules"], rule("y")));
    assert_eq!(named, ["rules"]);
    assert_eq!(overlaps(&|o| o["metadata"]["n"] = json!(2), &|t| t["metadata"]["n"] = json!(3)), ["metadata.n"]);
    let named = overlaps(&|o| o["variants"][1]["attachment"] = json!([]), &|t| {
        t["variants"][1]["attachment"] = json!([1]);
    });
    assert_eq!(named, ["variants[b].attachment"]);
    // The one removes what the other one begins to use.
    let unused = json!({"@type": "flipt.core.Flag", "name": "K", "variants": [{"key": "a"}]});
    let named = merged(&unused, |o| remove(&mut o["variants"], 0), |t| t["defaultVariant"] = json!("a")).unwrap_err();
    assert_eq!(named, ["variants"]);
    let boolean = json!({"@type": "flipt.core.Flag", "name": "K", "type": "BOOLEAN_FLAG_TYPE"});
    let rollout = json!({"type": 2, "threshold": {"percentage": 5, "value": true}});
    let named = merged(&boolean, |o| o["type"] = json!(0), |t| t["rollouts"] = json!([rollout])).unwrap_err();
    assert_eq!(named, ["type"]);
    let other = resource(&json!({"@type": "flipt.core.Segment", "name": "K"}));
    assert_eq!(merge(None, &resource(&base()), &other).unwrap_err(), ["@type"]);
    let mut changed = base();
    changed["name"] = json!("other");
    push(&mut changed["rules"], rule("x"));
    assert_eq!(merge(None, &resource(&base()), &resource(&changed)).unwrap_err(), ["name", "rules"]);
}

#[test]
fn constraints_and_rollouts_are_merged_too() {
    let constraint =
        |property: &str, value: &str| json!({"type": 1, "property": property, "operator": "eq", "value": value});
    let segment = json!({"@type": "flipt.core.Segment", "name": "S",
        "constraints": [constraint("a", "1"), constraint("b", "1")]});
    // The order of constraints means nothing: both may add one at the end.
    let all = merged(
        &segment,
        |o| {
            push(&mut o["constraints"], constraint("c", "1"));
            o["constraints"][0]["value"] = json!("2");
        },
        |t| {
            push(&mut t["constraints"], constraint("d", "1"));
            t["constraints"][0]["description"] = json!("first");
        },
    )
    .unwrap();
    let told: Vec<String> = all["constraints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {} {}", c["property"], c["value"], c["description"]))
        .collect();
    assert_eq!(told, [r#""a" "2" "first""#, r#""b" "1" """#, r#""c" "1" """#, r#""d" "1" """#]);
    let named = merged(
        &segment,
        |o| o["constraints"][0]["value"] = json!("2"),
        |t| {
            t["constraints"][0]["operator"] = json!("neq");
        },
    );
    assert_eq!(named.unwrap_err(), ["constraints[0]"]);
    let threshold = |p: u8| json!({"type": 2, "threshold": {"percentage": p, "value": true}});
    let boolean =
        json!({"@type": "flipt.core.Flag", "name": "K", "type": "BOOLEAN_FLAG_TYPE", "rollouts": [threshold(5)]});
    let all = merged(
        &boolean,
        |o| o["rollouts"][0]["threshold"]["percentage"] = json!(10),
        |t| {
            t["rollouts"][0]["description"] = json!("more");
        },
    )
    .unwrap();
    assert_eq!(
        (&all["rollouts"][0]["description"], &all["rollouts"][0]["threshold"]["percentage"]),
        (&json!("more"), &json!(10))
    );
    let named = merged(&boolean, |o| o["rollouts"][0] = threshold(10), |t| t["rollouts"][0] = threshold(20));
    assert_eq!(named.unwrap_err(), ["rollouts[0].threshold.percentage"]);
}

/// One thing that somebody does to a flag, in numbers.
type Act = (u8, usize, usize);

fn act(flag: &mut Value, (what, at, with): Act) {
    let segments = ["s", "t", "u"];
    let spot = |list: &Value| (!list.as_array().unwrap().is_empty()).then(|| at % list.as_array().unwrap().len());
    let rule = json!({"segments": [segments[with % 3]], "distributions": [{"variant": "a", "rollout": with * 10}]});
    match what {
        0 => flag["name"] = json!(format!("name {with}")),
        1 => flag["enabled"] = json!(with % 2 == 0),
        2 => flag["metadata"][format!("m{}", at % 3)] = json!(with),
        3 => {
            let key = format!("v{}", flag["variants"].as_array().unwrap().len() + with);
            push(&mut flag["variants"], json!({ "key": key }));
        }
        4 => {
            let place = at % (flag["rules"].as_array().unwrap().len() + 1);
            insert(&mut flag["rules"], place, rule);
        }
        5 => {
            if let Some(at) = spot(&flag["rules"]) {
                flag["rules"][at]["distributions"][0]["rollout"] = json!(with * 7);
            }
        }
        6 => {
            if let Some(at) = spot(&flag["rules"]) {
                flag["rules"][at]["segments"] = json!([segments[with % 3]]);
            }
        }
        7 => {
            if let Some(at) = spot(&flag["rules"]) {
                remove(&mut flag["rules"], at);
            }
        }
        8 => {
            if let Some(at) = spot(&flag["rules"]) {
                let rule = flag["rules"][at].take();
                remove(&mut flag["rules"], at);
                let place = with % (flag["rules"].as_array().unwrap().len() + 1);
                insert(&mut flag["rules"], place, rule);
            }
        }
        9 => flag["variants"][0]["name"] = json!(format!("{with}")),
        10 => flag["variants"].as_array_mut().unwrap().reverse(),
        _ => {
            if flag["variants"].as_array().unwrap().len() > 1 {
                flag["variants"].as_array_mut().unwrap().retain(|v| v["key"] == "a" || with % 2 == 0);
            }
        }
    }
}

fn acted(base: &Value, acts: &[Act]) -> Value {
    let mut flag = base.clone();
    for one in acts {
        act(&mut flag, *one);
    }
    flag
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec((0_u8..12, 0_usize..6, 0_usize..6), 0..5)
}

/// Without the order that means nothing.
fn unordered(resource: &Resource) -> Flag {
    let Resource::Flag(mut flag) = resource.clone() else { panic!("no flag") };
    flag.variants.sort_by(|a, b| a.key.cmp(&b.key));
    flag
}

#[test]
fn the_laws_hold_whatever_two_people_did() {
    let start =
        json!({"@type": "flipt.core.Flag", "name": "K", "variants": [{"key": "a"}], "rules": [], "metadata": {}});
    let config = Config { cases: 4_000, failure_persistence: None, ..Config::default() };
    let mut runner = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => TestRunner::new(Config { failure_persistence: None, ..Config::default() }),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let outcomes = std::cell::Cell::new((0, 0));
    runner
        .run(&(acts(), acts(), acts()), |(first, ours, theirs)| {
            let base = acted(&start, &first);
            let (ours, theirs) = (acted(&base, &ours), acted(&base, &theirs));
            let [base, ours, theirs] = [&base, &ours, &theirs].map(resource);
            prop_assert_eq!(merge(Some(&base), &base, &theirs), Ok(theirs.clone()));
            prop_assert_eq!(merge(Some(&base), &ours, &base), Ok(ours.clone()));
            prop_assert_eq!(merge(Some(&base), &ours, &ours), Ok(ours.clone()));
            let (done, failed) = outcomes.get();
            match (merge(Some(&base), &ours, &theirs), merge(Some(&base), &theirs, &ours)) {
                (Ok(one), Ok(other)) => {
                    prop_assert_eq!(unordered(&one), unordered(&other));
                    let back = payload::resource(Kind::Flag, "k", &payload::to_json(&one));
                    prop_assert_eq!(back, Ok(one.clone()));
                    // Nobody's change is lost: on top of what came of it, neither has anything left to do.
                    for side in [&ours, &theirs] {
                        if let Ok(again) = merge(Some(&base), side, &one) {
                            prop_assert_eq!(unordered(&again).name, unordered(&one).name);
                            prop_assert_eq!(unordered(&again).enabled, unordered(&one).enabled);
                            prop_assert_eq!(unordered(&again).metadata, unordered(&one).metadata);
                        }
                    }
                    outcomes.set((done + 1, failed));
                }
                (Err(one), Err(other)) => {
                    let set = |paths: &[String]| paths.iter().cloned().collect::<BTreeSet<_>>();
                    prop_assert_eq!(set(&one), set(&other));
                    prop_assert!(!one.is_empty());
                    outcomes.set((done, failed + 1));
                }
                (one, other) => return Err(TestCaseError::fail(format!("{one:?} but {other:?}"))),
            }
            Ok(())
        })
        .unwrap();
    let (done, failed) = outcomes.get();
    assert!(done > 200 && failed > 200, "{done} became one, {failed} did not");
}
