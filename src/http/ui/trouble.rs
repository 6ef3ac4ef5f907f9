//! What a person is told when a page cannot be shown, or a change cannot be made.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use minijinja::context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::render::{html, shown};
use super::shell::Shell;
use super::visit::{Visit, here, is_partial};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::{Code, Failure};

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// As the API would say it.
    Failure(Box<Failure>),
    /// It is answered already.
    Answered(Box<HttpResponse>),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl From<crate::write::Refusal> for Trouble {
    fn from(refusal: crate::write::Refusal) -> Self {
        crate::http::environments::refused_write(refusal).into()
    }
}

/// The answer, or the page that says why there is none.
pub(super) fn answered(
    state: &Data<State>,
    request: &HttpRequest,
    answer: Result<HttpResponse, Trouble>,
) -> HttpResponse {
    match answer {
        Ok(response) => response,
        Err(Trouble::Answered(response)) => *response,
        Err(Trouble::Failure(failure)) => told(state, request, &failure),
    }
}

fn told(state: &Data<State>, request: &HttpRequest, failure: &Failure) -> HttpResponse {
    let unknown = failure.code == Code::Unauthenticated;
    if unknown && request.method() == actix_web::http::Method::GET && !is_partial(request) {
        let next = utf8_percent_encode(&here(request), NON_ALPHANUMERIC).to_string();
        return HttpResponse::SeeOther()
            .insert_header((header::LOCATION, format!("/ui/login?next={next}")))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish();
    }
    let mut response = HttpResponse::build(failure.code.status());
    if unknown {
        // The script says so above whatever is being typed, and nothing of it is replaced.
        response.insert_header(("HX-Trigger", "yardarm:signed-out")).insert_header(("HX-Reswap", "none"));
    }
    // Whoever may be here keeps the frame, and with it the way to every other page.
    let asks_too_often = matches!(failure.code, Code::TooMany { .. });
    let visit = if unknown || asks_too_often { None } else { Visit::admit(state, request, Need::READ).ok() };
    let page = context! {
        status => failure.code.status().as_u16(),
        message => &*failure.message,
        meaning => failure.code.meaning(),
        unknown => unknown,
        unavailable => matches!(failure.code, Code::Unavailable | Code::Down { .. }),
        framed => visit.is_some(),
        back => back(request),
    };
    if let Some(visit) = visit {
        return match visit.page_as(response, "error.html", page) {
            Ok(response) => response,
            Err(Trouble::Answered(response)) => *response,
            Err(Trouble::Failure(failure)) => failure.json(),
        };
    }
    let whole = context! { shell => shown(Shell::of_nobody(state, request)), page };
    match state.ui.pages.render("error.html", whole) {
        Ok(body) => html(request, response, body),
        Err(error) => bug(&error),
    }
}

/// The page that somebody came from, where it is one of ours: path and query.
fn back(request: &HttpRequest) -> Option<String> {
    let from = request.headers().get(header::REFERER)?.to_str().ok()?;
    let from = url::Url::parse(from).ok()?;
    let same = from.host_str().is_some_and(|host| {
        let here = request.connection_info().host().to_owned();
        from.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")) == here
    });
    let path = from.query().map_or_else(|| from.path().to_owned(), |query| format!("{}?{query}", from.path()));
    (same && path.starts_with("/ui/") && path != here(request)).then_some(path)
}

/// A template that does not go with its page.
pub(super) fn bug(error: &minijinja::Error) -> HttpResponse {
    tracing::error!(error = format!("{error:#}"), "a bug: a page could not be rendered");
    HttpResponse::InternalServerError().content_type("text/plain; charset=utf-8").body("a bug: see the log\n")
}
