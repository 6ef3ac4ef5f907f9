//! From the text of a file to a checked configuration: reads the tree, and builds the parts in the order in which one
//! needs another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::table::FILE;
use super::{
    Config, Files, Finding, Severity, access, check, credentials, environments, interface, report, server, storages,
    substitute, tree,
};
use crate::{limits, yaml};

/// Reads a configuration file. `file` is its name, for the format that it tells; `environment` the variables of the
/// process; `files` reads what the file refers to.
///
/// # Errors
/// Every finding, errors and warnings, in the order of the file; at least one is an error.
pub fn load(
    text: &str,
    file: &str,
    environment: &BTreeMap<String, String>,
    files: &Files<'_>,
) -> Result<Config, Vec<Finding>> {
    let report = report::Report::default();
    match document(text, file) {
        Ok(tree) => from_tree(tree, "0.0.0.0", &substitute::Sources { environment, files, assumed: false }, report),
        Err(finding) => Err(vec![finding]),
    }
}

/// Reads a configuration file where its secrets are not at hand, as a CI job does: references and files that it names
/// are taken as given. What comes out is for looking at the findings, not for use.
///
/// # Errors
/// As [`load`].
pub fn load_without_secrets(
    text: &str,
    file: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Finding>> {
    let files: &Files<'_> = &|_| Ok(b"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n".to_vec());
    let tree = document(text, file).map_err(|finding| vec![finding])?;
    let sources = substitute::Sources { environment, files, assumed: true };
    from_tree(tree, "0.0.0.0", &sources, report::Report::default())
}

/// The configuration without any file: one storage in memory, on loopback, and what variables say.
///
/// # Errors
/// Every finding about variables.
pub fn load_without_file(environment: &BTreeMap<String, String>, files: &Files<'_>) -> Result<Config, Vec<Finding>> {
    let sources = substitute::Sources { environment, files, assumed: false };
    from_tree(nothing(), "127.0.0.1", &sources, report::Report::default())
}

fn nothing() -> tree::Item {
    tree::Item { from: tree::Source::File(yaml::Position { line: 1, column: 1 }), value: tree::Raw::Null }
}

fn document(text: &str, file: &str) -> Result<tree::Item, Finding> {
    let refuse = |at, message: String| Finding { severity: Severity::Error, key: String::new(), at, message };
    let extension = Path::new(file).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    if matches!(extension.as_str(), "toml" | "ini" | "properties" | "hcl" | "env") {
        return Err(refuse(None, format!("a configuration is YAML or JSON, not .{extension}")));
    }
    if text.len() > limits::CONFIG_FILE_BYTES {
        return Err(refuse(None, format!("a configuration is at most {} bytes", limits::CONFIG_FILE_BYTES)));
    }
    let bounds = yaml::Limits { nodes: limits::CONFIG_NODES, ..yaml::Limits::default() };
    let documents = yaml::parse(text, bounds).map_err(|e| refuse(Some(e.at), e.message))?;
    match documents.as_slice() {
        [] => Ok(nothing()),
        [document] => Ok(tree::from_file(document)),
        [_, second, ..] => {
            Err(refuse(Some(second.at), "a configuration is one document; a second one begins here".to_owned()))
        }
    }
}

fn from_tree(
    mut tree: tree::Item,
    host: &str,
    sources: &substitute::Sources<'_>,
    mut report: report::Report,
) -> Result<Config, Vec<Finding>> {
    tree::overlay(&mut tree, sources.environment, &mut report);
    let mut check = check::Check { sources, report: &mut report, unused: false };
    let root = check.section(FILE, &tree, report::Spot::default());
    let mut config = build(&root, host, sources, &mut report);
    let (findings, failed) = report.finish();
    if failed {
        return Err(findings);
    }
    config.warnings = findings;
    Ok(config)
}

/// Builds the parts. Where something is wrong it is reported, and what is returned is not used.
fn build(root: &check::Section, host: &str, sources: &substitute::Sources<'_>, report: &mut report::Report) -> Config {
    let substitute::Sources { environment, files, .. } = *sources;
    if let Some(version) = root.text("version").filter(|version| *version != "2.0") {
        report.error(&root.spot("version"), format!("version `{version}` is not read; the only one is \"2.0\""));
    }
    let credentials = credentials::Credentials::read(root.map("credentials"), files, report);
    let mut drafts: Vec<(report::Spot, storages::Draft)> = root
        .map("storage")
        .iter()
        .map(|(name, section)| (section.spot.clone(), storages::read(name, section, &credentials, files, report)))
        .collect();
    if drafts.is_empty() {
        drafts.push((root.spot("storage"), storages::in_memory("default")));
    }
    let given = root.map("environments");
    let usual = [("default".to_owned(), check::Section::empty(root.spot("environments")))];
    let entries = if given.is_empty() { &usual } else { given };
    let (mut environments, announcements) = environments::read(entries, &drafts, &credentials, report);
    environments::one_default(&mut environments, entries, &root.spot("environments"), report);

    let mut storages = BTreeMap::new();
    for (spot, mut draft) in drafts {
        let section =
            root.map("storage").iter().find(|(name, _)| **name == *draft.storage.name).map(|(_, section)| section);
        let own = section.and_then(|section| section.section("webhook"));
        draft.storage.webhook = environments::webhook(&draft, own, &announcements, report);
        if environments.iter().any(|environment| environment.storage == draft.storage.name) {
            storages.insert(Arc::clone(&draft.storage.name), draft.storage);
        } else if section.is_some() {
            report.warning(&spot, "no environment uses this storage; it is not opened");
        }
    }
    credentials.tell_unused(report);
    refuse_what_protects(root, report);
    let server = server::server(root.section("server"), host, files, report);
    let session = root.section("authentication").and_then(|s| s.section("session"));
    let interface = interface::interface(root.section("ui"), session, server.tls.is_some(), report);
    Config {
        storages,
        environments,
        server,
        interface,
        log: server::log(root.section("log")),
        cors: server::cors(root.section("cors")),
        authentication: access::authentication(root.section("authentication"), sources, report),
        rates: access::rates(root.section("server"), report),
        templates: server::templates(root.section("templates"), report),
        analytics: server::analytics(root.section("analytics"), report),
        audit_file: root
            .section("audit")
            .and_then(|s| s.text("file"))
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        include_flag_metadata: root.section("evaluation").is_some_and(|s| s.flag("include_flag_metadata")),
        state_directory: server::state_directory(root.section("state"), environment),
        warnings: Vec::new(),
    }
}

/// Keys without use that somebody relies on: to pass over them would serve more, or with less, than was asked for.
fn refuse_what_protects(root: &check::Section, report: &mut report::Report) {
    if let Some(authorization) = root.section("authorization").filter(|s| s.flag("required")) {
        report.error(
            &authorization.spot("required"),
            "policies are not supported yet, so that what they forbid would be allowed",
        );
    }
    let providers = root.section("secrets").and_then(|s| s.section("providers"));
    let files = providers.and_then(|s| s.section("file")).filter(|s| s.flag("enabled"));
    if let Some(files) = files.filter(|files| files.text("base_path").is_none_or(str::is_empty)) {
        report.error(&files.spot("base_path"), "a path is required while this provider is enabled");
    }
}
