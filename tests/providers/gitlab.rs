//! What only GitLab does, each told once; every exchange also against its specification. What all providers mean alike
//! is told by the conformance stories.

mod hooks;
mod merging;
mod webhooks;

use serde_json::{Value, json};
use yardarm::provider::Provider;
use yardarm::provider::api::{
    self, Api, CheckState, Edit, Failure, Merge, MergeMethod, Mergeable, Merged, New, Opened, Place, State, Status,
};

use crate::scm::git::{Git as _, Shared};
use crate::scm::gitlab::Gitlab;
use crate::scm::plain::{Plain, Verdict};
use crate::scm::{Fault, Scm};
use crate::spec::Spec;

const ROOT: &str = "https://gitlab.example.com/below/a/root/api/v4";

/// A project `acme/platform/flags` with a branch `topic` that is one commit ahead, and its API.
struct World {
    git: Shared,
    scm: Scm,
    api: Box<dyn Api>,
}

impl World {
    fn new() -> Self {
        Self::of(Gitlab::default())
    }

    fn of(gitlab: Gitlab) -> Self {
        let git = Shared::new();
        git.with(|git| {
            git.branch("topic", "main");
            git.commit("topic");
        });
        let mut plain = Plain::new(Box::new(git.clone()));
        "acme/platform".clone_into(&mut plain.owner);
        let scm = Scm::new(Provider::Gitlab, ROOT, Box::new(gitlab), plain);
        let api = api::of(scm.place());
        Self { git, scm, api }
    }

    fn open(&self) -> Opened {
        api::open_or_join(&*self.api, &self.scm, &new("Turn on", false)).unwrap()
    }

    fn head(&self) -> String {
        self.git.tip("topic").unwrap()
    }

    fn merge(&self, method: Option<MergeMethod>) -> Result<Merged, Failure> {
        let merge = Merge { head_commit: self.head(), method, message: None, delete_branch: true };
        self.api.merge(&self.scm, 1, &merge)
    }

    fn merge_again(&self, head: &str) -> Result<Merged, Failure> {
        let merge = Merge { head_commit: head.to_owned(), method: None, message: None, delete_branch: true };
        self.api.merge(&self.scm, 1, &merge)
    }

    fn count(&self, method: &str, part: &str) -> usize {
        let asked = self.scm.exchanges();
        asked.iter().filter(|it| it.asked.method == method && it.asked.path.join("/").contains(part)).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(spec) = Spec::of(Provider::Gitlab) {
            let wrong: Vec<String> = self.scm.exchanges().iter().flat_map(|exchange| spec.check(exchange)).collect();
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}

fn new(title: &str, draft: bool) -> New {
    let (head, base) = ("topic".to_owned(), "main".to_owned());
    New { title: title.to_owned(), body: "Why".to_owned(), head, base, draft }
}

#[test]
fn from_a_draft_to_a_merge() {
    let world = World::new();
    let opened = api::open_or_join(&*world.api, &world.scm, &new("Turn on", true)).unwrap();
    assert!(!opened.joined && opened.proposal.draft);
    assert_eq!((opened.proposal.title.as_str(), opened.proposal.author.as_str()), ("Turn on", "yardarm-bot"));
    assert!(api::open_or_join(&*world.api, &world.scm, &new("Once more", false)).unwrap().joined);

    // A new title does not end the draft, and its end does not change the title.
    let edit = Edit { title: Some("Turn it on".to_owned()), body: None };
    world.api.edit(&world.scm, 1, &edit).unwrap();
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!((read.title.as_str(), read.draft), ("Turn it on", true));
    assert_eq!(read.mergeable, Mergeable::No("it is a draft".to_owned()));
    assert_eq!(world.merge(None), Err(Failure::NotMergeable("it is a draft".to_owned())));
    for _ in 0..2 {
        world.api.set_draft(&world.scm, 1, false).unwrap();
    }
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!((read.title.as_str(), read.draft, read.mergeable), ("Turn it on", false, Mergeable::Yes));

    assert_eq!(world.merge(None), Ok(Merged::Done));
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!((read.state, read.merge_commit), (State::Merged, world.git.tip("main")));
    assert!(read.ended.is_some() && world.git.tip("topic").is_none());
    assert_eq!(world.merge_again(&read.head_commit.unwrap()), Ok(Merged::Done));
    assert!(matches!(world.api.close(&world.scm, 1), Err(Failure::State(_))));
    assert!(matches!(world.api.reopen(&world.scm, 1), Err(Failure::State(_))));
}

#[test]
fn where_there_is_nothing_to_merge_nothing_is_made() {
    let world = World::new();
    world.git.with(|git| git.branch("same", "main"));
    let mut same = new("Nothing", false);
    same.head = "same".to_owned();
    assert!(matches!(world.api.create(&world.scm, &same), Err(Failure::Nothing(_))));
    same.head = "main".to_owned();
    assert!(matches!(world.api.create(&world.scm, &same), Err(Failure::Nothing(_))));
    same.head = "not-there".to_owned();
    let Err(Failure::Invalid(said)) = world.api.create(&world.scm, &same) else { panic!("no such branch") };
    assert!(said.contains("not-there"), "{said}");
    assert_eq!(world.count("POST", "merge_requests"), 0);
}

#[test]
fn the_one_that_is_open_is_named() {
    let world = World::new();
    world.open();
    assert_eq!(world.api.create(&world.scm, &new("b", false)), Err(Failure::Exists { number: Some(1) }));
    world.scm.misbehave("POST", "merge_requests", Fault::Lost, 1);
    world.scm.world(|plain| plain.close(1)).unwrap();
    let opened = world.open();
    assert_eq!((opened.proposal.number, opened.joined), (2, false), "a lost answer is found");
}

#[test]
fn an_old_server_does_not_say_who_asks_for_changes() {
    let world = World::of(Gitlab { reviewers: false, ..Gitlab::default() });
    world.open();
    world.scm.world(|plain| plain.review(1, "carol", Verdict::ChangesRequested)).unwrap();
    assert!(world.api.read(&world.scm, 1).unwrap().reviews.changes_requested_by.is_empty());
}

#[test]
fn mergeability_is_found_out_by_and_by() {
    let world = World::new();
    world.scm.world(|plain| plain.undecided = 2);
    world.open();
    let seen = (0..3).map(|_| world.api.read(&world.scm, 1).unwrap().mergeable).collect::<Vec<_>>();
    assert_eq!(seen, [Mergeable::Checking, Mergeable::Checking, Mergeable::Yes]);
}

#[test]
fn no_text_of_ours_commands_anything() {
    let world = World::new();
    let text = "Why\n/close\n  /merge\n\n```\n/draft\n```\n\\/ready";
    let mut proposed = new("Turn on", false);
    proposed.body = text.to_owned();
    world.api.create(&world.scm, &proposed).unwrap();
    world.api.edit(&world.scm, 1, &Edit { title: None, body: Some(format!("{text}\n/approve")) }).unwrap();
    let comment = format!("<!-- marker -->\n{text}");
    for _ in 0..2 {
        api::say(&*world.api, &world.scm, 1, "<!-- marker -->", &comment).unwrap();
    }
    let read = world.api.read(&world.scm, 1).unwrap();
    assert_eq!((read.state, read.draft, read.reviews.approved_by.len()), (State::Open, false, 0));
    assert_eq!(read.body, format!("{text}\n/approve"), "it is read as it was written");
    assert_eq!(world.count("PUT", "notes"), 0, "what stands there is known again");
    api::say(&*world.api, &world.scm, 1, "<!-- marker -->", &format!("{comment}\n/target_branch x")).unwrap();
    assert_eq!((world.count("PUT", "notes"), world.count("POST", "notes")), (1, 1));
}

#[test]
fn ours_is_found_among_many_comments_and_stands_once() {
    let world = World::new();
    world.open();
    world.scm.world(|plain| {
        plain.page = 3;
        for number in 0..10 {
            let text = if number % 4 == 3 { "<!-- marker --> old" } else { "hello" };
            plain.comment(1, "ada", text).unwrap();
        }
    });
    api::say(&*world.api, &world.scm, 1, "<!-- marker -->", "<!-- marker --> new").unwrap();
    let left = world.api.comments(&world.scm, 1, "<!-- marker -->").unwrap();
    assert_eq!(left.iter().map(|comment| comment.text.as_str()).collect::<Vec<_>>(), ["<!-- marker --> new"]);
    world.api.delete_comment(&world.scm, 1, &left[0]).unwrap();
    world.api.delete_comment(&world.scm, 1, &left[0]).unwrap();
}

#[test]
fn statuses_may_be_said_twice() {
    let world = World::new();
    world.open();
    let head = world.head();
    let status = |state| Status {
        context: "yardarm/flags".to_owned(),
        state,
        description: "2 flags change".to_owned(),
        url: None,
        number: 1,
        branch: Some("topic".to_owned()),
    };
    for state in
        [CheckState::Pending, CheckState::Pending, CheckState::Failure, CheckState::Failure, CheckState::Success]
    {
        world.api.set_status(&world.scm, &head, &status(state)).unwrap();
        let checks = world.api.read(&world.scm, 1).unwrap().checks;
        assert_eq!(
            checks.iter().map(|check| (check.name.as_str(), check.state)).collect::<Vec<_>>(),
            [("yardarm/flags", state)]
        );
    }
    let busy = json!({ "message": "Another update to this commit status is in progress" }).to_string();
    world.scm.misbehave("POST", "statuses", Fault::Answer(409, busy, Vec::new()), 1);
    let failure = world.api.set_status(&world.scm, &head, &status(CheckState::Pending)).unwrap_err();
    assert_eq!(failure.class(), yardarm::fault::Class::Retry, "{failure}");
    world.scm.ask_as("Bearer token-of-reader");
    let Err(Failure::Forbidden { needs, .. }) = world.api.set_status(&world.scm, &head, &status(CheckState::Success))
    else {
        panic!("a reader may not")
    };
    assert!(needs.contains("Developer"), "{needs}");
}

#[test]
fn forks_are_told_and_left_alone() {
    let world = World::new();
    world.scm.world(|plain| {
        plain.open_from_fork("mallory/flags", "topic", "main", "Mine");
        plain.open_from_fork("mallory/gone", "topic", "main", "Gone");
        plain.proposal_mut(2).unwrap().fork_gone = true;
    });
    assert!(world.api.find(&world.scm, "topic", "main").unwrap().is_empty());
    for number in [1, 2] {
        let read = world.api.read(&world.scm, number).unwrap();
        assert!(read.fork && read.checks.is_empty());
    }
    assert_eq!(world.count("GET", "statuses"), 0, "nothing of theirs is looked for here");
    assert_eq!(world.open().proposal.number, 3);
}

#[test]
fn lists_are_read_to_their_end() {
    let world = World::new();
    world.scm.world(|plain| {
        plain.page = 4;
        for number in 0..11 {
            plain.open_from_fork("mallory/flags", &format!("b{number}"), "main", "Mine");
        }
        plain.close(3).unwrap();
    });
    assert_eq!(world.api.list(&world.scm, None).unwrap().len(), 10);
    let since = world.scm.world(|plain| plain.now);
    let all = world.api.list(&world.scm, Some(since)).unwrap();
    assert_eq!(all.len(), 11);
    assert_eq!(all.iter().filter(|it| it.state == State::Closed).map(|it| it.number).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_project_that_has_moved_says_where_to() {
    let world = World::new();
    world.open();
    world.scm.world(|plain| plain.renamed_to = Some("switches".to_owned()));
    let Err(Failure::Moved(said)) = world.api.read(&world.scm, 1) else { panic!("it has moved") };
    assert!(said.contains("acme/platform/switches"), "{said}");
    let Err(Failure::Moved(said)) = world.api.close(&world.scm, 1) else { panic!("it has moved") };
    assert!(said.contains("acme/platform/switches"), "{said}");
    let Err(Failure::Moved(said)) = world.merge(None) else { panic!("it has moved") };
    assert!(said.contains("acme/platform/switches"), "{said}");
}

#[test]
fn an_archived_project_is_not_a_missing_scope() {
    let world = World::new();
    world.open();
    world.scm.world(|plain| plain.archived = true);
    assert!(matches!(world.api.close(&world.scm, 1), Err(Failure::Archived(_))));
    let scope = json!({ "error": "insufficient_scope", "error_description": "It needs more.", "scope": "api" });
    world.scm.misbehave("PUT", "merge_requests", Fault::Answer(403, scope.to_string(), Vec::new()), 1);
    let Err(Failure::Forbidden { needs, said }) = world.api.close(&world.scm, 1) else { panic!("a scope") };
    assert!(needs.contains("scope api") && said.contains("insufficient_scope"), "{needs}, {said}");
}

#[test]
fn closing_and_opening_again() {
    let world = World::new();
    world.open();
    for _ in 0..2 {
        world.api.close(&world.scm, 1).unwrap();
    }
    assert_eq!(world.api.read(&world.scm, 1).unwrap().mergeable, Mergeable::Unknown);
    let second = world.open().proposal.number;
    assert_eq!(world.api.reopen(&world.scm, 1), Err(Failure::Exists { number: Some(second) }));
    world.api.close(&world.scm, second).unwrap();
    for _ in 0..2 {
        world.api.reopen(&world.scm, 1).unwrap();
    }
    world.api.close(&world.scm, 1).unwrap();
    world.git.clone().delete("topic");
    let Err(Failure::State(said)) = world.api.reopen(&world.scm, 1) else { panic!("its branch is gone") };
    assert!(said.contains("source branch"), "{said}");
}

#[test]
fn limits_and_faults_have_names() {
    let world = World::new();
    let reset = world.scm.world(|plain| plain.now + jiff::SignedDuration::from_secs(30));
    world.scm.world(|plain| plain.rate = Some((0, reset)));
    let Err(Failure::Wait { after, .. }) = world.api.read(&world.scm, 1) else { panic!("a limit") };
    assert_eq!(after.as_secs(), 30);
    world.scm.world(|plain| plain.rate = None);
    assert!(matches!(world.api.read(&world.scm, 1), Err(Failure::NotFound(_))));
    let html = vec![("content-type".to_owned(), "text/html".to_owned())];
    world.scm.misbehave("GET", "merge_requests", Fault::Answer(200, "<html>".to_owned(), html), 1);
    assert!(matches!(world.api.read(&world.scm, 1), Err(Failure::Nonsense(_))));
    let elsewhere = api::of(Place { repository: "none".to_owned(), ..world.scm.place() });
    let Err(Failure::NotFound(said)) = elsewhere.list(&world.scm, None) else { panic!("no such project") };
    assert!(said.contains("Project"), "{said}");
}

/// The recorded answers of real servers are read.
#[test]
fn recorded_answers_are_read() {
    let recorded = [
        json!({ "iid": 1, "title": "JS fix", "description": "x", "state": "closed", "created_at": "2015-12-18T18:29:53.563Z",
            "target_branch": "master", "source_branch": "fix", "source_project_id": 32732, "target_project_id": 32732,
            "author": { "username": "dblessing" }, "work_in_progress": false, "merge_status": "can_be_merged",
            "sha": "12d65c8dd2b2676fa3ac47d955accc085a37a9c1", "merge_commit_sha": null, "squash": false,
            "web_url": "https://gitlab.com/gitlab-org/testme/merge_requests/1", "changes_count": null }),
        json!({ "iid": 1, "target_branch": "master", "source_branch": "test1", "project_id": 3, "title": "test1",
            "state": "merged", "detailed_merge_status": "can_be_merged", "merged_at": "2016-12-03T17:23:34Z",
            "squash_commit_sha": "37a1f246848c3dc2bb82964a183417e2e72fe1a7", "author": { "username": "admin" },
            "draft": false, "head_pipeline": { "id": 1, "status": "pending", "web_url": "https://www.google.com/" } }),
    ];
    let world = World::new();
    for (answer, expected) in recorded.iter().zip([(State::Closed, false), (State::Merged, true)]) {
        let answer = Value::to_string(answer);
        world.scm.misbehave("GET", "merge_requests", Fault::Answer(200, format!("[{answer}]"), Vec::new()), 1);
        let read = world.api.list(&world.scm, None).unwrap().remove(0);
        assert_eq!((read.state, read.merge_commit.is_some()), expected);
        assert!(!read.author.is_empty() && !read.draft);
    }
}
