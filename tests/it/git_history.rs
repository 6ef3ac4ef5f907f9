//! How commits stand to each other, compared with what Git says of the same.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use yardarm::git::program::{Format, Repository, command};
use yardarm::git::{Distance, Error, Mirror};

use crate::git_server::{fetch, mirror, remote};

/// A history with merges that follows from a number: files that change, come back, move and go.
fn grown(repository: &Repository, mut chance: u64, commits: u64) -> Vec<String> {
    let mut next = |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let mut stream = String::new();
    for number in 1..=commits {
        let (branch, seconds) = (next(3), 1_700_000_000 + number * 60);
        let _ = writeln!(stream, "commit refs/heads/b{branch}\nmark :{number}");
        let _ = writeln!(stream, "committer Ada <ada@example.com> {seconds} +0000\ndata 1\nx");
        // Without a `from`, a branch goes on where it is; the first commit of each stands on the very first.
        if number > 1 && number <= 3 {
            let _ = writeln!(stream, "from :1");
        }
        if number > 6 && next(4) == 0 {
            let _ = writeln!(stream, "merge :{}", 1 + next(number - 1));
        }
        let (file, text) = (next(4), next(3));
        match next(6) {
            0 => {
                let _ = writeln!(stream, "D d{file}/features.yaml");
            }
            _ => {
                let _ = writeln!(stream, "M 100644 inline d{file}/features.yaml\ndata 1\n{text}");
            }
        }
    }
    stream.push_str("done\n");
    let mut import = command();
    import.arg("--git-dir").arg(repository.path()).args(["fast-import", "--quiet", "--force", "--done"]);
    let mut child = import.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let heads = repository.git(["for-each-ref", "--format=%(refname:short)", "refs/heads"]).unwrap();
    heads.lines().map(str::to_owned).collect()
}

fn log(repository: &Repository, tip: &str, paths: &[&str]) -> Vec<String> {
    let mut arguments = vec!["log", "--format=%H", tip, "--"];
    arguments.extend(paths);
    repository.git(arguments).unwrap().lines().map(str::to_owned).collect()
}

fn ids(mirror: &Mirror, tip: &str, paths: &[&str]) -> Vec<String> {
    let history = mirror.history(tip, paths, None, usize::MAX).unwrap();
    assert!(!history.more);
    history.commits.into_iter().map(|commit| commit.id).collect()
}

#[test]
fn histories_are_those_that_git_tells() {
    for seed in 1..=6 {
        let home = tempfile::tempdir().unwrap();
        let format = if seed == 6 { Format::Sha256 } else { Format::Sha1 };
        let repository = Repository::init(&home.path().join("flags.git"), format).unwrap();
        let branches = grown(&repository, seed, 60);
        let mirror = mirror(home.path());
        fetch(&mirror, &remote(&repository.path().display().to_string()), &["b*"]).unwrap();
        let heads = mirror.heads().unwrap();
        for branch in &branches {
            let tip = &heads[branch];
            let of: [&[&str]; 4] =
                [&["d0/features.yaml"], &["d1"], &["d2/features.yaml", "d3/features.yaml"], &["none.yaml"]];
            for paths in of {
                let expected = log(&repository, tip, paths);
                assert_eq!(ids(&mirror, tip, paths), expected, "seed {seed}, {branch}, {paths:?}");
                // In pages it is the same.
                let (mut paged, mut from) = (Vec::new(), None::<String>);
                loop {
                    let page = mirror.history(tip, paths, from.as_deref(), 3).unwrap();
                    paged.extend(page.commits.iter().map(|commit| commit.id.clone()));
                    from = paged.last().cloned();
                    if !page.more {
                        break;
                    }
                }
                assert_eq!(paged, expected, "seed {seed}, {branch}, {paths:?}");
            }
            for other in &branches {
                let (a, b) = (&heads[branch], &heads[other]);
                let counted = repository.git(["rev-list", "--left-right", "--count", &format!("{a}...{b}")]).unwrap();
                let distance = mirror.distance(a, b).unwrap();
                assert_eq!(format!("{}\t{}", distance.ahead, distance.behind), counted.trim());
                let mut beyond = mirror.beyond(a, b, None, usize::MAX).unwrap().commits;
                let page = mirror.beyond(a, b, beyond.first().map(|commit| &*commit.id), 1).unwrap();
                assert_eq!(page.commits, beyond.get(1..2).unwrap_or_default());
                assert_eq!(page.more, beyond.len() > 2);
                assert!(beyond.is_sorted_by(|newer, older| newer.committed >= older.committed));
                beyond.sort_by(|one, other| one.id.cmp(&other.id));
                let expected = repository.git(["rev-list", a, &format!("^{b}")]).unwrap();
                let mut expected: Vec<&str> = expected.lines().collect();
                expected.sort_unstable();
                assert_eq!(beyond.iter().map(|commit| &*commit.id).collect::<Vec<_>>(), expected);
                let bases = repository.git(["merge-base", "--all", a, b]).unwrap();
                let base = mirror.merge_base(a, b).unwrap().unwrap();
                assert!(bases.lines().any(|known| known == base), "{base} of {bases}");
                assert_eq!(mirror.contains(a, b).unwrap(), bases.trim() == b);
                let differ = mirror.changed_paths(Some(a), b).unwrap();
                let differ: Vec<&str> = differ.iter().map(|one| one.path.as_str()).collect();
                let expected = repository.git(["diff", "--no-renames", "--name-only", a, b]).unwrap();
                assert_eq!(differ, expected.lines().collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), Format::Sha1).unwrap();
    let tip = crate::git_server::push(&repository, "main", 1);
    let mirror = mirror(home.path());
    let unknown = "1".repeat(40);
    assert!(!mirror.contains(&tip, &unknown).unwrap(), "before the first fetch");
    fetch(&mirror, &remote(&repository.path().display().to_string()), &["main"]).unwrap();
    assert!(!mirror.contains(&tip, &unknown).unwrap());
    assert!(!mirror.contains("nonsense", &tip).unwrap());
    assert!(matches!(mirror.distance(&tip, &unknown), Err(Error::UnknownCommit(_))));
    assert!(matches!(mirror.merge_base(&unknown, &tip), Err(Error::UnknownCommit(_))));
    assert!(matches!(mirror.history(&unknown, &["a"], None, 1), Err(Error::UnknownCommit(_))));
    assert!(matches!(mirror.history(&tip, &["a"], Some(&unknown), 1), Err(Error::UnknownCommit(_))));
    assert_eq!(mirror.distance(&tip, &tip).unwrap(), Distance::default());
    let (id, bytes) = mirror.read_file(&tip, "README.md", 100).unwrap().unwrap();
    assert_eq!((bytes.as_slice(), mirror.blob(&id, 100).unwrap().as_slice()), (&b"flags\n"[..], &b"flags\n"[..]));
    assert_eq!(mirror.read_file(&tip, "production", 100).unwrap(), None);
    assert_eq!(mirror.read_file(&tip, "production/none", 100).unwrap(), None);
    assert!(matches!(mirror.read_file(&tip, "README.md", 2), Err(Error::TooLarge(_))));
    let all = mirror.changed_paths(None, &tip).unwrap();
    assert_eq!(all.len(), 2);
    let logged = &mirror.history(&tip, &["README.md"], None, 1).unwrap().commits[0];
    assert_eq!((logged.author.name.as_str(), logged.message.as_str()), ("Ada Lovelace", "change 1"));
    assert_eq!(logged.authored.as_second(), 1_700_000_001);
}
