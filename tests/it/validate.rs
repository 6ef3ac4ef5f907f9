//! `yardarm validate` over files, commits and branches, and against what `flipt validate` said of a hundred files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use yardarm::cli::{self, Process};

use crate::cli::{Run, yardarm};
use crate::differences::VALIDATIONS;

/// Runs a command in this process.
fn run(arguments: &[&str], input: &str) -> Run {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut process =
        Process { environment: BTreeMap::new(), input: &mut input.as_bytes(), out: &mut out, err: &mut err };
    let arguments = std::iter::once("yardarm").chain(arguments.iter().copied()).map(Into::into);
    let code = cli::run(arguments, &mut process).code();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: Some(i32::from(code)), out: text(out), err: text(err) }
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn files_are_judged_as_flipt_validate_judged_them() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/validate.jsonl");
    let recordings = std::fs::read_to_string(fixture).unwrap();
    let mut used = vec![false; VALIDATIONS.len()];
    let mut compared = 0;
    for line in recordings.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let root = tempfile::tempdir().unwrap();
        for (path, text) in case["files"].as_object().unwrap() {
            let bytes = text.as_str().map_or_else(|| hex::decode(text["$hex"].as_str().unwrap()).unwrap(), Into::into);
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        // Their options in our words. What there is no word for is left out, and is a difference.
        let theirs: Vec<&str> = case["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
        let (format, below) = match &*theirs {
            ["-F", format] => (*format, ""),
            ["-d", directory] => ("json", *directory),
            ["--issue-exit-code" | "-e", _] | [] => ("json", ""),
            [file] => ("json", *file),
            other => panic!("{name}: {other:?}"),
        };
        let path = root.path().join(below);
        let ours = run(&["validate", "--format", format, path.to_str().unwrap()], "");
        let (code, there) = (ours.code.unwrap(), case["exit"].as_i64().unwrap());
        let difference = VALIDATIONS.iter().position(|d| d.case == name);
        if let Some(at) = difference {
            let d = &VALIDATIONS[at];
            used[at] = true;
            assert_eq!((there, code), (d.there, i32::from(d.here)), "{name}: {}\n{}", ours.out, ours.err);
        } else {
            assert_eq!(i64::from(code), there, "{name}: {}\n{}", ours.out, ours.err);
        }
        // The first thing that they find stands in a line in which we find something first.
        if let (1, Some(first)) = (code, case["json"]["stdout"].get(0)) {
            let report: Value = serde_json::from_str(&ours.out).unwrap();
            let at = report["problems"].as_array().unwrap().iter().find(|p| p["level"] == "error").unwrap();
            assert_eq!(first["location"]["line"], at["line"], "{name}: {at}");
        }
        compared += 1;
    }
    assert_eq!(compared, 100);
    for (difference, used) in VALIDATIONS.iter().zip(used) {
        assert!(used, "{} is no difference any more", difference.case);
    }
}

const GOOD: &str = "version: \"1.6\"\nnamespace: shop\nflags:\n- {key: a, name: A, type: BOOLEAN_FLAG_TYPE}\nsegments:\n- {key: s, name: S, match_type: ALL_MATCH_TYPE}\n";
const WARNED: &str = "namespace: warned\nflags:\n- key: b\n  name: B\n  variants: [{key: x}]\n  rules: [{segment: s, distributions: [{variant: x, rollout: 50}]}]\nsegments:\n- {key: s, name: S, match_type: ALL_MATCH_TYPE}\n";
const BAD: &str = "namespace: bad\nflags:\n- key: c\n  name: C\n  enabled: yes\n- {key: \"a b\", name: x}\n";

#[test]
fn each_ends_as_its_help_says() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    write(root.path(), &[("shop/features.yaml", GOOD)]);
    let clean = run(&["validate", path], "");
    assert_eq!((clean.code, clean.out.as_str()), (Some(0), ""));
    assert_eq!(clean.err, "1 file, 1 flag, 1 segment, 1 namespace: no problem\n");
    write(root.path(), &[("warned/features.yml", WARNED)]);
    let warned = run(&["validate", path], "");
    assert_eq!(warned.code, Some(0));
    assert!(warned.out.contains("warned/features.yml:6:39: warning[distribution-sum]: "), "{}", warned.out);
    assert!(warned.err.ends_with("2 namespaces: 1 warning\n"), "{}", warned.err);
    let strict = run(&["validate", "--strict", path], "");
    assert!(strict.code == Some(1) && strict.out.contains("error[distribution-sum]"), "{}", strict.out);
    write(root.path(), &[("bad/features.yaml", BAD)]);
    let bad = run(&["validate", path], "");
    assert_eq!(bad.code, Some(1));
    let expected = format!(
        "{path}/bad/features.yaml:5:12: error[wrong-type]: flags[0].enabled: yes (text) where true or false is \
         expected\n\u{20} 5 |   enabled: yes\n\u{20}   |            ^^^\n\u{20} help: write true, without quotes\n\n"
    );
    assert!(bad.out.starts_with(&expected), "{}", bad.out);
    assert!(bad.err.ends_with("and 1 namespace with errors, not counted: 2 errors, 1 warning\n"), "{}", bad.err);
    // What cannot be done is told, and the others are checked all the same.
    let missing = root.path().join("nope");
    let some = run(&["validate", path, missing.to_str().unwrap()], "");
    assert!(some.code == Some(2) && some.out == bad.out, "{}", some.err);
    assert!(some.err.contains("neither a path nor a revision"), "{}", some.err);
    assert_eq!(run(&["validate", "--format", "xml"], "").code, Some(2));
}

#[test]
fn nothing_to_check_is_not_green() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    let empty = run(&["validate", path], "");
    assert!(empty.code == Some(2) && empty.err.contains("no flag file found"), "{}", empty.err);
    write(root.path(), &[("features.yaml", GOOD)]);
    let at_the_root = run(&["validate", path], "");
    assert!(
        at_the_root.code == Some(2) && at_the_root.err.contains("features.yaml is passed over"),
        "{}",
        at_the_root.err
    );
    // Named itself, it is read.
    assert_eq!(run(&["validate", root.path().join("features.yaml").to_str().unwrap()], "").code, Some(0));
    std::os::unix::fs::symlink("..", root.path().join("loop")).unwrap();
    std::fs::create_dir(root.path().join("linked")).unwrap();
    std::os::unix::fs::symlink("../features.yaml", root.path().join("linked/features.yaml")).unwrap();
    write(root.path(), &[("shop/features.yaml", GOOD), ("sub/.git/HEAD", "x"), ("sub/a/features.yaml", BAD)]);
    let links = run(&["validate", path], "");
    assert_eq!(links.code, Some(0), "{}", links.err);
    for note in
        ["loop is passed over: symbolic", "linked/features.yaml is passed over", "sub is passed over: it is another"]
    {
        assert!(links.err.contains(note), "{}", links.err);
    }
}

#[test]
fn standard_input_is_a_file() {
    assert_eq!(run(&["validate", "-"], GOOD).code, Some(0));
    let bad = run(&["validate", "-"], BAD);
    assert!(bad.code == Some(1) && bad.out.starts_with("-:5:12: error[wrong-type]"), "{}", bad.out);
    assert_eq!(run(&["validate", "-"], "{\"flags\": [],}").code, Some(1));
}

#[test]
fn odd_lines_are_shown_on_one() {
    let long = format!("flags: [{{key: a, name: \"{}\"}}, {{key: c, name: C, enabled: yes}}]\n", "x".repeat(100_000));
    let lines: Vec<String> = run(&["validate", "-"], &long).out.lines().map(str::to_owned).collect();
    assert!(
        lines.len() == 5 && lines[1].starts_with("  1 | …xxx") && lines[1].ends_with("enabled: yes}]"),
        "{lines:?}"
    );
    let column = lines[2].find('^').unwrap();
    assert_eq!(lines[1].chars().skip(column).take(3).collect::<String>(), "yes");
    let crlf = run(&["validate", "-"], "flags:\r\n- key: a\r\n  name: 旗\r\n  enabled: \"\t是\"\r\n");
    assert!(
        !crlf.out.contains('\r') && crlf.out.contains("  4 |   enabled: \" 是\"\n    |            ^^^^^\n"),
        "{}",
        crlf.out
    );
    let latin = tempfile::tempdir().unwrap();
    write(latin.path(), &[("a/features.yaml", "")]);
    std::fs::write(latin.path().join("a/features.yaml"), b"flags:\n- key: \xe4\n").unwrap();
    let run_latin = run(&["validate", latin.path().to_str().unwrap()], "");
    assert!(run_latin.code == Some(1) && run_latin.out.contains(":2:8: error[encoding]"), "{}", run_latin.out);
    // A name that would be a command of the CI's log.
    let evil = "a\n::error::x\u{1b}[31m/features.yaml";
    write(latin.path(), &[(evil, BAD)]);
    for format in ["text", "github"] {
        let run = run(&["validate", "-f", format, latin.path().to_str().unwrap()], "");
        assert!(!run.out.lines().any(|line| line.starts_with("::error::x")), "{}", run.out);
        assert!(format == "github" || !run.out.contains('\u{1b}'));
    }
}

#[test]
fn a_report_for_a_program_has_every_finding() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    write(root.path(), &[("shop/features.yaml", GOOD), ("warned/features.yaml", WARNED), ("bad/features.yaml", BAD)]);
    let json: Value = serde_json::from_str(&run(&["validate", "-f", "json", path], "").out).unwrap();
    assert_eq!(
        (&json["schema"], &json["summary"]["errors"], &json["summary"]["warnings"]),
        (&1.into(), &2.into(), &1.into())
    );
    let first = &json["problems"][0];
    assert_eq!(
        (&first["code"], &first["line"], &first["column"], &first["endColumn"]),
        (&"wrong-type".into(), &5.into(), &12.into(), &15.into())
    );
    assert_eq!(
        (&first["keyPath"], &first["namespace"], &first["level"]),
        (&"flags[0].enabled".into(), &"bad".into(), &"error".into())
    );

    let sarif: Value = serde_json::from_str(&run(&["validate", "-f", "sarif", path], "").out).unwrap();
    assert_eq!(
        (&sarif["version"], &sarif["$schema"]),
        (&"2.1.0".into(), &"https://json.schemastore.org/sarif-2.1.0.json".into())
    );
    let run_ = &sarif["runs"][0];
    let rules = run_["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run_["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (3, 3));
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&result["ruleId"], &result["level"]));
        assert!(
            rule["shortDescription"]["text"].as_str().unwrap().len() > rule["id"].as_str().unwrap().len(),
            "{rule}"
        );
        let physical = &result["locations"][0]["physicalLocation"];
        let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("file:///") && uri.ends_with("/features.yaml"), "{uri}");
        assert!(physical["region"]["endColumn"].as_u64() > physical["region"]["startColumn"].as_u64());
        assert!(result["message"]["text"].as_str().unwrap().len() > 10);
    }
    assert_eq!(run_["invocations"][0]["executionSuccessful"], true);
    let failed: Value = serde_json::from_str(&run(&["validate", "-f", "sarif", "/nope/nope"], "").out).unwrap();
    assert_eq!(failed["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

/// A repository made by the Git program, with fixed dates and no configuration of this machine.
pub(crate) struct Repository(pub(crate) tempfile::TempDir);

impl Repository {
    pub(crate) fn new(options: &[&str]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&[&["init", "-q", "-b", "main"], options, &["."]].concat());
        repository
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        Self::git_in(self.0.path(), arguments);
    }

    fn git_in(at: &Path, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(at)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("HOME", "/nonexistent")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        write(self.0.path(), files);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "a commit"]);
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

#[test]
fn commits_are_read_as_git_names_them() {
    for options in [&[][..], &["--object-format=sha256"]] {
        let repository = Repository::new(options);
        repository.commit(&[("production/shop/features.yaml", BAD), ("README.md", "x")]);
        repository.git(&["tag", "-a", "-m", "v1", "v1"]);
        repository.commit(&[("production/shop/features.yaml", GOOD)]);
        repository.git(&["branch", "odd/name"]);
        let repo = repository.path();
        let code = |name: &str| {
            let run = run(&["validate", "--repo", repo, name], "");
            (run.code.unwrap(), run.err)
        };
        for (name, expected) in [
            ("HEAD", 0),
            ("main", 0),
            ("odd/name", 0),
            ("refs/heads/main", 0),
            ("HEAD~1", 1),
            ("v1", 1),
            ("v1^{commit}:production", 1),
            ("HEAD:production", 0),
            ("HEAD:production/shop/features.yaml", 0),
            ("HEAD~1:production/shop/features.yaml", 1),
            ("HEAD:./production", 0),
            ("HEAD:nope", 2),
            ("HEAD:README.md/x", 2),
            ("HEAD:production/shop", 2),
            ("HEAD~9", 2),
            ("nope", 2),
            ("", 2),
            (":", 2),
            ("HEAD^{tree}", 2),
            ("../nope..", 2),
        ] {
            let (found, err) = code(name);
            assert_eq!(found, expected, "{options:?} {name}: {err}");
            assert!(!err.contains('\0') && err.lines().count() <= 3, "{name}: {err}");
        }
        // With the directory given once, and HEAD where nothing is named.
        assert_eq!(run(&["validate", "--repo", repo, "-d", "production"], "").code, Some(0));
        // Messages name what `git show` takes.
        let bad = run(&["validate", "--repo", repo, "v1:production"], "");
        assert!(bad.out.starts_with("v1:production/shop/features.yaml:5:12: error"), "{}", bad.out);
        let github = run(&["validate", "--repo", repo, "-f", "github", "v1"], "");
        assert!(github.out.starts_with("::error file=production/shop/features.yaml,line=5,"), "{}", github.out);
        let sarif = run(&["validate", "--repo", repo, "-f", "sarif", "v1"], "").out;
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        let artifact = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(
            (&artifact["uri"], &artifact["uriBaseId"]),
            (&"production/shop/features.yaml".into(), &"%SRCROOT%".into())
        );
        let on_disk = run(&["validate", "-f", "github", &format!("{repo}/production/shop")], "");
        assert!(on_disk.code == Some(2), "{}", on_disk.err);
    }
}

#[test]
fn any_repository_of_git_will_do() {
    let repository = Repository::new(&[]);
    repository.commit(&[("a/features.yaml", BAD)]);
    repository.commit(&[("a/features.yaml", GOOD)]);
    repository.git(&["gc", "-q"]);
    let around = tempfile::tempdir().unwrap();
    let place = |name: &str| around.path().join(name).to_str().unwrap().to_owned();
    let ends = |repo: &str, name: &str| {
        let run = run(&["validate", "--repo", repo, name], "");
        (run.code.unwrap(), run.err)
    };
    let here = repository.0.path().to_owned();
    repository.git(&["clone", "-q", "--bare", ".", &place("bare")]);
    repository.git(&["worktree", "add", "-q", "--detach", &place("tree"), "HEAD~1"]);
    repository.git(&["clone", "-q", "--shared", ".", &place("shared")]);
    repository.git(&["clone", "-q", "--depth", "1", &format!("file://{}", here.display()), &place("shallow")]);
    repository.git(&["init", "-q", "-b", "main", &place("unborn")]);
    for (repo, name, expected) in [
        (place("bare"), "main", 0),
        (place("bare"), "main~1", 1),
        (place("tree"), "HEAD", 1),
        (place("tree"), "main", 0),
        (format!("{}/a", place("tree")), "HEAD", 1),
        (place("shared"), "origin/main~1", 1),
        (place("shallow"), "HEAD", 0),
    ] {
        let (code, err) = ends(&repo, name);
        assert_eq!(code, expected, "{repo} {name}: {err}");
    }
    let (code, err) = ends(&place("shallow"), "HEAD~1");
    assert!(code == 2 && err.contains("fetch-depth: 0"), "{err}");
    let (code, err) = ends(&place("unborn"), "HEAD");
    assert!(code == 2 && err.contains("names no commit"), "{err}");
    let (code, err) = ends(around.path().to_str().unwrap(), "HEAD");
    assert!(code == 2 && err.contains("not in a Git repository"), "{err}");
    // Nothing was written to any of them.
    assert!(!here.join(".git/yardarm-remote").exists() && !here.join(".git/yardarm-damaged").exists());
}

#[test]
fn a_directory_wins_over_a_branch_of_its_name() {
    let repository = Repository::new(&[]);
    repository.commit(&[("a/features.yaml", GOOD)]);
    write(repository.0.path(), &[("main/a/features.yaml", BAD)]);
    let at = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_yardarm"))
            .args(["validate", name])
            .current_dir(repository.0.path())
            .env_clear()
            .output()
            .unwrap();
        output.status.code()
    };
    assert_eq!((at("main"), at("./main"), at("main:")), (Some(1), Some(1), Some(0)));
    assert!(yardarm(&["--help"], &[]).out.contains("validate"));
}
