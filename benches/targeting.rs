//! Two flags behind three segments of four constraints each, of every kind of value: what the figure for one
//! evaluation is about.

pub(crate) const FLAGS: &str = r#"
version: "1.6"
segments:
- key: paying
  name: Paying
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: plan, operator: isoneof, value: [free, pro, team, enterprise]}
  - {type: NUMBER_COMPARISON_TYPE, property: seats, operator: gte, value: "5"}
  - {type: BOOLEAN_COMPARISON_TYPE, property: trial, operator: "false"}
  - {type: DATETIME_COMPARISON_TYPE, property: since, operator: lt, value: "2026-01-01T00:00:00Z"}
- key: internal
  name: Internal
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: email, operator: suffix, value: "@example.com"}
  - {type: STRING_COMPARISON_TYPE, property: email, operator: notempty}
  - {type: STRING_COMPARISON_TYPE, property: plan, operator: neq, value: guest}
  - {type: NUMBER_COMPARISON_TYPE, property: seats, operator: isnotoneof, value: [1, 2, 3]}
- key: europe
  name: Europe
  match_type: ANY_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: DE}
  - {type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: FR}
  - {type: STRING_COMPARISON_TYPE, property: country, operator: eq, value: IT}
  - {type: STRING_COMPARISON_TYPE, property: country, operator: isoneof, value: [AT, BE, ES, NL, PL, PT, SE]}
flags:
- key: banner
  name: Banner
  enabled: true
  variants:
  - key: blue
    attachment: {colour: blue}
  - key: green
  rules:
  - segment: {keys: [paying, internal, europe], operator: AND_SEGMENT_OPERATOR}
    distributions:
    - {variant: blue, rollout: 50}
    - {variant: green, rollout: 50}
- key: beta
  name: Beta
  type: BOOLEAN_FLAG_TYPE
  rollouts:
  - segment: {keys: [paying, internal, europe], operator: OR_SEGMENT_OPERATOR, value: true}
"#;

/// Fulfils all twelve, most of them at the last that is looked at.
pub(crate) const MATCHING: &[(&str, &str)] = &[
    ("plan", "team"),
    ("seats", "12"),
    ("trial", "false"),
    ("since", "2024-05-06T07:08:09Z"),
    ("email", "someone@example.com"),
    ("country", "SE"),
];

/// Is in none of the three.
pub(crate) const OTHER: &[(&str, &str)] = &[
    ("plan", "team"),
    ("seats", "12"),
    ("trial", "false"),
    ("since", "2026-05-06T07:08:09Z"),
    ("email", "someone@example.org"),
    ("country", "US"),
];
