use super::row::Row;
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn counted(flag: &str, answer: &str, count: u64) -> Vec<(Arc<Series>, u64)> {
    let series =
        Series { environment: "production".into(), namespace: "shop".into(), flag: flag.into(), answer: answer.into() };
    vec![(Arc::new(series), count)]
}

/// What a disk has of rows.
#[derive(Default)]
struct Disk(BTreeMap<row::Place, Vec<u8>>);

impl Disk {
    fn put(&mut self, rows: impl IntoIterator<Item = Row>) {
        for (place, row) in rows {
            match row {
                Some(row) => drop(self.0.insert(place, row.to_vec())),
                None => drop(self.0.remove(&place)),
            }
        }
    }

    fn open(&mut self, now: Timestamp) -> Book {
        let (book, changes) = Book::open(self.0.clone().into_iter().collect(), now);
        self.put(changes.into_iter().map(row::row));
        book
    }

    fn leave(&mut self, book: &mut Book, now: Timestamp) {
        self.put(book.leave(now).into_iter().map(row::row));
    }
}

/// Books, and turns over to `now`.
fn book_of(book: &mut Book, counted: Vec<(Arc<Series>, u64)>, now: Timestamp) -> Vec<Row> {
    let changes = book.turn(now);
    book.add(counted, now);
    changes.into_iter().map(row::row).collect()
}

fn day(book: &Book, flag: &str, now: Timestamp) -> u64 {
    book.used("production", "shop", now).get(flag).map_or(0, |used| used.hours.iter().sum())
}

fn within(book: &Book, span: Span, now: Timestamp) -> Vec<(String, u64)> {
    let sums = book.sums("production", "shop", span, now);
    let of = |(flag, sums): (Arc<str>, Vec<(Arc<str>, u64)>)| {
        sums.into_iter().map(move |(answer, count)| (format!("{flag}={answer}"), count))
    };
    sums.into_iter().flat_map(of).collect()
}

#[test]
fn counts_stand_in_the_slots_of_their_time() {
    let mut book = Book::default();
    book.add(counted("banner", "true", 5), at("2027-01-30T08:00:10Z"));
    book.add(counted("banner", "false", 2), at("2027-01-30T08:00:50Z"));
    let now = at("2027-01-30T08:01:20Z");
    book.add(counted("banner", "true", 1), now);
    let last = Span::Hour.slot(now);
    let course = book.course("production", "shop", Some("banner"), Span::Hour, (last - 2, last));
    assert_eq!(course.answers, [("true".into(), vec![0, 5, 1]), ("false".into(), vec![0, 2, 0])]);
    assert_eq!((course.sums(), course.begins[1]), (vec![0, 7, 1], at("2027-01-30T08:00:00Z")));
    assert_eq!(day(&book, "banner", now), 8);
    assert_eq!(book.last("production", "shop", "banner"), Some(now));
    assert_eq!(book.last("production", "shop", "other"), None);
    assert!(book.used("production", "other", now).is_empty());
    let later = at("2027-01-30T09:01:20Z");
    assert_eq!(within(&book, Span::Hour, later), []);
    let hours = book.used("production", "shop", later)["banner"].hours;
    assert_eq!(hours[22..], [8, 0]);
    assert_eq!(within(&book, Span::Month, later), [("banner=true".to_owned(), 6), ("banner=false".to_owned(), 2)]);
}

#[test]
fn a_restart_loses_nothing_and_a_kill_a_minute() {
    let (mut disk, mut book) = (Disk::default(), Book::default());
    let minute = |n: i64| Timestamp::from_second(at("2027-01-30T00:00:05Z").as_second() + 60 * n).unwrap();
    for n in 0..200 {
        disk.put(book_of(&mut book, counted("banner", "true", 1), minute(n)));
    }
    let now = minute(199);
    let (hour, all) = (within(&book, Span::Hour, now), within(&book, Span::Month, now));
    assert_eq!((hour[0].1, all[0].1), (60, 200));
    disk.leave(&mut book, now);
    let mut again = disk.open(now);
    for span in Span::ALL {
        assert_eq!(within(&again, span, now), within(&book, span, now), "{span:?}");
    }
    // The same minute goes on.
    disk.put(book_of(&mut again, counted("banner", "true", 4), now));
    disk.put(book_of(&mut again, Vec::new(), minute(200)));
    // Killed: what was counted in this minute is not on the disk.
    drop(book_of(&mut again, counted("banner", "true", 100), minute(200)));
    let again = disk.open(minute(201));
    assert_eq!(within(&again, Span::Month, minute(201)), [("banner=true".to_owned(), 204)]);
    assert_eq!(within(&again, Span::Hour, minute(201))[0].1, 62);
}

#[test]
fn every_slot_that_is_over_is_kept_however_late_somebody_turns() {
    let (mut disk, mut book) = (Disk::default(), Book::default());
    // Whoever reads books what came meanwhile, and closes nothing.
    for (count, time) in [(1, "2027-01-30T08:13:50Z"), (2, "2027-01-30T08:14:10Z"), (4, "2027-01-30T08:15:10Z")] {
        book.add(counted("banner", "true", count), at(time));
    }
    let now = at("2027-01-30T08:17:00Z");
    disk.put(book_of(&mut book, Vec::new(), now));
    let slots: Vec<_> = disk.0.keys().map(|(span, slot)| (*span, span.begin(*slot).to_string())).collect();
    let slot = |span: Span, time: &str| (span, format!("2027-01-30T{time}Z"));
    let minutes = ["08:13:00", "08:14:00", "08:15:00"].map(|time| slot(Span::Hour, time));
    assert_eq!(slots, [&minutes[..], &[slot(Span::Day, "08:00:00")]].concat());
    let again = disk.open(now);
    assert_eq!(within(&again, Span::Hour, now), [("banner=true".to_owned(), 7)]);
    assert_eq!(within(&again, Span::Day, now), [("banner=true".to_owned(), 7)]);
    assert!(book.turn(now).is_empty(), "once");
}

#[test]
fn slots_that_end_while_nobody_is_there_are_kept() {
    let (mut disk, mut book) = (Disk::default(), Book::default());
    let begin = at("2027-01-30T05:50:00Z");
    disk.put(book_of(&mut book, counted("banner", "a", 3), begin));
    disk.leave(&mut book, begin);
    // The quarter and the six hours have ended meanwhile; the minutes go at once, and the others stay.
    for (time, month) in [
        ("2027-01-30T06:20:00Z", 3),
        ("2027-02-03T00:00:00Z", 3),
        ("2027-02-28T00:00:00Z", 3),
        ("2027-03-30T00:00:00Z", 0),
    ] {
        let mut book = disk.open(at(time));
        let sum: u64 = within(&book, Span::Month, at(time)).iter().map(|(_, n)| n).sum();
        assert_eq!(sum, month, "{time}");
        disk.put(book_of(&mut book, Vec::new(), at(time)));
    }
    assert!(disk.0.is_empty(), "{:?}", disk.0.keys());
}

#[test]
fn what_is_kept_is_bounded() {
    let (mut disk, mut book) = (Disk::default(), Book::default());
    let begin = at("2027-01-30T00:00:00Z").as_second();
    for hour in 0..24 * 40 {
        let now = Timestamp::from_second(begin + 3_600 * hour).unwrap();
        disk.put(book_of(&mut book, counted("banner", "true", 1), now));
        disk.leave(&mut book, now);
    }
    let kept = |span: Span| disk.0.keys().filter(|(of, _)| *of == span).count();
    assert!(kept(Span::Hour) <= 2 && kept(Span::Day) <= 28 && kept(Span::Month) <= 136, "{:?}", Span::ALL.map(kept));
    let now = Timestamp::from_second(begin + 86_400 * 100).unwrap();
    drop(book_of(&mut book, Vec::new(), now));
    assert!(book.used("production", "shop", now).is_empty(), "a flag that nobody evaluates is forgotten");
}

#[test]
fn rows_that_are_none_are_taken_away() {
    let now = at("2027-01-30T00:00:00Z");
    let slot = Span::Hour.slot(now);
    let place = |slot| (Span::Hour, slot);
    let bomb = {
        use std::io::Write as _;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![b' '; 64 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let kept = vec![(place(slot - 1), b"no row".to_vec()), (place(slot - 2), bomb), (place(slot + 60), Vec::new())];
    let (book, changes) = Book::open(kept, now);
    assert!(book.used("production", "shop", now).is_empty());
    assert_eq!(changes.len(), 3);
    assert!(changes.iter().all(|(_, counts)| counts.is_none()));
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut book = Book::default();
    book.add(counted("banner", "true", 1), at("2027-01-30T08:10:00Z"));
    book.add(counted("banner", "true", 2), at("2027-01-30T08:00:00Z"));
    let now = at("2027-01-30T08:10:30Z");
    book.add(counted("banner", "true", 4), now);
    assert_eq!(within(&book, Span::Hour, now), [("banner=true".to_owned(), 7)]);
    assert_eq!(book.last("production", "shop", "banner"), Some(now));
}
