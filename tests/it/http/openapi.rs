//! The document at `/openapi.json`, and every answer of every test held against it.
//!
//! [`check`] is called for each answer that [`super::wire`] receives, [`check_frame`] for each frame of a stream. An
//! answer passes if its operation describes its status, its media type, its headers and its body, to the last field:
//! here objects are closed that the document leaves open for fields to come.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use yardarm::http::openapi::document;

use super::ofrep;
use super::wire::{Answer, joined};

pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

thread_local! {
    /// What this thread's requests were answered: operation, status, media type.
    static REACHED: RefCell<BTreeSet<Reached>> = const { RefCell::new(BTreeSet::new()) };
}

/// One answer that an operation describes: its id, the status, the media type (empty without a body).
pub(super) type Reached = (String, u16, String);

/// What this thread's requests have reached since the last time.
pub(super) fn reached() -> BTreeSet<Reached> {
    REACHED.take()
}

/// Headers that any answer may have.
const COMMON: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
    "vary",
    // What proxies are told of a stream, and browsers of its refusal.
    "cache-control",
    "x-accel-buffering",
    "x-content-type-options",
];

/// The operation of a path: its template and what stands there.
pub(super) fn find(path: &str) -> Option<(&'static str, &'static Map<String, Value>)> {
    let path = path.split(['?', '#']).next().unwrap();
    let empty_key = path == "/ofrep/v1/evaluate/flags//";
    let path = if empty_key { path } else { path.strip_suffix('/').unwrap_or(path) };
    // No namespace is chosen yet: see `http::routes`.
    let nothing = path.contains("/namespaces//resources/");
    let asked: Vec<_> = if empty_key { path[..path.len() - 1].split('/').collect() } else { path.split('/').collect() };
    DOCUMENT["paths"].as_object().unwrap().iter().find_map(|(template, operations)| {
        let parts: Vec<_> = template.split('/').collect();
        let same = parts.len() == asked.len()
            && parts.iter().zip(&asked).all(|(part, asked)| {
                let same = || percent_encoding::percent_decode_str(asked).decode_utf8_lossy() == **part;
                if part.starts_with('{') { empty_key || nothing || !asked.is_empty() } else { same() }
            });
        same.then(|| (template.as_str(), operations.as_object().unwrap()))
    })
}

/// Fails unless the document describes this answer.
pub(super) fn check(method: &str, path: &str, headers: &[(&str, &str)], answer: &Answer) {
    if let Err(wrong) = described(method, path, headers, answer) {
        panic!("{method} {path}: {wrong}\n{} {:?}\n{}", answer.status, answer.headers, cut(&answer.text()));
    }
    let path = path.split('?').next().unwrap();
    if path.starts_with("/ofrep/v1/evaluate/") && method == "POST" && answer.status != 0 {
        ofrep::check(path, answer);
    }
}

fn described(method: &str, path: &str, headers: &[(&str, &str)], answer: &Answer) -> Result<(), String> {
    let asked = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let preflight = method == "OPTIONS" && asked("origin") && asked("access-control-request-method");
    // The answer was lost to a reset, or given by what is below the routes, or by the listener that has webhooks only.
    let elsewhere = answer.status == 404 && !path.contains("/webhooks/");
    if answer.status == 0 || answer.body.is_empty() && (elsewhere || matches!(answer.status, 400 | 431)) {
        return Ok(());
    }
    if preflight && answer.status == 200 {
        return if answer.body.is_empty() { Ok(()) } else { Err("a preflight with a body".into()) };
    }
    private(&answer.text())?;
    let shape = if path.starts_with("/ofrep/") { "OfrepFailure" } else { "Failure" };
    let Some((_, operations)) = find(path) else {
        return if answer.status == 404 { failure(shape, answer) } else { Err("not in the document".into()) };
    };
    let Some(operation) = operations.get(&method.to_lowercase()) else {
        return match answer.status {
            405 if path.contains("/webhooks/") => Ok(()),
            404 if path.contains("/webhooks/") && answer.body.is_empty() => Ok(()),
            501 => failure(shape, answer),
            _ => Err("a method that is not described".into()),
        };
    };
    let is_webhook = operation["tags"][0] == "webhooks";
    let mime = answer.header("content-type").unwrap_or_default();
    if is_webhook && answer.status == 404 && !mime.is_empty() {
        return failure(shape, answer); // It is on the other listener.
    }
    let response = response(operation, answer.status)?;
    let content = response["content"].as_object();
    headers_of(response, &answer.headers, method)?;
    if mime.is_empty() && answer.body.is_empty() && (content.is_none() || is_webhook) {
        reach(operation, answer.status, "");
        return Ok(());
    }
    if method == "HEAD" && answer.body.is_empty() {
        reach(operation, answer.status, "");
        return Ok(());
    }
    let schema = content
        .and_then(|content| content.get(&mime))
        .map(|content| &content["schema"])
        .ok_or_else(|| format!("the media type {mime:?} is not described"))?;
    reach(operation, answer.status, &mime);
    match &*mime {
        "application/json" => {
            let mut body = answer.body.clone();
            if answer.header("content-encoding").as_deref() == Some("gzip") {
                body.clear();
                std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*answer.body), &mut body).unwrap();
            }
            valid(schema, &serde_json::from_slice(&body).map_err(|error| error.to_string())?)
        }
        "text/event-stream" => events(schema, &answer.text()),
        _ => valid(schema, &answer.text().into()),
    }
}

/// Fails unless the document describes this frame of a stream.
pub(super) fn check_frame(method: &str, path: &str, status: u16, headers: &[(String, String)], frame: &str) {
    let checked = || {
        let (_, operations) = find(path).ok_or("not in the document")?;
        let response = response(&operations[&method.to_lowercase()], status)?;
        headers_of(response, headers, method)?;
        let mime = joined(headers, "content-type").unwrap_or_default();
        let schema = response["content"].get(&mime).map(|content| &content["schema"]);
        let schema = schema.ok_or_else(|| format!("the media type {mime:?} is not described"))?;
        reach(&operations[&method.to_lowercase()], status, &mime);
        if mime == "text/event-stream" {
            events(schema, frame)
        } else {
            // Blanks between lines keep the connection alive.
            let line = frame.trim_start_matches(' ').strip_suffix('\n').ok_or("no line")?;
            if line.is_empty() || line.contains('\n') {
                return Err("more or less than one line".to_owned());
            }
            valid(schema, &serde_json::from_str(line).map_err(|error| error.to_string())?)
        }
    };
    let wrong: Result<(), String> = checked();
    assert!(wrong.is_ok(), "{method} {path}: {}\n{}", wrong.unwrap_err(), cut(frame));
}

fn reach(operation: &Value, status: u16, mime: &str) {
    let id = operation["operationId"].as_str().unwrap().to_owned();
    REACHED.with_borrow_mut(|reached| reached.insert((id, status, mime.to_owned())));
}

fn response(operation: &Value, status: u16) -> Result<&Value, String> {
    operation["responses"].get(status.to_string()).ok_or_else(|| format!("the status {status} is not described"))
}

fn headers_of(response: &Value, headers: &[(String, String)], method: &str) -> Result<(), String> {
    let empty = Map::new();
    let described = response["headers"].as_object().unwrap_or(&empty);
    for (name, header) in described {
        // Streams and their refusals say nothing of credentials in a header.
        if header["required"] == true && joined(headers, name).is_none() && method != "HEAD" {
            return Err(format!("the header {name} is missing"));
        }
    }
    for (name, _) in headers {
        let name = name.to_lowercase();
        let known = COMMON.contains(&&*name)
            || name.starts_with("access-control-")
            || described.keys().any(|described| described.eq_ignore_ascii_case(&name));
        if !known {
            return Err(format!("the header {name} is not described"));
        }
    }
    Ok(())
}

/// A failure that belongs to no operation.
fn failure(shape: &str, answer: &Answer) -> Result<(), String> {
    headers_of(&Value::Null, &answer.headers, "")?;
    if answer.body.is_empty() {
        return Ok(()); // HEAD
    }
    valid(&json!({ "$ref": format!("#/components/schemas/{shape}") }), &answer.json())
}

/// Server-sent events: fields that the schema's own says, comments, the pause before coming back.
fn events(schema: &Value, text: &str) -> Result<(), String> {
    let of = schema["$ref"].as_str().and_then(|at| DOCUMENT.pointer(&at[1..])).ok_or("no schema of events")?;
    for event in text.split("\n\n").filter(|event| !event.is_empty()) {
        for line in event.lines() {
            match line.split_once(':') {
                Some(("data", data)) => {
                    valid(&of["contentSchema"], &serde_json::from_str(data).map_err(|error| error.to_string())?)?;
                }
                Some(("" | "id" | "retry", _)) => {}
                _ => return Err(format!("{line:?} in an event")),
            }
        }
    }
    Ok(())
}

/// Nothing from inside: no file of ours, no type, no place on the disk.
fn private(text: &str) -> Result<(), String> {
    let found = ["src/", ".rs:", "panicked", "yardarm::", "actix", "serde", "core::", "std::", "/home/", "/root/"];
    match found.iter().find(|inside| text.contains(**inside)) {
        Some(inside) => Err(format!("{inside:?} is from inside")),
        None => Ok(()),
    }
}

fn valid(schema: &Value, body: &Value) -> Result<(), String> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    static CLOSED: LazyLock<Value> = LazyLock::new(|| {
        let mut schemas = DOCUMENT["components"]["schemas"].clone();
        close(&mut schemas);
        schemas
    });
    let compiled = {
        let mut all = COMPILED.lock().unwrap();
        let compile = || {
            let mut schema = schema.clone();
            close(&mut schema);
            let whole = json!({ "allOf": [schema], "components": { "schemas": *CLOSED } });
            Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap())
        };
        all.entry(schema.to_string()).or_insert_with(compile).clone()
    };
    let errors: Vec<_> = compiled
        .iter_errors(body)
        .take(5)
        .map(|error| format!("{} at {:?}", cut(&error.to_string()), error.instance_path().to_string()))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// Closes every object that names its properties.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect()
}

/// Every `$ref` in a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    let mut found = BTreeSet::new();
    references(&DOCUMENT, &mut found);
    for reference in &found {
        assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is nobody's");
    }
}

#[test]
fn operations_have_names_of_their_own_and_describe_the_segments_of_their_paths() {
    let mut ids = BTreeMap::new();
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        let segments: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for operation in operations.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(ids.insert(id, path), None, "{id} stands twice");
            let described: BTreeSet<_> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(segments, described, "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert_ne!(response["description"], "", "{id} {status} says nothing");
            }
        }
    }
}

/// The copy for people and tools that have no daemon at hand. `YARDARM_UPDATE=1` writes it anew.
#[test]
fn the_copy_in_docs_is_the_document() {
    crate::compatibility::same_or_written("docs/openapi.json", &format!("{:#}\n", *DOCUMENT));
}

#[test]
fn an_answer_that_is_not_described_fails() {
    let answer = |status, mime: &str, body: &str| Answer {
        status,
        headers: vec![("content-type".to_owned(), mime.to_owned())],
        body: body.into(),
    };
    let passes = |answer: &Answer| described("GET", "/health", &[], answer).is_ok();
    assert!(passes(&answer(200, "application/json", r#"{"status":"SERVING"}"#)));
    assert!(!passes(&answer(200, "text/html", r#"{"status":"SERVING"}"#)));
    assert!(!passes(&answer(200, "application/json", r#"{"status":"SERVING","more":1}"#)));
    assert!(!passes(&answer(200, "application/json", r#"{"status":"at /root/yardarm"}"#)));
    assert!(!passes(&answer(204, "application/json", r#"{"status":"SERVING"}"#)));
    let mut header = answer(200, "application/json", r#"{"status":"SERVING"}"#);
    header.headers.push(("server".to_owned(), "x".to_owned()));
    assert!(!passes(&header));
}
