//! Where a page stands: in an environment, in a namespace of it, in a section; and where the same section is elsewhere,
//! for whoever changes the environment and wants to go on with what they were looking at.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a segment of a path may have as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Sections of a namespace.
const OF_NAMESPACE: [(&str, &str); 6] = [
    ("flags", "flags"),
    ("new-flag", "flags"),
    ("segments", "segments"),
    ("new-segment", "segments"),
    ("playground", "playground"),
    ("analytics", "analytics"),
];
/// Sections of an environment.
const OF_ENVIRONMENT: [&str; 2] = ["branches", "namespaces"];
/// Sections of the whole installation.
const OF_ALL: [&str; 4] = ["proposals", "sync", "deliveries", "audit"];

/// The section of a page, and what of it is below, as the path writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spot<'p> {
    /// Its word in the navigation; empty for a page that stands in none.
    pub section: &'static str,
    /// The one thing that the page is about: `banner` in `…/flags/banner/history`. Encoded.
    pub thing: Option<&'p str>,
}

impl<'p> Spot<'p> {
    /// That of a path below `/ui/`.
    #[must_use]
    pub fn of(path: &'p str) -> Self {
        let steps: Vec<&str> = path.split('/').skip(2).collect();
        let (section, thing) = match *steps.as_slice() {
            ["e", _, "n", _, step, ref below @ ..] => {
                (OF_NAMESPACE.iter().find(|(name, _)| *name == step).map(|(_, section)| *section), below.first())
            }
            ["e", _, step, ref below @ ..] => (OF_ENVIRONMENT.into_iter().find(|name| *name == step), below.first()),
            [step, ref below @ ..] => (OF_ALL.into_iter().find(|name| *name == step), below.first()),
            [] => (None, None),
        };
        let thing = thing.copied().filter(|thing| !thing.is_empty());
        section.map(|section| Self { section, thing }).unwrap_or_default()
    }

    /// The same section in another place; the flags, where this one is nowhere else.
    #[must_use]
    pub fn elsewhere(self, environment: &str, namespace: &str) -> String {
        let environment = segment(environment);
        if OF_ENVIRONMENT.contains(&self.section) {
            return format!("/ui/e/{environment}/{}", self.section);
        }
        let known = OF_NAMESPACE.iter().any(|(_, section)| *section == self.section);
        let section = if known { self.section } else { "flags" };
        format!("/ui/e/{environment}/n/{}/{section}", segment(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_stands_in_its_section() {
        for (path, section, thing) in [
            ("/ui/e/production/n/shop/flags", "flags", None),
            ("/ui/e/production/n/shop/flags/", "flags", None),
            ("/ui/e/production/n/shop/flags/a%2Fb/history", "flags", Some("a%2Fb")),
            ("/ui/e/production/n/shop/new-segment", "segments", None),
            ("/ui/e/production/n/n/playground", "playground", None),
            ("/ui/e/n/branches", "branches", None),
            ("/ui/e/production/review", "", None),
            ("/ui/proposals/7", "proposals", Some("7")),
            ("/ui/audit", "audit", None),
            ("/ui/palette", "", None),
            ("/ui/", "", None),
            ("/ui", "", None),
            ("", "", None),
        ] {
            assert_eq!(Spot::of(path), Spot { section, thing }, "{path}");
        }
    }

    #[test]
    fn whoever_changes_the_environment_stays_in_the_section() {
        let to = |path| Spot::of(path).elsewhere("a b", "ü/..");
        assert_eq!(to("/ui/e/x/n/y/segments/beta"), "/ui/e/a%20b/n/%C3%BC%2F../segments");
        assert_eq!(to("/ui/e/x/branches"), "/ui/e/a%20b/branches");
        assert_eq!(to("/ui/proposals"), "/ui/e/a%20b/n/%C3%BC%2F../flags");
    }
}
