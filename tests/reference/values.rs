//! Hashes, boundaries, and what each operator says about one value.

use serde_json::Value;

use super::{Constraint, Mode};

/// CRC-32 by its definition, bit by bit.
pub(crate) fn crc32(text: &str) -> u32 {
    let mut register = 0xffff_ffff_u32;
    for byte in text.bytes() {
        register ^= u32::from(byte);
        for _ in 0..8 {
            let bit = register & 1;
            register >>= 1;
            if bit == 1 {
                register ^= 0xedb8_8320;
            }
        }
    }
    register ^ 0xffff_ffff
}

/// Where each share ends, in 32-bit floats: the server cuts the fraction off, the engines round.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of 0..=1001")]
pub(crate) fn boundaries(mode: Mode, rollouts: &[f32]) -> Vec<u32> {
    let mut total = 0_f32;
    for rollout in rollouts {
        total += rollout;
    }
    let mut ends = Vec::new();
    let mut sum = 0_f32;
    for rollout in rollouts {
        sum += (rollout / total) * 100_f32;
        let end = sum * 10_f32;
        ends.push(if mode == Mode::Server { end.trunc() } else { end.round() } as u32);
    }
    if let Some(last) = ends.last_mut() {
        *last = 1000;
    }
    ends
}

/// The first share whose boundary lies above the bucket.
pub(crate) fn chosen(boundaries: &[u32], bucket: u32) -> usize {
    boundaries.iter().position(|end| *end > bucket).unwrap()
}

/// Whether the server leaves out the segment of such a constraint.
pub(crate) fn is_malformed(constraint: &Constraint) -> bool {
    let value = constraint.value.as_str();
    match (constraint.subject.as_str(), constraint.operator.as_str()) {
        ("STRING" | "ENTITY_ID", "isoneof" | "isnotoneof") => texts(value).is_none(),
        ("NUMBER", "isoneof" | "isnotoneof") => numbers(value).is_none(),
        ("NUMBER", "eq" | "neq" | "lt" | "lte" | "gt" | "gte") => !value.is_empty() && float(value).is_none(),
        ("DATETIME", "eq" | "neq" | "lt" | "lte" | "gt" | "gte") => !value.is_empty() && instant(value).is_none(),
        _ => false,
    }
}

/// What a constraint says about a value.
pub(crate) fn fulfils(mode: Mode, constraint: &Constraint, v: &str) -> bool {
    let c = constraint.value.as_str();
    // Only the server trims, and only what a request brings.
    let trimmed = if mode == Mode::Server { trim(v) } else { v };
    match (constraint.subject.as_str(), constraint.operator.as_str()) {
        ("STRING" | "ENTITY_ID", "empty") | ("NUMBER" | "BOOLEAN" | "DATETIME", "notpresent") => trimmed.is_empty(),
        ("STRING" | "ENTITY_ID", "notempty") | ("NUMBER" | "BOOLEAN" | "DATETIME", "present") => !trimmed.is_empty(),
        _ if v.is_empty() => false,
        ("STRING" | "ENTITY_ID", operator) => match operator {
            "eq" => v == c,
            "neq" => v != c,
            "prefix" => trimmed.starts_with(c),
            "suffix" => trimmed.ends_with(c),
            "contains" => v.contains(c),
            "notcontains" => !v.contains(c),
            "isoneof" => list_has(mode, c, v) == Some(true),
            // A list that the engines cannot read holds nothing.
            "isnotoneof" => match mode {
                Mode::Server => list_has(mode, c, v) == Some(false),
                Mode::Client => list_has(mode, c, v) != Some(true),
            },
            _ => false,
        },
        ("NUMBER", operator) => match mode {
            Mode::Server => {
                let Some(n) = float(v) else { return false };
                match operator {
                    "isoneof" => numbers(c).is_some_and(|list| list.contains(&n)),
                    "isnotoneof" => numbers(c).is_some_and(|list| !list.contains(&n)),
                    _ if c.is_empty() => false,
                    _ => float(c).is_some_and(|own| compare(operator, &n, &own)),
                }
            }
            Mode::Client => {
                let Ok(n) = v.parse::<i32>() else { return false };
                let list = || serde_json::from_str::<Vec<i32>>(c).unwrap_or_default();
                match operator {
                    "isoneof" => list().contains(&n),
                    "isnotoneof" => !list().contains(&n),
                    _ => c.parse::<i32>().is_ok_and(|own| compare(operator, &n, &own)),
                }
            }
        },
        ("BOOLEAN", "true") => boolean(mode, v) == Some(true),
        ("BOOLEAN", "false") => boolean(mode, v) == Some(false),
        ("DATETIME", operator) => match mode {
            Mode::Server => match (instant(v), instant(c)) {
                (Some(v), Some(c)) => compare(operator, &v, &c),
                _ => false,
            },
            Mode::Client => match (strict_second(v), strict_second(c)) {
                (Some(v), Some(c)) => compare(operator, &v, &c),
                _ => false,
            },
        },
        _ => false,
    }
}

fn compare<T: PartialOrd>(operator: &str, v: &T, c: &T) -> bool {
    match operator {
        "eq" => v == c,
        "neq" => v != c,
        "lt" => v < c,
        "lte" => v <= c,
        "gt" => v > c,
        "gte" => v >= c,
        _ => false,
    }
}

/// Unicode's property `White_Space`, written out.
pub(crate) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn list_has(mode: Mode, list: &str, v: &str) -> Option<bool> {
    match mode {
        Mode::Server => texts(list).map(|list| list.iter().any(|own| own == v)),
        // Their reader takes the texts as they stand, and knows no escapes.
        Mode::Client => serde_json::from_str::<Vec<&str>>(list).ok().map(|list| list.contains(&v)),
    }
}

/// A JSON array of texts as Go reads it: `null` is empty, and so is an item `null`.
pub(crate) fn texts(list: &str) -> Option<Vec<String>> {
    items(list)?
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Some(text),
            Value::Null => Some(String::new()),
            _ => None,
        })
        .collect()
}

/// A JSON array of numbers as Go reads it: `null` is empty, an item `null` is zero.
pub(crate) fn numbers(list: &str) -> Option<Vec<f64>> {
    items(list)?
        .into_iter()
        .map(|item| match item {
            Value::Number(number) => number.as_f64(),
            Value::Null => Some(0.0),
            _ => None,
        })
        .collect()
}

fn items(list: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(list).ok()? {
        Value::Array(items) => Some(items),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// The server takes every spelling of Go's `ParseBool`, the engines two words.
pub(crate) fn boolean(mode: Mode, text: &str) -> Option<bool> {
    let spellings = |words: &[&str]| words.contains(&text);
    match mode {
        Mode::Server if spellings(&["1", "t", "T", "TRUE", "true", "True"]) => Some(true),
        Mode::Server if spellings(&["0", "f", "F", "FALSE", "false", "False"]) => Some(false),
        Mode::Client if text == "true" => Some(true),
        Mode::Client if text == "false" => Some(false),
        _ => None,
    }
}

/// Go's `ParseFloat` with 64 bits.
pub(crate) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        _ => {}
    }
    let hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let chars: Vec<char> = unsigned.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        // Between two digits, the prefix counting as a digit.
        let is_digit = |c: &char, at: usize| c.is_digit(if hexadecimal { 16 } else { 10 }) || (hexadecimal && at == 1);
        if *c == '_' {
            let before = at > 0 && is_digit(&chars[at - 1], at - 1);
            let after = chars.get(at + 1).is_some_and(|c| is_digit(c, at + 1));
            if !before || !after {
                return None;
            }
        }
    }
    let plain: String = chars.into_iter().filter(|c| *c != '_').collect();
    let value = if hexadecimal { hexadecimal_float(&plain[2..])? } else { decimal_float(&plain)? };
    value.is_finite().then_some(sign * value)
}

fn decimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return None;
        }
    }
    text.parse().ok()
}

/// Exact for the few digits that are asked of it.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0_f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = exponent.parse().ok()?;
    Some(value * 2_f64.powi(exponent - 4 * i32::try_from(fraction.len()).ok()?))
}

/// Nanoseconds since the year 0, as the server reads a time or a date.
pub(crate) fn instant(text: &str) -> Option<i128> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let seconds = i128::from(days(date)?) * 86_400;
    let Some(time) = time else { return Some(seconds * 1_000_000_000) };
    let (clock, offset) = clock_and_offset(time, &['Z'])?;
    let parts: Vec<&str> = clock.splitn(3, ':').collect();
    let [hour, minute, rest] = parts.as_slice() else { return None };
    let (second, fraction) = match rest.split_once(['.', ',']) {
        Some((_, "")) => return None,
        Some((second, fraction)) => (second, fraction),
        None => (*rest, ""),
    };
    let hour = if hour.len() == 1 { number(hour, 1)? } else { number(hour, 2)? };
    let (minute, second) = (number(minute, 2)?, number(second, 2)?);
    let (offset_hours, offset_minutes, sign) = offset;
    if hour > 23 || minute > 59 || second > 59 || offset_hours > 24 || offset_minutes > 60 {
        return None;
    }
    if !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i128 = format!("{fraction:0<9}")[..9].parse().ok()?;
    let offset = sign * (offset_hours * 3600 + offset_minutes * 60);
    let seconds = seconds + i128::from(hour * 3600 + minute * 60 + second - offset);
    Some(seconds * 1_000_000_000 + nanoseconds)
}

/// The second that the engines see: RFC 3339 with nothing left out, the fraction thrown away.
pub(crate) fn strict_second(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (clock, (offset_hours, offset_minutes, sign)) = clock_and_offset(time, &['Z', 'z'])?;
    let parts: Vec<&str> = clock.splitn(3, ':').collect();
    let [hour, minute, rest] = parts.as_slice() else { return None };
    let (second, fraction) = match rest.split_once('.') {
        Some((_, "")) => return None,
        Some((second, fraction)) => (second, fraction),
        None => (*rest, ""),
    };
    if !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    if hour > 23 || minute > 59 || second > 60 || offset_hours > 23 || offset_minutes > 59 {
        return None;
    }
    let offset = sign * (offset_hours * 3600 + offset_minutes * 60);
    // A leap second counts as the one before it.
    Some(days(date)? * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset)
}

fn clock_and_offset<'t>(time: &'t str, zulu: &[char]) -> Option<(&'t str, (i64, i64, i64))> {
    if let Some(clock) = time.strip_suffix(zulu) {
        return Some((clock, (0, 0, 1)));
    }
    let at = time.rfind(['+', '-'])?;
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let sign = if time[at..].starts_with('-') { -1 } else { 1 };
    Some((&time[..at], (number(hours, 2)?, number(minutes, 2)?, sign)))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.chars().all(|c| c.is_ascii_digit())).then(|| text.parse().unwrap())
}

/// Days since the year 0, counted year by year and month by month.
fn days(date: &str) -> Option<i64> {
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_month = |month: i64| match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=of_month(month)).contains(&day) {
        return None;
    }
    let mut days = 0;
    for past in 0..year {
        days += 365 + i64::from(leap(past));
    }
    for past in 1..month {
        days += of_month(past);
    }
    Some(days + day - 1)
}
