//! The world that every provider's API shows in its own words: one repository, its people, proposals and webhooks, and
//! what may be done to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::git::Git;

/// One repository at one provider.
pub struct Plain {
    pub owner: String,
    pub repository: String,
    pub git: Box<dyn Git>,
    /// By number, which begins at 1.
    pub proposals: Vec<Proposal>,
    pub statuses: Vec<Status>,
    pub hooks: Vec<Hook>,
    /// By the value of the credential.
    pub people: BTreeMap<String, Person>,
    /// The repository takes no changes.
    pub archived: bool,
    /// The repository has another name now.
    pub renamed_to: Option<String>,
    /// The repository was deleted, or may not be seen any more.
    pub gone: bool,
    /// The base takes a merge only after an approval.
    pub protected: bool,
    /// Requests that are left until the limit is used up, and when it begins anew.
    pub rate: Option<(u32, Timestamp)>,
    /// How many reads of a proposal find its mergeability unknown after each push.
    pub undecided: u32,
    /// Most entries of one page, whatever is asked for.
    pub page: usize,
    /// What webhooks have to tell.
    pub happened: Vec<Happened>,
    /// Moves on by a second with every act.
    pub now: Timestamp,
    ids: u64,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    /// May do anything; else only look.
    pub writes: bool,
    /// Manages webhooks.
    pub administers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
    Merged,
}

#[derive(Debug, Clone)]
pub struct Proposal {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub author: String,
    pub head: String,
    pub base: String,
    /// The head as it is, or as it was when the branch went or the proposal ended.
    pub head_commit: String,
    /// `owner/repository` of the fork that it comes from.
    pub fork: Option<String>,
    /// That fork was deleted.
    pub fork_gone: bool,
    pub draft: bool,
    pub state: State,
    pub merge_commit: Option<String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub ended: Option<Timestamp>,
    pub version: u64,
    pub comments: Vec<Comment>,
    pub reviews: Vec<Review>,
    /// Reads that still find its mergeability unknown.
    pub undecided: u32,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub by: String,
    pub text: String,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approved,
    ChangesRequested,
    Dismissed,
}

#[derive(Debug, Clone)]
pub struct Review {
    pub id: u64,
    pub by: String,
    pub verdict: Verdict,
    pub commit: String,
}

#[derive(Debug, Clone)]
pub struct Status {
    pub commit: String,
    pub context: String,
    /// `pending`, `success`, `failure`.
    pub state: String,
    pub description: String,
    pub url: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Hook {
    pub id: u64,
    pub url: String,
    pub secret: Option<String>,
    pub events: Vec<String>,
    pub active: bool,
    pub json: bool,
    pub verifies_tls: bool,
    /// Further fields as they were sent.
    pub more: BTreeMap<String, serde_json::Value>,
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub id: u64,
    pub delivery: String,
    pub event: String,
    pub status: Option<u16>,
    pub at: Timestamp,
}

/// What webhooks tell, by the number of the proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    Opened(u64),
    /// New commits on the head; the commit before.
    Synchronized(u64, String),
    /// Title, body.
    Edited(u64),
    /// The base; the one before.
    Retargeted(u64, String),
    Drafted(u64),
    Readied(u64),
    Reviewed(u64, Verdict),
    Commented(u64),
    Closed(u64),
    Merged(u64),
    Reopened(u64),
    Deleted(u64),
}

/// Why something cannot be done; each dialect has its own words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    NoSuchProposal,
    NoSuchBranch(String),
    SameBranch,
    Exists(u64),
    NothingToMerge,
    NotOpen,
    NotClosed,
    MergedAlready,
    Draft,
    Conflict,
    Undecided,
    OtherHead,
    OtherVersion,
    Archived,
    Forbidden,
    /// An approval is missing.
    Protected,
}

impl Plain {
    /// `acme/flags`, and a person whose credential is `token-of-yardarm` and may do anything.
    pub fn new(git: Box<dyn Git>) -> Self {
        Self {
            owner: "acme".to_owned(),
            repository: "flags".to_owned(),
            git,
            proposals: Vec::new(),
            statuses: Vec::new(),
            hooks: Vec::new(),
            people: Self::everybody(),
            archived: false,
            renamed_to: None,
            gone: false,
            protected: false,
            rate: None,
            undecided: 0,
            page: 50,
            happened: Vec::new(),
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            ids: 100,
        }
    }

    /// Everybody by the credential: Yardarm, and one who may only look.
    pub fn everybody() -> BTreeMap<String, Person> {
        let robot = Person { name: "yardarm-bot".to_owned(), writes: true, administers: true };
        let reader = Person { name: "reader".to_owned(), writes: false, administers: false };
        BTreeMap::from([("token-of-yardarm".to_owned(), robot), ("token-of-reader".to_owned(), reader)])
    }

    /// The person behind a credential that contains its token.
    pub fn person(&self, credential: Option<&str>) -> Option<&Person> {
        let credential = credential?;
        self.people.iter().find(|(token, _)| credential.contains(token.as_str())).map(|(_, person)| person)
    }

    /// A new id, of anything but a proposal.
    pub fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub fn tick(&mut self) -> Timestamp {
        self.now += SignedDuration::from_secs(1);
        self.now
    }

    pub fn proposal(&self, number: u64) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.number == number)
    }

    pub fn proposal_mut(&mut self, number: u64) -> Option<&mut Proposal> {
        self.proposals.iter_mut().find(|proposal| proposal.number == number)
    }

    /// The one that is open for a pair of branches of this repository.
    pub fn open_for(&self, head: &str, base: &str) -> Option<&Proposal> {
        self.proposals.iter().find(|p| p.state == State::Open && p.fork.is_none() && p.head == head && p.base == base)
    }

    /// Opens one. `empty` says whether the provider takes one that has nothing to merge.
    #[allow(clippy::too_many_arguments)]
    pub fn open(
        &mut self,
        by: &str,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
        draft: bool,
        empty: bool,
    ) -> Result<u64, Refused> {
        if self.archived {
            return Err(Refused::Archived);
        }
        if head == base {
            return Err(Refused::SameBranch);
        }
        for branch in [head, base] {
            if self.git.tip(branch).is_none() {
                return Err(Refused::NoSuchBranch(branch.to_owned()));
            }
        }
        if let Some(known) = self.open_for(head, base) {
            return Err(Refused::Exists(known.number));
        }
        if self.git.beyond(head, base) == 0 && !empty {
            return Err(Refused::NothingToMerge);
        }
        let now = self.tick();
        let number = self.proposals.len() as u64 + 1;
        self.proposals.push(Proposal {
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author: by.to_owned(),
            head: head.to_owned(),
            base: base.to_owned(),
            head_commit: self.git.tip(head).unwrap(),
            fork: None,
            fork_gone: false,
            draft,
            state: State::Open,
            merge_commit: None,
            created: now,
            updated: now,
            ended: None,
            version: 0,
            comments: Vec::new(),
            reviews: Vec::new(),
            undecided: self.undecided,
        });
        self.happened.push(Happened::Opened(number));
        Ok(number)
    }

    /// A stranger opens one from a fork, whose branch this repository does not have.
    pub fn open_from_fork(&mut self, fork: &str, head: &str, base: &str, title: &str) -> u64 {
        let now = self.tick();
        let number = self.proposals.len() as u64 + 1;
        let stranger = fork.split('/').next().unwrap_or(fork);
        self.proposals.push(Proposal {
            number,
            title: title.to_owned(),
            body: String::new(),
            author: stranger.to_owned(),
            head: head.to_owned(),
            base: base.to_owned(),
            head_commit: format!("{:040x}", 0xf0_0000_u64 + number),
            fork: Some(fork.to_owned()),
            fork_gone: false,
            draft: false,
            state: State::Open,
            merge_commit: None,
            created: now,
            updated: now,
            ended: None,
            version: 0,
            comments: Vec::new(),
            reviews: Vec::new(),
            undecided: 0,
        });
        self.happened.push(Happened::Opened(number));
        number
    }

    fn change(&mut self, number: u64, happened: Happened) -> Result<&mut Proposal, Refused> {
        let now = self.tick();
        self.proposal(number).ok_or(Refused::NoSuchProposal)?;
        self.happened.push(happened);
        let proposal = self.proposal_mut(number).ok_or(Refused::NoSuchProposal)?;
        proposal.updated = now;
        proposal.version += 1;
        Ok(proposal)
    }

    /// Somebody has pushed to a branch.
    pub fn pushed(&mut self, branch: &str) {
        let tip = self.git.tip(branch);
        let undecided = self.undecided;
        let mut moved = Vec::new();
        for proposal in self.proposals.iter_mut().filter(|p| p.state == State::Open && p.fork.is_none()) {
            if proposal.head == branch
                && let Some(tip) = &tip
                && *tip != proposal.head_commit
            {
                moved.push((proposal.number, std::mem::replace(&mut proposal.head_commit, tip.clone())));
                proposal.undecided = undecided;
            } else if proposal.base == branch {
                proposal.undecided = undecided;
            }
        }
        for (number, before) in moved {
            self.change(number, Happened::Synchronized(number, before)).unwrap();
        }
    }

    pub fn edit(&mut self, number: u64, title: Option<&str>, body: Option<&str>) -> Result<(), Refused> {
        if self.archived {
            return Err(Refused::Archived);
        }
        let proposal = self.change(number, Happened::Edited(number))?;
        if let Some(title) = title {
            title.clone_into(&mut proposal.title);
        }
        if let Some(body) = body {
            body.clone_into(&mut proposal.body);
        }
        Ok(())
    }

    pub fn retarget(&mut self, number: u64, base: &str) -> Result<(), Refused> {
        if self.git.tip(base).is_none() {
            return Err(Refused::NoSuchBranch(base.to_owned()));
        }
        let before = self.proposal(number).ok_or(Refused::NoSuchProposal)?.base.clone();
        base.clone_into(&mut self.change(number, Happened::Retargeted(number, before))?.base);
        Ok(())
    }

    pub fn set_draft(&mut self, number: u64, draft: bool) -> Result<(), Refused> {
        if self.proposal(number).ok_or(Refused::NoSuchProposal)?.draft == draft {
            return Ok(());
        }
        let happened = if draft { Happened::Drafted(number) } else { Happened::Readied(number) };
        self.change(number, happened)?.draft = draft;
        Ok(())
    }

    pub fn close(&mut self, number: u64) -> Result<(), Refused> {
        match self.proposal(number).ok_or(Refused::NoSuchProposal)?.state {
            State::Open => {}
            State::Closed => return Err(Refused::NotOpen),
            State::Merged => return Err(Refused::MergedAlready),
        }
        let proposal = self.change(number, Happened::Closed(number))?;
        proposal.state = State::Closed;
        proposal.ended = Some(proposal.updated);
        Ok(())
    }

    pub fn reopen(&mut self, number: u64) -> Result<(), Refused> {
        let known = self.proposal(number).ok_or(Refused::NoSuchProposal)?;
        let (head, base) = (known.head.clone(), known.base.clone());
        match known.state {
            State::Open => return Err(Refused::NotClosed),
            State::Merged => return Err(Refused::MergedAlready),
            State::Closed => {}
        }
        let tip = self.git.tip(&head).ok_or(Refused::NoSuchBranch(head.clone()))?;
        if let Some(other) = self.open_for(&head, &base) {
            return Err(Refused::Exists(other.number));
        }
        let proposal = self.change(number, Happened::Reopened(number))?;
        proposal.state = State::Open;
        proposal.ended = None;
        proposal.head_commit = tip;
        Ok(())
    }

    /// Whether it could be merged, or why not.
    pub fn mergeable(&self, number: u64) -> Result<(), Refused> {
        let proposal = self.proposal(number).ok_or(Refused::NoSuchProposal)?;
        match proposal.state {
            State::Merged => return Err(Refused::MergedAlready),
            State::Closed => return Err(Refused::NotOpen),
            State::Open => {}
        }
        if proposal.draft {
            Err(Refused::Draft)
        } else if proposal.undecided > 0 {
            Err(Refused::Undecided)
        } else if self.git.conflicts(&proposal.base, &proposal.head) {
            Err(Refused::Conflict)
        } else if self.protected && !proposal.reviews.iter().any(|review| review.verdict == Verdict::Approved) {
            Err(Refused::Protected)
        } else {
            Ok(())
        }
    }

    /// Merges; answers the new tip of the base.
    pub fn merge(
        &mut self,
        number: u64,
        head_commit: Option<&str>,
        method: &str,
        message: &str,
        delete: bool,
    ) -> Result<String, Refused> {
        if self.archived {
            return Err(Refused::Archived);
        }
        self.mergeable(number)?;
        let known = self.proposal(number).ok_or(Refused::NoSuchProposal)?;
        if head_commit.is_some_and(|head| *head != known.head_commit) {
            return Err(Refused::OtherHead);
        }
        let (head, base) = (known.head.clone(), known.base.clone());
        let commit = self.git.merge(&base, &head, method, message);
        if delete {
            self.git.delete(&head);
        }
        let proposal = self.change(number, Happened::Merged(number))?;
        proposal.state = State::Merged;
        proposal.ended = Some(proposal.updated);
        proposal.merge_commit = Some(commit.clone());
        Ok(commit)
    }

    pub fn review(&mut self, number: u64, by: &str, verdict: Verdict) -> Result<u64, Refused> {
        let id = self.id();
        let proposal = self.change(number, Happened::Reviewed(number, verdict))?;
        let commit = proposal.head_commit.clone();
        proposal.reviews.push(Review { id, by: by.to_owned(), verdict, commit });
        Ok(id)
    }

    pub fn comment(&mut self, number: u64, by: &str, text: &str) -> Result<u64, Refused> {
        let id = self.id();
        let proposal = self.change(number, Happened::Commented(number))?;
        proposal.comments.push(Comment { id, by: by.to_owned(), text: text.to_owned(), version: 0 });
        Ok(id)
    }

    /// The same name replaces.
    pub fn set_status(&mut self, status: Status) {
        self.statuses.retain(|known| (&known.commit, &known.context) != (&status.commit, &status.context));
        self.statuses.push(status);
    }
}
