//! How long something took, as a page says it.

/// `0.4 ms`, `312 ms`, `1.2 s`, `3 min`: as many digits as somebody compares.
#[must_use]
pub fn took(milliseconds: f64) -> String {
    match milliseconds {
        few if few < 9.95 => format!("{few:.1} ms"),
        some if some < 999.5 => format!("{some:.0} ms"),
        seconds if seconds < 99_950.0 => format!("{:.1} s", seconds / 1_000.0),
        minutes => format!("{:.0} min", minutes / 60_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::took;

    #[test]
    fn digits_that_somebody_compares() {
        let told = [0.04, 0.44, 9.96, 312.4, 999.6, 61_234.0, 180_000.0].map(took);
        assert_eq!(told, ["0.0 ms", "0.4 ms", "10 ms", "312 ms", "1.0 s", "61.2 s", "3 min"]);
    }
}
