//! What Bitbucket Cloud's answers look like, and what they mean. Everything but number and state may be absent or null:
//! lists leave out what single answers have, and what a deleted account or fork leaves behind is `null`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::bitbucket::{same_commit, time, told};
use super::super::{Check, CheckState, MergeMethod, Mergeable, Proposal, Reviews, State};

/// A pull request.
#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) id: u64,
    state: String,
    title: Option<String>,
    description: Option<String>,
    summary: Option<Markup>,
    #[serde(default)]
    links: Links,
    author: Option<Account>,
    #[serde(default)]
    source: End,
    #[serde(default)]
    pub(super) destination: End,
    merge_commit: Option<Commit>,
    close_source_branch: Option<bool>,
    created_on: Option<String>,
    updated_on: Option<String>,
    reviewers: Option<Vec<Account>>,
    participants: Option<Vec<Participant>>,
    draft: Option<bool>,
    mergeable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Links {
    html: Option<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: Option<String>,
}

/// A text in some markup.
#[derive(Debug, Deserialize)]
pub(super) struct Markup {
    pub(super) raw: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Account {
    uuid: Option<String>,
    display_name: Option<String>,
    nickname: Option<String>,
}

impl Account {
    fn name(&self) -> Option<&str> {
        self.display_name.as_deref().or(self.nickname.as_deref())
    }
}

#[derive(Debug, Deserialize)]
struct Participant {
    user: Option<Account>,
    approved: Option<bool>,
    state: Option<String>,
}

/// Source or destination.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct End {
    repository: Option<Repository>,
    branch: Option<Branch>,
    commit: Option<Commit>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    uuid: Option<String>,
    full_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Branch {
    name: Option<String>,
    merge_strategies: Option<Vec<String>>,
    default_merge_strategy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    hash: Option<String>,
}

impl End {
    fn branch(&self) -> Option<&str> {
        self.branch.as_ref()?.name.as_deref()
    }

    pub(super) fn commit(&self) -> Option<&str> {
        self.commit.as_ref()?.hash.as_deref()
    }
}

impl PullRequest {
    pub(super) fn state(&self) -> State {
        match self.state.as_str() {
            "MERGED" => State::Merged,
            "DECLINED" | "SUPERSEDED" => State::Closed,
            _ => State::Open,
        }
    }

    pub(super) fn is_draft(&self) -> bool {
        self.draft == Some(true)
    }

    pub(super) fn head_commit(&self) -> Option<&str> {
        self.source.commit()
    }

    /// Another repository, or one that is gone. By ids where both are told: names change.
    pub(super) fn is_fork(&self) -> bool {
        let (Some(source), Some(destination)) = (&self.source.repository, &self.destination.repository) else {
            return true;
        };
        match (&source.uuid, &destination.uuid, &source.full_name, &destination.full_name) {
            (Some(source), Some(destination), ..) => source != destination,
            (_, _, Some(source), Some(destination)) => !source.eq_ignore_ascii_case(destination),
            _ => true,
        }
    }

    /// What a change has to say again, because what it leaves out may be reset: of the reviewers that is known.
    pub(super) fn again(&self) -> Value {
        let reviewers: Vec<_> = self.reviewers.iter().flatten().filter_map(|account| account.uuid.as_deref()).collect();
        let mut again = json!({
            "type": "pullrequest",
            "title": self.title.as_deref().unwrap_or_default(),
            "description": self.body(),
            "close_source_branch": self.close_source_branch == Some(true),
            "draft": self.is_draft(),
            "reviewers": reviewers.iter().map(|uuid| json!({"type": "user", "uuid": uuid})).collect::<Vec<_>>(),
        });
        if let (Some(branch), Some(object)) = (self.destination.branch(), again.as_object_mut()) {
            object.insert("destination".to_owned(), json!({"branch": {"name": branch}}));
        }
        again
    }

    fn body(&self) -> &str {
        let summary = || self.summary.as_ref().and_then(|summary| summary.raw.as_deref());
        self.description.as_deref().or_else(summary).unwrap_or_default()
    }

    /// The strategy that a method goes by. Without one it is that of the destination branch, because the API's own
    /// default is another one; an error says which there are.
    pub(super) fn strategy(&self, method: Option<MergeMethod>) -> Result<Option<String>, String> {
        let Some(branch) = &self.destination.branch else {
            return Ok(method.map(|method| strategy(method).to_owned()));
        };
        let Some(method) = method else { return Ok(branch.default_merge_strategy.clone()) };
        match &branch.merge_strategies {
            Some(known) if !known.iter().any(|known| known == strategy(method)) => Err(known.join(", ")),
            _ => Ok(Some(strategy(method).to_owned())),
        }
    }

    /// As every provider has it, without what takes requests of its own.
    pub(super) fn proposal(&self) -> Proposal {
        let names = |wanted: fn(&Participant) -> bool| {
            let of = self.participants.iter().flatten().filter(|participant| wanted(participant));
            of.filter_map(|participant| participant.user.as_ref()?.name().map(str::to_owned)).collect()
        };
        let state = self.state();
        Proposal {
            number: self.id,
            url: self.links.html.as_ref().and_then(|link| link.href.clone()).unwrap_or_default(),
            state,
            draft: self.is_draft(),
            title: self.title.clone().unwrap_or_default(),
            body: told(self.body()),
            author: self.author.as_ref().and_then(Account::name).unwrap_or_default().to_owned(),
            head: self.source.branch().map(str::to_owned),
            head_commit: self.head_commit().map(str::to_owned),
            fork: self.is_fork(),
            base: self.destination.branch().unwrap_or_default().to_owned(),
            merge_commit: self.merge_commit.as_ref().filter(|_| state == State::Merged).and_then(|c| c.hash.clone()),
            created: self.created_on.as_deref().and_then(time),
            updated: self.updated_on.as_deref().and_then(time),
            ended: None,
            version: None,
            reviews: Reviews {
                approved_by: names(|p| p.approved == Some(true) || p.state.as_deref() == Some("approved")),
                changes_requested_by: names(|p| p.state.as_deref() == Some("changes_requested")),
                required: None,
            },
            checks: Vec::new(),
            mergeable: Mergeable::Unknown,
        }
    }

    /// Whether it could be merged, by what the pull request says and by the files that conflict, where they are known.
    pub(super) fn mergeable(&self, conflicts: Option<&[String]>) -> Mergeable {
        if self.state() != State::Open {
            return Mergeable::Unknown;
        }
        match (self.is_draft(), conflicts, self.mergeable) {
            (true, ..) => Mergeable::No("it is a draft".to_owned()),
            (_, Some(files @ [_, ..]), _) => Mergeable::No(format!("conflicts in {}", files.join(", "))),
            (_, _, Some(false)) => Mergeable::No("not every merge check of the repository passes".to_owned()),
            (_, Some([]), Some(true)) => Mergeable::Yes,
            _ => Mergeable::Unknown,
        }
    }
}

const fn strategy(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Merge => "merge_commit",
        MergeMethod::Squash => "squash",
        MergeMethod::Rebase => "rebase_fast_forward",
    }
}

/// A build of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    key: Option<String>,
    name: Option<String>,
    state: Option<String>,
    url: Option<String>,
    commit: Option<Commit>,
}

impl Status {
    /// A check of `head`; absent if it is about another commit.
    pub(super) fn check(self, head: Option<&str>) -> Option<Check> {
        let about = self.commit.as_ref().and_then(|commit| commit.hash.as_deref());
        if about.zip(head).is_some_and(|(about, head)| !same_commit(about, head)) {
            return None;
        }
        let state = match self.state.as_deref() {
            Some("SUCCESSFUL") => CheckState::Success,
            Some("FAILED" | "STOPPED") => CheckState::Failure,
            _ => CheckState::Pending,
        };
        let name = self.name.filter(|name| !name.is_empty()).or(self.key)?;
        Some(Check { name, state, url: self.url })
    }
}

/// A file that conflicts.
#[derive(Debug, Deserialize)]
pub(super) struct Conflict {
    pub(super) path: Option<String>,
}

/// Something that happened: of a change, what the pull request was after it.
#[derive(Debug, Deserialize)]
pub(super) struct Activity {
    update: Option<Update>,
}

#[derive(Debug, Deserialize)]
struct Update {
    state: Option<String>,
    date: Option<String>,
}

impl PullRequest {
    /// When it came to be what it is, after what happened.
    pub(super) fn since(&self, happened: &[Activity]) -> Option<Timestamp> {
        let updates = happened.iter().filter_map(|activity| activity.update.as_ref());
        let same = updates.filter(|update| update.state.as_ref() == Some(&self.state));
        same.filter_map(|update| time(update.date.as_deref()?)).min()
    }
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(super) struct Remark {
    pub(super) id: u64,
    pub(super) content: Option<Markup>,
    pub(super) deleted: Option<bool>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(super) values: Vec<T>,
    pub(super) next: Option<String>,
}
