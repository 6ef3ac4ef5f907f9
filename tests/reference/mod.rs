//! A second evaluator, slow and simple, written from the description of what Flipt does and not from our code: nothing
//! of `src/flags` is used here. It re-reads every value on every question, walks calendars day by day and hashes bit by
//! bit, so that each rule can be compared with its sentence in the description.
//!
//! It answers in two modes. [`Mode::Server`] is Flipt v2's server, and works on the text of flag files ([`files`]).
//! [`Mode::Client`] is the engine inside Flipt's client SDKs, and works on the snapshot that they get ([`snapshot`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) mod read;
pub(crate) mod values;

pub(crate) use read::files;

/// Whose answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Flipt's server.
    Server,
    /// The engine of the client SDKs.
    Client,
}

/// The flags of a namespace by key: of several with one key the last.
pub(crate) type Namespace = BTreeMap<String, Flag>;

#[derive(Debug, Clone)]
pub(crate) struct Flag {
    pub(crate) key: String,
    pub(crate) boolean: bool,
    pub(crate) enabled: bool,
    /// Key and attachment.
    pub(crate) default: Option<(String, Value)>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) rollouts: Vec<Rollout>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) targets: Targets,
    pub(crate) shares: Vec<Share>,
}

#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) variant: (String, Value),
    pub(crate) rollout: f32,
}

#[derive(Debug, Clone)]
pub(crate) enum Rollout {
    Threshold(f32, bool),
    Segment(Targets, bool),
    Nothing,
}

/// The segments as they were when their flag was read.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) and: bool,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) key: String,
    pub(crate) any: bool,
    pub(crate) constraints: Vec<Constraint>,
}

/// As the file has it; lists as a JSON array in text.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    /// `STRING`, `NUMBER`, `BOOLEAN`, `DATETIME` or `ENTITY_ID`.
    pub(crate) subject: String,
    pub(crate) property: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

/// What a request carries besides its flag.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) entity: String,
    pub(crate) context: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Boolean { enabled: bool, reason: &'static str, segments: BTreeSet<String> },
    Variant { matched: bool, reason: &'static str, segments: BTreeSet<String>, key: String, attachment: Value },
}

const UNKNOWN: &str = "UNKNOWN_EVALUATION_REASON";
const DISABLED: &str = "FLAG_DISABLED_EVALUATION_REASON";
const MATCH: &str = "MATCH_EVALUATION_REASON";
const DEFAULT: &str = "DEFAULT_EVALUATION_REASON";

pub(crate) fn evaluate(mode: Mode, flag: &Flag, request: &Request) -> Answer {
    if flag.boolean { boolean(mode, flag, request) } else { variant(mode, flag, request) }
}

#[expect(clippy::cast_precision_loss, reason = "below 100")]
fn boolean(mode: Mode, flag: &Flag, request: &Request) -> Answer {
    for rollout in &flag.rollouts {
        match rollout {
            Rollout::Threshold(percentage, value) => {
                let n = values::crc32(&format!("{}{}", request.entity, flag.key)) % 100;
                if (n as f32) < *percentage {
                    return Answer::Boolean { enabled: *value, reason: MATCH, segments: BTreeSet::new() };
                }
            }
            Rollout::Segment(targets, value) => {
                if let Some(segments) = matched(mode, targets, request) {
                    return Answer::Boolean { enabled: *value, reason: MATCH, segments };
                }
            }
            Rollout::Nothing => {}
        }
    }
    Answer::Boolean { enabled: flag.enabled, reason: DEFAULT, segments: BTreeSet::new() }
}

fn variant(mode: Mode, flag: &Flag, request: &Request) -> Answer {
    let answer = |matched, reason, segments, variant: Option<&(String, Value)>| Answer::Variant {
        matched,
        reason,
        segments,
        key: variant.map_or(String::new(), |(key, _)| key.clone()),
        // Null stands both for "no attachment" and for "no variant": the key tells them apart.
        attachment: variant.map_or(Value::Null, |(_, attachment)| attachment.clone()),
    };
    let default = flag.default.as_ref();
    if !flag.enabled {
        return answer(false, DISABLED, BTreeSet::new(), default);
    }
    for rule in &flag.rules {
        let Some(segments) = matched(mode, &rule.targets, request) else { continue };
        let shares: Vec<&Share> = rule.shares.iter().filter(|share| share.rollout > 0.0).collect();
        if shares.is_empty() {
            return answer(true, MATCH, segments, default);
        }
        let bucket = values::crc32(&format!("{}{}", flag.key, request.entity)) % 1000;
        let rollouts: Vec<f32> = shares.iter().map(|share| share.rollout).collect();
        let chosen = values::chosen(&values::boundaries(mode, &rollouts), bucket);
        return answer(true, MATCH, segments, Some(&shares[chosen].variant));
    }
    answer(false, if default.is_some() { DEFAULT } else { UNKNOWN }, BTreeSet::new(), default)
}

/// The keys of the segments that matched, if the condition holds.
fn matched(mode: Mode, targets: &Targets, request: &Request) -> Option<BTreeSet<String>> {
    let mut asked = BTreeSet::new();
    let mut matched = BTreeSet::new();
    for segment in &targets.segments {
        // The server leaves out a segment one of whose values does not parse.
        if mode == Mode::Server && segment.constraints.iter().any(values::is_malformed) {
            continue;
        }
        asked.insert(segment.key.clone());
        if is_in(mode, segment, request) {
            matched.insert(segment.key.clone());
        }
    }
    let holds = if targets.and { matched.len() == asked.len() } else { !matched.is_empty() };
    holds.then_some(matched)
}

fn is_in(mode: Mode, segment: &Segment, request: &Request) -> bool {
    if segment.constraints.is_empty() {
        return true;
    }
    let mut fulfilled = 0;
    for constraint in &segment.constraints {
        if values::fulfils(mode, constraint, asked_value(constraint, request)) {
            fulfilled += 1;
        }
    }
    if segment.any { fulfilled > 0 } else { fulfilled == segment.constraints.len() }
}

/// What a constraint looks at in a request.
pub(crate) fn asked_value<'r>(constraint: &Constraint, request: &'r Request) -> &'r str {
    match constraint.subject.as_str() {
        "ENTITY_ID" => &request.entity,
        _ => request.context.get(&constraint.property).map_or("", String::as_str),
    }
}
