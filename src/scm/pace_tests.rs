use super::*;

const ASKS: Wish = Wish { changes: false, background: false, lane: Lane::Rest };
const BACKGROUND: Wish = Wish { background: true, ..ASKS };
const CHANGES: Wish = Wish { changes: true, ..ASKS };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: Vec::new(), at: at(0) }
}

fn hear(pace: &mut Pace, now: i64, status: u16, headers: &[(&str, &str)]) {
    let answer = Answer { at: at(now), ..answer(status, headers) };
    pace.leave();
    pace.hear(Lane::Rest, Heard::of(&answer), Failure::common(&answer).as_ref(), at(now));
}

fn later(turn: &Turn) -> u64 {
    match turn {
        Turn::Later(after, _) => after.as_secs(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn headers_of_every_provider() {
    let heard = |headers: &[(&str, &str)]| Heard::of(&answer(200, headers));
    let github =
        heard(&[("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", "1790000060")]);
    assert_eq!((github.limit, github.left, github.ends), (Some(5_000), Some(4_999), Some(at(60))));
    let gitlab = heard(&[("ratelimit-limit", "2000"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "1790000030")]);
    assert_eq!((gitlab.left, gitlab.ends), (Some(0), Some(at(30))));
    // The draft of the IETF counts from now.
    assert_eq!(heard(&[("ratelimit-remaining", "1"), ("ratelimit-reset", "50")]).ends, Some(at(50)));
    let azure = heard(&[("retry-after", "12"), ("x-ratelimit-remaining", "3.5"), ("x-ratelimit-reset", "1790000012")]);
    assert_eq!((azure.after, azure.left), (Some(Duration::from_secs(12)), Some(3)));
    let data_center = heard(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-interval-seconds", "5")]);
    assert_eq!((data_center.left, data_center.ends), (Some(0), Some(at(5))));
    assert!(heard(&[("x-ratelimit-nearlimit", "TRUE")]).near);
    for odd in ["", "-1", "NaN", "inf", "99999999999999999999999999", "1e300", "soon"] {
        let heard = heard(&[("x-ratelimit-remaining", odd), ("x-ratelimit-reset", odd), ("retry-after", odd)]);
        assert!(heard.ends.is_none_or(|end| end >= at(0) && end <= at(86_400)), "{odd}: {heard:?}");
    }
}

#[test]
fn a_limit_that_is_used_up_is_respected_until_its_end_and_not_longer() {
    let mut pace = Pace::new(Provider::Gitlab, at(0));
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    let headers = [("ratelimit-limit", "10"), ("ratelimit-remaining", "1"), ("ratelimit-reset", "1790000030")];
    hear(&mut pace, 0, 200, &headers);
    assert_eq!(pace.enter(ASKS, at(1)), Turn::Go);
    // It is under way, and was the last one.
    assert_eq!(later(&pace.enter(ASKS, at(2))), 28);
    assert_eq!(pace.enter(ASKS, at(30)), Turn::Go);
}

#[test]
fn what_runs_by_itself_leaves_a_part_to_people() {
    let mut pace = Pace::new(Provider::Github, at(0));
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    let headers = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "20"), ("x-ratelimit-reset", "1790000600")];
    hear(&mut pace, 0, 200, &headers);
    assert_eq!(later(&pace.enter(BACKGROUND, at(0))), 600);
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    // GraphQL is counted apart.
    assert_eq!(pace.enter(Wish { lane: Lane::Graphql, ..BACKGROUND }, at(0)), Turn::Go);
    let mut pace = Pace::new(Provider::BitbucketCloud, at(0));
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    hear(&mut pace, 0, 200, &[("x-ratelimit-nearlimit", "true")]);
    assert_eq!(later(&pace.enter(BACKGROUND, at(1))), 59);
    assert_eq!(pace.enter(ASKS, at(1)), Turn::Go);
}

#[test]
fn a_time_to_come_back_counts_whatever_the_status() {
    for status in [200, 429, 503, 403] {
        let mut pace = Pace::new(Provider::Azure, at(0));
        assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
        hear(&mut pace, 0, status, &[("retry-after", "7")]);
        assert_eq!(later(&pace.enter(ASKS, at(0))), 7, "{status}");
        assert_eq!(pace.enter(ASKS, at(7)), Turn::Go, "{status}");
    }
}

#[test]
fn without_a_time_it_waits_longer_each_time() {
    let mut pace = Pace::new(Provider::Github, at(0));
    let mut now = 0;
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(pace.enter(ASKS, at(now)), Turn::Go);
        hear(&mut pace, now, 429, &[]);
        let wait = later(&pace.enter(ASKS, at(now)));
        waits.push(wait);
        now += i64::try_from(wait).unwrap();
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 1_920, 1_920]);
    assert_eq!(pace.enter(ASKS, at(now)), Turn::Go);
    hear(&mut pace, now, 200, &[]);
    assert_eq!(pace.enter(ASKS, at(now)), Turn::Go);
    hear(&mut pace, now, 429, &[]);
    assert_eq!(later(&pace.enter(ASKS, at(now))), 60);
}

#[test]
fn only_so_many_are_under_way() {
    let mut pace = Pace::new(Provider::Forgejo, at(0));
    for _ in 0..limits::PROVIDER_AT_ONCE {
        assert_eq!(pace.enter(CHANGES, at(0)), Turn::Go);
    }
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Full);
    pace.leave();
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    let mut pace = Pace::new(Provider::Forgejo, at(0));
    while pace.enter(BACKGROUND, at(0)) == Turn::Go {}
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go, "people find room beside what runs by itself");
}

#[test]
fn github_gets_changes_at_the_pace_that_it_takes() {
    let mut pace = Pace::new(Provider::Github, at(0));
    // Somebody who wants to change something ten times a second, for an hour.
    let (mut minutes, mut now) = (vec![0; 60], Timestamp::from_second(1_790_000_000).unwrap());
    for tick in 0..36_000_usize {
        if pace.enter(CHANGES, now) == Turn::Go {
            pace.leave();
            minutes[tick / 600] += 1;
        }
        now = now.checked_add(SignedDuration::from_millis(100)).unwrap();
    }
    assert!(minutes.iter().all(|made| *made <= 80), "{minutes:?}");
    let all = minutes.iter().sum::<u32>();
    assert!((400..=500).contains(&all), "{all}");
    // A few in a row do not wait, and reading is not held back.
    let mut pace = Pace::new(Provider::Github, at(0));
    for _ in 0..10 {
        assert_eq!(pace.enter(CHANGES, at(0)), Turn::Go);
        pace.leave();
    }
    assert!(matches!(pace.enter(CHANGES, at(0)), Turn::Soon(wait) if wait <= Duration::from_secs(1)));
    assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
}

#[test]
fn answers_may_overtake_one_another() {
    let mut pace = Pace::new(Provider::Github, at(0));
    let says = |left: &'static str| {
        [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", left), ("x-ratelimit-reset", "1790000600")]
    };
    for _ in 0..3 {
        assert_eq!(pace.enter(ASKS, at(0)), Turn::Go);
    }
    hear(&mut pace, 0, 200, &says("1"));
    hear(&mut pace, 0, 200, &says("2"));
    assert_eq!(pace.rest.unwrap().left, 1);
    hear(&mut pace, 0, 200, &says("0"));
    assert!(matches!(pace.enter(ASKS, at(1)), Turn::Later(..)));
}
