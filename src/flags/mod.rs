//! Feature flags as values: from the text of a file to the answer of an evaluation. Pure: no clock, disk, network,
//! runtime or log.
//!
//! ```text
//! bytes --document::read--> SourceFile --snapshot::assemble--> Environment --evaluate--> answer
//!        (once per blob)                (per commit; namespaces whose files did not change are taken over)
//! ```

pub mod document;
pub mod evaluate;
pub mod problem;
pub mod snapshot;
