//! Plots of counts: where their bars, lines and labels stand, as values that a template writes into SVG.
//!
//! The bars stand in a box of their own (as wide as there are columns, [`TALL`] high) that is stretched to whatever room there
//! is; labels are placed in hundredths of the width, so that letters are never stretched. Every column says in words
//! what it shows. Times are UTC.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::limits;

/// Height of the box of the bars.
const TALL: u64 = 1_000;
/// Size of the box of a small plot.
const SPARK: (usize, u64) = (96, 20);

/// One kind of what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its name; empty for what has none.
    pub name: String,
    /// The count of each column.
    pub counts: Vec<u64>,
}

/// Counts in columns that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plot {
    /// Columns; the width of the box of the bars.
    pub wide: usize,
    /// Its height.
    pub tall: u64,
    /// The kinds, from the axis upward.
    pub layers: Vec<Layer>,
    /// The columns in words.
    pub columns: Vec<Column>,
    /// Lines across, with what they mean.
    pub lines: Vec<Mark>,
    /// Labels of times.
    pub times: Vec<Mark>,
    /// Everything together.
    pub total: u64,
}

/// The bars of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// The name of the kind.
    pub name: String,
    /// It stands for all that have no layer of their own.
    pub rest: bool,
    /// Number of its colour.
    pub colour: usize,
    /// The bars, as the `d` of a path.
    pub path: String,
    /// All of it.
    pub total: u64,
    /// The same for people.
    pub count: String,
    /// Its part of everything, in per cent.
    pub share: String,
}

/// One column in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// When it begins.
    pub begin: String,
    /// The day of that.
    pub day: String,
    /// When it ends.
    pub end: String,
    /// All of it.
    pub total: u64,
    /// The count of each layer.
    pub counts: Vec<u64>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Where: hundredths of the width, or of the height from above.
    pub at: String,
    /// What stands there.
    pub label: String,
}

/// A small plot without words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spark {
    /// The bars, as the `d` of a path; empty where nothing was counted.
    pub path: String,
    /// All of it.
    pub total: u64,
    /// The size of its box.
    pub wide: usize,
    /// See [`Spark::wide`].
    pub tall: u64,
}

/// A plot of columns of `seconds` that begin at `begins`, of kinds of which the most frequent stand first. Those beyond [`limits::PLOT_LAYERS`] share one layer.
#[must_use]
pub fn plot(begins: &[Timestamp], seconds: u32, kinds: &[Kind]) -> Plot {
    let kinds = gathered(kinds);
    let sums = summed(begins.len(), kinds.iter().map(|(kind, _)| kind));
    let total: u64 = sums.iter().sum();
    let (step, top) = scale(sums.iter().copied().max().unwrap_or(0));
    let mut below = vec![0; begins.len()];
    let layers = kinds.iter().enumerate().map(|(colour, (kind, rest))| {
        let sum = kind.counts.iter().sum();
        Layer {
            name: kind.name.clone(),
            rest: *rest,
            colour,
            path: bars(&kind.counts, &mut below, top),
            total: sum,
            count: grouped(sum),
            share: share(sum, total),
        }
    });
    let layers: Vec<_> = layers.collect();
    let column = |(at, begin): (usize, &Timestamp)| {
        let end = Timestamp::from_second(begin.as_second() + i64::from(seconds)).unwrap_or(*begin);
        Column {
            begin: clock(*begin),
            day: day(*begin),
            end: clock(end),
            total: sums.get(at).copied().unwrap_or(0),
            counts: kinds.iter().map(|(kind, _)| kind.counts.get(at).copied().unwrap_or(0)).collect(),
        }
    };
    let count = top / step;
    Plot {
        wide: begins.len(),
        tall: TALL,
        columns: begins.iter().enumerate().map(column).collect(),
        lines: (1..=count).map(|n| Mark { at: hundredths(count - n, count), label: short(n * step) }).collect(),
        times: times(begins, seconds),
        layers,
        total,
    }
}

/// A small plot of counts.
#[must_use]
pub fn spark(counts: &[u64]) -> Spark {
    let (wide, tall) = SPARK;
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut path = String::new();
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, right) = (at * wide / counts.len(), (at + 1) * wide / counts.len());
        // Something is seen of everything that is there.
        let high = scaled(*count, most, tall).max(1);
        let _ = write!(path, "M{left} {tall}v-{high}h{}v{high}z", right.saturating_sub(left + 1).max(1));
    }
    Spark { path, total: counts.iter().sum(), wide, tall }
}

/// A number with its thousands parted.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in per cent, with one digit behind the point; what is there is never `0.0`, and what is missing
/// never `100`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return "0".to_owned();
    }
    if part >= whole {
        return "100".to_owned();
    }
    let tenths = (u128::from(part) * 1_000 + u128::from(whole) / 2) / u128::from(whole);
    let tenths = tenths.clamp(1, 999);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The kinds that have layers, and whether one stands for others.
fn gathered(kinds: &[Kind]) -> Vec<(Kind, bool)> {
    let own = if kinds.len() > limits::PLOT_LAYERS { limits::PLOT_LAYERS - 1 } else { kinds.len() };
    let (own, rest) = kinds.split_at(own);
    let mut all: Vec<_> = own.iter().map(|kind| (kind.clone(), false)).collect();
    // By name, so that none changes its colour when another becomes more frequent.
    all.sort_by(|(one, _), (other, _)| (one.name != "true", &one.name).cmp(&(other.name != "true", &other.name)));
    if !rest.is_empty() {
        let columns = rest.iter().map(|kind| kind.counts.len()).max().unwrap_or(0);
        all.push((Kind { name: String::new(), counts: summed(columns, rest.iter()) }, true));
    }
    all
}

fn summed<'k>(columns: usize, kinds: impl Iterator<Item = &'k Kind>) -> Vec<u64> {
    let mut sums = vec![0_u64; columns];
    for kind in kinds {
        for (sum, count) in sums.iter_mut().zip(&kind.counts) {
            *sum = sum.saturating_add(*count);
        }
    }
    sums
}

/// The bars of one layer upon those below it.
fn bars(counts: &[u64], below: &mut [u64], top: u64) -> String {
    let mut path = String::new();
    for (at, (count, below)) in counts.iter().zip(below).enumerate() {
        if *count == 0 {
            continue;
        }
        let from = scaled(*below, top, TALL);
        *below = below.saturating_add(*count);
        let high = scaled(*below, top, TALL).saturating_sub(from).max(1);
        let _ = write!(path, "M{at}.1 {}v-{high}h.8v{high}z", TALL.saturating_sub(from));
    }
    path
}

fn scaled(count: u64, top: u64, to: u64) -> u64 {
    let scaled = u128::from(count) * u128::from(to) / u128::from(top.max(1));
    u64::try_from(scaled).unwrap_or(to)
}

/// The step from line to line and the uppermost line: two to five of them, at 1, 2 or 5 times a power of ten.
fn scale(most: u64) -> (u64, u64) {
    let mut step = 1_u64;
    let mut times = [2, 5, 10].into_iter().cycle();
    let mut power = 1_u64;
    while most > step.saturating_mul(4) {
        let next = times.next().unwrap_or(10);
        step = power.saturating_mul(next);
        if next == 10 {
            power = step;
        }
        if step == u64::MAX {
            break;
        }
    }
    (step, most.div_ceil(step).max(1).saturating_mul(step))
}

/// A number on an axis: `950`, `1.5k`, `20M`.
fn short(number: u64) -> String {
    for (unit, name) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
        if number >= unit {
            let tenths = number / (unit / 10);
            return if tenths.is_multiple_of(10) {
                format!("{}{name}", tenths / 10)
            } else {
                format!("{}.{}{name}", tenths / 10, tenths % 10)
            };
        }
    }
    number.to_string()
}

fn hundredths(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Labels at round times: every ten minutes, four hours or five days, as fits the columns.
fn times(begins: &[Timestamp], seconds: u32) -> Vec<Mark> {
    let every = match seconds {
        0..300 => 600,
        300..7_200 => 4 * 3_600,
        _ => 5 * 86_400,
    };
    let count = begins.len() as u64;
    let round = begins.iter().zip(0_u64..).filter(|(begin, _)| begin.as_second().rem_euclid(every) == 0);
    // One at either end would be cut off.
    let inside = round.filter(|(_, at)| (at * 100 / count.max(1)) >= 4 && (at * 100 / count.max(1)) <= 95);
    let label = |begin: Timestamp| if every < 86_400 { clock(begin) } else { day(begin) };
    inside.map(|(begin, at)| Mark { at: hundredths(at, count), label: label(*begin) }).collect()
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
}

fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%b %-d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(count: i64) -> Vec<Timestamp> {
        let begin: Timestamp = "2027-01-30T08:00:00Z".parse().unwrap();
        (0..count).map(|n| Timestamp::from_second(begin.as_second() + 60 * n).unwrap()).collect()
    }

    fn kind(name: &str, counts: &[u64]) -> Kind {
        Kind { name: name.to_owned(), counts: counts.to_vec() }
    }

    #[test]
    fn bars_stand_upon_each_other() {
        let made = plot(&minutes(3), 60, &[kind("false", &[4, 1, 0]), kind("true", &[4, 0, 2])]);
        assert_eq!((made.wide, made.tall, made.total), (3, 1_000, 11));
        assert_eq!(made.layers[0].path, "M0.1 1000v-500h.8v500zM2.1 1000v-250h.8v250z");
        assert_eq!(made.layers[1].path, "M0.1 500v-500h.8v500zM1.1 1000v-125h.8v125z");
        assert_eq!((made.layers[0].share.as_str(), made.layers[1].share.as_str()), ("54.5", "45.5"));
        let lines: Vec<_> = made.lines.iter().map(|line| (line.at.as_str(), line.label.as_str())).collect();
        assert_eq!(lines, [("75.00", "2"), ("50.00", "4"), ("25.00", "6"), ("0.00", "8")]);
        let column = &made.columns[1];
        assert_eq!((column.begin.as_str(), column.end.as_str(), column.day.as_str()), ("08:01", "08:02", "Jan 30"));
        assert_eq!((column.total, column.counts.as_slice()), (1, &[0, 1][..]));
    }

    #[test]
    fn many_kinds_share_a_layer() {
        let kinds: Vec<_> = (0..20).map(|n| kind(&n.to_string(), &[100 - n, 0])).collect();
        let made = plot(&minutes(2), 60, &kinds);
        assert_eq!(made.layers.len(), limits::PLOT_LAYERS);
        let last = made.layers.last().unwrap();
        assert!(last.rest && last.name.is_empty());
        assert_eq!(made.layers.iter().map(|layer| layer.total).sum::<u64>(), made.total);
    }

    #[test]
    fn nothing_and_everything_have_a_plot() {
        let nothing = plot(&minutes(60), 60, &[]);
        assert_eq!((nothing.total, nothing.lines.len()), (0, 1));
        assert_eq!(nothing.times.iter().map(|time| time.label.as_str()).collect::<Vec<_>>()[0], "08:10");
        assert_eq!(plot(&[], 60, &[]).wide, 0);
        let huge = plot(&minutes(1), 60, &[kind("a", &[u64::MAX / 2]), kind("b", &[7])]);
        assert_eq!(huge.layers.len(), 2);
        assert!(huge.lines.len() <= 5, "{:?}", huge.lines);
        assert_eq!(spark(&[]).path, "");
        assert_eq!(spark(&[0; 24]).path, "");
        assert_eq!(spark(&[0, u64::MAX / 4]).path, "M48 20v-20h47v20z");
        assert!(spark(&[1, 1_000_000]).path.starts_with("M0 20v-1h"), "little is seen too");
    }

    #[test]
    fn lines_are_at_round_numbers() {
        for most in [1, 3, 4, 5, 9, 11, 39, 99, 101, 999, 12_345, 1 << 40] {
            let (step, top) = scale(most);
            assert!(top >= most && top / step <= 5 && top - most < step, "{most}: {step} {top}");
            let leading = step.to_string();
            assert!(["1", "2", "5"].contains(&leading.trim_end_matches('0')), "{most}: {step}");
        }
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([950, 1_000, 1_500, 20_000_000, 3_000_000_000].map(short), ["950", "1k", "1.5k", "20M", "3G"]);
        assert_eq!(
            [(0, 5), (1, 100_000), (99_999, 100_000), (5, 5), (1, 3)].map(|(a, b)| share(a, b)),
            ["0", "0.1", "99.9", "100", "33.3"]
        );
    }
}
