//! The APIs of the providers, sans-IO: which requests an operation on a merge proposal takes, and what their answers mean.
//!
//! One file a provider implements [`Api`]; what it needs of the outside is [`Ask`], one request -> one answer. Whoever
//! implements that adds the credential, the deadline, the pace and the conditional requests, and keeps the one rule that
//! nothing here can: a request goes to the configured root and nowhere else, whatever an answer names.
//!
//! Operations are written so that they can be repeated. Where a provider's own words for "that exists", "that has moved",
//! "not now" differ, they end in the same [`Failure`], which says to a program what to do and to a person what is wrong.

mod azure;
mod bitbucket;
mod bitbucket_cloud;
mod bitbucket_data_center;
mod failure;
mod gitea;
mod github;
mod gitlab;
pub mod hooks;
mod wire;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use failure::Failure;
pub use wire::{Answer, Ask, Method, Request};

use super::Provider;

/// A repository at a provider's API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Who runs there.
    pub provider: Provider,
    /// Root of the REST API without a slash at its end: `https://api.github.com`, `https://HOST/api/v4`,
    /// `https://HOST/rest/api/latest`; of Azure DevOps that of the organisation or collection.
    pub root: String,
    /// Owner, group path (`group/sub`), workspace, project key; project on Azure DevOps. Decoded.
    pub owner: String,
    /// Repository, project on GitLab, slug on Bitbucket. Decoded.
    pub repository: String,
}

/// What a provider says of a merge proposal (pull request, merge request).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// Number that people see.
    pub number: u64,
    /// Its page. For people: it is never asked for.
    pub url: String,
    /// As the provider sees it.
    pub state: State,
    /// Not ready for review.
    pub draft: bool,
    /// Title; without the prefix by which some providers tell a draft.
    pub title: String,
    /// Description.
    pub body: String,
    /// Who opened it: the name that people see.
    pub author: String,
    /// The branch that is to be merged, short name; absent if it cannot be told any more.
    pub head: Option<String>,
    /// Its commit, hex; some providers abbreviate it to 12 digits.
    pub head_commit: Option<String>,
    /// It comes from another repository.
    pub fork: bool,
    /// The branch that it is to be merged into, short name.
    pub base: String,
    /// The commit that came of the merge, hex or abbreviated. Only of one that is merged: a test merge is none.
    pub merge_commit: Option<String>,
    /// When it was opened.
    pub created: Option<Timestamp>,
    /// When anything of it changed last, where the provider says.
    pub updated: Option<Timestamp>,
    /// When it was merged or closed, where the provider says.
    pub ended: Option<Timestamp>,
    /// What the provider wants to see with the next change (Bitbucket Data Center).
    pub version: Option<u64>,
    /// What reviewers say.
    pub reviews: Reviews,
    /// What machines say of its head.
    pub checks: Vec<Check>,
    /// Whether it could be merged now.
    pub mergeable: Mergeable,
}

/// State of a proposal as every provider has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be merged or closed.
    #[default]
    Open,
    /// Closed, declined, abandoned, superseded.
    Closed,
    /// Merged, completed.
    Merged,
}

/// What reviewers say, each by the name that people see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviews {
    /// Who approved and has not taken it back.
    pub approved_by: Vec<String>,
    /// Who asked for changes.
    pub changes_requested_by: Vec<String>,
    /// How many approvals are needed, where the provider says.
    pub required: Option<u32>,
}

/// What one machine says of the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name.
    pub name: String,
    /// What it says.
    pub state: CheckState,
    /// Its page.
    pub url: Option<String>,
}

/// State of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// Under way, or waiting.
    Pending,
    /// Good; also what was skipped.
    Success,
    /// Not good.
    Failure,
}

/// Whether a proposal could be merged now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "why", rename_all = "lowercase")]
pub enum Mergeable {
    /// It could.
    Yes,
    /// Not yet: conflict, draft, missing approvals, failing checks. In words.
    No(String),
    /// The provider is still finding out: ask again.
    Checking,
    /// It does not say.
    #[default]
    Unknown,
}

/// A proposal to be opened. Branches by their short names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Title.
    pub title: String,
    /// Description.
    pub body: String,
    /// The branch that is to be merged.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Not ready for review.
    pub draft: bool,
}

/// What is to be changed of an open proposal; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Title.
    pub title: Option<String>,
    /// Description.
    pub body: Option<String>,
}

/// How a proposal is to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The head that was looked at, whole: another one is not merged.
    pub head_commit: String,
    /// In which way; the provider's own default where none is given.
    pub method: Option<MergeMethod>,
    /// Message of the commit; the provider's own where none is given.
    pub message: Option<String>,
    /// Remove the branch afterwards.
    pub delete_branch: bool,
}

/// Ways to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    /// A merge commit.
    Merge,
    /// One commit of all.
    Squash,
    /// The same commits once more on top of the base.
    Rebase,
}

/// What came of a wish to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It is merged.
    Done,
    /// The provider does it later: read the proposal again.
    Accepted,
}

/// A comment that carries our marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The provider's id; of nested ones `thread/comment`.
    pub id: String,
    /// Its text.
    pub text: String,
    /// What the provider wants to see with the next change (Bitbucket Data Center).
    pub version: Option<u64>,
}

/// A commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Under which name: the same name replaces.
    pub context: String,
    /// What it says.
    pub state: CheckState,
    /// In one line, at most [`limits::STATUS_DESCRIPTION_CHARACTERS`](crate::limits::STATUS_DESCRIPTION_CHARACTERS).
    pub description: String,
    /// A page about it.
    pub url: Option<String>,
    /// The proposal that it is about, and its branch: some providers want to know.
    pub number: u64,
    /// Short name of the branch.
    pub branch: Option<String>,
}

/// What a provider has at all; what it has not answers [`Failure::Unsupported`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// One that was closed can be opened again.
    pub reopen: bool,
    /// Drafts.
    pub draft: bool,
    /// Ways to merge.
    pub methods: &'static [MergeMethod],
}

/// Merge proposals of one repository.
pub trait Api: fmt::Debug + Send + Sync {
    /// What there is at all.
    fn offers(&self) -> Offers;

    /// Opens one, without looking whether there is one already: see [`open_or_join`].
    ///
    /// # Errors
    /// [`Failure::Exists`] if one is open for this pair of branches, [`Failure::Nothing`] if there is nothing to merge.
    fn create(&self, ask: &dyn Ask, new: &New) -> Result<Proposal, Failure>;

    /// Those of this repository's own branch into `base`, whatever their state, the newest first; at least the newest
    /// and every open one. Without what takes a request of its own (reviews, checks, mergeability).
    ///
    /// # Errors
    /// See [`Failure`].
    fn find(&self, ask: &dyn Ask, head: &str, base: &str) -> Result<Vec<Proposal>, Failure>;

    /// One, with everything that the provider says of it.
    ///
    /// # Errors
    /// See [`Failure`].
    fn read(&self, ask: &dyn Ask, number: u64) -> Result<Proposal, Failure>;

    /// Every open one, and those that ended since `since` as far as the provider can be asked for them; like
    /// [`Self::find`] without what takes a request of its own. At most [`limits::PROPOSALS_LISTED`](crate::limits::PROPOSALS_LISTED).
    ///
    /// # Errors
    /// See [`Failure`].
    fn list(&self, ask: &dyn Ask, since: Option<Timestamp>) -> Result<Vec<Proposal>, Failure>;

    /// Changes title and description.
    ///
    /// # Errors
    /// See [`Failure`].
    fn edit(&self, ask: &dyn Ask, number: u64, edit: &Edit) -> Result<(), Failure>;

    /// Makes it a draft, or ready for review. What it is already is no error.
    ///
    /// # Errors
    /// See [`Failure`].
    fn set_draft(&self, ask: &dyn Ask, number: u64, draft: bool) -> Result<(), Failure>;

    /// Closes it. What is closed already is no error.
    ///
    /// # Errors
    /// See [`Failure`].
    fn close(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure>;

    /// Opens again what was closed. What is open already is no error.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where a new one has to be opened instead.
    fn reopen(&self, ask: &dyn Ask, number: u64) -> Result<(), Failure>;

    /// Merges it.
    ///
    /// # Errors
    /// [`Failure::Stale`] if the head is another one, [`Failure::NotMergeable`] with the provider's reason.
    fn merge(&self, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure>;

    /// Its comments that contain `marker`, the oldest first.
    ///
    /// # Errors
    /// See [`Failure`].
    fn comments(&self, ask: &dyn Ask, number: u64, marker: &str) -> Result<Vec<Comment>, Failure>;

    /// Adds a comment.
    ///
    /// # Errors
    /// See [`Failure`].
    fn comment(&self, ask: &dyn Ask, number: u64, text: &str) -> Result<(), Failure>;

    /// Gives a comment another text.
    ///
    /// # Errors
    /// See [`Failure`].
    fn rewrite_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment, text: &str) -> Result<(), Failure>;

    /// Removes a comment.
    ///
    /// # Errors
    /// See [`Failure`].
    fn delete_comment(&self, ask: &dyn Ask, number: u64, comment: &Comment) -> Result<(), Failure>;

    /// Says something of a commit (whole, hex). What was said under the same name is replaced; saying the same again is
    /// no error.
    ///
    /// # Errors
    /// See [`Failure`].
    fn set_status(&self, ask: &dyn Ask, commit: &str, status: &Status) -> Result<(), Failure>;
}

/// The API of a place.
#[must_use]
pub fn of(place: Place) -> Box<dyn Api> {
    match place.provider {
        Provider::Github => Box::new(github::Github::new(place)),
        Provider::Gitlab => Box::new(gitlab::Gitlab::new(place)),
        Provider::BitbucketCloud => Box::new(bitbucket_cloud::BitbucketCloud::new(place)),
        Provider::BitbucketDataCenter => Box::new(bitbucket_data_center::BitbucketDataCenter::new(place)),
        Provider::Azure => Box::new(azure::Azure::new(place)),
        Provider::Gitea | Provider::Forgejo => Box::new(gitea::Gitea::new(place)),
    }
}

/// A proposal, and whether it was there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// It.
    pub proposal: Proposal,
    /// Somebody had opened it before.
    pub joined: bool,
}

/// Opens a proposal, or finds the one that is open for the same pair of branches. Can be repeated at any time: an answer
/// that was lost after the proposal was made is found by looking.
///
/// # Errors
/// See [`Failure`]; never [`Failure::Exists`].
pub fn open_or_join(api: &dyn Api, ask: &dyn Ask, new: &New) -> Result<Opened, Failure> {
    let open = |found: Vec<Proposal>| found.into_iter().find(|found| found.state == State::Open && !found.fork);
    if let Some(proposal) = open(api.find(ask, &new.head, &new.base)?) {
        return Ok(Opened { proposal, joined: true });
    }
    let failure = match api.create(ask, new) {
        Ok(proposal) => return Ok(Opened { proposal, joined: false }),
        // A server that fails, or whose answer cannot be read, may have made it all the same.
        Err(failure @ (Failure::Exists { .. } | Failure::Lost(_) | Failure::Nonsense(_) | Failure::Provider(_))) => {
            failure
        }
        Err(failure) => return Err(failure),
    };
    let found = match api.find(ask, &new.head, &new.base) {
        Err(Failure::Unreachable(_)) => return Err(failure),
        found => open(found?),
    };
    match (found, failure) {
        // What we made begins with our own first line, however the rest was cut or changed on its way.
        (Some(proposal), _) => Ok(Opened { joined: !begins_alike(&proposal.body, &new.body), proposal }),
        (None, Failure::Exists { .. }) => {
            Err(Failure::Stale("one for these branches was open a moment ago, and is not any more".to_owned()))
        }
        (None, failure) => Err(failure),
    }
}

fn begins_alike(body: &str, ours: &str) -> bool {
    body.lines().next().map(str::trim) == ours.lines().next().map(str::trim)
}

/// Says something on a proposal in one comment: adds it, rewrites it where its text is another one, and removes what is
/// there twice. `text` begins or ends with `marker`; where it stands elsewhere, somebody has quoted us, and that is theirs.
///
/// # Errors
/// See [`Failure`].
pub fn say(api: &dyn Api, ask: &dyn Ask, number: u64, marker: &str, text: &str) -> Result<(), Failure> {
    let is_ours = |comment: &Comment| comment.text.trim().starts_with(marker) || comment.text.trim().ends_with(marker);
    let ours: Vec<Comment> = api.comments(ask, number, marker)?.into_iter().filter(is_ours).collect();
    let Some((first, others)) = ours.split_first() else { return api.comment(ask, number, text) };
    for other in others {
        api.delete_comment(ask, number, other)?;
    }
    if first.text.trim_end() == text.trim_end() { Ok(()) } else { api.rewrite_comment(ask, number, first, text) }
}
