//! As much of DER (X.690) as leads to a public key and to the end of a certificate: no length is believed that is not
//! there, and none is longer than 64 KiB.

use jiff::Timestamp;

/// Tags.
pub const INTEGER: u8 = 0x02;
/// See [`INTEGER`].
pub const BIT_STRING: u8 = 0x03;
/// See [`INTEGER`].
pub const OBJECT_ID: u8 = 0x06;
/// See [`INTEGER`].
pub const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit `[0]` in front of a certificate's version.
const VERSION: u8 = 0xa0;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over these bytes.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, which has this tag.
    pub fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            // Two bytes of length reach 64 KiB; no key or certificate is larger.
            let bytes = match first {
                0x81 => 1,
                0x82 => 2,
                _ => return None,
            };
            let (big_endian, after) = rest.split_at_checked(bytes)?;
            length = big_endian.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// The inside of the next element, which has this tag.
    pub fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }

    /// Passes over the next element, whatever it is.
    pub fn skip(&mut self) -> Option<()> {
        let tag = *self.0.first()?;
        self.take(tag).map(|_| ())
    }

    /// Nothing is left.
    #[must_use]
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The inside of a certificate (RFC 5280, section 4.1), from its issuer on.
#[must_use]
pub fn certificate(bytes: &[u8]) -> Option<Reader<'_>> {
    let mut certificate = Reader::of(bytes).inside(SEQUENCE)?.inside(SEQUENCE)?;
    if certificate.0.first() == Some(&VERSION) {
        certificate.skip()?;
    }
    // Serial number, algorithm.
    certificate.skip()?;
    certificate.skip()?;
    Some(certificate)
}

/// When a certificate ends.
#[must_use]
pub fn not_after(bytes: &[u8]) -> Option<Timestamp> {
    let mut certificate = certificate(bytes)?;
    certificate.skip()?;
    let mut validity = certificate.inside(SEQUENCE)?;
    validity.skip()?;
    let (text, century) = match validity.0.first()? {
        &UTC_TIME => (validity.take(UTC_TIME)?, true),
        _ => (validity.take(GENERALIZED_TIME)?, false),
    };
    let text = std::str::from_utf8(text).ok()?;
    // Two digits of a year are from 1950 to 2049 (section 4.1.2.5.1).
    let text = match text.get(..2)?.parse::<u8>().ok()? {
        _ if !century => text.to_owned(),
        50.. => format!("19{text}"),
        _ => format!("20{text}"),
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate() {
        let pem = include_str!("../fixtures/tls/certificate.pem");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
        let end = not_after(&der).unwrap();
        assert!(end.to_string().starts_with("2126-"), "{end}");
        for cut in 0..der.len() {
            let _ = not_after(&der[..cut]);
        }
        // The same with two digits for the year.
        let at = der.windows(2).position(|pair| pair == [GENERALIZED_TIME, 15]).unwrap();
        let mut short = [&[UTC_TIME, 13][..], &der[at + 4..at + 17]].concat();
        for (digits, year) in [(b"26", "2026"), (b"49", "2049"), (b"50", "1950"), (b"99", "1999")] {
            short[2..4].copy_from_slice(digits);
            let nothing = [0x30, 0];
            let inside = [&nothing[..], &nothing, &nothing, &[0x30, 17, 5, 0], &short].concat();
            let size = u8::try_from(inside.len()).unwrap();
            let whole = [&[0x30, size + 2, 0x30, size][..], &inside].concat();
            assert!(not_after(&whole).unwrap().to_string().starts_with(year), "{year}");
        }
    }
}
