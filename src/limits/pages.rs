//! Bounds of the web interface: what a page shows, and what is taken from one.

use std::time::Duration;

/// Bytes of a page or a script below which it is not compressed: it fits into one packet anyway.
pub const UI_SMALL_BYTES: usize = 1_000;
/// How long somebody stays signed in; a token that ends sooner ends it sooner.
pub const UI_SESSION: Duration = Duration::from_secs(24 * 3_600);
/// The longest that a configuration may say.
pub const UI_SESSION_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);
/// Letters of the label at the top: it stands beside where one is.
pub const UI_LABEL: usize = 40;
/// What the palette shows of each kind: more is read by nobody.
pub const UI_FOUND: usize = 12;
/// Flags and segments that the palette looks at: some milliseconds.
pub const UI_FIND: usize = 50_000;
/// Sessions at a time. Only who shows a credential that is taken gets one; 200 bytes each.
pub const UI_SESSIONS: usize = 10_000;
/// Environments in the list at the top of a page, which is sent with each; the palette finds the others.
pub const UI_ENVIRONMENTS: usize = 100;
/// Namespaces in it.
pub const UI_NAMESPACES: usize = 200;
/// Fields of the form of a flag or segment: some 1,500 constraints. What has more is edited in Git.
pub const FORM_FIELDS: usize = 10_000;
/// Parts of a field's name; the longest has five.
pub const FORM_DEPTH: usize = 8;
/// Segments that a field of a flag's page offers while a key is typed; any other can be typed all the same.
pub const UI_SEGMENTS: usize = 300;
/// Changes of a flag that are told beside it; its history has the others.
pub const UI_LAST_CHANGES: usize = 3;
/// Characters of a flag's lines that are shown beside it.
pub const UI_SOURCE: usize = 20_000;
/// Characters of the first line of a commit message in a list.
pub const UI_SUBJECT: usize = 200;
/// Fields that are named of a change in a list.
pub const UI_FIELDS: usize = 12;
/// Characters of a title, a name or another line of somebody else's on a page: more than anybody reads in a line.
pub const UI_LINE_CHARACTERS: usize = 160;
/// Characters of a description on a page.
pub const UI_TEXT_CHARACTERS: usize = 8_000;
/// Bytes of an address of somebody else's that becomes a link; browsers take about as many.
pub const UI_URL_BYTES: usize = 2_000;
/// Proposals on a page of their list.
pub const UI_PROPOSALS: usize = 50;
/// Commits of a branch on its page.
pub const UI_COMMITS: usize = 30;
/// Branches on a page; an environment has a handful.
pub const UI_BRANCHES: usize = 200;
/// Characters of a value that a page quotes in a sentence: a description should be there as a whole.
pub const UI_QUOTED_CHARACTERS: usize = 400;
/// Flags and segments whose differences a page tells; a commit that changes more is read in Git.
pub const UI_CHANGES: usize = 200;
/// Lines of a text difference that a page shows.
pub const UI_DIFF_LINES: usize = 2_000;
/// Characters of a line of it.
pub const UI_DIFF_CHARACTERS: usize = 1_000;
/// Changes on a page of which each can be taken away by itself: each carries all the others.
pub const UI_GATHERED: usize = 50;
/// Flags that a segment's page names as those that use it.
pub const UI_USES: usize = 100;
/// Characters of one of three versions of a field beside each other.
pub const UI_VERSION_CHARACTERS: usize = 4_000;
/// Flags or segments on one page of a list: what somebody looks through, and some 10 kB compressed.
pub const UI_ROWS: usize = 100;
/// Characters that are searched for; longer is no search.
pub const UI_SEARCH_CHARACTERS: usize = 200;
/// Keys and values of metadata that a list offers to choose from.
pub const UI_OFFERED: usize = 60;
/// Characters of a name or description in a row of a list; the page of the flag has all of it.
pub const UI_CELL_CHARACTERS: usize = 120;
/// Layers of one plot, each with a colour that can be told from the others.
pub const PLOT_LAYERS: usize = 7;
/// Flags in one list of how they are used; the search finds the others.
pub const UI_ANALYTICS_FLAGS: usize = 100;
/// Flags that the playground answers in one table, and that it names for the one that is asked; the others are found by
/// their key.
pub const UI_PLAYGROUND_FLAGS: usize = 200;
/// Properties of the context that it names of one flag.
pub const UI_PLAYGROUND_PROPERTIES: usize = 30;
/// Commits that it offers to look back to.
pub const UI_PLAYGROUND_COMMITS: usize = 12;
/// Characters of a context there: it is part of the link that carries the question.
pub const UI_PLAYGROUND_CONTEXT: usize = 8_000;
/// The same of an entity id, and of a flag's key.
pub const UI_PLAYGROUND_ENTITY: usize = 2_000;
/// Problems of one storage that a page tells one by one; a person begins with the first.
pub const UI_PROBLEMS: usize = 50;
/// Characters of a key where it is one word of a sentence or a cell.
pub const UI_KEY_CHARACTERS: usize = 100;
/// Bytes of a key that is part of an address or a form: percent-encoded it is three times as long at most, and proxies
/// take eight thousand. What has a longer one is named, and edited in Git.
pub const UI_KEY_BYTES: usize = 2_000;
