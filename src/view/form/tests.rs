//! A form gives back what it was made of, keeps what was typed, and says where something is wrong.
#![allow(clippy::needless_pass_by_value)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Act, Form, Sent, Wrong};
use crate::flags::resource::{Kind, Resource, payload};

fn flag(rest: Value) -> Resource {
    let mut flag = json!({ "@type": "flipt.core.Flag", "key": "banner", "name": "Banner" });
    flag.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    payload::resource(Kind::Flag, "banner", &flag).unwrap()
}

fn segment(constraints: Value) -> Resource {
    let segment = json!({ "@type": "flipt.core.Segment", "key": "beta", "name": "Beta", "constraints": constraints });
    payload::resource(Kind::Segment, "beta", &segment).unwrap()
}

/// What a browser sends of a page that shows a form: the fields, in the order in which they stand there.
fn sent(shown: &Value) -> Vec<(String, String)> {
    fn walk(value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(map) => {
                if let (Some(name), Some(value)) = (map.get("name"), map.get("value").and_then(Value::as_str))
                    && let Some(name) = name.as_str()
                {
                    // As a browser ends its lines.
                    out.push((name.to_owned(), value.replace('\n', "\r\n")));
                    return;
                }
                let at = map.get("place").and_then(|place| place["at"].as_str()).unwrap_or_default();
                if !at.is_empty() {
                    out.push((at.to_owned(), String::new()));
                }
                let mut put = |name: &str, value: &str| out.push((format!("{at}.{name}"), value.to_owned()));
                for (name, from) in [("sort", "sort"), ("type", "type")] {
                    if let Some(Value::String(text)) = map.get(from) {
                        put(name, text);
                    }
                }
                if map.get("value") == Some(&Value::Bool(true)) {
                    put("value", "on");
                }
                if map.get("segments").is_some_and(|segments| segments["all"] == true) {
                    put("operator", "all");
                }
                map.iter().filter(|(name, _)| *name != "choices").for_each(|(_, value)| walk(value, out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    let mut put = |name: &str, value: &str| out.push((name.to_owned(), value.to_owned()));
    put("type", if shown["boolean"] == true { "boolean" } else { "variant" });
    put("enabled", if shown["enabled"] == true { "on" } else { "" });
    put("match", if shown["all"] == false { "any" } else { "all" });
    put("default", &shown["default"].as_u64().map(|id| id.to_string()).unwrap_or_default());
    walk(shown, &mut out);
    out
}

fn read(kind: Kind, fields: &[(String, String)]) -> Form {
    Form::read(kind, &Sent::of(fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap())
}

/// To a page and back.
fn there_and_back(form: &Form) -> Form {
    let shown = form.shown(&[]);
    read(if shown["kind"] == "flag" { Kind::Flag } else { Kind::Segment }, &sent(&shown))
}

fn act(form: &mut Form, text: &str) -> String {
    form.act(&Act::read(text).unwrap()).unwrap()
}

fn a_variant_flag() -> Resource {
    flag(json!({
        "type": "VARIANT_FLAG_TYPE",
        "enabled": true,
        "description": "two\nlines\r\nand \u{202e} a mark",
        "variants": [
            { "key": "a", "name": "A", "attachment": { "n": [1, 2.5], "t": "x" } },
            { "key": "b", "name": "", "description": "B" },
            { "key": "c", "name": "C" },
        ],
        "defaultVariant": "c",
        "metadata": { "owner": "shop", "since": 2024, "old": false, "tags": ["x", "y"], "note": "a\nb" },
        "rules": [
            { "segments": ["beta", "staff"], "segmentOperator": "AND_SEGMENT_OPERATOR",
              "distributions": [{ "variant": "a", "rollout": 33.3 }, { "variant": "b", "rollout": 66.7 }] },
            { "segments": ["all"], "distributions": [] },
        ],
    }))
}

#[test]
fn untouched_forms_give_back_what_they_were_made_of() {
    let all = [
        a_variant_flag(),
        flag(json!({
            "type": "BOOLEAN_FLAG_TYPE",
            "enabled": true,
            "rollouts": [
                { "type": "THRESHOLD_ROLLOUT_TYPE", "description": "some", "threshold": { "percentage": 0.1, "value": true } },
                { "type": "SEGMENT_ROLLOUT_TYPE", "segment": { "segments": ["x", "y"], "value": false, "segmentOperator": "AND_SEGMENT_OPERATOR" } },
            ],
        })),
        segment(json!([
            { "type": "STRING_COMPARISON_TYPE", "property": "plan", "operator": "isoneof", "value": "[\"pro\",\"a b\"]", "description": "who pays" },
            { "type": "STRING_COMPARISON_TYPE", "property": "plan", "operator": "isnotoneof", "value": "[\"[\",\" x\",\"\"]" },
            { "type": "STRING_COMPARISON_TYPE", "property": "plan", "operator": "isoneof", "value": "[]" },
            { "type": "NUMBER_COMPARISON_TYPE", "property": "age", "operator": "isoneof", "value": "[1,2.5]" },
            { "type": "NUMBER_COMPARISON_TYPE", "property": "age", "operator": "gte", "value": "18" },
            { "type": "BOOLEAN_COMPARISON_TYPE", "property": "paid", "operator": "true", "value": "" },
            { "type": "DATETIME_COMPARISON_TYPE", "property": "born", "operator": "lt", "value": "2026-01-31T00:00:00Z" },
            { "type": "ENTITY_ID_COMPARISON_TYPE", "property": "entity", "operator": "eq", "value": "a\nb\u{0}" },
        ])),
    ];
    for resource in all {
        let form = Form::of(&resource);
        assert_eq!(form.resource(Some(&resource)).as_ref(), Ok(&resource));
        assert_eq!(there_and_back(&form).resource(Some(&resource)), Ok(resource));
    }
}

#[test]
fn what_should_be_a_list_and_is_none_is_not_made_one() {
    let one_of = |value: &str| {
        segment(json!([{ "type": "STRING_COMPARISON_TYPE", "property": "p", "operator": "isoneof", "value": value }]))
    };
    for raw in ["a,b", "a\nb", "{\"a\":1}", "[1,", "[1,2]", "\"a\"", "a\r", "x\u{0}", " a "] {
        let odd = one_of(raw);
        let form = there_and_back(&Form::of(&odd));
        assert_eq!(form.resource(Some(&odd)).as_ref(), Ok(&odd), "{raw:?}");
        assert_eq!(form.standing(&odd)[0].field, "constraints.0.value", "and it is said");
        assert!(form.resource(None).is_err(), "nobody else may begin with it");
    }
    let odd = one_of("a,b");
    let mut fields = sent(&Form::of(&odd).shown(&[]));
    fields.iter_mut().find(|(name, _)| name == "constraints.0.value").unwrap().1 = "a\r\nb".to_owned();
    let Ok(Resource::Segment(saved)) = read(Kind::Segment, &fields).resource(Some(&odd)) else { panic!() };
    assert_eq!(saved.constraints[0].value, "[\"a\",\"b\"]", "what is typed is a list");
}

#[test]
fn items_keep_their_numbers_and_the_fields_their_order() {
    let mut form = Form::of(&a_variant_flag());
    assert_eq!(act(&mut form, "up:rules.1"), "rules.1", "the focus stays with what moved");
    let Form::Flag(flag) = &form else { panic!() };
    assert_eq!(flag.rules.iter().map(|rule| rule.id).collect::<Vec<_>>(), [1, 0]);
    // A page in which the script has moved something sends it elsewhere under the same name.
    assert_eq!(there_and_back(&form).resource(None), form.resource(None));
    let Ok(Resource::Flag(saved)) = form.resource(None) else { panic!() };
    assert_eq!(saved.rules.first().unwrap().segments.keys, ["all"]);
    assert_eq!(act(&mut form, "remove:rules.1"), "rules.0");
    assert_eq!(act(&mut form, "add:rules"), "rules.1", "whatever had the number is gone");
    assert_eq!(act(&mut form, "remove:rules.0"), "rules.1");
    assert_eq!(act(&mut form, "clear:rules"), "rules");
    for nonsense in ["up:rules.9", "down:rules.x", "remove:rules", "add:nothing", "even:rules.7", "up:a.b.c.d.e.f"] {
        let before = form.clone();
        form.act(&Act::read(nonsense).unwrap());
        assert_eq!(form, before, "{nonsense}");
    }
    assert_eq!(Act::read("review"), None);
}

#[test]
fn a_variant_is_renamed_in_one_place_and_missed_where_it_is_gone() {
    let resource = a_variant_flag();
    let mut fields = sent(&Form::of(&resource).shown(&[]));
    fields.iter_mut().find(|(name, _)| name == "variants.0.key").unwrap().1 = "first".to_owned();
    let Ok(Resource::Flag(saved)) = read(Kind::Flag, &fields).resource(None) else { panic!() };
    assert_eq!(saved.rules[0].distributions[0].variant, "first");

    let mut form = Form::of(&resource);
    act(&mut form, "remove:variants.2");
    let Ok(Resource::Flag(saved)) = form.resource(None) else { panic!() };
    assert_eq!(saved.default_variant, None);
    act(&mut form, "remove:variants.1");
    let wrong = form.resource(None).unwrap_err();
    let expected = Wrong::new("rules.0.distributions.1.variant", "the flag has no variant \"b\"");
    assert_eq!(wrong, [expected]);
    let shown = there_and_back(&form).shown(&wrong);
    assert_eq!(shown["rules"][0]["shares"][1]["choices"][1]["key"], "b");
    assert_eq!(shown["rules"][0]["shares"][1]["variant"]["wrong"], "the flag has no variant \"b\"");
}

#[test]
fn what_was_typed_wrong_stays_and_is_named() {
    let mut form = Form::of(&a_variant_flag());
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.variants[0].of.attachment = "{\"a\": 1,}".to_owned();
    flag.rules[0].of.distributions[0].of.rollout = "a third".to_owned();
    flag.rules[0].of.distributions[1].of.rollout = "101".to_owned();
    flag.metadata[0].of.value = "x".to_owned();
    flag.metadata[0].of.sort = "number".to_owned();
    let wrongs = form.resource(None).unwrap_err();
    let fields: Vec<&str> = wrongs.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "variants.0.attachment",
            "rules.0.distributions.0.rollout",
            "rules.0.distributions.1.rollout",
            "metadata.0.value"
        ]
    );
    assert!(wrongs[0].message.contains("line 1 column 9"), "{}", wrongs[0].message);
    let again = there_and_back(&form);
    assert_eq!(again, form);
    assert_eq!(again.shown(&wrongs)["rules"][0]["sums"], "unclear");

    // One member twice has no one meaning.
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.variants[0].of.attachment = "{\"a\": 1, \"a\": 2}".to_owned();
    assert!(form.resource(None).unwrap_err().iter().any(|wrong| wrong.message.contains("twice")));
}

#[test]
fn shares_add_up_or_it_is_said() {
    let mut form = Form::of(&a_variant_flag());
    assert_eq!(form.shown(&[])["rules"][0]["sum"], "100");
    assert_eq!(form.shown(&[])["rules"][0]["sums"], "full");
    assert_eq!(act(&mut form, "add:rules.0.distributions"), "rules.0.distributions.2");
    let Form::Flag(flag) = &mut form else { panic!() };
    assert_eq!(
        (&*flag.rules[0].of.distributions[2].of.variant, &*flag.rules[0].of.distributions[2].of.rollout),
        ("2", "0")
    );
    act(&mut form, "even:rules.0");
    let Form::Flag(flag) = &mut form else { panic!() };
    let shares: Vec<&str> = flag.rules[0].of.distributions.iter().map(|of| of.of.rollout.as_str()).collect();
    assert_eq!(shares, ["33.3", "33.3", "33.4"]);
    flag.rules[0].of.distributions[0].of.rollout = "50,5 %".to_owned();
    assert_eq!(form.shown(&[])["rules"][0]["sums"], "more");
    let wrongs = form.resource(None).unwrap_err();
    assert_eq!(wrongs[0].field, "rules.0.distributions");
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.rules[0].of.distributions[0].of.rollout = "0.5".to_owned();
    assert_eq!(form.shown(&[])["rules"][0]["sums"], "less");
}

#[test]
fn mistakes_that_stood_there_before_may_stay() {
    let with_rules = flag(json!({
        "type": "BOOLEAN_FLAG_TYPE",
        "variants": [{ "key": "a" }],
        "rules": [{ "segments": ["beta"], "distributions": [{ "variant": "a", "rollout": 100 }] }],
    }));
    let form = Form::of(&with_rules);
    assert!(form.resource(Some(&with_rules)).is_ok());
    assert_eq!(form.resource(None).unwrap_err()[0].field, "rules");
}

#[test]
fn rollouts_and_segments_are_added_filled_and_missed() {
    let mut form = Form::new(Kind::Flag);
    form.set_key("fresh");
    assert_eq!(form.resource(None).unwrap_err(), [Wrong::new("name", "the name is missing or empty")]);
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.name = "Fresh".to_owned();
    assert!(form.resource(None).is_ok());
    assert_eq!(act(&mut form, "add:rollouts=segment"), "rollouts.0");
    assert_eq!(form.resource(None).unwrap_err()[0].field, "rollouts.0.segments");
    assert_eq!(act(&mut form, "add:rollouts.0.segments"), "rollouts.0.segments.1");
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.rollouts[0].of.segments.keys[1].of = "b c".to_owned();
    assert_eq!(form.resource(None).unwrap_err()[0].field, "rollouts.0.segments.1");
    let Form::Flag(flag) = &mut form else { panic!() };
    flag.rollouts[0].of.segments.keys[1].of = "beta".to_owned();
    assert_eq!(act(&mut form, "add:rollouts=threshold"), "rollouts.1");
    let Ok(Resource::Flag(saved)) = form.resource(None) else { panic!() };
    assert_eq!(saved.rollouts.len(), 2);
}

#[test]
fn constraints_follow_their_type() {
    let mut form = Form::of(&segment(json!([
        { "type": "STRING_COMPARISON_TYPE", "property": "plan", "operator": "isoneof", "value": "[\"pro\",\"team\"]" },
    ])));
    let shown = form.shown(&[]);
    assert_eq!(shown["constraints"][0]["value"]["value"], "pro\nteam");
    let mut fields = sent(&shown);
    fields.iter_mut().find(|(name, _)| name == "constraints.0.type").unwrap().1 = "boolean".to_owned();
    let shown = read(Kind::Segment, &fields).shown(&[]);
    assert_eq!(shown["constraints"][0]["operator"]["value"], "true");
    assert_eq!(shown["constraints"][0]["typed"], "nothing");
    assert_eq!(shown["constraints"][0]["value"]["value"], "\"pro\\nteam\"", "nothing typed is lost");
    let back = read(Kind::Segment, &sent(&shown)).shown(&[]);
    assert_eq!(back["constraints"][0]["value"], shown["constraints"][0]["value"]);

    act(&mut form, "add:constraints");
    let Form::Segment(segment) = &mut form else { panic!() };
    let one = &mut segment.constraints[1].of;
    (one.subject, one.property, one.value) =
        (crate::flags::constraint::Subject::Number, "age".to_owned(), "old".to_owned());
    assert_eq!(form.resource(None).unwrap_err()[0].field, "constraints.1.value");
    let Form::Segment(segment) = &mut form else { panic!() };
    segment.constraints[1].of.operator = "isoneof".to_owned();
    segment.constraints[1].of.value = "1\n\n 2.5 \r".to_owned();
    let Ok(Resource::Segment(saved)) = form.resource(None) else { panic!() };
    assert_eq!(saved.constraints[1].value, "[1,2.5]");
}

#[test]
fn more_fields_than_a_form_has_are_refused() {
    let name = |n: usize| format!("constraints.{n}.value");
    let names: Vec<String> = (0..=crate::limits::FORM_FIELDS).map(name).collect();
    assert_eq!(Sent::of(names.iter().map(|name| (name.as_str(), ""))), None);
    let deep = "a.".repeat(100_000);
    let form = Form::read(Kind::Flag, &Sent::of([(deep.as_str(), "x"), ("metadata..key", "y")]).unwrap());
    assert!(form.resource(None).is_err());
}

proptest! {
    #[test]
    fn any_texts_survive(name in "[^\\n]{1,20}", text in any::<String>(), item in any::<String>(), value in any::<String>()) {
        let mut of = flag(json!({ "description": text, "metadata": { "x": value }, "type": "BOOLEAN_FLAG_TYPE" }));
        if let Resource::Flag(flag) = &mut of {
            flag.name = name;
        }
        prop_assert_eq!(there_and_back(&Form::of(&of)).resource(Some(&of)), Ok(of));
        let list = Value::from(vec![item]).to_string();
        let of = segment(json!([
            { "type": "STRING_COMPARISON_TYPE", "property": "p", "operator": "isoneof", "value": list },
            { "type": "NUMBER_COMPARISON_TYPE", "property": "p", "operator": "isnotoneof", "value": value },
            { "type": "STRING_COMPARISON_TYPE", "property": "p", "operator": "eq", "value": value },
        ]));
        prop_assert_eq!(there_and_back(&Form::of(&of)).resource(Some(&of)), Ok(of));
    }

    #[test]
    fn nothing_that_is_sent_breaks_anything(fields in proptest::collection::vec(("[a-z.0-9]{0,20}|(rules|variants|rollouts|metadata)\\.[0-9]\\.(segments|distributions|key|sort|value)(\\.[0-9](\\.variant|\\.rollout)?)?", any::<String>()), 0..40), button in "(add|up|down|remove|even|clear):(rules|variants|rollouts|metadata|constraints)(\\.[0-9](\\.(segments|distributions)(\\.[0-9])?)?)?") {
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sent = Sent::of(fields).unwrap();
        for kind in [Kind::Flag, Kind::Segment] {
            let mut form = Form::read(kind, &sent);
            form.act(&Act::read(&button).unwrap());
            let wrongs = form.resource(None).err().unwrap_or_default();
            prop_assert!(form.shown(&wrongs).is_object());
        }
    }
}
