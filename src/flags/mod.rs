//! Feature flags as values: from the text of a file to the answer of an evaluation. Pure: no clock, disk, network,
//! runtime or log.
//!
//! ```text
//! bytes --document::read--> SourceFile --snapshot::assemble--> Environment --evaluate--> answer
//!        (once per blob)                (per commit; namespaces whose files did not change are taken over)
//! ```
//!
//! Compiling happens in `read`, not in `assemble`: a flag and its segments come out of it ready for evaluation, and a
//! commit that changes one file of a thousand costs that file. Only a flag that refers to a segment of another
//! document is finished by `assemble`.

pub mod bucket;
pub mod change;
mod check;
pub mod constraint;
pub mod document;
pub mod edit;
pub mod evaluate;
pub mod explain;
mod field;
mod json;
pub mod problem;
pub mod resource;
pub mod snapshot;

mod client;
mod link;

#[cfg(test)]
mod tests;
