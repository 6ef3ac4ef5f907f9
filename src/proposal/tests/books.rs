//! Which record a proposal belongs to, and who stands aside.

use super::*;

fn targets() -> Vec<Target> {
    let target = |environment: &str, branch: &str| Target { environment: environment.into(), branch: branch.into() };
    vec![target("production", "main"), target("staging", "main"), target("development", "dev")]
}

fn book() -> Book {
    Book::new("flags".into(), targets())
}

fn wish() -> Wish {
    Wish { environment: Some("production".into()), head: "topic".into(), base: "main".into(), by: "alice".into() }
}

fn read(book: &mut Book, id: &str, number: u64) -> super::super::Outcome {
    book.take(id, Event::Read(Box::new(proposal(number))), at(5))
}

#[test]
fn a_branch_that_is_proposed_twice_is_one() {
    let mut book = book();
    let first = book.ask(&wish(), at(0));
    assert_eq!(first.effects, [(first.id.clone(), Effect::Open)]);
    assert_eq!(book.ask(&wish(), at(1)).id, first.id);
    read(&mut book, &first.id, 12);
    let joined = book.ask(&Wish { by: "bob".into(), ..wish() }, at(9));
    assert_eq!((&joined.id, joined.effects.len()), (&first.id, 0));
    assert_eq!(book.get(&first.id).unwrap().environment.as_deref(), Some("production"));
    let closed = Proposal { state: api::State::Closed, ..proposal(12) };
    book.take(&first.id, Event::Read(Box::new(closed)), at(10));
    assert_ne!(book.ask(&wish(), at(11)).id, first.id, "another one begins");
    assert_eq!(book.records().count(), 2);
}

#[test]
fn what_could_not_be_opened_is_tried_again_under_its_id() {
    let mut book = book();
    let first = book.ask(&wish(), at(0));
    book.take(&first.id, Event::Failed(Failure::Nothing("x".into())), at(1));
    let again = book.ask(&wish(), at(2));
    assert_eq!(again.id, first.id);
    assert!(again.effects.contains(&(first.id, Effect::Open)));
}

#[test]
fn a_lost_book_is_written_again() {
    let mut before = book();
    let id = before.ask(&wish(), at(0)).id;
    let marker = Marker { id: id.clone(), environment: Some("production".into()) };
    let ours = Proposal { body: marker.put("why"), ..proposal(12) };
    let by_hand = Proposal { head: Some("by-hand".into()), ..proposal(13) };
    let copied = Proposal { head: Some("copied".into()), body: ours.body.clone(), ..proposal(14) };
    let fork = Proposal { fork: true, ..proposal(15) };
    let elsewhere = Proposal { base: "other".into(), ..proposal(16) };
    let listed = [ours, by_hand, copied, fork, elsewhere];
    for proposal in &listed {
        before.listed(proposal, at(1));
    }
    let mut after = book();
    let outcomes: Vec<bool> = listed.iter().map(|proposal| after.listed(proposal, at(99)).is_some()).collect();
    assert_eq!(outcomes, [true, true, true, false, false]);
    let ids = |book: &Book| book.records().map(|record| (record.id.clone(), record.number)).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
    assert_eq!(after.numbered(12).unwrap().id, id);
    assert_eq!(after.numbered(12).unwrap().environment.as_deref(), Some("production"));
    assert_eq!(after.numbered(13).unwrap().environment, None, "two environments have the branch");
    assert_eq!(after.numbered(14).unwrap().id, id_of_number("flags", 14), "a copied marker says nothing");
}

#[test]
fn a_branch_environment_says_where_it_belongs() {
    let mut book = book();
    for (number, head, expected) in [
        (1, "flipt/staging/quick", (Some("staging"), Some("quick"))),
        (2, "flipt/development/quick", (None, None)),
        (3, "flipt/staging/a/b", (None, None)),
        (4, "topic", (None, None)),
    ] {
        book.listed(&Proposal { head: Some(head.into()), ..proposal(number) }, at(0));
        let record = book.numbered(number).unwrap();
        assert_eq!((record.environment.as_deref(), record.branch_environment.as_deref()), expected, "{head}");
    }
    book.listed(&Proposal { base: "dev".into(), ..proposal(4) }, at(1));
    assert_eq!(book.numbered(4).unwrap().environment.as_deref(), Some("development"));
}

#[test]
fn somebody_opens_by_hand_what_is_about_to_be_opened() {
    let mut book = book();
    let id = book.ask(&wish(), at(0)).id;
    let outcome = book.listed(&proposal(12), at(1)).unwrap();
    assert_eq!(outcome.id, id);
    assert_eq!(book.get(&id).unwrap().state, State::Open);
    assert_eq!(read(&mut book, &id, 12).id, id);
}

#[test]
fn of_two_open_ones_the_later_stays() {
    let closed = |number| Proposal { state: api::State::Closed, ..proposal(number) };
    for order in [[12, 13], [13, 12]] {
        let mut book = book();
        for number in order {
            book.listed(&proposal(number), at(0));
        }
        let (one, two) = (book.numbered(12).unwrap(), book.numbered(13).unwrap());
        assert_eq!((one.state, one.succeeded_by.as_ref(), two.state), (State::Closed, Some(&two.id), State::Open));
        let (one, two) = (one.id.clone(), two.id.clone());
        assert_eq!(book.open("topic", "main").unwrap().id, two);
        let again = read(&mut book, &one, 12);
        let again = if again.effects.is_empty() { again } else { read(&mut book, &one, 12) };
        assert_eq!(again.effects, [], "the same once more is no news");
        let ended = book.take(&two, Event::Read(Box::new(closed(13))), at(6));
        assert!(ended.effects.contains(&(one.clone(), Effect::Read)), "it is its turn");
        read(&mut book, &one, 12);
        assert_eq!(book.open("topic", "main").unwrap().id, one);
        assert_eq!(book.get(&one).unwrap().succeeded_by, None);
    }
}

#[test]
fn what_was_gone_and_is_shown_again_begins_anew() {
    let mut book = book();
    book.listed(&proposal(12), at(0));
    let id = book.numbered(12).unwrap().id.clone();
    for _ in 0..2 {
        book.take(&id, Event::Missing, at(1));
    }
    assert_eq!(book.get(&id).unwrap().state, State::Gone);
    assert!(book.open("topic", "main").is_none());
    book.take(&id, Event::Read(Box::new(proposal(12))), at(2));
    assert_eq!(book.get(&id).unwrap().state, State::Gone);
    let shown = book.listed(&proposal(12), at(3)).unwrap();
    assert_eq!((&shown.id, book.get(&id).unwrap().state), (&id, State::Open));
    assert_eq!(told(book.get(&id).unwrap()), ["opened as #12", "gone from the provider", "seen again at the provider"]);
}

#[test]
fn kept_records_come_back_and_odd_ones_do_not() {
    let mut before = book();
    for number in 12..15 {
        before.listed(&Proposal { head: Some(format!("b{number}")), ..proposal(number) }, at(0));
    }
    let kept: Vec<Record> = before.records().cloned().collect();
    let odd = |change: fn(&mut Record)| {
        let mut record = kept[0].clone();
        record.id = "0000000000000000".into();
        change(&mut record);
        record
    };
    let odd = [
        odd(|record| record.storage = "other".into()),
        odd(|_| {}),
        odd(|record| record.number = Some(99)),
        odd(|record| (record.number, record.base) = (Some(98), "unknown".into())),
    ];
    let mut after = book();
    let left_out = after.restore(kept.iter().cloned().chain(odd));
    assert_eq!(left_out.len(), 4);
    assert_eq!(after.records().count(), 3);
    assert!(after.records().all(|record| record.stale));
    assert_eq!(after.about("main").len(), 3);
    assert_eq!(after.about("b12"), [(after.numbered(12).unwrap().id.clone(), true)]);
}

#[test]
fn the_book_is_bounded_and_the_oldest_ended_goes() {
    let mut book = book();
    let most = u64::try_from(limits::PROPOSALS_KEPT).unwrap();
    for number in 1..=most {
        let state = if number % 2 == 0 { api::State::Closed } else { api::State::Open };
        let said = Proposal { head: Some(format!("b{number}")), state, ..proposal(number) };
        assert_eq!(
            book.listed(&said, at(i64::try_from(number).unwrap())).unwrap().dropped,
            Vec::<super::super::Id>::new()
        );
    }
    let second = book.numbered(2).unwrap().id.clone();
    let asked = book.ask(&wish(), at(9_999));
    assert_eq!(asked.dropped, [second]);
    assert!(book.get(&asked.id).is_some() && book.numbered(1).is_some());
    assert_eq!(book.records().count(), limits::PROPOSALS_KEPT);
}
