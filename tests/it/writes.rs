//! The write way against a real Git server: others push between our read and our push, hooks refuse, the server is away.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use yardarm::auth::Method;
use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind as Requests};
use yardarm::demo::outside::Form;
use yardarm::flags::edit::{self, Edit};
use yardarm::flags::resource::{Flag, Resource};
use yardarm::flags::snapshot::FlagKind;
use yardarm::write::writers::Strategy;
use yardarm::write::{By, Change, Outcome, Refusal, Request, What};

use crate::world::{ENVIRONMENT, NAMESPACE, Plan, SHOP, World, asking, features, served};

pub(crate) fn by(name: &str) -> By {
    By { name: name.into(), method: Method::Token, person: None, address: None }
}

pub(crate) fn flag(key: &str, name: &str) -> Resource {
    Resource::Flag(Flag {
        key: key.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        kind: FlagKind::Boolean,
        enabled: true,
        metadata: None,
        variants: Vec::new(),
        default_variant: None,
        rules: Vec::new(),
        rollouts: Vec::new(),
    })
}

pub(crate) fn request(world: &World, environment: &str, what: What) -> Request {
    Request {
        environment: world.daemon().environments().get(environment).expect("the environment is there"),
        changes: vec![Change { namespace: NAMESPACE.to_owned(), what, revision: None }],
        revision: None,
        message: None,
        co_authors: Vec::new(),
        by: by("ada"),
        dry_run: false,
        on_branch: None,
        break_glass: None,
    }
}

pub(crate) async fn put(world: &World, environment: &str, key: &str, name: &str) -> Result<Outcome, Refusal> {
    world.daemon().writers().change(request(world, environment, What::Put(flag(key, name)))).await
}

/// A file of a branch of the remote.
pub(crate) fn text(world: &World, branch: &str, path: &str) -> String {
    world.forge.repository().git(["show", &format!("{branch}:{path}")]).unwrap()
}

pub(crate) fn subjects(world: &World, branch: &str) -> Vec<String> {
    let log = world.forge.repository().git(["log", "--format=%s", branch]).unwrap();
    log.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_a_commit_and_live_before_its_answer_and_the_webhook_changes_nothing() {
    let world = Plan::of(Sender::Gitea).start().await;
    let listener = world.listen(Form::Lines).await;
    let commented = format!("# the shop\n{}  # the end\n", features(NAMESPACE, "first"));
    world.push(&[(SHOP, &commented)]).await;
    let outcome = put(&world, ENVIRONMENT, "checkout", "Checkout").await.unwrap();
    assert!(outcome.made && outcome.live.is_some());
    let now = text(&world, "main", SHOP);
    assert!(now.starts_with("# the shop\n") && now.contains("key: checkout") && now.contains("# the end"), "{now}");
    assert_eq!(world.forge.repository().tip("main").unwrap().as_deref(), Some(&*outcome.commit));
    assert_eq!(subjects(&world, "main")[0], "create flag shop/checkout");
    assert_eq!(served(&world.status().await), Some(&*outcome.commit), "before anything was fetched");
    world.heard(&listener, &now).await;

    let environment = world.daemon().environments().get(ENVIRONMENT).unwrap();
    let flags = environment.load().flags.clone();
    let pushed = crate::world::Pushed {
        branch: "main".to_owned(),
        before: None,
        after: Some(outcome.commit.to_string()),
        forced: false,
        at: jiff::Timestamp::now(),
    };
    world.announce(&pushed).await;
    let done = |record: &Value| record["commit"] == *outcome.commit && record["steps"]["live"].is_number();
    world.until_record("the delivery of our own push", done).await;
    assert!(Arc::ptr_eq(&flags, &environment.load().flags), "nothing was built twice");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_who_pushed_first_loses_nothing() {
    let world = Plan::of(Sender::Forgejo).start().await;
    let revision = put(&world, ENVIRONMENT, "ours", "Zero").await.unwrap().commit.to_string();
    // Nobody announces these, and the next poll is minutes away.
    let theirs = text(&world, "main", SHOP).replace("text: \"first\"", "text: \"theirs\"");
    world.commit("main", &[(SHOP, &theirs)]);
    put(&world, ENVIRONMENT, "ours", "One").await.unwrap();
    world.commit("main", &[("other/features.yaml", "namespace: other\n")]);
    let with =
        Request { revision: Some(revision.clone()), ..request(&world, ENVIRONMENT, What::Put(flag("second", "Two"))) };
    world.daemon().writers().change(with).await.unwrap();
    let now = text(&world, "main", SHOP);
    assert!(now.contains("theirs") && now.contains("One") && now.contains("Two"), "{now}");
    assert_eq!(text(&world, "main", "other/features.yaml"), "namespace: other\n");
    assert_eq!(subjects(&world, "main").iter().filter(|subject| *subject == "Change flags").count(), 3);
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "theirs");

    // The same field of the same flag is for a person.
    let clash = text(&world, "main", SHOP).replace("name: One", "name: Theirs");
    assert!(clash.contains("Theirs"), "{clash}");
    let pushed = world.commit("main", &[(SHOP, &clash)]);
    let clash = Request { revision: Some(revision), ..request(&world, ENVIRONMENT, What::Put(flag("ours", "Mine"))) };
    let refused = world.daemon().writers().change(clash).await.unwrap_err();
    assert!(matches!(refused, Refusal::Conflict(_)), "{refused:?}");
    assert!(
        world.forge.repository().tip("main").unwrap() == pushed.after || !text(&world, "main", SHOP).contains("Mine")
    );
    world.end().await;
}

/// More of them by `YARDARM_WRITER_ROUNDS`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_writers_on_fifty_flags_of_one_file_all_land_round_after_round() {
    let rounds = std::env::var_os("YARDARM_WRITER_ROUNDS");
    let rounds = rounds.map_or(2, |rounds| rounds.to_str().unwrap().parse().unwrap());
    let world = Arc::new(Plan::of(Sender::Gitea).start().await);
    let of_number =
        |n| format!("  # number {n}\n  - {{key: f{n:02}, name: F, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n");
    let first = (0..50).map(of_number).collect::<Vec<_>>().concat();
    let mut expected = text(&world, "main", SHOP) + &first;
    world.push(&[(SHOP, &expected)]).await;
    for round in 0..rounds {
        let writers: Vec<_> = (0..50)
            .map(|n| {
                let world = world.clone();
                let name = format!("round {round}");
                tokio::spawn(async move { put(&world, ENVIRONMENT, &format!("f{n:02}"), &name).await })
            })
            .collect();
        // Somebody else is at it as well, by hand.
        let elsewhere = format!("namespace: other\n# {round}\n");
        world.commit("main", &[("other/features.yaml", &elsewhere)]);
        for writer in writers {
            assert!(writer.await.unwrap().unwrap().made, "round {round}");
        }
        for n in 0..50 {
            let edit = [Edit::Put(flag(&format!("f{n:02}"), &format!("round {round}")))];
            let edited = edit::apply(Some(expected.as_bytes()), NAMESPACE, &edit).unwrap();
            expected = String::from_utf8(edited.bytes).unwrap();
        }
        assert_eq!(text(&world, "main", SHOP), expected, "round {round}: as if one after the other");
        assert_eq!(text(&world, "main", "other/features.yaml"), elsewhere);
    }
    assert_eq!(expected.matches("# number ").count(), 50);
    assert_eq!(subjects(&world, "main").len(), 2 + rounds * 51, "nobody's commit is gone");
    let environment = world.daemon().environments().get(ENVIRONMENT).unwrap();
    assert_eq!(environment.load().flags.namespaces[NAMESPACE].flags_by_key().len(), 51);
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_told_and_evaluation_goes_on() {
    let mut world = Plan::of(Sender::Github).start().await;
    world.forge.misbehave(Requests::Any, Fault::Status(502));
    let refused = put(&world, ENVIRONMENT, "checkout", "Checkout").await.unwrap_err();
    assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused:?}");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first");
    world.forge.recover();
    put(&world, ENVIRONMENT, "checkout", "Checkout").await.unwrap();
    world.may_fail();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_refuses_is_quoted_and_nothing_changes() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = Plan::of(Sender::Gitea).start().await;
    let hooks = world.forge.repository().path().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let hook = hooks.join("pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho 'no changes on Fridays' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let before = world.forge.repository().tip("main").unwrap();
    let refused = put(&world, ENVIRONMENT, "checkout", "Checkout").await.unwrap_err();
    assert!(matches!(refused, Refusal::Rejected { .. }), "{refused:?}");
    assert!(refused.to_string().contains("no changes on Fridays"), "{refused}");
    assert_eq!(world.forge.repository().tip("main").unwrap(), before);
    assert_eq!(served(&world.status().await), before.as_deref());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_is_made_written_to_brought_up_to_date_and_removed() {
    let world = Plan::of(Sender::Gitea).start().await;
    let writers = world.daemon().writers().clone();
    let base = world.daemon().environments().get(ENVIRONMENT).unwrap();
    let made = writers.create_branch(&base, "topic", by("ada")).await.unwrap();
    assert_eq!((&*made.name, &*made.branch), ("topic", "flipt/production/topic"));
    assert_eq!(world.banner("topic", NAMESPACE).await, "first", "evaluated at once");
    let listener = world.listen_to(Form::Lines, "topic", NAMESPACE).await;
    let again = writers.create_branch(&base, "TOPIC", by("ada")).await.unwrap_err();
    assert!(matches!(again, Refusal::AlreadyExists(_)), "{again:?}");

    put(&world, "topic", "ours", "Ours").await.unwrap();
    world.heard(&listener, &text(&world, "flipt/production/topic", SHOP)).await;
    assert!(!text(&world, "main", SHOP).contains("ours"));
    put(&world, ENVIRONMENT, "theirs", "Theirs").await.unwrap();
    let listed = |base: Arc<yardarm::serve::Environment>| {
        let writers = writers.clone();
        tokio::task::spawn_blocking(move || writers.branches(&base).unwrap())
    };
    let branches = listed(base.clone()).await.unwrap();
    assert_eq!((branches.len(), branches[0].ahead, branches[0].behind), (1, 1, 1));
    let updated = writers.update_branch(&base, "topic", Strategy::Merge, by("ada")).await.unwrap().unwrap();
    assert_eq!((updated.made, updated.branch.ahead, updated.branch.behind), (true, 2, 0));
    let now = text(&world, "flipt/production/topic", SHOP);
    assert!(now.contains("key: ours") && now.contains("key: theirs"), "{now}");

    // Both change the same: told, and nothing is done.
    put(&world, "topic", "ours", "One").await.unwrap();
    put(&world, ENVIRONMENT, "ours", "Two").await.unwrap();
    let conflicts = writers.update_branch(&base, "topic", Strategy::Merge, by("ada")).await.unwrap().unwrap_err();
    assert_eq!((conflicts.conflicts.len(), &*conflicts.conflicts[0].key), (1, "ours"));

    writers.delete_branch(&base, "topic", by("ada")).await.unwrap();
    assert!(world.daemon().environments().get("topic").is_none());
    assert_eq!(world.forge.repository().tip("flipt/production/topic").unwrap(), None);
    let gone = writers.delete_branch(&base, "topic", by("ada")).await.unwrap_err();
    assert!(matches!(gone, Refusal::UnknownEnvironment(_)), "{gone:?}");
    let configured = writers.delete_branch(&base, ENVIRONMENT, by("ada")).await.unwrap_err();
    assert!(matches!(configured, Refusal::UnknownEnvironment(_)), "{configured:?}");
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "first");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_is_put_on_top_of_its_base_commit_by_commit_or_not_at_all() {
    const TOPIC: &str = "flipt/production/topic";
    let world = Plan::of(Sender::Gitea).start().await;
    let writers = world.daemon().writers().clone();
    let base = world.daemon().environments().get(ENVIRONMENT).unwrap();
    let rebase = || writers.update_branch(&base, "topic", Strategy::Rebase, by("ada"));
    writers.create_branch(&base, "topic", by("ada")).await.unwrap();
    put(&world, "topic", "ours", "Ours").await.unwrap();
    let message = Some("Same as the base\n\nIt has a reason.".to_owned());
    let both = Request { message, ..request(&world, "topic", What::Put(flag("both", "Both"))) };
    world.daemon().writers().change(both).await.unwrap();
    put(&world, "topic", "last", "Last").await.unwrap();
    let authored = |branch: &str| {
        let log = world.forge.repository().git(["log", "--reverse", "--format=%an %at %s", branch]).unwrap();
        log.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = authored(TOPIC);
    // The base gets a comment and the flag that the second commit adds.
    put(&world, ENVIRONMENT, "both", "Both").await.unwrap();
    let commented = format!("# of the base\n{}", text(&world, "main", SHOP));
    world.push(&[(SHOP, &commented)]).await;

    let updated = rebase().await.unwrap().unwrap();
    assert_eq!((updated.made, updated.branch.ahead, updated.branch.behind), (true, 2, 0), "what is there is left out");
    let now = text(&world, TOPIC, SHOP);
    assert!(now.starts_with("# of the base\n") && now.contains("key: ours") && now.contains("key: last"), "{now}");
    let after = authored(TOPIC);
    assert_eq!(after.len(), 5, "{after:?}");
    assert_eq!(after[3..], [before[1].clone(), before[3].clone()], "author, date and message are as they were");
    let tip = world.forge.repository().tip(TOPIC).unwrap();
    assert_eq!(world.daemon().environments().get("topic").unwrap().load().commit.as_deref(), tip.as_deref());
    assert!(!rebase().await.unwrap().unwrap().made, "there is nothing to do");

    // One that does not go there stops all of them.
    put(&world, "topic", "fine", "Fine").await.unwrap();
    put(&world, "topic", "both", "Mine").await.unwrap();
    put(&world, ENVIRONMENT, "both", "Theirs").await.unwrap();
    let tip = world.forge.repository().tip(TOPIC).unwrap();
    let conflicts = rebase().await.unwrap().unwrap_err();
    assert_eq!((conflicts.conflicts.len(), &*conflicts.conflicts[0].key), (1, "both"));
    assert!(conflicts.conflicts[0].message.contains("update flag shop/both"), "{conflicts:?}");
    assert_eq!(world.forge.repository().tip(TOPIC).unwrap(), tip);
    put(&world, ENVIRONMENT, "both", "Both").await.unwrap();

    // A remote that never takes such a push is told from somebody who was faster.
    world.forge.repository().git(["config", "receive.denyNonFastForwards", "true"]).unwrap();
    let refused = rebase().await.unwrap_err();
    assert!(matches!(&refused, Refusal::Rejected { message, .. } if message.contains("by a merge")), "{refused:?}");
    assert_eq!(world.forge.repository().tip(TOPIC).unwrap(), tip);
    world.forge.repository().git(["config", "receive.denyNonFastForwards", "false"]).unwrap();

    // Somebody else's commit that was not seen is not lost.
    let theirs = text(&world, TOPIC, SHOP).replace("name: Fine", "name: Finer");
    let pushed = world.commit(TOPIC, &[(SHOP, &theirs)]);
    let refused = rebase().await.unwrap_err();
    assert!(matches!(refused, Refusal::Conflict(_)), "{refused:?}");
    assert_eq!(world.forge.repository().tip(TOPIC).unwrap(), pushed.after);
    rebase().await.unwrap().unwrap();
    assert!(text(&world, TOPIC, SHOP).contains("name: Finer"));
    assert_eq!(text(&world, "main", SHOP).matches("Finer").count(), 0);

    // What was merged is not put there once more.
    put(&world, ENVIRONMENT, "more", "More").await.unwrap();
    writers.update_branch(&base, "topic", Strategy::Merge, by("ada")).await.unwrap().unwrap();
    put(&world, ENVIRONMENT, "more", "Most").await.unwrap();
    let refused = rebase().await.unwrap_err();
    assert!(matches!(&refused, Refusal::Invalid { message, .. } if message.contains("merge commits")), "{refused:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_seen_a_resource_by_its_own_revision_is_merged_too() {
    let world = Plan::of(Sender::Gitea).start().await;
    let seen = put(&world, ENVIRONMENT, "a", "First").await.unwrap().written[0].revision.clone().unwrap();
    let switched = |name: &str| {
        let Resource::Flag(flag) = flag("a", name) else { unreachable!() };
        Resource::Flag(Flag { enabled: !flag.enabled, ..flag })
    };
    // Somebody renames it; who still has the first state switches it.
    put(&world, ENVIRONMENT, "a", "Second").await.unwrap();
    let asked = request(&world, ENVIRONMENT, What::Update(switched("First")));
    let asked = Request { revision: Some(seen.clone()), ..asked };
    let outcome = world.daemon().writers().change(asked).await.unwrap();
    assert!(outcome.written[0].merged);
    assert_eq!(outcome.written[0].resource, Some(switched("Second")));
    // The same field: all three versions are told.
    let asked = request(&world, ENVIRONMENT, What::Update(flag("a", "Third")));
    let refused = world.daemon().writers().change(Request { revision: Some(seen), ..asked }).await.unwrap_err();
    let Refusal::Conflict(conflict) = refused else { panic!("{refused:?}") };
    assert_eq!((conflict.base, conflict.ours), (Some(flag("a", "First")), Some(flag("a", "Third"))));
    assert_eq!((conflict.theirs, conflict.overlaps), (Some(switched("Second")), vec!["name".to_owned()]));
    // One that never was.
    let asked = request(&world, ENVIRONMENT, What::Update(flag("a", "Third")));
    let refused = world.daemon().writers().change(Request { revision: Some("f".repeat(40)), ..asked }).await;
    assert!(matches!(refused, Err(Refusal::Conflict(conflict)) if conflict.base.is_none()));
    world.end().await;
}

/// A key of ssh, and the setting by which Git knows whose it is.
fn ssh_key(home: &Path) -> (std::path::PathBuf, String) {
    let file = home.join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-C", "", "-N", "", "-f"]).arg(&file).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let allowed = home.join("allowed");
    std::fs::write(&allowed, format!("yardarm@example.com {public}")).unwrap();
    (file, format!("gpg.ssh.allowedSignersFile={}", allowed.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_signed_as_configured_whichever_ids_the_repository_has() {
    let home = tempfile::tempdir().unwrap();
    let (key, allowed) = ssh_key(home.path());
    let signature = format!(
        "signature: {{name: Yardarm, email: yardarm@example.com, enabled: true, type: ssh, key_path: '{}'}}",
        key.display()
    );
    for sha256 in [false, true] {
        let plan = Plan::of(Sender::Gitea).storage(&signature);
        let plan = if sha256 { plan.sha256() } else { plan };
        let world = plan.start().await;
        let writers = world.daemon().writers().clone();
        let base = world.daemon().environments().get(ENVIRONMENT).unwrap();
        put(&world, ENVIRONMENT, "a", "A").await.unwrap();
        writers.create_branch(&base, "topic", by("ada")).await.unwrap();
        put(&world, "topic", "b", "B").await.unwrap();
        // Somebody else is faster, and their commit is not signed.
        let theirs = text(&world, "main", SHOP).replace("text: \"first\"", "text: \"theirs\"");
        world.commit("main", &[(SHOP, &theirs)]);
        let outcome = put(&world, ENVIRONMENT, "c", "C").await.unwrap();
        assert_eq!(outcome.commit.len(), if sha256 { 64 } else { 40 });
        writers.update_branch(&base, "topic", Strategy::Rebase, by("ada")).await.unwrap().unwrap();
        let rebased = world.forge.repository().tip("flipt/production/topic").unwrap().unwrap();
        put(&world, "topic", "d", "D").await.unwrap();
        put(&world, ENVIRONMENT, "e", "E").await.unwrap();
        writers.update_branch(&base, "topic", Strategy::Merge, by("ada")).await.unwrap().unwrap();
        let repository = world.forge.repository();
        for commit in ["main", "main~1", &rebased, "flipt/production/topic"] {
            let mut git = yardarm::git::program::command();
            git.args(["-c", &allowed, "--git-dir"]).arg(repository.path()).args(["verify-commit", commit]);
            let said = git.output().unwrap();
            let said = (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned());
            assert!(said.0 && said.1.contains("Good \"git\" signature for yardarm@example.com"), "{commit}: {said:?}");
        }
        let now = text(&world, "flipt/production/topic", SHOP);
        assert!(
            now.contains("theirs") && ["a", "b", "c", "d", "e"].iter().all(|k| now.contains(&format!("key: {k}\n"))),
            "{now}"
        );
        repository.git(["fsck", "--strict", "--no-dangling"]).unwrap();
        world.end().await;
    }
}

const HEADER: &str = "x-yardarm-break-glass";

/// The provider goes away, and somebody breaks the glass over HTTP.
async fn behind_glass() -> World {
    let mut world = Plan::of(Sender::Github).environment("break_glass: {enabled: true}").start().await;
    world.may_fail();
    world.forge.misbehave(Requests::Any, Fault::Status(502));
    let path = format!("/api/v2/environments/{ENVIRONMENT}/namespaces/{NAMESPACE}/resources");
    let payload = serde_json::json!({"@type": "flipt.core.Flag", "key": "checkout", "name": "Checkout", "type": "BOOLEAN_FLAG_TYPE"});
    let plain = serde_json::json!({"key": "checkout", "payload": payload});
    assert_eq!(world.outside.post(&path, &plain).await.unwrap().status, 503);
    let broken =
        serde_json::json!({"key": "checkout", "payload": payload, "breakGlass": {"reason": "the forge is down"}});
    let answer = world.outside.post(&path, &broken).await.unwrap();
    assert_eq!(
        (answer.status, &answer.json()["outcome"]["breakGlass"]),
        (200, &Value::Bool(true)),
        "{}",
        answer.text()
    );
    assert!(answer.header(HEADER).is_some());
    world
}

async fn evaluated(world: &World) -> (bool, Option<String>) {
    let body = serde_json::json!({"environmentKey": ENVIRONMENT, "namespaceKey": NAMESPACE, "flagKey": "checkout", "entityId": "e", "context": {}});
    let answer = world.outside.post("/evaluate/v1/boolean", &body).await.unwrap();
    (answer.status == 200, answer.header(HEADER).map(str::to_owned))
}

fn of_environment(storage: &Value) -> &Value {
    crate::world::environment(storage, ENVIRONMENT).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_glass_is_live_at_once_and_loud_and_pushed_when_the_provider_is_back() {
    let mut world = behind_glass().await;
    let (found, header) = evaluated(&world).await;
    assert!(found, "it is live");
    let header = header.unwrap();
    assert!(header.starts_with("production; until=") && header.ends_with("; changes=1"), "{header}");
    let shown = world.status().await;
    let glass = &of_environment(&shown)["breakGlass"];
    assert_eq!((&glass["waiting"], &glass["reason"]), (&Value::from(1), &Value::from("the forge is down")), "{glass}");
    assert!(world.metric("yardarm_break_glass", &["environment=\"production\""]).await > 0.5);
    // Another process finds it on the disk, before it has fetched anything.
    world.stop_daemon().await;
    world.start_daemon().await;
    world.until("it is served again", |shown| of_environment(shown)["namespaces"]["shop"] == 2).await;
    assert!(matches!(evaluated(&world).await, (true, Some(_))));

    world.forge.recover();
    world.until("the glass is whole", |shown| of_environment(shown)["breakGlass"]["waiting"] == 0).await;
    // The record first: it is loud until what the remote has is served.
    assert!(asking(async || evaluated(&world).await == (true, None)).await);
    assert!(text(&world, "main", SHOP).contains("key: checkout"));
    assert_eq!(served(&world.status().await), world.forge.repository().tip("main").unwrap().as_deref());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_glass_that_conflicts_is_told_and_overwrites_nothing() {
    let world = behind_glass().await;
    let theirs = format!(
        "{}  - {{key: checkout, name: Theirs, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n",
        features(NAMESPACE, "theirs")
    );
    world.commit("main", &[(SHOP, &theirs)]);
    world.forge.recover();
    let told =
        |shown: &Value| of_environment(shown)["breakGlass"]["givenUp"].as_array().is_some_and(|all| all.len() == 1);
    let shown = world.until("it is told", told).await;
    assert_eq!(of_environment(&shown)["problems"][0]["code"], "break-glass-conflict", "{shown}");
    assert_eq!(text(&world, "main", SHOP), theirs);
    assert_eq!(world.banner(ENVIRONMENT, NAMESPACE).await, "theirs");
    assert_eq!(evaluated(&world).await, (true, None));
    world.end().await;
}
