//! What the providers' APIs have to know of Git: in memory for conformance; a real repository stands behind the same
//! trait in stories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// A repository as the API sees it.
pub trait Git: Send {
    /// Tip of a branch, hex.
    fn tip(&self, branch: &str) -> Option<String>;
    /// Commits of one branch that another has not.
    fn beyond(&self, branch: &str, other: &str) -> usize;
    /// Whether a branch cannot be merged into another by itself.
    fn conflicts(&self, base: &str, head: &str) -> bool;
    /// Merges; answers the new tip of the base.
    fn merge(&mut self, base: &str, head: &str, method: &str, message: &str) -> String;
    /// Removes a branch.
    fn delete(&mut self, branch: &str);
}

/// Branches as lists of commits.
#[derive(Debug, Default)]
pub struct Memory {
    branches: BTreeMap<String, Vec<String>>,
    conflicts: BTreeSet<(String, String)>,
    count: u64,
}

impl Memory {
    /// `main` with one commit.
    pub fn new() -> Self {
        let mut memory = Self::default();
        memory.commit("main");
        memory
    }

    /// A commit on top of a branch; answers its id.
    pub fn commit(&mut self, branch: &str) -> String {
        self.count += 1;
        let id = format!("{:040x}", u128::from(self.count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        self.branches.entry(branch.to_owned()).or_default().push(id.clone());
        id
    }

    /// A branch from another.
    pub fn branch(&mut self, name: &str, from: &str) {
        let commits = self.branches[from].clone();
        self.branches.insert(name.to_owned(), commits);
    }

    /// Makes two branches conflict, or not any more.
    pub fn set_conflict(&mut self, base: &str, head: &str, conflict: bool) {
        let pair = (base.to_owned(), head.to_owned());
        if conflict {
            self.conflicts.insert(pair)
        } else {
            self.conflicts.remove(&pair)
        };
    }
}

impl Git for Memory {
    fn tip(&self, branch: &str) -> Option<String> {
        self.branches.get(branch)?.last().cloned()
    }

    fn beyond(&self, branch: &str, other: &str) -> usize {
        let known: BTreeSet<&String> = self.branches.get(other).into_iter().flatten().collect();
        self.branches.get(branch).into_iter().flatten().filter(|commit| !known.contains(commit)).count()
    }

    fn conflicts(&self, base: &str, head: &str) -> bool {
        self.conflicts.contains(&(base.to_owned(), head.to_owned()))
    }

    fn merge(&mut self, base: &str, head: &str, method: &str, _: &str) -> String {
        if method == "merge" {
            let theirs = self.branches.get(head).cloned().unwrap_or_default();
            let ours = self.branches.entry(base.to_owned()).or_default();
            for commit in theirs {
                if !ours.contains(&commit) {
                    ours.push(commit);
                }
            }
        }
        self.commit(base)
    }

    fn delete(&mut self, branch: &str) {
        self.branches.remove(branch);
    }
}

/// A repository in memory that a story goes on working on while the world has it.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Memory>>);

impl Shared {
    /// `main` with one commit.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Memory::new())))
    }

    /// Works on it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }
}

impl Git for Shared {
    fn tip(&self, branch: &str) -> Option<String> {
        self.with(|git| git.tip(branch))
    }

    fn beyond(&self, branch: &str, other: &str) -> usize {
        self.with(|git| git.beyond(branch, other))
    }

    fn conflicts(&self, base: &str, head: &str) -> bool {
        self.with(|git| git.conflicts(base, head))
    }

    fn merge(&mut self, base: &str, head: &str, method: &str, message: &str) -> String {
        self.with(|git| git.merge(base, head, method, message))
    }

    fn delete(&mut self, branch: &str) {
        self.with(|git| git.delete(branch));
    }
}
