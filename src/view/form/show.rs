//! A form as a template shows it: every field with its name, what stands in it, and what is wrong with it.

use serde_json::{Value, json};

use super::constraint::{self, ConstraintForm, Typed};
use super::flag::{FlagForm, RuleForm};
use super::rollout::RolloutForm;
use super::segment::SegmentForm;
use super::sent::survives;
use super::whom::SegmentsForm;
use super::{Item, Wrong, share};
use crate::flags::constraint::Subject;

/// Rows of a text that is typed in several.
const ROWS: std::ops::RangeInclusive<usize> = 1..=18;

struct Shower<'w>(&'w [Wrong]);

impl Shower<'_> {
    fn wrong(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|wrong| wrong.field == name).map(|wrong| wrong.message.as_str())
    }

    /// A field of one line.
    fn line(&self, name: &str, text: &str) -> Value {
        self.field(name, text, false)
    }

    /// A field of several.
    fn text(&self, name: &str, text: &str) -> Value {
        self.field(name, text, true)
    }

    fn field(&self, name: &str, text: &str, lines: bool) -> Value {
        let quoted = !survives(text, lines);
        let rows = text.split('\n').count().clamp(*ROWS.start(), *ROWS.end());
        json!({
            "id": name,
            "name": if quoted { format!("{name}.quoted") } else { name.to_owned() },
            "value": if quoted { Value::from(text).to_string() } else { text.to_owned() },
            "quoted": quoted,
            "rows": if quoted { 1 } else { rows },
            "wrong": self.wrong(name),
        })
    }

    fn segments(&self, name: &str, segments: &SegmentsForm) -> Value {
        let at = format!("{name}.segments");
        let keys = segments.keys.iter().map(|key| self.line(&format!("{at}.{}", key.id), &key.of));
        json!({
            "keys": keys.collect::<Vec<_>>(),
            "all": segments.all,
            "wrong": self.wrong(&at),
            // A rollout says it with one word more.
            "at": at,
        })
    }
}

/// Where an item stands among the others.
fn place<T>(list: &str, items: &[Item<T>], at: usize, id: u32) -> Value {
    json!({
        "at": format!("{list}.{id}"),
        "list": list,
        "number": at + 1,
        "first": at == 0,
        "last": at + 1 == items.len(),
    })
}

/// A list, each item with its place as `place`.
fn each<T>(list: &str, items: &[Item<T>], show: impl Fn(&str, &Item<T>) -> Value) -> Value {
    let item = |(at, item): (usize, &Item<T>)| {
        let place = place(list, items, at, item.id);
        let mut shown = show(&format!("{list}.{}", item.id), item);
        if let Value::Object(shown) = &mut shown {
            shown.insert("place".to_owned(), place);
        }
        shown
    };
    items.iter().enumerate().map(item).collect()
}

pub(super) fn flag(form: &FlagForm, wrongs: &[Wrong]) -> Value {
    let with = Shower(wrongs);
    let metadata = each("metadata", &form.metadata, |at, entry| {
        json!({
            "key": with.line(&format!("{at}.key"), &entry.of.key),
            "sort": entry.of.sort,
            "value": with.text(&format!("{at}.value"), &entry.of.value),
        })
    });
    let variants = each("variants", &form.variants, |at, variant| {
        json!({
            "id": variant.id,
            "key": with.line(&format!("{at}.key"), &variant.of.key),
            "name": with.line(&format!("{at}.name"), &variant.of.name),
            "description": with.text(&format!("{at}.description"), &variant.of.description),
            "attachment": with.text(&format!("{at}.attachment"), &variant.of.attachment),
            "default": form.default == Some(variant.id),
        })
    });
    json!({
        "kind": "flag",
        "key": with.line("key", &form.key),
        "name": with.line("name", &form.name),
        "description": with.text("description", &form.description),
        "boolean": form.boolean,
        "enabled": form.enabled,
        "metadata": metadata,
        "metadata_wrong": with.wrong("metadata"),
        "variants": variants,
        "default": form.default,
        "default_wrong": with.wrong("default"),
        "rules": each("rules", &form.rules, |at, rule| self::rule(&with, form, at, &rule.of)),
        "rules_wrong": with.wrong("rules"),
        "rollouts": each("rollouts", &form.rollouts, |at, rollout| self::rollout(&with, at, &rollout.of)),
        "rollouts_wrong": with.wrong("rollouts"),
    })
}

fn rule(with: &Shower<'_>, form: &FlagForm, at: &str, rule: &RuleForm) -> Value {
    let sum = FlagForm::sum(rule);
    let mut begins = 0.0;
    let list = format!("{at}.distributions");
    let mut bars = Vec::new();
    for of in &rule.distributions {
        let length = share(&of.of.rollout).unwrap_or(0.0).min(100.0 - begins);
        bars.push(json!({ "x": begins, "width": length }));
        begins += length;
    }
    let shares = each(&list, &rule.distributions, |at, of| {
        let choices = form.variants.iter().map(|variant| {
            let id = variant.id.to_string();
            json!({ "chosen": id == of.of.variant, "id": id, "key": variant.of.key, "known": true })
        });
        let gone = of.of.variant.strip_prefix('~');
        let gone = gone.map(|key| json!({ "id": of.of.variant, "key": key, "chosen": true, "known": false }));
        let choices: Vec<Value> = choices.chain(gone).collect();
        json!({
            "choices": choices,
            "chosen": choices.iter().any(|choice| choice.get("chosen") == Some(&Value::Bool(true))),
            "variant": with.line(&format!("{at}.variant"), &of.of.variant),
            "rollout": with.line(&format!("{at}.rollout"), &of.of.rollout),
        })
    });
    json!({
        "segments": with.segments(at, &rule.segments),
        "shares": shares,
        "bars": bars,
        "sum": sum.map(|sum| sum.to_string()),
        "sums": match sum {
            _ if rule.distributions.is_empty() => "empty",
            None => "unclear",
            // Thirds are written as 33.3.
            Some(sum) if (sum - 100.0).abs() < 0.101 => "full",
            Some(sum) if sum < 100.0 => "less",
            Some(_) => "more",
        },
        "wrong": with.wrong(at),
        "shares_wrong": with.wrong(&list),
        "shares_at": list,
    })
}

fn rollout(with: &Shower<'_>, at: &str, rollout: &RolloutForm) -> Value {
    json!({
        "sort": rollout.sort,
        "description": with.line(&format!("{at}.description"), &rollout.description),
        "segments": with.segments(at, &rollout.segments),
        "percentage": with.line(&format!("{at}.percentage"), &rollout.percentage),
        "share": share(&rollout.percentage),
        "value": rollout.value,
        "wrong": with.wrong(at),
    })
}

pub(super) fn segment(form: &SegmentForm, wrongs: &[Wrong]) -> Value {
    let with = Shower(wrongs);
    json!({
        "kind": "segment",
        "key": with.line("key", &form.key),
        "name": with.line("name", &form.name),
        "description": with.text("description", &form.description),
        "all": form.all,
        "constraints": each("constraints", &form.constraints, |at, item| self::constraint(&with, at, &item.of)),
    })
}

fn constraint(with: &Shower<'_>, at: &str, form: &ConstraintForm) -> Value {
    let subjects = Subject::ALL.map(|one| json!({ "word": constraint::word(one), "chosen": one == form.subject }));
    let operators = form.subject.operators().iter().map(|operator| operator.name());
    let known = operators.clone().any(|name| name == form.operator);
    let typed = form.typed();
    let value = format!("{at}.value");
    json!({
        "types": subjects,
        "type": constraint::word(form.subject),
        "operators": operators.map(|name| json!({ "name": name, "chosen": name == form.operator })).collect::<Vec<_>>(),
        "operator": with.line(&format!("{at}.operator"), &form.operator),
        "operator_known": known,
        "property": with.line(&format!("{at}.property"), &form.property),
        "value": if typed == Typed::List { with.text(&value, &form.value) } else { with.line(&value, &form.value) },
        "kept": with.text(&format!("{at}.kept"), &form.kept),
        "is_kept": form.is_kept(),
        "typed": match typed {
            Typed::Nothing => "nothing",
            Typed::Text => "text",
            Typed::Number => "number",
            Typed::Time => "time",
            Typed::List => "list",
        },
        "description": with.line(&format!("{at}.description"), &form.description),
        "wrong": with.wrong(at),
    })
}
