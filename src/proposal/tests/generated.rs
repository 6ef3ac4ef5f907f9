//! Histories made by chance: whatever comes in whatever order, every record is where the last look says, what is final
//! stays, nothing is told twice, and a pair of branches has one open record.
//!
//! The same histories every time: 2,000, or as many as `YARDARM_SEQUENCES` says (CI: 100,000); another `YARDARM_SEED`
//! makes others.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Splitmix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, usize::try_from(self.below(last as u64 + 1)).unwrap());
        }
    }
}

fn number_of(variable: &str, default: u64) -> u64 {
    std::env::var_os(variable).and_then(|text| text.to_str()?.parse().ok()).unwrap_or(default)
}

fn sequences(of: u64) -> impl Iterator<Item = Chance> {
    let seed = number_of("YARDARM_SEED", 6);
    (0..number_of("YARDARM_SEQUENCES", 2_000) / of).map(move |run| Chance(seed.wrapping_mul(1 << 32).wrapping_add(run)))
}

fn commit(chance: &mut Chance) -> String {
    chance.pick(&["1", "2", "3"]).repeat(chance.pick(&[12, 40, 40]))
}

/// Whatever a provider can say.
fn said(chance: &mut Chance, number: u64) -> Proposal {
    let names = |chance: &mut Chance| -> Vec<String> {
        chance.pick(&[&[][..], &["bob"], &["carol"], &["bob", "carol"]]).iter().map(ToString::to_string).collect()
    };
    let checks = chance.pick(&[None, Some(CheckState::Pending), Some(CheckState::Failure), Some(CheckState::Success)]);
    Proposal {
        state: chance.pick(&[api::State::Open, api::State::Open, api::State::Closed, api::State::Merged]),
        draft: chance.below(4) == 0,
        title: chance.pick(&["one", "two"]).to_owned(),
        head: chance.pick(&[Some("topic"), Some("topic"), Some("other"), None]).map(ToOwned::to_owned),
        head_commit: (chance.below(5) > 0).then(|| commit(chance)),
        base: chance.pick(&["main", "main", "dev", "elsewhere"]).to_owned(),
        fork: chance.below(20) == 0,
        merge_commit: (chance.below(2) == 0).then(|| commit(chance)),
        ended: (chance.below(2) == 0).then(|| at(chance.below(100).cast_signed())),
        reviews: api::Reviews { approved_by: names(chance), changes_requested_by: names(chance), required: None },
        checks: checks.map(|state| Check { name: "ci".into(), state, url: None }).into_iter().collect(),
        mergeable: if chance.below(2) == 0 { Mergeable::Yes } else { Mergeable::Checking },
        ..proposal(number)
    }
}

fn event(chance: &mut Chance, number: u64) -> Event {
    let by: Arc<str> = chance.pick(&["alice", "bob"]).into();
    match chance.below(20) {
        0 => Event::Asked { by },
        1..=6 => Event::Read(Box::new(said(chance, number))),
        7 | 8 => Event::Listed(Box::new(said(chance, number))),
        9 | 10 => Event::Missing,
        11 => Event::Failed(chance.pick(&[
            Failure::Lost as fn(String) -> Failure,
            Failure::Credential,
            Failure::Nothing,
            Failure::Provider,
        ])("why".to_owned())),
        12 | 13 => Event::Hinted { action: "synchronize".to_owned() },
        14 | 15 => {
            let there = chance.below(4) > 0;
            Event::Moved { head: chance.below(2) == 0, commit: there.then(|| commit(chance).into()) }
        }
        16 => {
            let what = chance.pick(&["closed", "reopened", "merged", "marked ready", "made a draft", "looked at it"]);
            Event::Done { by, what: what.to_owned() }
        }
        17 | 18 => Event::Served { commit: commit(chance).into(), at: at(chance.below(100).cast_signed()) },
        _ => Event::Reported(super::super::Reported {
            digest: chance.pick(&["a", "b"]).into(),
            trouble: (chance.below(2) == 0).then(|| Failure::Credential("revoked".to_owned())),
            ..super::super::Reported::default()
        }),
    }
}

/// What holds after every step.
fn sound(before: &Record, after: &Step) {
    let record = &after.record;
    if before.state.is_final() {
        assert_eq!(record.state, before.state, "final states stay");
        assert_eq!(record.live, before.live);
        let outward = [Effect::Open, Effect::Read, Effect::Report, Effect::Look, Effect::Clean];
        assert!(!after.effects.iter().any(|effect| outward.contains(effect)), "nothing is done for what is final");
    }
    assert_eq!(record.live.is_some(), record.state == State::Live);
    assert_eq!((&record.id, &record.storage, record.since), (&before.id, &before.storage, before.since));
    assert!(before.number.is_none() || record.number == before.number, "a number stays");
    assert!(after.effects.windows(2).all(|pair| pair[0] < pair[1]), "each effect once, in order");
    assert!(!after.effects.contains(&Effect::Read) || record.number.is_some(), "there is something to read");
    assert!(!after.effects.contains(&Effect::Look) || record.state == State::Merged);
    assert!(!after.effects.contains(&Effect::Clean) || (before.state, record.state) == (State::Merged, State::Live));
    assert!(!after.effects.contains(&Effect::Report) || (record.state == State::Open && !record.is_fork()));
    assert!(record.history.len() <= limits::PROPOSAL_HISTORY);
    let seen = record.seen.as_ref();
    assert!(seen.is_none_or(|seen| seen.state == api::State::Merged || seen.merge_commit.is_none()));
    told_once(record);
}

/// Nobody closes what is closed: of what goes in turns no two of a kind stand behind each other.
fn told_once(record: &Record) {
    let kind = |words: &'static [&'static str]| {
        let first = |what: &str| words.iter().position(|word| what.split(' ').next() == Some(word));
        record.history.iter().filter_map(move |entry| first(&entry.what)).collect::<Vec<_>>()
    };
    let opened = |turn: &usize| if *turn == 1 { 0 } else { *turn };
    let turns: Vec<usize> = kind(&["opened", "reopened", "closed", "merged"]).iter().map(opened).collect();
    assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", told(record));
    assert!(kind(&["made", "marked"]).windows(2).all(|pair| pair[0] != pair[1]), "{:?}", told(record));
    assert!(record.history.iter().filter(|entry| entry.what.starts_with("live")).count() <= 1);
}

fn begun(chance: &mut Chance) -> Record {
    if chance.below(2) == 0 { planned() } else { Record::found(&"flags".into(), "00".into(), &proposal(12), at(0)) }
}

#[test]
fn any_history_ends_where_the_last_look_says() {
    for mut chance in sequences(1) {
        let first = begun(&mut chance);
        let number = if chance.below(50) == 0 { 13 } else { 12 };
        let events: Vec<Event> = (0..=chance.below(16)).map(|_| event(&mut chance, number)).collect();
        let mut record = first.clone();
        for (second, event) in events.iter().enumerate() {
            let step = step(record.clone(), event.clone(), at(200 + i64::try_from(second).unwrap()));
            sound(&record, &step);
            record = step.record;
        }
        let mut again = first;
        for (second, event) in events.into_iter().enumerate() {
            again = step(again, event, at(200 + i64::try_from(second).unwrap())).record;
        }
        assert_eq!(record, again, "replay gives the same");

        let last = said(&mut chance, number);
        let read = Event::Read(Box::new(last.clone()));
        let ended = step(record.clone(), read.clone(), at(300)).record;
        if !record.state.is_final() && record.number.is_none_or(|known| known == number) {
            let expected = match last.state {
                api::State::Open => State::Open,
                api::State::Closed => State::Closed,
                api::State::Merged => State::Merged,
            };
            assert_eq!((ended.state, ended.stale, &ended.trouble), (expected, false, &None));
        }
        let twice = step(ended.clone(), read, at(301));
        assert!(!twice.effects.contains(&Effect::Tell), "the same once more is no news");
        assert_eq!(twice.record.history, ended.history);
    }
}

/// Hints say nothing but "look": however many come, when, in which order, the same looks end in the same record.
#[test]
fn hints_change_nothing_but_the_time() {
    for mut chance in sequences(4) {
        let first = opened();
        let looks: Vec<Event> = (0..=chance.below(5)).map(|_| Event::Read(Box::new(said(&mut chance, 12)))).collect();
        let mut between: Vec<Event> = Vec::new();
        for _ in 0..chance.below(8) {
            between.push(match chance.below(3) {
                0 => Event::Moved { head: false, commit: Some(commit(&mut chance).into()) },
                _ => Event::Hinted { action: chance.pick(&["closed", "opened", "edited"]).to_owned() },
            });
        }
        let mut ends = Vec::new();
        for _ in 0..2 {
            chance.shuffle(&mut between);
            let mut noise = between.clone().into_iter().chain(between.first().cloned());
            let mut record = first.clone();
            for look in &looks {
                for event in noise.by_ref().take(usize::try_from(chance.below(4)).unwrap()) {
                    record = step(record, event, at(5)).record;
                }
                record = step(record, look.clone(), at(5)).record;
            }
            record.history.iter_mut().for_each(|entry| entry.source = Source::Provider);
            ends.push(record);
        }
        assert_eq!(ends[0], ends[1]);
    }
}

#[test]
fn a_pair_of_branches_has_one_open_record_whatever_happens() {
    let target = |environment: &str, branch: &str| Target { environment: environment.into(), branch: branch.into() };
    let targets = vec![target("production", "main"), target("staging", "main"), target("development", "dev")];
    for mut chance in sequences(4) {
        let mut book = Book::new("flags".into(), targets.clone());
        let mut kept: BTreeMap<super::super::Id, Record> = BTreeMap::new();
        for second in 0..=chance.below(24) {
            let now = at(200 + second.cast_signed());
            let number = 1 + chance.below(4);
            let ids: Vec<super::super::Id> = book.records().map(|record| record.id.clone()).collect();
            let outcome = match chance.below(8) {
                0 | 1 => Some(book.ask(
                    &Wish {
                        environment: chance.pick(&[None, Some("staging")]).map(Into::into),
                        head: chance.pick(&["topic", "other", "flipt/staging/quick"]).into(),
                        base: chance.pick(&["main", "dev"]).into(),
                        by: "alice".into(),
                    },
                    now,
                )),
                2 | 3 => {
                    let mut said = said(&mut chance, number);
                    if let Some(id) = ids.first().filter(|_| chance.below(3) == 0) {
                        said.body = Marker { id: id.clone(), environment: None }.put("");
                    }
                    book.listed(&said, now)
                }
                _ if ids.is_empty() => None,
                _ => {
                    let id = ids[usize::try_from(chance.below(ids.len() as u64)).unwrap()].clone();
                    let known = book.get(&id).unwrap().number.unwrap_or(number);
                    Some(book.take(&id, event(&mut chance, known), now))
                }
            };
            consistent(&book);
            let Some(outcome) = outcome else { continue };
            // What is told is all that has changed: who keeps a copy by it has the same book.
            for (id, _) in outcome.effects.iter().filter(|(_, effect)| *effect == Effect::Tell) {
                kept.insert(id.clone(), book.get(id).unwrap().clone());
            }
        }
        for record in book.records() {
            let copy = kept.get(&record.id);
            let same = copy.is_some_and(|copy| !super::super::machine::differs(copy.clone(), record));
            // A wish is told when something comes of it.
            assert!(same || (copy.is_none() && record.state == State::Planned), "{record:#?} {copy:#?}");
        }
        let mut restored = Book::new("flags".into(), targets.clone());
        let lost = restored.restore(book.records().cloned());
        consistent(&restored);
        assert!(lost.iter().all(|id| *book.get(id).unwrap().base == *"elsewhere"), "what fits together comes back");
    }
}

fn consistent(book: &Book) {
    let mut pairs = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for record in book.records() {
        if record.is_open() && !record.is_fork() && !record.head.is_empty() {
            assert!(pairs.insert((record.head.clone(), record.base.clone())), "two open ones: {record:#?}");
            assert_eq!(book.open(&record.head, &record.base).unwrap().id, record.id);
        }
        if let Some(number) = record.number {
            assert!(numbers.insert(number), "two of one number");
            assert_eq!(book.numbered(number).unwrap().id, record.id);
        }
        told_once(record);
    }
}
