//! Writing where no remote is: an operator's own repository, and one that lives as long as the process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use yardarm::git::program::{Format, Repository, command};
use yardarm::git::{Mirror, Push, PushError, RejectionKind};

use crate::git_commit::change;
use crate::git_push::{edit, moving};

fn advance(mirror: &Mirror, push: &Push) -> Result<(), PushError> {
    mirror.advance(push, &Arc::default())
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = command().arg("-C").arg(directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with a work tree, as an operator has one.
fn work_tree(format: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    git(home.path(), &["init", "--quiet", "--initial-branch=main", &format!("--object-format={format}")]);
    git(home.path(), &["config", "user.name", "Ada"]);
    git(home.path(), &["config", "user.email", "ada@example.com"]);
    home
}

#[test]
fn the_files_of_a_work_tree_follow_and_are_never_overwritten() {
    for format in ["sha1", "sha256"] {
        let home = work_tree(format);
        let at = home.path();
        let mirror = Mirror::open_path(at).unwrap().0;
        let files = [("production/features.yaml", Some(&b"a: 1\n"[..]))];
        let first = mirror.commit(None, &change(None, &files)).unwrap().id;
        advance(&mirror, &moving("main", None, Some(&first))).unwrap();
        assert_eq!(fs::read_to_string(at.join("production/features.yaml")).unwrap(), "a: 1\n", "an unborn branch");
        let second = edit(&mirror, &first, "a: 2\n");
        advance(&mirror, &moving("main", Some(&first), Some(&second))).unwrap();
        assert_eq!(mirror.heads().unwrap()["main"], second);
        assert_eq!(fs::read_to_string(at.join("production/features.yaml")).unwrap(), "a: 2\n");
        assert_eq!(git(at, &["status", "--porcelain"]), "");
        assert_eq!(git(at, &["symbolic-ref", "HEAD"]), "refs/heads/main\n");
        git(at, &["fsck", "--strict"]);

        // Somebody works there.
        fs::write(at.join("production/features.yaml"), "half an idea").unwrap();
        let third = edit(&mirror, &second, "a: 3\n");
        let refused = advance(&mirror, &moving("main", Some(&second), Some(&third))).unwrap_err();
        let PushError::Rejected(rejection) = refused else { panic!("{refused:?}") };
        assert_eq!(rejection.kind, RejectionKind::Other);
        assert!(rejection.message.contains("not committed"), "{rejection}");
        assert_eq!(mirror.heads().unwrap()["main"], second);
        assert_eq!(fs::read_to_string(at.join("production/features.yaml")).unwrap(), "half an idea");
        git(at, &["commit", "--quiet", "--all", "--message", "an idea"]);
        let stale = advance(&mirror, &moving("main", Some(&second), Some(&third))).unwrap_err();
        let theirs = git(at, &["rev-parse", "HEAD"]);
        assert!(matches!(&stale, PushError::Stale { actual: Some(actual) } if actual == theirs.trim()), "{stale:?}");

        // Another branch is nobody's files.
        advance(&mirror, &moving("flipt/production/x", None, Some(&second))).unwrap();
        advance(&mirror, &moving("flipt/production/x", Some(&second), None)).unwrap();
        let current = advance(&mirror, &moving("main", Some(theirs.trim()), None)).unwrap_err();
        assert!(matches!(&current, PushError::Rejected(told) if told.kind == RejectionKind::Protected), "{current:?}");
        assert_eq!(git(at, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");
        let settings = fs::read_to_string(at.join(".git/config")).unwrap();
        assert!(!settings.contains("receive"), "what was set for the push stays nowhere: {settings}");
    }
}

#[test]
fn a_bare_repository_of_the_operator_is_moved_with_its_hooks() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), Format::Sha1).unwrap();
    let tip = crate::git_server::push(&repository, "main", 1);
    let mirror = Mirror::open_path(repository.path()).unwrap().0;
    let new = edit(&mirror, &tip, "a: 2\n");
    advance(&mirror, &moving("main", Some(&tip), Some(&new))).unwrap();
    assert_eq!(repository.tip("main").unwrap(), Some(new.clone()));
    mirror.adopt("main", Some(&new)).unwrap();
    crate::git_push::hook(&repository, "pre-receive", "echo 'not on Fridays' >&2; exit 1");
    let next = edit(&mirror, &new, "a: 3\n");
    let refused = advance(&mirror, &moving("main", Some(&new), Some(&next))).unwrap_err();
    assert!(
        matches!(&refused, PushError::Rejected(told) if told.kind == RejectionKind::Hook && told.message.contains("Fridays")),
        "{refused:?}"
    );
    assert_eq!(repository.tip("main").unwrap(), Some(new));
}

#[test]
fn a_repository_without_a_place_begins_empty_and_compares_before_it_moves() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("memory/flags");
    let mirror = Mirror::empty(&at).unwrap();
    assert!(mirror.heads().unwrap().is_empty());
    let first = mirror.commit(None, &change(None, &[("a/features.yaml", Some(b"a: 1\n"))])).unwrap().id;
    advance(&mirror, &moving("main", None, Some(&first))).unwrap();
    let second =
        mirror.commit(Some(&first), &change(Some(&first), &[("a/features.yaml", Some(b"a: 2\n"))])).unwrap().id;
    let there = advance(&mirror, &moving("main", None, Some(&second))).unwrap_err();
    assert!(matches!(&there, PushError::Stale { actual: Some(actual) } if *actual == first), "{there:?}");
    advance(&mirror, &moving("main", Some(&first), Some(&second))).unwrap();
    let stale = advance(&mirror, &moving("main", Some(&first), Some(&second))).unwrap_err();
    assert!(matches!(&stale, PushError::Stale { actual: Some(actual) } if *actual == second), "{stale:?}");
    advance(&mirror, &moving("flipt/production/x", None, Some(&second))).unwrap();
    advance(&mirror, &moving("flipt/production/x", Some(&second), None)).unwrap();
    let gone = advance(&mirror, &moving("flipt/production/x", Some(&second), None)).unwrap_err();
    assert!(matches!(gone, PushError::Stale { actual: None }), "{gone:?}");
    assert_eq!(mirror.heads().unwrap().len(), 1);
    Repository::at(&at).git(["fsck", "--strict"]).unwrap();
    drop(mirror);
    assert!(Mirror::empty(&at).unwrap().heads().unwrap().is_empty(), "each start begins anew");
    let theirs = home.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("letter"), "dear Ada").unwrap();
    assert!(Mirror::empty(&theirs).unwrap_err().to_string().contains("not ours"));
    assert!(theirs.join("letter").exists());
}
