//! Checksums that make a silent change visible.
//!
//! A value is `version | crc32 over key and payload | payload`. The seal is one more value: a number that grows with
//! every write, and the sum of the hashes of every pair of key and value. Recomputed when the store is opened, it
//! tells a store that lost a page, or went back to an older one, from a whole one. Its copy in a file beside the store
//! tells a store that came up empty or older as a whole.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Version of every value; another one is not read.
const VERSION: u8 = 1;

/// The seal over all values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// Which store: made by chance when it is created.
    pub(super) id: u64,
    /// Number of the write that made it.
    pub(super) sequence: u64,
    /// Sum of [`hash`] over all pairs.
    pub(super) sum: u64,
    /// Number of pairs.
    pub(super) entries: u64,
}

/// `payload` as it is stored under `key`.
pub(super) fn wrap(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(payload.len() + 5);
    value.push(VERSION);
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// The payload of what is stored under `key`, if it is whole and of our version.
pub(super) fn unwrap<'v>(key: &[u8], value: &'v [u8]) -> Option<&'v [u8]> {
    let (version, rest) = value.split_first()?;
    let (sum, payload) = rest.split_first_chunk::<4>()?;
    (*version == VERSION && *sum == checksum(key, payload).to_le_bytes()).then_some(payload)
}

/// The hash of one pair, as the seal adds them up.
pub(super) fn hash(key: &[u8], value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, xxh3_64_with_seed(key, 0))
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

impl Seal {
    /// As it is stored, in the store and in the file.
    pub(super) fn encode(self) -> Vec<u8> {
        let words = [self.id, self.sequence, self.sum, self.entries];
        wrap(super::record::SEAL, &words.map(u64::to_le_bytes).concat())
    }

    /// What [`Self::encode`] made.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (words, rest) = unwrap(super::record::SEAL, value)?.as_chunks::<8>();
        let [id, sequence, sum, entries] = *<&[[u8; 8]; 4]>::try_from(words).ok()?;
        let word = u64::from_le_bytes;
        rest.is_empty().then(|| Self { id: word(id), sequence: word(sequence), sum: word(sum), entries: word(entries) })
    }
}
