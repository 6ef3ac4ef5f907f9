//! Signed commits, verified by Git.
//!
//! Where no `gpg` is installed these tests say so, and are content, unless `YARDARM_TEST_GPG` is `required`, as it is in
//! CI. `ssh-keygen` comes with the `ssh` that the other tests need.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use yardarm::config::{KeySource, Signing, SigningKind};
use yardarm::git::program::{Format, Repository, command};
use yardarm::git::{Error, Mirror, Signer};

use crate::git_commit::change;
use crate::git_server::{fetch, mirror, push, remote};

const PASSPHRASE: &str = "correct horse 'battery' $taple";

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said) } else { Err(format!("{command:?}: {said}")) }
}

fn mirrored(format: Format) -> (TempDir, Mirror, String) {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init(&home.path().join("flags.git"), format).unwrap();
    let tip = push(&repository, "main", 1);
    let mirror = mirror(home.path());
    fetch(&mirror, &remote(&repository.path().display().to_string()), &["main"]).unwrap();
    (home, mirror, tip)
}

fn signed(home: &Path, mirror: &Mirror, tip: &str, signing: Signing) -> Result<String, Error> {
    let signer = Arc::new(Signer::new(signing, &home.join("mirror")));
    let mut commit = change(Some(tip), &[("a", Some(b"1"))]);
    commit.signer = Some(Arc::clone(&signer));
    let first = mirror.commit(Some(tip), &commit)?.id;
    let mut second = change(Some(&first), &[("a", Some(b"2"))]);
    second.signer = Some(signer);
    let made = mirror.commit(Some(&first), &second)?.id;
    Ok(made)
}

fn left(home: &Path) -> Vec<String> {
    let names = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("sign")).collect()
}

fn verify(home: &Path, commit: &str, settings: &[&str], environment: &[(&str, &Path)]) -> Result<String, String> {
    let mut git = command();
    git.envs(environment.iter().copied());
    for setting in settings {
        git.args(["-c", setting]);
    }
    for one in [commit.to_owned(), format!("{commit}~1")] {
        let mut git = command();
        git.envs(environment.iter().copied());
        for setting in settings {
            git.args(["-c", setting]);
        }
        run(git.arg("--git-dir").arg(home.join("mirror")).args(["verify-commit", &one]))?;
    }
    run(git.arg("--git-dir").arg(home.join("mirror")).args(["verify-commit", commit]))
}

fn ssh_key(file: &Path, passphrase: &str) {
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"]).arg(file)).unwrap();
}

fn ssh(key: KeySource, passphrase: Option<&str>) -> Signing {
    let passphrase = passphrase.map(|text| text.to_owned().into());
    Signing { kind: SigningKind::Ssh, key, passphrase, key_id: None }
}

#[test]
fn git_verifies_what_is_signed_by_ssh() {
    for format in [Format::Sha1, Format::Sha256] {
        let (home, mirror, tip) = mirrored(format);
        for (name, passphrase) in [("plain", None), ("locked", Some(PASSPHRASE))] {
            let file = home.path().join(name);
            ssh_key(&file, passphrase.unwrap_or_default());
            let text = fs::read_to_string(&file).unwrap();
            let public = fs::read_to_string(file.with_extension("pub")).unwrap();
            let allowed = home.path().join("allowed");
            fs::write(&allowed, format!("yardarm@example.com {public}")).unwrap();
            let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
            for key in [KeySource::Path(file.clone()), KeySource::Text(text.into())] {
                let commit = signed(home.path(), &mirror, &tip, ssh(key, passphrase)).unwrap();
                let said = verify(home.path(), &commit, &[&setting], &[]).unwrap();
                assert!(said.contains("Good \"git\" signature for yardarm@example.com"), "{said}");
                let repository = Repository::at(&home.path().join("mirror"));
                repository.git(["fsck", "--strict", "--no-dangling", &commit]).unwrap();
                assert!(left(home.path()).is_empty(), "{:?}", left(home.path()));
            }
        }
    }
}

#[test]
fn a_key_that_does_not_sign_is_said() {
    let (home, mirror, tip) = mirrored(Format::Sha1);
    ssh_key(&home.path().join("locked"), PASSPHRASE);
    let locked = || KeySource::Path(home.path().join("locked"));
    let cases = [
        ("no passphrase", ssh(locked(), None)),
        ("a wrong one", ssh(locked(), Some("wrong"))),
        ("no such file", ssh(KeySource::Path(home.path().join("none")), None)),
        ("no key", ssh(KeySource::Text("nonsense".to_owned().into()), None)),
    ];
    for (what, signing) in cases {
        let error = signed(home.path(), &mirror, &tip, signing).unwrap_err();
        assert!(error.to_string().contains("cannot be signed"), "{what}: {error}");
        assert!(!error.to_string().contains("battery") && !error.to_string().contains("nonsense"), "{what}: {error}");
    }
    assert!(left(home.path()).is_empty(), "{:?}", left(home.path()));
}

#[test]
fn git_verifies_what_is_signed_by_gpg() {
    // The path of an agent's socket has to be short.
    let keys = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
    let gpg = || {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(keys.path()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        gpg
    };
    if let Err(why) = run(Command::new("gpg").arg("--version")) {
        assert!(std::env::var_os("YARDARM_TEST_GPG").is_none_or(|word| word != "required"), "{why}");
        say(&why);
        return;
    }
    for (user, passphrase) in [("plain", ""), ("locked", PASSPHRASE)] {
        let user = format!("{user} <{user}@example.com>");
        let mut generate = gpg();
        generate.args(["--passphrase", passphrase, "--quick-generate-key", &user, "ed25519", "sign", "0"]);
        run(&mut generate).unwrap();
    }
    for format in [Format::Sha1, Format::Sha256] {
        let (home, mirror, tip) = mirrored(format);
        for (user, passphrase) in [("plain", ""), ("locked", PASSPHRASE)] {
            let mut export = gpg();
            export.args(["--passphrase", passphrase, "--armor", "--export-secret-keys", user]);
            let text = run(&mut export).unwrap();
            let file = home.path().join(user);
            fs::write(&file, &text).unwrap();
            let key_id = (user == "locked").then(|| "locked@example.com".to_owned());
            let word = (!passphrase.is_empty()).then(|| passphrase.to_owned().into());
            for key in [KeySource::Path(file.clone()), KeySource::Text(text.into())] {
                let signing = Signing { kind: SigningKind::Gpg, key, passphrase: word.clone(), key_id: key_id.clone() };
                let commit = signed(home.path(), &mirror, &tip, signing).unwrap();
                let said = verify(home.path(), &commit, &[], &[("GNUPGHOME", keys.path())]).unwrap();
                assert!(said.contains(&format!("Good signature from \"{user} <")), "{said}");
                assert!(left(home.path()).is_empty(), "{:?}", left(home.path()));
            }
        }
        let wrong = Signing {
            kind: SigningKind::Gpg,
            key: KeySource::Path(home.path().join("locked")),
            passphrase: Some("wrong".to_owned().into()),
            key_id: None,
        };
        for wrong in [wrong.clone(), Signing { passphrase: None, ..wrong }] {
            let error = signed(home.path(), &mirror, &tip, wrong).unwrap_err().to_string();
            assert!(error.contains("cannot be signed") && !error.contains("battery"), "{error}");
        }
    }
    run(Command::new("gpgconf").arg("--homedir").arg(keys.path()).args(["--kill", "gpg-agent"])).unwrap();
}

#[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
fn say(why: &str) {
    eprintln!("not tested with a real gpg: {why}");
}
