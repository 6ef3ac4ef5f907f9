//! The lost updates that were recorded of Flipt, from the side of a second writer: it has read, another one pushes,
//! nobody is told, and it writes what it had read. There the other one's commit is gone; here it never is.

use yardarm::demo::dialect::Sender;
use yardarm::flags::resource::Resource;
use yardarm::git::program::Repository;
use yardarm::write::{Change, Refusal, Request, What};

use crate::world::{ENVIRONMENT, Plan, World};
use crate::writes::{flag, request};

const PATH: &str = "default/features.yaml";
const BEFORE: &str = "version: \"1.6\"\nnamespace: default\nflags:\n- {key: a, name: a, type: BOOLEAN_FLAG_TYPE, enabled: \
                      false}\n- {key: b, name: b, type: BOOLEAN_FLAG_TYPE, enabled: false}\n";

/// What the other one does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Theirs {
    /// The same field of the same flag.
    SameField,
    /// Another field of it.
    OtherField,
    OtherFlag,
    OtherFile,
    /// They take it away.
    Gone,
}

fn theirs(world: &World, what: Theirs) -> Option<String> {
    let text = match what {
        Theirs::SameField => BEFORE.replace("name: a,", "name: theirs,"),
        Theirs::OtherField => BEFORE.replace(
            "name: a, type: BOOLEAN_FLAG_TYPE, enabled: false",
            "name: a, type: BOOLEAN_FLAG_TYPE, enabled: true",
        ),
        Theirs::OtherFlag => BEFORE.replace(
            "name: b, type: BOOLEAN_FLAG_TYPE, enabled: false",
            "name: b, type: BOOLEAN_FLAG_TYPE, enabled: true",
        ),
        Theirs::OtherFile => BEFORE.to_owned(),
        Theirs::Gone => {
            BEFORE.lines().filter(|line| !line.contains("key: a,")).map(|line| format!("{line}\n")).collect()
        }
    };
    let text = format!("{text}# pushed by somebody else\n");
    if what == Theirs::OtherFile {
        return world.commit("main", &[("other/features.yaml", &text.replace("default", "other"))]).after;
    }
    world.commit("main", &[(PATH, &text)]).after
}

fn put() -> What {
    let Resource::Flag(mut ours) = flag("a", "ours") else { unreachable!() };
    ours.enabled = false;
    What::Put(Resource::Flag(ours))
}

/// Where the daemon has its copy, and what the remote is like.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Below the state directory.
    Mirror,
    /// Where the configuration says.
    Path,
    /// The remote has the last commit and not what was before.
    Shallow,
}

async fn world(place: Place, denies: bool) -> World {
    let plan = Plan::of(Sender::Github).without_webhook().empty();
    let mut world = match place {
        Place::Path => {
            let directory = tempfile::Builder::new().prefix("yardarm-mirror-").tempdir().unwrap().keep();
            plan.storage(&format!("backend: {{type: local, path: {:?}}}", directory.join("mirror"))).forge_only()
        }
        Place::Mirror | Place::Shallow => plan.forge_only(),
    };
    let denies = if denies { "true" } else { "false" };
    world.forge.repository().git(["config", "receive.denyNonFastForwards", denies]).unwrap();
    world.commit("main", &[("README", "first\n")]);
    world.commit("main", &[(PATH, BEFORE)]);
    if let Place::Shallow = place {
        let tip = world.forge.repository().tip("main").unwrap().unwrap();
        std::fs::write(world.forge.repository().path().join("shallow"), format!("{tip}\n")).unwrap();
        assert_eq!(world.forge.repository().git(["rev-list", "--count", "main"]).unwrap().trim(), "1");
    }
    world.start_daemon().await;
    world.until("it is live", |storage| crate::world::served(storage).is_some()).await;
    world
}

async fn one(place: Place, denies: bool, what: Theirs, says_revision: bool) {
    let case = format!("{place:?}, denies non-fast-forwards: {denies}, {what:?}, revision: {says_revision}");
    let world = world(place, denies).await;
    let seen = world.forge.repository().tip("main").unwrap();
    let pushed = theirs(&world, what).unwrap();
    let wish = || Request {
        changes: vec![Change { namespace: "default".to_owned(), what: put(), revision: None }],
        revision: seen.clone().filter(|_| says_revision),
        ..request(&world, ENVIRONMENT, put())
    };
    let done = world.daemon().writers().change(wish()).await;
    let repository: &Repository = world.forge.repository();
    let now = repository.git(["show", &format!("main:{PATH}")]).unwrap();
    repository.git(["merge-base", "--is-ancestor", &pushed, "main"]).expect(&case);
    if what == Theirs::OtherFile {
        assert!(repository.git(["show", "main:other/features.yaml"]).unwrap().contains("somebody else"), "{case}");
    } else {
        assert!(now.contains("# pushed by somebody else"), "{case}: {now}");
    }
    let clashes = says_revision && matches!(what, Theirs::SameField | Theirs::Gone);
    // A first push goes against what was there; only who fetched in between knows better.
    if clashes {
        assert!(matches!(done, Err(Refusal::Conflict(_))), "{case}: {done:?}");
        assert_eq!(repository.tip("main").unwrap(), Some(pushed), "{case}");
    } else {
        assert!(done.as_ref().is_ok_and(|outcome| outcome.made), "{case}: {done:?}");
        assert!(now.contains("name: ours"), "{case}: {now}");
        let both = match what {
            Theirs::OtherField if says_revision => "key: a, name: ours, type: BOOLEAN_FLAG_TYPE, enabled: true",
            Theirs::OtherFlag => "key: b, name: b, type: BOOLEAN_FLAG_TYPE, enabled: true",
            _ => "name: ours",
        };
        assert!(now.contains(both), "{case}: {now}");
        assert!(
            !world.daemon().writers().change(Request { revision: None, ..wish() }).await.unwrap().made
                || what == Theirs::OtherField,
            "{case}: the second write"
        );
    }
    repository.git(["fsck", "--strict", "--no-dangling"]).expect(&case);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_below_the_state_directory() {
    for what in [Theirs::SameField, Theirs::OtherField, Theirs::OtherFlag, Theirs::OtherFile, Theirs::Gone] {
        for says_revision in [true, false] {
            one(Place::Mirror, false, what, says_revision).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_at_a_path_and_a_remote_that_denies_what_overwrites() {
    for what in [Theirs::SameField, Theirs::OtherFlag, Theirs::OtherFile] {
        for says_revision in [true, false] {
            one(Place::Path, says_revision, what, says_revision).await;
            one(Place::Mirror, true, what, says_revision).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_that_is_a_shallow_clone() {
    for what in [Theirs::SameField, Theirs::OtherField, Theirs::OtherFlag, Theirs::OtherFile] {
        for says_revision in [true, false] {
            one(Place::Shallow, false, what, says_revision).await;
        }
    }
}
