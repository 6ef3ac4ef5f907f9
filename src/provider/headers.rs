//! The headers of a delivery, as values.
//!
//! A header that decides something must be there exactly once: which of two contradicting values a server or proxy
//! would have taken is not a question that an authenticator may leave open. So the only accessor answers three ways.

use std::borrow::Cow;

/// Header fields in the order of the wire; names in any case.
#[derive(Debug, Clone, Default)]
pub struct Headers<'a>(Vec<(Cow<'a, str>, Cow<'a, [u8]>)>);

/// What a message has under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// Nothing.
    Absent,
    /// One field; its value, white space at its ends removed. Empty if it is not UTF-8.
    Is(&'a str),
    /// More than one field.
    Doubled,
}

impl<'a> Field<'a> {
    /// The value, if there is exactly one and it is not empty.
    #[must_use]
    pub fn value(self) -> Option<&'a str> {
        match self {
            Self::Is(value) if !value.is_empty() => Some(value),
            _ => None,
        }
    }
}

impl<'a> Headers<'a> {
    /// The fields as they came, repeated ones repeated.
    pub fn new(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect())
    }

    /// The field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Field<'_> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Field::Absent,
            (Some(value), None) => Field::Is(std::str::from_utf8(value).unwrap_or_default().trim()),
            (Some(_), Some(_)) => Field::Doubled,
        }
    }

    /// The fields as they came.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same fields, free of what they were borrowed from.
    #[must_use]
    pub fn into_owned(self) -> Headers<'static> {
        let own = |(name, value): (Cow<'a, str>, Cow<'a, [u8]>)| {
            (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))
        };
        Headers(self.0.into_iter().map(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_there_once_or_it_decides_nothing() {
        let headers = Headers::new([
            ("X-One", b" v ".as_slice()),
            ("x-two", b"a"),
            ("X-TWO", b"b"),
            ("x-empty", b""),
            ("x-latin1", b"\xe4"),
        ]);
        assert_eq!(headers.get("x-one"), Field::Is("v"));
        assert_eq!(headers.get("X-Two"), Field::Doubled);
        assert_eq!(headers.get("x-two").value(), None);
        assert_eq!(headers.get("x-empty").value(), None);
        assert_eq!(headers.get("x-latin1").value(), None);
        assert_eq!(headers.get("x-none"), Field::Absent);
        assert_eq!(headers.into_owned().get("x-one").value(), Some("v"));
    }
}
