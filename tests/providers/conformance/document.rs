//! What came of everything, as tables in `docs/providers.md`. `YARDARM_UPDATE=1 cargo test --no-default-features --test
//! providers` writes them anew; what stands around them is written by hand.

use std::fmt::Write as _;
use std::path::Path;

use yardarm::provider::Provider;
use yardarm::provider::api::{self, MergeMethod, hooks};

use super::matrix::{self, Cell};
use super::stage::Stage;
use super::worlds;

const BEGIN: &str = "<!-- what follows is written by the tests -->\n";
const END: &str = "<!-- what came before was written by the tests -->\n";

const fn title(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "GitHub",
        Provider::Gitlab => "GitLab",
        Provider::BitbucketCloud => "Bitbucket Cloud",
        Provider::BitbucketDataCenter => "Bitbucket Data Center",
        Provider::Azure => "Azure DevOps",
        Provider::Gitea => "Gitea",
        Provider::Forgejo => "Forgejo",
    }
}

/// A table with one column for each provider.
fn table(text: &mut String, first: &str, rows: &[(&str, Vec<String>)]) {
    let titles = Provider::ALL.map(title).join(" | ");
    let _ = writeln!(text, "| {first} | {titles} |\n|---{}|", "|---".repeat(Provider::ALL.len()));
    for (name, cells) in rows {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text.push('\n');
}

/// The cells of one row, provider by provider.
fn row(cells: &[&'static [Cell]], what: &str, condition: &str) -> Vec<String> {
    let came = |cells: &&'static [Cell]| {
        let cell = cells.iter().find(|cell| cell.what == what && cell.condition == condition);
        cell.map_or_else(String::new, |cell| cell.came.clone())
    };
    cells.iter().map(came).collect()
}

fn offers(text: &mut String) {
    let offers: Vec<api::Offers> = worlds::worlds().iter().map(|world| Stage::of(world).api.offers()).collect();
    let yes = |has: bool| if has { "yes" } else { "–" }.to_owned();
    let every = |ask: &dyn Fn(&api::Offers) -> bool| offers.iter().map(|offers| yes(ask(offers))).collect();
    let method = |method: MergeMethod| every(&|offers: &api::Offers| offers.methods.contains(&method));
    let rows = [
        ("a closed one can be opened again", every(&|offers| offers.reopen)),
        ("drafts", every(&|offers| offers.draft)),
        ("merge by a merge commit", method(MergeMethod::Merge)),
        ("merge by squash", method(MergeMethod::Squash)),
        ("merge by rebase", method(MergeMethod::Rebase)),
    ];
    table(text, "what there is", &rows);
}

fn webhooks(text: &mut String) {
    for world in worlds::worlds() {
        let place = Stage::of(&world).scm.place();
        let Some(hooks) = hooks::of(place) else { continue };
        let events: Vec<String> = hooks
            .groups()
            .iter()
            .map(|group| group.iter().map(|event| format!("`{event}`")).collect::<Vec<_>>().join(", "))
            .collect();
        let _ = writeln!(text, "- **{}**: {}. Takes {}.", title(world.provider), events.join("; "), hooks.needs());
    }
    text.push('\n');
}

fn generated() -> String {
    let names = Provider::ALL.map(|provider| provider.name().replace('-', "_"));
    let operations: Vec<&[Cell]> = names.iter().filter_map(|name| matrix::operations_of(name)).collect();
    let stories: Vec<&[Cell]> = names.iter().filter_map(|name| matrix::stories_of(name)).collect();
    let mut text = BEGIN.to_owned();

    text.push_str("\n### What there is\n\n");
    offers(&mut text);

    text.push_str("### Webhooks that are registered, and what registering takes\n\n");
    webhooks(&mut text);

    text.push_str("### What happens to a proposal\n\n");
    let rows: Vec<_> = stories[0].iter().map(|cell| (cell.what, row(&stories, cell.what, ""))).collect();
    table(&mut text, "story", &rows);

    text.push_str("### Operations under every condition\n\n");
    let mut last = "";
    for cell in operations[0] {
        if cell.what == last {
            continue;
        }
        last = cell.what;
        let _ = writeln!(text, "#### {last}\n");
        let conditions = operations[0].iter().filter(|cell| cell.what == last);
        let rows: Vec<_> = conditions.map(|cell| (cell.condition, row(&operations, last, cell.condition))).collect();
        table(&mut text, "condition", &rows);
    }
    text.push_str(END);
    text
}

#[test]
fn all_providers_are_there() {
    let there: Vec<Provider> = worlds::worlds().iter().map(|world| world.provider).collect();
    assert_eq!(there, Provider::ALL);
}

#[test]
fn the_tables_of_the_document_are_what_came_of_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{}{after}", generated());
    if std::env::var_os("YARDARM_UPDATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else if let Some(line) = document.lines().zip(expected.lines()).position(|(is, should)| is != should) {
        panic!("docs/providers.md is stale from line {}; YARDARM_UPDATE=1 writes it anew", line + 1);
    } else {
        assert_eq!(
            document.len(),
            expected.len(),
            "docs/providers.md is stale at its end; YARDARM_UPDATE=1 writes it anew"
        );
    }
}
