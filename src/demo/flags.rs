//! The flags of the demonstration: a shop with three namespaces, and one line of it that every push changes.

/// Namespace whose file the pushes change.
pub(super) const NAMESPACE: &str = "shop";
/// That file.
pub(super) const SHOP_FILE: &str = "shop/features.yaml";
/// Flag that they change.
pub(super) const FLAG: &str = "banner";

/// Path and content of every file. `news` is what the shop's banner says.
pub(super) fn files(news: &str) -> [(&'static str, String); 3] {
    [(SHOP_FILE, shop(news)), ("payments/features.yaml", PAYMENTS.to_owned()), (SUPPORT_FILE, SUPPORT.to_owned())]
}

/// A file that somebody else changes.
pub(super) const SUPPORT_FILE: &str = "support/features.yaml";

/// That file, with its first flag off.
pub(super) fn support_closed() -> String {
    SUPPORT.replacen("enabled: true", "enabled: false", 1)
}

/// The file that a push changes.
pub(super) fn shop(news: &str) -> String {
    SHOP.replace("NEWS", news)
}

const SHOP: &str = r#"version: "1.6"
namespace: {key: shop, name: Shop}
flags:
  - key: banner
    name: Banner on the front page
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants:
      - key: news
        default: true
        attachment: {text: "NEWS", colour: teal}
      - key: quiet
        attachment: {text: ""}
    rules:
      - segment: employees
        distributions:
          - {variant: quiet, rollout: 100}
  - key: checkout-redesign
    name: New checkout
    description: Staff always, one in four of everybody else
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - segment: {key: employees, value: true}
      - threshold: {percentage: 25, value: true}
  - key: recommendation-model
    name: Which model recommends
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants:
      - {key: classic, name: What we had, default: true}
      - {key: graph, name: Graph of purchases}
      - {key: embedding, name: Embeddings}
    rules:
      - segment: {keys: [europe, returning], operator: AND_SEGMENT_OPERATOR}
        distributions:
          - {variant: graph, rollout: 50}
          - {variant: embedding, rollout: 50}
segments:
  - key: employees
    name: Our own people
    match_type: ANY_MATCH_TYPE
    constraints:
      - {type: STRING_COMPARISON_TYPE, property: email, operator: suffix, value: "@acme.example"}
  - key: europe
    name: Customers in Europe
    match_type: ALL_MATCH_TYPE
    constraints:
      - {type: STRING_COMPARISON_TYPE, property: country, operator: isoneof, value: [de, fr, it, pl]}
  - key: returning
    name: Bought before
    match_type: ALL_MATCH_TYPE
    constraints:
      - {type: NUMBER_COMPARISON_TYPE, property: orders, operator: gte, value: "1"}
"#;

const PAYMENTS: &str = r#"version: "1.6"
namespace: {key: payments, name: Payments}
flags:
  - key: pay-by-invoice
    name: Pay by invoice
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - segment: {key: large-orders, value: true}
  - key: payment-provider
    name: Who takes the money
    type: VARIANT_FLAG_TYPE
    enabled: true
    variants:
      - {key: first, default: true, attachment: {timeout_ms: 800}}
      - {key: second, attachment: {timeout_ms: 1200}}
    rules:
      - segment: large-orders
        distributions:
          - {variant: second, rollout: 100}
segments:
  - key: large-orders
    name: A thousand and more
    match_type: ALL_MATCH_TYPE
    constraints:
      - {type: NUMBER_COMPARISON_TYPE, property: amount, operator: gte, value: "1000"}
"#;

const SUPPORT: &str = r#"version: "1.6"
namespace: {key: support, name: Support}
flags:
  - key: chat
    name: Chat with a person
    type: BOOLEAN_FLAG_TYPE
    enabled: true
  - key: maintenance-window
    name: Say that we are down tonight
    type: BOOLEAN_FLAG_TYPE
    enabled: false
    rollouts:
      - segment: {key: tonight, value: true}
segments:
  - key: tonight
    name: Requests of that night
    match_type: ALL_MATCH_TYPE
    constraints:
      - {type: DATETIME_COMPARISON_TYPE, property: now, operator: gte, value: "2027-01-15T22:00:00Z"}
"#;

#[cfg(test)]
mod tests {
    use crate::flags::document;

    #[test]
    fn the_flags_of_the_demonstration_have_no_problem() {
        for (path, text) in super::files("hello") {
            let file = document::read(document::Format::Yaml, text.as_bytes());
            assert!(file.problems.is_empty(), "{path}: {:?}", file.problems);
        }
    }
}
