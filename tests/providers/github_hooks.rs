//! Webhooks at GitHub against its simulator.

use secrecy::SecretString;
use yardarm::provider::Provider;
use yardarm::provider::api::Failure;
use yardarm::provider::api::hooks::{self, Hooks, Wanted};

use crate::scm::Scm;
use crate::scm::git::Memory;
use crate::scm::github::Github;
use crate::scm::plain::{Attempt, Hook, Plain};
use crate::spec::Spec;

const URL: &str = "https://flags.example.com/webhooks/flags";

fn begin() -> (Scm, Box<dyn Hooks>) {
    let plain = Plain::new(Box::new(Memory::new()));
    let scm = Scm::new(Provider::Github, "https://github.example.com/api/v3", Box::new(Github), plain);
    let hooks = hooks::of(scm.place()).unwrap();
    (scm, hooks)
}

fn wanted(secret: &str) -> Wanted {
    Wanted { url: URL.to_owned(), secret: SecretString::from(secret.to_owned()), verify_tls: true }
}

fn end(scm: &Scm) {
    if let Some(spec) = Spec::of(Provider::Github) {
        let wrong: Vec<String> = scm.exchanges().iter().flat_map(|exchange| spec.check(exchange)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn a_hook_is_made_once_and_mended_whole() {
    let (scm, hooks) = begin();
    let group = hooks.groups().remove(0);
    assert_eq!(hooks.list(&scm), Ok(Vec::new()));
    let made = hooks.create(&scm, &group, &wanted("one")).unwrap();
    assert!(made.active && made.json && made.verifies_tls);
    assert_eq!(made.events, group);
    assert_eq!((made.has_secret, &made.trouble), (Some(true), &None));
    // Answered "already exists", it is the one that is there.
    let again = hooks.create(&scm, &group, &wanted("two")).unwrap();
    assert_eq!(again.id, made.id);
    let secret = |scm: &Scm| scm.world(|plain| plain.hooks[0].secret.clone());
    assert_eq!(secret(&scm).as_deref(), Some("two"));
    scm.world(|plain| {
        let hook = &mut plain.hooks[0];
        (hook.active, hook.json, hook.verifies_tls, hook.secret) = (false, false, false, None);
        hook.events = vec!["push".to_owned()];
    });
    let broken = hooks.list(&scm).unwrap().remove(0);
    assert!(!broken.active && !broken.json && !broken.verifies_tls);
    assert_eq!((broken.events.as_slice(), broken.has_secret), (&["push".to_owned()][..], Some(false)));
    let mended = hooks.repair(&scm, &broken, &group, &wanted("three")).unwrap();
    assert_eq!((mended.active, mended.json, mended.verifies_tls, mended.events), (true, true, true, made.events));
    assert_eq!(secret(&scm).as_deref(), Some("three"));
    hooks.delete(&scm, &again).unwrap();
    hooks.delete(&scm, &again).unwrap();
    assert_eq!(hooks.list(&scm), Ok(Vec::new()));
    assert!(matches!(hooks.repair(&scm, &again, &group, &wanted("four")), Err(Failure::NotFound(_))));
    end(&scm);
}

#[test]
fn deliveries_are_read_to_their_end_and_sent_again() {
    let (scm, hooks) = begin();
    let group = hooks.groups().remove(0);
    hooks.create(&scm, &group, &wanted("one")).unwrap();
    scm.world(|plain| {
        plain.page = 3;
        for at in 0..7 {
            let (id, at_time) = (plain.id(), plain.tick());
            let status = [None, Some(502), Some(202)][at % 3];
            let (delivery, event) = (format!("guid-{at}"), "push".to_owned());
            plain.hooks[0].attempts.push(Attempt { id, delivery, event, status, at: at_time });
        }
    });
    let hook = hooks.list(&scm).unwrap().remove(0);
    assert_eq!(hook.trouble.as_deref(), Some("failed to connect to host"));
    let attempts = hooks.attempts(&scm, &hook).unwrap();
    let ids: Vec<_> = attempts.iter().filter_map(|attempt| attempt.delivery.as_deref()).collect();
    assert_eq!(ids[..3], ["guid-6", "guid-5", "guid-4"]);
    assert_eq!(attempts.len(), 8);
    assert_eq!((attempts[0].status, attempts[0].ok), (None, false));
    assert_eq!((attempts[1].status, attempts[1].ok), (Some(202), true));
    assert_eq!((attempts[2].status, attempts[2].ok), (Some(502), false));
    hooks.redeliver(&scm, &hook, &attempts[2]).unwrap();
    let newest = hooks.attempts(&scm, &hook).unwrap().remove(0);
    assert_eq!((newest.delivery.as_deref(), newest.ok), (Some("guid-4"), true));
    hooks.test(&scm, &hook).unwrap();
    assert_eq!(hooks.attempts(&scm, &hook).unwrap().remove(0).event, "ping");
    assert_eq!(hooks.list(&scm).unwrap().remove(0).trouble, None);
    end(&scm);
}

#[test]
fn who_may_not_manage_hooks_is_told_what_it_takes_and_what_to_do() {
    let (scm, hooks) = begin();
    scm.ask_as("Bearer token-of-reader");
    let group = hooks.groups().remove(0);
    for refused in [hooks.list(&scm).map(|_| ()), hooks.create(&scm, &group, &wanted("one")).map(|_| ())] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, Failure::Forbidden { needs, .. } if needs.contains("admin:repo_hook")), "{refused}");
    }
    let steps = hooks.by_hand(URL).join("\n");
    assert!(
        steps.contains("https://github.example.com/acme/flags/settings/hooks/new") && steps.contains(URL),
        "{steps}"
    );
    end(&scm);
}

#[test]
fn many_hooks_are_all_seen() {
    let (scm, hooks) = begin();
    scm.world(|plain| {
        plain.page = 2;
        for at in 0..5 {
            let id = plain.id();
            plain.hooks.push(Hook {
                id,
                url: format!("https://elsewhere.example.com/{at}"),
                secret: None,
                events: vec!["*".to_owned()],
                active: true,
                json: true,
                verifies_tls: true,
                more: std::collections::BTreeMap::new(),
                attempts: Vec::new(),
            });
        }
    });
    assert_eq!(hooks.list(&scm).unwrap().len(), 5);
    end(&scm);
}
