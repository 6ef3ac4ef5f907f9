use super::context::{self, Change, Environment, Place, Scm};
use super::*;

const fn change<'a>(verb: &'a str, kind: &'a str, namespace: &'a str, key: &'a str) -> Change<'a> {
    Change { verb, kind, namespace, key }
}

fn named(name: &str) -> Context {
    let production = Environment { name: "production", default: true, storage: "flags", directory: "prod", scm: None };
    let staging = Environment {
        name: "staging",
        default: false,
        storage: "flags",
        directory: "",
        scm: Some(Scm { kind: "github", api_url: "https://api.github.com" }),
    };
    match name {
        "one" => context::commit(production, &[change("update", "flag", "default", "checkout")]),
        "many" => context::commit(
            staging,
            &[
                change("create", "flag", "default", "a"),
                change("delete", "segment", "shop", "beta"),
                change("create", "namespace", "orders", "orders"),
            ],
        ),
        _ => context::proposal(
            Place {
                reference: "main",
                directory: Some("prod"),
                remote: Some("https://git.example/flags.git"),
                base: None,
            },
            Place { reference: "flipt/production/x", directory: Some("prod"), remote: None, base: Some("production") },
        ),
    }
}

fn rendered(text: &str, context: &str) -> Result<String, String> {
    Template::parse(text).and_then(|template| template.render(&named(context))).map_err(|error| error.to_string())
}

/// Recorded by `fixtures/templates/record.go`. Where we know less or more than Go, it is listed here.
#[test]
fn templates_come_out_as_those_of_go() {
    const OTHERWISE: &[&str] = &[
        // Go finds an error in the field of nothing; here it is nothing as well, which prints so.
        "{{ .Environment.SCM.Type }}",
        // Go wants a comment to begin with the action.
        "{{ /* note */ -}} x",
    ];
    let mut seen = 0;
    for line in include_str!("../../fixtures/templates/go.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = case["template"].as_str().unwrap();
        seen += 1;
        if case["parses"] == false {
            // At the latest when it is tried, which the configuration does.
            let refused = ["one", "many", "proposal"].iter().all(|context| rendered(text, context).is_err());
            assert!(refused || OTHERWISE.contains(&text), "{text}");
            continue;
        }
        let ours = rendered(text, case["context"].as_str().unwrap());
        if OTHERWISE.contains(&text) {
            continue;
        }
        assert_eq!(ours.as_deref().ok(), case["output"].as_str(), "{line}: {ours:?}");
    }
    assert!(seen > 180, "{seen}");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, why) in [
        ("{{ nope }}", "line 1: there is no function `nope`"),
        ("a\n{{ if true }}{{ .A | nope }}{{ end }}", "line 2: there is no function `nope`"),
        ("{{ template \"x\" }}", "there is no template `x`"),
        ("{{ .Nope }}", "there is no field `Nope` there"),
        ("{{ define \"a\" }}x{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "template `a` calls itself"),
        ("{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}", "line 1: `a` is defined twice"),
    ] {
        assert_eq!(rendered(text, "one").unwrap_err(), why, "{text}");
    }
}

#[test]
fn no_template_runs_or_grows_without_end() {
    let double = |n: usize| {
        let next = n + 1;
        format!("{{{{define \"t{n}\"}}}}{{{{template \"t{next}\"}}}}{{{{template \"t{next}\"}}}}{{{{end}}}}")
    };
    let doubled = (0..60).map(double).collect::<Vec<_>>().concat();
    let doubled = format!("{doubled}{{{{define \"t60\"}}}}{{{{end}}}}{{{{template \"t0\"}}}}");
    let grown = format!("{{{{$x := \"aaaaaaaa\"}}}}{}{{{{len $x}}}}", "{{$x = print $x $x}}".repeat(60));
    let piped = format!("{{{{$x := \"aaaaaaaa\"}}}}{}{{{{len $x}}}}", "{{$x = $x | printf \"%s%[1]s\"}}".repeat(60));
    let padded = format!("{{{{ len (printf \"{}\") }}}}", "%65000d".repeat(100));
    for (text, why) in [
        (doubled.as_str(), "more than 5000 steps"),
        (grown.as_str(), "more than 16384 bytes"),
        (piped.as_str(), "more than 16384 bytes"),
        (padded.as_str(), "more than 16384 bytes"),
        ("{{ range 1000000000 }}x{{ end }}", "range iteration budget"),
        ("{{ range 1000000000 }}{{ end }}", "range iteration budget"),
        ("{{ range 9000 }}0123456789{{ end }}", "more than 65536 bytes"),
        ("{{ printf \"%60000d\" 1 }}", "more than 16384 bytes"),
    ] {
        let error = rendered(text, "one").unwrap_err();
        assert!(error.contains(why), "{}: {error}", text.chars().take(60).collect::<String>());
    }
    let many = format!("{{{{ print {} }}}}", "1 ".repeat(100));
    for text in [
        "(".repeat(5_000),
        format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000)),
        "{{ if true }}".repeat(1_200),
        format!("{{{{ .{} }}}}", "A.".repeat(5_000)),
        "x".repeat(limits::TEMPLATE_BYTES + 1),
        many,
    ] {
        let _ = rendered(&text, "one");
    }
    assert!(Template::parse(&"x".repeat(limits::TEMPLATE_BYTES + 1)).is_err());
}
