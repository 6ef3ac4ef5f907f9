//! What every provider's API means alike, told once: [`operations`] under [`conditions`], and [`stories`]. Each runs in a
//! fresh world of every provider ([`worlds`]); what came of it stands in the matrix of `docs/providers.md`.
//!
//! Three rules hold for all of them. What says "ok" was done. What was not done ends in a failure that says what to do,
//! and shows no credential. And doing it once more, when the world is well again, ends where it would have ended in a
//! world without faults: nothing is done twice.

#![allow(dead_code, unreachable_pub, clippy::print_stdout)]

mod conditions;
mod document;
mod matrix;
mod operations;
mod stage;
mod stories;
pub(crate) mod worlds;

/// Each provider by itself: `cargo test --no-default-features --test providers conformance::gitlab`.
macro_rules! providers {
    ($($name:ident),*) => {$(
        mod $name {
            #[test]
            fn operations_under_every_condition() {
                super::matrix::operations_of(stringify!($name));
            }

            #[test]
            fn stories() {
                super::matrix::stories_of(stringify!($name));
            }
        }
    )*};
}

providers!(github, gitlab, bitbucket_cloud, bitbucket_data_center, azure, gitea, forgejo);
