//! (flag, entity, context) -> explanation.

use std::collections::HashSet;

use super::compared::{compare, cut, quoted};
use super::whole::{note, notes, plural, why};
use super::{Answer, Condition, Decision, Explanation, FlagType, Gives, Hash, Note, Outcome, SegmentLook, Share, Step};
use crate::flags::bucket;
use crate::flags::evaluate::{self, Context, Reason};
use crate::flags::snapshot::{Flag, FlagKind, Rollout, Rule, Segment, SegmentOperator, Targets};
use crate::limits;

/// What a flag answers, whichever kind it is.
#[must_use]
pub fn answer(flag: &Flag, entity: &str, context: &Context) -> Answer {
    evaluated(flag, entity, context).0
}

/// Why a flag answers what it does.
#[must_use]
pub fn explain(flag: &Flag, entity: &str, context: &Context) -> Explanation {
    let (answer, reason) = evaluated(flag, entity, context);
    let mut look = Look { flag, entity, context, room: limits::EXPLAINED_CONSTRAINTS, decided: None };
    if flag.kind == FlagKind::Variant && !flag.enabled {
        look.decided = Some("the flag is disabled".to_owned());
    }
    let steps: Vec<Step> = match flag.kind {
        FlagKind::Variant => (1..).zip(&flag.rules).map(|(number, rule)| look.rule(number, rule)).collect(),
        FlagKind::Boolean => (1..).zip(&flag.rollouts).map(|(number, step)| look.rollout(number, step)).collect(),
    };
    let first = steps.iter().find(|step| step.outcome == Outcome::Matched);
    let decision = match (reason, first) {
        (Reason::Disabled, _) => Decision::Disabled,
        (Reason::Match, Some(Step { number, .. })) => match flag.kind {
            FlagKind::Variant => Decision::Rule { number: *number },
            FlagKind::Boolean => Decision::Rollout { number: *number },
        },
        (Reason::Unknown, _) => Decision::Nothing,
        _ => Decision::Default,
    };
    let why = why(flag, decision, &steps);
    let notes = notes(flag, entity, context, &answer, &steps);
    Explanation {
        flag_key: flag.key.to_string(),
        flag_type: match flag.kind {
            FlagKind::Boolean => FlagType::Boolean,
            FlagKind::Variant => FlagType::Variant,
        },
        flag_enabled: flag.enabled,
        entity_id: cut(entity).into_owned(),
        answer,
        decision,
        why,
        steps,
        notes,
    }
}

fn evaluated(flag: &Flag, entity: &str, context: &Context) -> (Answer, Reason) {
    match flag.kind {
        FlagKind::Boolean => {
            let answer = evaluate::boolean(flag, entity, context);
            let segment_keys = answer.segments.iter().map(ToString::to_string).collect();
            let reason = answer.reason.name().to_owned();
            (Answer::Boolean { enabled: answer.enabled, reason, segment_keys }, answer.reason)
        }
        FlagKind::Variant => {
            let answer = evaluate::variant(flag, entity, context);
            let told = Answer::Variant {
                r#match: answer.matched,
                reason: answer.reason.name().to_owned(),
                variant_key: answer.variant.map_or_else(String::new, |variant| variant.key.to_string()),
                variant_attachment: answer.variant.map_or_else(String::new, |variant| variant.attachment.to_string()),
                segment_keys: answer.segments.iter().map(ToString::to_string).collect(),
            };
            (told, answer.reason)
        }
    }
}

/// What the steps of one explanation share.
struct Look<'l> {
    flag: &'l Flag,
    entity: &'l str,
    context: &'l Context,
    /// Constraints that may still be told one by one.
    room: usize,
    /// What decided already: nothing behind it is looked at.
    decided: Option<String>,
}

impl Look<'_> {
    fn rule(&mut self, number: usize, rule: &Rule) -> Step {
        let mut notes = Vec::new();
        let (outcome, why, condition) = self.segments(&rule.targets, &mut notes);
        let matched = outcome == Outcome::Matched;
        if matched {
            self.decided = Some(format!("rule {number} decided"));
        }
        Step { number, outcome, why, condition, gives: self.shares(rule, matched, &mut notes), notes }
    }

    fn rollout(&mut self, number: usize, rollout: &Rollout) -> Step {
        let mut notes = Vec::new();
        let (outcome, why, condition, value) = match rollout {
            Rollout::Segment { targets, value } => {
                let (outcome, why, condition) = self.segments(targets, &mut notes);
                (outcome, why, condition, *value)
            }
            Rollout::Threshold { percentage, value } => {
                let (outcome, why, condition) = self.threshold(*percentage, &mut notes);
                (outcome, why, condition, *value)
            }
            Rollout::Empty => {
                notes.push(note("empty-rollout", "the rollout has neither segment nor threshold and does nothing"));
                let (outcome, why) = match &self.decided {
                    Some(decided) => (Outcome::NotReached, decided.clone()),
                    None => (Outcome::NotMatched, "it asks for nothing, and never matches".to_owned()),
                };
                (outcome, why, Condition::Nothing, false)
            }
        };
        if outcome == Outcome::Matched {
            self.decided = Some(format!("rollout {number} decided"));
        }
        Step { number, outcome, why, condition, gives: Gives::Value { value }, notes }
    }

    fn threshold(&self, percentage: f32, notes: &mut Vec<Note>) -> (Outcome, String, Condition) {
        if !(0.0..=100.0).contains(&percentage) {
            let whom = if percentage > 0.0 { "everyone" } else { "nobody" };
            let message = format!("the percentage {percentage} is not between 0 and 100; it matches {whom}");
            notes.push(note("percentage-range", &message));
        } else if percentage.fract() > 0.0 {
            let message = format!("there are only whole percentiles: {percentage} % are {} of 100", percentage.ceil());
            notes.push(note("whole-percentiles", &message));
        }
        if let Some(decided) = &self.decided {
            return (Outcome::NotReached, decided.clone(), Condition::Threshold { percentage, hash: None });
        }
        let percentile = bucket::of_boolean(&self.flag.key, self.entity);
        let matched = f32::from(percentile) < percentage;
        let relation = if matched { "is below" } else { "is not below" };
        let hash = Hash { input: [self.entity_text(), self.key_text()], modulus: 100, bucket: percentile.into() };
        let why = format!("percentile {percentile} {relation} {percentage}");
        (Outcome::of(matched), why, Condition::Threshold { percentage, hash: Some(hash) })
    }

    fn segments(&mut self, targets: &Targets, notes: &mut Vec<Note>) -> (Outcome, String, Condition) {
        let and = targets.operator == SegmentOperator::And;
        let mut looks: Vec<SegmentLook> = targets.segments.iter().map(|segment| self.segment(segment)).collect();
        let mut told = HashSet::new();
        for segment in targets.left_out.iter().filter(|segment| told.insert(&segment.key)) {
            looks.push(left_out(segment));
            let message = format!(
                "the segment {} has a malformed constraint and is left out, as in Flipt: the rest decides without it",
                quoted(&segment.key)
            );
            notes.push(note("malformed-constraint", &message));
        }
        if targets.segments.is_empty() {
            notes.push(if and {
                note("matches-everyone", "AND of no segment matches everyone")
            } else {
                note("matches-nobody", "OR of no segment matches nobody")
            });
        }
        let (outcome, why) = match &self.decided {
            Some(decided) => (Outcome::NotReached, decided.clone()),
            None => verdict(&looks, and),
        };
        let operator = if and { "AND_SEGMENT_OPERATOR" } else { "OR_SEGMENT_OPERATOR" };
        (outcome, why, Condition::Segments { operator: operator.to_owned(), segments: looks })
    }

    fn segment(&mut self, segment: &Segment) -> SegmentLook {
        let look = |outcome, why: String, constraints| SegmentLook {
            key: cut(&segment.key).into_owned(),
            match_type: match_type(segment),
            outcome,
            why,
            constraint_count: segment.constraints.len(),
            constraints,
        };
        if let Some(decided) = &self.decided {
            return look(Outcome::NotReached, decided.clone(), Vec::new());
        }
        let matched = evaluate::is_in(segment, self.entity, self.context);
        let outcome = Outcome::of(matched);
        let count = segment.constraints.len();
        if count == 0 {
            return look(outcome, "it has no constraints, so everyone is in it".to_owned(), Vec::new());
        }
        if count > self.room {
            let why = "it matches as a whole; there are too many constraints to tell each".to_owned();
            let not = "it does not match; there are too many constraints to tell each".to_owned();
            return look(outcome, if matched { why } else { not }, Vec::new());
        }
        self.room -= count;
        let mut constraints: Vec<_> = (1..)
            .zip(&segment.constraints)
            .map(|(number, constraint)| compare(number, constraint, self.entity, self.context))
            .collect();
        let decisive = Outcome::of(!segment.all);
        let why = match constraints.iter_mut().find(|constraint| constraint.outcome == decisive) {
            Some(first) => {
                first.decided = true;
                let relation =
                    if segment.all { "does not match, and all have to" } else { "matches, and one is enough" };
                format!("constraint {} {relation}", first.number)
            }
            None if segment.all => {
                format!("{} {}", all_of(count, "constraint"), if count == 1 { "matches" } else { "match" })
            }
            None if count == 1 => "the only constraint does not match".to_owned(),
            None => format!("none of {} matches", plural(count, "constraint")),
        };
        look(outcome, why, constraints)
    }

    fn shares(&self, rule: &Rule, matched: bool, notes: &mut Vec<Note>) -> Gives {
        let mut begin = 0;
        let mut shares: Vec<Share> = Vec::with_capacity(rule.distributions.len());
        for distribution in &rule.distributions {
            let variant_key = self.flag.variant_of(distribution).map_or_else(String::new, |v| cut(&v.key).into_owned());
            let held = begin < distribution.end;
            shares.push(Share {
                variant_key,
                rollout: distribution.rollout,
                first: held.then_some(begin),
                last: held.then(|| distribution.end - 1),
                chosen: false,
            });
            begin = begin.max(distribution.end);
        }
        let sum: f32 = rule.distributions.iter().map(|distribution| distribution.rollout).sum();
        let default = self.flag.default_variant.as_ref();
        if shares.is_empty() || begin == 0 {
            let whom = match default {
                Some(variant) => format!("the default variant {}", quoted(&variant.key)),
                None => "no variant".to_owned(),
            };
            let message = if shares.is_empty() {
                format!("the rule distributes nothing: who matches gets {whom}")
            } else {
                format!("all rollouts are 0: who matches gets {whom}")
            };
            notes.push(note("distribution-sum", &message));
        } else if (sum - 100.0).abs() > 0.1 {
            notes.push(note("distribution-sum", &format!("the rollouts add up to {sum}, and are scaled to 100")));
        }
        if !matched || begin == 0 {
            return Gives::Shares { shares, hash: None };
        }
        let bucket = bucket::of_variant(&self.flag.key, self.entity);
        if let Some(share) = shares.iter_mut().find(|share| share.last.is_some_and(|last| bucket <= last)) {
            share.chosen = true;
        }
        let hash = Hash { input: [self.key_text(), self.entity_text()], modulus: bucket::BUCKETS, bucket };
        Gives::Shares { shares, hash: Some(hash) }
    }

    fn key_text(&self) -> String {
        cut(&self.flag.key).into_owned()
    }

    fn entity_text(&self) -> String {
        cut(self.entity).into_owned()
    }
}

/// Whether segments together fulfil a condition.
fn verdict(looks: &[SegmentLook], and: bool) -> (Outcome, String) {
    let taking: Vec<&SegmentLook> = looks.iter().filter(|look| look.outcome != Outcome::LeftOut).collect();
    let count = taking.len();
    let first = |outcome| taking.iter().find(|look| look.outcome == outcome).map(|look| quoted(&look.key));
    match (and, first(if and { Outcome::NotMatched } else { Outcome::Matched })) {
        (true, None) if count == 0 => {
            (Outcome::Matched, "it asks for all of no segments, which everyone is in".to_owned())
        }
        (false, None) if count == 0 => (Outcome::NotMatched, "it asks for one of no segments".to_owned()),
        (true, Some(key)) if count > 1 => {
            (Outcome::NotMatched, format!("segment {key} does not match, and all have to"))
        }
        (false, Some(key)) if count > 1 => (Outcome::Matched, format!("segment {key} matches, and one is enough")),
        (true, Some(key)) => (Outcome::NotMatched, format!("segment {key} does not match")),
        (false, Some(key)) => (Outcome::Matched, format!("segment {key} matches")),
        (true, None) => (Outcome::Matched, format!("{} match", all_of(count, "segment"))),
        (false, None) if count == 1 => {
            (Outcome::NotMatched, format!("segment {} does not match", first(Outcome::NotMatched).unwrap_or_default()))
        }
        (false, None) => (Outcome::NotMatched, format!("none of {} matches", plural(count, "segment"))),
    }
}

fn left_out(segment: &Segment) -> SegmentLook {
    const TOLD: usize = 3;
    let mut faults: Vec<String> = segment.faults.iter().take(TOLD).map(ToString::to_string).collect();
    if segment.faults.len() > TOLD {
        faults.push(format!("and {} more", segment.faults.len() - TOLD));
    }
    SegmentLook {
        key: cut(&segment.key).into_owned(),
        match_type: match_type(segment),
        outcome: Outcome::LeftOut,
        why: format!("a constraint is malformed: {}", faults.join("; ")),
        constraint_count: segment.constraints.len() + segment.faults.len(),
        constraints: Vec::new(),
    }
}

fn match_type(segment: &Segment) -> String {
    if segment.all { "ALL_MATCH_TYPE" } else { "ANY_MATCH_TYPE" }.to_owned()
}

fn all_of(count: usize, noun: &str) -> String {
    match count {
        1 => format!("the only {noun}"),
        _ => format!("all {count} {noun}s"),
    }
}
