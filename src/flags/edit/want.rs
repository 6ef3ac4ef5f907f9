//! What differs between a resource as it is declared and as it is to be, field by field: what is not named here is not
//! touched.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::super::resource::{
    Constraint, Distribution, Flag, Namespace, Resource, Rollout, RolloutTo, Rule, Segment, Segments, Variant,
};
use super::super::snapshot::{FlagKind, SegmentOperator};
use super::Error;
use super::pairing::{self, Alike};
use super::value::{self, Value, since};
use crate::yaml::spans::{Form, Spot};

/// What is to become of a node.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// It stays as it is.
    Keep,
    /// It is to go; where it cannot (a merge key would bring it back) it is to be this.
    Remove(Value),
    /// It is to be this.
    Set(Value),
    /// Some entries of a mapping, in the order in which new ones are put in; and the whole, where the node is none.
    Map(Vec<(Cow<'static, str>, Want)>, Value),
    /// The items of a list; and the whole, where the node is none.
    List(Vec<Slot>, Value),
}

/// One item of a list that is to be.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// Which item it was.
    pub(super) old: Option<usize>,
    /// What becomes of it; of a new one [`Want::Set`].
    pub(super) want: Want,
}

type Fields = Vec<(Cow<'static, str>, Want)>;

impl Want {
    pub(super) const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The node as a whole; none where it is to go or to stay.
    pub(super) const fn whole(&self) -> Option<&Value> {
        match self {
            Self::Keep | Self::Remove(_) => None,
            Self::Set(value) | Self::Map(_, value) | Self::List(_, value) => Some(value),
        }
    }

    fn map(fields: Fields, whole: Value) -> Self {
        if fields.iter().all(|(_, want)| want.is_keep()) { Self::Keep } else { Self::Map(fields, whole) }
    }

    fn list(slots: Vec<Slot>, old: usize, whole: Value) -> Self {
        let same = slots.len() == old
            && slots.iter().enumerate().all(|(at, slot)| slot.old == Some(at) && slot.want.is_keep());
        if same {
            Self::Keep
        } else if slots.is_empty() {
            Self::Remove(Value::List(Vec::new()))
        } else {
            Self::List(slots, whole)
        }
    }
}

fn put(fields: &mut Fields, key: &'static str, want: Want) {
    fields.push((Cow::Borrowed(key), want));
}

/// Text that is left out when it is empty.
fn text(old: &str, new: &str) -> Want {
    if old == new {
        Want::Keep
    } else if new.is_empty() {
        Want::Remove(Value::text(""))
    } else {
        Want::Set(Value::text(new))
    }
}

fn set(same: bool, value: Value) -> Want {
    if same { Want::Keep } else { Want::Set(value) }
}

/// A switch: what stood there as `true` is turned, not taken out.
fn switch(old: bool, new: bool) -> Want {
    set(old == new, Value::bool(new))
}

/// What makes `new` of `old`, which stands at `spot` of a document of version 1.`minor`.
///
/// # Errors
/// The format has no form for it.
pub(super) fn resource(old: &Resource, new: &Resource, spot: &Spot, minor: u8) -> Result<Want, Error> {
    match (old, new) {
        (Resource::Flag(old), Resource::Flag(new)) => Ok(flag(old, new, spot, minor)),
        (Resource::Segment(old), Resource::Segment(new)) => segment(old, new, minor),
        _ => value::resource(new, minor).map(Want::Set),
    }
}

fn flag(old: &Flag, new: &Flag, spot: &Spot, minor: u8) -> Want {
    let mut fields = Fields::new();
    put(&mut fields, "key", Want::Keep);
    put(&mut fields, "name", set(old.name == new.name, Value::text(&new.name)));
    put(
        &mut fields,
        "type",
        match new.kind {
            _ if old.kind == new.kind => Want::Keep,
            FlagKind::Variant if minor < since::TYPE => Want::Remove(Value::text(value::kind(new.kind))),
            kind => Want::Set(Value::text(value::kind(kind))),
        },
    );
    put(&mut fields, "description", text(&old.description, &new.description));
    put(&mut fields, "enabled", set(old.enabled == new.enabled, Value::bool(new.enabled)));
    let empty = Map::new();
    let metadata = match (old.metadata.as_ref().unwrap_or(&empty), new.metadata.as_ref().unwrap_or(&empty)) {
        (old, new) if old == new => Want::Keep,
        (_, new) if new.is_empty() => Want::Remove(Value::Map(Vec::new())),
        (old, new) => object(old, new),
    };
    put(&mut fields, "metadata", metadata);
    put(&mut fields, "variants", variants(old, new, spot.pair("variants").map(|pair| &pair.value)));
    let places = spot.pair("rules").map(|pair| &pair.value);
    let slots = pairing::pair(&old.rules, &new.rules, rules_alike).into_iter().zip(&new.rules);
    let slots =
        slots.map(|(at, new)| slot(&old.rules, at, new, |old, new, at| rule(old, new, item(places, at)), value::rule));
    put(&mut fields, "rules", Want::list(slots.collect(), old.rules.len(), all(&new.rules, value::rule)));
    let places = spot.pair("rollouts").map(|pair| &pair.value);
    let slots = pairing::pair(&old.rollouts, &new.rollouts, rollouts_alike).into_iter().zip(&new.rollouts);
    let slots = slots.map(|(at, new)| {
        slot(&old.rollouts, at, new, |old, new, at| rollout(old, new, item(places, at)), value::rollout)
    });
    let rollouts = match Want::list(slots.collect(), old.rollouts.len(), all(&new.rollouts, value::rollout)) {
        // On a variant flag not even an empty list may stand.
        Want::Keep if new.kind == FlagKind::Variant && old.kind != new.kind && places.is_some() => {
            Want::Remove(Value::List(Vec::new()))
        }
        want => want,
    };
    put(&mut fields, "rollouts", rollouts);
    Want::map(fields, value::flag(new, minor))
}

fn all<T>(items: &[T], make: impl Fn(&T) -> Value) -> Value {
    Value::List(items.iter().map(make).collect())
}

fn item(list: Option<&Spot>, at: usize) -> Option<&Spot> {
    list.and_then(|list| list.items().get(at)).map(|item| &item.node)
}

fn slot<T>(
    olds: &[T],
    old: Option<usize>,
    new: &T,
    change: impl Fn(&T, &T, usize) -> Want,
    make: impl Fn(&T) -> Value,
) -> Slot {
    let want = old.and_then(|at| olds.get(at).map(|old| change(old, new, at)));
    match want {
        Some(want) => Slot { old, want },
        None => Slot { old: None, want: Want::Set(make(new)) },
    }
}

fn variants(old: &Flag, new: &Flag, spot: Option<&Spot>) -> Want {
    let says = |at: usize| {
        let pair = item(spot, at).and_then(|spot| spot.pair("default"));
        pair.is_some_and(|pair| pair.value.text().is_none_or(|text| !text.eq_ignore_ascii_case("false")))
    };
    let moved = old.default_variant != new.default_variant;
    let default = new.default_variant.as_deref();
    let default = new.variants.iter().position(|variant| Some(variant.key.as_str()) == default);
    let pairs = pairing::by_key(&old.variants, &new.variants, |variant| variant.key.as_str());
    let slots = pairs.into_iter().zip(&new.variants).enumerate().map(|(at, (old_at, new))| {
        let is_default = default == Some(at);
        let change = |old: &Variant, new: &Variant, old_at: usize| {
            let mark = match (moved, is_default, says(old_at)) {
                (true, true, _) => Want::Set(Value::bool(true)),
                (true, false, true) => Want::Remove(Value::bool(false)),
                _ => Want::Keep,
            };
            variant(old, new, mark, is_default)
        };
        slot(&old.variants, old_at, new, change, |new| value::variant(new, is_default))
    });
    let whole = new.variants.iter().enumerate().map(|(at, it)| value::variant(it, default == Some(at)));
    Want::list(slots.collect(), old.variants.len(), Value::List(whole.collect()))
}

fn variant(old: &Variant, new: &Variant, mark: Want, default: bool) -> Want {
    let mut fields = Fields::new();
    put(&mut fields, "key", set(old.key == new.key, Value::text(&new.key)));
    put(&mut fields, "name", text(&old.name, &new.name));
    put(&mut fields, "description", text(&old.description, &new.description));
    put(&mut fields, "default", mark);
    let attachment = match (old.attachment.as_ref(), new.attachment.as_ref().filter(|value| !value.is_null())) {
        (old, new) if old == new => Want::Keep,
        (_, None) => Want::Remove(Value::Bare("null".to_owned())),
        (Some(old), Some(new)) => json(old, new),
        (None, Some(new)) => Want::Set(value::json_value(new)),
    };
    put(&mut fields, "attachment", attachment);
    Want::map(fields, value::variant(new, default))
}

fn rules_alike(old: &Rule, new: &Rule) -> Alike {
    Alike::of(old == new, 2 * u8::from(old.segments == new.segments) + u8::from(old.distributions == new.distributions))
}

fn rule(old: &Rule, new: &Rule, spot: Option<&Spot>) -> Want {
    let mut fields = Fields::new();
    let place = spot.and_then(|spot| spot.pair("segment")).map(|pair| &pair.value);
    put(&mut fields, "segment", segments(&old.segments, &new.segments, place, None));
    put(&mut fields, "distributions", distributions(&old.distributions, &new.distributions));
    Want::map(fields, value::rule(new))
}

/// For whom: `beta`, `{key: beta}` and `{keys: […]}` stay what they are while they can say it.
fn segments(old: &Segments, new: &Segments, spot: Option<&Spot>, value: Option<(bool, bool)>) -> Want {
    let mut whole = Vec::new();
    whole.push((Cow::Borrowed("keys"), all(&new.keys, |key| Value::text(key))));
    whole.push((Cow::Borrowed("operator"), Value::text(value::operator(new.operator))));
    let (was, is) = value.unwrap_or_default();
    if is {
        whole.push((Cow::Borrowed("value"), Value::bool(true)));
    }
    let whole = Value::Map(whole);
    if old == new && was == is {
        return Want::Keep;
    }
    let alone = match new.keys.as_slice() {
        [key] if new.operator == SegmentOperator::Or => Some(key),
        _ => None,
    };
    if let (Some(Form::Scalar { .. }), Some(key), None) = (spot.map(|spot| &spot.form), alone, value) {
        return Want::Set(Value::text(key));
    }
    let short = spot.and_then(|spot| spot.pair("key"));
    let mut fields = Fields::new();
    match (short, alone) {
        (Some(_), Some(key)) => put(&mut fields, "key", set(old.keys == new.keys, Value::text(key))),
        (Some(_), None) => {
            put(&mut fields, "key", Want::Remove(Value::text("")));
            put(&mut fields, "keys", Want::Set(all(&new.keys, |key| Value::text(key))));
        }
        (None, _) => put(&mut fields, "keys", texts(&old.keys, &new.keys)),
    }
    let operator = set(old.operator == new.operator, Value::text(value::operator(new.operator)));
    put(&mut fields, "operator", operator);
    if value.is_some() {
        put(&mut fields, "value", switch(was, is));
    }
    Want::map(fields, whole)
}

fn texts(old: &[String], new: &[String]) -> Want {
    let pairs = pairing::pair_in_gaps(old, new, |_, _| true);
    let slots = pairs.into_iter().zip(new);
    let slots = slots
        .map(|(at, new)| slot(old, at, new, |old, new, _| set(old == new, Value::text(new)), |new| Value::text(new)));
    Want::list(slots.collect(), old.len(), all(new, |key| Value::text(key)))
}

fn distributions(old: &[Distribution], new: &[Distribution]) -> Want {
    let pairs = pairing::by_key(old, new, |it| it.variant.as_str());
    let change = |old: &Distribution, new: &Distribution, _| {
        let mut fields = Fields::new();
        put(&mut fields, "variant", Want::Keep);
        let same = old.rollout.to_bits() == new.rollout.to_bits();
        put(&mut fields, "rollout", set(same, Value::percent(new.rollout)));
        Want::map(fields, value::distribution(new))
    };
    let slots = pairs.into_iter().zip(new).map(|(at, new)| slot(old, at, new, change, value::distribution));
    Want::list(slots.collect(), old.len(), all(new, value::distribution))
}

fn rollouts_alike(old: &Rollout, new: &Rollout) -> Alike {
    let same_text = u8::from(!old.description.is_empty() && old.description == new.description);
    let to = match (&old.to, &new.to) {
        (RolloutTo::Segment { segments: a, .. }, RolloutTo::Segment { segments: b, .. }) => 1 + 2 * u8::from(a == b),
        (RolloutTo::Threshold { .. }, RolloutTo::Threshold { .. }) => 2,
        _ => 0,
    };
    Alike::of(old == new, to + same_text)
}

fn rollout(old: &Rollout, new: &Rollout, spot: Option<&Spot>) -> Want {
    let mut fields = Fields::new();
    put(&mut fields, "description", text(&old.description, &new.description));
    let (mut segment, mut threshold) = (Want::Keep, Want::Keep);
    match (&old.to, &new.to) {
        (RolloutTo::Segment { segments: a, value: was }, RolloutTo::Segment { segments: b, value: is }) => {
            let place = spot.and_then(|spot| spot.pair("segment")).map(|pair| &pair.value);
            segment = segments(a, b, place, Some((*was, *is)));
        }
        (RolloutTo::Threshold { percentage: a, value: was }, RolloutTo::Threshold { percentage: b, value: is }) => {
            let mut inner = Fields::new();
            put(&mut inner, "percentage", set(a.to_bits() == b.to_bits(), Value::percent(*b)));
            put(&mut inner, "value", switch(*was, *is));
            threshold = Want::map(inner, value::rollout_to(&new.to));
        }
        (old, new) if old == new => {}
        (old, to) => {
            match old {
                RolloutTo::Segment { .. } => segment = Want::Remove(Value::Bare("null".to_owned())),
                RolloutTo::Threshold { .. } => threshold = Want::Remove(Value::Bare("null".to_owned())),
                RolloutTo::Nobody => {}
            }
            match to {
                RolloutTo::Segment { .. } => segment = Want::Set(value::rollout_to(to)),
                RolloutTo::Threshold { .. } => threshold = Want::Set(value::rollout_to(to)),
                RolloutTo::Nobody => {}
            }
        }
    }
    put(&mut fields, "segment", segment);
    put(&mut fields, "threshold", threshold);
    Want::map(fields, value::rollout(new))
}

fn segment(old: &Segment, new: &Segment, minor: u8) -> Result<Want, Error> {
    let mut fields = Fields::new();
    put(&mut fields, "key", Want::Keep);
    put(&mut fields, "name", set(old.name == new.name, Value::text(&new.name)));
    put(&mut fields, "description", text(&old.description, &new.description));
    let pairs = pairing::pair(&old.constraints, &new.constraints, constraints_alike);
    let mut slots = Vec::with_capacity(pairs.len());
    for (at, new) in pairs.into_iter().zip(&new.constraints) {
        let before = at.and_then(|at| old.constraints.get(at));
        slots.push(match before {
            Some(before) => Slot { old: at, want: constraint(before, new, minor)? },
            None => Slot { old: None, want: Want::Set(value::constraint(new, minor)?) },
        });
    }
    let whole = new.constraints.iter().map(|it| value::constraint(it, minor)).collect::<Result<_, _>>()?;
    put(&mut fields, "constraints", Want::list(slots, old.constraints.len(), Value::List(whole)));
    put(&mut fields, "match_type", set(old.all == new.all, Value::text(value::match_type(new.all))));
    Ok(Want::map(fields, value::segment(new, minor)?))
}

fn constraints_alike(old: &Constraint, new: &Constraint) -> Alike {
    let score = 2 * u8::from(old.property == new.property && old.subject == new.subject)
        + u8::from(old.operator == new.operator)
        + u8::from(!old.value.is_empty() && old.value == new.value)
        + u8::from(!old.description.is_empty() && old.description == new.description);
    Alike::of(old == new, if score >= 2 { score } else { 0 })
}

fn constraint(old: &Constraint, new: &Constraint, minor: u8) -> Result<Want, Error> {
    if old == new {
        return Ok(Want::Keep);
    }
    let mut fields = Fields::new();
    put(&mut fields, "type", set(old.subject == new.subject, Value::text(new.subject.name())));
    put(&mut fields, "property", set(old.property == new.property, Value::text(&new.property)));
    put(&mut fields, "operator", set(old.operator == new.operator, Value::text(&new.operator)));
    let lists = |it: &Constraint| minor >= since::LISTS && value::takes_list(it);
    let want = if old.value == new.value && lists(old) == lists(new) {
        Want::Keep
    } else {
        let empty = Value::text("");
        match (value::constraint_value(old, minor).ok().flatten(), value::constraint_value(new, minor)?) {
            (_, None) if lists(new) => Want::Remove(Value::List(Vec::new())),
            (_, None) => Want::Remove(empty),
            (Some(Value::List(old)), Some(Value::List(new))) if !new.is_empty() => values(&old, &new),
            (_, Some(new)) => Want::Set(new),
        }
    };
    put(&mut fields, "value", want);
    put(&mut fields, "description", text(&old.description, &new.description));
    Ok(Want::map(fields, value::constraint(new, minor)?))
}

/// A list of scalars.
fn values(old: &[Value], new: &[Value]) -> Want {
    let pairs = pairing::pair_in_gaps(old, new, |_, _| true);
    let slots = pairs.into_iter().zip(new);
    let slots = slots.map(|(at, new)| slot(old, at, new, |old, new, _| set(old == new, new.clone()), Value::clone));
    Want::list(slots.collect(), old.len(), Value::List(new.to_vec()))
}

fn json(old: &Json, new: &Json) -> Want {
    match (old, new) {
        (old, new) if old == new => Want::Keep,
        (Json::Object(old), Json::Object(new)) if !new.is_empty() => object(old, new),
        (Json::Array(old), Json::Array(new)) if !new.is_empty() => {
            let nested = |a: &Json, b: &Json| (a.is_object() || a.is_array()) == (b.is_object() || b.is_array());
            let pairs = pairing::pair_in_gaps(old, new, nested);
            let slots = pairs.into_iter().zip(new);
            let slots = slots.map(|(at, new)| slot(old, at, new, |old, new, _| json(old, new), value::json_value));
            Want::list(slots.collect(), old.len(), all(new, value::json_value))
        }
        (_, new) => Want::Set(value::json_value(new)),
    }
}

fn object(old: &Map<String, Json>, new: &Map<String, Json>) -> Want {
    let whole = value::object(new);
    let mut fields = Fields::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        fields.push((Cow::Owned(key.clone()), Want::Remove(Value::Bare("null".to_owned()))));
    }
    if let Value::Map(pairs) = &whole {
        for (key, value) in pairs {
            let want = match (old.get(&**key), new.get(&**key)) {
                (Some(old), Some(new)) => json(old, new),
                _ => Want::Set(value.clone()),
            };
            fields.push((key.clone(), want));
        }
    }
    Want::map(fields, whole)
}

/// The head of a namespace, which stands at `spot` if it stands in the document at all.
pub(super) fn namespace(old: &Namespace, new: &Namespace, spot: Option<&Spot>) -> Want {
    if old == new {
        return Want::Keep;
    }
    let name = if new.name == new.key { String::new() } else { new.name.clone() };
    let whole = value::namespace(&Namespace { name, ..new.clone() });
    let mut fields = Fields::new();
    put(&mut fields, "key", Want::Keep);
    // A name that is the key need not stand there.
    let absent = spot.is_some_and(|spot| spot.pair("name").is_none()) && new.name == new.key;
    put(&mut fields, "name", if absent { Want::Keep } else { text(&old.name, &new.name) });
    put(&mut fields, "description", text(&old.description, &new.description));
    if matches!(spot.map(|spot| &spot.form), Some(Form::Map { .. })) {
        return Want::map(fields, whole);
    }
    if new.description.is_empty() && (new.name == new.key || new.name.is_empty()) {
        return Want::Keep;
    }
    Want::Set(whole)
}
