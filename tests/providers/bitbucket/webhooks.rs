//! Webhooks of the two Bitbuckets: what they tell, and how they are made and mended.

use secrecy::SecretString;
use yardarm::provider::ProposalKind::{
    Closed, Commented, Commits, Deleted, Drafted, Edited, Merged, Opened, Readied, Retargeted, Reviewed,
};
use yardarm::provider::api::hooks::{self, Hook, Hooks, Wanted};
use yardarm::provider::{Event, ProposalKind, Provider};

use super::{Stage, kind};
use crate::events;
use crate::scm::bitbucket_cloud::{self, BitbucketCloud};
use crate::scm::bitbucket_data_center::{self, BitbucketDataCenter};
use crate::scm::plain::{Attempt, Happened, Verdict};

fn cloud() -> Stage {
    Stage::new(Provider::BitbucketCloud, bitbucket_cloud::ROOT, Box::<BitbucketCloud>::default())
}

fn center(iso_dates: bool) -> Stage {
    let version = BitbucketDataCenter { iso_dates, old: false };
    Stage::new(Provider::BitbucketDataCenter, bitbucket_data_center::ROOT, Box::new(version))
}

/// Everything that can happen to one, told as it happens.
fn told(stage: &Stage) -> Vec<ProposalKind> {
    stage.branch("release");
    let number = stage.open("topic");
    let mut kinds = Vec::new();
    let mut tell = |stage: &Stage| {
        for message in stage.scm.messages() {
            let Event::Proposal(event) = events::read(stage.scm.provider, &message) else { panic!("{message:?}") };
            assert_eq!((event.number, event.source.as_deref()), (Some(number), Some("topic")));
            assert_eq!(event.repository.full_name.as_deref(), Some("acme/flags"));
            kinds.push(event.kind);
        }
    };
    tell(stage);
    let acts: [fn(&mut crate::scm::plain::Plain); 10] = [
        |plain| plain.edit(1, Some("Another"), None).unwrap(),
        |plain| plain.set_draft(1, true).unwrap(),
        |plain| plain.set_draft(1, false).unwrap(),
        |plain| drop(plain.review(1, "bea", Verdict::ChangesRequested)),
        |plain| drop(plain.review(1, "bea", Verdict::Approved)),
        |plain| drop(plain.review(1, "bea", Verdict::Dismissed)),
        |plain| drop(plain.comment(1, "bea", "Why?")),
        |plain| plain.retarget(1, "release").unwrap(),
        |plain| plain.retarget(1, "main").unwrap(),
        |plain| drop(plain.merge(1, None, "merge", "m", false).unwrap()),
    ];
    stage.git.with(|git| git.commit("topic"));
    stage.scm.world(|plain| plain.pushed("topic"));
    tell(stage);
    for act in acts {
        stage.scm.world(act);
        tell(stage);
    }
    kinds
}

#[test]
fn cloud_tells_what_happens() {
    let expected = [
        Opened, Edited, Commits, Edited, Edited, Edited, Reviewed, Reviewed, Reviewed, Commented, Edited, Edited,
        Merged,
    ];
    assert_eq!(told(&cloud()), expected);
}

#[test]
fn data_center_tells_what_happens_in_either_kind_of_dates() {
    for iso_dates in [false, true] {
        let stage = center(iso_dates);
        let expected = [
            Opened, Commits, Edited, Drafted, Readied, Reviewed, Reviewed, Reviewed, Commented, Retargeted, Retargeted,
            Merged,
        ];
        assert_eq!(told(&stage), expected);
        stage.branch("second");
        let number = super::new("second");
        let number = stage.api.create(&stage.scm, &number).unwrap().number;
        stage.scm.messages();
        stage.scm.world(|plain| {
            plain.close(number).unwrap();
            plain.happened.push(Happened::Deleted(number));
        });
        let messages = stage.scm.messages();
        let kinds = messages.iter().map(|message| match events::read(stage.scm.provider, message) {
            Event::Proposal(event) => event.kind,
            other => panic!("{other:?}"),
        });
        assert_eq!(kinds.collect::<Vec<_>>(), [Closed, Deleted]);
    }
}

fn wanted() -> Wanted {
    Wanted {
        url: "https://flags.example.com/webhooks/flags".to_owned(),
        secret: SecretString::from("a-secret-of-more-than-32-characters-0123"),
        verify_tls: true,
    }
}

/// As it should be.
fn as_wanted(hook: &Hook, hooks: &dyn Hooks) -> bool {
    let ours = (&hook.url, hook.active, hook.json, hook.verifies_tls) == (&wanted().url, true, true, true);
    ours && hook.events == hooks.groups()[0] && hook.has_secret == Some(true) && hook.odd.is_empty()
}

#[test]
fn a_hook_is_made_mended_and_removed() {
    for stage in [cloud(), center(false)] {
        let hooks = hooks::of(stage.scm.place()).unwrap();
        assert_eq!(hooks.list(&stage.scm).unwrap(), []);
        let group = hooks.groups().remove(0);
        assert!(group.is_sorted(), "as they are compared");
        let hook = hooks.create(&stage.scm, &group, &wanted()).unwrap();
        assert!(as_wanted(&hook, &*hooks), "{hook:?}");
        assert_eq!(hooks.list(&stage.scm).unwrap(), std::slice::from_ref(&hook));

        stage.scm.world(|plain| {
            let hook = &mut plain.hooks[0];
            hook.active = false;
            hook.events.truncate(1);
            hook.verifies_tls = false;
            hook.secret = None;
        });
        let found = hooks.list(&stage.scm).unwrap().remove(0);
        assert_eq!((found.active, found.verifies_tls, found.has_secret), (false, false, Some(false)));
        let mended = hooks.repair(&stage.scm, &found, &group, &wanted()).unwrap();
        assert!(as_wanted(&mended, &*hooks) && mended.id == hook.id, "{mended:?}");
        let secret = stage.scm.world(|plain| plain.hooks[0].secret.clone());
        assert_eq!(secret.as_deref(), Some("a-secret-of-more-than-32-characters-0123"));
        stage.check();

        stage.scm.ask_as("Bearer token-of-reader");
        for failure in [
            hooks.list(&stage.scm).unwrap_err(),
            hooks.create(&stage.scm, &group, &wanted()).unwrap_err(),
            hooks.delete(&stage.scm, &hook).unwrap_err(),
        ] {
            assert!(failure.to_string().contains("admin"), "{failure}");
        }
        stage.scm.ask_as("Bearer token-of-yardarm");
        hooks.delete(&stage.scm, &hook).unwrap();
        hooks.delete(&stage.scm, &hook).unwrap();
        assert_eq!(hooks.list(&stage.scm).unwrap(), []);
        let steps = hooks.by_hand(&wanted().url).join("\n");
        assert!(steps.contains(&wanted().url) && steps.contains("Secret") && !steps.contains("a-secret-of"), "{steps}");
    }
}

#[test]
fn what_was_tried_is_told_where_it_is_kept() {
    let stage = cloud();
    let hooks = hooks::of(stage.scm.place()).unwrap();
    let hook = hooks.create(&stage.scm, &hooks.groups()[0], &wanted()).unwrap();
    assert_eq!(kind(hooks.attempts(&stage.scm, &hook)), "unsupported");
    assert_eq!(kind(hooks.test(&stage.scm, &hook)), "unsupported");
    let long = Wanted { secret: SecretString::from("x".repeat(129)), ..wanted() };
    assert_eq!(kind(hooks.create(&stage.scm, &hooks.groups()[0], &long)), "invalid");

    let stage = center(false);
    let hooks = hooks::of(stage.scm.place()).unwrap();
    let hook = hooks.create(&stage.scm, &hooks.groups()[0], &wanted()).unwrap();
    assert_eq!(hooks.attempts(&stage.scm, &hook).unwrap(), []);
    stage.scm.world(|plain| {
        for (id, status) in [(1, Some(200)), (2, None), (3, Some(503))] {
            let at = plain.tick();
            let (delivery, event) = (id.to_string(), "repo:refs_changed".to_owned());
            plain.hooks[0].attempts.push(Attempt { id, delivery, event, status, at });
        }
    });
    let attempts = hooks.attempts(&stage.scm, &hook).unwrap();
    let told: Vec<_> = attempts.iter().map(|attempt| (attempt.status, attempt.ok)).collect();
    assert_eq!(told, [(Some(503), false), (None, false), (Some(200), true)]);
    let trouble = hooks.list(&stage.scm).unwrap().remove(0).trouble.unwrap();
    assert!(trouble.contains("repo:refs_changed") && trouble.contains("503"), "{trouble}");
    hooks.test(&stage.scm, &hook).unwrap();
    assert_eq!(kind(hooks.redeliver(&stage.scm, &hook, &attempts[0])), "unsupported");
}
