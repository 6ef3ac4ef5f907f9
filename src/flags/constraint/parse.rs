//! Numbers, booleans and instants as Go reads them: `strconv.ParseFloat`, `strconv.ParseBool`, `time.Parse` with
//! RFC 3339. Grammar and leniencies were recorded from a running server; see the tests for each.

/// A number: decimal or hexadecimal with `p` exponent, `_` between digits, `inf`, `nan`. None if it is no number, or
/// one too large for 64 bits.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    match body.as_bytes().first()? {
        b'i' | b'I' if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") => {
            return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        b'n' | b'N' if body.len() == text.len() && body.eq_ignore_ascii_case("nan") => return Some(f64::NAN),
        b'0'..=b'9' | b'.' => {}
        _ => return None,
    }
    let owned;
    let plain = if body.contains('_') {
        if !underscores_separate(body.as_bytes()) {
            return None;
        }
        owned = body.replace('_', "");
        owned.as_str()
    } else {
        body
    };
    let value = match plain.as_bytes() {
        [b'0', b'x' | b'X', ..] => hexadecimal(plain.get(2..)?)?,
        bytes if is_decimal(bytes) => plain.parse::<f64>().ok()?,
        _ => return None,
    };
    value.is_finite().then_some(if negative { -value } else { value })
}

/// Digits with at most one point, and an exponent that has digits.
fn is_decimal(bytes: &[u8]) -> bool {
    let (mut digits, mut point) = (0, false);
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' if !point => point = true,
            b'e' | b'E' if digits > 0 => {
                let mut exponent = rest.as_slice();
                if let [b'+' | b'-', after @ ..] = exponent {
                    exponent = after;
                }
                return !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit);
            }
            _ => return false,
        }
    }
    digits > 0
}

/// Each underscore stands between two digits, the prefix `0x` counting as one.
fn underscores_separate(bytes: &[u8]) -> bool {
    let hex = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let mut after_digit = hex;
    let mut open = false;
    for byte in bytes.iter().skip(if hex { 2 } else { 0 }) {
        let digit = if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        match byte {
            _ if digit => (after_digit, open) = (true, false),
            b'_' if !after_digit || open => return false,
            b'_' => open = true,
            _ if open => return false,
            _ => after_digit = false,
        }
    }
    !open
}

/// What follows `0x`: hexadecimal digits with at most one point, and a binary exponent in decimal digits.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let mut mantissa: u64 = 0;
    let (mut shift, mut seen, mut point, mut lost) = (0_i64, false, false, false);
    for byte in digits.bytes() {
        if byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = u64::from(char::from(byte).to_digit(16)?);
        seen = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            shift -= if point { 4 } else { 0 };
        } else {
            lost |= digit != 0;
            shift += if point { 0 } else { 4 };
        }
    }
    let (sign, exponent) = match exponent.as_bytes().first()? {
        b'-' => (-1, exponent.get(1..)?),
        b'+' => (1, exponent.get(1..)?),
        _ => (1, exponent),
    };
    if !seen || exponent.is_empty() || !exponent.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Past this every number is zero or infinite.
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    // The last bit stands for what was cut off: it only has to decide ties.
    let mantissa = mantissa | u64::from(lost);
    Some(scaled(mantissa, shift.saturating_add(sign * exponent)))
}

/// `mantissa * 2^exponent`, rounded once, to the nearest and ties to even.
fn scaled(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let top = 63 - i64::from(mantissa.leading_zeros());
    // The exponent of the number's highest bit, and of the lowest bit that its format keeps.
    let high = exponent.saturating_add(top);
    if high > 1_023 {
        return f64::INFINITY;
    }
    let low = (high - 52).max(-1_074);
    let drop = low - exponent;
    let kept = if drop <= 0 {
        u128::from(mantissa) << (-drop).min(64)
    } else if drop > 65 {
        0
    } else {
        let wide = u128::from(mantissa);
        let kept = wide >> drop;
        let (rest, half) = (wide & ((1 << drop) - 1), 1_u128 << (drop - 1));
        kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
    };
    // At most 2^53, so exact; the two steps of the power stay in the range of floats.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
    let kept = kept as f64;
    kept * power_of_two(low / 2) * power_of_two(low - low / 2)
}

fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(u64::try_from(exponent + 1_023).unwrap_or_default() << 52)
}

/// A boolean in one of Go's spellings.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A point in time: seconds since 1970 and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl Instant {
    /// Seconds since 1970, without the fraction.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }
}

/// An RFC 3339 time, or a date, which is its midnight in UTC.
///
/// As Go reads it: a comma may stand for the decimal point, the hour may have one digit, offsets reach 24:60, digits
/// past the ninth of a fraction are cut off. Second 60, hour 24 and days that a month has not are refused.
#[must_use]
pub fn instant(text: &str) -> Option<Instant> {
    let mut rest = text.as_bytes();
    let year = digits(&mut rest, 4)?;
    literal(&mut rest, b'-')?;
    let month = digits(&mut rest, 2)?;
    literal(&mut rest, b'-')?;
    let day = digits(&mut rest, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(Instant { seconds: midnight, nanoseconds: 0 });
    }
    literal(&mut rest, b'T')?;
    let hour = match rest {
        [b'0'..=b'9', b'0'..=b'9', ..] => digits(&mut rest, 2)?,
        _ => digits(&mut rest, 1)?,
    };
    literal(&mut rest, b':')?;
    let minute = digits(&mut rest, 2)?;
    literal(&mut rest, b':')?;
    let second = digits(&mut rest, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut nanoseconds = 0;
    if let [b'.' | b',', after @ ..] = rest
        && after.first().is_some_and(u8::is_ascii_digit)
    {
        let count = after.iter().take_while(|b| b.is_ascii_digit()).count();
        let (fraction, after) = after.split_at_checked(count)?;
        for place in 0..9 {
            let digit = fraction.get(place).map_or(0, |b| u32::from(b - b'0'));
            nanoseconds = nanoseconds * 10 + digit;
        }
        rest = after;
    }
    let offset = match rest {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), after @ ..] => {
            let mut after = after;
            let hours = digits(&mut after, 2)?;
            literal(&mut after, b':')?;
            let minutes = digits(&mut after, 2)?;
            if hours > 24 || minutes > 60 || !after.is_empty() {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'+' { 60 } else { -60 }
        }
        _ => return None,
    };
    Some(Instant { seconds: midnight + hour * 3_600 + minute * 60 + second - offset, nanoseconds })
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(count)?;
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    *rest = after;
    Some(number.iter().fold(0, |value, b| value * 10 + i64::from(b - b'0')))
}

fn literal(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March, so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
