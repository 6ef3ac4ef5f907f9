//! What becomes of changes when the remote or this process fails.

use std::sync::Arc;

use super::super::writer::Step;
use super::world::{World, code, unreachable};
use crate::audit::log::{Filter, Log};
use crate::audit::{Outcome as End, Sink as _};
use crate::limits;
use crate::sync::tests::world::{Meets, two};

#[tokio::test(start_paused = true)]
async fn a_remote_that_is_down_is_told_at_once_and_evaluation_goes_on() {
    let world = World::new().await;
    world.storage.fake.change(|remote| {
        remote.down = Some(unreachable);
        remote.pushes.push_back(Meets::Down);
    });
    let before = tokio::time::Instant::now();
    let refused = world.put("production", "b", "B").await;
    assert_eq!(code(&refused), "unavailable");
    assert!(refused.unwrap_err().to_string().contains("connection reset"));
    assert!(before.elapsed() < limits::WRITE_LOOKED_FOR);
    assert_eq!(world.storage.flags("production", "default"), ["a"]);
    world.storage.fake.change(|remote| remote.down = None);
    world.put("production", "b", "B").await.unwrap();
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_push_whose_answer_is_lost_is_looked_for_before_anything_else() {
    for (meets, pushes) in [(Meets::LostAfter, 1), (Meets::LostBefore, 2)] {
        let world = World::new().await;
        world.storage.fake.change(|remote| remote.pushes.push_back(meets));
        let outcome = world.put("production", "b", "B").await.unwrap();
        assert!(outcome.made && outcome.live.is_some());
        assert_eq!(world.history("main").len(), 2, "once");
        assert_eq!(world.storage.fake.lock().pushed, pushes);
        assert_eq!(world.storage.flags("production", "default"), ["a", "b"]);
        world.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_found_out_is_told_later() {
    for (meets, end) in [(Meets::LostAfter, End::Landed), (Meets::LostBefore, End::Forgotten)] {
        let world = World::new().await;
        world.writers.look_after();
        world.storage.fake.change(|remote| {
            remote.pushes.push_back(meets);
            remote.down = Some(unreachable);
        });
        assert_eq!(code(&world.put("production", "b", "B").await), "unknown");
        let outcome = || world.log.list(&Filter::default(), &|_| true, 10).0[0].outcome;
        assert_eq!(outcome(), End::Unknown);
        world.storage.fake.change(|remote| remote.down = None);
        let mut fetches = world.storage.count("fetch ok");
        while outcome() == End::Unknown {
            fetches += 1;
            assert!(fetches < 100, "nobody looks after it");
            world.storage.told("fetch ok", fetches).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        assert_eq!(outcome(), end);
        assert!(world.log.pending("flags").is_empty());
        world.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_stops_nothing() {
    let world = World::new().await;
    let change = world.put("production", "b", "B");
    // It is in the queue, or done already, and nobody waits for it.
    drop(tokio::time::timeout(std::time::Duration::ZERO, change).await);
    assert!(world.writers.stop(tokio::time::Instant::now() + limits::DRAIN_DEADLINE).await);
    assert_eq!(world.storage.flags("production", "default"), ["a", "b"]);
    assert_eq!(code(&world.put("production", "c", "C").await), "unavailable", "nothing new while it ends");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_fetch_does_not_turn_back_what_was_written() {
    let world = World::new().await;
    // The list of the next fetch is as of before the write.
    let old = world.storage.fake.lock().branches.clone();
    world.storage.fake.change(|remote| {
        remote.gate = true;
        remote.lagging = Some(old);
        remote.lag = 1;
    });
    world.storage.hint("d1", None);
    world.storage.fake.at_gate().await;
    let outcome = world.put("production", "b", "B").await.unwrap();
    let mut changes = world.storage.environment("production").subscribe();
    changes.mark_unchanged();
    world.storage.fake.change(|remote| remote.gate = false);
    let fetches = world.storage.count("fetch ok");
    world.storage.told("fetch ok", fetches + 2).await;
    assert_eq!(world.storage.environment("production").load().commit.as_ref(), Some(&outcome.commit));
    assert!(!changes.has_changed().unwrap(), "it was never anything else");
    assert_eq!(world.storage.fake.lock().heads["main"], *outcome.commit);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_every_step_leaves_the_old_or_the_new_and_the_next_start_says_which() {
    let steps = [Step::Begun, Step::Committed, Step::Intended, Step::Pushed, Step::Published];
    for step in steps {
        let log = Arc::<Log>::default();
        let world = World::of(two().0, "", log.clone()).await;
        let old = world.storage.fake.lock().branches["main"].clone();
        *world.ends_at.lock().unwrap() = Some(step);
        assert_eq!(code(&world.put("production", "b", "B").await), "bug");
        let now = world.storage.fake.lock().branches["main"].clone();
        let landed = matches!(step, Step::Pushed | Step::Published);
        assert_eq!(now != old, landed, "{step:?}");
        let waiting = log.pending("flags").len();
        assert_eq!(waiting, usize::from(!matches!(step, Step::Begun | Step::Committed)), "{step:?}");
        // The process is gone; another one starts with what was on its disk.
        let fake = world.storage.fake.clone();
        world.storage.stop().await;
        let world = World::of(fake, "", log.clone()).await;
        world.writers.look_after();
        let mut fetches = world.storage.count("fetch ok");
        while !log.pending("flags").is_empty() {
            fetches += 1;
            assert!(fetches < 100, "nobody looks after it: {step:?}");
            world.storage.told("fetch ok", fetches).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let ends: Vec<End> = log.list(&Filter::default(), &|_| true, 10).0.iter().map(|event| event.outcome).collect();
        let expected: &[End] = match (waiting, landed) {
            (0, _) => &[],
            (_, true) => &[End::Landed],
            (_, false) => &[End::Forgotten],
        };
        assert_eq!(ends, expected, "{step:?}");
        // Done once more, the change is there once.
        world.put("production", "b", "B").await.unwrap();
        assert_eq!(world.history("main").len(), 2, "{step:?}");
        world.stop().await;
    }
}
