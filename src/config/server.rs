//! `server`, `log`, `cors`, `templates`, `state`: what is neither Git nor about who may ask.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Files;
use super::check::Section;
use super::credentials::readable;
use super::duration::show;
use super::report::Report;
use crate::limits;
use crate::template::Template;
use crate::template::context::{self, Context};

/// Listeners.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address, `0.0.0.0` by default.
    pub host: String,
    /// Port of `protocol`.
    pub port: u16,
    /// Certificate chain and key, PEM, for `protocol: https`.
    pub tls: Option<Tls>,
    /// A listener for `/webhooks` and `/api/v2/webhooks` only; then the main one does not have them.
    pub webhook: Option<Listener>,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// `log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// JSON lines instead of text.
    pub json: bool,
    /// File instead of standard output.
    pub file: Option<PathBuf>,
}

/// `cors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Off by default.
    pub enabled: bool,
    /// `*` or origins.
    pub allowed_origins: Vec<String>,
    /// Request headers that a page may send.
    pub allowed_headers: Vec<String>,
}

/// `analytics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Analytics {
    /// Evaluations are counted.
    pub enabled: bool,
    /// How often what was counted is booked.
    pub flush_period: Duration,
}

/// Texts with Go template syntax, as Flipt has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Templates {
    /// Message of commits.
    pub commit_message: Option<String>,
    /// Title of proposals.
    pub proposal_title: Option<String>,
    /// Body of proposals.
    pub proposal_body: Option<String>,
}

/// Port of http where the file says nothing.
const HTTP_PORT: u16 = 8080;
/// Port of https where the file says nothing.
const HTTPS_PORT: u16 = 443;

/// Reads `server`; `host` counts where the file names none.
pub(super) fn server(section: Option<&Section>, host: &str, files: &Files<'_>, report: &mut Report) -> Server {
    let Some(section) = section else {
        return Server { host: host.to_owned(), port: HTTP_PORT, tls: None, webhook: None };
    };
    let https = section.text("protocol") == Some("https");
    let host = section.text("host").filter(|host| !host.is_empty()).unwrap_or(host).to_owned();
    let port = if https {
        port(section, "https_port").unwrap_or(HTTPS_PORT)
    } else {
        port(section, "http_port").unwrap_or(HTTP_PORT)
    };
    let webhook = section.section("webhook").and_then(|webhook| {
        let at = port_or_error(webhook, report)?;
        let host = webhook.text("host").filter(|host| !host.is_empty()).unwrap_or(&host).to_owned();
        Some(Listener { host, port: at })
    });
    if webhook.as_ref().is_some_and(|webhook| webhook.port == port && port != 0 && webhook.host == host) {
        report.error(&section.spot("webhook"), "the listener of webhooks has the address of the main one");
    }
    let tls = if https {
        tls(section, files, report)
    } else {
        for key in ["cert_file", "cert_key"] {
            if section.says(key) {
                report.warning(&section.spot(key), "does not count, because the protocol is http");
            }
        }
        None
    };
    Server { host, port, tls, webhook }
}

fn port(section: &Section, key: &str) -> Option<u16> {
    section.integer(key).and_then(|port| u16::try_from(port).ok())
}

fn port_or_error(section: &Section, report: &mut Report) -> Option<u16> {
    if !section.says("port") {
        report.error(&section.spot("port"), "a port is required");
    }
    port(section, "port")
}

fn tls(section: &Section, files: &Files<'_>, report: &mut Report) -> Option<Tls> {
    let mut file = |key: &str, marker: &str| {
        let Some(path) = section.text(key).filter(|path| !path.is_empty()) else {
            if !section.says(key) || section.text(key).is_some() {
                report.error(&section.spot(key), "a file is required, because the protocol is https");
            }
            return None;
        };
        let (path, content) = readable(path, section, key, files, report)?;
        if !String::from_utf8_lossy(&content).contains(marker) {
            report.error(&section.spot(key), format!("there is nothing in PEM form in {} ({marker})", path.display()));
            return None;
        }
        Some(path)
    };
    let certificate = file("cert_file", "-----BEGIN CERTIFICATE-----");
    let key = file("cert_key", "PRIVATE KEY-----");
    Some(Tls { certificate: certificate?, key: key? })
}

/// Reads `log`.
pub(super) fn log(section: Option<&Section>) -> Log {
    let text = |key: &str| section.and_then(|s| s.text(key)).filter(|text| !text.is_empty());
    let level = match text("level") {
        Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => level,
        Some(_) => "error",
        None => "info",
    };
    Log { level: level.to_owned(), json: text("encoding") == Some("json"), file: text("file").map(PathBuf::from) }
}

/// Reads `analytics`.
pub(super) fn analytics(section: Option<&Section>, report: &mut Report) -> Analytics {
    let enabled = section.is_none_or(|section| !section.says("enabled") || section.flag("enabled"));
    let mut flush_period = limits::ANALYTICS_FLUSH;
    let buffer = section.and_then(|section| section.section("buffer"));
    if let Some((buffer, asked)) = buffer.and_then(|buffer| Some((buffer, buffer.duration("flush_period")?))) {
        let (least, most) = (limits::ANALYTICS_FLUSH_MIN, limits::ANALYTICS_FLUSH_MAX);
        if (least..=most).contains(&asked) {
            flush_period = asked;
        } else if asked > most {
            // Flipt takes any; what was counted later than a minute ago would stand in the wrong slot.
            report.warning(&buffer.spot("flush_period"), format!("counts are booked every {} at least", show(most)));
            flush_period = most;
        } else {
            report.error(&buffer.spot("flush_period"), format!("at least {}", show(least)));
        }
    }
    Analytics { enabled, flush_period }
}

/// Reads `cors`.
pub(super) fn cors(section: Option<&Section>) -> Cors {
    let texts = |key: &str, usual: &[&str]| {
        let given = section.and_then(|s| s.texts(key)).map(<[String]>::to_vec);
        given.unwrap_or_else(|| usual.iter().map(|s| (*s).to_owned()).collect())
    };
    Cors {
        enabled: section.is_some_and(|s| s.flag("enabled")),
        allowed_origins: texts("allowed_origins", &["*"]),
        allowed_headers: texts(
            "allowed_headers",
            &[
                "Accept",
                "Authorization",
                "Content-Type",
                "X-CSRF-Token",
                "X-Flipt-Accept-Server-Version",
                "X-Flipt-Environment",
                "X-Flipt-Namespace",
                "If-None-Match",
            ],
        ),
    }
}

/// Reads `templates`. One that is none is an error; one that asks for what nothing has is a warning, because it may do
/// so in a branch that is never taken.
pub(super) fn templates(section: Option<&Section>, report: &mut Report) -> Templates {
    let mut text = |key: &str, example: &dyn Fn() -> Context| {
        let section = section?;
        let text = section.text(key).filter(|text| !text.is_empty())?;
        match Template::parse(text) {
            Err(error) => report.error(&section.spot(key), format!("no template: {error}")),
            Ok(template) => {
                if let Err(error) = template.render(&example()) {
                    let message = format!("it cannot be filled in, and Yardarm's own text stands in for it: {error}");
                    report.warning(&section.spot(key), message);
                }
            }
        }
        Some(text.to_owned())
    };
    Templates {
        commit_message: text("commit_message", &context::example_of_commit),
        proposal_title: text("proposal_title", &context::example_of_proposal),
        proposal_body: text("proposal_body", &context::example_of_proposal),
    }
}

/// Where mirrors and sled live.
pub(super) fn state_directory(section: Option<&Section>, environment: &BTreeMap<String, String>) -> PathBuf {
    if let Some(path) = section.and_then(|s| s.text("directory")).filter(|path| !path.is_empty()) {
        return PathBuf::from(path);
    }
    let variable =
        |name: &str| environment.get(name).map(String::as_str).filter(|value| Path::new(value).is_absolute());
    // systemd separates several directories by colons; the first is that of the unit.
    if let Some(path) = variable("STATE_DIRECTORY").and_then(|list| list.split(':').next()) {
        return PathBuf::from(path);
    }
    if let Some(path) = variable("XDG_STATE_HOME") {
        return Path::new(path).join("yardarm");
    }
    variable("HOME")
        .map_or_else(|| PathBuf::from("/var/lib/yardarm"), |home| Path::new(home).join(".local/state/yardarm"))
}
