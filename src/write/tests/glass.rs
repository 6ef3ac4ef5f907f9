//! Changes that are made while the provider is down.

use std::sync::Arc;
use std::time::Duration;

use super::super::glass::{CONFLICT, EXPIRED};
use super::super::{Outcome, Refusal, Request, What};
use super::world::{World, code, flag, unreachable};
use crate::audit::log::{Filter, Log};
use crate::audit::{Outcome as End, Sink as _};
use crate::config::Config;
use crate::limits;
use crate::sync::tests::world::{Fake, Meets, config, two};

/// Two environments, of which production lets its glass be broken for ten minutes.
fn allowed() -> Config {
    let mut config = config("");
    for environment in config.environments.iter_mut().filter(|e| &*e.name == "production") {
        environment.break_glass = Some(crate::config::BreakGlass { expires_after: Duration::from_secs(600) });
    }
    config
}

async fn world(fake: Fake, log: Arc<Log>) -> World {
    let world = World::with(fake, allowed(), log).await;
    world.writers.look_after();
    world
}

impl World {
    fn goes_down(&self) {
        self.storage.fake.change(|remote| {
            remote.down = Some(unreachable);
            remote.pushes.extend(std::iter::repeat_n(Meets::Down, 1_000));
        });
    }

    fn comes_back(&self) {
        self.storage.fake.change(|remote| {
            remote.down = None;
            remote.pushes.clear();
        });
    }

    fn broken(&self, environment: &str, key: &str, name: &str) -> Request {
        let reason = Some("the forge is down".to_owned());
        Request { break_glass: reason, ..self.request(environment, vec![What::Put(flag(key, name))]) }
    }

    async fn break_glass(&self, key: &str, name: &str) -> Result<Outcome, Refusal> {
        self.writers.change(self.broken("production", key, name)).await
    }

    fn line(&self) -> Option<String> {
        self.writers.glass().map(|told| told.line.clone())
    }

    /// What became of everything, by name: the records of one moment have no order.
    fn ends(&self) -> Vec<(End, String)> {
        let code = |event: &crate::audit::Event| event.refusal.as_ref().map_or("", |refused| &*refused.code).to_owned();
        let listed = self.log.list(&Filter::default(), &|_| true, 100).0;
        let mut ends: Vec<_> = listed.iter().map(|event| (event.outcome, code(event))).collect();
        ends.sort_by_key(|(end, _)| end.name());
        ends
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("never: {what}; {:?}", self.ends());
    }

    fn served(&self) -> Vec<String> {
        self.storage.flags("production", "default")
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_glass_serves_at_once_and_is_pushed_when_the_provider_is_back() {
    let world = world(two().0, Arc::default()).await;
    let whole = world.break_glass("z", "Z").await.unwrap();
    assert!(whole.made && !whole.break_glass && world.line().is_none(), "the provider is there");

    world.goes_down();
    let outcome = world.break_glass("b", "B").await.unwrap();
    assert!(outcome.made && outcome.break_glass && outcome.live.is_some());
    assert_eq!(world.served(), ["a", "b", "z"]);
    let second = world.break_glass("c", "C").await.unwrap();
    assert_eq!(world.served(), ["a", "b", "c", "z"]);
    assert!(world.line().unwrap().starts_with("production; until=1970-01-01T00:1"), "{:?}", world.line());
    assert!(world.line().unwrap().ends_with("; changes=2"), "{:?}", world.line());
    assert_eq!(code(&world.put("production", "d", "D").await), "unavailable");
    let elsewhere = world.writers.change(world.broken("staging", "d", "D")).await;
    assert!(elsewhere.unwrap_err().to_string().contains("not enabled"));
    let tip = world.writers.tip(&world.storage.environment("production")).unwrap();
    assert_eq!(tip.commit, second.commit, "reading reads what is served");
    // A fetch that fails, and time, turn nothing back.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.served(), ["a", "b", "c", "z"]);
    assert_eq!(world.history("main").len(), 2, "nothing was pushed");

    world.comes_back();
    world.until("pushed", || world.line().is_none()).await;
    assert_eq!(world.storage.fake.lock().branches["main"], *second.commit, "the very commits");
    assert_eq!(world.served(), ["a", "b", "c", "z"]);
    let ends: Vec<End> = world.ends().into_iter().map(|(end, _)| end).filter(|end| *end != End::Refused).collect();
    assert_eq!(ends, [End::Accepted, End::Landed, End::Landed]);
    assert!(world.log.pending("flags").is_empty());
    assert!(!world.storage.fake.lock().kept.keys().any(|name| name.starts_with("glass")));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_write_after_it_pushes_what_waits_first() {
    let world = world(two().0, Arc::default()).await;
    world.goes_down();
    world.break_glass("b", "B").await.unwrap();
    world.comes_back();
    let outcome = world.put("staging", "c", "C").await.unwrap();
    assert!(outcome.made && !outcome.break_glass);
    assert_eq!(world.history("main").len(), 3);
    assert_eq!((world.line(), world.served()), (None, vec!["a".to_owned(), "b".to_owned()]));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_others_pushed_meanwhile_is_kept_and_a_conflict_is_told() {
    let world = world(two().0, Arc::default()).await;
    world.goes_down();
    world.break_glass("b", "B").await.unwrap();
    world.break_glass("a", "ours").await.unwrap();
    let line = "namespace: default\nflags:\n- {key: a, name: theirs, type: BOOLEAN_FLAG_TYPE, enabled: true}\n";
    world.storage.fake.push("main", &[("production/default/features.yaml", line)]);
    world.comes_back();
    world.until("settled", || world.line().is_none()).await;
    let text = world.text("main", "production/default/features.yaml");
    assert!(text.contains("theirs") && text.contains("key: b") && !text.contains("ours"), "{text}");
    assert_eq!(world.served(), ["a", "b"]);
    assert_eq!(world.ends(), [(End::Forgotten, CONFLICT.to_owned()), (End::Landed, String::new())]);
    assert!(world.log.pending("flags").is_empty());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_refuses_what_waited_is_followed() {
    let world = world(two().0, Arc::default()).await;
    world.goes_down();
    world.break_glass("b", "B").await.unwrap();
    world.storage.fake.change(|remote| remote.refuses = Some("b".to_owned()));
    world.comes_back();
    world.until("settled", || world.line().is_none()).await;
    assert_eq!(world.served(), ["a"]);
    assert_eq!(world.ends(), [(End::Forgotten, CONFLICT.to_owned())]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn time_ends_it_one_change_after_the_other() {
    let world = world(two().0, Arc::default()).await;
    world.goes_down();
    world.break_glass("b", "B").await.unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    world.break_glass("c", "C").await.unwrap();
    world.until("the first is over", || world.served() == ["a", "c"]).await;
    assert!(world.line().unwrap().ends_with("; changes=1"), "{:?}", world.line());
    world.until("the second is over", || world.line().is_none()).await;
    assert_eq!(world.served(), ["a"]);
    let expired = (End::Forgotten, EXPIRED.to_owned());
    assert_eq!(world.ends(), [expired.clone(), expired]);
    world.comes_back();
    let fetches = world.storage.count("fetch ok");
    world.storage.told("fetch ok", fetches + 2).await;
    assert_eq!(world.history("main").len(), 1, "what is over is not pushed");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_serves_what_waits_and_pushes_it() {
    for with_mirror in [true, false] {
        let log = Arc::<Log>::default();
        let first = world(two().0, log.clone()).await;
        first.goes_down();
        let outcome = first.break_glass("b", "B").await.unwrap();
        let fake = first.storage.fake.clone();
        let heads = fake.lock().heads.clone();
        assert_ne!(heads["main"], *outcome.commit, "the mirror says what the remote has");
        first.storage.stop().await;
        if !with_mirror {
            fake.change(|remote| {
                let commit = remote.commits.remove(&*outcome.commit);
                assert!(commit.is_some());
                remote.parents.remove(&*outcome.commit);
            });
        }
        let second = World::start(fake, allowed(), log.clone());
        second.writers.look_after();
        second.until("served again", || second.served() == ["a", "b"]).await;
        assert!(second.line().is_some());
        second.comes_back();
        second.until("pushed", || second.line().is_none()).await;
        assert_eq!((second.served(), second.history("main").len()), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(second.ends(), [(End::Landed, String::new())]);
        second.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_or_too_much_is_refused() {
    let world = world(two().0, Arc::default()).await;
    world.goes_down();
    let large = world.break_glass("b", &"B".repeat(limits::GLASS_WISH_BYTES)).await;
    assert!(large.unwrap_err().to_string().contains("too large to be kept"));
    for n in 0..limits::GLASS_WAITING {
        assert!(world.break_glass(&format!("f{n:03}"), "F").await.unwrap().break_glass);
    }
    assert!(world.break_glass("one-more", "F").await.unwrap_err().to_string().contains("as many as may"));
    world.comes_back();
    world.until("pushed", || world.line().is_none()).await;
    assert_eq!(world.history("main").len(), 1 + limits::GLASS_WAITING);
    world.stop().await;
}
