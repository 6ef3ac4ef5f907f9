//! Gitea and Forgejo by themselves: their simulator against what the live servers answered, their webhooks, and what
//! they send.

use serde_json::{Value, json};
use yardarm::provider::api::hooks::{self, Hooks, Wanted};
use yardarm::provider::api::{Answer, Failure};
use yardarm::provider::headers::Headers;
use yardarm::provider::payload;
use yardarm::provider::{self, Event, ProposalKind, Provider};

use crate::scm::git::{Git as _, Shared};
use crate::scm::gitea::Flavour;
use crate::scm::plain::{Plain, Verdict};
use crate::scm::{self, Asked, Scm};
use crate::spec::Spec;

mod replay;

const YARDARM: &str = "token-of-yardarm";
const FLAVOURS: [Flavour; 2] = [Flavour::Gitea, Flavour::Forgejo];

/// `main`, and `topic` one commit ahead of it.
fn world(flavour: Flavour) -> (Scm, Shared) {
    let git = Shared::new();
    for name in ["topic", "other"] {
        git.with(|git| {
            git.branch(name, "main");
            git.commit(name);
        });
    }
    git.with(|git| git.branch("same", "main"));
    let plain = Plain::new(Box::new(git.clone()));
    (if flavour == Flavour::Gitea { scm::gitea::gitea(plain) } else { scm::gitea::forgejo(plain) }, git)
}

fn ask(scm: &Scm, token: &str, method: &'static str, path: &str, body: Value) -> Answer {
    let url = url::Url::parse(&format!("http://world/repos/acme/flags{path}")).unwrap();
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let asked = Asked {
        method,
        path: url.path_segments().unwrap().map(decoded).collect(),
        query: url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        headers: std::collections::BTreeMap::new(),
        body: (!body.is_null()).then_some(body),
        credential: Some(format!("token {token}")),
    };
    scm.answer(&asked).unwrap()
}

/// Open, and of what the recording tells.
fn opened(scm: &Scm, git: &Shared) {
    scm.world(|plain| plain.open("yardarm-bot", "topic", "main", "One", "body", false, true)).unwrap();
    assert!(git.tip("topic").is_some());
}

/// What is not recorded with an exchange of its own.
#[test]
fn the_simulators_have_the_servers_traps() {
    for flavour in FLAVOURS {
        let (scm, git) = world(flavour);
        opened(&scm, &git);
        scm.world(|plain| {
            plain.open("rosa", "other", "main", "Other", "", false, false).unwrap();
            plain.undecided = 1;
        });
        git.with(|git| git.commit("topic"));
        scm.world(|plain| plain.pushed("topic"));
        let merge = json!({"Do": "merge"});
        let refused = ask(&scm, YARDARM, "POST", "/pulls/1/merge", merge.clone());
        assert!(refused.status == 405 && String::from_utf8_lossy(&refused.body).contains("try again later"));
        let mergeable =
            || ask(&scm, YARDARM, "GET", "/pulls/1", Value::Null).json::<Value>().unwrap()["mergeable"].clone();
        assert_eq!((mergeable(), mergeable()), (json!(false), json!(true)));

        let filtered = ask(&scm, YARDARM, "GET", "/pulls?state=open&head=topic&base=main&page=1", Value::Null);
        let count = filtered.json::<Vec<Value>>().unwrap().len();
        assert_eq!(count, if flavour == Flavour::Gitea { 2 } else { 1 });

        let revoked = ask(&scm, "another", "GET", "/pulls/1", Value::Null);
        let repeated = String::from_utf8_lossy(&revoked.body).contains("another");
        assert_eq!((revoked.status, repeated), (401, flavour == Flavour::Forgejo));
        let failure = Failure::common(&revoked).unwrap();
        assert!(matches!(&failure, Failure::Credential(_)) && !failure.to_string().contains("another"), "{failure}");
    }
}

fn wanted(secret: &str) -> Wanted {
    let url = "https://flags.example/webhooks/flags".to_owned();
    Wanted { url, secret: secret.to_owned().into(), verify_tls: true }
}

fn secrets(scm: &Scm) -> Vec<String> {
    scm.world(|plain| plain.hooks.iter().map(|it| it.secret.clone().unwrap()).collect())
}

#[test]
fn webhooks_are_made_rotated_and_removed() {
    for flavour in FLAVOURS {
        let (scm, _) = world(flavour);
        let hooks: Box<dyn Hooks> = hooks::of(scm.place()).unwrap();
        let group = hooks.groups().remove(0);
        assert_eq!(hooks.list(&scm).unwrap(), []);

        let made = hooks.create(&scm, &group, &wanted("old")).unwrap();
        assert!(made.active && made.json && made.odd.is_empty(), "{made:?}");
        assert!(group.iter().all(|event| made.events.iter().any(|it| it == event)), "{made:?}");
        assert_eq!(hooks.list(&scm).unwrap(), std::slice::from_ref(&made));
        let kind = scm.world(|plain| plain.hooks[0].more["type"].clone());
        assert_eq!(kind, if flavour == Flavour::Gitea { "gitea" } else { "forgejo" });

        // At no moment is there none: the new one is there when the old one goes.
        let before = scm.exchanges().len();
        let rotated = hooks.repair(&scm, &made, &group, &wanted("new")).unwrap();
        let asked: Vec<_> = scm.exchanges()[before..].iter().map(|it| it.asked.method).collect();
        assert_eq!(asked, ["POST", "DELETE"]);
        assert_eq!((hooks.list(&scm).unwrap(), secrets(&scm)), (vec![rotated.clone()], vec!["new".to_owned()]));

        hooks.test(&scm, &rotated).unwrap();
        assert!(matches!(hooks.attempts(&scm, &rotated), Err(Failure::Unsupported(_))));
        for _ in 0..2 {
            hooks.delete(&scm, &rotated).unwrap();
        }
        assert_eq!(hooks.list(&scm).unwrap(), []);
        let steps = hooks.by_hand("https://flags.example/webhooks/flags").join("\n");
        assert!(steps.contains("https://flags.example/webhooks/flags") && !steps.contains("new"), "{steps}");

        scm.world(|plain| plain.people.get_mut(YARDARM).unwrap().administers = false);
        let Err(Failure::Forbidden { needs, .. }) = hooks.list(&scm) else { panic!("it may") };
        assert_eq!(needs, hooks.needs());

        let Some(spec) = Spec::of(scm.provider) else { continue };
        let wrong: Vec<String> = scm.exchanges().iter().flat_map(|it| spec.check(it)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// What is odd about a hook that somebody made by hand.
#[test]
fn a_filter_of_branches_and_another_form_are_seen() {
    let (scm, _) = world(Flavour::Forgejo);
    let body = json!({"type": "forgejo", "branch_filter": "release/*", "config": {"url": "https://x.example", "content_type": "form"}});
    ask(&scm, YARDARM, "POST", "/hooks", body);
    let hook = hooks::of(scm.place()).unwrap().list(&scm).unwrap().remove(0);
    assert!(!hook.active && !hook.json && hook.events == ["push"] && hook.odd.len() == 1, "{hook:?}");
    assert!(hook.odd[0].contains("release/*"));
}

/// What the simulators send is read as what happened.
#[test]
fn what_they_send_is_understood() {
    for flavour in FLAVOURS {
        let (scm, git) = world(flavour);
        opened(&scm, &git);
        git.with(|git| git.commit("topic"));
        let acts: Vec<fn(&mut Plain)> = vec![
            |plain| plain.pushed("topic"),
            |plain| plain.edit(1, Some("Another"), None).unwrap(),
            |plain| plain.retarget(1, "other").unwrap(),
            |plain| plain.retarget(1, "main").unwrap(),
            |plain| plain.set_draft(1, true).unwrap(),
            |plain| plain.set_draft(1, false).unwrap(),
            |plain| assert!(plain.review(1, "rosa", Verdict::ChangesRequested).is_ok()),
            |plain| assert!(plain.review(1, "rosa", Verdict::Approved).is_ok()),
            |plain| assert!(plain.comment(1, "rosa", "Good").is_ok()),
            |plain| plain.close(1).unwrap(),
            |plain| plain.reopen(1).unwrap(),
            |plain| assert!(plain.merge(1, None, "squash", "m", true).is_ok()),
        ];
        let mut messages = scm.messages();
        for act in acts {
            scm.world(act);
            messages.extend(scm.messages());
        }

        let provider = if flavour == Flavour::Gitea { Provider::Gitea } else { Provider::Forgejo };
        let kinds: Vec<ProposalKind> = messages
            .iter()
            .map(|message| {
                let headers = message.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
                let body = serde_json::to_vec(&message.payload).unwrap();
                match provider::classify(provider, &Headers::new(headers), &body).event {
                    Event::Proposal(event) => {
                        assert_eq!((event.number, event.source.as_deref()), (Some(1), Some("topic")));
                        event.kind
                    }
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        let mut expected = vec![ProposalKind::Opened];
        if flavour == Flavour::Gitea {
            expected.push(ProposalKind::Commits);
        }
        expected.extend([
            ProposalKind::Commits,
            ProposalKind::Edited,
            ProposalKind::Retargeted,
            ProposalKind::Retargeted,
            ProposalKind::Drafted,
            ProposalKind::Readied,
            ProposalKind::Reviewed,
            ProposalKind::Reviewed,
            ProposalKind::Commented,
            ProposalKind::Closed,
            ProposalKind::Reopened,
            ProposalKind::Merged,
        ]);
        assert_eq!(kinds, expected);
    }
}

/// What two live servers sent, by what was done to make them.
#[test]
fn what_the_servers_sent_is_understood() {
    let recordings = [
        (Provider::Gitea, include_str!("../../fixtures/webhooks/gitea/live.jsonl")),
        (Provider::Forgejo, include_str!("../../fixtures/webhooks/forgejo/live.jsonl")),
    ];
    for (provider, text) in recordings {
        let mut seen = 0;
        for line in text.lines() {
            let recorded: Value = serde_json::from_str(line).unwrap();
            let name = recorded["name"].as_str().unwrap();
            let headers: Vec<(String, String)> = serde_json::from_value(recorded["headers"].clone()).unwrap();
            let headers = Headers::new(headers.iter().map(|(name, value)| (&**name, value.as_bytes())));
            let body = recorded["body"].as_str().unwrap();
            let form = payload::of_form(body.as_bytes()).map(|text| String::from_utf8(text.into_owned()).unwrap());
            let body = form.as_deref().unwrap_or(body);
            let Event::Proposal(event) = provider::classify(provider, &headers, body.as_bytes()).event else {
                continue;
            };
            // The step, without the number before it and the hook and event behind it.
            let merged = name.contains("merge-") && !name.contains("opened") && !name.contains("sync");
            let expected = match name.rsplit('-').next().unwrap() {
                _ if merged && name.ends_with("closed") => ProposalKind::Merged,
                "opened" => ProposalKind::Opened,
                "synchronized" => ProposalKind::Commits,
                "edited" if name.contains("draft-toggle") && body.contains("\"from\": \"WIP:") => ProposalKind::Readied,
                "edited" if name.contains("draft-toggle") => ProposalKind::Drafted,
                "edited" | "created" | "deleted" if name.contains("pr-comment") => ProposalKind::Commented,
                "edited" if name.contains("edited-base") => ProposalKind::Retargeted,
                "reviewed" if name.contains("review-approved") || name.contains("review-rejected") => {
                    ProposalKind::Reviewed
                }
                "reviewed" => ProposalKind::Commented,
                "closed" => ProposalKind::Closed,
                "reopened" => ProposalKind::Reopened,
                _ => ProposalKind::Edited,
            };
            assert_eq!(event.kind, expected, "{provider:?}: {name}");
            assert!(event.number.is_some(), "{name}");
            seen += 1;
        }
        assert!(seen > 30, "{seen}");
    }
}
