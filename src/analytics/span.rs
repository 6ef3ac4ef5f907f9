//! How far back is looked, and how finely.

use std::time::Duration;

use jiff::Timestamp;

use crate::limits;

/// A stretch of time that ends now, in slots of one length. Slots begin at whole multiples of it since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// 60 minutes.
    Hour,
    /// 96 quarters of an hour.
    Day,
    /// 120 times six hours: 30 days.
    Month,
}

/// The number of a slot since 1970.
pub type Slot = u32;

impl Span {
    /// All, the finest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Its name in a URL and in a configuration of pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.name() == name)
    }

    /// Seconds of one slot.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 15 * 60,
            Self::Month => 6 * 3_600,
        }
    }

    /// Slots that are shown, the current one among them.
    #[must_use]
    pub const fn slots(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 96,
            Self::Month => 120,
        }
    }

    /// Slots that are kept: those that are shown, and those of which the current slot of the next span is made.
    pub(super) const fn kept(self) -> u32 {
        self.slots() + limits::ANALYTICS_SPARE_SLOTS
    }

    /// The span whose slots those of this one are made of.
    pub(super) const fn finer(self) -> Option<Self> {
        match self {
            Self::Hour => None,
            Self::Day => Some(Self::Hour),
            Self::Month => Some(Self::Day),
        }
    }

    /// The slot of a time. Times before 1970 are in the first one.
    #[must_use]
    pub fn slot(self, at: Timestamp) -> Slot {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        Slot::try_from(seconds / u64::from(self.seconds())).unwrap_or(Slot::MAX)
    }

    /// When a slot begins.
    #[must_use]
    pub fn begin(self, slot: Slot) -> Timestamp {
        Timestamp::from_second(i64::from(slot) * i64::from(self.seconds())).unwrap_or(Timestamp::MAX)
    }

    /// The finest one that reaches back from `now` to `from`.
    #[must_use]
    pub fn reaching(from: Timestamp, now: Timestamp) -> Self {
        let back = Duration::try_from(now.duration_since(from)).unwrap_or_default().as_secs();
        let reaches = |span: &Self| u64::from(span.seconds()) * u64::from(span.slots()) >= back;
        Self::ALL.into_iter().find(reaches).unwrap_or(Self::Month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finest_span_that_reaches() {
        let now: Timestamp = "2027-01-30T09:07:30Z".parse().unwrap();
        let reaching = |seconds: i64| Span::reaching(Timestamp::from_second(now.as_second() - seconds).unwrap(), now);
        for (seconds, span) in [
            (-60, Span::Hour),
            (3_600, Span::Hour),
            (3_601, Span::Day),
            (86_400, Span::Day),
            (86_401, Span::Month),
            (1 << 33, Span::Month),
        ] {
            assert_eq!(reaching(seconds), span, "{seconds}");
        }
        assert_eq!(Span::Day.begin(Span::Day.slot(now)).to_string(), "2027-01-30T09:00:00Z");
        assert_eq!(Span::Month.begin(Span::Month.slot(now)).to_string(), "2027-01-30T06:00:00Z");
    }
}
