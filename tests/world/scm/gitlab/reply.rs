//! What answers have in common: statuses and bodies, refusals, pages, the rate limit.

use serde_json::{Value, json};

use super::super::Asked;
use super::super::plain::{Plain, Refused};

type Headers = Vec<(String, String)>;

/// An answer on its way: status, body, headers of its own.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Headers,
}

impl Reply {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    /// A refusal in the most common form.
    pub(super) fn no(status: u16, message: &str) -> Self {
        Self::new(status, json!({ "message": message }))
    }

    pub(super) fn none(status: u16) -> Self {
        Self::new(status, Value::Null)
    }
}

/// What a refusal of the world is here.
pub(super) fn refused(refused: &Refused) -> Reply {
    match refused {
        Refused::NoSuchProposal => Reply::no(404, "404 Not found"),
        Refused::NoSuchBranch(_) => Reply::new(400, json!({ "message": { "source_branch": ["does not exist"] } })),
        Refused::SameBranch => {
            Reply::new(422, json!({ "message": ["You can't use same project/branch for source and target"] }))
        }
        Refused::Exists(number) => {
            let said = format!("Another open merge request already exists for this source branch: !{number}");
            Reply::new(409, json!({ "message": [said] }))
        }
        Refused::Archived | Refused::Forbidden => Reply::no(403, "403 Forbidden"),
        Refused::OtherHead => Reply::no(409, "SHA does not match HEAD of source branch: it is another one"),
        Refused::Conflict => Reply::no(422, "Branch cannot be merged"),
        Refused::NothingToMerge
        | Refused::NotOpen
        | Refused::NotClosed
        | Refused::MergedAlready
        | Refused::Draft
        | Refused::Undecided
        | Refused::Protected
        | Refused::OtherVersion => Reply::no(405, "405 Method Not Allowed"),
    }
}

/// The headers of the rate limit, or of one that is used up.
pub(super) fn limited(plain: &mut Plain) -> Result<Headers, Headers> {
    let Some((left, reset)) = plain.rate else { return Ok(Vec::new()) };
    let pair = |name: &str, value: String| (name.to_owned(), value);
    if left == 0 && plain.now < reset {
        let seconds = reset.as_second() - plain.now.as_second();
        return Err(vec![
            pair("retry-after", seconds.to_string()),
            pair("ratelimit-remaining", "0".to_owned()),
            pair("ratelimit-reset", reset.as_second().to_string()),
        ]);
    }
    let left = left.saturating_sub(1);
    plain.rate = if plain.now < reset { Some((left, reset)) } else { None };
    Ok(vec![
        pair("ratelimit-limit", "2000".to_owned()),
        pair("ratelimit-observed", "1".to_owned()),
        pair("ratelimit-remaining", left.to_string()),
        pair("ratelimit-reset", reset.as_second().to_string()),
    ])
}

/// One page of a list, and what its headers say about the others.
pub(super) fn page(plain: &Plain, asked: &Asked, all: Vec<Value>) -> Reply {
    page_of(asked, all, plain.page.min(100))
}

/// The same with a most of its own.
pub(super) fn page_of(asked: &Asked, all: Vec<Value>, most: usize) -> Reply {
    let number = |name: &str, or: usize| asked.parameter(name).map_or(or, |text| text.parse().unwrap_or(or)).max(1);
    let (page, size) = (number("page", 1), number("per_page", 20).min(most));
    let (total, pages) = (all.len(), all.len().div_ceil(size).max(1));
    let some = |page: usize, is: bool| if is { page.to_string() } else { String::new() };
    let headers = [
        ("x-page", page.to_string()),
        ("x-per-page", size.to_string()),
        ("x-next-page", some(page + 1, page < pages)),
        ("x-prev-page", some(page - 1, page > 1)),
        ("x-total", total.to_string()),
        ("x-total-pages", pages.to_string()),
    ];
    let shown = all.into_iter().skip((page - 1) * size).take(size).collect();
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Reply { status: 200, body: Value::Array(shown), headers }
}
