//! `ui` and `authentication.session`: what the web interface looks like, and how long somebody stays signed in to it.

use std::time::Duration;

use super::Colour;
use super::check::Section;
use super::report::Report;
use crate::limits;

/// `ui`, and `authentication.session`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Whether there is none.
    pub disabled: bool,
    /// Light or dark, where a person has chosen nothing.
    pub theme: Theme,
    /// A word at the top, to tell one installation from another.
    pub label: Option<String>,
    /// The colour behind it.
    pub colour: Option<Colour>,
    /// Who is signed in, for how long.
    pub session: Session,
}

/// `ui.default_theme`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the person's system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The word of the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// `authentication.session`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// How long it lasts; a credential that ends sooner ends it sooner.
    pub lifetime: Duration,
    /// Whether its cookie is sent over TLS alone.
    pub secure: bool,
    /// Hosts that get its cookie beside the one that set it.
    pub domain: Option<String>,
}

impl Default for Session {
    fn default() -> Self {
        Self { lifetime: limits::UI_SESSION, secure: false, domain: None }
    }
}

/// Reads both; `https` is whether the main listener speaks TLS.
pub(super) fn interface(
    ui: Option<&Section>,
    session: Option<&Section>,
    https: bool,
    report: &mut Report,
) -> Interface {
    let topbar = ui.and_then(|ui| ui.section("topbar"));
    let filled = |key: &str| topbar.and_then(|topbar| topbar.text(key)).map(str::trim).filter(|text| !text.is_empty());
    let colour = filled("color").and_then(|text| {
        let colour = text.strip_prefix('#').and_then(Colour::read);
        if let (None, Some(topbar)) = (colour, topbar) {
            report.error(
                &topbar.spot("color"),
                "a colour is `#` and six digits: \"#8a1c1c\"; quote it, or it is a comment",
            );
        }
        colour
    });
    let label = filled("label").map(str::to_owned);
    if let (Some(label), Some(topbar)) = (&label, topbar)
        && label.chars().count() > limits::UI_LABEL
    {
        report.error(&topbar.spot("label"), format!("a label is at most {} letters", limits::UI_LABEL));
    }
    Interface {
        disabled: ui.is_some_and(|ui| ui.says("enabled") && !ui.flag("enabled")),
        theme: match ui.and_then(|ui| ui.text("default_theme")) {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::System,
        },
        label,
        colour,
        session: match session {
            Some(section) => of_session(section, https, report),
            None => Session { secure: https, ..Session::default() },
        },
    }
}

fn of_session(section: &Section, https: bool, report: &mut Report) -> Session {
    let mut lifetime = section.duration("token_lifetime").unwrap_or(limits::UI_SESSION);
    let (least, most) = (Duration::from_secs(60), limits::UI_SESSION_MAX);
    if lifetime < least || lifetime > most {
        report.error(&section.spot("token_lifetime"), "a session lasts from one minute to 31 days: `1m` to `744h`");
        lifetime = limits::UI_SESSION;
    }
    let domain = section.text("domain").filter(|domain| !domain.is_empty());
    let plain = |domain: &&str| {
        domain.len() <= 253 && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    if domain.is_some_and(|domain| !plain(&domain)) {
        report.error(&section.spot("domain"), "the name of a host stands here, without scheme and port");
    }
    let secure = if section.says("secure") { section.flag("secure") } else { https };
    if https && !secure {
        report.warning(&section.spot("secure"), "the cookie of a session is sent over http too, where others read it");
    }
    Session { lifetime, secure, domain: domain.filter(plain).map(str::to_owned) }
}
