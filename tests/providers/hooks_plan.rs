//! Webhooks of every provider, planned and made: what is missing comes, what differs is mended, what is there twice goes,
//! and a second look finds nothing to do.

use secrecy::SecretString;
use yardarm::provider::api::Failure;
use yardarm::provider::api::hooks::plan::{self, Step, Wish};
use yardarm::provider::api::hooks::{self, Hooks, Wanted};

use crate::conformance::worlds::worlds;
use crate::scm::git::Memory;
use crate::scm::plain::Plain;
use crate::scm::{Fault, Scm};

const URL: &str = "https://flags.example.com/webhooks/flags";
const WISH: Wish<'_> = Wish { url: URL, verify_tls: true, new_secret: false, refused: &[] };

fn wanted(secret: &str) -> Wanted {
    Wanted { url: URL.to_owned(), secret: SecretString::from(secret.to_owned()), verify_tls: true }
}

fn planned(scm: &Scm, hooks: &dyn Hooks, wish: &Wish<'_>) -> Vec<Step> {
    plan::plan(&hooks.list(scm).unwrap(), &hooks.groups(), wish)
}

fn done(scm: &Scm, hooks: &dyn Hooks, wish: &Wish<'_>, secret: &str) -> Vec<Step> {
    let steps = planned(scm, hooks, wish);
    for step in &steps {
        plan::take(hooks, scm, step, &wanted(secret)).unwrap_or_else(|failure| panic!("{step:?}: {failure}"));
    }
    steps
}

fn is_right(steps: &[Step]) -> bool {
    steps.iter().all(|step| matches!(step, Step::Keep { .. }))
}

fn each(tell: impl Fn(&Scm, &dyn Hooks, &str)) {
    for world in worlds() {
        let scm = (world.make)(Plain::new(Box::new(Memory::new())));
        let Some(hooks) = hooks::of(scm.place()) else { continue };
        tell(&scm, &*hooks, world.provider.name());
    }
}

#[test]
fn what_is_missing_is_made_once() {
    each(|scm, hooks, name| {
        let steps = done(scm, hooks, &WISH, "one");
        assert!(steps.iter().all(|step| matches!(step, Step::Create { .. })), "{name}: {steps:?}");
        assert_eq!(steps.len(), hooks.groups().len(), "{name}");
        let again = planned(scm, hooks, &WISH);
        assert!(is_right(&again), "{name}: {again:#?}");
        assert_eq!(again.len(), steps.len(), "{name}");
    });
}

#[test]
fn what_differs_is_mended_and_what_is_there_twice_goes() {
    each(|scm, hooks, name| {
        done(scm, hooks, &WISH, "one");
        scm.world(|plain| {
            let twice = plain.hooks[0].clone();
            let id = plain.id();
            plain.hooks.push(crate::scm::plain::Hook { id, ..twice });
            for hook in &mut plain.hooks {
                hook.active = false;
            }
        });
        let elsewhere = Wanted { url: "https://other.example.com/hook".to_owned(), ..wanted("theirs") };
        hooks.create(scm, &hooks.groups()[0], &elsewhere).unwrap();
        let steps = done(scm, hooks, &WISH, "one");
        assert!(steps.iter().any(|step| matches!(step, Step::Delete { .. })), "{name}: {steps:#?}");
        let again = planned(scm, hooks, &WISH);
        assert!(is_right(&again), "{name}: {again:#?}");
        let urls = scm.world(|plain| plain.hooks.iter().filter(|hook| hook.url == elsewhere.url).count());
        assert_eq!(urls, 1, "{name}: somebody else's stays");
    });
}

#[test]
fn a_new_secret_takes_the_place_of_the_old_one() {
    each(|scm, hooks, name| {
        done(scm, hooks, &WISH, "old");
        done(scm, hooks, &Wish { new_secret: true, ..WISH }, "new");
        let secrets: Vec<_> = scm.world(|plain| plain.hooks.iter().map(|hook| hook.secret.clone()).collect());
        assert!(secrets.iter().all(|secret| secret.as_deref().is_some_and(|secret| secret.contains("new"))), "{name}");
        assert_eq!(secrets.len(), hooks.groups().len(), "{name}: {secrets:?}");
        assert!(is_right(&planned(scm, hooks, &WISH)), "{name}");
    });
}

#[test]
fn an_answer_that_is_lost_leaves_nothing_twice() {
    each(|scm, hooks, name| {
        scm.misbehave("POST", "hook", Fault::Lost, 1);
        let steps = planned(scm, hooks, &WISH);
        let lost = steps.iter().find_map(|step| plan::take(hooks, scm, step, &wanted("one")).err());
        assert!(matches!(lost, Some(Failure::Lost(_))), "{name}: {lost:?}");
        done(scm, hooks, &WISH, "one");
        let number = scm.world(|plain| plain.hooks.len());
        assert_eq!(number, hooks.groups().len(), "{name}");
        assert!(is_right(&planned(scm, hooks, &WISH)), "{name}");
    });
}

#[test]
fn who_may_not_is_told_what_it_takes() {
    each(|scm, hooks, name| {
        scm.ask_as("Bearer token-of-reader");
        let failure = hooks.list(scm).err().or_else(|| hooks.create(scm, &hooks.groups()[0], &wanted("one")).err());
        let told = failure.unwrap_or_else(|| panic!("{name}: a reader may manage webhooks"));
        assert!(matches!(told, Failure::Forbidden { .. } | Failure::NotFound(_)), "{name}: {told:?}");
        assert!(!hooks.needs().is_empty() && hooks.by_hand(URL).join(" ").contains(URL), "{name}");
    });
}
