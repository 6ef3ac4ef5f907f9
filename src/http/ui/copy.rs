//! `…/copy`: flags or segments, to another place.

use actix_web::web::ServiceConfig;

use super::listed::place;
use crate::flags::resource::Kind;

/// The routes.
pub(super) fn routes(_config: &mut ServiceConfig) {}

/// Where the place is chosen that these are copied to.
pub(super) fn address(environment: &str, namespace: &str, kind: Kind, keys: &[String]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for key in keys {
        query.append_pair(kind.word(), key);
    }
    format!("{}?{}", place(environment, namespace, "copy"), query.finish())
}
