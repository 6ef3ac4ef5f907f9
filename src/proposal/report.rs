//! What is said at the provider about a proposal: the commit status in one line, the comment in Markdown.
