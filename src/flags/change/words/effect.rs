//! Who is affected, in words.

use super::super::{Answer, Effect, FlagChange, Presence, Share, Whom};
use super::{Line, key, list, said};
use crate::flags::snapshot::FlagKind;

pub(super) fn line(flag: &FlagChange, effect: &Effect) -> Line {
    let (mut line, whose) = match &effect.whom {
        Whom::Everyone => (vec![said("everyone")], "of entities"),
        Whom::InNoSegment => (vec![said("who is in none of its segments")], "of them"),
        Whom::OnlyIn { segments } => {
            let words = if segments.len() == 1 { "who is only in segment " } else { "who is only in the segments " };
            ([vec![said(words)], list(segments)].concat(), "of them")
        }
    };
    let percent = |parts: u32| format!("{} %", f64::from(parts) * 100.0 / f64::from(effect.of.max(1)));
    line.push(said(": "));
    if flag.kind == FlagKind::Boolean {
        let share = effect.shares.iter().find(|share| share.answer == Answer::On);
        let on = |side: Option<Option<u32>>| percent(side.flatten().unwrap_or(0));
        let (before, after) = (on(share.map(|share| share.before)), on(share.map(|share| share.after)));
        match flag.change {
            Presence::Added => line.push(said(format!("on for {after}"))),
            Presence::Removed => line.push(said(format!("was on for {before}"))),
            Presence::Changed => {
                let of = |to: Answer| effect.moves.iter().find(|step| step.to == to).map_or(0, |step| step.parts);
                let words = match (of(Answer::On), of(Answer::Off)) {
                    (more, 0) => format!("{} {whose} more get on", percent(more)),
                    (0, fewer) => format!("{} {whose} fewer get on", percent(fewer)),
                    (more, fewer) => {
                        format!("{} {whose} get on who had off, {} off who had on", percent(more), percent(fewer))
                    }
                };
                line.push(said(format!("on for {before} → {after}: {words}")));
            }
        }
        return line;
    }
    let answer = |answer: &Answer| match answer {
        Answer::Variant { key: variant } => key(variant),
        Answer::On => said("on"),
        Answer::Off => said("off"),
        Answer::Nothing => said("no variant"),
    };
    let shares = |side: &dyn Fn(&Share) -> Option<u32>| {
        let share = |share| {
            let parts = side(share).filter(|parts| *parts > 0)?;
            Some(vec![answer(&share.answer), said(format!(" {}", percent(parts)))])
        };
        effect.shares.iter().filter_map(share).collect::<Vec<_>>().join(&said(", "))
    };
    match flag.change {
        Presence::Added => line.extend(shares(&|share| share.after)),
        Presence::Removed => {
            line.push(said("had "));
            line.extend(shares(&|share| share.before));
        }
        Presence::Changed => {
            line.push(said(format!("{} {whose} get another answer (", percent(effect.changed))));
            let moves = effect.moves.iter().take(10).map(|step| {
                vec![answer(&step.from), said(" → "), answer(&step.to), said(format!(" {}", percent(step.parts)))]
            });
            line.extend(moves.collect::<Vec<_>>().join(&said(", ")));
            line.push(said("); now "));
            line.extend(shares(&|share| share.after));
        }
    }
    line
}
