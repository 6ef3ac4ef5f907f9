//! A moment as a page says it.

use jiff::Timestamp;
use serde::Serialize;

/// A moment, in UTC: whoever compares a page with a log reads the same digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// For the attribute `datetime`: `2026-11-23T12:03:07Z`.
    pub iso: String,
    /// All of it for people: `2026-11-23 12:03:07 UTC`.
    pub whole: String,
    /// As short as it is clear: the time of day, of another day the day as well.
    pub text: String,
}

impl Moment {
    /// `at`, told at `now`.
    #[must_use]
    pub fn of(at: Timestamp, now: Timestamp) -> Self {
        let day = |of: Timestamp| of.strftime("%Y-%m-%d").to_string();
        let clock = at.strftime("%H:%M:%S").to_string();
        Self {
            iso: format!("{}T{clock}Z", day(at)),
            whole: format!("{} {clock} UTC", day(at)),
            text: if day(at) == day(now) { clock } else { format!("{} {clock}", day(at)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_said_of_another_day() {
        let at: Timestamp = "2026-11-23T12:03:07.9Z".parse().unwrap();
        let told = |now: &str| Moment::of(at, now.parse().unwrap()).text;
        assert_eq!(told("2026-11-23T23:59:59Z"), "12:03:07");
        assert_eq!(told("2026-11-24T00:00:00Z"), "2026-11-23 12:03:07");
        assert_eq!(Moment::of(at, at).iso, "2026-11-23T12:03:07Z");
    }
}
