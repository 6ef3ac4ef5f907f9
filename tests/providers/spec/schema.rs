//! A schema of a specification, made one that a validator knows: references brought along, `nullable` said as JSON
//! Schema says it. And the one rule more: what is not described is wrong.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::document::{Document, properties};
use super::gaps::Part;

/// Something that is wrong, and where.
pub(super) struct Wrong {
    pub(super) part: Part,
    what: String,
}

impl Wrong {
    pub(super) fn new(part: Part, what: impl Into<String>) -> Self {
        Self { part, what: what.into() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.what)
    }
}

/// A schema, ready for use.
pub(super) struct Schema {
    /// With its references under `definitions`.
    whole: Value,
    validator: Option<Validator>,
}

impl Schema {
    /// `nulls`: null is let pass anywhere. `names_only`: of a document whose types cannot be trusted, only the names
    /// of the fields at the top are taken.
    pub(super) fn new(document: &Document, schema: &Value, nulls: bool, names_only: bool) -> Self {
        let mut definitions = BTreeMap::new();
        let mut whole = converted(document, schema, nulls, &mut definitions);
        if names_only {
            return Self { whole: json!({ "allOf": [whole], "definitions": definitions }), validator: None };
        }
        whole = json!({ "allOf": [whole], "definitions": definitions });
        let validator = jsonschema::draft4::options().should_validate_formats(true).build(&whole);
        Self { validator: Some(validator.unwrap_or_else(|error| panic!("{error}"))), whole }
    }

    /// Places and words; places with `*` for an index.
    pub(super) fn wrong(&self, body: &Value) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let Some(validator) = &self.validator else {
            let each = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
            for one in each {
                self.undescribed(&[&self.whole], one, "", false, &mut wrong);
            }
            return wrong;
        };
        for error in validator.iter_errors(body).take(20) {
            let at = starred(error.instance_path().to_string().as_str());
            let names = names_of(&error);
            let what = error.to_string().chars().take(400).collect::<String>();
            if names.is_empty() {
                wrong.push((at, what));
            } else {
                wrong.extend(names.into_iter().map(|name| (format!("{at}/{name}"), what.clone())));
            }
        }
        self.undescribed(&[&self.whole], body, "", true, &mut wrong);
        wrong
    }

    /// Fields that none of the schemas names, if any of them names fields and none is open.
    fn undescribed(&self, schemas: &[&Value], body: &Value, at: &str, deep: bool, wrong: &mut Vec<(String, String)>) {
        let mut all = Vec::new();
        for schema in schemas {
            self.flatten(schema, &mut all, 0);
        }
        match body {
            Value::Array(list) => {
                let items: Vec<&Value> = all.iter().filter_map(|schema| schema.get("items")).collect();
                for one in list {
                    self.undescribed(&items, one, &format!("{at}/*"), deep, wrong);
                }
            }
            Value::Object(object) => {
                let named = all.iter().any(|schema| properties(schema).is_some_and(|names| !names.is_empty()));
                let open = |schema: &&Value| schema.get("additionalProperties").is_some_and(|more| *more != false);
                let open = !named || all.iter().any(open);
                for (name, value) in object {
                    let of: Vec<&Value> = all.iter().filter_map(|schema| properties(schema)?.get(name)).collect();
                    let at = format!("{at}/{name}");
                    if !of.is_empty() {
                        if deep {
                            self.undescribed(&of, value, &at, deep, wrong);
                        }
                    } else if !open {
                        wrong.push((at, "the field is not described".to_owned()));
                    }
                }
            }
            _ => {}
        }
    }

    /// A schema and all that it is made of.
    fn flatten<'s>(&'s self, schema: &'s Value, all: &mut Vec<&'s Value>, depth: usize) {
        if depth > 20 {
            return;
        }
        if let Some(at) = schema["$ref"].as_str() {
            return self.flatten(self.whole.pointer(&at[1..]).unwrap(), all, depth + 1);
        }
        all.push(schema);
        for of in ["allOf", "anyOf", "oneOf"] {
            for part in schema[of].as_array().into_iter().flatten() {
                self.flatten(part, all, depth + 1);
            }
        }
    }
}

/// The fields that an error is about, where it is about fields.
fn names_of(error: &ValidationError<'_>) -> Vec<String> {
    match error.kind() {
        ValidationErrorKind::Required { property } => vec![property.as_str().unwrap_or_default().to_owned()],
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.clone(),
        _ => Vec::new(),
    }
}

/// A place with `*` for an index.
fn starred(at: &str) -> String {
    let star = |part: &str| if part.parse::<usize>().is_ok() { "*".to_owned() } else { part.to_owned() };
    at.split('/').map(star).collect::<Vec<_>>().join("/")
}

/// A schema as draft 4 of JSON Schema has it; what it refers to is added to `definitions`.
fn converted(document: &Document, schema: &Value, nulls: bool, definitions: &mut BTreeMap<String, Value>) -> Value {
    let mut again = |schema: &Value| converted(document, schema, nulls, definitions);
    let Value::Object(object) = schema else { return schema.clone() };
    if let Some(at) = object.get("$ref").and_then(Value::as_str) {
        let name = at.replace(['#', '/', '~'], ".");
        if !definitions.contains_key(&name) {
            definitions.insert(name.clone(), Value::Null); // It may refer to itself.
            let definition = converted(document, document.resolved(schema), nulls, definitions);
            definitions.insert(name.clone(), definition);
        }
        let reference = json!({ "$ref": format!("#/definitions/{name}") });
        return if object.get("nullable") == Some(&true.into()) { or_null(reference) } else { reference };
    }
    let mut result = Map::new();
    for (name, value) in object {
        let value = match name.as_str() {
            "properties" => {
                let each = value.as_object().into_iter().flatten();
                Value::Object(each.map(|(name, schema)| (name.clone(), again(schema))).collect())
            }
            "items" | "additionalProperties" | "not" => again(value),
            "allOf" | "anyOf" | "oneOf" => value.as_array().into_iter().flatten().map(&mut again).collect(),
            "type" | "enum" | "format" | "pattern" | "minimum" | "maximum" | "exclusiveMinimum"
            | "exclusiveMaximum" | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" | "multipleOf" | "uniqueItems" => value.clone(),
            // An empty list is none in draft 4.
            "required" if value.as_array().is_some_and(|names| !names.is_empty()) => value.clone(),
            _ => continue,
        };
        result.insert(name.clone(), value);
    }
    // Azure names types of its own here and there.
    let known = |kind: &Value| {
        matches!(kind.as_str(), Some("string" | "integer" | "number" | "boolean" | "array" | "object" | "null"))
    };
    if result.get("type").is_some_and(|kind| !known(kind)) {
        result.remove("type");
    }
    let says_null = |word| object.get(word) == Some(&true.into());
    let nullable = nulls || says_null("nullable") || says_null("x-nullable");
    let result = Value::Object(result);
    if nullable && result.as_object().is_some_and(|result| !result.is_empty()) { or_null(result) } else { result }
}

/// The same, or null.
fn or_null(mut schema: Value) -> Value {
    let combined = ["$ref", "allOf", "anyOf", "oneOf", "not"].iter().any(|word| schema.get(word).is_some());
    if combined {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}
