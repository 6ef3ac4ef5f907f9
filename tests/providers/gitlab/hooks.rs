//! GitLab's project hooks.

use secrecy::SecretString;
use serde_json::json;
use yardarm::provider::api::Failure;
use yardarm::provider::api::hooks::{self, Hooks, Wanted};

use super::World;
use crate::scm::gitlab::Gitlab;
use crate::scm::plain::Attempt;

const URL: &str = "https://flags.example.com/webhooks/flags";
const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn wanted(secret: &str) -> Wanted {
    Wanted { url: URL.to_owned(), secret: SecretString::from(secret), verify_tls: true }
}

impl World {
    fn hooks(&self) -> Box<dyn Hooks> {
        hooks::of(self.scm.place()).unwrap()
    }

    fn secret(&self) -> Option<String> {
        self.scm.world(|plain| plain.hooks[0].secret.clone())
    }
}

#[test]
fn a_hook_is_made_as_it_should_be() {
    for (secret, gitlab) in [("plain-secret", Gitlab::default()), (SIGNING, Gitlab::default())] {
        let world = World::of(gitlab);
        let hooks = world.hooks();
        let group = hooks.groups().remove(0);
        let made = hooks.create(&world.scm, &group, &wanted(secret)).unwrap();
        assert_eq!(hooks.list(&world.scm).unwrap(), std::slice::from_ref(&made));
        assert_eq!((made.url.as_str(), made.events.as_slice()), (URL, &group.owned()[..]));
        assert!(made.active && made.json && made.verifies_tls && made.odd.is_empty() && made.trouble.is_none());
        assert_eq!((made.has_secret, world.secret().as_deref()), (Some(true), Some(secret)));
        hooks.delete(&world.scm, &made).unwrap();
        hooks.delete(&world.scm, &made).unwrap();
        assert!(hooks.list(&world.scm).unwrap().is_empty());
    }
}

trait Owned {
    fn owned(&self) -> Vec<String>;
}

impl Owned for Vec<&'static str> {
    fn owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn an_old_server_is_given_no_signing_token() {
    let world = World::of(Gitlab { signs: false, ..Gitlab::default() });
    let hooks = world.hooks();
    let group = hooks.groups().remove(0);
    let Err(Failure::Unsupported(said)) = hooks.create(&world.scm, &group, &wanted(SIGNING)) else {
        panic!("it cannot sign")
    };
    assert!(said.contains("whsec_") && said.contains("19.0"), "{said}");
    assert_eq!(world.count("POST", "hooks"), 0);
    let made = hooks.create(&world.scm, &group, &wanted("plain-secret")).unwrap();
    assert_eq!(made.has_secret, None, "it does not say");
    assert!(matches!(hooks.repair(&world.scm, &made, &group, &wanted(SIGNING)), Err(Failure::Unsupported(_))));
    assert_eq!(world.secret().as_deref(), Some("plain-secret"), "what works is left as it is");
}

#[test]
fn what_has_drifted_is_mended() {
    let world = World::new();
    let hooks = world.hooks();
    let group = hooks.groups().remove(0);
    let made = hooks.create(&world.scm, &group, &wanted("old")).unwrap();
    world.scm.world(|plain| {
        let hook = &mut plain.hooks[0];
        hook.url = "https://old.example.com/webhooks/flags".to_owned();
        hook.events = vec!["push_events".to_owned(), "job_events".to_owned()];
        hook.verifies_tls = false;
        hook.active = false;
        hook.more.insert("disabled_until".to_owned(), "2026-11-23T10:00:00.000Z".into());
        hook.more.insert("custom_webhook_template".to_owned(), "{}".into());
        hook.more.insert("push_events_branch_filter".to_owned(), "release-*".into());
        hook.more.insert("branch_filter_strategy".to_owned(), "wildcard".into());
    });
    let drifted = hooks.list(&world.scm).unwrap().remove(0);
    assert!(!drifted.active && drifted.odd.len() == 2, "{drifted:?}");
    assert!(drifted.trouble.as_ref().unwrap().contains("2026-11-23"), "{drifted:?}");

    let mended = hooks.repair(&world.scm, &drifted, &group, &wanted("new")).unwrap();
    assert_eq!(mended, made, "as it was made, and sending again");
    assert_eq!(world.secret().as_deref(), Some("new"), "the secret went with the URL, and was given again");
    assert_eq!(world.count("POST", "test/push_events"), 1);
    hooks.repair(&world.scm, &mended, &group, &wanted(SIGNING)).unwrap();
    assert_eq!(world.count("POST", "test/push_events"), 1, "one that sends is not tried");
    assert_eq!(world.secret().as_deref(), Some(SIGNING));
}

#[test]
fn a_hook_that_cannot_be_switched_on_says_why() {
    let world = World::new();
    let hooks = world.hooks();
    let group = hooks.groups().remove(0);
    let made = hooks.create(&world.scm, &group, &wanted("secret")).unwrap();
    world.scm.world(|plain| {
        plain.hooks[0].active = false;
        plain.hooks[0].more.insert("test_is_answered".to_owned(), json!(401));
    });
    let Err(Failure::State(said)) = hooks.repair(&world.scm, &made, &group, &wanted("secret")) else {
        panic!("the test fails")
    };
    assert!(said.contains("HTTP 401"), "{said}");
}

#[test]
fn what_failed_is_sent_again_five_times_a_minute() {
    let world = World::new();
    let hooks = world.hooks();
    let group = hooks.groups().remove(0);
    let made = hooks.create(&world.scm, &group, &wanted("secret")).unwrap();
    world.scm.world(|plain| {
        plain.page = 4;
        for number in 0..10 {
            let status = [Some(500), Some(202), None][number % 3];
            let (id, at) = (plain.id(), plain.tick());
            let delivery = format!("delivery-{number}");
            plain.hooks[0].attempts.push(Attempt { id, delivery, event: "push_hooks".to_owned(), status, at });
        }
    });
    let attempts = hooks.attempts(&world.scm, &made).unwrap();
    assert_eq!(attempts.len(), 10);
    assert!(attempts.windows(2).all(|pair| pair[0].at > pair[1].at && pair[0].at.is_some()), "the newest first");
    assert_eq!(attempts.iter().filter(|attempt| attempt.status.is_none()).count(), 3);
    let failed: Vec<_> = attempts.iter().filter(|attempt| !attempt.ok).collect();
    assert_eq!((failed.len(), failed[0].delivery.as_deref()), (7, Some("delivery-9")));
    let sent: Vec<_> = failed.iter().map(|attempt| hooks.redeliver(&world.scm, &made, attempt)).collect();
    assert!(sent[..5].iter().all(Result::is_ok), "{sent:?}");
    assert!(matches!(sent[5], Err(Failure::Wait { .. })), "{sent:?}");
}

#[test]
fn who_may_not_is_told_what_it_takes_and_how_by_hand() {
    let world = World::new();
    world.scm.ask_as("Bearer token-of-reader");
    let hooks = world.hooks();
    let Err(Failure::Forbidden { needs, .. }) = hooks.list(&world.scm) else { panic!("a reader may not") };
    assert!(needs.contains("Maintainer") && needs == hooks.needs(), "{needs}");
    let steps = hooks.by_hand(URL).join("\n");
    assert!(steps.contains(URL) && steps.contains("acme/platform/flags") && steps.contains("Merge request events"));
}
