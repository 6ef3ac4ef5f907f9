//! Tokens: what they look like, and whose they are.
//!
//! A token that Yardarm makes is 256 random bits with a prefix and a checksum: `yardarm_` and 72 hexadecimal digits,
//! the last eight of them the CRC-32 of the others. The prefix is for scanners that look for secrets in code, the
//! checksum tells a slip of the hand from a token that is not valid. Flipt's tokens of the configuration are any text.
//!
//! Kept is the SHA-256 of a token. A slow hash, as for passwords, would protect nothing that needs it: nobody guesses
//! 256 random bits from their hash, and every request would pay. (Tokens of the configuration may be weaker. They
//! stand there as they are, so that whoever reads the file needs no hash.)
//!
//! [`Tokens`] finds a token by its hash in constant time, however many there are: the place in the table depends on a
//! key that is new in every process, and hashes are compared as a whole. So no time that a stranger can measure says
//! how much of a guess was right.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{Caller, Method, Scopes};
use crate::limits;

/// What every token that Yardarm makes begins with.
pub const PREFIX: &str = "yardarm_";
/// Random bytes of a token.
pub const RANDOM_BYTES: usize = 32;

/// SHA-256 of a token. It is shown as nothing.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of a credential as it was sent.
    #[must_use]
    pub fn of(credential: &str) -> Self {
        Self(Sha256::digest(credential.as_bytes()).into())
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// The token of these random bytes.
#[must_use]
pub fn spell(random: &[u8; RANDOM_BYTES]) -> String {
    let digits = hex::encode(random);
    format!("{PREFIX}{digits}{:08x}", crc32fast::hash(digits.as_bytes()))
}

/// Whether a text begins as a token of ours and cannot be one: a digit is wrong, or one is missing.
#[must_use]
pub fn is_misspelt(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    let whole = rest.split_at_checked(2 * RANDOM_BYTES).is_some_and(|(digits, checksum)| {
        digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && checksum == format!("{:08x}", crc32fast::hash(digits.as_bytes()))
    });
    !whole
}

/// A name that a token may have: it is shown in logs and lists.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= limits::NAME_CHARACTERS && !name.chars().any(char::is_control)
}

/// One token that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: Arc<str>,
    /// Its hash.
    pub digest: Digest,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// Every token that is known, by its hash.
#[derive(Debug, Clone, Default)]
pub struct Tokens(HashMap<Digest, Arc<Caller>>);

impl Tokens {
    /// A table of these; of two with one hash the first counts.
    #[must_use]
    pub fn of<'t>(tokens: impl IntoIterator<Item = &'t Token>) -> Self {
        let mut table = HashMap::new();
        for token in tokens {
            table.entry(token.digest).or_insert_with(|| {
                Arc::new(Caller {
                    name: token.name.clone(),
                    method: Method::Token,
                    scopes: token.scopes.clone(),
                    person: None,
                    expires: token.expires,
                })
            });
        }
        Self(table)
    }

    /// Whose token this is; it may have expired.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<&Arc<Caller>> {
        self.0.get(digest)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(name: &str, secret: &str) -> Token {
        Token { name: name.into(), digest: Digest::of(secret), scopes: Scopes::all(), expires: None }
    }

    #[test]
    fn a_token_is_found_by_its_text_and_by_nothing_else() {
        let tokens: Vec<_> = (0..2_000).map(|n| token(&format!("t{n}"), &format!("secret-{n}"))).collect();
        let table = Tokens::of(&tokens);
        assert_eq!(table.len(), 2_000);
        assert_eq!(&*table.find(&Digest::of("secret-1234")).unwrap().name, "t1234");
        for wrong in ["", "secret", "secret-2000", "Secret-1", "secret-1 "] {
            assert!(table.find(&Digest::of(wrong)).is_none(), "{wrong}");
        }
        let twice = [token("first", "same"), token("second", "same")];
        assert_eq!(&*Tokens::of(&twice).find(&Digest::of("same")).unwrap().name, "first");
        assert!(Tokens::default().is_empty());
    }

    #[test]
    fn the_form_of_a_token() {
        let token = spell(&[0xab; RANDOM_BYTES]);
        assert_eq!(token, format!("yardarm_{}{:08x}", "ab".repeat(32), crc32fast::hash("ab".repeat(32).as_bytes())));
        assert!(!is_misspelt(&token));
        assert!(!is_misspelt("golden-token"), "it is another kind");
        for wrong in
            [token.get(..79).unwrap(), &token.to_uppercase().replace("YARDARM", "yardarm"), "yardarm_", "yardarm_é"]
        {
            assert!(is_misspelt(wrong), "{wrong}");
        }
        assert!(is_misspelt(&format!("{token}0")));
    }

    #[test]
    fn names() {
        for name in ["ci", "Payments web, production", "ü"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(limits::NAME_CHARACTERS + 1)] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn nothing_of_a_token_is_shown() {
        let shown = format!("{:?}", token("ci", "secret"));
        assert!(shown.contains("ci") && !shown.contains("secret") && !shown.contains(&Digest::of("secret").to_hex()));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_noticed(random in any::<[u8; RANDOM_BYTES]>(), at in 8_usize..80, digit in "[0-9a-f]") {
            let token = spell(&random);
            let mut wrong = token.clone();
            wrong.replace_range(at..=at, &digit);
            prop_assert_eq!(is_misspelt(&wrong), wrong != token);
        }

        #[test]
        fn any_text_is_judged(text in "yardarm_\\PC{0,90}|\\PC{0,20}") {
            prop_assert!(text.starts_with(PREFIX) || !is_misspelt(&text));
        }
    }
}
