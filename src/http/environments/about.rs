//! What callers are told of the routes of management: their part of the `OpenAPI` document.

use serde_json::json;

use crate::http::error::Code;
use crate::http::openapi::{Operation, Shape, Tag};

const FORM: &[Shape] = &[Shape::Json];

pub(super) fn environments() -> Operation {
    Operation::new(Tag::Management, "environments", "The environments")
        .describe("Configured ones and those of branches, as far as the caller may see something in them.")
        .ok("The configured ones first, in the order of the file.", "EnvironmentList")
        .asks_who(FORM)
}

pub(super) fn namespaces() -> Operation {
    read("namespaces", "The namespaces of an environment")
        .describe("Those that the caller may see. `revision` is the tip of the branch.")
        .ok("By key.", "NamespaceList")
}

pub(super) fn namespace() -> Operation {
    read("namespace", "A namespace").path("namespace", "Its key.").ok("It.", "NamespaceAnswer")
}

pub(super) fn create_namespace() -> Operation {
    written("createNamespace", "Makes a namespace")
        .body("NamespaceRequest", Shape::Json)
        .ok("It is there.", "NamespaceAnswer")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn update_namespace() -> Operation {
    written("updateNamespace", "Changes name and description of a namespace")
        .body("NamespaceRequest", Shape::Json)
        .ok("It is as asked for.", "NamespaceAnswer")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn delete_namespace() -> Operation {
    removed("deleteNamespace", "Removes a namespace with everything in it").path("namespace", "Its key.")
}

pub(super) fn resources() -> Operation {
    read("resources", "The flags or the segments of a namespace")
        .describe("As their files declare them. A namespace that is not there has none.")
        .path("namespace", "The namespace.")
        .path("type", "`flipt.core.Flag` or `flipt.core.Segment`.")
        .ok("In the order of the files.", "ResourceList")
}

pub(super) fn resource() -> Operation {
    read("resource", "A flag or a segment")
        .query("at", json!({ "type": "string" }), "As of this commit, a whole id in the history of the branch.")
        .refuses(FORM, &[Code::Invalid])
        .path("namespace", "The namespace.")
        .path("type", "`flipt.core.Flag` or `flipt.core.Segment`.")
        .path("key", "Its key.")
        .if_none_match()
        .ok("It.", "ResourceAnswer")
        .with_header(200, "ETag", "Its revision: a hash of what it says, which other changes leave as it is.")
        .empty(304, "It is the one that the client has.")
        .with_header(304, "ETag", "Its revision.")
}

pub(super) fn create_resource() -> Operation {
    written("createResource", "Makes a flag or a segment")
        .path("namespace", "The namespace.")
        .body("ResourceRequest", Shape::Json)
        .ok("It is there, and live.", "ResourceAnswer")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn update_resource() -> Operation {
    written("updateResource", "Replaces a flag or a segment")
        .describe(
            "The key of the body says which. With a `revision` that is not the newest, what somebody else has changed \
             in other fields since is kept; where both have changed the same, 409 carries all three versions.",
        )
        .path("namespace", "The namespace.")
        .body("ResourceRequest", Shape::Json)
        .ok("It is as asked for, and live. Where nothing had to change, no commit was made.", "ResourceAnswer")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn delete_resource() -> Operation {
    removed("deleteResource", "Removes a flag or a segment")
        .path("namespace", "The namespace.")
        .path("type", "`flipt.core.Flag` or `flipt.core.Segment`.")
        .path("key", "Its key.")
}

pub(super) fn history() -> Operation {
    read("history", "What became of a flag or a segment")
        .describe(
            "The commits that changed it, newest first, with what it was then. Commits that changed other parts of its \
             file are not among them.",
        )
        .path("namespace", "The namespace.")
        .path("type", "`flipt.core.Flag` or `flipt.core.Segment`.")
        .path("key", "Its key.")
        .query("from", json!({ "type": "string" }), "`next` of an earlier answer: what is older than that commit.")
        .query("limit", page(), "How many at most.")
        .ok("The newest first.", "History")
        .refuses(FORM, &[Code::Invalid])
}

pub(super) fn revert() -> Operation {
    written("revert", "Brings a flag or a segment back")
        .describe(
            "With `to` it becomes what it was at that commit, be it gone. With `commit` what that one did to it is \
             undone, and what came after is kept; where that touched the same fields, 409 carries all three versions. It \
             is a new commit, on a branch environment if the request says so.",
        )
        .path("namespace", "The namespace.")
        .path("type", "`flipt.core.Flag` or `flipt.core.Segment`.")
        .path("key", "Its key.")
        .body("RevertRequest", Shape::Json)
        .ok("What was done, or with `dryRun` what would be.", "Outcome")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn change() -> Operation {
    written("change", "Several changes in one commit")
        .describe("All of them or none, each on top of the one before.")
        .body("ChangesRequest", Shape::Json)
        .ok("What was done, or with `dryRun` what would be.", "Outcome")
        .header("If-Match", "As the field `revision`.")
}

pub(super) fn branches() -> Operation {
    read("branches", "The branch environments of an environment").ok("By key.", "BranchList")
}

pub(super) fn create_branch() -> Operation {
    written("createBranch", "Makes a branch environment")
        .describe("At the tip of its base. Without a key one is made up. Needs `propose` for the base.")
        .body("BranchRequest", Shape::Json)
        .ok("It is there.", "Environment")
}

pub(super) fn delete_branch() -> Operation {
    written("deleteBranch", "Removes a branch environment and its branch")
        .path("branch", "Its key.")
        .refuses(FORM, &[Code::Invalid])
        .ok("It is gone.", "Nothing")
}

pub(super) fn update_branch() -> Operation {
    written("updateBranch", "Lets a branch take up what its base has got since")
        .path("branch", "Its key.")
        .body("UpdateRequest", Shape::Json)
        .ok("The branch as it is now.", "UpdatedBranch")
}

pub(super) fn propose() -> Operation {
    Operation::new(Tag::Management, "propose", "Proposes a branch")
        .describe(
            "Opens a merge proposal (pull request, merge request) at the provider, or answers the one that is open. Title \
             and description of a template where they are empty. Needs `propose` for the base.",
        )
        .path("environment", "The environment.")
        .path("branch", "Its key.")
        .body("ProposeRequest", Shape::Json)
        .ok("It is open.", "Proposed")
        .guarded(FORM)
        .refuses(FORM, &[Code::NotFound, Code::Unimplemented, Code::Precondition, Code::Undecided, Code::Down { seconds: 5 }])
}

pub(super) fn branch_changes() -> Operation {
    read("branchChanges", "The commits that a branch has and its base has not")
        .describe("The newest first. Needs `read` for the whole base, because they may be about any namespace.")
        .path("branch", "Its key.")
        .query("from", json!({ "type": "string" }), "`next` of an earlier answer: what is older than that commit.")
        .query("limit", page(), "How many at most.")
        .ok("The newest first.", "BranchChanges")
        .refuses(FORM, &[Code::Invalid])
}

/// How long a page of commits may be.
fn page() -> serde_json::Value {
    json!({ "type": "integer", "minimum": 1, "maximum": crate::limits::HISTORY_PAGE_MAX })
}

fn read(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Tag::Management, id, summary)
        .path("environment", "The environment.")
        .guarded(FORM)
        .refuses(FORM, &[Code::NotFound, Code::Down { seconds: 1 }])
}

fn written(id: &'static str, summary: &'static str) -> Operation {
    let text = "It is there already (code 6), it cannot be done here (9: the environment is protected, or the provider \
                refuses it), or somebody else has changed the same since (10).";
    read(id, summary)
        .answers(409, text, crate::http::openapi::JSON, crate::http::openapi::schema("Failure"))
        .refuses(FORM, &[Code::Undecided])
}

fn removed(id: &'static str, summary: &'static str) -> Operation {
    let (text, truth) = (json!({ "type": "string" }), json!({ "type": "boolean" }));
    written(id, summary)
        .refuses(FORM, &[Code::Invalid])
        .query("revision", text.clone(), "What the caller has seen.")
        .query("message", text.clone(), "Message of the commit.")
        .query("coAuthors", text.clone(), "`Name <address>`, with commas between.")
        .query("dryRun", truth, "Say what would be done and do nothing.")
        .query("branch", text.clone(), "Do it on this branch environment, which is made if it is not there.")
        .query("breakGlass", text, "The provider is down: serve it at once, and push it later. The reason.")
        .header("If-Match", "As `revision`.")
        .ok("It is gone.", "Removed")
}
