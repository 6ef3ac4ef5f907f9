//! How long ago something was, as a person says it.

use jiff::Timestamp;
use serde::Serialize;

/// A time before now, in its largest whole unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ago {
    /// `moment`, `minutes`, `hours` or `days`: the end of the name of a text.
    pub unit: &'static str,
    /// How many of them.
    pub count: u64,
}

/// How long ago `then` was; what is to come was a moment ago, since clocks differ.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> Ago {
    let seconds = u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0);
    let (unit, count) = match seconds {
        0..60 => ("moment", 0),
        60..3_600 => ("minutes", seconds / 60),
        3_600..172_800 => ("hours", seconds / 3_600),
        _ => ("days", seconds / 86_400),
    };
    Ago { unit, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_whole_unit() {
        let said = |seconds: i64| {
            let Ago { unit, count } = ago(Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap());
            format!("{count} {unit}")
        };
        let all = [-5, 59, 60, 3_599, 3_600, 172_799, 172_800].map(said);
        assert_eq!(all, ["0 moment", "0 moment", "1 minutes", "59 minutes", "1 hours", "47 hours", "2 days"]);
    }
}
