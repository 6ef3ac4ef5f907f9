//! `yardarm config check`: every finding of a file, for a person or a CI job.

use std::path::Path;

use super::{Exit, Process, print, read_config, referred};
use crate::config::{self, Excerpts, Severity};

/// Checks one file and prints what was found.
pub(super) fn run(file: &Path, without_secrets: bool, process: &mut Process<'_>) -> Exit {
    let text = match read_config(file) {
        Ok(text) => text,
        Err(message) => {
            print(process.err, &format!("yardarm: {message}\n"));
            return Exit::Usage;
        }
    };
    let name = file.display().to_string();
    let loaded = if without_secrets {
        config::load_without_secrets(&text, &name, &process.environment)
    } else {
        config::load(&text, &name, &process.environment, &referred)
    };
    let excerpts = Excerpts::of(&text);
    let (findings, exit) = match &loaded {
        Ok(config) => (&config.warnings, Exit::Success),
        Err(findings) => (findings, Exit::Failure),
    };
    for finding in findings {
        print(process.out, &excerpts.show(&name, finding));
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let summary = match count(Severity::Error) {
        0 => "can be used".to_owned(),
        errors => format!("{errors} {}", if errors == 1 { "error" } else { "errors" }),
    };
    let warnings = match count(Severity::Warning) {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        warnings => format!(", {warnings} warnings"),
    };
    print(process.out, &format!("{name}: {summary}{warnings}\n"));
    exit
}
