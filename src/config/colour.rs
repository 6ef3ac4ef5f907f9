//! The colour of the bar at the top of every page, by which people tell one installation from another, and the ink that
//! is read on it.

/// A colour, eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// That of `rgb` or `rrggbb`, with or without `#`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('#').unwrap_or(text);
        let long: String = match text.len() {
            3 => text.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => text.to_owned(),
            _ => return None,
        };
        let mut channels = [0; 3];
        hex::decode_to_slice(long, &mut channels).ok()?;
        Some(Self(channels))
    }

    /// Six digits.
    #[must_use]
    pub fn digits(self) -> String {
        hex::encode(self.0)
    }

    /// How light it is, from 0 to 1, as WCAG 2 measures it.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// What is read on it best: black or white.
    #[must_use]
    pub fn ink(self) -> Self {
        let light = self.luminance();
        let (on_black, on_white) = ((light + 0.05) / 0.05, 1.05 / (light + 0.05));
        if on_white >= on_black { Self([255; 3]) } else { Self([0; 3]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_browsers_write_them() {
        assert_eq!(Colour::read("#1b2").map(Colour::digits).as_deref(), Some("11bb22"));
        assert_eq!(Colour::read("FF00aa").map(Colour::digits).as_deref(), Some("ff00aa"));
        for wrong in ["", "#", "red", "#12", "#12345", "#1234567", "#ggg", "#é1", "ab;}*"] {
            assert_eq!(Colour::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_ink_is_read_on_every_colour() {
        let against = |one: f64, other: f64| (one.max(other) + 0.05) / (one.min(other) + 0.05);
        for colour in (0..=255).step_by(5).flat_map(|a| [[a, 0, 0], [0, a, 0], [0, 0, a], [a, a, a], [a, 255 - a, 60]])
        {
            let colour = Colour(colour);
            assert!(against(colour.luminance(), colour.ink().luminance()) >= 4.5, "{colour:?}");
        }
    }
}
