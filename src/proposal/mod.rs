//! A change of flags under review: from a branch to a merge proposal at the provider, to a merge, to being live. Pure.
//!
//! ```text
//! planned -> open (draft?) -> merged -> live
//!    |          |  ^            (a served snapshot of the base contains the merge)
//!    v          v  |
//!  failed     closed           gone: the provider has no such proposal any more
//! ```
//!
//! What happens outside comes in as an [`Event`]: what the provider said when it was read, hints of webhooks (which say
//! nothing but "read it again"), moves of the branches, what is served, what people ask for. [`step`] answers the record
//! as it is now and what is to be done about it. It is total: any event in any state has an answer; late, repeated and
//! swapped events end in the state that the last read says. A [`Book`] is all of one storage, and has one open record for a
//! pair of branches.

pub mod book;
mod history;
pub mod machine;
pub mod marker;
pub mod record;
pub mod report;

pub use book::{Book, Outcome, Target, Wish};
pub use machine::{Effect, Event, Step, step};
pub use record::{Entry, Id, Live, Record, Reported, Source, State};

#[cfg(test)]
mod tests;
