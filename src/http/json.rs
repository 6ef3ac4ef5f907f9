//! Writing answers: straight into one buffer, in the order in which Flipt declares its fields.

use std::cell::Cell;
use std::io::Write as _;
use std::time::Duration;

use actix_web::HttpResponse;
use jiff::Timestamp;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory does not fail, and a string always has a JSON form.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Appends a list of strings.
pub(super) fn strings<'t>(out: &mut Vec<u8>, texts: impl IntoIterator<Item = &'t str>) {
    out.push(b'[');
    for (n, text) in texts.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        string(out, text);
    }
    out.push(b']');
}

/// Appends a truth value.
pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends a duration in milliseconds.
pub(super) fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let nanoseconds = duration.as_nanos();
    let _ = write!(out, "{}.{:06}", nanoseconds / 1_000_000, nanoseconds % 1_000_000);
}

/// Appends an instant in quotes: RFC 3339, UTC, with 0, 3, 6 or 9 digits of a second.
pub(super) fn timestamp(out: &mut Vec<u8>, at: Timestamp) {
    let nanoseconds = at.subsec_nanosecond();
    let digits = match nanoseconds {
        0 => 0,
        n if n % 1_000_000 == 0 => 3,
        n if n % 1_000 == 0 => 6,
        _ => 9,
    };
    let _ = write!(out, "\"{at:.digits$}\"");
}

/// Appends a new UUID, version 4, in quotes.
///
/// It names a request, it guards nothing: one kernel call seeds a thread, the rest is a counter through a hash.
pub(super) fn new_id(out: &mut Vec<u8>) {
    thread_local! {
        static NEXT: Cell<(u128, u64)> = Cell::new((Uuid::new_v4().as_u128(), 0));
    }
    let (seed, count) = NEXT.get();
    NEXT.set((seed, count.wrapping_add(1)));
    #[expect(clippy::cast_possible_truncation, reason = "one half of the seed keys the hash, the other half masks it")]
    let random = xxh3_128_with_seed(&count.to_le_bytes(), seed as u64) ^ seed;
    let id = uuid::Builder::from_random_bytes(random.to_le_bytes()).into_uuid();
    out.push(b'"');
    out.extend_from_slice(id.hyphenated().encode_lower(&mut [0; uuid::fmt::Hyphenated::LENGTH]).as_bytes());
    out.push(b'"');
}

/// A JSON answer.
pub(super) fn ok(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type(mime()).body(body)
}

/// The content type of every answer that is not a stream of events.
pub(super) fn mime() -> actix_web::http::header::HeaderValue {
    actix_web::http::header::HeaderValue::from_static("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_read_back_as_they_were() {
        for text in ["", "plain", "quo\"te", "back\\slash", "new\nline", "\u{0}", "ü \u{2028} 🚀", "\u{7f}"] {
            let json = written(|out| string(out, text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn instants_have_groups_of_three_digits() {
        for (nanoseconds, want) in [
            (0, "\"2026-01-02T03:04:05Z\""),
            (120_000_000, "\"2026-01-02T03:04:05.120Z\""),
            (123_456_000, "\"2026-01-02T03:04:05.123456Z\""),
            (1, "\"2026-01-02T03:04:05.000000001Z\""),
        ] {
            let at = Timestamp::new(1_767_323_045, nanoseconds).unwrap();
            assert_eq!(written(|out| timestamp(out, at)), want);
        }
    }

    #[test]
    fn durations_are_numbers() {
        assert_eq!(written(|out| milliseconds(out, Duration::from_nanos(85_277))), "0.085277");
        assert_eq!(written(|out| milliseconds(out, Duration::from_secs(2))), "2000.000000");
    }

    #[test]
    fn ids_are_version_four_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1_000).map(|_| written(new_id)).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            let id = Uuid::parse_str(id.trim_matches('"')).unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        }
    }
}
