//! `GET /api/v1/namespaces/{namespace}/flags`: the flags as a list, for server SDKs that show them.
//!
//! A superset of what Flipt v2 answers: `namespaceKey`, `createdAt` and `updatedAt` are filled in, because a published
//! SDK refuses a list without them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde_json::json;

use super::auth::{self, Need};
use super::error::{Code, Failure};
use super::evaluation::kind_name;
use super::openapi::{Operation, Schemas, Shape, Tag, schema};
use super::{State, json, select};
use crate::flags::snapshot::{Flag, Namespace};

/// `GET /api/v1/namespaces/{namespace}/flags`
pub(super) async fn in_namespace(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let answer = select::segment(&request, "namespace").and_then(|namespace| list(&state, &request, &namespace));
    answer.unwrap_or_else(|failure| failure.json())
}

/// `GET /api/v1/flags?namespaceKey=`
pub(super) async fn by_query(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let namespace = select::query(&request, ["namespaceKey", "namespace_key"]).unwrap_or_default();
    list(&state, &request, select::namespace_or_default(&namespace)).unwrap_or_else(|failure| failure.json())
}

pub(super) fn about_in_namespace() -> Operation {
    about("listFlags", "The flags of a namespace").path("namespace", "The namespace.")
}

pub(super) fn about_by_query() -> Operation {
    about("listFlagsByQuery", "The flags of a namespace that the query names").query(
        "namespaceKey",
        json!({ "type": "string" }),
        "The namespace; without it `default`.",
    )
}

fn about(id: &'static str, summary: &'static str) -> Operation {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }));
    Operation::new(Tag::Status, id, summary)
        .environment()
        .query("environmentKey", text, "The environment, where the header names none.")
        .query("limit", number, "How many at most; without it, or 0, all.")
        .query(
            "pageToken",
            json!({ "type": "string", "pattern": "^[0-9]{0,9}$" }),
            "`nextPageToken` of the page before.",
        )
        .ok("The flags by key.", "FlagList")
        .guarded(&[Shape::Json])
        .refuses(&[Shape::Json], &[Code::Invalid, Code::NotFound])
}

/// The list.
pub(super) const SCHEMAS: Schemas = &[
    ("FlagList", || {
        json!({
            "type": "object",
            "required": ["flags", "nextPageToken", "totalCount"],
            "properties": {
                "flags": { "type": "array", "items": schema("ListedFlag") },
                "nextPageToken": { "type": "string", "description": "Empty at the end." },
                "totalCount": { "type": "integer", "minimum": 0 },
            },
        })
    }),
    ("ListedFlag", || {
        json!({
            "type": "object",
            "required": [
                "key", "name", "description", "enabled", "createdAt", "updatedAt", "variants", "namespaceKey", "type",
            ],
            "properties": {
                "key": { "type": "string" },
                "name": { "type": "string" },
                "description": { "type": "string" },
                "enabled": { "type": "boolean" },
                "createdAt": { "type": "string", "format": "date-time", "description": "When this state was taken." },
                "updatedAt": { "type": "string", "format": "date-time", "description": "When this state was taken." },
                "variants": { "type": "array", "maxItems": 0 },
                "namespaceKey": { "type": "string" },
                "type": schema("FlagType"),
                "defaultVariant": {
                    "type": "object",
                    "required": ["id", "flagKey", "key", "name", "description", "attachment", "namespaceKey"],
                    "properties": {
                        "id": { "const": "" },
                        "flagKey": { "type": "string" },
                        "key": { "type": "string" },
                        "name": { "type": "string" },
                        "description": { "type": "string" },
                        "attachment": { "type": "string", "description": "JSON in a string." },
                        "namespaceKey": { "type": "string" },
                    },
                },
                "metadata": {
                    "type": "object",
                    "description": "Where `evaluation.include_flag_metadata` is on.",
                    "additionalProperties": true,
                },
            },
        })
    }),
];

fn list(state: &State, request: &HttpRequest, namespace: &str) -> Result<HttpResponse, Failure> {
    let pass = auth::admit(state, Need::READ, request)?;
    let settings = state.settings.load();
    let page = Page::of(request)?;
    let named = select::query(request, ["environmentKey", "environment_key"]).unwrap_or_default();
    let environment = select::by_header_or(&state.environments, request.headers(), &named, &pass, namespace)?;
    let served = environment.load();
    let empty = Namespace::default();
    let namespace = match select::namespace(&served, namespace) {
        Ok(namespace) => namespace,
        // An environment without a single file still has the namespace that everybody starts in.
        Err(_) if namespace == "default" => &empty,
        Err(failure) => return Err(failure),
    };
    let total = namespace.flags_by_key().len();
    if page.offset > 0 && page.offset >= total {
        return Err(Failure::invalid(format!("invalid offset: {}", page.offset)));
    }
    let end = page.limit.map_or(total, |limit| page.offset.saturating_add(limit).min(total));
    let mut out = Vec::with_capacity(256 * (end - page.offset) + 64);
    out.extend_from_slice(b"{\"flags\":[");
    for (n, flag) in namespace.flags_by_key().skip(page.offset).take(end - page.offset).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_flag(&mut out, flag, &namespace.key, served.since, settings.include_flag_metadata);
    }
    out.extend_from_slice(b"],\"nextPageToken\":\"");
    if end < total {
        out.extend_from_slice(end.to_string().as_bytes());
    }
    out.extend_from_slice(format!("\",\"totalCount\":{total}}}").as_bytes());
    Ok(json::ok(out))
}

/// Which part of the list.
struct Page {
    offset: usize,
    limit: Option<usize>,
}

impl Page {
    fn of(request: &HttpRequest) -> Result<Self, Failure> {
        let limit = match select::query(request, ["limit", "limit"]) {
            None => 0,
            Some(text) => text.parse::<i64>().map_err(|_| Failure::invalid("limit is not a number"))?,
        };
        let limit = usize::try_from(limit).map_err(|_| Failure::invalid("limit must not be negative"))?;
        let token = select::query(request, ["pageToken", "page_token"]).filter(|token| !token.is_empty());
        if limit == 0 {
            let offset = select::query(request, ["offset", "offset"]).filter(|offset| offset != "0");
            return if token.is_some() || offset.is_some() {
                Err(Failure::invalid("limit must be set when offset or pageToken is set"))
            } else {
                Ok(Self { offset: 0, limit: None })
            };
        }
        let offset = match token {
            None => 0,
            Some(token) => token
                .parse::<i64>()
                .map_err(|_| Failure::invalid(format!("pageToken is not valid: \"{token}\"")))?
                .max(0),
        };
        Ok(Self { offset: usize::try_from(offset).unwrap_or(usize::MAX), limit: Some(limit) })
    }
}

fn write_flag(out: &mut Vec<u8>, flag: &Flag, namespace: &str, since: Timestamp, with_metadata: bool) {
    let field = |out: &mut Vec<u8>, name: &str, value: &str| {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        json::string(out, value);
    };
    out.extend_from_slice(b"{\"key\":");
    json::string(out, &flag.key);
    field(out, "name", &flag.name);
    field(out, "description", &flag.description);
    out.extend_from_slice(b",\"enabled\":");
    json::boolean(out, flag.enabled);
    for name in ["createdAt", "updatedAt"] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json::timestamp(out, since);
    }
    out.extend_from_slice(b",\"variants\":[]");
    field(out, "namespaceKey", namespace);
    field(out, "type", kind_name(flag.kind));
    if let Some(variant) = &flag.default_variant {
        out.extend_from_slice(b",\"defaultVariant\":{\"id\":\"\"");
        field(out, "flagKey", &flag.key);
        field(out, "key", &variant.key);
        field(out, "name", &variant.name);
        field(out, "description", &variant.description);
        field(out, "attachment", &variant.attachment);
        field(out, "namespaceKey", namespace);
        out.push(b'}');
    }
    if let Some(metadata) = flag.metadata.as_ref().filter(|_| with_metadata) {
        out.extend_from_slice(b",\"metadata\":");
        out.extend_from_slice(metadata.as_bytes());
    }
    out.push(b'}');
}
