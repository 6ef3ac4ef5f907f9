//! `…/branches`: what is being prepared beside an environment, and how far it is from it.

use actix_web::web::ServiceConfig;

/// The routes.
pub(super) fn routes(_config: &mut ServiceConfig) {}
