//! The shapes of management, for the `OpenAPI` document.

use serde_json::{Value, json};

use crate::http::openapi::{Schemas, schema};

fn text() -> Value {
    json!({ "type": "string" })
}

fn told(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// What every request that changes something may say beside these properties.
fn with_options(required: &[&str], properties: Value) -> Value {
    let mut all = properties;
    if let Some(all) = all.as_object_mut() {
        let person = json!({
            "type": "object",
            "required": ["name", "email"],
            "properties": { "name": text(), "email": text() },
        });
        let glass = json!({
            "type": "object",
            "description": "The provider is down: serve it at once, and push it later. Everybody reads the reason.",
            "required": ["reason"],
            "properties": { "reason": text() },
        });
        for (name, schema) in [
            ("revision", told("What the caller has seen: a commit of the branch, or the revision of the resource.")),
            ("message", told("Message of the commit; else that of the templates.")),
            ("coAuthors", json!({ "type": "array", "maxItems": crate::limits::CO_AUTHORS, "items": person })),
            ("dryRun", json!({ "type": "boolean", "description": "Say what would be done and do nothing." })),
            ("branch", told("Do it on this branch environment, which is made if it is not there.")),
            ("breakGlass", glass),
        ] {
            all.insert(name.to_owned(), schema);
        }
    }
    json!({ "type": "object", "required": required, "properties": all, "additionalProperties": false })
}

/// All of them.
pub(in crate::http) const SCHEMAS: Schemas = &[
    ("EnvironmentList", || {
        let environments = list(&schema("Environment"));
        json!({ "type": "object", "required": ["environments"], "properties": { "environments": environments } })
    }),
    ("Environment", || {
        json!({
            "type": "object",
            "required": ["key", "name", "default", "configuration"],
            "properties": {
                "key": text(),
                "name": told("The same."),
                "default": { "type": "boolean" },
                "configuration": {
                    "type": "object",
                    "required": ["ref"],
                    "properties": {
                        "ref": told("The branch."),
                        "directory": told("Below the root of the repository; absent for the root."),
                        "remote": told("The repository, without userinfo; absent for one without a remote."),
                        "base": told("The environment that it is a branch of; absent of one that is none."),
                        "scm": { "enum": ["SCM_GITHUB", "SCM_GITLAB", "SCM_BITBUCKET", "SCM_AZURE", "SCM_GITEA"] },
                    },
                },
            },
        })
    }),
    ("Namespace", || {
        json!({
            "type": "object",
            "required": ["key", "name", "description", "protected"],
            "properties": {
                "key": text(),
                "name": text(),
                "description": text(),
                "protected": { "type": "boolean", "description": "It cannot be removed: `default`." },
            },
        })
    }),
    ("NamespaceList", || {
        json!({
            "type": "object",
            "required": ["items", "revision"],
            "properties": { "items": list(&schema("Namespace")), "revision": schema("Revision") },
        })
    }),
    ("Revision", || told("A commit of the branch, hex; empty where there is none yet.")),
    ("NamespaceAnswer", || {
        json!({
            "type": "object",
            "required": ["namespace", "revision"],
            "properties": {
                "namespace": schema("Namespace"), "revision": schema("Revision"), "outcome": schema("Outcome"),
            },
        })
    }),
    ("NamespaceRequest", || {
        with_options(
            &["key"],
            json!({
                "key": text(), "name": text(), "description": text(),
                "protected": { "type": "boolean", "description": "Not looked at: as in Flipt only `default` is." },
                "environmentKey": told("Not looked at: the path says it."),
            }),
        )
    }),
    ("Removed", || {
        let properties = json!({ "revision": schema("Revision"), "outcome": schema("Outcome") });
        json!({ "type": "object", "required": ["revision"], "properties": properties })
    }),
    ("Resource", || {
        json!({
            "type": "object",
            "required": ["namespaceKey", "key", "payload", "resourceRevision"],
            "properties": {
                "namespaceKey": text(),
                "key": text(),
                "payload": schema("Payload"),
                "resourceRevision": told("A hash of what it says."),
            },
        })
    }),
    ("Payload", || {
        json!({
            "type": "object",
            "description": "A flag or a segment, as Flipt v2 spells it.",
            "required": ["@type", "key", "name"],
            "properties": {
                "@type": { "enum": ["flipt.core.Flag", "flipt.core.Segment"] }, "key": text(), "name": text(),
            },
            "additionalProperties": true,
        })
    }),
    ("ResourceList", || {
        json!({
            "type": "object",
            "required": ["resources", "revision"],
            "properties": { "resources": list(&schema("Resource")), "revision": schema("Revision") },
        })
    }),
    ("ResourceAnswer", || {
        json!({
            "type": "object",
            "required": ["resource", "revision"],
            "properties": {
                "resource": schema("Resource"), "revision": schema("Revision"), "outcome": schema("Outcome"),
            },
        })
    }),
    ("ResourceRequest", || {
        with_options(
            &["key", "payload"],
            json!({
                "key": told("Counts before that of the payload."),
                "payload": schema("Payload"),
                "environmentKey": told("Not looked at: the path says it."),
                "namespaceKey": told("Not looked at: the path says it."),
            }),
        )
    }),
    ("RevertRequest", || {
        with_options(
            &[],
            json!({
                "to": told("A commit, hex: it becomes what it was there."),
                "commit": told("A commit, hex: what it did is undone."),
            }),
        )
    }),
    ("History", || {
        json!({
            "type": "object",
            "required": ["entries", "next"],
            "properties": {
                "entries": { "type": "array", "items": schema("HistoryEntry") },
                "next": { "type": ["string", "null"], "description": "Goes on there as `from`; absent at the end." },
            },
        })
    }),
    ("HistoryEntry", || {
        json!({
            "type": "object",
            "required": [
                "commit", "message", "authorName", "authorEmail", "timestamp", "verb", "fields", "payload",
                "resourceRevision",
            ],
            "properties": {
                "commit": { "type": "string" },
                "message": { "type": "string" },
                "authorName": { "type": "string" },
                "authorEmail": { "type": "string" },
                "timestamp": { "type": "string", "format": "date-time" },
                "verb": { "enum": ["create", "update", "delete"] },
                "fields": {
                    "type": "array",
                    "description": "What is not as it was before: `enabled`, `rules[1].distributions`.",
                    "items": { "type": "string" },
                },
                "payload": { "anyOf": [schema("Payload"), { "type": "null" }], "description": "As it was then; absent if it was gone." },
                "resourceRevision": { "type": ["string", "null"] },
            },
        })
    }),
    ("ChangesRequest", || {
        let changes =
            json!({ "type": "array", "minItems": 1, "maxItems": crate::limits::CHANGES, "items": schema("Change") });
        with_options(&["changes"], json!({ "changes": changes }))
    }),
    ("Change", || {
        json!({
            "type": "object",
            "required": ["action"],
            "properties": {
                "action": { "enum": ["create", "update", "put", "delete"], "description": "`put`: whether or not it is there." },
                "type": { "enum": ["flipt.core.Flag", "flipt.core.Segment", "namespace"], "description": "May be left to the payload." },
                "namespace": told("Without it `default`."),
                "key": told("May be left to the payload."),
                "payload": {
                    "type": "object",
                    "description": "A flag or a segment; of a namespace its `name` and `description`.",
                    "additionalProperties": true,
                },
                "revision": told("What the caller has seen of this one."),
            },
            "additionalProperties": false,
        })
    }),
    ("Outcome", || {
        json!({
            "type": "object",
            "description": "What was done, or with `dryRun` what would be.",
            "required": [
                "commit", "made", "dryRun", "branch", "environment", "resources", "rewritten", "textDiff", "changes",
                "live", "breakGlass",
            ],
            "properties": {
                "commit": schema("Revision"),
                "made": { "type": "boolean", "description": "The commit was made for this: what changes nothing makes none." },
                "dryRun": { "type": "boolean" },
                "branch": told("Where it was done."),
                "environment": told("The environment of that branch."),
                "resources": list(&json!({
                    "type": "object",
                    "required": ["namespace", "key", "type", "revision", "merged"],
                    "properties": {
                        "namespace": text(),
                        "key": text(),
                        "type": { "enum": ["flipt.core.Flag", "flipt.core.Segment", "namespace"] },
                        "revision": { "type": ["string", "null"] },
                        "payload": schema("Payload"),
                        "merged": { "type": "boolean", "description": "Somebody else had changed other fields of it; both are in it." },
                    },
                })),
                "rewritten": list(&json!({
                    "type": "object",
                    "description": "What could not be edited in place and lost its comments and its form.",
                    "required": ["file", "what", "why"],
                    "properties": { "file": text(), "what": text(), "why": text() },
                })),
                "textDiff": told("As `git diff` shows it."),
                "changes": {
                    "type": "object",
                    "description": "What changes of what is served: the output of `yardarm diff --format json`.",
                    "additionalProperties": true,
                },
                "live": { "type": ["string", "null"], "format": "date-time", "description": "Since when it is served." },
                "breakGlass": { "type": "boolean", "description": "It is served here and not pushed yet." },
                "proposal": {
                    "type": "object",
                    "description": "What went to a branch of a protected environment is proposed by itself: the proposal, or why there is none yet.",
                    "properties": { "url": text(), "state": text(), "id": text(), "trouble": told("Why it is not open yet.") },
                    "additionalProperties": true,
                },
            },
        })
    }),
    (
        "BranchList",
        || json!({ "type": "object", "required": ["branches"], "properties": { "branches": list(&schema("Branch")) } }),
    ),
    ("Branch", || branch(&[], json!({}))),
    ("UpdatedBranch", || {
        branch(
            &["made", "live"],
            json!({
                "made": { "type": "boolean", "description": "Something had to be done." },
                "live": { "type": ["string", "null"], "format": "date-time", "description": "Since when it is served." },
            }),
        )
    }),
    ("BranchChanges", || {
        let commit = json!({
            "type": "object",
            "required": ["revision", "message", "authorName", "authorEmail", "timestamp"],
            "properties": {
                "revision": { "type": "string" },
                "message": { "type": "string" },
                "authorName": { "type": "string" },
                "authorEmail": { "type": "string" },
                "timestamp": { "type": "string", "format": "date-time" },
            },
        });
        json!({
            "type": "object",
            "required": ["changes", "next"],
            "properties": {
                "changes": { "type": "array", "items": commit },
                "proposalTitle": { "type": "string", "description": "What it would be proposed with; absent where nothing can be proposed." },
                "proposalBody": { "type": "string" },
                "next": { "type": ["string", "null"], "description": "Goes on there as `from`; absent at the end." },
            },
        })
    }),
    ("BranchRequest", || {
        json!({
            "type": "object",
            "properties": {
                "key": told("Letters, digits, dots, dashes; one is made up where it is empty."),
                "environmentKey": told("Not looked at: the path says it."),
            },
            "additionalProperties": false,
        })
    }),
    ("UpdateRequest", || {
        json!({
            "type": "object",
            "properties": { "strategy": { "enum": ["merge", "rebase"], "default": "merge" } },
            "additionalProperties": false,
        })
    }),
    ("Detail", || {
        let version = json!({ "oneOf": [schema("Payload"), { "type": "null" }] });
        let of = |name: &str, properties: Value| {
            let mut properties = properties;
            if let Some(all) = properties.as_object_mut() {
                all.insert("@type".to_owned(), json!({ "const": name }));
            }
            let required: Vec<_> = properties.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
            json!({ "type": "object", "required": required, "properties": properties })
        };
        json!({ "oneOf": [
            of("yardarm.Conflict", json!({
                "namespaceKey": text(),
                "type": { "enum": ["flipt.core.Flag", "flipt.core.Segment", null] },
                "key": text(),
                "base": version,
                "ours": version,
                "theirs": version,
                "overlaps": list(&told("A field that both have changed: `rules[1].distributions`.")),
                "resourceRevision": { "type": ["string", "null"], "description": "Its revision now." },
                "revision": schema("Revision"),
            })),
            of("yardarm.FileConflict", json!({ "file": text() })),
            of("yardarm.Problem", json!({ "problem": schema("Problem") })),
            of("yardarm.Protected", json!({
                "environmentKey": text(), "branch": told("A branch environment that it could go to."),
            })),
        ] })
    }),
];

fn branch(more: &[&str], properties: Value) -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    let mut all = json!({
        "environmentKey": told("Its base."),
        "key": told("Name of its environment."),
        "ref": told("Its Git branch."),
        "revision": schema("Revision"),
        "ahead": number,
        "behind": number,
        "proposal": schema("ProposalBrief"),
    });
    if let (Some(all), Value::Object(properties)) = (all.as_object_mut(), properties) {
        all.extend(properties);
    }
    let required = [&["environmentKey", "key", "ref", "revision", "ahead", "behind"], more].concat();
    json!({ "type": "object", "required": required, "properties": all })
}
