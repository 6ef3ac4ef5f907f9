//! `yardarm diff` between commits, branches and directories of a real repository.

use serde_json::Value;

use crate::cli::{Run, yardarm};
use crate::validate::Repository;

const ONE: &str = "flags:\n- key: checkout\n  name: Checkout\n  type: BOOLEAN_FLAG_TYPE\n  rollouts:\n  - threshold: {percentage: 10, value: true}\n";

fn diff(repository: &Repository, arguments: &[&str]) -> Run {
    yardarm(&[&["diff", "--repo", repository.path()], arguments].concat(), &[])
}

#[test]
fn commits_branches_and_directories_are_compared() {
    let repository = Repository::new(&[]);
    repository.commit(&[("prod/a/features.yaml", ONE)]);
    repository.git(&["switch", "-q", "-c", "topic"]);
    repository.commit(&[("prod/a/features.yaml", &ONE.replace("10", "100"))]);
    repository.git(&["switch", "-q", "main"]);
    repository.commit(&[("prod/b/features.yaml", "namespace: b\nflags:\n- {key: x, name: x}\n")]);
    let line = "      → everyone: on for 10 % → 100 %: 90 % of entities more get on\n";

    let both = diff(&repository, &["main", "topic"]);
    assert_eq!((both.code, both.err.as_str()), (Some(0), ""));
    assert!(both.out.contains(line) && both.out.contains("namespace b (gone)"), "{}", both.out);
    assert_eq!(diff(&repository, &["main..topic"]).out, both.out);
    // From where the branch began, what happened on main since does not count.
    let own = diff(&repository, &["main...topic"]);
    assert!(own.out.contains(line) && !own.out.contains("namespace b"), "{}", own.out);
    assert_eq!(diff(&repository, &["-d", "prod", "main...topic"]).out, own.out);
    assert_eq!(diff(&repository, &["main:prod...topic:prod"]).out, own.out);

    let json: Value = serde_json::from_str(&diff(&repository, &["-f", "json", "main...topic"]).out).unwrap();
    assert_eq!(json["namespaces"][0]["flags"][0]["effects"][0]["changed"], 90);
    let page = diff(&repository, &["-f", "markdown", "main...topic"]).out;
    assert!(
        page.starts_with(
            "**1 flag changed**\n\n#### Namespace `default`\n\n- **changed** flag `checkout` (`Checkout`), boolean\n"
        ),
        "{page}"
    );

    // A directory of this machine against a commit.
    let disk = repository.0.path().join("prod");
    let same = diff(&repository, &["main:prod", disk.to_str().unwrap()]);
    assert_eq!((same.code, same.out.as_str()), (Some(0), "no difference\n"), "{}", same.err);

    assert_eq!(diff(&repository, &["--exit-code", "main", "main"]).code, Some(0));
    assert_eq!(diff(&repository, &["--exit-code", "main", "topic"]).code, Some(1));
    // An environment that is new, and a name that is wrong on both sides.
    let new = diff(&repository, &["HEAD:nope", "HEAD:prod"]);
    assert!(
        new.code == Some(0) && new.out.contains("2 namespaces added") && new.err.contains("no flag file found"),
        "{}",
        new.out
    );
    for wrong in [&["HEAD:nope", "HEAD:nix"][..], &["main", "nope"], &["nope...main"], &[]] {
        let run = diff(&repository, wrong);
        assert!(run.code == Some(2) && run.out.is_empty() && !run.err.is_empty(), "{wrong:?}: {}", run.err);
    }
}

#[test]
fn a_broken_file_is_not_a_deletion() {
    let repository = Repository::new(&[]);
    repository.commit(&[("a/features.yaml", ONE), ("b/features.yaml", "namespace: b\nflags:\n- {key: x, name: x}\n")]);
    repository.commit(&[
        ("a/features.yaml", "flags: [\n"),
        ("b/features.yaml", "namespace: b\nflags:\n- {key: x, name: y}\n"),
    ]);
    let run = diff(&repository, &["HEAD~1", "HEAD"]);
    assert_eq!(run.code, Some(2));
    assert!(run.out.contains("! namespace default is not compared: its new files have errors"), "{}", run.out);
    assert!(run.out.contains("flag x (y)") && !run.out.contains("checkout"), "{}", run.out);
    assert!(run.err.starts_with("HEAD:a/features.yaml:"), "{}", run.err);
}
