//! Styles and scripts: files in `ui/assets/`, below a path that names their content, so that a browser keeps them for
//! good and a new version of Yardarm is another path.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

use super::render::{secured, squeezed};

#[derive(Embed)]
#[folder = "ui/assets/"]
struct Assets;

/// What all of them together are.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    let mut names: Vec<_> = Assets::iter().collect();
    names.sort();
    for name in names {
        all.update(name.as_bytes());
        if let Some(file) = Assets::get(&name) {
            all.update(file.metadata.sha256_hash());
        }
    }
    hex::encode(all.finalize()).chars().take(12).collect()
});

/// Where they are.
pub(super) fn base() -> String {
    format!("/ui/assets/{}", *VERSION)
}

/// `GET /ui/assets/{version}/{file}`. Any version is answered with the one that there is: a page of the version before
/// may still be open.
pub(super) async fn serve(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().get("file").unwrap_or_default();
    let Some(file) = Assets::get(name) else { return HttpResponse::NotFound().finish() };
    let current = request.match_info().get("version") == Some(VERSION.as_str());
    let kept = if current && !cfg!(debug_assertions) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = HttpResponse::Ok();
    response.content_type(mime(name)).insert_header((header::CACHE_CONTROL, kept));
    secured(&mut response);
    squeezed(&request, response, file.data.into_owned())
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}
