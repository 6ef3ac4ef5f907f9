//! `yardarm evaluate` over files and commits, and the examples of its page.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::Run;

/// Runs the binary in a directory, with this on standard input.
pub(crate) fn evaluate(directory: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yardarm"))
        .arg("evaluate")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who reads no input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evaluate.md")).unwrap()
}

/// The blocks of a language on the page.
pub(crate) fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let opening = format!("```{language}\n");
    page.split(opening.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A directory with the flags of the page.
fn flags() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "default/features.yaml", blocks(&page(), "yaml")[0]);
    directory
}

fn write(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(directory: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    let done = Command::new("git").current_dir(directory).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_examples_of_the_page_are_real() {
    let directory = flags();
    let page = page();
    let examples = blocks(&page, "console");
    assert!(examples.len() >= 5);
    for example in examples {
        let (command, expected) = example.split_once('\n').unwrap();
        let arguments: Vec<_> = command.strip_prefix("$ yardarm evaluate ").unwrap().split(' ').collect();
        let run = evaluate(directory.path(), &arguments, &[], "");
        assert_eq!((run.code, &*run.out, &*run.err), (Some(0), expected, ""), "{command}");
    }
}

#[test]
fn flags_of_a_commit_are_those_of_the_commit() {
    let directory = flags();
    let here = directory.path();
    git(here, &["init", "-q", "-b", "main"]);
    git(here, &["add", "."]);
    git(here, &["commit", "-q", "-m", "one"]);
    std::fs::remove_dir_all(here.join("default")).unwrap();
    write(here, "eu/default/features.yaml", "flags: [{key: eu, name: e, type: BOOLEAN_FLAG_TYPE, enabled: true}]");
    git(here, &["add", "."]);
    git(here, &["commit", "-q", "-m", "two"]);
    let run = evaluate(here, &["dark-mode", "-e", "u7", "--from", "HEAD~1", "--explain", "--format", "json"], &[], "");
    let told: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    assert_eq!(told["commit"].as_str().map(str::len), Some(40), "{told}");
    assert_eq!(told["explanation"]["decision"], json!({"by": "rollout", "number": 2}));
    for from in [&["--from", "main:eu"][..], &["--from", "eu"], &["-d", "eu"], &["--from", "main", "-d", "eu"]] {
        let run = evaluate(here, &[&["eu"], from].concat(), &[], "");
        assert_eq!((run.code, &*run.out), (Some(0), "eu: true  DEFAULT_EVALUATION_REASON\n"), "{from:?} {}", run.err);
    }
    let run = evaluate(Path::new("/"), &["eu", "--repo", here.to_str().unwrap(), "--from", "main:eu"], &[], "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    let run = evaluate(here, &["eu", "--from", "mian"], &[], "");
    assert!(run.code == Some(2) && run.err.contains("\"mian\" is neither a path nor a revision"), "{}", run.err);
}

#[test]
fn what_is_not_there_ends_with_1_and_the_nearest_name() {
    let directory = flags();
    let here = directory.path();
    write(here, "billing/features.yaml", "namespace: billing\nflags:\n- {key: x, name: x, type: \"no\\e[31m\"}\n");
    for (arguments, expected) in [
        (&["new-chekout"][..], "did you mean \"new-checkout\"?"),
        (&["NEW_CHECKOUT"], "did you mean \"new-checkout\"?"),
        (&["mode"], "did you mean \"dark-mode\"?"),
        (&["zzz"], "there is no flag \"zzz\" in namespace \"default\" of the current directory\n"),
        (
            &["dark-mode", "-n", "defualt"],
            "there is no namespace \"defualt\" in the current directory; did you mean \"default\"?",
        ),
        (&["x", "-n", "billing"], "billing/features.yaml:3:27: error: \"no\\u{1b}[31m\" is not known here"),
        (&["x", "--from", "default"], "no flag file found"),
    ] {
        let run = evaluate(here, arguments, &[], "");
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{arguments:?}");
        assert!(run.err.starts_with("yardarm: ") && run.err.contains(expected), "{arguments:?}\n{}", run.err);
        assert!(!run.err.contains('\u{1b}'), "{:?}", run.err);
    }
}

#[test]
fn who_asks_wrongly_is_told_and_ends_with_2() {
    let directory = flags();
    let here = directory.path();
    write(here, "latin.json", "");
    std::fs::write(here.join("latin.json"), b"{\n\"a\": \"\xe4\"}").unwrap();
    for (arguments, input, expected) in [
        (&[][..], "", "<FLAG>"),
        (&["x", "--all"], "", "cannot be used with"),
        (&["x", "-c", "age"], "", "NAME=VALUE"),
        (&["x", "-c", "=1"], "", "NAME=VALUE"),
        (&["x", "--format", "yaml"], "", "text, json"),
        (&["x", "--environment", "e"], "", "--server"),
        (&["x", "--server", "http://a", "--from", "."], "", "cannot be used with"),
        (&["x", "--server", "http://a", "--directory", "."], "", "cannot be used with"),
        (&["x", "--server", "ftp://a"], "", "https://"),
        (&["x", "--server", "http://u:hunter2@a"], "", "--token-file"),
        (&["x", "--token", "hunter2"], "", "YARDARM_TOKEN"),
        (&["x", "-t", "hunter2", "-a", "http://127.0.0.1:1"], "", "YARDARM_TOKEN"),
        (&["x", "--server", "http://a", "--token-file", "nope"], "", "cannot read nope"),
        (&["x", "--server", "http://a", "--token-file", "default/features.yaml"], "", "more than a token"),
        (&["x", "--server", "http://a", "--ca-cert", "default/features.yaml"], "", "no certificate"),
        (&["x", "--context-file", "nope"], "", "cannot read the context nope"),
        (&["x", "--context-file", "."], "", "cannot read the context"),
        (&["x", "--context-file", "/dev/zero"], "", "more than 16777216 bytes"),
        (&["x", "--context-file", "latin.json"], "", "not UTF-8 in line 2"),
        (&["x", "--context-file", "-"], "{\"a\":", "standard input is no JSON object: EOF"),
        (&["x", "--context-file", "-"], "[]", "expected a context at line 1"),
        (&["x", "--context-file", "-"], "{} {}", "trailing characters at line 1 column 4"),
        (&["x", "--context-file", "-", "--from", "-"], "{}", "not both"),
        (&["x", "--from", "nope"], "", "neither a path nor a revision"),
    ] {
        let run = evaluate(here, arguments, &[], input);
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{arguments:?}\n{}", run.err);
        assert!(run.err.contains(expected) && !run.err.contains("hunter2"), "{arguments:?}\n{}", run.err);
    }
    let many: serde_json::Map<_, _> = (0..=16_384).map(|n| (format!("k{n}"), json!(1))).collect();
    let run = evaluate(here, &["x", "--context-file", "-"], &[], &Value::from(many).to_string());
    assert!(run.code == Some(2) && run.err.contains("too many properties"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"f\xff");
    for arguments in [&[odd][..], &["x".as_ref(), "-c".as_ref(), odd], &["x".as_ref(), "-e".as_ref(), odd]] {
        let run = Command::new(env!("CARGO_BIN_EXE_yardarm")).arg("evaluate").args(arguments).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_context_comes_from_both_sides() {
    let directory = flags();
    let context = json!({"country": ["de"], "age": 18, "userPlan": null, "n": 1.50}).to_string();
    let run = evaluate(
        directory.path(),
        &[
            "new-checkout",
            "--explain",
            "--format",
            "json",
            "--context-file",
            "-",
            "-c",
            "country=de",
            "-c",
            "userPlan=a=b",
        ],
        &[],
        &format!("\u{feff}{context}\n"),
    );
    let told: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}", run.err));
    let constraints = &told["explanation"]["steps"][0]["condition"]["segments"][0]["constraints"];
    for (n, value) in ["de", "18", "a=b"].into_iter().enumerate() {
        let want = (&json!({"state": "value", "value": value}), &json!("matched"));
        assert_eq!((&constraints[n]["seen"], &constraints[n]["outcome"]), want, "{constraints}");
    }
}

/// Whatever stands in flag files and contexts, nothing of it moves the cursor.
#[test]
fn nothing_reaches_the_terminal_raw() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    write(
        here,
        "a/features.yaml",
        "flags:\n- key: f\n  name: f\n  enabled: true\n  variants: [{key: \"v\\e[2J\\u202e\", attachment: {a: \"\\u009b\"}}]\n  \
         rules:\n  - segment: s\n    distributions: [{variant: \"v\\e[2J\\u202e\", rollout: 100}]\nsegments:\n- key: s\n  name: s\n  \
         match_type: ANY_MATCH_TYPE\n  constraints:\n  - {type: STRING_COMPARISON_TYPE, property: \"p\\e]0;x\\a\", operator: neq, \
         value: \"\\e[1m\\u200b\"}\n",
    );
    let context = json!({"p\u{1b}]0;x\u{7}": "\u{1b}c\u{2066}\r\n"}).to_string();
    for arguments in
        [&["f"][..], &["f", "--explain"], &["f", "--format", "json"], &["f", "--explain", "--format", "json"]]
    {
        let entity = ["-e", "\u{1b}[31m", "--context-file", "-"];
        let run = evaluate(here, &[arguments, &entity].concat(), &[], &context);
        assert_eq!((run.code, &*run.err), (Some(0), ""), "{arguments:?}");
        assert!(run.out.contains("MATCH_EVALUATION_REASON"), "{}", run.out);
        let raw = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}' | '\u{202e}' | '\u{2066}');
        assert!(!run.out.contains(raw), "{:?}", run.out);
    }
}
