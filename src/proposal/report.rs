//! What is said at the provider about a proposal: the commit status in one line, the comment in Markdown.

/// Name of the commit status.
pub const CONTEXT: &str = "yardarm/flags";
