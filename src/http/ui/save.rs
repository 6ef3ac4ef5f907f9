//! What a person sees before anything is saved, and how it is saved.

use std::sync::Arc;

use actix_web::HttpResponse;

use super::{Trouble, Visit};
use crate::http::error::{Code, Failure};
use crate::serve::Environment;
use crate::write::Change;

/// The page that says what changes will do, and offers to make them.
pub(super) async fn review(
    _visit: &Visit<'_>,
    _environment: Arc<Environment>,
    _changes: Vec<Change>,
) -> Result<HttpResponse, Trouble> {
    Err(Failure::new(Code::Unimplemented, "not yet").into())
}
