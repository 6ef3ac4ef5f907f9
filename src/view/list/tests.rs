use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::flags::resource::Flag;
use crate::flags::snapshot::FlagKind;
use crate::limits;

fn flag(key: &str, name: &str, kind: FlagKind, enabled: bool) -> Flag {
    Flag {
        key: key.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        kind,
        enabled,
        metadata: None,
        variants: Vec::new(),
        default_variant: None,
        rules: Vec::new(),
        rollouts: Vec::new(),
    }
}

fn asked(text: &str) -> Query {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    Query::of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

#[test]
fn a_query_is_read_from_an_address_and_written_to_one() {
    for address in
        ["", "?q=a+b&type=boolean&state=on&meta=owner%3Dme&changed=week&evaluated=never&used=unused&sort=-name&page=3"]
    {
        assert_eq!(asked(address.trim_start_matches('?')).address(), address);
    }
    assert_eq!(asked("type=x&sort=y&page=-1&nothing=1&q=").address(), "");
    assert_eq!(asked("page=1").address(), "", "the first page has no number");
    let long = asked(&format!("q={}", "x".repeat(10_000)));
    assert_eq!(long.q.len(), limits::UI_SEARCH_CHARACTERS);
    let by_name = asked("q=x&page=4").by(By::Name);
    assert_eq!(by_name.address(), "?q=x&sort=name");
    assert_eq!(by_name.by(By::Name).address(), "?q=x&sort=-name");
    assert!(asked("meta=a").is_narrow() && !asked("sort=name&page=2").is_narrow());
}

#[test]
fn what_fits_best_comes_first() {
    let mut described = flag("zeta", "Zeta", FlagKind::Variant, true);
    described.description = "replaces checkout".to_owned();
    let flags = [
        described,
        flag("new-checkout", "New", FlagKind::Boolean, false),
        flag("a", "Checkout of a", FlagKind::Boolean, true),
        flag("checkout-2", "Two", FlagKind::Boolean, true),
        flag("checkout", "One", FlagKind::Boolean, true),
        flag("other", "Other", FlagKind::Boolean, true),
    ];
    let entries: Vec<Entry<'_>> = flags.iter().map(Entry::of_flag).collect();
    let keys = |query: &str| {
        let found = find(&entries, &asked(query), Timestamp::UNIX_EPOCH);
        found.rows.iter().map(|at| &*flags[*at].key).collect::<Vec<_>>()
    };
    assert_eq!(keys("q=CheckOut"), ["checkout", "checkout-2", "a", "new-checkout", "zeta"]);
    assert_eq!(keys("q=checkout+new"), ["new-checkout"]);
    assert_eq!(keys("q=checkout&type=variant"), ["zeta"]);
    assert_eq!(keys("state=off"), ["new-checkout"]);
    assert_eq!(keys("sort=-key").first(), Some(&"zeta"));
    assert_eq!(keys("sort=state").last(), Some(&"new-checkout"));
    assert!(keys("q=no+such").is_empty());
}

#[test]
fn by_metadata_change_and_use() {
    let mut flags = [flag("a", "A", FlagKind::Boolean, true), flag("b", "B", FlagKind::Boolean, true)];
    flags[0].metadata = json!({ "owner": "web", "tier": 1, "deep": {"x": 1} }).as_object().cloned();
    flags[1].metadata = json!({ "owner": "app" }).as_object().cloned();
    let now = Timestamp::from_second(2_000_000_000).unwrap();
    let mut entries: Vec<Entry<'_>> = flags.iter().map(Entry::of_flag).collect();
    entries[0] = entries[0].clone().changed(now.checked_sub(SignedDuration::from_hours(30)).ok()).evaluated(Some(0));
    entries[1] = entries[1].clone().evaluated(Some(3));
    let keys = |query: &str| {
        let found = find(&entries, &asked(query), now);
        found.rows.iter().map(|at| &*flags[*at].key).collect::<Vec<_>>().concat()
    };
    for (query, expected) in [
        ("meta=owner", "ab"),
        ("meta=owner%3Dweb", "a"),
        ("meta=tier%3D1", "a"),
        ("meta=tier%3D2", ""),
        ("meta=deep", "a"),
        ("changed=day", ""),
        ("changed=week", "a"),
        ("sort=changed", "ab"),
        ("evaluated=never", "a"),
        ("evaluated=lately", "b"),
        ("sort=evaluated", "ba"),
    ] {
        assert_eq!(keys(query), expected, "{query}");
    }
    assert_eq!(offered(&entries), ["deep", "owner", "owner=app", "owner=web", "tier", "tier=1"]);
}

#[test]
fn a_long_list_has_pages() {
    let flags: Vec<Flag> = (0..250).map(|n| flag(&format!("f{n:03}"), "F", FlagKind::Boolean, true)).collect();
    let entries: Vec<Entry<'_>> = flags.iter().map(Entry::of_flag).collect();
    let found = |query: &str| find(&entries, &asked(query), Timestamp::UNIX_EPOCH);
    let first = found("");
    assert_eq!((first.rows.len(), first.matching, first.page, first.pages), (100, 250, 1, 3));
    assert_eq!(found("page=3").rows.len(), 50);
    assert_eq!(found("page=99"), found("page=3"), "behind the last one is the last one");
    assert_eq!(found("q=nothing").pages, 1);
}

#[test]
fn a_cut_shows() {
    assert_eq!(cut("äöü", 3), "äöü");
    assert_eq!(cut("äöüß", 3), "äöü…");
}
