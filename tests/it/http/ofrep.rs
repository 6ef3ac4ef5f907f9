//! OFREP: every answer of every test held against the specification's own document, and the tag of a bulk answer.
//!
//! Where the document contradicts its own examples it is corrected first ([`CORRECTIONS`]); where Flipt and its clients
//! want something else than the document, it stands in [`DEVIATIONS`](crate::differences::OFREP).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use yardarm::http::Settings;

use super::openapi;
use super::server::{Server, environment, publish};
use super::wire::{self, Answer};
use crate::differences::{OFREP, OfrepDeviation};

/// As published, errors in itself corrected.
static SPECIFICATION: LazyLock<Value> = LazyLock::new(|| {
    let mut document = published();
    for (_, correct) in CORRECTIONS {
        correct(&mut document);
    }
    document
});

/// With what we do otherwise.
static DEVIATING: LazyLock<Document> = LazyLock::new(|| {
    let mut document = SPECIFICATION.clone();
    for deviation in OFREP {
        (deviation.allow)(&mut document);
    }
    Document::of(&document)
});

type Correction = (&'static str, fn(&mut Value));

const CORRECTIONS: &[Correction] = &[
    ("codeDefaultFlag takes every object, so whatever has a value is two of the kinds at once", |document| {
        let success = &mut document["components"]["schemas"]["evaluationSuccess"]["allOf"][1];
        let kinds = success["oneOf"].take();
        *success = json!({ "anyOf": kinds });
    }),
    ("the example of a bulk answer has an item that was not found, the schema of items has none", |document| {
        let items = "/components/schemas/bulkEvaluationSuccess/properties/flags/items";
        let items = document.pointer_mut(items).unwrap();
        let mut kinds = items["oneOf"].take();
        kinds.as_array_mut().unwrap().push(json!({ "$ref": "#/components/schemas/flagNotFound" }));
        *items = json!({ "anyOf": kinds });
    }),
];

fn published() -> Value {
    serde_yaml::from_str(include_str!("../../../fixtures/openapi/ofrep-0.3.0.yaml")).unwrap()
}

/// The schemas of a document, by path and status; none where a status has no body.
struct Document(HashMap<(&'static str, u16), Option<Validator>>);

const PATHS: [&str; 2] = ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/{key}"];

impl Document {
    fn of(document: &Value) -> Self {
        let mut schemas = HashMap::new();
        for path in PATHS {
            for (status, response) in document["paths"][path]["post"]["responses"].as_object().unwrap() {
                let schema = response["content"]["application/json"].get("schema");
                let validator = schema.map(|schema| {
                    let whole = json!({ "allOf": [schema], "components": document["components"] });
                    jsonschema::draft202012::new(&whole).unwrap()
                });
                schemas.insert((path, status.parse().unwrap()), validator);
            }
        }
        Self(schemas)
    }

    fn check(&self, path: &'static str, status: u16, body: &[u8]) -> Result<(), String> {
        let schema = self.0.get(&(path, status)).ok_or_else(|| format!("no status {status}"))?;
        let Some(schema) = schema else { return Ok(()) };
        let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let errors: Vec<_> = schema
            .iter_errors(&body)
            .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

/// Fails unless the specification allows this answer to a `POST`.
pub(super) fn check(path: &str, answer: &Answer) {
    // A slash in a key is another path, and a head that is refused below the routes has reached none.
    let Some((template, _)) = openapi::find(path).filter(|_| !path.to_lowercase().contains("%2f")) else { return };
    if answer.body.is_empty() && matches!(answer.status, 400 | 431) {
        return;
    }
    if let Err(wrong) = DEVIATING.check(template, answer.status, &answer.body) {
        panic!("{path}: not OFREP: {wrong}\n{} {}", answer.status, answer.text());
    }
    assert_eq!(answer.header("etag").is_some(), template == PATHS[0] && matches!(answer.status, 200 | 304), "{path}");
}

#[test]
fn the_specification_needs_each_correction_and_we_each_deviation() {
    let (original, corrected) = (Document::of(&published()), Document::of(&SPECIFICATION));
    let value = json!({ "key": "f", "reason": "TARGETING_MATCH", "variant": "v", "value": "v" });
    let missing = json!({ "flags": [{ "key": "f", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such flag" }] });
    for (path, body) in [(PATHS[1], value), (PATHS[0], missing)] {
        let body = body.to_string();
        assert!(original.check(path, 200, body.as_bytes()).is_err(), "{body}: no correction is needed");
        corrected.check(path, 200, body.as_bytes()).unwrap();
    }
    for OfrepDeviation { what, single, status, body, .. } in OFREP {
        let path = PATHS[usize::from(*single)];
        if body.is_empty() {
            continue;
        }
        assert!(corrected.check(path, *status, body.as_bytes()).is_err(), "{what}: the specification has it");
        DEVIATING.check(path, *status, body.as_bytes()).unwrap();
    }
}

/// Events of changes are as the specification describes them.
#[test]
fn events_are_those_of_the_specification() {
    let document = published();
    let whole = json!({ "$ref": "#/components/schemas/sseEventData", "components": document["components"] });
    let data = jsonschema::draft202012::new(&whole).unwrap();
    let server = serving(&flags(&[("a", "{}")]));
    let mut stream = wire::open(
        server.address,
        "GET",
        "/ofrep/v1/_stream/main/default/events",
        &[("Accept", "text/event-stream")],
        None,
    );
    stream.until("\n\n");
    let event = stream.until("\n\n");
    let event = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert!(data.is_valid(&serde_json::from_str(event).unwrap()), "{event}");
    // What an event says may be sent back.
    let etag = serde_json::from_str::<Value>(event).unwrap()["etag"].as_str().unwrap().to_owned();
    let asked = format!("/ofrep/v1/evaluate/flags?flagConfigEtag={etag}&flagConfigLastModified=1771622898");
    let first = server.post(&asked, "{}");
    assert_eq!(first.status, 200);
    let tag = first.header("etag").unwrap();
    assert_eq!(server.send("POST", &asked, &[("If-None-Match", &tag)], Some("{}")).status, 304);
}

/// Where a bulk answer says that changes are told, they are told, on the same origin.
#[test]
fn the_stream_of_a_bulk_answer_is_there() {
    let server = serving(&flags(&[("a", "{}")]));
    let answer = server.post("/ofrep/v1/evaluate/flags", "{}").json();
    let path = answer["eventStreams"][0]["endpoint"]["requestUri"].as_str().unwrap();
    let mut stream = wire::open(server.address, "GET", path, &[("Accept", "text/event-stream")], None);
    assert_eq!(stream.status, 200);
    stream.until("\n\n");
    assert!(stream.until("\n\n").contains("refetchEvaluation"));
    assert_eq!(server.get(path).status, 406);
}

#[test]
fn methods_that_are_none() {
    let server = serving(&flags(&[("a", "{}")]));
    for path in ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/a"] {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            assert_eq!(server.send(method, path, &[], None).status, 501, "{method} {path}");
        }
    }
}

#[test]
fn context_values_of_every_type_and_no_targeting_key_have_an_answer() {
    let server = serving(&flags(&[("a", "{\"n\": 1}")]));
    let one = |context: &str| server.post("/ofrep/v1/evaluate/flags/a", &format!("{{\"context\":{context}}}"));
    let none = one("{}");
    for value in
        ["null", "\"\"", "0", "-1.5e300", "1e999", "true", "[]", "[1,[2]]", "{}", "{\"a\":{\"b\":null}}", "\"ü\""]
    {
        assert_eq!(one(&format!("{{\"property\":{value}}}")).status, 200, "{value}");
        assert_eq!(one(&format!("{{\"targetingKey\":{value}}}")).status, 200, "{value}");
    }
    for same in ["null", "{\"targetingKey\":null}", "{\"targetingKey\":\"\"}"] {
        assert_eq!(one(same).text(), none.text(), "{same}");
    }
}

fn serving(files: &str) -> Server {
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", files)]);
    Server::start(vec![main], Settings::default())
}

/// Variant flags that everybody gets by default, each with its attachment.
fn flags(flags: &[(&str, &str)]) -> String {
    let mut text = "version: \"1.6\"\nflags:\n".to_owned();
    for (key, attachment) in flags {
        let variant = format!("{{key: v, default: true, attachment: {attachment}}}");
        let _ = writeln!(text, "- {{key: {key}, name: n, enabled: true, variants: [{variant}]}}");
    }
    text
}

/// A namespace, small enough that two of them are often alike: for each flag whether it is on, how many percent get it,
/// and what is attached.
fn namespace() -> impl Strategy<Value = Vec<(bool, u8, u8)>> {
    prop::collection::vec((any::<bool>(), prop::sample::select(vec![0, 50, 100]), 0..2u8), 1..3)
}

fn text_of(namespace: &[(bool, u8, u8)]) -> String {
    let mut text = "version: \"1.6\"\nflags:\n".to_owned();
    for (n, (on, percent, attached)) in namespace.iter().enumerate() {
        let rule = format!("{{segment: all, distributions: [{{variant: v, rollout: {percent}}}]}}");
        let variant = format!("{{key: v, attachment: {{n: {attached}}}}}");
        let _ = write!(
            text,
            "- {{key: v{n}, name: n, enabled: {on}, variants: [{variant}], rules: [{rule}]}}\n- {{key: b{n}, name: n, type: BOOLEAN_FLAG_TYPE, enabled: {on}, rollouts: [{{threshold: {{percentage: {percent}, value: {}}}}}]}}\n",
            !on
        );
    }
    text.push_str("segments:\n- {key: all, name: All, match_type: ALL_MATCH_TYPE}\n");
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The tag is one of the answer: alike where the answers are, and only there, in another process as well.
    #[test]
    fn a_tag_stands_for_the_whole_answer(
        namespaces in [namespace(), namespace()],
        entities in ["[ab]", "[ab]"],
        empty in any::<bool>(),
    ) {
        let answers: Vec<_> = namespaces
            .iter()
            .zip(&entities)
            .map(|(namespace, entity)| {
                // A server of its own for each: what it answered before must not matter.
                let server = serving(&text_of(namespace));
                let context = if empty { "{}".to_owned() } else { format!("{{\"targetingKey\":\"{entity}\"}}") };
                server.post("/ofrep/v1/evaluate/flags", &format!("{{\"context\":{context}}}"))
            })
            .collect();
        let [one, other] = &answers[..] else { unreachable!() };
        prop_assert_eq!(one.status, 200);
        prop_assert_eq!(one.body == other.body, one.header("etag") == other.header("etag"));
    }
}
