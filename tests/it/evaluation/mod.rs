//! Evaluation against a second evaluator: that one against what a running Flipt answered, and ours against that one.

mod allocations;
mod case;
mod generated;
mod recorded;
