//! Commits that are made of values: what they are, seen with Git's own eyes.

use std::path::Path;

use jiff::Timestamp;
use yardarm::git::program::{Format, Repository};
use yardarm::git::{Error, Identity, Mirror, NewCommit};

use crate::git_server::{fetch, mirror, push, remote};

/// A commit that changes these files.
pub(crate) fn change(parent: Option<&str>, files: &[(&str, Option<&[u8]>)]) -> NewCommit {
    let ada = Identity { name: "Ada Lovelace".to_owned(), email: "ada@example.com".to_owned() };
    let yardarm = Identity { name: "Yardarm".to_owned(), email: "yardarm@example.com".to_owned() };
    NewCommit {
        parents: parent.iter().map(|parent| (*parent).to_owned()).collect(),
        files: files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.map(<[u8]>::to_vec))).collect(),
        author: ada,
        committer: yardarm,
        authored: None,
        at: Timestamp::from_second(1_700_000_100).unwrap(),
        message: "Turn the banner on\n\nBecause.".to_owned(),
        signer: None,
    }
}

fn git(mirror: &Path, arguments: &[&str]) -> String {
    Repository::at(mirror).git(arguments.iter().copied()).unwrap()
}

/// A mirror of a repository with one commit.
fn mirrored(format: Format) -> (tempfile::TempDir, Repository, Mirror, String) {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), format).unwrap();
    let tip = push(&repository, "main", 1);
    let mirror = mirror(home.path());
    fetch(&mirror, &remote(&repository.path().display().to_string()), &["main"]).unwrap();
    (home, repository, mirror, tip)
}

#[test]
fn a_commit_is_what_git_would_have_made() {
    for format in [Format::Sha1, Format::Sha256] {
        let (home, _, mirror, tip) = mirrored(format);
        let at = home.path().join("mirror");
        let files: [(&str, Option<&[u8]>); 4] = [
            ("production/features.yaml", Some(b"a: 1\n")),
            ("production/shop/features.yaml", Some(b"b: 1\n")),
            ("production-eu.yaml", Some(b"c: 1\n")),
            ("README.md", None),
        ];
        let made = mirror.commit(Some(&tip), &change(Some(&tip), &files)).unwrap();
        git(&at, &["fsck", "--strict", "--no-dangling", &made.id]);
        assert_eq!(
            git(&at, &["log", "-1", "--format=%P|%an|%ae|%at|%cn|%ce|%ct|%B", &made.id]),
            format!(
                "{tip}|Ada Lovelace|ada@example.com|1700000100|Yardarm|yardarm@example.com|1700000100|Turn the banner \
                 on\n\nBecause.\n\n"
            )
        );
        let listed = git(&at, &["ls-tree", "-r", "--name-only", &made.id]);
        assert_eq!(listed, "production-eu.yaml\nproduction/features.yaml\nproduction/shop/features.yaml\n");
        assert_eq!(git(&at, &["show", &format!("{}:production/shop/features.yaml", made.id)]), "b: 1\n");
        assert_eq!(git(&at, &["rev-parse", &format!("{}^{{tree}}", made.id)]).trim(), made.tree);
        let blob = git(&at, &["rev-parse", &format!("{}:production/features.yaml", made.id)]);
        assert!(made.blobs.contains(&("production/features.yaml".to_owned(), blob.trim().to_owned())));
        assert_eq!(mirror.heads().unwrap()["main"], tip, "no branch moves");
        let again = mirror.commit(Some(&tip), &change(Some(&tip), &files)).unwrap();
        assert_eq!(again, made, "the same values make the same commit");
    }
}

#[test]
fn nothing_changed_is_the_same_tree_and_a_directory_goes_with_its_last_file() {
    let (home, _, mirror, tip) = mirrored(Format::Sha1);
    let at = home.path().join("mirror");
    let tree = git(&at, &["rev-parse", &format!("{tip}^{{tree}}")]);
    let same = git(&at, &["show", &format!("{tip}:README.md")]);
    let unchanged = [("README.md", Some(same.as_bytes())), ("none/at/all", None)];
    assert_eq!(mirror.commit(Some(&tip), &change(Some(&tip), &unchanged)).unwrap().tree, tree.trim());
    let gone = [("production/features.yaml", None)];
    let made = mirror.commit(Some(&tip), &change(Some(&tip), &gone)).unwrap();
    assert_eq!(git(&at, &["ls-tree", "-r", "--name-only", &made.id]), "README.md\n");
    let all = [("production/features.yaml", None), ("README.md", None)];
    let made = mirror.commit(Some(&tip), &change(Some(&tip), &all)).unwrap();
    assert_eq!(git(&at, &["ls-tree", "-r", &made.id]), "");
    let first = mirror.commit(None, &change(None, &[("a/b", Some(b"1"))])).unwrap();
    assert_eq!(git(&at, &["ls-tree", "-r", "--name-only", &first.id]), "a/b\n");
    assert_eq!(git(&at, &["log", "--format=%P", &first.id]), "\n");
}

#[test]
fn modes_stay_and_what_is_in_the_way_is_named() {
    let (home, repository, mirror, _) = mirrored(Format::Sha1);
    let blob = repository.git(["rev-parse", "main:README.md"]).unwrap();
    let index = home.path().join("index");
    let stage = |mode: &str, path: &str, id: &str| {
        let mut git = yardarm::git::program::command();
        git.env("GIT_INDEX_FILE", &index).arg("--git-dir").arg(repository.path());
        let done = git.args(["update-index", "--add", "--cacheinfo", &format!("{mode},{id},{path}")]).status();
        assert!(done.unwrap().success());
    };
    let tip = repository.tip("main").unwrap().unwrap();
    stage("100755", "bin/run", blob.trim());
    stage("120000", "link", blob.trim());
    stage("160000", "module", &tip);
    stage("100644", "file", blob.trim());
    let mut git_tree = yardarm::git::program::command();
    git_tree.env("GIT_INDEX_FILE", &index).arg("--git-dir").arg(repository.path()).arg("write-tree");
    let tree = String::from_utf8(git_tree.output().unwrap().stdout).unwrap();
    let mut commit_tree = yardarm::git::program::command();
    for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.com"), ("DATE", "1700000000 +0000")] {
        commit_tree.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    commit_tree.arg("--git-dir").arg(repository.path()).args(["commit-tree", "-m", "odd", tree.trim()]);
    let tip = String::from_utf8(commit_tree.output().unwrap().stdout).unwrap().trim().to_owned();
    repository.set_branch("main", &tip).unwrap();
    fetch(&mirror, &remote(&repository.path().display().to_string()), &["main"]).unwrap();

    let made = mirror.commit(Some(&tip), &change(Some(&tip), &[("bin/run", Some(b"#!/bin/sh\n"))])).unwrap();
    let listed = git(&home.path().join("mirror"), &["ls-tree", "-r", "--format=%(objectmode) %(path)", &made.id]);
    assert_eq!(listed, "100755 bin/run\n100644 file\n120000 link\n160000 module\n");

    let refused: [(&str, &str); 14] = [
        ("bin", "a directory"),
        ("link", "symbolic link"),
        ("link/x", "symbolic link"),
        ("module/x", "submodule"),
        ("file/x", "a file in the place"),
        ("../x", "`..`"),
        ("./x", "`..`"),
        ("a//x", "empty"),
        ("/x", "empty"),
        ("", "empty"),
        (".git/config", "Git's own"),
        ("a/.GIT/x", "Git's own"),
        ("git~1/x", "Git's own"),
        ("a\nb", "control"),
    ];
    for (path, why) in refused {
        let error = mirror.commit(Some(&tip), &change(Some(&tip), &[(path, Some(b"x"))])).unwrap_err();
        assert!(matches!(&error, Error::Unwritable { why: said, .. } if said.contains(why)), "{path:?}: {error}");
    }
    let twice = [("a", Some(&b"1"[..])), ("a", None)];
    assert!(matches!(mirror.commit(Some(&tip), &change(None, &twice)), Err(Error::Unwritable { .. })));
    let both = [("a", Some(&b"1"[..])), ("a/b", Some(&b"1"[..]))];
    assert!(matches!(mirror.commit(Some(&tip), &change(None, &both)), Err(Error::Unwritable { .. })));
    let unknown = "1".repeat(40);
    assert!(matches!(mirror.commit(Some(&unknown), &change(None, &[])), Err(Error::UnknownCommit(_))));
    assert!(matches!(mirror.commit(Some(&tip), &change(Some(&unknown), &[])), Err(Error::UnknownCommit(_))));
}

#[test]
fn what_a_header_cannot_carry_is_left_out() {
    let (home, _, mirror, tip) = mirrored(Format::Sha1);
    let mut odd = change(Some(&tip), &[("a", Some(b"1"))]);
    odd.author = Identity { name: "Eve <x>\n\0committer".to_owned(), email: "a@b>\nparent 1".to_owned() };
    odd.committer = Identity { name: String::new(), email: String::new() };
    odd.message = "one\r\ntwo\0\u{1b}[31m\n\n\n".to_owned();
    let made = mirror.commit(Some(&tip), &odd).unwrap();
    let shown = git(&home.path().join("mirror"), &["cat-file", "-p", &made.id]);
    let tail = shown.split_once("author ").unwrap().1;
    assert_eq!(
        tail,
        "Eve xcommitter <a@bparent 1> 1700000100 +0000\ncommitter unknown <> 1700000100 +0000\n\none\ntwo[31m\n"
    );
}

/// A commit waits for its push while packs are joined and objects packed; nobody names it yet.
#[test]
fn what_is_on_no_branch_survives_compaction() {
    for format in [Format::Sha1, Format::Sha256] {
        let (home, _, mirror, tip) = mirrored(format);
        let at = home.path().join("mirror");
        let (mut commits, mut parent) = (Vec::new(), tip.clone());
        let loose = || git(&at, &["count-objects"]).split(' ').next().unwrap().parse::<usize>().unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut number = 0;
        let joined = loop {
            let text = format!("a: {number}\n");
            let files = [("production/features.yaml", Some(text.as_bytes()))];
            parent = mirror.commit(Some(&parent), &change(Some(&parent), &files)).unwrap().id;
            commits.push((parent.clone(), text));
            number += 1;
            assert!(number < 2_000, "objects pile up: {}", loose());
            if number % 100 == 0
                && let Some(joined) = mirror.compact(&stop).unwrap()
            {
                break joined;
            }
        };
        assert_eq!((joined.packs, loose()), (0, 0));
        assert_eq!(joined.objects as usize, commits.len() * 4);
        for (commit, text) in &commits {
            let (_, bytes) = mirror.read_file(commit, "production/features.yaml", 100).unwrap().unwrap();
            assert_eq!(bytes, text.as_bytes());
        }
        git(&at, &["fsck", "--strict", "--no-dangling", &parent]);
        mirror.adopt("main", Some(&parent)).unwrap();
        drop(mirror);
        let mirror = Mirror::open(&at).unwrap().0;
        assert_eq!(mirror.heads().unwrap()["main"], parent);
        assert!(mirror.contains(&parent, &tip).unwrap());
    }
}
