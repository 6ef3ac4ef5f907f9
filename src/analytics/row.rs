//! A slot that is over, as it is kept: every count of it, compressed.
//!
//! A row is written once, when its slot is over, and taken away once, when nobody looks so far back. The counts of the
//! current slots are made of the finer ones again after a restart, so that a kill costs a minute.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::span::{Slot, Span};
use crate::limits;

/// What a row is of.
pub type Place = (Span, Slot);

/// A row for the disk; nothing if it is to be taken away.
pub type Row = (Place, Option<Arc<[u8]>>);

/// Environment, namespace, flag, answer, count.
pub type Counts = BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeMap<Arc<str>, u32>>>>;

/// A row of counts, or that it is none any more. Milliseconds, where many flags are in use. Counts that cannot be written
/// are not kept.
#[must_use]
pub fn row((place, counts): (Place, Option<Counts>)) -> Row {
    (place, counts.and_then(|counts| encode(&counts)))
}

fn encode(counts: &Counts) -> Option<Arc<[u8]>> {
    let json = serde_json::to_vec(counts).ok()?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&json).ok()?;
    Some(encoder.finish().ok()?.into())
}

/// What [`encode`] made; nothing if it is none, or larger than any.
pub(super) fn decode(row: &[u8]) -> Option<Counts> {
    let mut json = Vec::new();
    ZlibDecoder::new(row).take(limits::ANALYTICS_ROW_BYTES).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The number by which a span is kept.
#[must_use]
pub const fn number(span: Span) -> u8 {
    match span {
        Span::Hour => 0,
        Span::Day => 1,
        Span::Month => 2,
    }
}

/// The span of a number.
#[must_use]
pub fn span(of: u8) -> Option<Span> {
    Span::ALL.into_iter().find(|span| number(*span) == of)
}
