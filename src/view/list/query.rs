//! What is asked of a list, as the query of its address.

use jiff::SignedDuration;
use serde::Serialize;
use url::form_urlencoded::Serializer;

use crate::flags::snapshot::FlagKind;
use crate::limits;

/// What is asked of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Words that all have to be in what is found.
    pub q: String,
    /// Flags of one type.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Flags that are on, or off.
    pub state: Option<Turned>,
    /// Flags with this key in their metadata; with `key=value`, this value.
    pub meta: String,
    /// What was changed not longer ago.
    pub changed: Option<Within>,
    /// Flags that somebody asks for, or nobody.
    pub evaluated: Option<Evaluated>,
    /// Segments that a flag names, or none.
    pub used: Option<Used>,
    /// In which order.
    pub sort: Sort,
    /// Which page, from 1; 0 is the first too.
    pub page: usize,
}

/// A word of the query that is one of a few.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum $name { $($(#[$one])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// The one of a word.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// A flag's type.
    Kind {
        /// On or off.
        Boolean = "boolean",
        /// One of several.
        Variant = "variant",
    }
}

words! {
    /// The switch of a flag.
    Turned {
        /// On.
        On = "on",
        /// Off.
        Off = "off",
    }
}

words! {
    /// How long ago something was changed, at most.
    Within {
        /// 24 hours.
        Day = "day",
        /// Seven days.
        Week = "week",
        /// Thirty days.
        Month = "month",
    }
}

words! {
    /// Whether a flag was asked for in the last days.
    Evaluated {
        /// It was.
        Lately = "lately",
        /// It was not.
        Never = "never",
    }
}

words! {
    /// Whether flags name a segment.
    Used {
        /// Some do.
        Used = "used",
        /// None does.
        Unused = "unused",
    }
}

words! {
    /// What the order goes by.
    By {
        /// What fits best; without a search, the key.
        Fit = "fit",
        /// Key.
        Key = "key",
        /// Name.
        Name = "name",
        /// The switch: on first.
        State = "state",
        /// The last change: the newest first.
        Changed = "changed",
        /// How often it is asked for: the most first.
        Evaluated = "evaluated",
        /// How many flags name it: the most first.
        Used = "used",
    }
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// What it goes by.
    pub by: By,
    /// The other way round.
    pub back: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: By::Fit, back: false }
    }
}

impl By {
    /// Whether the largest comes first, unless it is turned round.
    #[must_use]
    pub const fn is_from_the_top(self) -> bool {
        matches!(self, Self::State | Self::Changed | Self::Evaluated | Self::Used)
    }
}

impl Kind {
    pub(super) fn is(self, kind: FlagKind) -> bool {
        matches!((self, kind), (Self::Boolean, FlagKind::Boolean) | (Self::Variant, FlagKind::Variant))
    }
}

impl Within {
    pub(super) const fn time(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        })
    }
}

impl Query {
    /// Reads it. Of what comes twice the first counts; what is not known asks for nothing.
    pub fn of<'q>(pairs: impl Iterator<Item = (&'q str, &'q str)>) -> Self {
        let mut query = Self::default();
        for (name, value) in pairs {
            let text = || value.trim().chars().take(limits::UI_SEARCH_CHARACTERS).collect::<String>();
            match name {
                "q" if query.q.is_empty() => query.q = text(),
                "meta" if query.meta.is_empty() => query.meta = text(),
                "type" => query.kind = query.kind.or(Kind::of(value)),
                "state" => query.state = query.state.or(Turned::of(value)),
                "changed" => query.changed = query.changed.or(Within::of(value)),
                "evaluated" => query.evaluated = query.evaluated.or(Evaluated::of(value)),
                "used" => query.used = query.used.or(Used::of(value)),
                "page" => query.page = value.parse().unwrap_or(0),
                "sort" => {
                    let by = By::of(value.trim_start_matches('-'));
                    query.sort = by.map_or(query.sort, |by| Sort { by, back: value.starts_with('-') });
                }
                _ => {}
            }
        }
        query
    }

    /// Whether something is left out.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        let Self { q, kind, state, meta, changed, evaluated, used, sort: _, page: _ } = self;
        let chosen = kind.is_some() || state.is_some() || changed.is_some() || evaluated.is_some() || used.is_some();
        chosen || !q.is_empty() || !meta.is_empty()
    }

    /// The query of an address that asks for this, with its `?`; nothing where nothing is asked.
    #[must_use]
    pub fn address(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        let sort = if self.sort == Sort::default() { "" } else { self.sort.by.word() };
        let sort = if self.sort.back { format!("-{sort}") } else { sort.to_owned() };
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        for (name, value) in [
            ("q", &*self.q),
            ("type", self.kind.map_or("", Kind::word)),
            ("state", self.state.map_or("", Turned::word)),
            ("meta", &self.meta),
            ("changed", self.changed.map_or("", Within::word)),
            ("evaluated", self.evaluated.map_or("", Evaluated::word)),
            ("used", self.used.map_or("", Used::word)),
            ("sort", &sort),
            ("page", &page),
        ] {
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        let text = pairs.finish();
        if text.is_empty() { text } else { format!("?{text}") }
    }

    /// The same list on another page.
    #[must_use]
    pub fn at(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The same list in this order; once more, the other way round.
    #[must_use]
    pub fn by(&self, by: By) -> Self {
        let back = self.sort.by == by && !self.sort.back;
        Self { sort: Sort { by, back }, page: 0, ..self.clone() }
    }
}
