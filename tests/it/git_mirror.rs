//! What becomes of a mirror that is damaged, half written or not ours.

use std::fs;
use std::path::{Path, PathBuf};

use yardarm::git::program::{Commit, Format, Repository};
use yardarm::git::{Error, Mirror, Opened};

use crate::git_server::{Server, features, fetch, flags, mirror, push, remote};

fn files(directory: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|found| found == kind) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Packs are read-only, as Git has them.
fn overwrite(path: &Path, content: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
}

type Damage = fn(&Path);

#[test]
fn a_damaged_mirror_is_moved_aside_and_made_anew() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    let tip = push(&repository, "main", 2);
    let remote = server.remote("flags.git");
    let damages: [(&str, Damage); 11] = [
        ("HEAD is garbage", |mirror| overwrite(&mirror.join("HEAD"), b"\0\xff garbage")),
        ("HEAD is gone", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap()),
        ("the configuration is garbage", |mirror| overwrite(&mirror.join("config"), b"[core\n\0\xff")),
        ("a reference is garbage", |mirror| overwrite(&mirror.join("refs/heads/main"), b"not an id")),
        ("a reference is empty", |mirror| overwrite(&mirror.join("refs/heads/main"), b"")),
        ("a reference names nothing", |mirror| overwrite(&mirror.join("refs/heads/main"), "1".repeat(40).as_bytes())),
        ("the pack is short", |mirror| {
            let pack = &files(mirror, "pack")[0];
            let bytes = fs::read(pack).unwrap();
            overwrite(pack, &bytes[..bytes.len() / 2]);
        }),
        ("the pack is empty", |mirror| overwrite(&files(mirror, "pack")[0], b"")),
        ("the index is short", |mirror| {
            let index = &files(mirror, "idx")[0];
            let bytes = fs::read(index).unwrap();
            overwrite(index, &bytes[..bytes.len() / 2]);
        }),
        ("the objects are gone", |mirror| fs::remove_dir_all(mirror.join("objects")).unwrap()),
        ("it is a file", |mirror| {
            fs::remove_dir_all(mirror).unwrap();
            fs::write(mirror, "a file").unwrap();
        }),
    ];
    for (what, damage) in damages {
        let at = home.path().join("mirror");
        let (mirror, _) = Mirror::open(&at).unwrap();
        fetch(&mirror, &remote, &["main"]).unwrap();
        drop(mirror);
        damage(&at);
        let (mirror, opened) = Mirror::open(&at).unwrap();
        assert!(matches!(&opened, Opened::Quarantined { to, .. } if to.exists()), "{what}: {opened:?}");
        assert!(mirror.heads().unwrap().is_empty(), "{what}");
        let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
        assert_eq!(fetched.heads["main"], tip, "{what}");
        assert!(features(&mirror, &tip).contains("Flag 2"), "{what}");
        let (_, opened) = Mirror::open(&at).unwrap();
        assert_eq!(opened, Opened::Existing, "{what}");
    }
    let mut names: Vec<_> =
        fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["mirror", "mirror.bad-10", "mirror.bad-11", "mirror.bad-9"]);
}

/// A bit that flips under the feet of a running daemon: whoever reads it says so, and the next fetch repairs it.
#[test]
fn damage_that_a_reader_finds_is_repaired_by_the_next_fetch() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, _) = flags(&server, "flags.git");
    // Large and without repetition, so that it is a good part of the pack.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let files_of = [("production/features.yaml", Some(&noise[..]))];
    let commit = Commit { branch: "main", files: &files_of, message: "noise", seconds: 1_700_000_009 };
    let tip = repository.commit(&commit).unwrap();
    let at = home.path().join("mirror");
    let remote = server.remote("flags.git");
    let (mirror, _) = Mirror::open(&at).unwrap();
    fetch(&mirror, &remote, &["main"]).unwrap();

    let pack = &files(&at, "pack")[0];
    let mut bytes = fs::read(pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    overwrite(pack, &bytes);
    // A process that is started now finds it when it reads.
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert_eq!(opened, Opened::Existing);
    let entries = mirror.entries(&tip, "production", &|_| true).unwrap();
    let read = mirror.blob(&entries[0].blob, 1 << 20);
    assert!(matches!(read, Err(Error::Damaged(_))), "{read:?}");
    let fetched = fetch(&mirror, &remote, &["main"]).unwrap();
    assert!(fetched.renewed.is_some());
    assert_eq!(Mirror::open(&at).unwrap().1, Opened::Existing);
    assert_eq!(mirror.blob(&entries[0].blob, 1 << 20).unwrap(), noise);

    // Or the process ends in between: what was found is not forgotten.
    overwrite(&files(&at, "pack")[0], &bytes);
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert!(matches!(mirror.blob(&entries[0].blob, 1 << 20), Err(Error::Damaged(_))));
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert!(matches!(opened, Opened::Quarantined { .. }), "{opened:?}");
    fetch(&mirror, &remote, &["main"]).unwrap();
    assert_eq!(mirror.blob(&entries[0].blob, 1 << 20).unwrap(), noise);

    // Objects that vanish meanwhile are found by the fetch itself.
    push(&repository, "main", 3);
    fs::remove_dir_all(at.join("objects/pack")).unwrap();
    fs::create_dir(at.join("objects/pack")).unwrap();
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert!(matches!(opened, Opened::Quarantined { .. }), "{opened:?}");
    fetch(&mirror, &remote, &["main"]).unwrap();
    let tip = push(&repository, "main", 4);
    for entry in fs::read_dir(at.join("objects/pack")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let mirror_again = Mirror::open(&at).unwrap().0;
    let fetched = fetch(&mirror_again, &remote, &["main"]).unwrap();
    assert_eq!(fetched.heads["main"], tip);
    assert!(features(&mirror_again, &tip).contains("Flag 4"));
}

#[test]
fn what_a_crash_leaves_is_swept_up() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let at = home.path().join("mirror");
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert_eq!(opened, Opened::Created);
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    drop(mirror);
    let packs = at.join("objects/pack");
    let whole = files(&packs, "pack");
    let leftovers = [
        packs.join(".tmpAbCdEf"),
        packs.join("tmp_pack_x"),
        packs.join(format!("pack-{}.pack", "0".repeat(40))),
        packs.join(format!("pack-{}.idx", "1".repeat(40))),
        packs.join(format!("pack-{}.keep", "2".repeat(40))),
        whole[0].with_extension("keep"),
        at.join("HEAD.lock"),
        at.join("config.lock"),
        at.join("packed-refs.lock"),
        at.join("refs/heads/main.lock"),
        home.path().join("mirror.new/HEAD"),
        home.path().join("mirror.ssh-x1y2/key"),
    ];
    for path in &leftovers {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    let (mirror, opened) = Mirror::open(&at).unwrap();
    assert_eq!(opened, Opened::Existing);
    for path in &leftovers {
        assert!(!path.exists(), "{}", path.display());
    }
    assert_eq!(files(&packs, "pack"), whole);
    assert_eq!(mirror.heads().unwrap()["main"], first);
    let second = push(&repository, "main", 2);
    assert_eq!(fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap().heads["main"], second);
}

/// Killed between the pack and the reference: the objects are there, and the next fetch only moves the reference.
#[test]
fn a_reference_that_did_not_move_any_more_moves_at_the_next_fetch() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (repository, first) = flags(&server, "flags.git");
    let second = push(&repository, "main", 2);
    let mirror = mirror(home.path());
    fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    drop(mirror);
    overwrite(&home.path().join("mirror/refs/heads/main"), first.as_bytes());
    let (mirror, opened) = Mirror::open(&home.path().join("mirror")).unwrap();
    assert_eq!(opened, Opened::Existing);
    let fetched = fetch(&mirror, &server.remote("flags.git"), &["main"]).unwrap();
    assert_eq!((fetched.heads["main"].as_str(), fetched.pack_bytes), (second.as_str(), 0));
    assert_eq!(fetched.moved[0].old.as_deref(), Some(first.as_str()));
}

#[test]
fn what_is_not_ours_is_read_and_never_touched() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("theirs.git"), Format::Sha1).unwrap();
    let first = push(&repository, "main", 1);
    let keep = repository.path().join("objects/pack/pack-theirs.keep");
    fs::write(&keep, "theirs").unwrap();
    let (mirror, opened) = Mirror::open_path(repository.path()).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(mirror.heads().unwrap()["main"], first);
    assert!(features(&mirror, &first).contains("Flag 1"));
    let second = push(&repository, "main", 2);
    assert_eq!(mirror.heads().unwrap()["main"], second);
    assert!(features(&mirror, &second).contains("Flag 2"));
    mirror.keep("production", Some(&first)).unwrap();
    let refused = fetch(&mirror, &remote("/nowhere"), &["main"]);
    assert!(matches!(refused, Err(Error::Local(_))), "{refused:?}");
    assert!(keep.exists());
    assert_eq!(repository.git(["for-each-ref"]).unwrap().lines().count(), 1);

    // A work tree, a directory of other things, and nothing at all.
    let work = home.path().join("work");
    assert!(yardarm::git::program::command().arg("init").arg("-q").arg(&work).status().unwrap().success());
    assert!(Mirror::open_path(&work).unwrap().0.heads().unwrap().is_empty());
    let other = home.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), "dear").unwrap();
    assert!(matches!(Mirror::open_path(&other), Err(Error::Damaged(_))));
    assert!(other.join("letter.txt").exists());
    let (nothing, opened) = Mirror::open_path(&home.path().join("nothing")).unwrap();
    assert_eq!(opened, Opened::Created);
    assert!(nothing.heads().unwrap().is_empty());
    // Where nothing was, a mirror of ours may be made; and then it is ours.
    let url = repository.path().display().to_string();
    assert_eq!(fetch(&nothing, &remote(&url), &["main"]).unwrap().heads["main"], second);
    fs::write(home.path().join("nothing/HEAD"), "garbage").unwrap();
    let (_, opened) = Mirror::open_path(&home.path().join("nothing")).unwrap();
    assert!(matches!(opened, Opened::Quarantined { .. }), "{opened:?}");
}

#[test]
fn a_place_that_cannot_be_written_is_said() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "in the way").unwrap();
    let error = Mirror::open(&home.path().join("file/mirror"));
    let error = match error {
        Ok((mirror, _)) => {
            let repository = Repository::init(&home.path().join("flags.git"), Format::Sha1).unwrap();
            push(&repository, "main", 1);
            fetch(&mirror, &remote(&repository.path().display().to_string()), &["main"]).unwrap_err()
        }
        Err(error) => error,
    };
    assert!(matches!(error, Error::Local(_)), "{error:?}");
}
