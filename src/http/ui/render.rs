//! Templates and texts, and the answers made of them.
//!
//! Templates escape by construction: everything that is written into one is text, unless a template says otherwise, and
//! none does (a test looks). A name that a template knows and its page has not is an error and not nothing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::OnceLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use rust_embed::Embed;
use serde::Serialize;

use crate::limits;
use crate::view::list::cut;
pub(super) use crate::view::place::segment;

#[derive(Embed)]
#[folder = "ui/templates/"]
struct Templates;

#[derive(Embed)]
#[folder = "ui/text/"]
struct TextFiles;

type Texts = BTreeMap<String, Text>;

/// The whole of a page may come from here and nowhere else, nothing in it is a script or a style, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// All pages, and what they say.
#[derive(Debug, Default)]
pub(super) struct Pages {
    environment: OnceLock<Environment<'static>>,
    texts: OnceLock<Texts>,
}

impl Pages {
    /// A page as HTML.
    pub(super) fn render(&self, template: &str, page: impl Serialize) -> Result<String, Error> {
        if cfg!(debug_assertions) {
            return environment()?.get_template(template)?.render(shown(&page));
        }
        let known = if let Some(known) = self.environment.get() {
            known
        } else {
            let made = environment()?;
            self.environment.get_or_init(|| made)
        };
        known.get_template(template)?.render(shown(&page))
    }

    /// A text that asks for no values, for whoever looks for something in it; where there is none, its name.
    pub(super) fn text(&self, key: &str) -> String {
        let read = || texts().unwrap_or_default();
        let fresh = cfg!(debug_assertions).then(read);
        match fresh.as_ref().unwrap_or_else(|| self.texts.get_or_init(read)).get(key) {
            Some(Text::One(text)) => text.clone(),
            _ => key.to_owned(),
        }
    }
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_loader(|name| {
        let Some(file) = Templates::get(name) else { return Ok(None) };
        let text = String::from_utf8(file.data.into_owned());
        text.map(Some).map_err(|_| Error::new(ErrorKind::SyntaxError, "a template that is no text"))
    });
    let texts = texts()?;
    environment.add_function("t", move |key: &str, with: Kwargs| said(&texts, key, &with));
    environment.add_filter("segment", |text: &str| segment(text));
    environment
        .add_filter("cut", |text: &str, room: Option<usize>| cut(text, room.unwrap_or(limits::UI_KEY_CHARACTERS)));
    environment.add_test("addressable", |key: &str| key.len() <= limits::UI_KEY_BYTES);
    Ok(environment)
}

/// A value as templates see it.
pub(super) fn shown(value: impl Serialize) -> Value {
    Value::from(Serde(value))
}

/// A text; with a count, the form that goes with it.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(untagged)]
enum Text {
    One(String),
    Counted { one: String, other: String },
}

/// Every text of the pages, by the name of its file and its own.
fn texts() -> Result<Texts, Error> {
    let mut texts = Texts::new();
    for name in TextFiles::iter() {
        let Some((stem, file)) = name.strip_suffix(".yaml").zip(TextFiles::get(&name)) else { continue };
        let read: BTreeMap<String, Text> = serde_yaml::from_slice(&file.data)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("ui/text/{name}: {error}")))?;
        texts.extend(read.into_iter().map(|(key, text)| (format!("{stem}.{key}"), text)));
    }
    Ok(texts)
}

fn said(texts: &Texts, key: &str, with: &Kwargs) -> Result<String, Error> {
    let unknown = || Error::new(ErrorKind::UndefinedError, format!("there is no text \"{key}\" in ui/text"));
    let text = match texts.get(key).ok_or_else(unknown)? {
        Text::One(text) => text,
        Text::Counted { one, other } => {
            let count: Value = with.get("count")?;
            if count == Value::from(1) { one } else { other }
        }
    };
    let mut said = String::with_capacity(text.len() + 16);
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(unknown)?;
        let value: Value = with.get(name)?;
        said.push_str(before);
        said.push_str(&value.to_string());
        rest = after;
    }
    said.push_str(rest);
    with.assert_all_used()?;
    Ok(said)
}

/// Adds what every answer of the interface carries.
pub(super) fn secured(response: &mut HttpResponseBuilder) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"));
}

/// The body, compressed for whoever takes that.
pub(super) fn squeezed(request: &HttpRequest, mut response: HttpResponseBuilder, body: Vec<u8>) -> HttpResponse {
    response.insert_header((header::VARY, "Accept-Encoding"));
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes = accepted.is_some_and(|accepted| accepted.split(',').any(|one| one.trim() == "gzip"));
    if !takes || body.len() < limits::UI_SMALL_BYTES {
        return response.body(body);
    }
    let mut squeezed = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(5));
    match squeezed.write_all(&body).and_then(|()| squeezed.finish()) {
        Ok(squeezed) => response.insert_header((header::CONTENT_ENCODING, "gzip")).body(squeezed),
        Err(_) => response.body(body),
    }
}

/// A page as an answer. Nothing of it is kept anywhere: it may be of somebody who signs out.
pub(super) fn html(request: &HttpRequest, mut response: HttpResponseBuilder, body: String) -> HttpResponse {
    response.content_type("text/html; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store"));
    secured(&mut response);
    squeezed(request, response, body.into_bytes())
}
