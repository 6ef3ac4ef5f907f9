//! The text of the flag files that benches are made of.

/// A flag file of `flags` flags: every second a boolean, each variant flag with two segments on its rule.
pub fn file(namespace: &str, flags: usize, salt: usize) -> String {
    use std::fmt::Write;
    let mut text = format!("version: \"1.6\"\nnamespace: {namespace}\nflags:\n");
    for i in 0..flags {
        let enabled = i != 0 || salt % 2 == 0;
        if i % 2 == 0 {
            let _ = write!(
                text,
                "- key: flag-{i:06}\n  name: Flag {i}\n  type: BOOLEAN_FLAG_TYPE\n  enabled: {enabled}\n  rollouts:\n  - segment:\n      key: beta\n      value: true\n  - threshold:\n      percentage: 50\n      value: true\n"
            );
        } else {
            let _ = write!(
                text,
                "- key: flag-{i:06}\n  name: Flag {i}\n  type: VARIANT_FLAG_TYPE\n  enabled: true\n  variants:\n  - key: a\n    attachment: {{colour: blue, size: {i}}}\n  - key: b\n  rules:\n  - segment:\n      keys: [beta, internal]\n      operator: OR_SEGMENT_OPERATOR\n    distributions:\n    - variant: a\n      rollout: 50\n    - variant: b\n      rollout: 50\n"
            );
        }
    }
    text.push_str("segments:\n- key: beta\n  name: Beta\n  match_type: ALL_MATCH_TYPE\n  constraints:\n  - type: STRING_COMPARISON_TYPE\n    property: plan\n    operator: isoneof\n    value: [pro, team]\n  - type: NUMBER_COMPARISON_TYPE\n    property: version\n    operator: gte\n    value: \"7\"\n- key: internal\n  name: Internal\n  match_type: ANY_MATCH_TYPE\n  constraints:\n  - type: STRING_COMPARISON_TYPE\n    property: email\n    operator: suffix\n    value: \"@example.com\"\n");
    text
}
