//! What is said about a proposal, and that nobody else speaks in it.

use std::fmt::Write as _;

use crate::flags::change::{Changes, between};
use crate::flags::document::{self, Format};
use crate::flags::problem::HazardPolicy;
use crate::flags::snapshot::{Environment, Input, assemble};
use crate::limits;
use crate::proposal::report::{Between, Part, comment, room, status};
use crate::provider::Provider;
use crate::provider::api::CheckState;

fn environment(text: &str, previous: &Environment) -> Environment {
    let file = document::read(Format::Yaml, text.as_bytes());
    let input = Input { path: "default/features.yaml".into(), blob: (&*file.sha1).into(), file: file.into() };
    assemble(&[input], previous, HazardPolicy::Warn)
}

struct Case {
    before: Environment,
    after: Environment,
    changes: Changes,
}

impl Case {
    fn new(before: &str, after: &str) -> Self {
        let before = environment(before, &Environment::default());
        let after = environment(after, &before);
        let changes = between(&before, &after);
        Self { before, after, changes }
    }

    fn part(&self) -> Part<'_> {
        Part {
            environment: "production",
            directory: "flags/production",
            changes: &self.changes,
            before: &self.before.problems,
            after: &self.after.problems,
            refuses_hazards: false,
        }
    }
}

const BETWEEN: Between<'static> = Between {
    head: "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b",
    base: "main",
    parted: "ffffffffffffffffffffffffffffffffffffffff",
};

const NONE: &str = "flags: []\n";

fn flag(key: &str, name: &str, enabled: bool) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    format!("- key: {key}\n  name: {}\n  type: BOOLEAN_FLAG_TYPE\n  enabled: {enabled}\n", quoted(name))
}

fn flags(all: &[String]) -> String {
    format!("flags:\n{}", all.concat())
}

#[test]
fn a_status_says_what_changes_or_what_is_wrong() {
    let off = flags(&[flag("dark", "Dark", false)]);
    let on = flags(&[flag("dark", "Dark", true), flag("new", "New", true)]);
    let good = Case::new(&off, &on);
    assert_eq!(status(&[good.part()]), (CheckState::Success, "valid: 1 flag added, 1 changed".to_owned()));
    assert_eq!(
        status(&[good.part(), good.part()]),
        (CheckState::Success, "valid: 4 flags change in 2 environments".to_owned())
    );
    let same = Case::new(&off, &format!("# words\n{off}"));
    assert_eq!(status(&[same.part()]), (CheckState::Success, "valid: no flag changes".to_owned()));
    assert_eq!(status(&[]), (CheckState::Success, "valid: no flag changes".to_owned()));
    let bad = Case::new(&off, "flags:\n- key: dark\n  name: Dark\n  type: NO_TYPE\n");
    let (state, line) = status(&[same.part(), bad.part()]);
    assert_eq!(state, CheckState::Failure);
    assert!(line.starts_with("flags/production/default/features.yaml:4:"), "{line}");
}

#[test]
fn what_was_wrong_before_is_not_held_against_a_proposal() {
    let wrong = "- key: old\n  name: Old\n  type: NO_TYPE\n".to_owned();
    let case = Case::new(&flags(std::slice::from_ref(&wrong)), &flags(&["# moved down\n".to_owned(), wrong.clone()]));
    assert_eq!(status(&[case.part()]).0, CheckState::Success);
    let other = Case::new(
        &flags(std::slice::from_ref(&wrong)),
        &flags(&[wrong.clone(), "- key: 7\n  type: NO_TYPE\n".to_owned()]),
    );
    assert_eq!(status(&[other.part()]).0, CheckState::Failure);
}

#[test]
fn a_status_is_one_line_that_shows_where() {
    let mut case = Case::new(NONE, "flags:\n- key: dark\n  name: Dark\n  type: NO_TYPE\n");
    for problem in &mut case.after.problems {
        problem.message = "words \u{202e}\r\n\0and ".repeat(50);
    }
    let directory = "a/very/deep/directory".repeat(30);
    let (_, line) = status(&[Part { directory: &directory, ..case.part() }]);
    assert!(line.chars().count() <= limits::STATUS_DESCRIPTION_CHARACTERS, "{}", line.len());
    assert!(line.starts_with('…') && line.contains("features.yaml:4:"), "{line}");
    assert!(!line.contains(['\n', '\r', '\0', '\u{202e}']), "{line:?}");
}

#[test]
fn the_comment_tells_who_is_affected() {
    let off = flags(&[flag("dark", "Dark", false), flag("old", "Old", true)]);
    let case = Case::new(&off, &flags(&[flag("dark", "Dark", true)]));
    let text = comment("0123456789abcdef", &[case.part()], &BETWEEN, room(Provider::Github));
    assert_eq!(
        text,
        "<!-- yardarm:report id=0123456789abcdef -->\n\
         ### Flags: 2 flags change\n\
         \n\
         ### Environment `production`\n\
         \n\
         **1 flag removed, 1 changed**\n\
         \n\
         #### Namespace `default`\n\
         \n\
         - **changed** flag `dark` (`Dark`), boolean\n  \
           - the answer where no rollout matches: off → on\n  \
           - → everyone: on for 0 % → 100 %: 100 % of entities more get on\n\
         - **removed** flag `old` (`Old`), boolean\n  \
           - → everyone: was on for 100 %\n\
         \n\
         Who asks for a flag that is gone gets an error.\n\
         \n\
         *Commit `1a2b3c4`, against `fffffff` where it left `main`. Yardarm keeps this comment up to date.*\n"
    );
}

#[test]
fn problems_come_first_and_say_what_they_cost() {
    let case = Case::new(NONE, "flags:\n- key: dark\n  name: Dark\n  type: NO_TYPE\n");
    let text = comment("0123456789abcdef", &[case.part()], &BETWEEN, room(Provider::Gitlab));
    assert!(text.contains("### Flags: this cannot be served as it is\n"), "{text}");
    assert!(text.contains("- **error, not served** `flags/production/default/features.yaml:4:"), "{text}");
    assert!(text.contains("is not compared"), "{text}");
}

/// Reads a comment as a provider does: what is left of it when its code spans are taken out.
fn outside_of_code(text: &str) -> String {
    let mut outside = String::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('`') {
            outside.push_str(before);
            let inside = after.trim_start_matches('`');
            let fence = "`".repeat(1 + after.len() - inside.len());
            // The fence ends it where it stands alone; never closed it would be no code.
            let runs = inside.match_indices(&*fence);
            let alone = |at: usize| {
                let (before, after) = (inside.split_at(at).0, inside.split_at(at + fence.len()).1);
                !before.ends_with('`') && !after.starts_with('`')
            };
            let end = runs.map(|(at, _)| at).find(|at| alone(*at));
            let end = end.unwrap_or_else(|| panic!("an open code span: {line}"));
            rest = inside.split_at(end + fence.len()).1;
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    outside
}

#[test]
fn nobody_else_speaks_in_the_comment() {
    let hostile = [
        "@everyone look",
        "closes #12",
        "`@admin` ``x``",
        "```\n# title\n@admin",
        "<script>alert(1)</script>",
        "--> <b>x</b> <!-- ",
        "a | b | c",
        "[x](https://example.org)",
        "![x](https://example.org/x.png)",
        "\u{202e}dlrow",
        "` @admin",
        "@admin `",
        "/approve\n/merge",
        "\r\n/close",
        "$\\mathrm{x}$",
        "&lt;b&gt;",
        "https://example.org/@admin",
        "<!-- yardarm:proposal id=0123456789abcdef -->",
    ];
    for name in hostile {
        let text = flags(&[flag("dark", name, true)]);
        let mut case = Case::new(&flags(&[flag("dark", "Dark", true)]), &text);
        let mut problem = Case::new(NONE, "flags:\n- key: 1\n  type: NO_TYPE\n").after.problems.remove(0);
        problem.message = name.to_owned();
        problem.help = name.to_owned();
        problem.file = name.into();
        case.after.problems.push(problem);
        let part = Part { environment: name, directory: name, ..case.part() };
        let between = Between { base: name, head: name, parted: name };
        let text = comment("0123456789abcdef", &[part], &between, room(Provider::Github));
        let outside = outside_of_code(&text);
        let outside = outside.strip_prefix("<!-- yardarm:report id=0123456789abcdef -->\n").unwrap();
        for word in ["@", "#12", "<", ">", "|", "](", "/approve", "/merge", "/close", "$", "example", "&", "!"] {
            assert!(!outside.contains(word), "{word} of {name:?} in:\n{outside}");
        }
        assert!(!text.contains('\u{202e}') && !text.contains('\r'), "{text:?}");
        let (_, line) = status(&[part]);
        assert!(!line.contains(['\n', '\r', '\u{202e}']), "{line:?}");
    }
}

#[test]
fn a_comment_has_a_bound_and_says_what_is_left_out() {
    let many: Vec<String> = (0..5_000).map(|number| flag(&format!("flag-{number}"), "Name", true)).collect();
    let case = Case::new(NONE, &flags(&many));
    let names: Vec<String> = (0..30).map(|number| format!("environment-{number}")).collect();
    for provider in Provider::ALL {
        for count in [1, 3, 20, 30] {
            let parts: Vec<Part<'_>> =
                names.iter().take(count).map(|name| Part { environment: name, ..case.part() }).collect();
            let text = comment("0123456789abcdef", &parts, &BETWEEN, room(provider));
            assert!(text.len() <= room(provider), "{}: {}", provider.name(), text.len());
            assert!(text.contains("more that are too many to show here"));
            assert_eq!(text.contains("… and 10 more environments"), count == 30);
            assert!(text.ends_with("up to date.*\n"));
            outside_of_code(&text);
        }
    }
    let mut wrong = String::from("flags:\n");
    for number in 0..200 {
        writeln!(wrong, "- key: flag-{number}\n  name: N\n  type: NO_TYPE").unwrap();
    }
    let case = Case::new(NONE, &wrong);
    let text = comment("0123456789abcdef", &[case.part()], &BETWEEN, room(Provider::Azure));
    assert!(text.contains("- … and 180 more\n"), "{text}");
}
