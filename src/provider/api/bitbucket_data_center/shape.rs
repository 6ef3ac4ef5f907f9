//! What Bitbucket Data Center's answers look like, and what they mean. Dates are milliseconds before version 10 and
//! texts since; members that came with later versions (`draft` with 8.18) may be absent.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};

use super::super::bitbucket::{time, told};
use super::super::{Check, CheckState, Mergeable, Proposal, Reviews, State};

/// A date: milliseconds since 1970, or a text. One that is neither is absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Date(pub(super) Option<Timestamp>);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Date;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds or a date as text")
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Date, E> {
                Ok(Date(Timestamp::from_millisecond(millis).ok()))
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Date, E> {
                Ok(Date(i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Date, E> {
                Ok(Date(time(text)))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Date, E> {
                Ok(Date(None))
            }
        }
        from.deserialize_any(Either)
    }
}

/// A pull request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequest {
    pub(super) id: u64,
    pub(super) version: Option<u64>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    state: String,
    draft: Option<bool>,
    #[serde(default)]
    created_date: Date,
    #[serde(default)]
    updated_date: Date,
    #[serde(default)]
    closed_date: Date,
    #[serde(default)]
    from_ref: End,
    #[serde(default)]
    to_ref: End,
    author: Option<Participant>,
    pub(super) reviewers: Option<Vec<Participant>>,
    participants: Option<Vec<Participant>>,
    properties: Option<Properties>,
    #[serde(default)]
    links: Links,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Links {
    #[serde(rename = "self")]
    own: Option<Vec<Option<Link>>>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    merge_commit: Option<Commit>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    id: Option<String>,
}

/// A reviewer, the author, or whoever took part.
#[derive(Debug, Deserialize)]
pub(super) struct Participant {
    pub(super) user: Option<User>,
    approved: Option<bool>,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) name: Option<String>,
    display_name: Option<String>,
}

impl Participant {
    fn name(&self) -> Option<&str> {
        let user = self.user.as_ref()?;
        user.display_name.as_deref().or(user.name.as_deref())
    }
}

/// One side.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct End {
    id: Option<String>,
    display_id: Option<String>,
    latest_commit: Option<String>,
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    id: Option<u64>,
    slug: Option<String>,
    project: Option<Project>,
}

#[derive(Debug, Deserialize)]
struct Project {
    key: Option<String>,
}

impl End {
    /// The branch, short; a tag is none.
    fn branch(&self) -> Option<&str> {
        match &self.id {
            Some(id) if id.starts_with("refs/") => id.strip_prefix("refs/heads/"),
            Some(id) => Some(id),
            None => self.display_id.as_deref(),
        }
    }
}

impl Repository {
    fn is(&self, other: &Self) -> bool {
        if let (Some(one), Some(other)) = (self.id, other.id) {
            return one == other;
        }
        let key = |repository: &Self| repository.project.as_ref().and_then(|project| project.key.clone());
        self.slug.is_some() && self.slug == other.slug && key(self) == key(other)
    }
}

impl PullRequest {
    pub(super) fn state(&self) -> State {
        match self.state.as_str() {
            "MERGED" => State::Merged,
            "DECLINED" => State::Closed,
            _ => State::Open,
        }
    }

    pub(super) fn is_draft(&self) -> bool {
        self.draft == Some(true)
    }

    pub(super) fn head_commit(&self) -> Option<&str> {
        self.from_ref.latest_commit.as_deref()
    }

    /// What it is to be merged from is another repository, or one that is gone.
    pub(super) fn is_fork(&self) -> bool {
        let (Some(from), Some(to)) = (&self.from_ref.repository, &self.to_ref.repository) else { return true };
        !from.is(to)
    }

    /// As every provider has it, without what takes requests of its own.
    pub(super) fn proposal(&self) -> Proposal {
        let everybody = || self.reviewers.iter().flatten().chain(self.participants.iter().flatten());
        let names = |wanted: fn(&Participant) -> bool| {
            let mut names: Vec<String> =
                everybody().filter(|one| wanted(one)).filter_map(|one| one.name().map(str::to_owned)).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let state = self.state();
        let page = self.links.own.iter().flatten().flatten().find_map(|link| link.href.clone());
        let merge_commit = self.properties.as_ref().and_then(|properties| properties.merge_commit.as_ref()?.id.clone());
        Proposal {
            number: self.id,
            url: page.unwrap_or_default(),
            state,
            draft: self.is_draft(),
            title: self.title.clone().unwrap_or_default(),
            body: told(self.description.as_deref().unwrap_or_default()),
            author: self.author.as_ref().and_then(Participant::name).unwrap_or_default().to_owned(),
            head: self.from_ref.branch().map(str::to_owned),
            head_commit: self.head_commit().map(str::to_owned),
            fork: self.is_fork(),
            base: self.to_ref.branch().unwrap_or_default().to_owned(),
            merge_commit: merge_commit.filter(|_| state == State::Merged),
            created: self.created_date.0,
            updated: self.updated_date.0,
            ended: self.closed_date.0.filter(|_| state != State::Open),
            version: self.version,
            reviews: Reviews {
                approved_by: names(|one| one.approved == Some(true) || one.status.as_deref() == Some("APPROVED")),
                changes_requested_by: names(|one| one.status.as_deref() == Some("NEEDS_WORK")),
                required: None,
            },
            checks: Vec::new(),
            mergeable: Mergeable::Unknown,
        }
    }
}

/// Whether an open one could be merged: `GET …/merge`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mergeability {
    can_merge: Option<bool>,
    conflicted: Option<bool>,
    outcome: Option<String>,
    vetoes: Option<Vec<Veto>>,
}

/// A merge check that says no.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Veto {
    pub(super) summary_message: Option<String>,
    pub(super) detailed_message: Option<String>,
}

impl Mergeability {
    pub(super) fn mergeable(&self, draft: bool) -> Mergeable {
        let vetoes = self.vetoes.iter().flatten();
        let mut against: Vec<String> = vetoes
            .filter_map(|veto| veto.summary_message.clone().or_else(|| veto.detailed_message.clone()))
            .take(10)
            .collect();
        if self.conflicted == Some(true) || self.outcome.as_deref() == Some("CONFLICTED") {
            against.insert(0, "conflicts".to_owned());
        }
        if against.is_empty() && draft {
            against.push("it is a draft".to_owned());
        }
        match (against.is_empty(), self.can_merge, self.outcome.as_deref()) {
            (false, ..) => Mergeable::No(super::super::failure::shown(&against.join("; "), 300)),
            (true, Some(true), _) | (true, None, Some("CLEAN")) => Mergeable::Yes,
            (true, _, Some("UNKNOWN")) => Mergeable::Checking,
            (true, Some(false), _) => Mergeable::No("Bitbucket says no, and not why".to_owned()),
            (true, None, _) => Mergeable::Unknown,
        }
    }
}

/// A build of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Build {
    key: Option<String>,
    name: Option<String>,
    state: Option<String>,
    url: Option<String>,
}

impl Build {
    pub(super) fn check(self) -> Option<Check> {
        let state = match self.state.as_deref() {
            Some("SUCCESSFUL") => CheckState::Success,
            Some("FAILED" | "CANCELLED") => CheckState::Failure,
            _ => CheckState::Pending,
        };
        let name = self.name.filter(|name| !name.is_empty()).or(self.key)?;
        Some(Check { name, state, url: self.url })
    }
}

/// Something that happened to a pull request; of comments with the comment, in which its answers are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activity {
    action: Option<String>,
    commit: Option<Commit>,
    pub(super) comment_action: Option<String>,
    pub(super) comment: Option<Remark>,
}

impl Activity {
    /// The commit that came of a merge.
    pub(super) fn merge_commit(&self) -> Option<&str> {
        let merged = self.action.as_deref() == Some("MERGED");
        self.commit.as_ref().filter(|_| merged)?.id.as_deref()
    }
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Remark {
    pub(super) id: u64,
    pub(super) version: Option<u64>,
    pub(super) text: Option<String>,
    pub(super) comments: Option<Vec<Remark>>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(super) values: Vec<T>,
    #[serde(rename = "isLastPage")]
    pub(super) is_last: Option<bool>,
    #[serde(rename = "nextPageStart")]
    pub(super) next_start: Option<u64>,
}
