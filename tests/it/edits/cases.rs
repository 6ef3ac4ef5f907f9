//! Edits of each kind, made for what a file declares.

use super::*;

/// One edit, with a name for the table.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) edit: Edit,
    /// Something goes that may have comments of its own.
    pub(super) takes_away: bool,
}

/// What an edit of a flag or segment makes of it; none where it does not apply.
type Change<T> = (&'static str, bool, fn(&T) -> Option<T>);

pub(super) fn of(documents: &[Document]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut namespaces: Vec<&str> = documents.iter().map(|it| it.namespace.key.as_str()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    for namespace in namespaces {
        let own: Vec<&Document> = documents.iter().filter(|it| it.namespace.key == namespace).collect();
        let mut push = |name: String, edit: Edit, takes_away: bool| {
            cases.push(Case { name: format!("{namespace} {name}"), namespace: namespace.to_owned(), edit, takes_away });
        };
        let mut flags: Vec<&Flag> = own.iter().flat_map(|it| &it.flags).collect();
        last_of_each(&mut flags, |flag| &flag.key);
        for flag in flags.iter().take(3) {
            for (what, takes_away, change) in FLAG {
                if let Some(new) = change(flag).filter(|new| new != *flag) {
                    push(format!("flag {} {what}", flag.key), Edit::Put(Resource::Flag(new)), *takes_away);
                }
            }
            let delete = Edit::Delete { kind: Kind::Flag, key: flag.key.clone() };
            push(format!("flag {} delete", flag.key), delete, true);
        }
        push("add a boolean flag".to_owned(), Edit::Put(Resource::Flag(boolean())), false);
        push("add a variant flag".to_owned(), Edit::Put(Resource::Flag(full())), false);
        let mut segments: Vec<&Segment> = own.iter().flat_map(|it| &it.segments).collect();
        last_of_each(&mut segments, |segment| &segment.key);
        for segment in segments.iter().take(3) {
            for (what, takes_away, change) in SEGMENT {
                if let Some(new) = change(segment).filter(|new| new != *segment) {
                    push(format!("segment {} {what}", segment.key), Edit::Put(Resource::Segment(new)), *takes_away);
                }
            }
            let delete = Edit::Delete { kind: Kind::Segment, key: segment.key.clone() };
            push(format!("segment {} delete", segment.key), delete, true);
        }
        push("add a segment".to_owned(), Edit::Put(Resource::Segment(segment())), false);
        let head = own[0].namespace.clone();
        let named = resource::Namespace { name: "Another name".to_owned(), ..head.clone() };
        push("rename".to_owned(), Edit::Namespace(named), false);
        let described = resource::Namespace { description: "What it is: \"for\"".to_owned(), ..head.clone() };
        push("describe".to_owned(), Edit::Namespace(described), false);
        if own.iter().any(|it| !it.namespace.description.is_empty()) {
            let bare = resource::Namespace { description: String::new(), ..head };
            push("undescribe".to_owned(), Edit::Namespace(bare), true);
        }
    }
    cases
}

fn last_of_each<T>(items: &mut Vec<&T>, key: impl Fn(&T) -> &str) {
    let all = items.clone();
    let mut at = 0;
    items.retain(|item| {
        at += 1;
        !all[at..].iter().any(|later| key(later) == key(item))
    });
}

pub(super) fn boolean() -> Flag {
    Flag {
        key: "added-boolean".to_owned(),
        name: "Added".to_owned(),
        description: String::new(),
        kind: FlagKind::Boolean,
        enabled: true,
        metadata: None,
        variants: Vec::new(),
        default_variant: None,
        rules: Vec::new(),
        rollouts: vec![
            Rollout {
                description: "some".to_owned(),
                to: RolloutTo::Segment { segments: whom(&["s"], SegmentOperator::Or), value: true },
            },
            Rollout { description: String::new(), to: RolloutTo::Threshold { percentage: 12.5, value: true } },
        ],
    }
}

fn full() -> Flag {
    let metadata = json!({"team": "web", "n": 42, "deep": {"list": [1, "x", true], "empty": {}}});
    Flag {
        key: "added-variant".to_owned(),
        name: "Added: #1".to_owned(),
        description: "on\ntwo lines".to_owned(),
        kind: FlagKind::Variant,
        enabled: false,
        metadata: metadata.as_object().cloned(),
        variants: vec![
            Variant {
                key: "on".to_owned(),
                attachment: Some(json!({"color": "#fff", "n": [1, 2.5]})),
                ..Variant::default()
            },
            Variant { key: "off".to_owned(), name: "Off".to_owned(), ..Variant::default() },
        ],
        default_variant: Some("off".to_owned()),
        rules: vec![Rule {
            segments: whom(&["s", "t"], SegmentOperator::And),
            distributions: vec![share("on", 33.3), share("off", 66.7)],
        }],
        rollouts: Vec::new(),
    }
}

fn segment() -> Segment {
    Segment {
        key: "added-segment".to_owned(),
        name: "Added".to_owned(),
        description: "who".to_owned(),
        all: true,
        constraints: vec![plain("p", "eq", "v"), list("q", "[\"a\",\"1\"]")],
    }
}

fn whom(keys: &[&str], operator: SegmentOperator) -> Segments {
    Segments { keys: keys.iter().map(|key| (*key).to_owned()).collect(), operator }
}

fn share(variant: &str, rollout: f32) -> Distribution {
    Distribution { variant: variant.to_owned(), rollout }
}

fn plain(property: &str, operator: &str, value: &str) -> Constraint {
    Constraint {
        subject: Subject::String,
        property: property.to_owned(),
        operator: operator.to_owned(),
        value: value.to_owned(),
        description: String::new(),
    }
}

fn list(property: &str, value: &str) -> Constraint {
    plain(property, "isoneof", value)
}

fn with<T: Clone>(old: &T, change: impl FnOnce(&mut T) -> Option<()>) -> Option<T> {
    let mut new = old.clone();
    change(&mut new)?;
    Some(new)
}

/// Takes out what no variant is there for, as the format asks for.
fn without_strays(flag: &mut Flag) {
    let keys: Vec<String> = flag.variants.iter().map(|it| it.key.clone()).collect();
    flag.rules.iter_mut().for_each(|rule| rule.distributions.retain(|it| keys.contains(&it.variant)));
    flag.default_variant = flag.default_variant.take().filter(|key| keys.contains(key));
}

const FLAG: &[Change<Flag>] = &[
    ("rename", false, |it| with(it, |it| Some(it.name = "Another name".to_owned()))),
    ("rename oddly", false, |it| with(it, |it| Some(it.name = "yes: \"#1\", it's \\ [odd] ".to_owned()))),
    ("toggle", false, |it| with(it, |it| Some(it.enabled = !it.enabled))),
    ("describe", false, |it| with(it, |it| Some(it.description = "What it is for".to_owned()))),
    ("describe in lines", false, |it| with(it, |it| Some(it.description = "One.\n\n  Two.\n".to_owned()))),
    ("undescribe", true, |it| with(it, |it| Some(it.description.clear()))),
    ("metadata add", false, |it| {
        with(it, |it| {
            it.metadata.get_or_insert_default().insert("added".to_owned(), json!({"by": "ann", "n": [1, "on"]}));
            Some(())
        })
    }),
    ("metadata change", false, |it| {
        with(it, |it| {
            *it.metadata.as_mut()?.values_mut().next()? = json!("changed");
            Some(())
        })
    }),
    ("metadata change deep", false, |it| {
        with(it, |it| {
            let value = it.metadata.as_mut()?.values_mut().find(|it| it.is_object() || it.is_array())?;
            match value {
                serde_json::Value::Array(items) => items.insert(1, json!("between")),
                serde_json::Value::Object(map) => _ = map.insert("within".to_owned(), json!(7)),
                _ => {}
            }
            Some(())
        })
    }),
    ("metadata take one", true, |it| {
        with(it, |it| {
            let metadata = it.metadata.as_mut()?;
            let first = metadata.keys().next()?.clone();
            metadata.remove(&first);
            if metadata.is_empty() {
                it.metadata = None;
            }
            Some(())
        })
    }),
    ("metadata clear", true, |it| with(it, |it| it.metadata.take().map(drop))),
    ("variant add", false, |it| {
        with(it, |it| {
            Some(it.variants.push(Variant { key: "added".to_owned(), name: "Added".to_owned(), ..Variant::default() }))
        })
    }),
    ("variant add first", false, |it| {
        with(it, |it| {
            Some(
                it.variants
                    .insert(0, Variant { key: "1".to_owned(), attachment: Some(json!([1])), ..Variant::default() }),
            )
        })
    }),
    ("variant take first", true, |it| {
        with(it, |it| {
            (!it.variants.is_empty()).then(|| it.variants.remove(0))?;
            Some(without_strays(it))
        })
    }),
    ("variant take last", true, |it| {
        with(it, |it| {
            it.variants.pop()?;
            Some(without_strays(it))
        })
    }),
    ("variants reverse", true, |it| with(it, |it| Some(it.variants.reverse()))),
    ("variant rename", false, |it| with(it, |it| Some(it.variants.last_mut()?.name = "Another name".to_owned()))),
    ("variant describe", false, |it| {
        with(it, |it| Some(it.variants.first_mut()?.description = "Which one".to_owned()))
    }),
    ("attachment set", false, |it| {
        with(it, |it| Some(it.variants.last_mut()?.attachment = Some(json!({"a": {"b": [1, 2]}}))))
    }),
    ("attachment add to", false, |it| {
        with(it, |it| {
            let map = it.variants.iter_mut().find_map(|it| it.attachment.as_mut()?.as_object_mut())?;
            map.insert("added".to_owned(), json!("yes"));
            Some(())
        })
    }),
    ("attachment clear", true, |it| {
        with(it, |it| it.variants.iter_mut().find_map(|it| it.attachment.take()).map(drop))
    }),
    ("default last", false, |it| with(it, |it| Some(it.default_variant = Some(it.variants.last()?.key.clone())))),
    ("default none", true, |it| with(it, |it| it.default_variant.take().map(drop))),
    ("percentage", false, |it| {
        with(it, |it| Some(it.rules.iter_mut().find_map(|it| it.distributions.first_mut())?.rollout = 12.25))
    }),
    ("rule add", false, |it| {
        with(it, |it| {
            let variant = it.variants.first()?.key.clone();
            it.rules.push(Rule {
                segments: whom(&["s"], SegmentOperator::Or),
                distributions: vec![share(&variant, 100.0)],
            });
            Some(())
        })
    }),
    ("rule add first", false, |it| {
        with(it, |it| {
            Some(
                it.rules
                    .insert(0, Rule { segments: whom(&["t", "s"], SegmentOperator::And), distributions: Vec::new() }),
            )
        })
        .filter(|it| it.kind == FlagKind::Variant)
    }),
    ("rule take first", true, |it| with(it, |it| (!it.rules.is_empty()).then(|| _ = it.rules.remove(0)))),
    ("rule take last", true, |it| with(it, |it| it.rules.pop().map(drop))),
    ("rules reverse", true, |it| with(it, |it| Some(it.rules.reverse()))),
    ("rules rotate", true, |it| with(it, |it| (it.rules.len() > 2).then(|| it.rules.rotate_left(1)))),
    ("rule for two", false, |it| with(it, |it| Some(it.rules.first_mut()?.segments.keys.push("second".to_owned())))),
    ("rule for another", false, |it| {
        with(it, |it| Some(it.rules.first_mut()?.segments = whom(&["other"], SegmentOperator::Or)))
    }),
    ("rule for all of", false, |it| with(it, |it| Some(it.rules.last_mut()?.segments.operator = SegmentOperator::And))),
    ("distribution take", true, |it| {
        with(it, |it| it.rules.iter_mut().find_map(|it| it.distributions.pop()).map(drop))
    }),
    ("distribution add", false, |it| {
        with(it, |it| {
            let variant = it.variants.last()?.key.clone();
            it.rules.first_mut()?.distributions.push(share(&variant, 0.5));
            Some(())
        })
    }),
    ("threshold", false, |it| {
        with(it, |it| {
            it.rollouts.iter_mut().find_map(|it| match &mut it.to {
                RolloutTo::Threshold { percentage, .. } => Some(*percentage = 99.9),
                _ => None,
            })
        })
    }),
    ("rollout value", true, |it| {
        with(it, |it| {
            it.rollouts.iter_mut().for_each(|it| match &mut it.to {
                RolloutTo::Threshold { value, .. } | RolloutTo::Segment { value, .. } => *value = !*value,
                RolloutTo::Nobody => {}
            });
            Some(())
        })
    }),
    ("rollout add", false, |it| {
        with(it, |it| {
            it.rollouts.push(Rollout {
                description: "last".to_owned(),
                to: RolloutTo::Threshold { percentage: 1.0, value: true },
            });
            (it.kind == FlagKind::Boolean).then_some(())
        })
    }),
    ("rollout add first", false, |it| {
        with(it, |it| {
            let to = RolloutTo::Segment { segments: whom(&["first"], SegmentOperator::Or), value: false };
            it.rollouts.insert(0, Rollout { description: String::new(), to });
            (it.kind == FlagKind::Boolean).then_some(())
        })
    }),
    ("rollout take first", true, |it| with(it, |it| (!it.rollouts.is_empty()).then(|| _ = it.rollouts.remove(0)))),
    ("rollouts reverse", true, |it| with(it, |it| Some(it.rollouts.reverse()))),
    ("rollout for two", false, |it| {
        with(it, |it| {
            it.rollouts.iter_mut().find_map(|it| match &mut it.to {
                RolloutTo::Segment { segments, .. } => Some(segments.keys.push("second".to_owned())),
                _ => None,
            })
        })
    }),
    ("rollout describe", false, |it| with(it, |it| Some(it.rollouts.last_mut()?.description = "why".to_owned()))),
    ("rollout turned", true, |it| {
        with(it, |it| {
            let to = &mut it.rollouts.first_mut()?.to;
            *to = match to {
                RolloutTo::Segment { .. } => RolloutTo::Threshold { percentage: 3.0, value: true },
                _ => RolloutTo::Segment { segments: whom(&["turned"], SegmentOperator::Or), value: true },
            };
            Some(())
        })
    }),
    ("kind", true, |it| {
        with(it, |it| {
            match it.kind {
                FlagKind::Variant => (it.kind, it.rules) = (FlagKind::Boolean, Vec::new()),
                FlagKind::Boolean => (it.kind, it.rollouts) = (FlagKind::Variant, Vec::new()),
            }
            Some(())
        })
    }),
    ("replace", true, |it| {
        Some(Flag { key: it.key.clone(), ..if it.kind == FlagKind::Boolean { full() } else { boolean() } })
    }),
    ("several at once", true, |it| {
        with(it, |it| {
            it.name.push_str(" (2)");
            it.enabled = !it.enabled;
            it.description = "changed".to_owned();
            it.variants.push(Variant { key: "added".to_owned(), ..Variant::default() });
            it.variants.rotate_right(1);
            it.default_variant = Some("added".to_owned());
            it.metadata.get_or_insert_default().insert("z".to_owned(), json!(1.5));
            Some(())
        })
    }),
];

const SEGMENT: &[Change<Segment>] = &[
    ("rename", false, |it| with(it, |it| Some(it.name = "Another name".to_owned()))),
    ("describe", false, |it| with(it, |it| Some(it.description = "Who".to_owned()))),
    ("undescribe", true, |it| with(it, |it| Some(it.description.clear()))),
    ("match", false, |it| with(it, |it| Some(it.all = !it.all))),
    ("constraint add", false, |it| with(it, |it| Some(it.constraints.push(plain("added", "eq", "v"))))),
    ("constraint add list", false, |it| {
        with(it, |it| Some(it.constraints.insert(0, list("listed", "[\"a\",\"b c\"]"))))
    }),
    ("constraint take first", true, |it| {
        with(it, |it| (!it.constraints.is_empty()).then(|| _ = it.constraints.remove(0)))
    }),
    ("constraint take last", true, |it| with(it, |it| it.constraints.pop().map(drop))),
    ("constraints reverse", true, |it| with(it, |it| Some(it.constraints.reverse()))),
    ("constraint property", false, |it| {
        with(it, |it| Some(it.constraints.last_mut()?.property = "another".to_owned()))
    }),
    ("constraint value", false, |it| {
        with(it, |it| {
            let subject = Subject::String;
            let found = it
                .constraints
                .iter_mut()
                .find(|it| it.subject == subject && it.operator.len() < 7 && !it.value.is_empty())?;
            Some(found.value = "1.0".to_owned())
        })
    }),
    ("constraint list", false, |it| {
        with(it, |it| {
            let found =
                it.constraints.iter_mut().find(|it| it.operator == "isoneof" && it.subject == Subject::String)?;
            Some(found.value = found.value.replacen("[\"", "[\"new\",\"", 1))
        })
    }),
    ("constraint list turned", true, |it| {
        with(it, |it| {
            let found =
                it.constraints.iter_mut().find(|it| it.value.starts_with("[\"") && it.operator.ends_with("oneof"))?;
            let mut items: Vec<String> = serde_json::from_str(&found.value).ok()?;
            items.reverse();
            Some(found.value = serde_json::to_string(&items).ok()?)
        })
    }),
    ("constraint to list", true, |it| {
        with(it, |it| {
            let found = it.constraints.iter_mut().find(|it| it.subject == Subject::String && it.operator == "eq")?;
            (found.operator, found.value) = ("isoneof".to_owned(), "[\"x\",\"y\"]".to_owned());
            Some(())
        })
    }),
    ("constraint from list", true, |it| {
        with(it, |it| {
            let found = it.constraints.iter_mut().find(|it| it.operator == "isoneof")?;
            (found.operator, found.value) = ("eq".to_owned(), "5".to_owned());
            Some(())
        })
    }),
    ("constraint describe", false, |it| {
        with(it, |it| Some(it.constraints.first_mut()?.description = "why".to_owned()))
    }),
    ("constraints clear", true, |it| with(it, |it| Some(it.constraints.clear()))),
];
