//! Where every branch is known to be, when news of it comes from several sides and not in order.
//!
//! A fetch asks the remote for its branches and follows them a while later; meanwhile a write may have been pushed and
//! published, or another fetch followed. So every change that is made here gets a number; a fetch notes the number before
//! it asks, and what has changed since is not turned back by its answer, which may be older. Such a branch is *kept*:
//! another fetch has to say where it is.

use std::collections::{BTreeMap, HashMap};

use crate::limits;

/// The branches of one storage.
#[derive(Debug, Default)]
pub struct Tips {
    known: BTreeMap<String, String>,
    /// Number of the last change of each branch, also of those that are gone.
    changed: HashMap<String, u64>,
    number: u64,
}

impl Tips {
    /// Number of the last change: what a fetch notes before it asks the remote.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Where every branch is: short name -> commit.
    #[must_use]
    pub const fn known(&self) -> &BTreeMap<String, String> {
        &self.known
    }

    /// Takes the answer of a fetch that noted `since`. Answers the branches that it would have moved and that were kept,
    /// because they have changed since or because `behind(known, told)` says that the remote is behind what it was told.
    pub fn fetched(
        &mut self,
        since: u64,
        told: &BTreeMap<String, String>,
        behind: impl Fn(&str, &str) -> bool,
    ) -> Vec<String> {
        let mut kept = Vec::new();
        let gone = self.known.keys().filter(|branch| !told.contains_key(*branch)).map(|branch| (branch.clone(), None));
        let there = told.iter().filter(|(branch, commit)| self.known.get(*branch) != Some(commit));
        let news: Vec<(String, Option<String>)> =
            gone.chain(there.map(|(branch, commit)| (branch.clone(), Some(commit.clone())))).collect();
        for (branch, commit) in news {
            let late = self.changed.get(&branch).is_some_and(|changed| *changed > since);
            let lags = || self.known.get(&branch).zip(commit.as_ref()).is_some_and(|(known, told)| behind(known, told));
            if late || lags() {
                kept.push(branch);
            } else {
                self.set(branch, commit);
            }
        }
        kept
    }

    /// Takes a push that has succeeded: `branch` went from `old` to `new`. False if the branch is known to be elsewhere
    /// by now, which can only be later: whoever fetched meanwhile has seen this push or one after it.
    pub fn wrote(&mut self, branch: &str, old: Option<&str>, new: Option<&str>) -> bool {
        let known = self.known.get(branch).map(String::as_str);
        if known == new {
            return true;
        }
        if known != old {
            return false;
        }
        self.set(branch.to_owned(), new.map(str::to_owned));
        true
    }

    fn set(&mut self, branch: String, commit: Option<String>) {
        self.number += 1;
        match commit {
            Some(commit) => self.known.insert(branch.clone(), commit),
            None => self.known.remove(&branch),
        };
        self.changed.insert(branch, self.number);
        if self.changed.len() > self.known.len() + limits::BRANCHES_GONE {
            // No fetch that runs is as old as the first half of those that are gone.
            let mut gone: Vec<u64> =
                self.changed.iter().filter(|(branch, _)| !self.known.contains_key(*branch)).map(|(_, n)| *n).collect();
            gone.sort_unstable();
            let middle = gone.get(gone.len() / 2).copied().unwrap_or_default();
            let known = &self.known;
            self.changed.retain(|branch, number| known.contains_key(branch) || *number > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads(branches: &[(&str, &str)]) -> BTreeMap<String, String> {
        branches.iter().map(|(branch, commit)| ((*branch).to_owned(), (*commit).to_owned())).collect()
    }

    fn never(_: &str, _: &str) -> bool {
        false
    }

    #[test]
    fn a_fetch_that_asked_before_a_write_turns_nothing_back() {
        let mut tips = Tips::default();
        tips.fetched(0, &heads(&[("main", "a"), ("topic", "t")]), never);
        let since = tips.number();
        assert!(tips.wrote("main", Some("a"), Some("b")));
        let kept = tips.fetched(since, &heads(&[("main", "a"), ("topic", "u")]), never);
        assert_eq!((kept, tips.known()), (vec!["main".to_owned()], &heads(&[("main", "b"), ("topic", "u")])));
        // The next one asked after it, and is believed, whatever it says.
        assert_eq!(tips.fetched(tips.number(), &heads(&[("main", "forced")]), never), [""; 0]);
        assert_eq!(tips.known(), &heads(&[("main", "forced")]));
    }

    #[test]
    fn a_branch_that_was_made_or_removed_meanwhile_stays_so() {
        let mut tips = Tips::default();
        tips.fetched(0, &heads(&[("main", "a"), ("old", "o")]), never);
        let since = tips.number();
        assert!(tips.wrote("new", None, Some("n")));
        assert!(tips.wrote("old", Some("o"), None));
        let kept = tips.fetched(since, &heads(&[("main", "a"), ("old", "o")]), never);
        assert_eq!(kept, ["new", "old"]);
        assert_eq!(tips.known(), &heads(&[("main", "a"), ("new", "n")]));
    }

    #[test]
    fn a_write_of_which_a_fetch_knows_more_is_not_published() {
        let mut tips = Tips::default();
        tips.fetched(0, &heads(&[("main", "a")]), never);
        // Somebody pushed `c` on top of `b` before we were told that `b` had landed.
        tips.fetched(tips.number(), &heads(&[("main", "c")]), never);
        assert!(!tips.wrote("main", Some("a"), Some("b")));
        assert_eq!(tips.known(), &heads(&[("main", "c")]));
        assert!(tips.wrote("main", Some("b"), Some("c")), "what is known already is as good as written");
    }

    #[test]
    fn a_remote_that_shows_what_was_before_is_behind() {
        let mut tips = Tips::default();
        tips.fetched(0, &heads(&[("main", "b")]), never);
        let kept = tips.fetched(tips.number(), &heads(&[("main", "a")]), |known, told| (known, told) == ("b", "a"));
        assert_eq!((kept, tips.known()), (vec!["main".to_owned()], &heads(&[("main", "b")])));
    }

    #[test]
    fn branches_that_are_gone_are_forgotten_in_time() {
        let mut tips = Tips::default();
        for n in 0..limits::BRANCHES_GONE * 3 {
            let branch = format!("b{n}");
            assert!(tips.wrote(&branch, None, Some("c")) && tips.wrote(&branch, Some("c"), None));
        }
        assert!(tips.changed.len() <= limits::BRANCHES_GONE + 1);
    }

    /// What may happen.
    #[derive(Debug, Clone)]
    enum Step {
        /// One of two who fetch (the worker and the writer) notes the number.
        Begin(usize),
        /// It gets the remote's list.
        List(usize),
        /// It follows.
        Follow(usize),
        /// The writer reads the tip and plans.
        Plan,
        /// The remote decides on its push.
        Push,
        /// The writer hears of it and publishes.
        Publish,
        /// Somebody else pushes on top.
        Other,
        /// Somebody else replaces the branch.
        Force,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..2).prop_map(Step::Begin),
            (0_usize..2).prop_map(Step::List),
            (0_usize..2).prop_map(Step::Follow),
            Just(Step::Plan),
            Just(Step::Push),
            Just(Step::Publish),
            Just(Step::Other),
            Just(Step::Force),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// The served commit follows the remote's own history and never goes back in it, whoever is slow; and once
        /// everything is quiet one fetch makes it equal.
        #[test]
        fn what_is_served_never_goes_back(steps in prop::collection::vec(step(), 0..60)) {
            // The commits that the remote's branch was at, in order; each is made once. A force push is as good as any
            // other: what was before it is older.
            let mut history = vec!["0".to_owned()];
            let mut tips = Tips::default();
            tips.fetched(0, &heads(&[("main", "0")]), never);
            let mut fetches = [(None::<u64>, None::<String>), (None, None)];
            let (mut planned, mut pushed) = (None::<(String, String)>, None::<(String, String)>);
            let mut made = 0;
            let mut served = 0;
            for step in steps {
                made += 1;
                match step {
                    Step::Begin(who) => fetches[who] = (Some(tips.number()), None),
                    Step::List(who) => if let (Some(_), told) = &mut fetches[who] {
                        *told = history.last().cloned();
                    },
                    Step::Follow(who) => if let (Some(since), Some(told)) = std::mem::take(&mut fetches[who]) {
                        tips.fetched(since, &heads(&[("main", &told)]), never);
                    },
                    Step::Plan => if pushed.is_none() {
                        planned = Some((tips.known()["main"].clone(), format!("w{made}")));
                    },
                    Step::Push => if let Some((old, new)) = planned.take() && history.last() == Some(&old) {
                        history.push(new.clone());
                        pushed = Some((old, new));
                    },
                    Step::Publish => if let Some((old, new)) = pushed.take() {
                        tips.wrote("main", Some(&old), Some(&new));
                    },
                    Step::Other => history.push(format!("o{made}")),
                    Step::Force => history.push(format!("f{made}")),
                }
                let known = &tips.known()["main"];
                let now = history.iter().position(|commit| commit == known).expect("only what was on the remote");
                prop_assert!(now >= served, "went back from {} to {}", history[served], history[now]);
                served = now;
            }
            tips.fetched(tips.number(), &heads(&[("main", history.last().unwrap())]), never);
            prop_assert_eq!(&tips.known()["main"], history.last().unwrap());
        }
    }
}
