//! The shapes of proposals.

use serde_json::{Map, Value, json};

use super::about::states;
use crate::http::openapi::{EVENTS, Schemas, schema};

fn text() -> Value {
    json!({ "type": "string" })
}

fn told(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn maybe(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": description })
}

fn time(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

fn maybe_time(description: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": description })
}

fn or_null(schema: &Value) -> Value {
    json!({ "oneOf": [schema, { "type": "null" }] })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// What every form of a proposal has.
fn properties() -> Map<String, Value> {
    let count = |what: &str| json!({ "type": ["integer", "null"], "minimum": 0, "description": what });
    let all = json!({
        "id": told("The same after the state directory is gone: it stands in the description, or is made of the number."),
        "storage": text(),
        "environmentKey": maybe("The configured environment that it would change; absent of one that changes several."),
        "branchKey": maybe("The branch environment that it comes from."),
        "state": { "enum": states(), "description": "`live`: merged, and what is served contains it." },
        "draft": { "type": "boolean" },
        "number": { "type": ["integer", "null"], "description": "At the provider." },
        "url": maybe("Its page."),
        "title": maybe("Without the prefix by which some providers tell a draft."),
        "author": maybe("Who opened it, as the provider names them."),
        "openedBy": maybe("Who opened it through Yardarm."),
        "head": told("The branch that is to be merged."),
        "base": told("The branch that it is to be merged into."),
        "headCommit": maybe("Tip of the branch."),
        "mergeCommit": maybe("The commit that came of the merge; some providers abbreviate it."),
        "fork": { "type": "boolean" },
        "ahead": count("Commits that the base has not; absent until it was looked at."),
        "behind": count("Commits of the base that it has not."),
        "reviews": or_null(&json!({
            "type": "object",
            "required": ["approvedBy", "changesRequestedBy", "required"],
            "properties": {
                "approvedBy": list(&text()),
                "changesRequestedBy": list(&text()),
                "required": { "type": ["integer", "null"], "description": "Approvals that are needed, where the provider says." },
            },
        })),
        "checks": list(&json!({
            "type": "object",
            "required": ["name", "state", "url"],
            "properties": {
                "name": text(),
                "state": { "enum": ["pending", "success", "failure"] },
                "url": maybe("Its page."),
            },
        })),
        "mergeable": or_null(&json!({
            "type": "object",
            "required": ["answer"],
            "properties": {
                "answer": { "enum": ["yes", "no", "checking", "unknown"] },
                "why": told("Why not."),
            },
        })),
        "live": or_null(&json!({
            "type": "object",
            "required": ["commit", "at"],
            "properties": {
                "commit": told("The served commit that contains it."),
                "at": time("Since when."),
                "seen": {
                    "type": "object",
                    "description": "How many clients have it, where one proposal alone is asked for: of the streams that are \
                                    open, those that were told of it or of something newer. Who polls is not among them.",
                    "required": ["by", "of"],
                    "properties": {
                        "by": { "type": "integer", "minimum": 0, "description": "Streams that have it." },
                        "of": { "type": "integer", "minimum": 0, "description": "Streams that are open." },
                    },
                },
            },
        })),
        "trouble": or_null(&json!({
            "type": "object",
            "description": "Why the last thing that was asked of the provider was not done.",
            "required": ["class", "message"],
            "properties": {
                "class": { "enum": ["retry", "wait", "operator", "caller", "bug"] },
                "message": text(),
            },
        })),
        "created": time("When it was opened."),
        "updated": maybe_time("When anything of it changed last, where the provider says."),
        "ended": maybe_time("When it was merged or closed."),
        "changed": time("When its state changed last."),
        "read": maybe_time("When the provider was read last."),
        "stale": { "type": "boolean", "description": "Something has happened since: it is going to be read again." },
        "succeededBy": maybe("The one in its place, where the provider could not reopen it."),
    });
    if let Value::Object(all) = all { all } else { Map::new() }
}

fn proposal(more: Value) -> Value {
    let mut all = properties();
    if let Value::Object(more) = more {
        all.extend(more);
    }
    let required: Vec<String> = all.keys().cloned().collect();
    json!({ "type": "object", "required": required, "properties": all })
}

/// Proposals.
pub(in crate::http) const SCHEMAS: Schemas = &[
    ("Proposal", || proposal(json!({}))),
    ("ProposalWhole", || {
        let changed = json!({
            "type": "object",
            "required": ["environment", "changes"],
            "properties": {
                "environment": text(),
                "changes": {
                    "type": "object",
                    "description": "What changes of what is served: the output of `yardarm diff --format json`.",
                    "additionalProperties": true,
                },
            },
        });
        let happened = json!({
            "type": "object",
            "required": ["at", "source", "what"],
            "properties": {
                "at": time("When."),
                "source": { "enum": ["webhook", "provider", "git", "person", "yardarm"] },
                "by": told("Who did it through Yardarm."),
                "what": text(),
            },
        });
        proposal(json!({
            "body": told("Its description."),
            "changes": or_null(&list(&changed)),
            "changesTrouble": maybe("Why there are no changes to show."),
            "history": { "type": "array", "items": happened, "description": "What led here, the oldest first." },
        }))
    }),
    ("ProposalPage", || {
        json!({
            "type": "object",
            "required": ["proposals", "next"],
            "properties": {
                "proposals": list(&schema("Proposal")),
                "next": { "type": ["string", "null"], "description": "Asks for what is older, as `from`; absent at the end." },
            },
        })
    }),
    ("ProposalBrief", || {
        json!({
            "type": "object",
            "description": "The proposal of a branch: Flipt's two fields, and where to look further.",
            "required": ["url", "state", "id", "number", "draft", "stage", "title"],
            "properties": {
                "url": told("Its page; empty while it is only planned."),
                "state": {
                    "enum": ["PROPOSAL_STATE_UNKNOWN", "PROPOSAL_STATE_OPEN", "PROPOSAL_STATE_MERGED", "PROPOSAL_STATE_CLOSED"],
                },
                "id": told("`/api/v2/proposals/{id}`"),
                "number": { "type": ["integer", "null"] },
                "draft": { "type": "boolean" },
                "stage": { "enum": states() },
                "title": maybe("Its title."),
            },
        })
    }),
    ("Proposed", || {
        json!({
            "type": "object",
            "required": ["url", "state", "id", "number", "draft", "stage", "title", "joined"],
            "properties": {
                "url": text(),
                "state": { "enum": ["PROPOSAL_STATE_UNKNOWN", "PROPOSAL_STATE_OPEN", "PROPOSAL_STATE_MERGED", "PROPOSAL_STATE_CLOSED"] },
                "id": told("`/api/v2/proposals/{id}`"),
                "number": { "type": ["integer", "null"] },
                "draft": { "type": "boolean" },
                "stage": { "enum": states() },
                "title": maybe("Its title."),
                "joined": { "type": "boolean", "description": "It was open before." },
            },
        })
    }),
    ("ProposeRequest", || {
        json!({
            "type": "object",
            "properties": {
                "title": told("Of a template, or ours, where it is empty."),
                "body": told("Likewise."),
                "draft": { "type": "boolean", "description": "Not ready for review." },
                "environmentKey": told("Not looked at: the path says it."),
                "key": told("Likewise."),
            },
            "additionalProperties": false,
        })
    }),
    ("EditProposalRequest", || {
        json!({
            "type": "object",
            "properties": {
                "title": maybe("Another title; the one that it has, where none is given."),
                "body": maybe("Another description, likewise."),
            },
            "additionalProperties": false,
        })
    }),
    ("MergeProposalRequest", || {
        json!({
            "type": "object",
            "properties": {
                "method": { "enum": ["merge", "squash", "rebase", ""], "description": "What the configuration says, else the provider, where it is empty." },
                "message": told("Of the commit; the provider's, where it is empty."),
                "head": told("The head that was looked at: another one is not merged."),
            },
            "additionalProperties": false,
        })
    }),
    ("NoFields", || json!({ "type": "object", "additionalProperties": false })),
    ("ProposalEvents", || {
        json!({
            "type": "string",
            "description": "Server-sent events of the name `proposal`. The first line sets `retry`, comments keep the connection alive.",
            "contentMediaType": EVENTS,
            "contentSchema": schema("Proposal"),
        })
    }),
];
