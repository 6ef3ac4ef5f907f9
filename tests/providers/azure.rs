//! What only Azure DevOps does.

use secrecy::SecretString;
use serde_json::{Value, json};
use yardarm::provider::api::hooks::{self, Hooks, Wanted};
use yardarm::provider::api::{
    self, Api, Check, CheckState, Failure, Merge, MergeMethod, Mergeable, Merged, New, Proposal, State, Status,
};
use yardarm::provider::headers::Headers;
use yardarm::provider::{Event, ProposalKind, Provider, classify};

use crate::scm::azure::{Azure, ROOT};
use crate::scm::git::Shared;
use crate::scm::plain::{Attempt, Plain, Verdict};
use crate::scm::{Fault, Scm};
use crate::spec::Spec;

const MARKER: &str = "<!-- yardarm:proposal 0123456789abcdef -->";

struct Stage {
    scm: Scm,
    git: Shared,
    api: Box<dyn Api>,
}

impl Stage {
    fn new() -> Self {
        Self::of(Azure::services())
    }

    fn of(dialect: Azure) -> Self {
        let git = Shared::new();
        git.with(|git| {
            git.branch("flags/on", "main");
            git.commit("flags/on");
        });
        let mut plain = Plain::new(Box::new(git.clone()));
        "My Platform".clone_into(&mut plain.owner);
        "The Flags".clone_into(&mut plain.repository);
        let scm = Scm::new(Provider::Azure, ROOT, Box::new(dialect), plain);
        Self { api: api::of(scm.place()), scm, git }
    }

    fn open(&self) -> u64 {
        api::open_or_join(&*self.api, &self.scm, &new("Turn it on.")).unwrap().proposal.number
    }

    fn read(&self) -> Proposal {
        self.api.read(&self.scm, 1).unwrap()
    }

    fn merge(&self, head_commit: &str) -> Result<Merged, Failure> {
        let (method, message) = (Some(MergeMethod::Squash), Some("Turn it on".to_owned()));
        let merge = Merge { head_commit: head_commit.to_owned(), method, message, delete_branch: true };
        self.api.merge(&self.scm, 1, &merge)
    }

    fn status(&self, state: CheckState) -> Result<(), Failure> {
        use crate::scm::git::Git as _;
        let context = "yardarm/flags".to_owned();
        let (description, url) = ("valid, 1 flag changes".to_owned(), Some("https://flags.example/1".to_owned()));
        let status = Status { context, state, description, url, number: 1, branch: Some("flags/on".to_owned()) };
        self.api.set_status(&self.scm, &self.git.tip("flags/on").unwrap(), &status)
    }

    fn hooks(&self) -> Box<dyn Hooks> {
        hooks::of(self.scm.place()).unwrap()
    }

    /// Requests that were made until now, as method and path.
    fn asked(&self) -> Vec<String> {
        self.scm.exchanges().iter().map(|it| format!("{} {}", it.asked.method, it.asked.path.join("/"))).collect()
    }
}

impl Drop for Stage {
    /// Every exchange is held against the specification.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let Some(spec) = Spec::of(Provider::Azure) else { return };
        let wrong: Vec<String> = self.scm.exchanges().iter().flat_map(|exchange| spec.check(exchange)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn new(body: &str) -> New {
    let (title, head, base) = ("Turn it on".to_owned(), "flags/on".to_owned(), "main".to_owned());
    New { title, body: body.to_owned(), head, base, draft: false }
}

#[test]
fn names_with_blanks_go_through_and_the_page_is_built() {
    let stage = Stage::new();
    assert_eq!(stage.open(), 1);
    let proposal = stage.read();
    assert_eq!(proposal.url, format!("{ROOT}/My%20Platform/_git/The%20Flags/pullrequest/1"));
    assert_eq!((proposal.head.as_deref(), &*proposal.base), (Some("flags/on"), "main"));
    assert_eq!((proposal.state, proposal.mergeable), (State::Open, Mergeable::Yes));
    assert_eq!(proposal.merge_commit, None, "a test merge is none");
    assert!(proposal.created.is_some() && proposal.updated.is_none() && proposal.ended.is_none());
}

#[test]
fn a_merge_is_accepted_first_and_known_later() {
    let stage = Stage::new();
    stage.open();
    let head = stage.read().head_commit.unwrap();
    stage.scm.world(|plain| plain.undecided = 2);
    assert_eq!(stage.merge(&head), Ok(Merged::Accepted));
    for _ in 0..2 {
        let seen = stage.read();
        assert_eq!((seen.state, seen.mergeable, seen.merge_commit), (State::Open, Mergeable::Checking, None));
    }
    let merged = stage.read();
    let commit = stage.scm.world(|plain| plain.proposal(1).unwrap().merge_commit.clone());
    assert_eq!((merged.state, merged.merge_commit), (State::Merged, commit));
    assert!(merged.ended.is_some());
    assert_eq!(stage.merge(&head), Ok(Merged::Done), "once more");
    let writes = stage.asked().iter().filter(|it| it.starts_with("PATCH")).count();
    assert_eq!(writes, 1, "{:?}", stage.asked());
}

#[test]
fn an_abandoned_one_with_a_test_merge_is_closed() {
    let stage = Stage::new();
    stage.open();
    stage.api.close(&stage.scm, 1).unwrap();
    let closed = stage.read();
    assert_eq!((closed.state, closed.merge_commit), (State::Closed, None));
    assert_eq!(stage.api.close(&stage.scm, 1), Ok(()));
    assert_eq!(stage.api.reopen(&stage.scm, 1), Ok(()));
    assert_eq!(stage.api.reopen(&stage.scm, 1), Ok(()));
    assert_eq!(stage.read().state, State::Open);
}

#[test]
fn conflicts_policies_and_other_heads_are_told_apart() {
    let stage = Stage::new();
    stage.open();
    let head = stage.read().head_commit.unwrap();
    assert!(matches!(stage.merge(&"0".repeat(39).replace('0', "a")), Err(Failure::Stale(_))));

    stage.scm.world(|plain| plain.protected = true);
    let seen = stage.read();
    assert_eq!((seen.reviews.required, seen.mergeable), (Some(1), Mergeable::No("0 of 1 approvals".to_owned())));
    assert!(matches!(stage.merge(&head), Err(Failure::NotMergeable(why)) if why.contains("policy")));
    stage.scm.world(|plain| plain.review(1, "ada", Verdict::Approved)).unwrap();
    stage.scm.world(|plain| plain.review(1, "bob", Verdict::ChangesRequested)).unwrap();
    let seen = stage.read();
    assert_eq!((seen.reviews.approved_by, seen.mergeable), (vec!["ada".to_owned()], Mergeable::Yes));
    assert_eq!(seen.reviews.changes_requested_by, ["bob"]);

    stage.git.with(|git| git.set_conflict("main", "flags/on", true));
    assert!(matches!(stage.read().mergeable, Mergeable::No(why) if why.contains("conflict")));
    assert!(matches!(stage.merge(&head), Err(Failure::NotMergeable(why)) if why.contains("conflict")));
    stage.git.with(|git| git.set_conflict("main", "flags/on", false));

    // Somebody pushes between the look and the wish.
    let git = stage.git.clone();
    stage.scm.meanwhile(1, move |plain| {
        git.with(|git| git.commit("flags/on"));
        plain.pushed("flags/on");
    });
    assert!(matches!(stage.merge(&head), Err(Failure::Stale(why)) if why.contains("TF401192")));
}

#[test]
fn where_nobody_asks_for_a_way_to_merge_the_policy_says_one() {
    let stage = Stage::of(Azure { squash_only: true, ..Azure::services() });
    stage.open();
    let head_commit = stage.read().head_commit.unwrap();
    let merge = |method| Merge { head_commit: head_commit.clone(), method, message: None, delete_branch: false };
    let refused = stage.api.merge(&stage.scm, 1, &merge(Some(MergeMethod::Merge)));
    assert!(matches!(refused, Err(Failure::NotMergeable(why)) if why.contains("policy")));
    assert_eq!(stage.api.merge(&stage.scm, 1, &merge(None)), Ok(Merged::Accepted));
    assert_eq!(stage.read().state, State::Merged);
}

#[test]
fn nothing_to_merge_is_found_before_it_is_opened() {
    let stage = Stage::new();
    stage.git.with(|git| git.branch("empty", "main"));
    let new = New { head: "empty".to_owned(), ..new("") };
    assert!(matches!(stage.api.create(&stage.scm, &new), Err(Failure::Nothing(_))));
    let new = New { head: "missing".to_owned(), ..new };
    assert!(matches!(stage.api.create(&stage.scm, &new), Err(Failure::Invalid(why)) if why.contains("TF401175")));
    assert!(stage.scm.world(|plain| plain.proposals.is_empty()));
}

#[test]
fn a_long_description_keeps_its_marker() {
    let stage = Stage::new();
    let long = |length: usize| format!("{MARKER}\n\n{}", "Lorem ipsum ".repeat(length / 12));
    // The answer is lost, and what is found by looking is ours, although lists cut it.
    stage.scm.misbehave("POST", "pullrequests", Fault::Lost, 1);
    let opened = api::open_or_join(&*stage.api, &stage.scm, &new(&long(3_000))).unwrap();
    assert_eq!((opened.joined, opened.proposal.body), (false, long(3_000)));
    let edit = api::Edit { title: None, body: Some(long(9_000)) };
    stage.api.edit(&stage.scm, 1, &edit).unwrap();
    let listed = stage.api.list(&stage.scm, None).unwrap();
    assert!(listed[0].body.starts_with(MARKER) && listed[0].body.chars().count() == 400);
    let read = stage.read().body;
    assert!(read.starts_with(MARKER) && read.ends_with('…') && read.chars().count() == 4_000);
}

#[test]
fn the_lists_are_turned_over_and_cut_by_time() {
    let stage = Stage::new();
    stage.scm.world(|plain| plain.page = 2);
    for number in 0..5 {
        let branch = format!("topic-{number}");
        stage.git.with(|git| {
            git.branch(&branch, "main");
            git.commit(&branch);
        });
        stage.scm.world(|plain| plain.open("ada", &branch, "main", "t", "", false, false)).unwrap();
    }
    stage.scm.world(|plain| plain.close(2)).unwrap();
    let then = stage.scm.world(|plain| plain.now);
    stage.scm.world(|plain| plain.close(4)).unwrap();
    stage.scm.world(|plain| plain.open_from_fork("eve/flags", "topic-0", "main", "evil"));
    let numbers =
        |since| -> Vec<u64> { stage.api.list(&stage.scm, since).unwrap().iter().map(|it| it.number).collect() };
    assert_eq!(numbers(None), [6, 5, 4, 3, 2, 1]);
    let later = then + jiff::SignedDuration::from_millis(1);
    assert_eq!(numbers(Some(later)), [6, 5, 4, 3, 1]);
    let found = stage.api.find(&stage.scm, "topic-0", "main").unwrap();
    assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [1], "that of the fork is not ours");
    assert!(stage.api.list(&stage.scm, None).unwrap()[0].fork);
}

#[test]
fn a_status_is_said_once_and_stands_on_the_push() {
    let stage = Stage::new();
    stage.open();
    stage.status(CheckState::Pending).unwrap();
    stage.status(CheckState::Success).unwrap();
    let before = stage.asked().len();
    stage.status(CheckState::Success).unwrap();
    assert!(stage.asked()[before..].iter().all(|it| it.starts_with("GET")), "it is said already");
    let url = Some("https://flags.example/1".to_owned());
    assert_eq!(stage.read().checks, [Check { name: "yardarm/flags".to_owned(), state: CheckState::Success, url }]);
    assert!(stage.asked().iter().any(|it| it.starts_with("POST") && it.ends_with("pullRequests/1/statuses")));

    // Another push, and nothing is said of it yet.
    stage.git.with(|git| git.commit("flags/on"));
    stage.scm.world(|plain| plain.pushed("flags/on"));
    assert_eq!(stage.read().checks, []);
}

#[test]
fn one_comment_in_a_thread_that_holds_nothing_back() {
    let stage = Stage::new();
    stage.open();
    stage.scm.world(|plain| plain.review(1, "ada", Verdict::Approved)).unwrap();
    let marker = "<!-- yardarm:report -->";
    for text in ["1 flag", "2 flags", "2 flags"] {
        api::say(&*stage.api, &stage.scm, 1, marker, &format!("{text}\n\n{marker}")).unwrap();
    }
    stage.scm.world(|plain| {
        let comments = &plain.proposal(1).unwrap().comments;
        assert_eq!(comments.iter().map(|it| &*it.text).collect::<Vec<_>>(), [format!("2 flags\n\n{marker}")]);
    });
    let threads = stage.scm.exchanges();
    let opened =
        threads.iter().find(|it| it.asked.method == "POST" && it.asked.path.ends_with(&["threads".to_owned()]));
    assert_eq!(opened.unwrap().asked.body.as_ref().unwrap()["status"], "closed");
    let ours = stage.api.comments(&stage.scm, 1, marker).unwrap();
    assert!(ours[0].id.ends_with("/1"), "{ours:?}");
    let wrong = api::Comment { id: "7".to_owned(), ..ours[0].clone() };
    assert!(matches!(stage.api.delete_comment(&stage.scm, 1, &wrong), Err(Failure::Invalid(_))));
}

#[test]
fn an_older_server_is_asked_in_its_own_version() {
    let stage = Stage::of(Azure { newest: "6.0", ..Azure::services() });
    stage.open();
    let versions: Vec<String> = stage
        .scm
        .exchanges()
        .iter()
        .map(|it| format!("{} {}", it.asked.parameter("api-version").unwrap(), it.answer.status))
        .collect();
    assert_eq!(versions[..3], ["7.1 400", "7.0 400", "6.0 200"]);
    assert!(versions[3..].iter().all(|it| it.starts_with("6.0 20")), "it is remembered: {versions:?}");
    stage.status(CheckState::Success).unwrap();
    assert_eq!(stage.read().checks.len(), 1, "statuses were not released then, which is said");
    let stage = Stage::of(Azure { newest: "4.1", ..Azure::services() });
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::Unsupported(why)) if why.contains("4.1")));
}

#[test]
fn who_is_not_signed_in_gets_a_page() {
    let stage = Stage::new();
    stage.open();
    let html = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let page = "<!DOCTYPE html><title>Sign In</title>".to_owned();
    stage.scm.misbehave("GET", "pullrequests", Fault::Answer(203, page, html), 1);
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::Credential(_))));
    let moved = vec![("location".to_owned(), "https://spsprodweu1.vssps.visualstudio.com/_signin".to_owned())];
    stage.scm.misbehave("GET", "pullrequests", Fault::Answer(302, String::new(), moved), 1);
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::Credential(_))));
    let blocked = r#"{"message":"TF400733: The request has been canceled: Request was blocked"}"#.to_owned();
    stage.scm.misbehave("GET", "pullrequests", Fault::Answer(400, blocked, Vec::new()), 1);
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::Wait { .. })));
    stage.scm.world(|plain| plain.archived = true);
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::Archived(_))));
    stage.scm.world(|plain| plain.gone = true);
    assert!(matches!(stage.api.read(&stage.scm, 1), Err(Failure::NotFound(why)) if why.contains("TF401019")));
}

fn wanted(secret: &str) -> Wanted {
    let url = "https://flags.example.com/webhooks/flags".to_owned();
    Wanted { url, secret: SecretString::from(secret), verify_tls: true }
}

#[test]
fn subscriptions_are_made_mended_and_removed() {
    let stage = Stage::new();
    let hooks = stage.hooks();
    for group in hooks.groups() {
        hooks.create(&stage.scm, &group, &wanted("first")).unwrap();
    }
    let all = hooks.list(&stage.scm).unwrap();
    assert_eq!(all.len(), 5, "that of another project is not ours");
    for hook in &all {
        assert_eq!(hook.url, wanted("").url);
        assert!(hook.active && hook.json && hook.verifies_tls && hook.has_secret == Some(true), "{hook:?}");
        assert_eq!((&hook.trouble, hook.odd.len()), (&None, 0), "{hook:?}");
    }
    assert_eq!(all[4].events, ["ms.vss-code.git-pullrequest-comment-event"]);
    stage.scm.world(|plain| {
        assert_eq!(plain.hooks[0].secret.as_deref(), Some("first"));
        plain.hooks[0].active = false;
        plain.hooks[1].more.insert("status".to_owned(), json!("onProbation"));
        let inputs = json!({"projectId": "d350c9c0-7749-4ff8-a78f-f9c1f0e56729", "repository": "", "branch": "dev"});
        plain.hooks[2].more.insert("publisherInputs".to_owned(), inputs);
        plain.hooks[3].more.get_mut("consumerInputs").unwrap()["resourceDetailsToSend"] = json!("none");
    });
    let all = hooks.list(&stage.scm).unwrap();
    assert!(!all[0].active && all[0].trouble.as_deref().unwrap().contains("disabled"));
    assert!(all[1].active && all[1].trouble.as_deref().unwrap().contains("probation"));
    assert_eq!(all[2].odd, ["it is only about the branch dev"]);
    assert_eq!(all[3].odd.len(), 1);
    for (hook, group) in all.iter().zip(hooks.groups()) {
        let mended = hooks.repair(&stage.scm, hook, &group, &wanted("second")).unwrap();
        assert_eq!(mended.id, hook.id);
        assert!(mended.active && mended.trouble.is_none() && mended.odd.is_empty(), "{mended:?}");
    }
    stage.scm.world(|plain| assert!(plain.hooks.iter().all(|it| it.secret.as_deref() == Some("second"))));
    hooks.delete(&stage.scm, &all[0]).unwrap();
    hooks.delete(&stage.scm, &all[0]).unwrap();
    assert_eq!(hooks.list(&stage.scm).unwrap().len(), 4);
}

#[test]
fn what_was_tried_is_told() {
    let stage = Stage::new();
    let hooks = stage.hooks();
    let hook = hooks.create(&stage.scm, &["git.push"], &wanted("secret")).unwrap();
    hooks.test(&stage.scm, &hook).unwrap();
    stage.scm.world(|plain| {
        let now = plain.now;
        let attempt =
            |id, status| Attempt { id, delivery: String::new(), event: "git.push".to_owned(), status, at: now };
        plain.hooks[0].attempts.extend([attempt(900, Some(401)), attempt(901, None)]);
    });
    let attempts = hooks.attempts(&stage.scm, &hook).unwrap();
    let told: Vec<_> = attempts.iter().map(|it| (it.status, it.ok)).collect();
    assert_eq!(told, [(None, false), (Some(401), false), (Some(200), true)]);
    assert_eq!(attempts[0].delivery, Some(format!("{}:901", hook.id)));
    assert!(matches!(hooks.redeliver(&stage.scm, &hook, &attempts[0]), Err(Failure::Unsupported(_))));
    assert!(
        hooks.by_hand("https://flags.example.com/x").iter().any(|step| step.contains("https://flags.example.com/x"))
    );

    stage.scm.ask_as("Bearer token-of-reader");
    let failure =
        hooks.list(&stage.scm).map(drop).and_then(|()| hooks.create(&stage.scm, &["git.push"], &wanted("s")).map(drop));
    assert!(matches!(failure, Err(Failure::Forbidden { .. })), "{failure:?}");
}

fn kinds(stage: &Stage) -> Vec<(String, ProposalKind)> {
    let read = |message: &crate::scm::Message| {
        let headers = Headers::new([]);
        let notice = classify(Provider::Azure, &headers, message.payload.to_string().as_bytes());
        let Event::Proposal(event) = notice.event else { panic!("{notice:?}") };
        assert_eq!(event.number, Some(1));
        assert!(notice.id.is_some());
        (event.action, event.kind)
    };
    stage.scm.messages().iter().map(read).collect()
}

#[test]
fn its_webhooks_are_read_as_what_happened() {
    let stage = Stage::new();
    stage.open();
    let told = |action: &str, kind| (action.to_owned(), kind);
    let tried = || told("merged", ProposalKind::Other);
    let updated = |kind| vec![told("updated", kind)];
    assert_eq!(kinds(&stage), [told("created", ProposalKind::Opened), tried()]);
    stage.git.with(|git| git.commit("flags/on"));
    stage.scm.world(|plain| plain.pushed("flags/on"));
    assert_eq!(kinds(&stage), [told("updated", ProposalKind::Commits), tried()]);
    stage.scm.world(|plain| plain.edit(1, Some("completed pull request"), None)).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Edited), "the title does not say what happened");
    stage.git.with(|git| git.branch("release", "main"));
    stage.scm.world(|plain| plain.retarget(1, "release")).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Retargeted));
    stage.scm.world(|plain| plain.set_draft(1, true)).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Drafted));
    stage.scm.world(|plain| plain.set_draft(1, false)).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Readied));
    for verdict in [Verdict::Approved, Verdict::ChangesRequested, Verdict::Dismissed] {
        stage.scm.world(|plain| plain.review(1, "ada", verdict)).unwrap();
        assert_eq!(kinds(&stage), updated(ProposalKind::Reviewed));
    }
    stage.scm.world(|plain| plain.comment(1, "ada", "Why?")).unwrap();
    assert_eq!(kinds(&stage), [told("comment", ProposalKind::Commented)]);
    stage.scm.world(|plain| plain.close(1)).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Closed));
    stage.scm.world(|plain| plain.reopen(1)).unwrap();
    assert_eq!(kinds(&stage), updated(ProposalKind::Reopened));
    stage.scm.world(|plain| plain.merge(1, None, "merge", "m", false)).unwrap();
    assert_eq!(kinds(&stage), [told("merged", ProposalKind::Merged), told("updated", ProposalKind::Merged)]);
}

#[test]
fn a_merge_that_is_queued_is_none_and_trimmed_deliveries_are_read() {
    let kind = |event: &str, resource: Value, text: &str| {
        let payload = json!({"eventType": event, "resource": resource, "message": {"text": text}});
        match classify(Provider::Azure, &Headers::new([]), payload.to_string().as_bytes()).event {
            Event::Proposal(event) => event.kind,
            event => panic!("{event:?}"),
        }
    };
    let of = |status: &str, merge: &str| json!({"pullRequestId": 7, "status": status, "mergeStatus": merge});
    let updated = "git.pullrequest.updated";
    let completed = "Jamal Hartnett marked the pull request as completed";
    assert_eq!(kind(updated, of("completed", "succeeded"), completed), ProposalKind::Merged);
    assert_eq!(kind(updated, of("completed", "queued"), completed), ProposalKind::Other);
    assert_eq!(kind(updated, of("active", "conflicts"), completed), ProposalKind::Other);
    assert_eq!(kind("git.pullrequest.merged", of("completed", "queued"), ""), ProposalKind::Other);
    assert_eq!(kind("git.pullrequest.merged", of("active", "succeeded"), ""), ProposalKind::Other);
    assert_eq!(kind("git.pullrequest.merged", of("completed", "succeeded"), ""), ProposalKind::Merged);
    assert_eq!(kind(updated, of("abandoned", "succeeded"), ""), ProposalKind::Closed);
    assert_eq!(kind(updated, Value::Null, ""), ProposalKind::Other);
}
