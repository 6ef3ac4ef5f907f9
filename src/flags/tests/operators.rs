//! The truth table of operators, and the vectors of hash and boundaries.

use serde_json::Value;

use super::super::bucket;
use super::super::constraint::{Constraint, Operator, Subject};
use super::super::evaluate::Context;
use super::text;

#[test]
fn the_truth_table_holds() {
    let rows: Vec<Value> = serde_json::from_str(&text("evaluation/operators.json")).unwrap();
    assert_eq!(rows.len(), 280);
    for row in rows {
        let word = |name: &str| row[name].as_str().unwrap();
        let subject =
            Subject::ALL.into_iter().find(|s| s.client_name().starts_with(&format!("{}_CONSTRAINT", word("type"))));
        let operator = Operator::ALL.into_iter().find(|o| o.name() == word("operator")).unwrap();
        let expected = row["server"].as_bool().unwrap();
        let value = row["input"].as_str().unwrap_or_default();
        // A segment whose constraint is malformed takes no part.
        let found = Constraint::new(subject.unwrap(), operator, "p", word("constraintValue"));
        assert_eq!(found.is_ok_and(|constraint| constraint.matches(value)), expected, "{row}");
    }
}

#[test]
fn hashes_and_boundaries_are_the_recorded_ones() {
    let vectors: Value = serde_json::from_str(&text("evaluation/hash-vectors.json")).unwrap();
    let hashes = vectors["hash"].as_array().unwrap();
    assert_eq!(hashes.len(), 13);
    for vector in hashes {
        let (flag, entity) = (vector["flagKey"].as_str().unwrap(), vector["entityId"].as_str().unwrap());
        assert_eq!(u64::from(bucket::of_variant(flag, entity)), vector["variantBucket"].as_u64().unwrap(), "{vector}");
        assert_eq!(
            u64::from(bucket::of_boolean(flag, entity)),
            vector["booleanNormalized"].as_u64().unwrap(),
            "{vector}"
        );
        let bytes = format!("{flag}{entity}");
        assert_eq!(u64::from(slow_crc32(bytes.as_bytes())), vector["variantCrc32"].as_u64().unwrap());
    }
    let boundaries = vectors["boundaries"].as_array().unwrap();
    assert_eq!(boundaries.len(), 14);
    for vector in boundaries {
        #[expect(clippy::cast_possible_truncation, reason = "32-bit floats are the rule")]
        let rollouts: Vec<f32> =
            vector["rollouts"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect();
        let expected: Vec<u64> =
            vector["serverBoundaries"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        // The table lists the rollouts that take part.
        let ends: Vec<u64> = bucket::boundaries(&rollouts).into_iter().map(u64::from).collect();
        let taking: Vec<u64> = ends.into_iter().zip(&rollouts).filter(|(_, r)| **r > 0.0).map(|(end, _)| end).collect();
        assert_eq!(taking, expected, "{vector}");
    }
}

/// The definition, bit by bit.
fn slow_crc32(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            register = if register & 1 == 1 { register >> 1 ^ 0xedb8_8320 } else { register >> 1 };
        }
    }
    !register
}

proptest::proptest! {
    #[test]
    fn a_context_is_a_map(pairs in proptest::collection::vec(("[a-d]{0,3}", "[xy]"), 0..40), asked in "[a-d]{0,3}") {
        let map: std::collections::BTreeMap<String, String> = pairs.iter().cloned().collect();
        let context: Context = pairs.into_iter().collect();
        proptest::prop_assert_eq!(context.get(&asked), map.get(&asked));
        proptest::prop_assert_eq!(context.len(), map.len());
        proptest::prop_assert_eq!(context.into_iter().collect::<std::collections::BTreeMap<_, _>>(), map);
    }

    #[test]
    fn the_hash_is_the_plain_definition(flag in "\\PC{0,40}", entity in "\\PC{0,200}") {
        let joined = |a: &str, b: &str| slow_crc32([a, b].concat().as_bytes());
        proptest::prop_assert_eq!(bucket::of_variant(&flag, &entity), joined(&flag, &entity) % 1_000);
        proptest::prop_assert_eq!(u32::from(bucket::of_boolean(&flag, &entity)), joined(&entity, &flag) % 100);
    }

    #[test]
    fn every_bucket_has_a_share(rollouts in proptest::collection::vec(0_f32..=100.0, 1..12)) {
        let ends = bucket::boundaries(&rollouts);
        let taking: Vec<u32> = ends.iter().zip(&rollouts).filter(|(_, r)| **r > 0.0).map(|(end, _)| *end).collect();
        proptest::prop_assert!(taking.is_sorted());
        proptest::prop_assert!(taking.last().is_none_or(|last| *last == bucket::BUCKETS));
        proptest::prop_assert!(ends.iter().zip(&rollouts).all(|(end, r)| *r > 0.0 || *end == 0));
    }
}
