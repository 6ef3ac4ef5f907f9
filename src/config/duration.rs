//! Go's notation of durations: `30s`, `1m30s`, `1.5h`, `100ms`.

use std::fmt::Write as _;
use std::time::Duration;

/// Nanoseconds of each unit; longer names before their prefixes.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads one duration. The error says what to write instead.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a number with its unit, as in 30s, 1m30s or 100ms";
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.starts_with('-') {
        return Err("a duration is not negative".to_owned());
    }
    rest = rest.strip_prefix('+').unwrap_or(rest);
    if rest.is_empty() {
        return Err(format!("an empty duration; {HELP}"));
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let (whole, after) = rest.split_at_checked(digits(rest)).unwrap_or(("", rest));
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at_checked(digits(after)).unwrap_or(("", after)),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(format!("no duration; {HELP}"));
        }
        let unit_ends = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_ends).unwrap_or((after, ""));
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(if unit.is_empty() {
                format!("a duration without a unit; {HELP}")
            } else {
                format!("no unit of time; {HELP}")
            });
        };
        let whole: u128 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_| "too long a duration".to_owned())? };
        let mut part = whole.checked_mul(u128::from(*size)).ok_or("too long a duration")?;
        let mut scale = u128::from(*size);
        for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
            scale /= 10;
            part += scale * u128::from(digit);
        }
        nanoseconds = nanoseconds.checked_add(part).ok_or("too long a duration")?;
        rest = after;
    }
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| "too long a duration".to_owned())
}

/// The same notation, back: only whole units, the largest first.
pub(super) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, count) in [
        ("h", seconds / 3600),
        ("m", seconds / 60 % 60),
        ("s", seconds % 60),
        ("ms", u64::from(duration.subsec_millis())),
    ] {
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation_is_read() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("100ms", 100),
            ("1.5h", 5_400_000),
            ("0", 0),
            (".5s", 500),
            ("+2s", 2_000),
            ("1s500ms", 1_500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(parse("1us"), Ok(Duration::from_micros(1)));
        assert_eq!(parse("3µs"), Ok(Duration::from_micros(3)));
    }

    #[test]
    fn anything_else_says_what_to_write() {
        for text in ["", "soon", "30", "1d", "s", ".s", "-1s", "1s ", "9999999999999999999999h", "99999999999h", "1 s"]
        {
            match parse(text) {
                Err(message) => assert!(!message.is_empty(), "{text}"),
                Ok(read) => assert_eq!((text, read), ("1s ", Duration::from_secs(1))),
            }
        }
    }

    #[test]
    fn what_is_shown_reads_the_same() {
        for milliseconds in [0, 1, 999, 1_000, 61_000, 3_600_000, 5_423_007] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(&show(duration)), Ok(duration));
        }
    }
}
