//! The configuration, from text to what it means.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use secrecy::ExposeSecret;

use super::*;
use crate::auth::Scopes;
use crate::auth::tokens::Digest;
use crate::{limits, yaml};

/// Values for one load, so that a test reads as the file and what it means.
#[derive(Default)]
struct World {
    environment: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl World {
    fn with(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        Self {
            environment: variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            files: files.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect(),
        }
    }

    fn load(&self, text: &str) -> Result<Config, Vec<Finding>> {
        let files = |path: &Path| {
            self.files.get(path.to_str().unwrap()).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        load(text, "config.yml", &self.environment, &files)
    }
}

fn load_text(text: &str) -> Result<Config, Vec<Finding>> {
    World::default().load(text)
}

/// The errors, as `line:column key: message`.
fn errors(text: &str) -> Vec<String> {
    shown(&load_text(text).expect_err("an error"), Severity::Error)
}

fn shown(findings: &[Finding], severity: Severity) -> Vec<String> {
    let place = |f: &Finding| f.at.map_or_else(|| "-".to_owned(), |at| format!("{}:{}", at.line, at.column));
    findings
        .iter()
        .filter(|f| f.severity == severity)
        .map(|f| format!("{} {}: {}", place(f), f.key, f.message))
        .collect()
}

fn warnings(config: &Config) -> Vec<String> {
    shown(&config.warnings, Severity::Warning)
}

fn one_error(text: &str) -> String {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap()
}

#[path = "../../../tests/differences/mod.rs"]
mod differences;
mod environments;
mod files;
mod interface;
mod jwt;
mod keys;
mod references;
mod storages;

/// One storage at a host that tells no provider.
const REMOTE: &str = "storage: {default: {remote: 'https://git.example/team/flags.git'}}\n";

/// What a Flipt server did with each of these files; where Yardarm differs, it is named among the differences.
#[test]
fn files_that_start_flipt_load_and_those_that_do_not_are_refused() {
    let text = include_str!("../../../fixtures/config/flipt.jsonl");
    let world = World::with(&[("GOLDEN_TOKEN", "from-env")], &[]);
    let mut seen = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let file = case["config"].as_str().unwrap();
        let file = file
            .replace("REMOTE_URL", "http://127.0.0.1:3000/team/flags.git")
            .replace("HTTP_PORT", "8080")
            .replace("GRPC_PORT", "9000");
        let there = case["up"].as_bool().unwrap();
        let differs = differences::CONFIGURATIONS.iter().find(|(differs, ..)| *differs == name);
        let starts = differs.map_or(there, |(_, here, _)| *here);
        assert!(differs.is_none() || starts != there, "{name} does not differ any more");
        let loaded = world.load(&file);
        assert_eq!(loaded.is_ok(), starts, "{name}: {loaded:#?}");
        seen += 1;
        let (Ok(config), Some(environments)) = (loaded, case["environments"].as_array()) else { continue };
        let ours: Vec<(String, bool)> =
            config.environments.iter().map(|e| (e.name.to_lowercase(), e.default)).collect();
        let theirs: Vec<(String, bool)> =
            environments.iter().map(|e| (e[1].as_str().unwrap().to_lowercase(), e[2].as_bool().unwrap())).collect();
        assert_eq!(ours, theirs, "{name}");
        if let Some(sent) = case["authorizationSentToGit"][0].as_str().filter(|_| config.storages.contains_key("flags"))
        {
            let ours = match config.storages["flags"].credential.as_ref().unwrap() {
                Credential::Basic { username, password } => format!("{username}:{}", password.expose_secret()),
                Credential::AccessToken(token) => format!("x-token-auth:{}", token.expose_secret()),
                other => panic!("{other:?}"),
            };
            assert_eq!(ours, sent, "{name}");
        }
    }
    assert_eq!(seen, 39);
}
