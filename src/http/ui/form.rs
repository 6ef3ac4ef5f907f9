//! What a person sent: the fields of a form, from one of our own pages or not at all.

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::http::error::{Code, Failure};

/// The name of the field with the proof that a form is ours.
pub(super) const PROOF: &str = "proof";

/// Behind the address that one is led to when a form was taken whose page does not say so itself: what was typed into it
/// is not kept any longer (`js/draft.js`).
pub(super) const TAKEN: &str = "#taken";

/// The fields, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Those of a body.
    pub(super) fn read(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a field: the first one, empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// The same, where it says something.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|value| !value.trim().is_empty())
    }

    /// Every field, in its order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether a request comes from a page of ours, as far as the browser says: newer ones always do.
pub(super) fn is_own(request: &HttpRequest) -> Result<(), Failure> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = text(header::HOST.as_str()).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
        }
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Failure::new(Code::Forbidden, "this was sent by a page of another origin")) }
}
