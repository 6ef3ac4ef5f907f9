//! What an unquoted scalar looks like: null, a boolean, a number, or text.
//!
//! The table is that of the reader of Flipt (go-yaml v3, as far as it matters here): `on`, `off`, `yes` and `no` are
//! text, `0x1f`, `0o17`, `017` and `1_000` are numbers, `08` is a float. Dates are text.

/// The look of a scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Empty, `~`, `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// A whole number that only fits 64 bits without a sign.
    Unsigned(u64),
    /// Any other number; `.inf` and `.nan` among them.
    Float(f64),
    /// Everything else.
    Text,
}

impl Kind {
    /// The number, if it is one.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "numbers of flag files are floats in the end, as in Flipt")]
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(n as f64),
            Self::Unsigned(n) => Some(n as f64),
            Self::Float(n) => Some(n),
            Self::Null | Self::Bool(_) | Self::Text => None,
        }
    }

    /// As a message calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Unsigned(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text => "text",
        }
    }
}

/// What an unquoted scalar looks like.
#[must_use]
pub fn kind(text: &str) -> Kind {
    match text.as_bytes().first() {
        None => Kind::Null,
        Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => match text {
            "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Bool(true),
            "false" | "False" | "FALSE" => Kind::Bool(false),
            _ => Kind::Text,
        },
        Some(b'.' | b'+' | b'-' | b'0'..=b'9') => number(text).unwrap_or(Kind::Text),
        Some(_) => Kind::Text,
    }
}

fn number(text: &str) -> Option<Kind> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(Kind::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Kind::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Kind::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let owned;
    let plain = if text.contains('_') {
        owned = text.replace('_', "");
        owned.as_str()
    } else {
        text
    };
    integer(plain).or_else(|| is_float(plain).then(|| plain.parse().ok().map(Kind::Float))?)
}

fn integer(text: &str) -> Option<Kind> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, text.get(1..)?),
        b'+' => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match (negative, i64::try_from(value)) {
        (false, Ok(value)) => Some(Kind::Int(value)),
        (true, Ok(value)) => Some(Kind::Int(-value)),
        (true, Err(_)) => (value == 1 << 63).then_some(Kind::Int(i64::MIN)),
        (false, Err(_)) => (!signed).then_some(Kind::Unsigned(value)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |at: &mut usize| {
        let start = *at;
        while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at - start
    };
    let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let whole = digits(&mut at);
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        fraction = digits(&mut at);
    }
    if whole + fraction == 0 {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
        if digits(&mut at) == 0 {
            return false;
        }
    }
    at == bytes.len()
}
