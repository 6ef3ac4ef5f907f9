//! The report for a program. The shape is in `docs/validate.md`; fields are added, never renamed.

use serde_json::json;

use super::{Level, Report};

pub(super) fn write(report: &Report, failed: &[String]) -> String {
    let problems: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let problem = &finding.problem;
            let mut value = json!({
                "level": finding.level.name(), "code": problem.code, "file": finding.uri, "source": finding.shown,
                "keyPath": problem.key_path, "namespace": problem.namespace, "message": problem.message,
                "help": problem.help,
            });
            if let (Some(at), Some(object)) = (problem.at, value.as_object_mut()) {
                object.insert("line".to_owned(), at.line.into());
                object.insert("column".to_owned(), at.column.into());
                object.insert("endColumn".to_owned(), finding.end.into());
            }
            value
        })
        .collect();
    let value = json!({
        "schema": 1,
        "summary": {
            "files": report.files, "flags": report.flags, "segments": report.segments,
            "namespaces": report.namespaces, "namespacesWithErrors": report.broken,
            "errors": report.count(Level::Error), "warnings": report.count(Level::Warning),
        },
        "problems": problems, "notes": report.notes, "failures": failed,
    });
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
}
