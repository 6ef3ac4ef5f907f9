//! The workers against a repository that is plain data.

mod any_order;
pub(crate) mod world;

use std::collections::BTreeMap;

use tokio::time::Instant;

use self::world::{BAD, Remote, World, config, two, yaml};
use super::status::Mode;
use super::*;
use crate::fault::Class;
use crate::limits;
use crate::store::Store;

#[tokio::test(start_paused = true)]
async fn a_push_that_is_announced_is_served_at_once_and_its_delivery_is_told() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.told("fetch ok", 1).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a", "b"]))]);
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(1), "no poll was waited for");
    assert_eq!(world.flags("production", "default"), ["a", "b"]);
    assert_eq!(world.flags("staging", "default"), ["s"]);
    assert_eq!(world.fake.lock().expected, [None, Some(second.clone())]);
    let status = world.status();
    assert_eq!((status.mode, status.head.as_deref()), (Mode::Webhook, Some(&*second)));
    assert_eq!(status.environments[0].commit.as_deref(), Some(&*second));
    assert!(status.last_delivery.is_some() && status.failure.is_none());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_read_and_only_who_changed_is_told() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("staging", &first).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 2);
    let staging = world.environment("staging").load().flags.clone();
    let second = world.fake.push(
        "main",
        &[("production/default/features.yaml", &yaml("default", &["b"])), ("README.md", "not a flag file")],
    );
    world.hint("d1", Some(&second));
    world.serves("staging", &second).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 3, "{:?}", world.fake.lock().blobs_read);
    assert!(Arc::ptr_eq(&staging, &world.environment("staging").load().flags), "the same flags, at a newer commit");
    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a"]))]);
    world.hint("d2", Some(&third));
    world.serves("production", &third).await;
    assert_eq!(world.fake.lock().blobs_read.len(), 4, "what nobody uses is not kept in memory");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_running_fetch_and_one_that_covers_the_rest() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.told("fetch ok", 1).await;
    world.fake.change(|remote| remote.gate = true);
    world.hint("d0", Some(&first));
    world.fake.at_gate().await;
    let mut last = first;
    for n in 1..50 {
        last = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &[&format!("f{n}")]))]);
        world.hint(&format!("d{n}"), Some(&last));
    }
    world.fake.change(|remote| remote.gate = false);
    world.told("done d", 50).await;
    world.serves("production", &last).await;
    let counts = |remote: &Remote| (remote.fetches, remote.most_running);
    assert_eq!(counts(&world.fake.lock()), (3, 1));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_delivery_costs_a_poll_and_is_counted() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    let before = Instant::now();
    world.serves("production", &second).await;
    assert!(before.elapsed() <= Duration::from_secs(34), "{:?}", before.elapsed());
    assert_eq!(world.count("missed"), 0, "it may be late");
    world.told(&format!("missed {second}"), 1).await;
    world.told("fetch ok", 6).await;
    assert_eq!(world.count("missed"), 1);
    assert_eq!((world.status().missed_deliveries, world.status().mode), (1, Mode::Poll));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_a_replica_does_not_show_yet_is_awaited() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    let old = BTreeMap::from([("main".to_owned(), first)]);
    world.fake.change(|remote| (remote.lag, remote.lagging) = (3, Some(old)));
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    assert_eq!(world.environment("production").load().commit.as_deref(), Some(&*second));
    assert_eq!(world.fake.lock().fetches, 5);

    world.hint("d2", Some("zzzz"));
    world.told("failed d2: the announced commit zzzz did not appear", 1).await;
    assert!(before.elapsed() >= limits::COMMIT_AWAITED);
    assert_eq!(world.count("done d2"), 0);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_fails_is_tried_again_and_its_deliveries_learn_both() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.fake.change(|remote| {
        remote.faults = (0..3).map(|_| git::Error::Unreachable("connection reset".to_owned())).collect();
    });
    let before = Instant::now();
    world.hint("d1", Some(&second));
    world.told("fetch failed", 2).await;
    let failure = world.status().failure.unwrap();
    assert_eq!(failure.class, Class::Retry);
    assert_eq!(world.environment("production").load().commit.as_deref(), Some(&*first), "the last good is served");
    world.told("done d1", 1).await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!((world.count("failed d1"), world.count("fetch failed")), (1, 3));
    assert_eq!(world.status().failure, None);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_asks_to_wait_is_not_asked_sooner_whoever_hints() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.change(|remote| remote.faults = vec![git::Error::Throttled(Duration::from_secs(120))]);
    world.hint("d1", None);
    world.told("fetch failed", 1).await;
    let before = Instant::now();
    for n in 2..20 {
        world.hint(&format!("d{n}"), None);
        tokio::task::yield_now().await;
    }
    world.told("done d19", 1).await;
    assert!(before.elapsed() >= Duration::from_secs(119), "{:?}", before.elapsed());
    assert_eq!(world.fake.lock().fetches, 3);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_for_a_person_and_polling_goes_on() {
    let (fake, first) = two();
    fake.change(|remote| remote.down = Some(|| git::Error::Refused("401".to_owned())));
    let world = World::of(fake);
    let before = Instant::now();
    world.told("fetch failed", 3).await;
    assert!(before.elapsed() >= Duration::from_secs(54), "not hammered");
    let failure = world.status().failure.unwrap();
    assert_eq!((failure.class, failure.attempts), (Class::Operator, 3));
    assert_eq!(failure.since, Timestamp::UNIX_EPOCH, "since the first");
    assert_eq!(world.environment("production").load().commit, None);
    world.fake.change(|remote| remote.down = None);
    world.serves("production", &first).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_holds_its_namespace_and_nothing_else() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push(
        "main",
        &[("production/default/features.yaml", BAD), ("production/other/features.yaml", &yaml("other", &["o"]))],
    );
    world.hint("d1", Some(&second));
    world.told("done d1 but production: default held at the last good state", 1).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    assert_eq!(world.flags("production", "other"), ["o"]);
    let production = &world.status().environments[0];
    assert_eq!(production.held, ["default".into()]);
    assert!(!production.problems.is_empty());
    assert_eq!(world.fake.lock().kept.get("held\0production\0default"), Some(&first), "its blobs are not lost");

    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["c"]))]);
    world.hint("d2", Some(&third));
    world.told("done d2", 1).await;
    assert_eq!(world.flags("production", "default"), ["c"]);
    assert!(world.status().environments[0].held.is_empty());
    assert_eq!(world.fake.lock().kept.get("held\0production\0default"), None);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_serves_the_last_good_state_before_the_network_answers() {
    let directory = tempfile::tempdir().unwrap();
    let (fake, _) = two();
    let (store, ..) = Store::open(directory.path());
    let world = World::with(fake.clone(), store, config(""));
    let second = world.fake.push("main", &[("production/other/features.yaml", &yaml("other", &["o"]))]);
    world.serves("production", &second).await;
    let bad = world.fake.push("main", &[("production/default/features.yaml", BAD)]);
    world.serves("production", &bad).await;
    let since = world.environment("production").load().since;
    let store = world.store.clone();
    world.stop().await;
    store.flush();
    drop(store);

    // The process is gone, the remote too.
    fake.change(|remote| remote.down = Some(|| git::Error::Unreachable("no route".to_owned())));
    let (store, _, opened) = Store::open(directory.path());
    assert_eq!(opened, crate::store::Opened::Existing);
    let world = World::with(fake.clone(), store, config(""));
    world.serves("production", &bad).await;
    assert_eq!(world.flags("production", "default"), ["a"], "held since before the restart");
    assert_eq!(world.flags("production", "other"), ["o"]);
    world.told("fetch failed", 1).await;
    let status = world.status();
    assert!(status.environments[0].from_disk && status.failure.is_some());
    assert_eq!(status.environments[0].held, ["default".into()]);
    assert_eq!(status.environments[0].since, Some(since), "as old as it is");
    world.fake.change(|remote| remote.down = None);
    world.told("fetch ok", 1).await;
    assert!(!world.status().environments[0].from_disk);
    world.stop().await;

    // Without the store, the same answers come back as far as Git has them at the tip (I1).
    let world = World::with(fake, Store::none(), config(""));
    let fixed = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["a"]))]);
    world.serves("production", &fixed).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    assert_eq!(world.flags("production", "other"), ["o"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn branches_make_environments_that_never_take_a_name() {
    let (fake, first) = two();
    fake.push("flipt/production/try", &[("production/default/features.yaml", &yaml("default", &["t"]))]);
    fake.push("flipt/production/staging", &[("production/default/features.yaml", &yaml("default", &["evil"]))]);
    fake.push("flipt/staging/try", &[("staging/default/features.yaml", &yaml("default", &["late"]))]);
    fake.push("flipt/elsewhere/x", &[("production/default/features.yaml", &yaml("default", &["x"]))]);
    let world = World::of(fake);
    world.serves("staging", &first).await;
    world.told("fetch ok", 1).await;
    let branch = world.environment("try");
    assert_eq!(branch.base.as_deref(), Some("production"));
    assert_eq!(world.flags("try", "default"), ["t"]);
    assert_eq!(world.flags("staging", "default"), ["s"], "not shadowed");
    assert!(world.environments.get("x").is_none());
    let status = world.status();
    let refused = |place: usize| status.environments[place].problems.iter().map(|p| p.code).collect::<Vec<_>>();
    assert_eq!(refused(0), ["branch-environment-refused"]);
    assert_eq!(refused(1), ["branch-environment-refused"]);

    let next =
        world.fake.push("flipt/production/try", &[("production/default/features.yaml", &yaml("default", &["u"]))]);
    world.hint("d1", Some(&next));
    world.told("done d1", 1).await;
    assert!(Arc::ptr_eq(&branch, &world.environment("try")), "its streams go on");
    assert_eq!(world.flags("try", "default"), ["u"]);

    world.fake.delete("flipt/production/try");
    world.hint("d2", None);
    world.told("done d2", 1).await;
    assert_eq!(world.environment("try").base.as_deref(), Some("staging"), "the name is free for the other");
    assert_eq!(world.store.manifest(&"flags".into(), &"try".into()).unwrap().namespaces.len(), 1);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_is_gone_leaves_the_last_good_state_and_comes_back() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.push("other", &[]);
    world.fake.delete("main");
    world.hint("d1", None);
    world.told("failed d1: ", 1).await;
    assert_eq!(world.status().failure.unwrap().class, Class::Operator);
    assert_eq!(world.flags("production", "default"), ["a"]);
    let new = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["n"]))]);
    world.serves("production", &new).await;
    assert_eq!(world.flags("production", "default"), ["n"]);
    // One environment is swapped after the other.
    world.serves("staging", &new).await;
    assert_eq!(world.flags("staging", "default"), Vec::<String>::new(), "the directory is gone in the new history");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_mirror_is_made_anew_while_the_last_good_state_is_served() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.fake.change(|remote| remote.damaged = true);
    world.hint("d1", Some(&second));
    world.told("failed d1", 1).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    world.told("done d1", 1).await;
    assert_eq!(world.flags("production", "default"), ["b"]);
    assert_eq!(world.fake.lock().opened, 1);
    for _ in 0..3 {
        let fetches = world.count("fetch ok");
        world.told("fetch ok", fetches + 1).await;
    }
    assert_eq!(world.count("missed"), 0, "that all its branches are new was nobody's to announce");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_run_is_shown_and_the_next_run_goes_on() {
    let (fake, first) = two();
    let world = World::of(fake);
    world.serves("production", &first).await;
    world.fake.change(|remote| remote.poisoned = true);
    world.hint("d1", None);
    world.told("failed d1: bug: a run panicked", 1).await;
    assert_eq!(world.status().failure.unwrap().class, Class::Bug);
    assert!(world.workers.alive());
    assert_eq!(world.flags("production", "default"), ["a"]);
    world.fake.change(|remote| remote.poisoned = false);
    world.told("done d1", 1).await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_breaks_off_a_fetch_that_hangs() {
    let (fake, _) = two();
    fake.change(|remote| remote.gate = true);
    let world = World::of(fake);
    world.fake.at_gate().await;
    assert!(world.workers.alive());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_served_and_changes_what_changed() {
    let (fake, first) = two();
    let mut world = World::of(fake);
    world.serves("staging", &first).await;
    let (production, staging) = (world.environment("production"), world.environment("staging"));
    world.config = config("  third: {storage: flags, directory: production/third}\n");
    world.config.environments.retain(|environment| &*environment.name != "staging");
    world.apply();
    assert!(Arc::ptr_eq(&production, &world.environment("production")));
    assert!(world.environments.get("staging").is_none());
    assert_eq!(staging.load().commit.as_deref(), Some(&*first), "whoever still holds it reads on");
    world.serves("third", &first).await;
    assert_eq!(world.flags("production", "default"), ["a"]);
    let second = world.fake.push("main", &[("production/third/features.yaml", &yaml("third", &["t"]))]);
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    assert_eq!(world.fake.lock().most_running, 1, "one worker at a time");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_a_worker_alone_whose_job_stays_the_same() {
    let (fake, first) = two();
    let mut world = World::of(fake);
    world.serves("staging", &first).await;
    let second = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["b"]))]);
    world.hint("d1", Some(&second));
    world.told("done d1", 1).await;
    world.serves("staging", &second).await;
    assert_eq!(world.status().mode, Mode::Webhook);
    let opened = || world.fake.lock().opened;
    let before = opened();
    world.apply();
    let third = world.fake.push("main", &[("production/default/features.yaml", &yaml("default", &["c"]))]);
    world.hint("d2", Some(&third));
    world.told("done d2", 1).await;
    assert_eq!(opened(), before, "the worker started anew for nothing");
    assert_eq!(world.status().mode, Mode::Webhook);

    // One that fails starts anew: perhaps what it failed of is mended. A first success comes before the backoff's end.
    world.fake.change(|remote| remote.down = Some(|| git::Error::Throttled(Duration::from_secs(3_000))));
    world.hint("d3", None);
    world.told("failed d3", 1).await;
    world.fake.change(|remote| remote.down = None);
    let asked = Instant::now();
    world.apply();
    world.told("done d3", 1).await;
    assert!(asked.elapsed() < Duration::from_secs(1_000), "{:?}", asked.elapsed());
    assert_eq!(opened(), before + 1);

    // And so does one whose interval is another.
    for storage in world.config.storages.values_mut() {
        storage.poll_interval = Duration::from_secs(7);
    }
    world.apply();
    world.told("fetch ok", world.count("fetch ok") + 1).await;
    assert_eq!(world.fake.lock().opened, before + 2);
    assert_eq!(world.fake.lock().most_running, 1, "one worker at a time");
    world.stop().await;
}
