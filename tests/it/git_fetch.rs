//! What a fetch brings, against real repositories behind a real smart-HTTP server.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use yardarm::git::program::{Commit, Format, Repository};
use yardarm::git::{Error, Mirror, Moved};
use yardarm::limits;

use crate::git_server::{Server, features, fetch, flags, mirror, push, remote, request};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_fetch_that_finds_nothing_new_costs_one_request_on_a_warm_connection() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");

    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(fetched.heads["main"], first);
    assert_eq!(fetched.moved, [Moved { branch: "main".into(), old: None, new: Some(first.clone()), forced: false }]);
    assert!(fetched.pack_bytes > 0);
    assert_eq!(server.asked(), ["capabilities", "ls-refs", "fetch"]);

    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!((fetched.moved.len(), fetched.pack_bytes), (0, 0));
    assert_eq!(server.asked(), ["ls-refs"]);

    let second = push(&repository, "main", 2);
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    let moved = Moved { branch: "main".into(), old: Some(first), new: Some(second.clone()), forced: false };
    assert_eq!(fetched.moved, [moved]);
    assert_eq!(server.asked(), ["ls-refs", "fetch"]);
    // One, or one more that was opened while the first was just becoming free.
    assert!(server.connections() <= 2, "{} connections", server.connections());
    assert!(features(&mirror, &second).contains("Flag 2"));
    assert_eq!(mirror.heads().unwrap()["main"], second);
}

#[test]
fn an_announced_commit_is_looked_for_and_may_be_anything() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let second = push(&repository, "main", 2);
    let mirror = mirror(home.path());
    let found = |expected: &str| {
        let request = request(&["main"], Some(expected), LONG);
        mirror.fetch(&server.remote("flags.git"), &request, &Arc::default()).unwrap().expected_found
    };
    assert_eq!(found(&second), Some(true));
    assert_eq!(found(&first), Some(true));
    for other in ["0".repeat(40), "1".repeat(64), "main".to_owned(), "--upload-pack=x".to_owned(), String::new()] {
        assert_eq!(found(&other), Some(false), "{other}");
    }
    let aside = push(&repository, "topic", 3);
    assert_eq!(found(&aside), Some(false));
    assert_eq!(mirror.heads().unwrap(), [("main".to_owned(), second)].into());
}

#[test]
fn an_announced_commit_is_fetched_while_the_branches_are_listed() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    fetch(&mirror, &remote, &["main"]).unwrap();
    server.asked();

    // Each is asked once, whichever arrives first; nothing is left to be asked afterwards.
    let second = push(&repository, "main", 2);
    let request = request(&["main"], Some(&second), LONG);
    let fetched = mirror.fetch(&remote, &request, &Arc::default()).unwrap();
    let moved = Moved { branch: "main".into(), old: Some(first), new: Some(second.clone()), forced: false };
    assert_eq!((fetched.moved, fetched.expected_found), (vec![moved], Some(true)));
    assert!(fetched.pack_bytes > 0);
    let mut asked = server.asked();
    asked.sort_unstable();
    assert_eq!(asked, ["fetch", "ls-refs"]);
    assert!(features(&mirror, &second).contains("Flag 2"));

    // What is here already is not asked for again.
    mirror.fetch(&remote, &request, &Arc::default()).unwrap();
    assert_eq!(server.asked(), ["ls-refs"]);

    // A commit that is no tip moves nothing; the branch comes as it would have without the announcement.
    let aside = push(&repository, "topic", 3);
    let third = push(&repository, "main", 4);
    let request = crate::git_server::request(&["main"], Some(&aside), LONG);
    let fetched = mirror.fetch(&remote, &request, &Arc::default()).unwrap();
    assert_eq!(fetched.expected_found, Some(false));
    assert_eq!(mirror.heads().unwrap(), [("main".to_owned(), third)].into());
    let packs = std::fs::read_dir(home.path().join("mirror/objects/pack")).unwrap().flatten();
    let kept = packs.filter(|file| file.path().extension().is_some_and(|end| end == "keep"));
    assert_eq!(kept.count(), 0, "such a pack is never joined with others");
}

#[test]
fn a_force_push_is_followed_and_said() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let second = push(&repository, "main", 2);
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    fetch(&mirror, &remote, &["main"]).unwrap();
    mirror.keep("production", Some(&second)).unwrap();

    let files = [("production/features.yaml", Some(&b"version: \"1.4\"\n"[..]))];
    let commit = Commit { branch: "main", files: &files, message: "rewritten", seconds: 1_700_000_100 };
    let rewritten = repository.rewrite(&commit, Some(&first)).unwrap();
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    let moved = |old: &str, new: &str| Moved {
        branch: "main".into(),
        old: Some(old.to_owned()),
        new: Some(new.to_owned()),
        forced: true,
    };
    assert_eq!(fetched.moved, [moved(&second, &rewritten)]);
    // What was served is still there.
    assert!(features(&mirror, &second).contains("Flag 2"));

    // Back to where it was: nothing has to be fetched for it.
    repository.set_branch("main", &first).unwrap();
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!((fetched.moved, fetched.pack_bytes), (vec![moved(&rewritten, &first)], 0));

    // A history that has nothing in common, and of which the remote has thrown away everything that we know.
    let unrelated = repository.rewrite(&commit, None).unwrap();
    repository.git(["reflog", "expire", "--expire=now", "--all"]).unwrap();
    repository.git(["gc", "--quiet", "--prune=now"]).unwrap();
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(fetched.moved, [moved(&first, &unrelated)]);
    assert_eq!(features(&mirror, &unrelated), "version: \"1.4\"\n");
    assert!(features(&mirror, &second).contains("Flag 2"));
}

#[test]
fn branches_of_a_pattern_come_and_go() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, main) = flags(&server, "flags.git");
    let topic = push(&repository, "flipt/production", 2);
    push(&repository, "unrelated", 3);
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    let patterns = ["main", "flipt/*"];

    let fetched = fetch(&mirror, &remote, &patterns).unwrap();
    let heads: Vec<_> = fetched.heads.keys().map(String::as_str).collect();
    assert_eq!(heads, ["flipt/production", "main"]);

    // A branch becomes the directory of one.
    repository.delete_branch("flipt/production").unwrap();
    repository.set_branch("flipt/production/pricing", &topic).unwrap();
    let fetched = fetch(&mirror, &remote, &patterns).unwrap();
    let gone = Moved { branch: "flipt/production".into(), old: Some(topic.clone()), new: None, forced: false };
    let new = Moved { branch: "flipt/production/pricing".into(), old: None, new: Some(topic.clone()), forced: false };
    assert_eq!(fetched.moved, [gone, new]);

    // And back.
    repository.delete_branch("flipt/production/pricing").unwrap();
    repository.set_branch("flipt/production", &main).unwrap();
    let fetched = fetch(&mirror, &remote, &patterns).unwrap();
    assert_eq!(fetched.heads["flipt/production"], main);
    assert_eq!(mirror.heads().unwrap(), fetched.heads);

    repository.delete_branch("flipt/production").unwrap();
    fetch(&mirror, &remote, &patterns).unwrap();
    assert_eq!(mirror.heads().unwrap().into_keys().collect::<Vec<_>>(), ["main"]);
}

#[test]
fn a_missing_branch_an_empty_repository_and_no_repository_are_three_things() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();

    let before = repository.git(["for-each-ref"]).unwrap();
    match fetch(&mirror, &server.remote("flags.git"), &["mian", "x/*"]) {
        Err(Error::MissingBranch { branch, similar }) => {
            assert_eq!((branch.as_str(), similar), ("mian", vec!["main".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(repository.git(["for-each-ref"]).unwrap(), before);
    assert_eq!(mirror.heads().unwrap()["main"], first);

    // Deleted, and made again with another history.
    repository.set_branch("other", &first).unwrap();
    repository.delete_branch("main").unwrap();
    let gone = fetch(&mirror, &server.remote("flags.git"), &["main"]);
    assert!(matches!(gone, Err(Error::MissingBranch { .. })), "{gone:?}");
    assert_eq!(mirror.heads().unwrap()["main"], first);
    let again = push(&repository, "main", 9);
    let fetched = fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    assert_eq!(fetched.moved[0].new.as_deref(), Some(again.as_str()));
    assert!(fetched.moved[0].forced);

    Repository::init(&server.root.path().join("empty.git"), Format::Sha1).unwrap();
    let fresh = Mirror::open(&home.path().join("fresh")).unwrap().0;
    let empty = fetch(&fresh, &server.remote("empty.git"), &["main"]);
    assert!(matches!(empty, Err(Error::EmptyRemote)), "{empty:?}");
    assert!(fresh.heads().unwrap().is_empty());
    let first = push(&Repository::at(&server.root.path().join("empty.git")), "main", 1);
    assert_eq!(fetch(&fresh, &server.remote("empty.git"), &["main"]).unwrap().heads["main"], first);

    let none = fetch(&fresh, &server.remote("none.git"), &["main"]);
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
}

#[test]
fn a_repository_may_make_its_ids_by_sha256() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let repository = Repository::init(&server.root.path().join("flags.git"), Format::Sha256).unwrap();
    let first = push(&repository, "main", 1);
    assert_eq!(first.len(), 64);
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    assert_eq!(fetch(&mirror, &remote, &["main"]).unwrap().heads["main"], first);
    let second = push(&repository, "main", 2);
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(fetched.moved[0].new.as_deref(), Some(second.as_str()));
    assert!(features(&mirror, &second).contains("Flag 2"));
    let (again, opened) = Mirror::open(&home.path().join("mirror")).unwrap();
    assert_eq!(opened, yardarm::git::Opened::Existing);
    assert_eq!(again.heads().unwrap()["main"], second);

    // The repository behind the URL is made anew, with the other kind of ids.
    std::fs::remove_dir_all(repository.path()).unwrap();
    let (_, other) = flags(&server, "flags.git");
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(fetched.heads["main"], other);
    assert!(fetched.renewed.unwrap().why.contains("sha1"));
}

/// gix writes a pack a fetch, never joins them, and a handle has room for 32 by default.
#[test]
fn packs_that_pile_up_neither_end_a_handle_nor_stay() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = Arc::new(mirror(home.path()));
    let remote = server.remote("flags.git");
    let packs = || {
        let files = std::fs::read_dir(home.path().join("mirror/objects/pack")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    let count = || packs().iter().filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "pack")).count();
    let mut commits = vec![first];
    fetch(&mirror, &remote, &["main"]).unwrap();
    let number = i64::try_from(limits::GIT_PACKS).unwrap() + 10;
    assert!(number > 40);
    for at in 2..=number {
        assert_eq!(mirror.compact(&AtomicBool::new(false)).unwrap().is_some(), at > 51 && at == 52, "{at}");
        commits.push(push(&repository, "main", at));
        let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
        assert_eq!(fetched.moved[0].new, commits.last().cloned());
        if at == 40 {
            assert_eq!(count(), 40);
        }
    }
    let whole = |name: &String| name.starts_with("pack-") && !name.contains(".keep");
    assert!(packs().iter().all(whole), "{:?}", packs());
    assert!(count() < 15, "{} packs are left", count());
    for (at, commit) in commits.iter().enumerate() {
        assert!(features(&mirror, commit).contains(&format!("Flag {}", at + 1)));
    }
    let git = Repository::at(&home.path().join("mirror"));
    git.git(["fsck", "--strict", "--full"]).unwrap();
    let (again, opened) = Mirror::open(&home.path().join("mirror")).unwrap();
    assert_eq!(opened, yardarm::git::Opened::Existing);
    assert_eq!(again.heads().unwrap()["main"], commits[commits.len() - 1]);
}

#[test]
fn readers_go_on_while_packs_are_fetched_and_joined() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    let remote = server.remote("flags.git");
    fetch(&mirror, &remote, &["main"]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(features(&mirror, &first).contains("Flag 1"));
                let tip = mirror.heads().unwrap()["main"].clone();
                assert!(features(&mirror, &tip).contains("Flag"));
                reads += 1;
            }
            reads
        });
        for at in 2..=60 {
            push(&repository, "main", at);
            fetch(&mirror, &remote, &["main"]).unwrap();
            mirror.compact(&AtomicBool::new(false)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 10);
    });
}

#[test]
fn a_mirror_of_another_remote_is_made_anew() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    flags(&server, "one.git");
    let two = Repository::init(&server.root.path().join("two.git"), Format::Sha1).unwrap();
    let tip = push(&two, "main", 7);
    let mirror = mirror(home.path());
    fetch(&mirror, &server.remote("one.git"), &["main"]).unwrap();
    let fetched = fetch(&mirror, &server.remote("two.git"), &["main"]).unwrap();
    assert_eq!(fetched.heads["main"], tip);
    assert_eq!(fetched.moved[0].old, None);
    let renewed = fetched.renewed.unwrap();
    assert!(renewed.to.is_dir() && renewed.why.contains("another remote"));
}

#[test]
fn a_path_and_a_file_url_are_remotes_too() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), Format::Sha1).unwrap();
    let first = push(&repository, "main", 1);
    let path = repository.path().display().to_string();
    for (number, url) in [path.clone(), format!("file://{path}")].into_iter().enumerate() {
        let mirror = Mirror::open(&home.path().join(format!("mirror-{number}"))).unwrap().0;
        let fetched = fetch(&mirror, &remote(&url), &["main", "topic/*"]).unwrap();
        assert_eq!((fetched.heads["main"].as_str(), fetched.pack_bytes > 0), (first.as_str(), true));
        assert_eq!(fetch(&mirror, &remote(&url), &["main"]).unwrap().moved, []);
        assert!(features(&mirror, &first).contains("Flag 1"));
        let missing = fetch(&mirror, &remote(&url), &["nothing"]);
        assert!(matches!(missing, Err(Error::MissingBranch { .. })), "{missing:?}");
        let missing = fetch(&mirror, &remote(&format!("{url}.none")), &["main"]);
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
        std::fs::create_dir(home.path().join(format!("plain-{number}"))).unwrap();
        let url = url.replace("flags.git", &format!("plain-{number}"));
        let plain = fetch(&mirror, &remote(&url), &["main"]);
        assert!(matches!(plain, Err(Error::NotFound(_))), "{plain:?}");
    }
}

#[test]
fn a_walk_sees_files_only_in_their_order_and_costs_the_directory() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("odd.git");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/git/odd-tree.sh");
    assert!(Command::new("bash").arg(script).arg(&path).status().unwrap().success());
    let mirror = mirror(home.path());
    let tip = fetch(&mirror, &remote(&path.display().to_string()), &["main"]).unwrap().heads["main"].clone();
    let paths = |directory: &str| {
        let entries = mirror.entries(&tip, directory, &|path| path.contains(".yaml")).unwrap();
        entries.into_iter().map(|entry| (entry.path, entry.size.unwrap())).collect::<Vec<_>>()
    };
    let expected = [
        ("a/features.yaml", 4),
        ("a-b/features.yaml", 6),
        ("a.yaml", 4),
        ("empty.yaml", 0),
        ("sp\u{e4}t/features.yaml", 5),
    ];
    assert_eq!(paths("flags"), expected.map(|(path, size)| (path.to_owned(), size)));
    assert_eq!(paths("flags/a"), [("features.yaml".to_owned(), 4)]);
    assert_eq!(paths("").len(), 5);
    for nothing in ["none", "flags/none", "README.md", "flags/a.yaml", "flags/module", "..", "/"] {
        let found = paths(nothing);
        assert!(found.is_empty() || nothing == "/", "{nothing}: {found:?}");
    }
    assert!(mirror.tree_id(&tip, "flags").unwrap().is_some());
    assert_eq!(mirror.tree_id(&tip, "flags/a.yaml").unwrap(), None);
    let unknown = mirror.entries(&"1".repeat(40), "", &|_| true);
    assert!(matches!(unknown, Err(Error::UnknownCommit(_))), "{unknown:?}");
    let entry = &mirror.entries(&tip, "flags/a-b", &|_| true).unwrap()[0];
    assert!(matches!(mirror.blob(&entry.blob, 5), Err(Error::TooLarge(_))));
    assert_eq!(mirror.blob(&entry.blob, 6).unwrap(), b"three\n");
}

/// Whatever else is in the repository is not even looked at: here it is gone, and nobody misses it.
#[test]
fn nothing_beside_the_directory_is_read() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    let names: Vec<String> = (0..300).map(|number| format!("services/{}/file-{number}.yaml", number % 7)).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), Some(name.as_bytes()))).collect();
    repository.commit(&Commit { branch: "main", files: &files, message: "services", seconds: 1_700_000_003 }).unwrap();
    let tip = push(&repository, "main", 4);
    let at = home.path().join("mirror");
    drop(fetch(&mirror(home.path()), &server.remote("flags.git"), &["main"]).unwrap());

    // Each object becomes a file of its own; those of the services, trees and blobs, are removed.
    let git = Repository::at(&at);
    let outside = git.git(["rev-list", "--objects", "--no-object-names", &format!("{tip}:services")]).unwrap();
    let packs = at.join("objects/pack");
    let aside = home.path().join("aside");
    std::fs::rename(&packs, &aside).unwrap();
    std::fs::create_dir(&packs).unwrap();
    for pack in std::fs::read_dir(&aside).unwrap().map(|entry| entry.unwrap().path()) {
        if pack.extension().is_some_and(|kind| kind == "pack") {
            let mut unpack = yardarm::git::program::command();
            unpack.arg("--git-dir").arg(&at).args(["unpack-objects", "-q"]);
            assert!(unpack.stdin(std::fs::File::open(&pack).unwrap()).status().unwrap().success());
        }
    }
    assert!(outside.lines().count() > 300);
    for id in outside.lines() {
        std::fs::remove_file(at.join("objects").join(&id[..2]).join(&id[2..])).unwrap();
    }
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert_eq!(opened, yardarm::git::Opened::Existing);
    assert!(mirror.tree_id(&tip, "production").unwrap().is_some());
    assert!(features(&mirror, &tip).contains("Flag 4"));
    let next = push(&repository, "main", 5);
    let fetched = fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    assert_eq!((fetched.heads["main"].as_str(), fetched.renewed), (next.as_str(), None));
    assert!(features(&mirror, &next).contains("Flag 5"));
    // It is really gone.
    let walk = mirror.entries(&next, "services", &|_| true);
    assert!(matches!(walk, Err(Error::Damaged(_))), "{walk:?}");
}

#[test]
fn a_commit_is_kept_under_any_name_and_let_go() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (_, first) = flags(&server, "flags.git");
    let mirror = mirror(home.path());
    assert!(matches!(mirror.keep("x", Some(&first)), Err(Error::UnknownCommit(_))));
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    let git = Repository::at(&home.path().join("mirror"));
    for name in ["production", "flipt/production/a..b", "sp\u{e4}t~^: *", ""] {
        mirror.keep(name, Some(&first)).unwrap();
        mirror.keep(name, Some(&first)).unwrap();
    }
    assert_eq!(git.git(["for-each-ref", "refs/yardarm"]).unwrap().lines().count(), 4);
    mirror.keep("production", None).unwrap();
    mirror.keep("production", None).unwrap();
    assert_eq!(git.git(["for-each-ref", "refs/yardarm"]).unwrap().lines().count(), 3);
    assert!(matches!(mirror.keep("x", Some(&"2".repeat(40))), Err(Error::UnknownCommit(_))));
    assert_eq!(mirror.heads().unwrap().len(), 1);
}

/// A few hundred bytes that stand for a thousand million files, and a tower of directories.
#[test]
fn a_tree_that_multiplies_itself_is_too_large_and_no_end() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    let make = |arguments: &[&str], input: String| {
        let file = home.path().join("input");
        std::fs::write(&file, input).unwrap();
        let mut git = yardarm::git::program::command();
        let git = git.arg("--git-dir").arg(repository.path()).args(arguments);
        let made = git.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let blob = make(&["hash-object", "-w", "--stdin"], "version: \"1.4\"\n".to_owned());
    let leaves: Vec<String> = (0..1_000).map(|name| format!("100644 blob {blob}\t{name}.yaml\n")).collect();
    let mut bomb = make(&["mktree"], leaves.concat());
    for _ in 0..9 {
        let twins: Vec<String> = (0..10).map(|name| format!("040000 tree {bomb}\td{name}\n")).collect();
        bomb = make(&["mktree"], twins.concat());
    }
    let tower = vec!["d"; limits::GIT_TREE_DEPTH + 10];
    let deep = format!("{}/features.yaml", tower.join("/"));
    let files = [(deep.as_str(), Some(&b"deep"[..]))];
    let tower = Commit { branch: "tower", files: &files, message: "tower", seconds: 1 };
    repository.commit(&tower).unwrap();
    let root = make(&["mktree"], format!("040000 tree {bomb}\tbomb\n"));
    let commit =
        make(&["-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "bomb", &root], String::new());
    repository.set_branch("main", &commit).unwrap();

    let mirror = mirror(home.path());
    let heads = fetch(&mirror, &server.remote("flags.git"), &["main", "tow*"]).unwrap().heads;
    let walk = mirror.entries(&heads["main"], "", &|_| false);
    assert!(matches!(walk, Err(Error::TooLarge(_))), "{walk:?}");
    let walk = mirror.entries(&heads["tower"], "", &|_| true);
    assert!(matches!(walk, Err(Error::TooLarge(_))), "{walk:?}");
    assert!(mirror.entries(&heads["main"], "elsewhere", &|_| true).unwrap().is_empty());
}
