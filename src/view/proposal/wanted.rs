//! Which proposals somebody looks for.

use crate::proposal::{Record, State};

/// States as people ask for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Group {
    /// To be looked at: planned or open.
    #[default]
    Open,
    /// Merged, be it live yet or not.
    Merged,
    /// Over without a merge: closed, could not be opened, gone.
    Closed,
    /// Whatever there is.
    All,
}

impl Group {
    /// In the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Open, Self::Merged, Self::Closed, Self::All];

    /// As it is written in an address.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }

    /// The one of this name; what nobody has said is the first.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|group| group.name() == name).unwrap_or_default()
    }

    const fn has(self, state: State) -> bool {
        match self {
            Self::Open => matches!(state, State::Planned | State::Open),
            Self::Merged => matches!(state, State::Merged | State::Live),
            Self::Closed => matches!(state, State::Closed | State::Failed | State::Gone),
            Self::All => true,
        }
    }
}

/// What is looked for; what is empty is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In which states.
    pub group: Group,
    /// That would change this environment.
    pub environment: String,
    /// Opened by this one, at the provider or here.
    pub author: String,
    /// Words of title, branch or number.
    pub text: String,
}

impl Wanted {
    /// Whether this is one of them, whatever its state.
    #[must_use]
    pub fn is_about(&self, record: &Record) -> bool {
        let seen = record.seen.as_ref();
        let by = |name: &str| {
            seen.is_some_and(|seen| seen.author.eq_ignore_ascii_case(name))
                || record.opened_by.as_deref().is_some_and(|by| by.eq_ignore_ascii_case(name))
        };
        let environment = self.environment.trim();
        let author = self.author.trim();
        (environment.is_empty() || record.environment.as_deref() == Some(environment))
            && (author.is_empty() || by(author))
            && self.says(record)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        self.group.has(record.state) && self.is_about(record)
    }

    /// How many there are in each group, of those that are about what is looked for.
    pub fn counts<'r>(&self, records: impl Iterator<Item = &'r Record>) -> [usize; 4] {
        let mut counts = [0; 4];
        for record in records.filter(|record| self.is_about(record)) {
            for (count, group) in counts.iter_mut().zip(Group::ALL) {
                *count += usize::from(group.has(record.state));
            }
        }
        counts
    }

    fn says(&self, record: &Record) -> bool {
        let text = self.text.trim().to_lowercase();
        if text.is_empty() {
            return true;
        }
        let title = record.seen.as_ref().map(|seen| seen.title.to_lowercase()).unwrap_or_default();
        let head = record.head.to_lowercase();
        let number = record.number.map(|number| format!("#{number}")).unwrap_or_default();
        text.split_whitespace().all(|word| {
            title.contains(word) || head.contains(word) || number == word || number.trim_start_matches('#') == word
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    #[test]
    fn found_by_what_people_know() {
        let one = record(State::Open);
        let wants = |environment: &str, author: &str, text: &str| {
            let of = str::to_owned;
            Wanted { group: Group::Open, environment: of(environment), author: of(author), text: of(text) }.wants(&one)
        };
        assert!(wants("", "", ""));
        assert!(wants("production", "rosa", "sale"));
        assert!(wants("", "ADA", "#7"), "who opened it here counts as well");
        assert!(wants("", "", "7 SALE"));
        assert!(!wants("staging", "", "") && !wants("", "eve", "") && !wants("", "", "sale other"));
    }

    #[test]
    fn every_state_is_in_one_group() {
        let states =
            [State::Planned, State::Open, State::Merged, State::Live, State::Closed, State::Failed, State::Gone];
        for state in states {
            let groups = Group::ALL.into_iter().filter(|group| *group != Group::All && group.has(state));
            assert_eq!(groups.count(), 1, "{state:?}");
        }
        let all: Vec<_> = states.into_iter().map(record).collect();
        assert_eq!(Wanted::default().counts(all.iter()), [2, 2, 3, 7]);
        assert_eq!(Group::named("nonsense"), Group::Open);
    }
}
