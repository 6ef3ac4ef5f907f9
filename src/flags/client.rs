//! The snapshot that client SDKs evaluate by themselves, as Flipt v2 spells it.
//!
//! Names and descriptions are left out on purpose, as there. What differs per build in Flipt (times, ids of rules) is
//! fixed here: equal content gives equal bytes. Segments are those that the server uses, also where another document
//! of the namespace defines them; Flipt leaves those out, and its clients then answer otherwise than its server.

use std::fmt::Write as _;

use super::json::write_text;
use super::snapshot::{Flag, FlagKind, Namespace, Rollout, SegmentOperator, Targets, Variant};

/// No client reads the times, but they have to be there for strict readers.
const TIME: &str = "1970-01-01T00:00:00Z";

pub(super) fn encode(namespace: &Namespace) -> Vec<u8> {
    let mut out = String::with_capacity(128 + namespace.flags.len() * 512);
    out.push_str("{\"namespace\":{\"key\":");
    write_text(&mut out, &namespace.key);
    out.push_str("},\"flags\":[");
    for (at, flag) in namespace.flags.iter().enumerate() {
        comma(&mut out, at);
        write_flag(&mut out, flag);
    }
    out.push_str("],\"digest\":");
    write_text(&mut out, &namespace.digest);
    out.push('}');
    out.shrink_to_fit();
    out.into_bytes()
}

fn comma(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

fn write_flag(out: &mut String, flag: &Flag) {
    out.push_str("{\"key\":");
    write_text(out, &flag.key);
    let kind = match flag.kind {
        FlagKind::Variant => "VARIANT_FLAG_TYPE",
        FlagKind::Boolean => "BOOLEAN_FLAG_TYPE",
    };
    _ = write!(
        out,
        ",\"name\":\"\",\"description\":\"\",\"enabled\":{},\"type\":\"{kind}\",\"createdAt\":\"{TIME}\",\
         \"updatedAt\":\"{TIME}\",\"rules\":[",
        flag.enabled
    );
    for (at, rule) in flag.rules.iter().enumerate() {
        comma(out, at);
        let id = format!("{}/{}", flag.key, at + 1);
        out.push_str("{\"id\":");
        write_text(out, &id);
        out.push(',');
        write_segments(out, &rule.targets);
        _ = write!(out, ",\"rank\":{},", at + 1);
        write_operator(out, rule.targets.operator);
        out.push_str(",\"distributions\":[");
        for (at, distribution) in rule.distributions.iter().enumerate() {
            comma(out, at);
            out.push_str("{\"ruleId\":");
            write_text(out, &id);
            let (key, attachment) =
                flag.variant_of(distribution).map_or(("", "null"), |Variant { key, attachment, .. }| (key, attachment));
            out.push_str(",\"variantKey\":");
            write_text(out, key);
            out.push_str(",\"variantAttachment\":");
            write_text(out, attachment);
            _ = write!(out, ",\"rollout\":{}}}", distribution.rollout);
        }
        out.push_str("]}");
    }
    out.push_str("],\"rollouts\":[");
    let mut first = true;
    for (at, rollout) in flag.rollouts.iter().enumerate() {
        if matches!(rollout, Rollout::Empty) {
            continue;
        }
        comma(out, usize::from(!std::mem::take(&mut first)));
        write_rollout(out, at + 1, rollout);
    }
    out.push(']');
    if let Some(variant) = &flag.default_variant {
        out.push_str(",\"defaultVariant\":{\"id\":");
        write_text(out, &format!("{}/{}", flag.key, variant.key));
        out.push_str(",\"key\":");
        write_text(out, &variant.key);
        out.push_str(",\"attachment\":");
        write_text(out, &variant.attachment);
        out.push('}');
    }
    out.push('}');
}

fn write_rollout(out: &mut String, rank: usize, rollout: &Rollout) {
    match rollout {
        Rollout::Segment { targets, value } => {
            _ = write!(out, "{{\"type\":\"SEGMENT_ROLLOUT_TYPE\",\"rank\":{rank},\"segment\":{{\"value\":{value},");
            write_operator(out, targets.operator);
            out.push(',');
            write_segments(out, targets);
            out.push_str("}}");
        }
        Rollout::Threshold { percentage, value } => {
            _ = write!(
                out,
                "{{\"type\":\"THRESHOLD_ROLLOUT_TYPE\",\"rank\":{rank},\"threshold\":{{\"percentage\":{percentage},\
                 \"value\":{value}}}}}"
            );
        }
        Rollout::Empty => {}
    }
}

fn write_operator(out: &mut String, operator: SegmentOperator) {
    out.push_str(match operator {
        SegmentOperator::Or => "\"segmentOperator\":\"OR_SEGMENT_OPERATOR\"",
        SegmentOperator::And => "\"segmentOperator\":\"AND_SEGMENT_OPERATOR\"",
    });
}

fn write_segments(out: &mut String, targets: &Targets) {
    out.push_str("\"segments\":[");
    for (at, segment) in targets.repeated.as_ref().unwrap_or(&targets.segments).iter().enumerate() {
        comma(out, at);
        out.push_str("{\"key\":");
        write_text(out, &segment.key);
        let all = if segment.all { "ALL" } else { "ANY" };
        _ = write!(
            out,
            ",\"name\":\"\",\"description\":\"\",\"matchType\":\"{all}_SEGMENT_MATCH_TYPE\",\"constraints\":["
        );
        for (at, constraint) in segment.constraints.iter().enumerate() {
            comma(out, at);
            _ = write!(out, "{{\"type\":\"{}\",\"property\":", constraint.subject.client_name());
            write_text(out, &constraint.property);
            _ = write!(out, ",\"operator\":\"{}\",\"value\":", constraint.operator.name());
            write_text(out, &constraint.value);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push(']');
}
