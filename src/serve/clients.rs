//! Who streams, by what they call themselves: for a person who wants to know which clients hear of a change.
//!
//! Counted when a stream opens and when it ends, never between. What a client says is text of a stranger: it is bounded,
//! and so is how many different ones are told apart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits;

/// Open streams by client.
#[derive(Debug, Default)]
pub struct Clients(Mutex<BTreeMap<Arc<str>, usize>>);

impl Clients {
    /// One more stream of a client. The name by which it is counted goes to [`Self::left`].
    #[must_use]
    pub fn came(&self, agent: &str) -> Arc<str> {
        let mut table = self.lock();
        let mut name = called(agent);
        if table.len() >= limits::CLIENT_NAMES && !table.contains_key(&*name) {
            name = "others".into();
        }
        let (name, count) = match table.get_key_value(&*name) {
            Some((known, count)) => (known.clone(), *count),
            None => (Arc::from(name), 0),
        };
        table.insert(name.clone(), count + 1);
        name
    }

    /// One of its streams has ended.
    pub fn left(&self, name: &Arc<str>) {
        let mut table = self.lock();
        if let Some(count) = table.get_mut(name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.remove(name);
            }
        }
    }

    /// All of them, the most frequent first.
    #[must_use]
    pub fn all(&self) -> Vec<(Arc<str>, usize)> {
        let mut all: Vec<_> = self.lock().iter().map(|(name, count)| (name.clone(), *count)).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client is called: the first product of its `User-Agent`, name and version; a browser's pretence is one.
fn called(agent: &str) -> String {
    let first = agent.split_ascii_whitespace().next().unwrap_or_default();
    if first.starts_with("Mozilla/") {
        return "browser".to_owned();
    }
    let plain = first.chars().filter(|c| !c.is_control()).take(limits::CLIENT_NAME_CHARACTERS).collect::<String>();
    if plain.is_empty() { "unnamed".to_owned() } else { plain.replacen('/', " ", 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_by_name_and_version_and_bounded() {
        let clients = Clients::default();
        let one = clients.came("flipt-engine-ffi/0.21.4");
        let two = clients.came("flipt-engine-ffi/0.21.4 (linux)");
        let three = clients.came("Mozilla/5.0 (X11; Linux x86_64)");
        assert!(Arc::ptr_eq(&one, &two));
        let told = |clients: &Clients| clients.all().iter().map(|(n, c)| format!("{n}: {c}")).collect::<Vec<_>>();
        assert_eq!(told(&clients), ["flipt-engine-ffi 0.21.4: 2", "browser: 1"]);
        let unnamed = clients.came("\u{7}");
        assert_eq!(&*unnamed, "unnamed");
        for name in [one, two, three, unnamed] {
            clients.left(&name);
        }
        assert!(clients.all().is_empty());
        for n in 0..10_000 {
            let _name = clients.came(&format!("client-{n}/{}", "x".repeat(1_000)));
        }
        assert_eq!(clients.all().len(), limits::CLIENT_NAMES + 1);
        assert_eq!(clients.all()[0].1, 10_000 - limits::CLIENT_NAMES);
        assert!(clients.all().iter().all(|(name, _)| name.len() <= limits::CLIENT_NAME_CHARACTERS));
    }
}
