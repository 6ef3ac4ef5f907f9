//! From bytes to text: UTF-8 only, and none of the characters that YAML refuses.

use super::{Error, Position, Reason};

/// The text of a file. A byte order mark of UTF-8 is passed over.
///
/// # Errors
/// The first byte that is no UTF-8; a text in UTF-16 or UTF-32 is named as such.
pub fn decode(bytes: &[u8]) -> Result<&str, Error> {
    let wide = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        // Or without a mark: the first characters of any of our files are ASCII.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, 0, 1..=0x7f, ..] | [1..=0x7f, 0, 1..=0x7f, 0, ..] => {
            Some("UTF-16")
        }
        _ => None,
    };
    if let Some(name) = wide {
        let message = format!("the text is encoded in {name}; only UTF-8 is read");
        let at = Position { line: 1, column: 1 };
        return Err(Error { at, message, reason: Reason::Encoding, key_path: String::new() });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let (good, bad) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
            let before = String::from_utf8_lossy(good);
            let message = format!("the byte 0x{:02x} is no UTF-8", bad.first().copied().unwrap_or_default());
            let at = end_of(&before);
            Err(Error { at, message, reason: Reason::Encoding, key_path: String::new() })
        }
    }
}

/// Refuses what may not stand in a YAML text at all: control characters, NUL above all, which scanners take for the end.
pub(super) fn characters(text: &str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    let suspicious = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0x7f;
    // U+0080..U+009F begin with C2, U+FFFE and U+FFFF with EF: only then the character is looked at.
    if !bytes.iter().any(|byte| suspicious(byte) || matches!(byte, 0xc2 | 0xef)) {
        return Ok(());
    }
    let refused = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
            | '\u{fffe}' | '\u{ffff}')
    };
    let Some((index, found)) = text.char_indices().find(|(_, c)| refused(*c)) else {
        return Ok(());
    };
    let message = match found {
        '\0' => "a NUL character; the file may be binary, or its end was lost in a crash".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    };
    let at = end_of(text.get(..index).unwrap_or_default());
    Err(Error { at, message, reason: Reason::Character, key_path: String::new() })
}

/// The position right after a text.
pub(super) fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().filter(|c| *c != '\u{feff}').count() + 1;
    Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}
