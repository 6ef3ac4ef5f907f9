//! Gets the clients from their registries, once; or says what is missing, and what to do about it.
//!
//! Everything lands in `target/sdk`, with a stamp of what it was made from: the lock file and the version of the
//! language. The stamp is written last, so that an installation that was interrupted is made anew. The installers run
//! in the environment of this process: a machine that reaches its registries through a proxy or a mirror goes on doing
//! so. The clients themselves get next to none of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::script::Kit;

/// How the scripts of a language are started.
#[derive(Debug)]
pub struct Ready {
    pub program: PathBuf,
    /// Where the scripts are.
    pub directory: PathBuf,
}

/// What makes one ready.
type Install = fn() -> Result<Ready, String>;

/// Every kit that can be had, and for each other one why not.
pub fn install_all() -> (BTreeMap<Kit, Ready>, Vec<String>) {
    std::thread::scope(|scope| {
        let kits: [(Kit, Install); 3] = [(Kit::Npm, npm), (Kit::Python, python), (Kit::Rust, rust)];
        let running = kits.map(|(kit, install)| (kit, scope.spawn(install)));
        let (mut ready, mut missing) = (BTreeMap::new(), Vec::new());
        for (kit, thread) in running {
            match thread.join().expect("an installation does not panic") {
                Ok(place) => drop(ready.insert(kit, place)),
                Err(why) => missing.push(why),
            }
        }
        (ready, missing)
    })
}

fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

/// `target/sdk`, wherever `target` is.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("sdk")
}

fn npm() -> Result<Ready, String> {
    const HOW: &str = "Node.js 20.18 or newer and npm are needed (Debian: nodejs npm; or nodejs.org)";
    let version = said(Command::new("node").arg("--version"), HOW)?;
    at_least(&version, (20, 18), HOW)?;
    said(Command::new("npm").arg("--version"), HOW)?;
    let directory = target().join("npm");
    let files = ["package.json", "package-lock.json", ".npmrc"];
    install(&directory, &version, &sources("npm").join("package-lock.json"), || {
        for file in files {
            copy(&sources("npm").join(file), &directory.join(file))?;
        }
        said(Command::new("npm").arg("ci").current_dir(&directory), "is the npm registry reachable?").map(drop)
    })?;
    // A module is found beside the script that imports it, so the scripts go where the modules are.
    for entry in fs::read_dir(sources("npm")).map_err(|error| error.to_string())?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "mjs") {
            copy(&entry.path(), &directory.join(entry.file_name()))?;
        }
    }
    Ok(Ready { program: "node".into(), directory })
}

fn python() -> Result<Ready, String> {
    const HOW: &str = "Python 3.11 or newer with venv is needed (Debian: python3 python3-venv)";
    let version = said(Command::new("python3").arg("--version"), HOW)?;
    at_least(&version, (3, 11), HOW)?;
    let (directory, requirements) = (target().join("python"), sources("python").join("requirements.txt"));
    let program = directory.join("bin/python");
    install(&directory, &version, &requirements, || {
        said(Command::new("python3").args(["-m", "venv"]).arg(&directory), HOW)?;
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(&requirements);
        said(&mut pip, "is the Python package index reachable?").map(drop)
    })?;
    Ok(Ready { program, directory: sources("python") })
}

/// Cargo knows by itself what is up to date.
fn rust() -> Result<Ready, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--manifest-path"]).arg(sources("rust").join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target().join("rust"));
    said(&mut cargo, "is the crate registry reachable?")?;
    Ok(Ready { program: target().join("rust/debug/yardarm-sdk-tests"), directory: sources("rust") })
}

/// Makes the directory unless it is there, made from the same lock file by the same language.
fn install(
    directory: &Path,
    version: &str,
    lock: &Path,
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    fs::create_dir_all(target()).map_err(failed)?;
    // Another run of the tests on the same `target` waits here. The lock is let go with the file.
    let guard = fs::File::create(directory.with_extension("lock")).map_err(failed)?;
    guard.lock().map_err(failed)?;
    let text = fs::read(lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let stamp = format!("{version} {}", hex::encode(Sha256::digest(text)));
    let stamped = directory.join("stamp");
    if fs::read_to_string(&stamped).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => fs::create_dir_all(directory).map_err(failed)?,
    }
    make()?;
    fs::write(stamped, stamp).map_err(failed)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{} -> {}: {error}", from.display(), to.display()))
}

/// What a program prints; or that it failed, how, and what to do.
fn said(command: &mut Command, how: &str) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}. {how}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = text.trim().lines().collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    Err(format!("`{name} {}` failed ({}). {how}\n{last}", arguments.join(" "), output.status))
}

/// `v20.20.2`, `Python 3.11.7`
fn at_least(text: &str, least: (u32, u32), how: &str) -> Result<(), String> {
    let mut numbers = text.trim_start_matches(|c: char| !c.is_ascii_digit()).split('.').map_while(|n| n.parse().ok());
    let found = numbers.next().zip(numbers.next());
    if found.is_some_and(|found| found >= least) { Ok(()) } else { Err(format!("{how}; this is {text}")) }
}

/// Whoever raises a version does it on a machine that may have a mirror; its address is nobody else's.
#[test]
fn locks_name_no_registry_of_anybodys_own() {
    let (npm, python) = (include_str!("npm/package-lock.json"), include_str!("python/requirements.txt"));
    assert!(
        npm.contains("\"integrity\"") && !npm.contains("\"resolved\""),
        "npm/package-lock.json holds where packages came from"
    );
    let foreign: Vec<_> = python.lines().filter(|line| line.contains("://") || line.starts_with("--")).collect();
    assert!(python.contains("--hash=sha256:") && foreign.is_empty(), "{foreign:?}");
    let sources = include_str!("rust/Cargo.lock").lines().filter(|line| line.starts_with("source = "));
    for source in sources {
        assert_eq!(source, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
}
