use super::*;
use crate::ingest::{Outcome, Steps};

fn delivery(id: usize) -> Delivery {
    Delivery {
        id: format!("d{id}").into(),
        storage: "flags".into(),
        provider: "gitea",
        delivery_id: Some(format!("uuid-{id}")),
        event: Some("push".to_owned()),
        received: Timestamp::from_second(i64::try_from(id).unwrap()).unwrap(),
        verified: Some("hmac-sha256"),
        outcome: Outcome::Accepted,
        status: 202,
        detail: "main moved".to_owned(),
        commit: Some("c0ffee".to_owned()),
        steps: Steps { verified: Some(0.1), answered: None, fetched: Some(12.5), live: None },
        error: None,
    }
}

fn manifest(namespaces: usize) -> Manifest {
    let good = |n: usize| Good {
        namespace: format!("ns{n}").into(),
        commit: "c0ffee".into(),
        sources: vec![(format!("ns{n}/features.yaml").into(), "b10b".repeat(10).into())],
    };
    Manifest {
        commit: "c0ffee".into(),
        since: Timestamp::from_second(77).unwrap(),
        namespaces: (0..namespaces).map(good).collect(),
    }
}

fn names() -> (Arc<str>, Arc<str>) {
    ("flags".into(), "production".into())
}

/// A store with deliveries and a manifest, closed.
fn filled(directory: &Path) {
    let (store, _, opened) = Store::open(directory);
    assert_eq!(opened, Opened::Created);
    let (storage, environment) = names();
    for id in 0..40 {
        store.put_delivery(Arc::new(delivery(id)));
        store.flush();
    }
    store.put_manifest(&storage, &environment, Some(manifest(5)));
    store.flush();
}

#[test]
fn what_was_flushed_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let (store, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(remembered.deliveries, (0..40).map(delivery).collect::<Vec<_>>());
    let (storage, environment) = names();
    assert_eq!(store.manifest(&storage, &environment), Some(manifest(5)));
}

#[test]
fn deliveries_are_bounded_and_the_newest_state_of_each_counts() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    let all = limits::DELIVERIES_KEPT + 20;
    for id in 0..all {
        store.put_delivery(Arc::new(delivery(id)));
        if id % 50 == 0 {
            store.flush();
        }
    }
    store.put_delivery(Arc::new(Delivery { error: Some("late".to_owned()), ..delivery(all - 1) }));
    store.flush();
    drop(store);
    let (_, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(remembered.deliveries.len(), limits::DELIVERIES_KEPT);
    assert_eq!(remembered.deliveries.first(), Some(&delivery(20)));
    assert_eq!(remembered.deliveries.last().unwrap().error.as_deref(), Some("late"));
}

#[test]
fn a_manifest_of_any_size_is_kept_replaced_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (storage, environment) = names();
    for (before, namespaces) in [(0, 2_000), (2_000, 3), (3, 900)] {
        let (store, ..) = Store::open(directory.path());
        let known = store.manifest(&storage, &environment);
        assert_eq!(known.map_or(0, |m| m.namespaces.len()), before);
        store.put_manifest(&storage, &environment, Some(manifest(namespaces)));
        store.flush();
    }
    let (store, _, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(store.manifest(&storage, &environment), Some(manifest(900)));
    store.put_manifest(&storage, &environment, None);
    store.flush();
    drop(store);
    assert_eq!(Store::open(directory.path()).0.manifest(&storage, &environment), None);
}

#[test]
fn counts_of_any_size_are_kept_replaced_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let place = (crate::analytics::Span::Day, 1_000_000);
    let other = (crate::analytics::Span::Hour, 1_000_000);
    let row = |length: usize| vec![7_u8; length];
    let mut before = 0;
    for length in [3 * limits::STORE_VALUE_BYTES + 5, 0, 10, limits::STORE_VALUE_BYTES, 1] {
        let (store, remembered, _) = Store::open(directory.path());
        let kept = remembered.rows.iter().find(|(of, _)| *of == place);
        assert_eq!(kept.map_or(0, |(_, row)| row.len()), before);
        store.put_row((other, Some(row(9).into())));
        store.put_row((place, (length > 0).then(|| row(length).into())));
        store.flush();
        before = length;
    }
    let (_, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(remembered.rows, [(other, row(9)), (place, row(1))]);
}

#[test]
fn counts_take_no_more_room_than_they_may() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    let place = |slot: usize| (crate::analytics::Span::Hour, u32::try_from(slot).unwrap());
    let put = |slot: usize, length: usize| store.put_row((place(slot), Some(vec![7_u8; length].into())));
    // The oldest one is of two parts, of which one has no room.
    put(0, limits::STORE_VALUE_BYTES + 5);
    (1..limits::STORE_ROW_PARTS).for_each(|slot| put(slot, 1));
    store.put_row(((crate::analytics::Span::Day, 0), Some([7_u8].as_slice().into())));
    store.flush();
    drop(store);
    let (store, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(remembered.rows.len(), limits::STORE_ROW_PARTS + 1);
    assert_eq!(remembered.rows[0], (place(0), Vec::new()), "what is left of it is none");
    assert!(remembered.rows[1..].iter().all(|(_, row)| row.len() == 1), "another span has room of its own");
    store.put_row((place(0), None));
    store.flush();
    drop(store);
    assert_eq!(Store::open(directory.path()).1.rows.len(), limits::STORE_ROW_PARTS);
}

#[test]
fn a_directory_that_another_process_uses_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (_first, ..) = Store::open(directory.path());
    let (second, _, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::InUse);
    second.put_delivery(Arc::new(delivery(1)));
    second.flush();
}

#[test]
fn a_directory_that_cannot_be_used_costs_the_history_only() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let (store, _, opened) = Store::open(&file.join("below"));
    assert!(matches!(opened, Opened::Without { .. }), "{opened:?}");
    store.put_delivery(Arc::new(delivery(1)));
    store.flush();
}

type Damage = (&'static str, Box<dyn Fn(&Path)>);

/// What may happen to a store between two starts.
fn damages() -> Vec<Damage> {
    fn edit(path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() { copy(&entry.path(), &to) } else { drop(std::fs::copy(entry.path(), to)) }
        }
    }
    let mut damages: Vec<Damage> = vec![
        ("store deleted", Box::new(|d| std::fs::remove_dir_all(d.join("state")).unwrap())),
        ("seal deleted", Box::new(|d| std::fs::remove_file(d.join("state.seal")).unwrap())),
        ("seal emptied", Box::new(|d| std::fs::write(d.join("state.seal"), "").unwrap())),
        ("died while opening", Box::new(|d| std::fs::write(d.join("state.opening"), "").unwrap())),
        (
            "a file instead of the directory",
            Box::new(|d| {
                std::fs::remove_dir_all(d.join("state")).unwrap();
                std::fs::write(d.join("state"), "x").unwrap();
            }),
        ),
        ("log deleted", Box::new(|d| std::fs::remove_file(d.join("state/db")).unwrap())),
        ("configuration of sled deleted", Box::new(|d| std::fs::remove_file(d.join("state/conf")).unwrap())),
        (
            "an older copy of the store",
            Box::new(|d| {
                let (store, ..) = Store::open(d);
                store.put_delivery(Arc::new(delivery(500)));
                store.flush();
                drop(store);
                let older = d.join("older");
                copy(&d.join("state"), &older);
                let (store, ..) = Store::open(d);
                store.put_delivery(Arc::new(delivery(501)));
                store.flush();
                drop(store);
                std::fs::remove_dir_all(d.join("state")).unwrap();
                std::fs::rename(older, d.join("state")).unwrap();
            }),
        ),
    ];
    for twentieth in 0..20 {
        damages.push((
            "truncated",
            Box::new(move |d| {
                edit(&d.join("state/db"), |bytes| bytes.truncate(bytes.len() * twentieth / 20));
            }),
        ));
        damages.push((
            "four bytes flipped",
            Box::new(move |d| {
                edit(&d.join("state/db"), |bytes| {
                    // Only where something is written: sled's segments are mostly zeros.
                    let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
                    let at = written[(written.len() - 1) * twentieth / 20];
                    bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte ^= 0x5a);
                });
            }),
        ));
    }
    damages
}

#[test]
fn damage_costs_the_history_and_never_makes_another_one() {
    let (storage, environment) = names();
    let good: Vec<Delivery> = (0..40).map(delivery).collect();
    let mut rebuilt = 0;
    for (what, damage) in damages() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        damage(directory.path());
        let (store, remembered, opened) = Store::open(directory.path());
        match opened {
            Opened::Existing => {
                // sled repaired it, or what was damaged was not in use: then nothing may be missing or changed.
                assert_eq!(remembered.deliveries, good, "{what}");
                assert_eq!(store.manifest(&storage, &environment), Some(manifest(5)), "{what}");
            }
            Opened::Rebuilt { .. } => {
                rebuilt += 1;
                assert!(remembered.deliveries.is_empty(), "{what}");
                assert_eq!(store.manifest(&storage, &environment), None, "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
        store.put_delivery(Arc::new(delivery(1_000)));
        store.flush();
        drop(store);
        let (_, remembered, opened) = Store::open(directory.path());
        assert_eq!(opened, Opened::Existing, "{what}: it works again");
        assert!(remembered.deliveries.contains(&delivery(1_000)), "{what}");
    }
    assert!(rebuilt >= 25, "only {rebuilt} damages were noticed");
}

#[test]
fn only_the_last_few_that_were_moved_aside_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..limits::STORE_QUARANTINED + 2 {
        let (store, ..) = Store::open(directory.path());
        drop(store);
        std::fs::write(directory.path().join("state.seal"), "").unwrap();
    }
    let (_, _, opened) = Store::open(directory.path());
    assert!(matches!(opened, Opened::Rebuilt { to: Some(_), .. }), "{opened:?}");
    let bad = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
    let bad = bad.filter(|entry| entry.file_name().to_string_lossy().starts_with("state.bad-")).count();
    assert_eq!(bad, limits::STORE_QUARANTINED);
}

#[test]
fn the_last_fetch_is_remembered_of_its_remote_and_written_now_and_then() {
    let directory = tempfile::tempdir().unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    let fetch = |second| Fetch { remote: "https://a".to_owned(), at: at(second) };
    let (storage, _) = names();
    let (store, ..) = Store::open(directory.path());
    let flushed = |store: &Store| {
        store.flush();
        lock(&store.inner.engine).as_ref().unwrap().sequence()
    };
    store.put_fetch(&storage, fetch(1_000));
    let first = flushed(&store);
    store.put_fetch(&storage, fetch(1_001));
    assert_eq!(
        (flushed(&store), store.fetched(&storage, "https://a")),
        (first, Some(at(1_001))),
        "not each is written"
    );
    store.put_fetch(&storage, fetch(1_100));
    assert_ne!(flushed(&store), first);
    store.put_fetch(&storage, fetch(1_101));
    store.close();
    let (store, _, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(store.fetched(&storage, "https://a"), Some(at(1_101)), "the end of a run writes the last one");
    assert_eq!(store.fetched(&storage, "https://b"), None);
    assert_eq!(store.fetched("other", "https://a"), None);
}

fn write(id: u32, outcome: audit::Outcome) -> audit::Event {
    audit::Event {
        id: format!("w{id}").into(),
        at: Timestamp::from_second(i64::from(id)).unwrap(),
        by: audit::Who { name: "ci".into(), method: "token".into(), ..audit::Who::default() },
        request: audit::Kind::Change,
        storage: "flags".into(),
        environment: "production".into(),
        branch: "main".into(),
        changes: Vec::new(),
        more_changes: 0,
        before: Some("c0".into()),
        after: Some("c1".into()),
        message: Some("msg".to_owned()),
        outcome,
        refusal: None,
        break_glass: None,
        settled: None,
    }
}

#[test]
fn a_write_is_found_again_until_its_end_is_on_the_disk() {
    use audit::Outcome::{Accepted, Intended, Refused, Unknown};
    let intent = |id| audit::Pending { event: write(id, Intended), tip: Some("c1".into()), until: None, wish: None };
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    store.put_pending(vec![intent(1), intent(2), intent(3)]);
    // The process dies here: nothing is closed, and what comes now is of the next one.
    drop(store);
    let (store, remembered, _) = Store::open(directory.path());
    assert_eq!(remembered.intents, [1, 2, 3].map(intent));
    assert!(remembered.events.is_empty());
    store.put_event(Arc::new(write(1, Accepted)), true);
    store.put_event(Arc::new(write(2, Unknown)), false);
    store.put_event(Arc::new(write(3, Refused)), true);
    store.close();
    let (store, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(remembered.intents, [intent(2)]);
    let mut events = remembered.events;
    events.sort_by_key(|event| event.at);
    assert_eq!(events, [write(1, Accepted), write(2, Unknown), write(3, Refused)]);
    store.put_event(Arc::new(write(2, audit::Outcome::Landed)), true);
    store.close();
    let (_, remembered, _) = Store::open(directory.path());
    assert_eq!((remembered.intents.len(), remembered.events.len()), (0, 3));
}

#[test]
fn records_of_writes_are_bounded_and_none_is_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    let long: Arc<str> = "n".repeat(limits::AUDIT_NAME_CHARACTERS).into();
    let changed = audit::Changed {
        verb: "put".into(),
        kind: "flag".into(),
        namespace: long.clone(),
        key: long.clone(),
        before: Some(long.clone()),
        after: Some(long),
    };
    let large =
        audit::Event { changes: vec![changed; limits::AUDIT_CHANGES], ..write(9_999, audit::Outcome::Accepted) };
    for id in 0..u32::try_from(limits::AUDIT_KEPT).unwrap() {
        store.put_event(Arc::new(write(id, audit::Outcome::Accepted)), true);
    }
    store.put_event(Arc::new(large), true);
    store.flush();
    for id in 0..20 {
        store.put_event(Arc::new(write(id + 100_000, audit::Outcome::Refused)), true);
    }
    store.close();
    let (_, remembered, _) = Store::open(directory.path());
    let (refused, done): (Vec<_>, Vec<_>) =
        remembered.events.iter().partition(|event| event.outcome == audit::Outcome::Refused);
    assert_eq!((done.len(), refused.len()), (limits::AUDIT_KEPT, 20));
    assert!(done.iter().any(|event| event.more_changes == limits::AUDIT_CHANGES - 1));
}

fn proposal(number: u64, body: &str) -> Record {
    let said = crate::provider::api::Proposal {
        number,
        title: "Show it to more people".to_owned(),
        body: body.to_owned(),
        head: Some(format!("topic-{number}")),
        base: "main".to_owned(),
        ..Default::default()
    };
    let (storage, now) = ("flags".into(), Timestamp::from_second(5).unwrap());
    let record = Record::found(&storage, proposal::record::id_of_number(&storage, number), &said, now);
    proposal::step(record, proposal::Event::Read(Box::new(said)), now).record
}

fn proposals(remembered: Remembered) -> Vec<Record> {
    let mut all = remembered.proposals;
    all.sort_by_key(|record| record.number);
    all
}

#[test]
fn proposals_are_kept_replaced_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    for number in 1..=3 {
        store.put_proposal(Arc::new(proposal(number, "why")));
    }
    store.flush();
    let other = Record { trouble: Some(crate::provider::api::Failure::Lost("x".to_owned())), ..proposal(2, "why") };
    store.put_proposal(Arc::new(other.clone()));
    store.forget_proposal("flags", &proposal(3, "").id);
    store.forget_proposal("flags", "0000000000000000");
    store.close();
    let (_, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(proposals(remembered), [proposal(1, "why"), other]);
}

#[test]
fn a_proposal_that_is_too_large_is_kept_without_its_long_texts() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    store.put_proposal(Arc::new(proposal(1, "why")));
    store.flush();
    store.put_proposal(Arc::new(proposal(1, &"ä".repeat(100_000))));
    let mut larger = proposal(2, "why");
    larger.base = "b".repeat(limits::STORE_VALUE_BYTES).into();
    store.put_proposal(Arc::new(larger));
    store.close();
    let (_, remembered, opened) = Store::open(directory.path());
    assert_eq!(opened, Opened::Existing);
    let kept = proposals(remembered);
    assert_eq!(kept.len(), 1);
    let body = &kept[0].seen.as_ref().unwrap().body;
    assert_eq!(body.chars().count(), limits::PROPOSAL_SHORT_CHARACTERS);
    assert_eq!(kept[0].short(), kept[0]);
}

#[test]
fn proposals_are_bounded_whatever_was_forgotten_to_say() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path());
    let all = u64::try_from(limits::PROPOSALS_STORED).unwrap() + 20;
    for number in 1..=all {
        store.put_proposal(Arc::new(proposal(number, "")));
        if number % 2_000 == 0 {
            store.flush();
        }
    }
    store.close();
    let (_, remembered, opened) = Store::open(directory.path());
    assert_eq!((opened, remembered.proposals.len()), (Opened::Existing, limits::PROPOSALS_STORED));
}

#[test]
fn damage_takes_proposals_all_or_none() {
    let (mut whole, mut none) = (0, 0);
    for (what, damage) in damages() {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let (store, ..) = Store::open(directory.path());
        let good: Vec<Record> = (1..=5).map(|number| proposal(number, "why")).collect();
        for record in &good {
            store.put_proposal(Arc::new(record.clone()));
        }
        store.close();
        damage(directory.path());
        let (_, remembered, opened) = Store::open(directory.path());
        match opened {
            Opened::Existing => assert_eq!(proposals(remembered), good, "{what}"),
            Opened::Rebuilt { .. } => assert!(remembered.proposals.is_empty(), "{what}"),
            ref other => panic!("{what}: {other:?}"),
        }
        if opened == Opened::Existing { whole += 1 } else { none += 1 }
    }
    assert!(none >= 25, "{whole} and {none}");
}
