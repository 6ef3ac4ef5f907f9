//! The form of a flag.

use serde_json::{Value, json};

use super::act::{self, Act, Verb};
use super::metadata::{self, EntryForm};
use super::rollout::RolloutForm;
use super::sent::Sent;
use super::whom::SegmentsForm;
use super::{Item, Items, Wrong, ids, items, share};
use crate::flags::resource::{Flag, Kind};
use crate::flags::snapshot::FlagKind;

/// A flag, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlagForm {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// It answers true or false, not a variant.
    pub boolean: bool,
    /// The switch.
    pub enabled: bool,
    /// What is noted about it.
    pub metadata: Items<EntryForm>,
    /// What it may answer.
    pub variants: Items<VariantForm>,
    /// Number of the default variant.
    pub default: Option<u32>,
    /// In the order in which they are tried.
    pub rules: Items<RuleForm>,
    /// In the order in which they are tried.
    pub rollouts: Items<RolloutForm>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VariantForm {
    /// Key.
    pub key: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// JSON, or nothing.
    pub attachment: String,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleForm {
    /// For whom.
    pub segments: SegmentsForm,
    /// What they get.
    pub distributions: Items<ShareForm>,
}

/// Who gets a variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShareForm {
    /// The number of the variant; of one that the flag has not, its key behind a `~`.
    pub variant: String,
    /// In percent.
    pub rollout: String,
}

impl FlagForm {
    /// A new flag: off, and on for nobody.
    #[must_use]
    pub fn new() -> Self {
        Self { boolean: true, ..Self::default() }
    }

    /// The form of a flag.
    #[must_use]
    pub fn of(flag: &Flag) -> Self {
        let number = |key: &str| flag.variants.iter().position(|variant| variant.key == key);
        let shares = |rule: &crate::flags::resource::Rule| {
            items(rule.distributions.iter().map(|of| ShareForm {
                variant: number(&of.variant).map_or_else(|| format!("~{}", of.variant), |at| at.to_string()),
                rollout: of.rollout.to_string(),
            }))
        };
        Self {
            key: flag.key.clone(),
            name: flag.name.clone(),
            description: flag.description.clone(),
            boolean: flag.kind == FlagKind::Boolean,
            enabled: flag.enabled,
            metadata: metadata::of(flag.metadata.as_ref()),
            variants: items(flag.variants.iter().map(|variant| VariantForm {
                key: variant.key.clone(),
                name: variant.name.clone(),
                description: variant.description.clone(),
                attachment: variant.attachment.as_ref().map(metadata::pretty).unwrap_or_default(),
            })),
            default: flag.default_variant.as_deref().and_then(number).and_then(|at| u32::try_from(at).ok()),
            rules: items(
                flag.rules
                    .iter()
                    .map(|rule| RuleForm { segments: SegmentsForm::of(&rule.segments), distributions: shares(rule) }),
            ),
            rollouts: items(flag.rollouts.iter().map(RolloutForm::of)),
        }
    }

    /// What was sent.
    #[must_use]
    pub fn read(sent: &Sent) -> Self {
        Self {
            key: sent.text("key"),
            name: sent.text("name"),
            description: sent.text("description"),
            boolean: sent.text("type") == "boolean",
            enabled: sent.is_on("enabled"),
            metadata: sent.items("metadata", EntryForm::read),
            variants: sent.items("variants", |sent| VariantForm {
                key: sent.text("key"),
                name: sent.text("name"),
                description: sent.text("description"),
                attachment: sent.text("attachment"),
            }),
            default: sent.text("default").parse().ok(),
            rules: sent.items("rules", |sent| RuleForm {
                segments: SegmentsForm::read(sent),
                distributions: sent.items("distributions", |sent| ShareForm {
                    variant: sent.text("variant"),
                    rollout: sent.text("rollout"),
                }),
            }),
            rollouts: sent.items("rollouts", RolloutForm::read),
        }
    }

    /// The same as the API takes it; what cannot be said in its words is wrong.
    pub(super) fn payload(&self, wrongs: &mut Vec<Wrong>) -> Value {
        let variants: Vec<Value> = self.variants.iter().map(|variant| variant_payload(variant, wrongs)).collect();
        let rules: Vec<Value> = self.rules.iter().map(|rule| self.rule_payload(rule, wrongs)).collect();
        let rollouts: Vec<Value> = self.rollouts.iter().map(|rollout| rollout.of.payload(rollout.id, wrongs)).collect();
        let default = self.default.and_then(|id| self.variant(id));
        json!({
            "@type": Kind::Flag.type_url(),
            "key": self.key,
            "type": if self.boolean { "BOOLEAN_FLAG_TYPE" } else { "VARIANT_FLAG_TYPE" },
            "name": self.name,
            "description": self.description,
            "enabled": self.enabled,
            "metadata": metadata::payload(&self.metadata, wrongs),
            "variants": variants,
            "rules": rules,
            "rollouts": rollouts,
            "defaultVariant": default.map(|variant| variant.key.as_str()),
        })
    }

    fn variant(&self, id: u32) -> Option<&VariantForm> {
        self.variants.iter().find(|variant| variant.id == id).map(|variant| &variant.of)
    }

    fn rule_payload(&self, rule: &Item<RuleForm>, wrongs: &mut Vec<Wrong>) -> Value {
        let mut shares = Vec::new();
        for of in &rule.of.distributions {
            let name = format!("rules.{}.distributions.{}", rule.id, of.id);
            let key = match of.of.variant.strip_prefix('~') {
                Some(key) => Some(key),
                None => of.of.variant.parse().ok().and_then(|id| self.variant(id)).map(|variant| variant.key.as_str()),
            };
            if key.is_none() {
                wrongs.push(Wrong::new(format!("{name}.variant"), "choose a variant"));
            }
            match share(&of.of.rollout) {
                Some(rollout) => shares.push(json!({ "variant": key, "rollout": rollout })),
                None => wrongs.push(Wrong::new(format!("{name}.rollout"), "a number between 0 and 100 is needed")),
            }
        }
        let mut payload = json!({ "distributions": shares });
        rule.of.segments.put(&mut payload);
        payload
    }

    /// What the shares of a rule add up to; nothing while one of them is no number.
    #[must_use]
    pub fn sum(rule: &RuleForm) -> Option<f64> {
        let all: Option<Vec<f64>> = rule.distributions.iter().map(|of| share(&of.of.rollout)).collect();
        // To a thousandth: 33.3 and 33.4 have no end in binary.
        all.map(|all| (all.iter().sum::<f64>() * 1000.0).round() / 1000.0)
    }

    pub(super) fn ids(&self, list: &str) -> Vec<u32> {
        let parts: Vec<&str> = list.split('.').collect();
        let of = |id: &str| id.parse::<u32>().ok();
        match parts.as_slice() {
            ["variants"] => ids(&self.variants),
            ["rules"] => ids(&self.rules),
            ["rollouts"] => ids(&self.rollouts),
            ["rules", id, list] => {
                let rule = self.rules.iter().find(|rule| Some(rule.id) == of(id)).map(|rule| &rule.of);
                match *list {
                    "segments" => rule.map(|rule| rule.segments.filled()).unwrap_or_default(),
                    _ => rule.map(|rule| ids(&rule.distributions)).unwrap_or_default(),
                }
            }
            ["rollouts", id, "segments"] => {
                let rollout = self.rollouts.iter().find(|rollout| Some(rollout.id) == of(id));
                rollout.map(|rollout| rollout.of.segments.filled()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Does what a button says; answers the name of the item that it was about.
    pub(super) fn act(&mut self, act: &Act) -> Option<String> {
        let at: Vec<&str> = act.at.iter().map(String::as_str).collect();
        let verb = act.verb;
        let (list, id) = match at.as_slice() {
            ["metadata"] if verb == Verb::Add => ("metadata", {
                let sort = if metadata::SORTS.contains(&act.sort.as_str()) { act.sort.clone() } else { "text".into() };
                Some(act::add(&mut self.metadata, EntryForm { sort, ..EntryForm::default() }))
            }),
            ["metadata", rest @ ..] => ("metadata", act::change(&mut self.metadata, verb, rest.first().copied())),
            ["variants"] if verb == Verb::Add => {
                ("variants", Some(act::add(&mut self.variants, VariantForm::default())))
            }
            ["variants", rest @ ..] => ("variants", self.change_variants(verb, rest.first().copied())),
            ["rules"] if verb == Verb::Add => {
                let rule = RuleForm { segments: SegmentsForm::empty(), distributions: self.whole() };
                ("rules", Some(act::add(&mut self.rules, rule)))
            }
            ["rules", id] if verb == Verb::Even => {
                if let Some(rule) = act::find(&mut self.rules, id) {
                    even(&mut rule.distributions);
                }
                ("rules", id.parse().ok())
            }
            ["rules", id, list, rest @ ..] => {
                let next = self.next_share(id);
                let within = act::find(&mut self.rules, id).and_then(|rule| match (*list, verb) {
                    ("segments", _) => rule.segments.act(verb, rest),
                    ("distributions", Verb::Add) => Some(act::add(&mut rule.distributions, next)),
                    ("distributions", _) => act::change(&mut rule.distributions, verb, rest.first().copied()),
                    _ => None,
                });
                return Some(inner("rules", id, list, within));
            }
            ["rules", rest @ ..] => ("rules", act::change(&mut self.rules, verb, rest.first().copied())),
            ["rollouts"] if verb == Verb::Add => {
                ("rollouts", Some(act::add(&mut self.rollouts, RolloutForm::new(&act.sort))))
            }
            ["rollouts", id, "segments", rest @ ..] => {
                let within = act::find(&mut self.rollouts, id).and_then(|rollout| rollout.segments.act(verb, rest));
                return Some(inner("rollouts", id, "segments", within));
            }
            ["rollouts", rest @ ..] => ("rollouts", act::change(&mut self.rollouts, verb, rest.first().copied())),
            _ => return None,
        };
        Some(id.map_or_else(|| list.to_owned(), |id| format!("{list}.{id}")))
    }

    /// Everything to the first variant.
    fn whole(&self) -> Items<ShareForm> {
        let first = self.variants.first();
        items(first.map(|variant| ShareForm { variant: variant.id.to_string(), rollout: "100".to_owned() }))
    }

    /// What is left, to the first variant that the rule has not yet.
    fn next_share(&self, rule: &str) -> ShareForm {
        let rule = self.rules.iter().find(|item| item.id.to_string() == rule).map(|item| &item.of);
        let has =
            |id: u32| rule.is_some_and(|rule| rule.distributions.iter().any(|of| of.of.variant == id.to_string()));
        let free = self.variants.iter().find(|variant| !has(variant.id));
        let left = rule.and_then(Self::sum).map_or(0.0, |sum| ((100.0 - sum).max(0.0) * 1000.0).round() / 1000.0);
        ShareForm { variant: free.map(|variant| variant.id.to_string()).unwrap_or_default(), rollout: left.to_string() }
    }

    /// Who got a variant that goes is not forgotten: its key stays where it was named, and is wrong there.
    fn change_variants(&mut self, verb: Verb, id: Option<&str>) -> Option<u32> {
        if verb == Verb::Clear {
            self.default = None;
        }
        if let (Verb::Remove, Some(id)) = (verb, id)
            && let Some(key) = act::find(&mut self.variants, id).map(|variant| variant.key.clone())
        {
            let shares = self.rules.iter_mut().flat_map(|rule| &mut rule.of.distributions);
            for of in shares.filter(|of| of.of.variant == id) {
                of.of.variant = format!("~{key}");
            }
            self.default = self.default.filter(|default| default.to_string() != id);
        }
        act::change(&mut self.variants, verb, id)
    }
}

/// The name of an item of a list within an item.
fn inner(outer: &str, of: &str, list: &str, id: Option<u32>) -> String {
    id.map_or_else(|| format!("{outer}.{of}"), |id| format!("{outer}.{of}.{list}.{id}"))
}

/// Everybody the same, to a tenth of a percent; the last one gets what is left.
fn even(shares: &mut Items<ShareForm>) {
    let count = shares.len();
    let Ok(parts) = u32::try_from(count) else { return };
    let each = 1000_u32.checked_div(parts).unwrap_or(0);
    for (at, of) in shares.iter_mut().enumerate() {
        let part = if at + 1 == count { 1000 - each * (parts - 1) } else { each };
        of.of.rollout = (f64::from(part) / 10.0).to_string();
    }
}

fn variant_payload(variant: &Item<VariantForm>, wrongs: &mut Vec<Wrong>) -> Value {
    let VariantForm { key, name, description, attachment } = &variant.of;
    let attachment = match attachment.trim() {
        "" | "null" => Ok(Value::Null),
        text => metadata::json(text),
    };
    let attachment = attachment.unwrap_or_else(|message| {
        wrongs.push(Wrong::new(format!("variants.{}.attachment", variant.id), message));
        Value::Null
    });
    json!({ "key": key, "name": name, "description": description, "attachment": attachment })
}
