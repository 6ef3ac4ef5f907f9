//! What pages say, as values: made of flags, segments and proposals, and read from forms.
//!
//! Nothing here knows of HTTP, of templates or of a clock. A page is a value that a template shows
//! ([`http::ui`](crate) makes them known to each other); a form is read into the same values that the API takes.

pub mod ago;
pub mod branch;
pub mod commit;
pub mod conflict;
pub mod copy;
pub mod diff;
pub mod form;
pub mod list;
pub mod moment;
pub mod palette;
pub mod place;
pub mod plot;
pub mod proposal;
pub mod question;
pub mod snippet;
pub mod summary;
pub mod took;
