//! Hazards of files whose flags are answered by two programs: Flipt's server, as which we answer, and the engine inside
//! the client SDKs, which evaluates the snapshot by itself. Each names what is judged otherwise.

use super::super::bucket;
use super::super::constraint::{Constraint, Operator, Unlike};
use super::super::field::{Finding, finding};
use super::super::snapshot::{Distribution, Variant};
use crate::yaml::{clip, quote};

/// A value that clients judge otherwise than the server.
pub(super) fn constraint(constraint: &Constraint) -> Option<Finding> {
    let value = quote(&constraint.value);
    let negated = constraint.operator == Operator::IsNotOneOf;
    let nothing = if negated { "for them everything is outside it" } else { "for them nothing is in it" };
    Some(match constraint.unlike_in_clients()? {
        Unlike::Number => finding(
            "clients-number",
            format!("client SDKs compare whole numbers of 32 bits only: with {value} nothing matches for them"),
            "write a whole number between -2147483648 and 2147483647, in other units if need be: cents, minutes",
        ),
        Unlike::List if constraint.subject.is_text() => finding(
            "clients-list",
            format!("client SDKs do not read lists with escapes or null, as {value}; {nothing}"),
            "leave out quotes, backslashes, control characters and null, or write a constraint with eq for each of those",
        ),
        Unlike::List => finding(
            "clients-number",
            format!("client SDKs read whole numbers of 32 bits only, so not the list {value}; {nothing}"),
            "list whole numbers between -2147483648 and 2147483647, written as digits",
        ),
        Unlike::Time => finding(
            "clients-time",
            format!("client SDKs do not read the time {value}: nothing matches for them"),
            "write it in full: \"2026-01-31T00:00:00Z\"",
        ),
        Unlike::Fraction => finding(
            "clients-time",
            format!("client SDKs compare whole seconds: for them the fraction of {value} does not count"),
            "leave out the fraction of the second",
        ),
        Unlike::Blank => finding(
            "clients-blank",
            format!(
                "the server trims what it compares with the {} {value}, client SDKs do not: the blanks at its end \
                 match for them only",
                constraint.operator.name()
            ),
            "leave out blanks at the ends",
        ),
    })
}

/// Shares that end in another bucket for clients, which round where the server cuts off.
pub(super) fn shares(distributions: &[Distribution], variants: &[Variant]) -> Option<Finding> {
    let rollouts: Vec<f32> = distributions.iter().map(|distribution| distribution.rollout).collect();
    let rounded = bucket::boundaries_of_clients(&rollouts);
    let cut_off = distributions.iter().map(|distribution| distribution.end);
    if cut_off.clone().eq(rounded.iter().copied()) {
        return None;
    }
    let server = by_bucket(distributions, cut_off);
    let clients = by_bucket(distributions, rounded.into_iter());
    let mut unlike = server.iter().zip(&clients).enumerate().filter(|(_, (server, clients))| server != clients);
    let (first, (server, clients)) = unlike.next()?;
    let more = unlike.count();
    let key = |index: u32| usize::try_from(index).ok().and_then(|index| variants.get(index)).map(|v| clip(&v.key));
    let others = match more {
        0 => String::new(),
        more => format!(" (and {more} more of 1000)"),
    };
    let what = format!(
        "client SDKs round where the server cuts off: of 1000 parts of the users, part {first}{others} gets \"{}\" from \
         the server and \"{}\" in clients",
        key(*server).unwrap_or_default(),
        key(*clients).unwrap_or_default()
    );
    Some(finding("clients-share", what, "move a tenth of a percent from one to another: thirds as 33.3, 33.3, 33.4"))
}

/// The variant of each bucket.
fn by_bucket(distributions: &[Distribution], ends: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut variants = Vec::new();
    for (distribution, end) in distributions.iter().zip(ends) {
        let end = usize::try_from(end.min(bucket::BUCKETS)).unwrap_or_default();
        variants.resize(end.max(variants.len()), distribution.variant);
    }
    variants
}
