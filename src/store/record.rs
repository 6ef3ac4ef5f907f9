//! Keys and payloads of what is stored.
//!
//! ```text
//! d <storage> 00 <received, microseconds, big endian> <id>   JSON of the delivery
//! m <storage> 00 <environment> 00 <part, big endian>         a part of the JSON of the manifest
//! f <storage>                                                JSON of the last fetch that succeeded
//! a <storage> 00 <w or r> <at, microseconds, big endian> <id>  JSON of the record of a write; r: it was refused
//! p <storage> 00 <at, microseconds, big endian> <id>         JSON of a write whose end is not known
//! o <storage> 00 <id>                                        JSON of the record of a proposal
//! c <span> <slot, big endian> <part, big endian>             a part of the counts of evaluations of a slot
//! s                                                          the seal
//! ```
//!
//! sled never gives back the space of large values, so a value is at most [`limits::STORE_VALUE_BYTES`] long and a
//! longer manifest, or longer counts, are cut into parts.

use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Fetch, Manifest, Place};
use crate::analytics::Span;
use crate::analytics::row::{self, Place as RowPlace};
use crate::audit::{self, Event};
use crate::ingest::{Delivery, Outcome, Steps};
use crate::limits;
use crate::provider::Provider;

/// Key of the seal.
pub(super) const SEAL: &[u8] = b"s";

/// What stands under a key.
pub(super) enum Kind {
    /// A delivery.
    Delivery,
    /// A part of the manifest of this environment.
    Manifest(Place),
    /// The last fetch of this storage.
    Fetch(Arc<str>),
    /// The record of a write.
    Event,
    /// A write whose end is not known.
    Pending,
    /// The record of a proposal.
    Proposal,
    /// A part of the counts of this slot.
    Row(RowPlace),
    /// The seal.
    Seal,
}

/// What a key means; nothing if it is none of ours.
pub(super) fn kind(key: &[u8]) -> Option<Kind> {
    let (tag, rest) = key.split_first()?;
    match tag {
        b'd' => Some(Kind::Delivery),
        b'm' => {
            let mut names = rest.splitn(3, |b| *b == 0);
            let place = (name(names.next()?)?, name(names.next()?)?);
            (names.next()?.len() == 4).then_some(Kind::Manifest(place))
        }
        b'f' => Some(Kind::Fetch(name(rest)?)),
        b'a' => Some(Kind::Event),
        b'p' => Some(Kind::Pending),
        b'o' => Some(Kind::Proposal),
        b'c' => {
            let (span, rest) = rest.split_first()?;
            let (slot, part) = rest.split_first_chunk::<4>()?;
            (part.len() == 4).then_some(Kind::Row((row::span(*span)?, u32::from_be_bytes(*slot))))
        }
        b's' if rest.is_empty() => Some(Kind::Seal),
        _ => None,
    }
}

fn name(bytes: &[u8]) -> Option<Arc<str>> {
    std::str::from_utf8(bytes).ok().map(Arc::from)
}

/// Where a delivery is stored: sorts by storage, then by age.
pub(super) fn delivery_key(delivery: &Delivery) -> Vec<u8> {
    [b"d", delivery.storage.as_bytes(), b"\0", &age(delivery.received), delivery.id.as_bytes()].concat()
}

/// Times before 1970 sort as 1970: no clock that is meant to be right says so.
fn age(at: Timestamp) -> [u8; 8] {
    u64::try_from(at.as_microsecond()).unwrap_or(0).to_be_bytes()
}

/// The payload of a delivery; none if it is too large to keep.
pub(super) fn delivery_payload(delivery: &Delivery) -> Option<Vec<u8>> {
    serde_json::to_vec(delivery).ok().filter(|json| json.len() <= limits::STORE_VALUE_BYTES)
}

/// What [`delivery_payload`] made.
pub(super) fn delivery(payload: &[u8]) -> Option<Delivery> {
    let record: Record = serde_json::from_slice(payload).ok()?;
    Some(Delivery {
        provider: Provider::ALL.iter().map(|p| p.name()).find(|name| *name == record.provider)?,
        verified: record.verified.and_then(|how| VERIFIED.into_iter().find(|name| *name == how)),
        id: record.id,
        storage: record.storage,
        delivery_id: record.delivery_id,
        event: record.event,
        received: record.received,
        outcome: record.outcome,
        status: record.status,
        detail: record.detail,
        commit: record.commit,
        steps: record.steps,
        error: record.error,
    })
}

/// How a delivery can have been verified.
const VERIFIED: [&str; 4] = ["hmac-sha256", "standard-webhooks", "token", "basic"];

/// A [`Delivery`] as it is read back; see there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: Arc<str>,
    storage: Arc<str>,
    provider: String,
    delivery_id: Option<String>,
    event: Option<String>,
    received: Timestamp,
    verified: Option<String>,
    outcome: Outcome,
    status: u16,
    detail: String,
    commit: Option<String>,
    steps: Steps,
    error: Option<String>,
}

/// What the keys of all parts of a manifest begin with.
pub(super) fn manifest_prefix((storage, environment): &Place) -> Vec<u8> {
    [b"m", storage.as_bytes(), b"\0", environment.as_bytes(), b"\0"].concat()
}

/// The parts of a manifest: (key, payload), in order. The first one begins with the length of the whole.
pub(super) fn manifest_parts(place: &Place, manifest: &Manifest) -> Vec<(Vec<u8>, Vec<u8>)> {
    let prefix = manifest_prefix(place);
    serde_json::to_vec(manifest).map(|json| parts(&prefix, &json)).unwrap_or_default()
}

/// What [`manifest_parts`] made, joined again.
pub(super) fn manifest(whole: &[u8]) -> Option<Manifest> {
    serde_json::from_slice(joined(whole)?).ok()
}

/// The parts of something long: (key, payload), in order. The first one begins with the length of the whole.
fn parts(prefix: &[u8], text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let whole = [&(text.len() as u64).to_be_bytes()[..], text].concat();
    let parts = whole.chunks(limits::STORE_VALUE_BYTES).zip(0_u32..);
    parts.map(|(part, index)| ([prefix, &index.to_be_bytes()].concat(), part.to_vec())).collect()
}

/// What [`parts`] made, if all of it is there.
fn joined(whole: &[u8]) -> Option<&[u8]> {
    let (length, text) = whole.split_first_chunk::<8>()?;
    (u64::from_be_bytes(*length) == text.len() as u64).then_some(text)
}

/// What the keys of all counts of a span begin with; the oldest slot comes first.
pub(super) fn span_prefix(span: Span) -> [u8; 2] {
    [b'c', row::number(span)]
}

/// What the keys of all parts of the counts of a slot begin with.
pub(super) fn row_prefix((span, slot): RowPlace) -> Vec<u8> {
    [&span_prefix(span)[..], &slot.to_be_bytes()].concat()
}

/// The parts of the counts of a slot: (key, payload), in order.
pub(super) fn row_parts(place: RowPlace, row: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    parts(&row_prefix(place), row)
}

/// What [`row_parts`] made, joined again.
pub(super) fn row(whole: &[u8]) -> Option<Vec<u8>> {
    joined(whole).map(<[u8]>::to_vec)
}

/// Key of the last fetch of a storage.
pub(super) fn fetch_key(storage: &str) -> Vec<u8> {
    [b"f", storage.as_bytes()].concat()
}

/// The payload of a fetch.
pub(super) fn fetch_payload(fetch: &Fetch) -> Option<Vec<u8>> {
    serde_json::to_vec(fetch).ok().filter(|json| json.len() <= limits::STORE_VALUE_BYTES)
}

/// What [`fetch_payload`] made.
pub(super) fn fetch(payload: &[u8]) -> Option<Fetch> {
    serde_json::from_slice(payload).ok()
}

/// Where the records of a storage's writes are stored: those that were refused apart.
pub(super) fn event_prefix(storage: &str, refused: bool) -> Vec<u8> {
    [b"a", storage.as_bytes(), b"\0", if refused { b"r" } else { b"w" }].concat()
}

/// Where the record of a write is stored: sorts by storage, then by age.
pub(super) fn event_key(event: &Event) -> Vec<u8> {
    let refused = event.outcome == audit::Outcome::Refused;
    [&event_prefix(&event.storage, refused)[..], &age(event.at), event.id.as_bytes()].concat()
}

/// Where a write whose end is not known is stored: sorts by storage, then by age.
pub(super) fn pending_key(event: &Event) -> Vec<u8> {
    [b"p", event.storage.as_bytes(), b"\0", &age(event.at), event.id.as_bytes()].concat()
}

/// What the keys of a storage's proposals begin with.
pub(super) fn proposal_prefix(storage: &str) -> Vec<u8> {
    [b"o", storage.as_bytes(), b"\0"].concat()
}

/// Where the record of a proposal is stored.
pub(super) fn proposal_key(storage: &str, id: &str) -> Vec<u8> {
    [&proposal_prefix(storage)[..], id.as_bytes()].concat()
}

/// A record of a write or of a proposal; none if it is too large to keep.
pub(super) fn json(record: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(record).ok().filter(|json| json.len() <= limits::STORE_VALUE_BYTES)
}

/// What [`json`] made.
pub(super) fn read<T: DeserializeOwned>(payload: &[u8]) -> Option<T> {
    serde_json::from_slice(payload).ok()
}
