//! The report as SARIF 2.1.0 (OASIS), which code hosts show beside the lines. Columns count code points; paths are from
//! the root of the repository.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::Report;

/// The page that explains every code; its tables are where the rules come from.
const PAGE: &str = include_str!("../../../docs/flag-problems.md");

/// What may not stand in the path of a URI.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b':');

pub(super) fn write(report: &Report, failed: &[String]) -> String {
    let mut codes: BTreeMap<&str, (usize, &str)> =
        report.findings.iter().map(|finding| (finding.problem.code, (0, finding.level.name()))).collect();
    for (index, (place, _)) in codes.values_mut().enumerate() {
        *place = index;
    }
    let rules: Vec<Value> = codes.iter().map(|(code, (_, level))| rule(code, level)).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let problem = &finding.problem;
            let path = if problem.key_path.is_empty() { String::new() } else { format!("{}: ", problem.key_path) };
            let mut physical = json!({"artifactLocation": artifact(&finding.uri)});
            if let (Some(at), Some(object)) = (problem.at, physical.as_object_mut()) {
                let region = json!({"startLine": at.line, "startColumn": at.column, "endColumn": finding.end});
                object.insert("region".to_owned(), region);
            }
            json!({
                "ruleId": problem.code, "ruleIndex": codes.get(problem.code).map_or(0, |(index, _)| *index),
                "level": finding.level.name(),
                "message": {"text": format!("{path}{} ({})", problem.message, problem.help)},
                "locations": [{"physicalLocation": physical}],
            })
        })
        .collect();
    let notification = |level: &str, text: &String| json!({"level": level, "message": {"text": text}});
    let notes = report.notes.iter().map(|note| notification("note", note));
    let notifications: Vec<Value> = failed.iter().map(|text| notification("error", text)).chain(notes).collect();
    let value = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "yardarm", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "the root of the repository"}}},
            "invocations": [{
                "executionSuccessful": failed.is_empty(), "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
}

/// Where a file is: below the root of the repository, or, of a file outside of any, on this machine.
fn artifact(path: &str) -> Value {
    let uri = utf8_percent_encode(path, PATH).to_string();
    if path.starts_with('/') {
        json!({"uri": format!("file://{uri}")})
    } else {
        json!({"uri": uri, "uriBaseId": "%SRCROOT%"})
    }
}

fn rule(code: &str, level: &str) -> Value {
    let marked = format!("`{code}`");
    let row = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let meaning = row.into_iter().find(|(codes, _)| codes.contains(&marked)).map_or(code, |(_, meaning)| meaning);
    let what = if level == "error" {
        "The file is not taken: its namespaces stay at their last good state."
    } else {
        "It is taken, and does not mean what it seems to say."
    };
    json!({
        "id": code,
        "shortDescription": {"text": meaning.replace('`', "")},
        "help": {"text": format!("{} {what}", meaning.replace('`', "")), "markdown": format!("{meaning}\n\n{what}")},
        "defaultConfiguration": {"level": level},
    })
}
