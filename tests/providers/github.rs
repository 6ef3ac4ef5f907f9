//! GitHub against its simulator, beyond what every provider has to do.

use yardarm::provider::Provider;
use yardarm::provider::api::{
    self, Check, CheckState, Edit, Failure, Merge, MergeMethod, Mergeable, Merged, New, State, Status,
};

use crate::scm::git::{Git as _, Shared};
use crate::scm::github::Github;
use crate::scm::plain::{self, Plain, Verdict};
use crate::scm::{Fault, Scm};
use crate::spec::Spec;

/// A world with `topic` one commit beyond `main`, and what asks about it.
struct Story {
    scm: Scm,
    git: Shared,
    api: Box<dyn api::Api>,
}

impl Story {
    fn begin(root: &str) -> Self {
        let git = Shared::new();
        git.with(|git| {
            git.branch("topic", "main");
            git.commit("topic");
        });
        let scm = Scm::new(Provider::Github, root, Box::new(Github), Plain::new(Box::new(git.clone())));
        let api = api::of(scm.place());
        Self { scm, git, api }
    }

    fn open(&self, draft: bool) -> u64 {
        self.api.create(&self.scm, &new(draft)).unwrap().number
    }

    fn read(&self, number: u64) -> api::Proposal {
        self.api.read(&self.scm, number).unwrap()
    }

    fn merge(&self, number: u64, head: &str) -> Result<Merged, Failure> {
        let merge = Merge {
            head_commit: head.to_owned(),
            method: None,
            message: Some("One\n\nTwo".to_owned()),
            delete_branch: true,
        };
        self.api.merge(&self.scm, number, &merge)
    }
}

/// Every exchange is as the specification says, whatever the story was about.
impl Drop for Story {
    fn drop(&mut self) {
        if let Some(spec) = Spec::of(Provider::Github).filter(|_| !std::thread::panicking()) {
            let wrong: Vec<String> = self.scm.exchanges().iter().flat_map(|exchange| spec.check(exchange)).collect();
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}

fn new(draft: bool) -> New {
    let text = |text: &str| text.to_owned();
    New { title: text("Title"), body: text("Body"), head: text("topic"), base: text("main"), draft }
}

const COM: &str = "https://api.github.com";

#[test]
fn a_pull_request_lives_from_draft_to_merge() {
    for root in [COM, "https://github.example.com:8443/ctx/api/v3", "https://api.acme.ghe.com"] {
        let story = Story::begin(root);
        let number = story.open(true);
        let read = story.read(number);
        assert_eq!((read.state, read.draft, read.fork), (State::Open, true, false));
        assert_eq!((read.head.as_deref(), read.base.as_str()), (Some("topic"), "main"));
        assert_eq!((read.title.as_str(), read.body.as_str(), read.author.as_str()), ("Title", "Body", "yardarm-bot"));
        assert_eq!((read.merge_commit, read.mergeable), (None, Mergeable::No("it is a draft".to_owned())));
        story.api.set_draft(&story.scm, number, false).unwrap();
        story.api.set_draft(&story.scm, number, false).unwrap();
        assert!(!story.read(number).draft);
        story.api.edit(&story.scm, number, &Edit { title: Some("Other".to_owned()), body: None }).unwrap();
        story.api.edit(&story.scm, number, &Edit::default()).unwrap();
        let read = story.read(number);
        assert_eq!((read.title.as_str(), read.body.as_str(), read.mergeable), ("Other", "Body", Mergeable::Yes));
        let head = story.git.with(|git| git.tip("topic")).unwrap();
        assert_eq!(story.merge(number, &head), Ok(Merged::Done));
        let read = story.read(number);
        assert_eq!(read.state, State::Merged);
        assert_eq!(read.merge_commit, story.git.with(|git| git.tip("main")));
        assert!(read.ended.is_some());
        assert_eq!(story.git.with(|git| git.tip("topic")), None);
        // Once more, as after an answer that was lost.
        assert_eq!(story.merge(number, &head), Ok(Merged::Done));
        assert!(matches!(story.merge(number, &"0".repeat(40)), Err(Failure::Stale(_))));
        for ended in [story.api.close(&story.scm, number), story.api.reopen(&story.scm, number)] {
            assert!(matches!(ended, Err(Failure::State(_))), "{ended:?}");
        }
    }
}

#[test]
fn the_commit_of_a_test_merge_is_no_merge() {
    let story = Story::begin(COM);
    let number = story.open(false);
    story.api.close(&story.scm, number).unwrap();
    story.api.close(&story.scm, number).unwrap();
    let read = story.read(number);
    assert_eq!((read.state, read.merge_commit, read.mergeable), (State::Closed, None, Mergeable::Unknown));
    story.api.reopen(&story.scm, number).unwrap();
    story.api.reopen(&story.scm, number).unwrap();
    assert_eq!(story.read(number).state, State::Open);
}

#[test]
fn each_reviewer_counts_with_what_was_said_last() {
    let story = Story::begin(COM);
    let number = story.open(false);
    story.scm.world(|plain| {
        for (by, verdict) in [
            ("ada", Verdict::ChangesRequested),
            ("bob", Verdict::Approved),
            ("ada", Verdict::Approved),
            ("eve", Verdict::ChangesRequested),
            ("dan", Verdict::Approved),
            ("dan", Verdict::Dismissed),
        ] {
            plain.review(number, by, verdict).unwrap();
        }
    });
    let reviews = story.read(number).reviews;
    assert_eq!(reviews.approved_by, ["ada", "bob"]);
    assert_eq!(reviews.changes_requested_by, ["eve"]);
}

#[test]
fn statuses_and_check_runs_are_one_list() {
    let story = Story::begin(COM);
    story.scm.world(|plain| plain.page = 1);
    let number = story.open(false);
    let head = story.read(number).head_commit.unwrap();
    let status = Status {
        context: "yardarm/flags".to_owned(),
        state: CheckState::Success,
        description: "2 flags change".to_owned(),
        url: Some("https://flags.example.com/x".to_owned()),
        number,
        branch: None,
    };
    story.api.set_status(&story.scm, &head, &status).unwrap();
    story.api.set_status(&story.scm, &head, &status).unwrap();
    story.scm.world(|plain| {
        for (context, state) in [("actions/build", "pending"), ("actions/test", "failure")] {
            plain.set_status(plain::Status {
                commit: head.clone(),
                context: context.to_owned(),
                state: state.to_owned(),
                description: String::new(),
                url: None,
            });
        }
    });
    let check = |name: &str, state| Check { name: name.to_owned(), state, url: None };
    let ours = Check { url: status.url.clone(), ..check("yardarm/flags", CheckState::Success) };
    let runs = [check("actions/build", CheckState::Pending), check("actions/test", CheckState::Failure)];
    assert_eq!(story.read(number).checks, [&[ours][..], &runs].concat());
    assert!(matches!(story.api.set_status(&story.scm, "cafe", &status), Err(Failure::Invalid(_))));
    // What this credential may not see does not hide the rest.
    let refused = r#"{"message":"Resource not accessible by personal access token"}"#.to_owned();
    story.scm.misbehave("GET", "check-runs", Fault::Answer(403, refused, Vec::new()), 1);
    assert_eq!(story.read(number).checks.len(), 1);
}

#[test]
fn mergeability_comes_later_and_says_why_not() {
    let story = Story::begin(COM);
    story.scm.world(|plain| plain.undecided = 2);
    let number = story.open(false);
    assert_eq!(story.read(number).mergeable, Mergeable::Checking);
    assert_eq!(story.read(number).mergeable, Mergeable::Checking);
    assert_eq!(story.read(number).mergeable, Mergeable::Yes);
    story.scm.world(|plain| plain.protected = true);
    let Mergeable::No(why) = story.read(number).mergeable else { panic!("it is protected") };
    assert!(why.contains("reviews or checks"), "{why}");
    let head = story.read(number).head_commit.unwrap();
    let refused = story.merge(number, &head).unwrap_err();
    let Failure::NotMergeable(why) = refused else { panic!("{refused}") };
    assert!(why.contains("approving review") && why.contains("that main asks for are missing"), "{why}");
    story.scm.world(|plain| plain.proposal_mut(number).unwrap().undecided = 2);
    let refused = story.merge(number, &head).unwrap_err();
    assert!(refused.to_string().contains("still finding out, ask again"), "{refused}");
    story.scm.world(|plain| plain.proposal_mut(number).unwrap().undecided = 0);
    story.git.with(|git| git.set_conflict("main", "topic", true));
    assert_eq!(story.read(number).mergeable, Mergeable::No("it conflicts with main".to_owned()));
}

#[test]
fn a_repository_that_takes_no_merge_commits_is_asked_in_its_own_way() {
    let story = Story::begin(COM);
    let number = story.open(false);
    let head = story.read(number).head_commit.unwrap();
    let refused = r#"{"message":"Merge commits are not allowed on this repository."}"#.to_owned();
    story.scm.misbehave("PUT", "merge", Fault::Answer(405, refused.clone(), Vec::new()), 1);
    assert_eq!(story.merge(number, &head), Ok(Merged::Done));
    let last = story.scm.exchanges().into_iter().rev().find(|exchange| exchange.asked.method == "PUT").unwrap();
    let body = last.asked.body.unwrap();
    assert_eq!(
        (&body["merge_method"], &body["commit_title"], &body["commit_message"]),
        (&"squash".into(), &"One".into(), &"Two".into())
    );
    // Who asks for one way gets that or nothing.
    let number = {
        story.git.with(|git| {
            git.branch("topic", "main");
            git.commit("topic");
        });
        story.open(false)
    };
    let head = story.read(number).head_commit.unwrap();
    let merge = Merge { head_commit: head, method: Some(MergeMethod::Merge), message: None, delete_branch: false };
    story.scm.misbehave("PUT", "merge", Fault::Answer(405, refused, Vec::new()), 1);
    assert!(matches!(story.api.merge(&story.scm, number, &merge), Err(Failure::NotMergeable(_))));
}

#[test]
fn lists_are_read_to_their_end_and_only_back_to_a_time() {
    let story = Story::begin(COM);
    story.scm.world(|plain| plain.page = 3);
    let mut times = Vec::new();
    for at in 0..8 {
        let name = format!("topic/{at}");
        story.git.with(|git| {
            git.branch(&name, "main");
            git.commit(&name);
        });
        let wish = New { head: name, ..new(false) };
        let number = story.api.create(&story.scm, &wish).unwrap().number;
        if at % 2 == 0 {
            story.api.close(&story.scm, number).unwrap();
            times.push(story.read(number).ended.unwrap());
        }
    }
    story.scm.world(|plain| plain.open_from_fork("stranger/flags", "topic/1", "main", "Fork"));
    let numbers = |since| {
        let mut all: Vec<u64> = story.api.list(&story.scm, since).unwrap().iter().map(|p| p.number).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(numbers(None), [2, 4, 6, 8, 9]);
    assert_eq!(numbers(Some(times[2])), [2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(numbers(Some(times[0])), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // A fork's branch of the same name is none of ours, and a name with a slash is found.
    let found = story.api.find(&story.scm, "topic/1", "main").unwrap();
    assert_eq!(found.iter().map(|p| (p.number, p.fork)).collect::<Vec<_>>(), [(2, false)]);
    let fork = story.read(9);
    assert_eq!((fork.fork, fork.author.as_str()), (true, "stranger"));
    story.scm.world(|plain| plain.proposal_mut(9).unwrap().fork_gone = true);
    assert!(story.read(9).fork);
}

#[test]
fn refusals_say_what_a_person_can_do() {
    let story = Story::begin(COM);
    let create = |wish: New| story.api.create(&story.scm, &wish).unwrap_err();
    let failure = create(New { head: "main".to_owned(), ..new(false) });
    assert_eq!(failure, Failure::Nothing("No commits between main and main".to_owned()));
    let failure = create(New { head: "away".to_owned(), ..new(false) });
    assert_eq!(failure, Failure::Invalid("there is no branch `away`".to_owned()));
    let number = story.open(false);
    assert_eq!(create(new(false)), Failure::Exists { number: None });
    assert!(matches!(story.api.read(&story.scm, 77), Err(Failure::NotFound(_))));
    assert!(matches!(story.merge(number, &"0".repeat(40)), Err(Failure::Stale(_))));

    story.scm.ask_as("Bearer token-of-reader");
    for refused in [
        story.api.close(&story.scm, number).unwrap_err(),
        story.api.set_draft(&story.scm, number, true).unwrap_err(),
        create(new(true)),
    ] {
        assert!(
            matches!(&refused, Failure::Forbidden { needs, .. } if needs.contains("Pull requests: write")),
            "{refused}"
        );
    }
    story.scm.ask_as("Bearer nobody");
    assert!(matches!(story.api.read(&story.scm, number), Err(Failure::Credential(_))));
    story.scm.ask_as("Bearer token-of-yardarm");

    story.scm.world(|plain| plain.archived = true);
    for refused in [story.api.close(&story.scm, number), story.api.set_draft(&story.scm, number, true)] {
        assert!(matches!(&refused, Err(Failure::Archived(_))), "{refused:?}");
    }
    story.scm.world(|plain| {
        plain.archived = false;
        plain.renamed_to = Some("banners".to_owned());
    });
    for refused in [story.api.read(&story.scm, number).map(|_| ()), story.api.close(&story.scm, number)] {
        assert!(matches!(&refused, Err(Failure::Moved(why)) if why.contains("remote")), "{refused:?}");
    }
}

#[test]
fn a_branch_that_went_stays_closed() {
    let story = Story::begin(COM);
    let number = story.open(false);
    story.api.close(&story.scm, number).unwrap();
    story.git.with(|git| git.delete("topic"));
    let failure = story.api.reopen(&story.scm, number).unwrap_err();
    assert!(matches!(&failure, Failure::State(why) if why.contains("force-pushed")), "{failure}");
}

#[test]
fn one_comment_is_kept_up_to_date() {
    let story = Story::begin(COM);
    story.scm.world(|plain| plain.page = 2);
    let number = story.open(false);
    for text in ["one", "two", "three"] {
        story.scm.world(|plain| plain.comment(number, "ada", text).unwrap());
    }
    let say = |text: &str| api::say(&*story.api, &story.scm, number, "<!-- ours -->", text).unwrap();
    say("<!-- ours --> first");
    say("<!-- ours --> second");
    story.scm.world(|plain| plain.comment(number, "yardarm-bot", "<!-- ours --> twice").unwrap());
    say("<!-- ours --> third");
    let texts = story.scm.world(|plain| {
        plain.proposal(number).unwrap().comments.iter().map(|comment| comment.text.clone()).collect::<Vec<_>>()
    });
    assert_eq!(texts, ["one", "two", "three", "<!-- ours --> third"]);
    let gone = api::Comment { id: "1".to_owned(), text: String::new(), version: None };
    story.api.delete_comment(&story.scm, number, &gone).unwrap();
}

#[test]
fn limits_say_how_long_to_wait() {
    let story = Story::begin(COM);
    let number = story.open(false);
    story.scm.world(|plain| plain.rate = Some((1, plain.now + jiff::SignedDuration::from_secs(90))));
    let Err(Failure::Wait { after, .. }) = story.api.read(&story.scm, number) else { panic!("no limit") };
    assert_eq!(after.as_secs(), 90);
    let Err(Failure::Wait { after, why }) = story.api.read(&story.scm, number) else { panic!("no limit") };
    assert_eq!((after.as_secs(), why.as_str()), (90, "API rate limit exceeded for user ID 4242."));
    story.scm.world(|plain| plain.rate = None);
    let said = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#.to_owned();
    let headers = vec![("retry-after".to_owned(), "30".to_owned())];
    for (headers, seconds) in [(headers, 30), (Vec::new(), 60)] {
        story.scm.misbehave("PATCH", "pulls", Fault::Answer(403, said.clone(), headers), 1);
        let Err(Failure::Wait { after, .. }) = story.api.close(&story.scm, number) else { panic!("no limit") };
        assert_eq!(after.as_secs(), seconds);
    }
}

/// What the simulator sends is read as what happened.
#[test]
fn webhooks_say_what_happened() {
    let story = Story::begin(COM);
    let number = story.open(true);
    let (scm, api) = (&story.scm, &story.api);
    api.set_draft(scm, number, false).unwrap();
    api.edit(scm, number, &Edit { title: Some("Other".to_owned()), body: None }).unwrap();
    story.git.with(|git| {
        git.commit("topic");
        git.branch("next", "main");
    });
    let head = story.git.with(|git| git.tip("topic")).unwrap();
    scm.world(|plain| {
        plain.pushed("topic");
        plain.retarget(number, "next").unwrap();
        plain.retarget(number, "main").unwrap();
        plain.comment(number, "ada", "Hm").unwrap();
        plain.review(number, "ada", Verdict::Approved).unwrap();
        plain.review(number, "ada", Verdict::Dismissed).unwrap();
    });
    api.set_draft(scm, number, true).unwrap();
    api.set_draft(scm, number, false).unwrap();
    api.close(scm, number).unwrap();
    let mut kinds = kinds(scm, number);
    api.reopen(scm, number).unwrap();
    story.merge(number, &head).unwrap();
    kinds.extend(self::kinds(scm, number));
    assert_eq!(
        kinds.join(" "),
        "opened readied edited commits retargeted retargeted commented reviewed reviewed drafted readied closed reopened \
         merged"
    );
}

/// The kinds of what webhooks have told since the last time, all of them about this one.
fn kinds(scm: &Scm, number: u64) -> Vec<String> {
    let kind = |message: &crate::scm::Message| match crate::events::read(Provider::Github, message) {
        yardarm::provider::Event::Proposal(event) => {
            assert_eq!(event.number, Some(number));
            assert_eq!(event.repository.full_name.as_deref(), Some("acme/flags"));
            serde_json::to_value(event.kind).unwrap().as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    };
    scm.messages().iter().map(kind).collect()
}
