//! What becomes of changes when all is well, and when others write, too.

use super::super::What;
use super::world::{BAD, World, code, flag};
use crate::audit::Outcome as End;
use crate::audit::log::Filter;
use crate::flags::resource::Kind;
use crate::sync::tests::world::Meets;

#[tokio::test(start_paused = true)]
async fn a_change_is_on_the_remote_and_served_before_its_answer() {
    let world = World::new().await;
    let staging = world.storage.environment("staging").load().flags.clone();
    let read = world.storage.fake.lock().blobs_read.len();
    let outcome = world.put("production", "b", "B").await.unwrap();
    assert!(outcome.made && outcome.live.is_some() && !outcome.break_glass);
    assert_eq!((&*outcome.environment, &*outcome.branch), ("production", "main"));
    assert_eq!(world.storage.fake.lock().branches["main"], *outcome.commit);
    assert_eq!(world.storage.flags("production", "default"), ["a", "b"]);
    assert_eq!(world.storage.environment("production").load().commit.as_ref(), Some(&outcome.commit));
    assert_eq!(world.storage.environment("staging").load().commit.as_ref(), Some(&outcome.commit));
    assert!(std::sync::Arc::ptr_eq(&staging, &world.storage.environment("staging").load().flags));
    assert!(outcome.text_diff.contains("+- {key: b, name: B,"), "{}", outcome.text_diff);
    assert_eq!(outcome.changes.namespaces[0].flags[0].key.as_ref(), "b");
    let shown = world.storage.status();
    assert_eq!(
        (shown.environments[0].commit.as_ref(), shown.head.as_ref()),
        (Some(&outcome.commit), Some(&outcome.commit))
    );
    {
        let remote = world.storage.fake.lock();
        let (_, commit) = remote.made.last().unwrap();
        assert_eq!(commit.message, "update flag default/b");
        assert_eq!((commit.author.name.as_str(), commit.author.email.as_str()), ("ada", "ada@example.com"));
        assert_eq!(commit.committer.name, "flipt");
        // Once for the planner and once for the diff; what is served of it was never read from the repository.
        let new: Vec<_> = remote.blobs_read[read..].iter().filter(|id| remote.texts[*id].contains("key: b")).collect();
        assert!(new.is_empty(), "{new:?}");
    }
    // The webhook that follows finds nothing to do.
    let flags = world.storage.environment("production").load().flags.clone();
    world.storage.hint("d1", Some(&outcome.commit));
    world.storage.told("done d1", 1).await;
    assert!(std::sync::Arc::ptr_eq(&flags, &world.storage.environment("production").load().flags), "no second rebuild");
    let (records, _) = world.log.list(&Filter::default(), &|_| true, 10);
    assert_eq!(
        (records.len(), records[0].outcome, records[0].after.as_ref()),
        (1, End::Accepted, Some(&outcome.commit))
    );
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_changes_nothing_makes_no_commit_and_a_dry_run_neither() {
    let world = World::new().await;
    let again = world.put("production", "a", "a").await.unwrap();
    assert!(!again.made && again.live.is_some());
    let request = world.request("production", vec![What::Put(flag("b", "B"))]);
    let dry = world.writers.change(super::super::Request { dry_run: true, ..request }).await.unwrap();
    assert!(!dry.made && dry.text_diff.contains("key: b") && !dry.changes.is_empty());
    let pushed = world.storage.fake.lock().pushed;
    assert_eq!((pushed, world.storage.fake.lock().made.len()), (0, 0));
    assert_eq!(world.storage.flags("production", "default"), ["a"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn somebody_else_who_pushes_first_loses_nothing() {
    let world = World::new().await;
    let theirs = "namespace: default\nflags:\n- {key: a, name: theirs, type: BOOLEAN_FLAG_TYPE, enabled: true}\n";
    for (path, text) in
        [("production/default/features.yaml", theirs), ("staging/default/features.yaml", theirs), ("README.md", "x")]
    {
        let other = Meets::Other("main".to_owned(), vec![(path.to_owned(), text.to_owned())]);
        world.storage.fake.change(|remote| remote.pushes.push_back(other));
        let key = format!("b{}", path.len());
        world.put("production", &key, "B").await.unwrap();
        assert_eq!(world.history("main")[0], format!("update flag default/{key}"));
        assert!(world.history("main")[1].starts_with('c'), "{:?}", world.history("main"));
    }
    let text = world.text("main", "production/default/features.yaml");
    assert!(text.contains("name: theirs") && text.contains("key: b9"), "{text}");
    assert_eq!(world.text("main", "staging/default/features.yaml"), theirs);
    assert_eq!(world.storage.flags("production", "default"), ["a", "b29", "b32", "b9"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_holds_against_what_came_in_between() {
    let world = World::new().await;
    let seen = world.storage.fake.lock().branches["main"].clone();
    // The ids of this world are no hex, but those of commits made here.
    let first = world.put("production", "b", "B").await.unwrap();
    assert_ne!(seen, *first.commit);
    let theirs = world.text("main", "production/default/features.yaml").replace("name: B", "name: theirs");
    let other = Meets::Other("main".to_owned(), vec![("production/default/features.yaml".to_owned(), theirs)]);
    world.storage.fake.change(|remote| remote.pushes.push_back(other.clone()));
    let mut request = world.request("production", vec![What::Put(flag("b", "ours"))]);
    request.revision = Some(first.commit.to_string());
    assert_eq!(code(&world.writers.change(request).await), "invalid");
    // Another flag of the same file is no conflict.
    world.storage.fake.change(|remote| remote.pushes.push_back(other));
    let mut request = world.request("production", vec![What::Put(flag("c", "ours"))]);
    request.revision = Some(first.commit.to_string());
    assert_eq!(code(&world.writers.change(request).await), "ok");
    assert!(world.text("main", "production/default/features.yaml").contains("name: theirs"));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_all_land_in_few_pushes_as_if_one_after_the_other() {
    let world = World::new().await;
    let world = std::sync::Arc::new(world);
    let writers = (0..50).map(|n| {
        let world = world.clone();
        tokio::spawn(async move { world.put("production", &format!("f{n:02}"), "F").await })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        let outcome = writer.await.unwrap().unwrap();
        assert!(outcome.made && outcome.live.is_some());
    }
    assert_eq!(world.history("main").len(), 51);
    assert_eq!(world.storage.flags("production", "default").len(), 51);
    assert!(world.storage.fake.lock().pushed < 50, "{}", world.storage.fake.lock().pushed);
    let text = world.text("main", "production/default/features.yaml");
    let mut lines: Vec<&str> = text.lines().skip(2).collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 51);
    std::sync::Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_does_not_hold_back_the_others() {
    let world = World::new().await;
    let missing = || world.request("production", vec![What::Delete { kind: Kind::Flag, key: "zz".to_owned() }]);
    let (one, two, three, four) = tokio::join!(
        world.put("production", "b", "B"),
        world.writers.change(missing()),
        world.put("production", "bad", BAD),
        world.put("staging", "c", "C"),
    );
    assert_eq!([code(&one), code(&two), code(&three), code(&four)], ["ok", "not-found", "invalid", "ok"]);
    assert_eq!(world.storage.flags("production", "default"), ["a", "b"]);
    assert_eq!(world.storage.flags("staging", "default"), ["c", "s"]);
    assert!(world.storage.environment("production").load().flags.held.is_empty());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_namespace_in_error_is_no_hindrance() {
    let world = World::new().await;
    let bad = world.storage.fake.push("main", &[("production/other/features.yaml", "namespace: other\nflags: 7\n")]);
    world.storage.hint("d1", Some(&bad));
    world.storage.told("done d1", 1).await;
    world.put("production", "b", "B").await.unwrap();
    assert_eq!(world.storage.flags("production", "default"), ["a", "b"]);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_refuses_tells_the_guilty_alone() {
    let world = World::new().await;
    world.storage.fake.change(|remote| remote.refuses = Some("default/evil".to_owned()));
    let results = tokio::join!(
        world.put("production", "b", "B"),
        world.put("production", "evil", "E"),
        world.put("production", "c", "C"),
    );
    assert_eq!([code(&results.0), code(&results.1), code(&results.2)], ["ok", "rejected", "ok"]);
    assert_eq!(world.storage.flags("production", "default"), ["a", "b", "c"]);
    assert_eq!(results.1.unwrap_err().to_string(), "pre-receive hook declined");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_protected_environment_names_a_branch_and_takes_changes_there() {
    let world = World::new().await;
    let config = crate::sync::tests::world::config("").environments;
    assert!(!config[0].protected);
    let mut config = crate::sync::tests::world::config("");
    config.environments[0].protected = true;
    world.writers.reload(&config);
    let refused = world.put("production", "b", "B").await;
    let super::super::Refusal::Protected { branch, .. } = refused.unwrap_err() else { panic!("not protected") };
    let mut request = world.request("production", vec![What::Put(flag("b", "B"))]);
    request.on_branch = Some(branch.clone());
    let outcome = world.writers.change(request).await.unwrap();
    assert_eq!((&*outcome.environment, &*outcome.branch), (&*branch, &*format!("flipt/production/{branch}")));
    assert_eq!(world.storage.flags(&branch, "default"), ["a", "b"], "served at once");
    assert_eq!(world.storage.flags("production", "default"), ["a"]);
    // The same branch again, by its name, and as an environment of its own.
    let mut request = world.request("production", vec![What::Put(flag("c", "C"))]);
    request.on_branch = Some(branch.clone());
    world.writers.change(request).await.unwrap();
    world.put(&branch, "d", "D").await.unwrap();
    assert_eq!(world.storage.flags(&branch, "default"), ["a", "b", "c", "d"]);
    for taken in ["staging", "STAGING", "a b", "../x"] {
        let mut request = world.request("production", vec![What::Put(flag("c", "C"))]);
        request.on_branch = Some(taken.to_owned());
        assert!(matches!(code(&world.writers.change(request).await), "exists" | "invalid"), "{taken}");
    }
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_of_this_process_alone_gets_its_first_commit_here() {
    let fake = crate::sync::tests::world::Fake::default();
    fake.change(|remote| remote.own = true);
    let world = World::of(fake, "", std::sync::Arc::default()).await;
    let outcome = world.put("production", "b", "B").await.unwrap();
    assert!(outcome.made && outcome.live.is_some());
    assert_eq!(world.storage.flags("production", "default"), ["b"]);
    world.stop().await;
}
