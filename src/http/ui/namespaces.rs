//! `…/namespaces`: what an environment is divided into.

use actix_web::web::ServiceConfig;

/// The routes.
pub(super) fn routes(_config: &mut ServiceConfig) {}
