//! Where an entity falls: CRC-32 (IEEE, as zlib) over UTF-8 bytes, and boundaries in 32-bit floats.
//!
//! Both hashes and the float arithmetic are those of Flipt v2's server to the last bit: another rounding moves users
//! from one variant to another. Neither the namespace nor the environment takes part, so a flag splits its users in
//! the same way everywhere.

/// Parts into which a variant flag's entities are divided.
pub const BUCKETS: u32 = 1_000;

/// The bucket of an entity for the distributions of a variant flag, 0 to 999.
#[must_use]
pub fn of_variant(flag: &str, entity: &str) -> u32 {
    checksum(flag, entity) % BUCKETS
}

/// The percentile of an entity for the thresholds of a boolean flag, 0 to 99. (The order of the parts is the reverse
/// of [`of_variant`].)
#[must_use]
pub fn of_boolean(flag: &str, entity: &str) -> u8 {
    // Below 100 by the modulus.
    u8::try_from(checksum(entity, flag) % 100).unwrap_or_default()
}

fn checksum(first: &str, second: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(first.as_bytes());
    hasher.update(second.as_bytes());
    hasher.finalize()
}

/// For each rollout the bucket at which its share ends; an entity takes the first whose end lies above its bucket.
///
/// Rollouts of zero or less take no part: their end is 0, which lies above no bucket. The others are scaled to their
/// sum, and the last of them ends at 1000, so that every entity gets a variant.
#[must_use]
pub fn boundaries(rollouts: &[f32]) -> Vec<u32> {
    ends(rollouts, f32::trunc)
}

/// The same in the engines of client SDKs, which round instead of cutting off.
#[must_use]
pub fn boundaries_of_clients(rollouts: &[f32]) -> Vec<u32> {
    ends(rollouts, f32::round)
}

fn ends(rollouts: &[f32], whole: impl Fn(f32) -> f32) -> Vec<u32> {
    let total: f32 = rollouts.iter().copied().filter(|rollout| *rollout > 0.0).fold(0.0, |sum, rollout| sum + rollout);
    let mut reached = 0_f32;
    let mut ends: Vec<u32> = rollouts
        .iter()
        .map(|rollout| {
            if *rollout > 0.0 {
                reached += (rollout / total) * 100.0;
                number(whole(reached * 10.0))
            } else {
                0
            }
        })
        .collect();
    if let Some(last) = rollouts.iter().rposition(|rollout| *rollout > 0.0).and_then(|last| ends.get_mut(last)) {
        *last = BUCKETS;
    }
    ends
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of 0..=1001")]
fn number(boundary: f32) -> u32 {
    boundary as u32
}
