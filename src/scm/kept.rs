//! Answers that are kept with their `ETag`, so that what has not changed costs the provider nothing and GitHub's limit
//! neither. Bounded by number and bytes; what was not asked for the longest goes first.

use std::collections::HashMap;

use crate::limits;
use crate::provider::api::{Answer, Method, Request};

#[derive(Debug)]
struct Entry {
    answer: Answer,
    used: u64,
}

/// What one credential was answered.
#[derive(Debug, Default)]
pub(super) struct Kept {
    entries: HashMap<(String, &'static str), Entry>,
    bytes: usize,
    turn: u64,
}

impl Kept {
    /// The tag to send with a request.
    pub(super) fn tag(&self, request: &Request) -> Option<&str> {
        if request.method != Method::Get {
            return None;
        }
        self.entries.get(&(request.url.clone(), request.accept))?.answer.header("etag")
    }

    /// Keeps an answer, or brings the one that a 304 means; a 304 without a former answer stays what it is.
    pub(super) fn meet(&mut self, request: &Request, answer: Answer) -> Answer {
        if request.method != Method::Get {
            return answer;
        }
        let key = (request.url.clone(), request.accept);
        self.turn += 1;
        if answer.status == 304 {
            let Some(entry) = self.entries.get_mut(&key) else { return answer };
            entry.used = self.turn;
            return Answer { at: answer.at, ..entry.answer.clone() };
        }
        self.drop(&key);
        let size = size(&answer);
        if answer.status == 200 && answer.header("etag").is_some() && size <= limits::PROVIDER_KEPT_ONE {
            self.bytes += size;
            self.entries.insert(key, Entry { answer: answer.clone(), used: self.turn });
        }
        while self.bytes > limits::PROVIDER_KEPT_BYTES || self.entries.len() > limits::PROVIDER_KEPT {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.drop(&oldest);
        }
        answer
    }

    fn drop(&mut self, key: &(String, &'static str)) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes = self.bytes.saturating_sub(size(&entry.answer));
        }
    }
}

fn size(answer: &Answer) -> usize {
    answer.body.len() + answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, tag: Option<&str>, body: &[u8]) -> Answer {
        let headers = tag.map(|tag| ("etag".to_owned(), tag.to_owned())).into_iter().collect();
        Answer { status, headers, body: body.to_vec(), at: jiff::Timestamp::UNIX_EPOCH }
    }

    fn get(url: &str) -> Request {
        Request::new(Method::Get, url.to_owned())
    }

    #[test]
    fn what_has_not_changed_is_brought_from_here() {
        let mut kept = Kept::default();
        assert_eq!(kept.tag(&get("a")), None);
        kept.meet(&get("a"), answer(200, Some("\"1\""), b"one"));
        assert_eq!(kept.tag(&get("a")), Some("\"1\""));
        let again = kept.meet(&get("a"), answer(304, Some("\"1\""), b""));
        assert_eq!((again.status, again.body), (200, b"one".to_vec()));
        kept.meet(&get("a"), answer(200, Some("\"2\""), b"two"));
        assert_eq!(kept.tag(&get("a")), Some("\"2\""));
        kept.meet(&get("a"), answer(404, None, b""));
        assert_eq!(kept.tag(&get("a")), None);
        assert_eq!(kept.meet(&get("a"), answer(304, None, b"")).status, 304);
        kept.meet(&Request::new(Method::Post, "a".to_owned()), answer(200, Some("\"3\""), b""));
        assert_eq!((kept.entries.len(), kept.bytes), (0, 0));
    }

    #[test]
    fn only_so_much_is_kept_and_the_oldest_goes() {
        let mut kept = Kept::default();
        for n in 0..=limits::PROVIDER_KEPT {
            kept.meet(&get(&n.to_string()), answer(200, Some("t"), b"x"));
            kept.meet(&get("0"), answer(304, None, b""));
        }
        assert_eq!(kept.entries.len(), limits::PROVIDER_KEPT);
        assert!(kept.tag(&get("0")).is_some() && kept.tag(&get("1")).is_none());
        let large = vec![b'x'; limits::PROVIDER_KEPT_ONE - 100];
        for n in 0..10 {
            kept.meet(&get(&format!("large {n}")), answer(200, Some("t"), &large));
        }
        assert!(kept.bytes <= limits::PROVIDER_KEPT_BYTES, "{}", kept.bytes);
        kept.meet(&get("huge"), answer(200, Some("t"), &vec![b'x'; limits::PROVIDER_KEPT_ONE]));
        assert_eq!(kept.tag(&get("huge")), None);
    }
}
