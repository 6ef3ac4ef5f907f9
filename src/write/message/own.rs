//! `flipt.yaml` (or `flipt.yml`) of an environment's directory: templates that a repository brings along. Pure.
//!
//! In Flipt a file whose `version` has two parts, as its own documentation shows, or has none, stops every write and
//! every snapshot. Here nothing of it stops anything: what cannot be used is passed over and said.

use crate::limits;
use crate::template::Template;
use crate::yaml;

/// Where it is looked for, below the environment's directory: the first that is there.
pub const FILES: [&str; 2] = ["flipt.yaml", "flipt.yml"];

/// What a repository says about messages.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Its path below the environment's directory.
    pub path: String,
    /// `templates.commit_message`
    pub commit_message: Option<Template>,
    /// `templates.proposal_title`
    pub proposal_title: Option<Template>,
    /// `templates.proposal_body`
    pub proposal_body: Option<Template>,
    /// What of it cannot be used.
    pub warnings: Vec<String>,
}

impl Own {
    /// Reads a file.
    #[must_use]
    pub fn read(path: &str, bytes: &[u8]) -> Self {
        let mut own = Self { path: path.to_owned(), ..Self::default() };
        if let Err(why) = own.fill(bytes) {
            own.warnings.push(format!("{path} is not used: {why}"));
        }
        own
    }

    fn fill(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() > limits::OWN_TEMPLATES_BYTES {
            return Err(format!("it has more than {} bytes", limits::OWN_TEMPLATES_BYTES));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let bounds = yaml::Limits { nodes: limits::CONFIG_NODES, ..yaml::Limits::default() };
        let documents =
            yaml::parse(text, bounds).map_err(|error| format!("line {}: {}", error.at.line, error.message))?;
        let Some(root) = documents.first().filter(|root| !root.is_null()) else { return Ok(()) };
        let yaml::Value::Mapping(keys) = &root.value else { return Err("a mapping stands there".to_owned()) };
        for (key, value) in keys {
            match key.text() {
                // Whatever it says: there is one form of this file.
                Some("version") => {}
                Some("templates") => self.templates(value),
                other => self.unknown("", other),
            }
        }
        Ok(())
    }

    fn templates(&mut self, node: &yaml::Node) {
        if node.is_null() {
            return;
        }
        let yaml::Value::Mapping(keys) = &node.value else {
            self.warnings.push(format!("{}: `templates` is no mapping, and is passed over", self.path));
            return;
        };
        for (key, value) in keys {
            let slot = match key.text() {
                Some("commit_message") => &mut self.commit_message,
                Some("proposal_title") => &mut self.proposal_title,
                Some("proposal_body") => &mut self.proposal_body,
                other => {
                    self.unknown("templates.", other);
                    continue;
                }
            };
            let Some(text) = value.text().filter(|text| !text.trim().is_empty()) else { continue };
            match Template::parse(text) {
                Ok(template) => *slot = Some(template),
                Err(error) => {
                    let key = key.text().unwrap_or_default();
                    self.warnings.push(format!("{}: `templates.{key}` is no template: {error}", self.path));
                }
            }
        }
    }

    fn unknown(&mut self, above: &str, key: Option<&str>) {
        let key: String = key.unwrap_or("?").chars().take(limits::QUOTED_CHARACTERS).collect();
        if self.warnings.len() < limits::OWN_TEMPLATES_WARNINGS {
            self.warnings.push(format!("{}: there is no key `{above}{key}`, and it is passed over", self.path));
        }
    }
}
