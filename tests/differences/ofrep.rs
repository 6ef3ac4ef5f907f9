//! Where an answer is Flipt's, or ours, rather than that of the OFREP specification 0.3.0.

use serde_json::{Value, json};

/// One deviation.
pub struct OfrepDeviation {
    pub what: &'static str,
    pub why: &'static str,
    /// Of the evaluation of one flag, not of all.
    pub single: bool,
    /// An answer that the specification does not have, and its status; empty where none can show it.
    pub status: u16,
    pub body: &'static str,
    /// Makes the specification's document take it.
    pub allow: fn(&mut Value),
}

const SINGLE: &str = "/ofrep/v1/evaluate/flags/{key}";
const BULK: &str = "/ofrep/v1/evaluate/flags";
const GENERAL: &str = r#"{"errorCode":"GENERAL","errorDetails":"too large"}"#;

fn answer(document: &mut Value, path: &str, status: &str, schema: &str) {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    document["paths"][path]["post"]["responses"][status] =
        json!({ "description": "", "content": { "application/json": { "schema": schema } } });
}

/// All of them.
pub const OFREP: &[OfrepDeviation] = &[
    OfrepDeviation {
        what: "the reason `DEFAULT`, where no rule matched and the flag has a default",
        why: "Flipt's reason; every provider takes it, and the Python one shows it as it is",
        single: true,
        status: 200,
        body: r#"{"key":"f","reason":"DEFAULT","variant":"true","value":true}"#,
        allow: |document| {
            let reasons = "/components/schemas/evaluationSuccess/allOf/0/properties/reason/enum";
            document.pointer_mut(reasons).unwrap().as_array_mut().unwrap().push("DEFAULT".into());
        },
    },
    OfrepDeviation {
        what: "404 for a bulk evaluation in an environment or a namespace that is not there",
        why: "Flipt's answer; the specification knows neither, and an empty list would hide the mistake",
        single: false,
        status: 404,
        body: r#"{"errorCode":"FLAG_NOT_FOUND","errorDetails":"namespace \"x\" not found"}"#,
        allow: |document| answer(document, BULK, "404", "bulkEvaluationFailure"),
    },
    OfrepDeviation {
        what: "`value` and `variant` are `\"\"` where no variant is chosen, not left out",
        why: "Flipt's answer; a published Node provider refuses an answer without `value`, the Python one without `variant`",
        single: true,
        status: 200,
        body: "",
        allow: |_| {},
    },
    OfrepDeviation {
        what: "408, 413 and 503 for a body that is too slow, too large or too much at the moment",
        why: "nothing is unbounded; providers treat them as any failure",
        single: false,
        status: 413,
        body: GENERAL,
        allow: |document| {
            for status in ["408", "413", "503"] {
                for path in [SINGLE, BULK] {
                    answer(document, path, status, "bulkEvaluationFailure");
                }
            }
        },
    },
    OfrepDeviation {
        what: "401 has a body, and `X-API-Key` is not looked at",
        why: "Flipt's answer; one place for credentials is enough",
        single: true,
        status: 401,
        body: "",
        allow: |_| {},
    },
    OfrepDeviation {
        what: "a context without `targetingKey` is taken",
        why: "published providers send none; the answer is that of the empty entity",
        single: true,
        status: 200,
        body: "",
        allow: |_| {},
    },
    OfrepDeviation {
        what: "a wrong method is 501, an unknown path 404, both in the shape of a failure",
        why: "Flipt's answers",
        single: true,
        status: 501,
        body: "",
        allow: |_| {},
    },
];
