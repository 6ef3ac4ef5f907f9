//! What callers are told of these routes.

use serde_json::json;

use super::asked::names;
use crate::http::error::Code;
use crate::http::openapi::{EVENTS, Operation, Shape, Tag, schema};
use crate::limits;

const FORM: &[Shape] = &[Shape::Json];

pub(super) fn list() -> Operation {
    let text = || json!({ "type": "string" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": limits::PROPOSALS_PAGE_MAX });
    Operation::new(Tag::Proposals, "proposals", "Merge proposals")
        .describe(
            "As far as the caller may `read` the whole environments that they would change. The provider is not asked.",
        )
        .query("environment", text(), "That would change this environment.")
        .query(
            "state",
            text(),
            "In one of these states, separated by commas: planned, open, merged, live, closed, failed, gone.",
        )
        .query("author", text(), "Opened by this one: the name at the provider, or of the caller of this API.")
        .query("limit", limit, "How many at most.")
        .query("from", text(), "`next` of an earlier answer: what is older than that one.")
        .ok("The newest first.", "ProposalPage")
        .asks_who(FORM)
        .refuses(FORM, &[Code::Invalid])
}

pub(super) fn one() -> Operation {
    Operation::new(Tag::Proposals, "proposal", "A merge proposal")
        .describe("With what it changes of which environment, from the mirror, and what led here.")
        .path("proposal", "Its id.")
        .ok("It.", "ProposalWhole")
        .asks_who(FORM)
        .refuses(FORM, &[Code::NotFound])
}

pub(super) fn stream() -> Operation {
    Operation::new(Tag::Proposals, "proposalStream", "Every change of every proposal")
        .describe(
            "An event for each proposal that changes, with its newest state: a slow reader skips what was between. \
             Begins with what happens from now on; with `Last-Event-ID`, with what was missed.",
        )
        .query("environment", json!({ "type": "string" }), "Those that would change this environment alone.")
        .header("Last-Event-ID", "The id of the last event that was seen.")
        .answers(200, "A stream.", EVENTS, schema("ProposalEvents"))
        .asks_who(&[Shape::Event])
        .refuses(&[Shape::Event], &[Code::Unavailable, Code::Invalid])
}

pub(super) fn close() -> Operation {
    act("closeProposal", "Closes a proposal").describe("What is closed already is answered as it is.")
}

pub(super) fn reopen() -> Operation {
    act("reopenProposal", "Opens a closed proposal again").describe(
        "Where the provider cannot (Bitbucket Cloud), another one is opened in its place and answered; the first one \
         names it in `succeededBy`.",
    )
}

pub(super) fn ready() -> Operation {
    act("readyProposal", "Makes a draft ready for review")
}

pub(super) fn draft() -> Operation {
    act("draftProposal", "Makes a proposal a draft")
}

pub(super) fn edit() -> Operation {
    with("editProposal", "Gives a proposal another title or description", "EditProposalRequest")
        .describe("The marker, by which it is found again, stays in the description.")
}

pub(super) fn merge() -> Operation {
    with("mergeProposal", "Merges a proposal", "MergeProposalRequest").describe(
        "At the provider, whose rules hold: approvals, checks, protected branches. Exactly the head that is shown is \
         merged. It is live when a served snapshot contains it. Needs `write`.",
    )
}

pub(super) fn update() -> Operation {
    with("updateProposal", "Lets the branch of a proposal take up its base", "UpdateRequest")
}

fn act(id: &'static str, summary: &'static str) -> Operation {
    with(id, summary, "NoFields")
}

fn with(id: &'static str, summary: &'static str, body: &str) -> Operation {
    let codes = [
        Code::Forbidden,
        Code::NotFound,
        Code::Precondition,
        Code::Unimplemented,
        Code::Undecided,
        Code::Internal,
        Code::Down { seconds: 5 },
    ];
    Operation::new(Tag::Proposals, id, summary)
        .path("proposal", "Its id.")
        .body(body, Shape::Json)
        .ok("As the provider shows it afterwards.", "Proposal")
        .asks_who(FORM)
        .refuses(FORM, &codes)
}

/// The words for states.
pub(super) fn states() -> [&'static str; 7] {
    names()
}
