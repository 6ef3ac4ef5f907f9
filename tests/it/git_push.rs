//! Pushing to real Git servers: what becomes of the branch, and what is known afterwards.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use yardarm::config::PushWith;
use yardarm::git::program::{Format, Repository};
use yardarm::git::{Mirror, Push, PushError, Remote};

use crate::git_commit::change;
use crate::git_server::{Server, fetch, flags, mirror, remote};

pub(crate) const BOTH: [PushWith; 2] = [PushWith::Builtin, PushWith::Git];
/// Long enough on a machine that is busy.
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn moving(branch: &str, old: Option<&str>, new: Option<&str>) -> Push {
    let hex = |id: Option<&str>| id.map(str::to_owned);
    Push { branch: branch.to_owned(), old: hex(old), new: hex(new), rewrites: false, deadline: LONG }
}

pub(crate) fn push(mirror: &Mirror, remote: &Remote, push: &Push, with: PushWith) -> Result<(), PushError> {
    mirror.push(remote, push, with, &Arc::default())
}

/// A commit on top of another one that puts `text` into the flag file.
pub(crate) fn edit(mirror: &Mirror, tip: &str, text: &str) -> String {
    let files = [("production/features.yaml", Some(text.as_bytes()))];
    mirror.commit(Some(tip), &change(Some(tip), &files)).unwrap().id
}

/// A hook of a server's repository.
pub(crate) fn hook(repository: &Repository, name: &str, script: &str) {
    let hooks = repository.path().join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let file = hooks.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn fsck(directory: &Path) {
    Repository::at(directory).git(["fsck", "--strict", "--no-dangling"]).unwrap();
}

#[test]
fn a_branch_is_moved_made_and_removed() {
    for with in BOTH {
        for format in [Format::Sha1, Format::Sha256] {
            let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
            let repository = Repository::init(&server.root.path().join("flags.git"), format).unwrap();
            let tip = crate::git_server::push(&repository, "main", 1);
            let mirror = mirror(home.path());
            for remote in [server.remote("flags.git"), remote(&repository.path().display().to_string())] {
                fetch(&mirror, &remote, &["main", "flipt/*"]).unwrap();
                let tip = mirror.heads().unwrap().get("main").cloned().unwrap_or_else(|| tip.clone());
                let first = edit(&mirror, &tip, "a: 1\n");
                let second = edit(&mirror, &first, &format!("a: {}\n", remote.url));
                push(&mirror, &remote, &moving("main", Some(&tip), Some(&second)), with).unwrap();
                assert_eq!(repository.tip("main").unwrap(), Some(second.clone()), "{with:?}");
                mirror.adopt("main", Some(&second)).unwrap();
                let fetched = fetch(&mirror, &remote, &["main", "flipt/*"]).unwrap();
                assert_eq!((fetched.moved.len(), fetched.pack_bytes), (0, 0), "what was pushed is here");

                push(&mirror, &remote, &moving("flipt/production/x", None, Some(&second)), with).unwrap();
                assert_eq!(repository.tip("flipt/production/x").unwrap(), Some(second.clone()));
                let third = edit(&mirror, &second, "b: 1\n");
                push(&mirror, &remote, &moving("flipt/production/x", Some(&second), Some(&third)), with).unwrap();
                mirror.adopt("flipt/production/x", Some(&third)).unwrap();
                push(&mirror, &remote, &moving("flipt/production/x", Some(&third), None), with).unwrap();
                assert_eq!(repository.tip("flipt/production/x").unwrap(), None);
                mirror.adopt("flipt/production/x", None).unwrap();
                assert_eq!(mirror.heads().unwrap().into_keys().collect::<Vec<_>>(), ["main"]);
                fsck(repository.path());
            }
        }
    }
}

#[test]
fn a_first_commit_makes_the_branch_of_an_empty_repository() {
    for with in BOTH {
        for format in [Format::Sha1, Format::Sha256] {
            let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
            let repository = Repository::init(&server.root.path().join("flags.git"), format).unwrap();
            let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
            fetch(&mirror, &remote, &["main"]).unwrap_err();
            let files = [("production/features.yaml", Some(&b"a: 1\n"[..]))];
            let first = mirror.commit(None, &change(None, &files)).unwrap().id;
            push(&mirror, &remote, &moving("main", None, Some(&first)), with).unwrap();
            mirror.adopt("main", Some(&first)).unwrap();
            assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], first);
            fsck(repository.path());
        }
    }
}

/// The lost update, from the side of the second writer: it reads, another one pushes, it pushes what it had read.
#[test]
fn who_was_slower_overwrites_nothing() {
    for with in BOTH {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        repository.git(["config", "receive.denyNonFastForwards", "false"]).unwrap();
        for remote in [server.remote("flags.git"), remote(&repository.path().display().to_string())] {
            let mirror = Mirror::open(&home.path().join(format!("{with:?}{}", remote.url.len()))).unwrap().0;
            let tip = repository.tip("main").unwrap().unwrap_or_else(|| tip.clone());
            fetch(&mirror, &remote, &["main"]).unwrap();
            let ours = edit(&mirror, &tip, "ours: 1\n");
            let theirs = crate::git_server::push(&repository, "main", 7);
            let lost = push(&mirror, &remote, &moving("main", Some(&tip), Some(&ours)), with).unwrap_err();
            let PushError::Stale { actual } = lost else { panic!("{lost:?}") };
            if with == PushWith::Builtin {
                assert_eq!(actual.as_deref(), Some(theirs.as_str()));
            }
            assert_eq!(repository.tip("main").unwrap(), Some(theirs.clone()));
            let there = push(&mirror, &remote, &moving("main", None, Some(&ours)), with).unwrap_err();
            assert!(matches!(there, PushError::Stale { .. }), "it is there already: {there:?}");
            let gone = push(&mirror, &remote, &moving("other", Some(&tip), Some(&ours)), with).unwrap_err();
            assert!(matches!(gone, PushError::Stale { actual: None }), "{gone:?}");
            let gone = push(&mirror, &remote, &moving("other", Some(&tip), None), with).unwrap_err();
            assert!(matches!(gone, PushError::Stale { actual: None }), "{gone:?}");
            assert_eq!(repository.git(["for-each-ref"]).unwrap().lines().count(), 1);
        }
    }
}

#[test]
fn what_would_overwrite_is_not_even_sent() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (_, tip) = flags(&server, "flags.git");
    let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
    fetch(&mirror, &remote, &["main"]).unwrap();
    let unrelated = mirror.commit(None, &change(None, &[("a", Some(b"1"))])).unwrap().id;
    server.asked();
    for (old, new) in [(Some(tip.as_str()), Some(unrelated.as_str())), (None, None)] {
        let error = push(&mirror, &remote, &moving("main", old, new), PushWith::Builtin).unwrap_err();
        assert!(matches!(error, PushError::Failed(yardarm::git::Error::Bug(_))), "{error:?}");
    }
    for branch in ["", "a..b", "a b", "-", "a/", "@{"] {
        let bad =
            push(&mirror, &remote, &moving(branch, Some(&tip), Some(&edit(&mirror, &tip, "x"))), PushWith::Builtin);
        if branch != "-" {
            assert!(matches!(bad, Err(PushError::Failed(yardarm::git::Error::Bug(_)))), "{branch}: {bad:?}");
        }
    }
    assert_eq!(server.asked().iter().filter(|what| what.contains("receive-pack")).count(), 0);
}

#[test]
fn a_hook_that_refuses_is_heard() {
    for with in BOTH {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        hook(
            &repository,
            "pre-receive",
            "echo 'GitLab: You are not allowed to push code to protected branches' >&2; exit 1",
        );
        for remote in [server.remote("flags.git"), remote(&repository.path().display().to_string())] {
            let mirror = Mirror::open(&home.path().join(format!("{with:?}{}", remote.url.len()))).unwrap().0;
            fetch(&mirror, &remote, &["main"]).unwrap();
            let new = edit(&mirror, &tip, "ours: 1\n");
            let refused = push(&mirror, &remote, &moving("main", Some(&tip), Some(&new)), with).unwrap_err();
            let PushError::Rejected(rejection) = refused else { panic!("{refused:?}") };
            assert_eq!(rejection.kind, yardarm::git::RejectionKind::Protected);
            assert!(rejection.message.contains("not allowed to push code to protected branches"), "{rejection}");
            assert_eq!(repository.tip("main").unwrap(), Some(tip.clone()));
        }
    }
}

/// A new branch at a commit that the server has costs nothing, also when its base has moved on meanwhile.
#[test]
fn what_the_server_has_is_not_sent_again() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, tip) = flags(&server, "flags.git");
    let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
    fetch(&mirror, &remote, &["main"]).unwrap();
    crate::git_server::push(&repository, "main", 7);
    for branch in ["flipt/production/x", "flipt/production/y"] {
        push(&mirror, &remote, &moving(branch, None, Some(&tip)), PushWith::Builtin).unwrap();
        let sent = server.seen().into_iter().rfind(|seen| seen.target.ends_with("/git-receive-pack")).unwrap().body;
        let pack = sent.windows(4).position(|bytes| bytes == b"PACK").unwrap();
        assert_eq!(&sent[pack + 8..pack + 12], 0_u32.to_be_bytes(), "objects of {branch}");
    }
    let taken = push(&mirror, &remote, &moving("flipt", None, Some(&tip)), PushWith::Builtin).unwrap_err();
    assert!(matches!(&taken, PushError::Rejected(told) if told.message.contains("exists")), "{taken:?}");
}

/// Another one moves the branch when ours has been compared and before it is moved: the server has the last word.
#[test]
fn of_two_that_push_at_once_one_wins_and_the_other_hears_it() {
    for with in BOTH {
        for deny in ["true", "false"] {
            let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
            let (repository, tip) = flags(&server, "flags.git");
            repository.git(["config", "receive.denyNonFastForwards", deny]).unwrap();
            let theirs = crate::git_server::push(&repository, "theirs", 7);
            let race = format!("unset GIT_QUARANTINE_PATH; exec git update-ref refs/heads/main {theirs}");
            hook(&repository, "pre-receive", &race);
            for remote in [server.remote("flags.git"), remote(&repository.path().display().to_string())] {
                repository.set_branch("main", &tip).unwrap();
                let mirror = Mirror::open(&home.path().join(format!("{}", remote.url.len()))).unwrap().0;
                fetch(&mirror, &remote, &["main"]).unwrap();
                let ours = edit(&mirror, &tip, "ours: 1\n");
                let lost = push(&mirror, &remote, &moving("main", Some(&tip), Some(&ours)), with).unwrap_err();
                assert!(matches!(lost, PushError::Stale { .. }), "{with:?}: {lost:?}");
                assert_eq!(repository.tip("main").unwrap(), Some(theirs.clone()), "nothing is overwritten");
            }
        }
    }
}

#[test]
fn a_branch_that_is_in_use_or_kept_is_not_moved() {
    for with in BOTH {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
        fetch(&mirror, &remote, &["main"]).unwrap();
        let new = edit(&mirror, &tip, "ours: 1\n");
        let kind = |push: &Push| match self::push(&mirror, &remote, push, with).unwrap_err() {
            PushError::Rejected(told) => told.kind,
            other => panic!("{other:?}"),
        };
        repository.git(["config", "receive.denyDeletes", "true"]).unwrap();
        assert_eq!(kind(&moving("main", Some(&tip), None)), yardarm::git::RejectionKind::Protected);
        repository.git(["config", "core.bare", "false"]).unwrap();
        repository.git(["config", "receive.denyCurrentBranch", "refuse"]).unwrap();
        assert_eq!(kind(&moving("main", Some(&tip), Some(&new))), yardarm::git::RejectionKind::Protected);
        assert_eq!(repository.tip("main").unwrap(), Some(tip));
    }
}

#[test]
fn a_large_file_goes_whole() {
    for with in BOTH {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        let (mirror, remote) = (mirror(home.path()), server.remote("flags.git"));
        fetch(&mirror, &remote, &["main"]).unwrap();
        // Nothing that could be compressed, larger than any buffer on the way.
        let mut chance = 1_u64;
        let noise = std::iter::repeat_with(|| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chance.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(6 << 20).collect();
        let files: [(&str, Option<&[u8]>); 1] = [("large.bin", Some(&noise))];
        let new = mirror.commit(Some(&tip), &change(Some(&tip), &files)).unwrap().id;
        push(&mirror, &remote, &moving("main", Some(&tip), Some(&new)), with).unwrap();
        assert_eq!(repository.git(["cat-file", "-s", &format!("{new}:large.bin")]).unwrap().trim(), "6291456");
        fsck(repository.path());
    }
}

#[test]
fn only_a_branch_of_ours_can_be_made_to_forget_a_commit_and_only_the_one_that_was_seen() {
    const OURS: &str = "flipt/production/x";
    for with in BOTH {
        let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
        let (repository, tip) = flags(&server, "flags.git");
        repository.set_branch(OURS, &tip).unwrap();
        let mirror = mirror(home.path());
        for remote in [server.remote("flags.git"), remote(&repository.path().display().to_string())] {
            fetch(&mirror, &remote, &["main", "flipt/*"]).unwrap();
            let seen = repository.tip(OURS).unwrap().unwrap();
            let (gone, left) = (edit(&mirror, &seen, "gone: 1\n"), edit(&mirror, &seen, &remote.url));
            push(&mirror, &remote, &moving(OURS, Some(&seen), Some(&gone)), with).unwrap();
            let rewriting =
                |branch: &str, old: &str, new: &str| Push { rewrites: true, ..moving(branch, Some(old), Some(new)) };
            let error = push(&mirror, &remote, &moving(OURS, Some(&gone), Some(&left)), with).unwrap_err();
            assert!(error.to_string().contains("does not stand on"), "{error}");
            let error = push(&mirror, &remote, &rewriting("main", &gone, &left), with).unwrap_err();
            assert!(error.to_string().contains("no branch that may be rewritten"), "{error}");
            let error = push(&mirror, &remote, &rewriting(OURS, &seen, &left), with).unwrap_err();
            assert!(matches!(error, PushError::Stale { .. }), "{error}");
            assert_eq!(repository.tip(OURS).unwrap().as_ref(), Some(&gone), "{with:?}");
            push(&mirror, &remote, &rewriting(OURS, &gone, &left), with).unwrap();
            assert_eq!(repository.tip(OURS).unwrap().as_ref(), Some(&left), "{with:?}");
            fsck(repository.path());
        }
    }
}
