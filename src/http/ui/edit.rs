//! The page of a flag or segment: everything that it is, to be looked at and changed; where it stands in Git, and what
//! became of it.
//!
//! The form and what its buttons do are [`view::form`](crate::view::form)'s; saving is `save`'s. In between stands the
//! commit that somebody saw when they began: the form carries it, so that what others did meanwhile is joined and not
//! overwritten.

mod past;
mod typed;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::render::segment;
use super::{Trouble, Visit, answered};
use crate::auth::Action;
use crate::flags::resource::{Kind, Resource};
use crate::http::State;
use crate::http::auth::Need;
use crate::http::environments::blocking;
use crate::http::error::Failure;
use crate::limits;
use crate::serve::Environment;
use crate::view::form::{Form, Wrong};
use crate::view::summary::{self, Summary, Who};
use crate::write::Refusal;
use crate::write::history::Named;
use crate::write::writers::Tip;

/// The routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    let base = "/ui/e/{environment}/n/{namespace}";
    let page = || (web::get().to(page), web::post().to(typed::changed));
    let (get, post) = page();
    config.service(web::resource(format!("{base}/{{new:new-flag|new-segment}}")).route(get).route(post));
    let (get, post) = page();
    let one = format!("{base}/{{kind:flags|segments}}/{{key}}");
    config.service(web::resource(&one).route(get).route(post));
    config.service(web::resource(format!("{one}/beside")).route(web::get().to(past::beside)));
    config.service(web::resource(format!("{one}/history")).route(web::get().to(past::history)));
    config.service(
        web::resource(format!("{one}/revert")).route(web::get().to(past::back)).route(web::post().to(past::revert)),
    );
}

/// `GET …/flags/{key}`, `…/segments/{key}`, `…/new-flag`, `…/new-segment`
async fn page(state: Data<State>, request: HttpRequest) -> HttpResponse {
    answered(&state, &request, opened(&state, &request).await)
}

async fn opened(state: &Data<State>, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::READ)?;
    let environment = visit.environment(Action::Read)?;
    let about = About::of(&visit);
    let at = Some(visit.asked("at")).filter(|at| !at.is_empty());
    let seen = look(state, &environment, &about, at.clone()).await?;
    let form = match &seen.resource {
        Some(resource) => Form::of(resource),
        None if about.is_new => {
            let mut form = Form::new(about.named.kind);
            form.set_key(&visit.asked("key"));
            form
        }
        None => return Err(about.missing(at.as_deref()).into()),
    };
    let does = seen.resource.as_ref().map(Does::of);
    let stands = seen.resource.as_ref().map(|resource| form.standing(resource)).unwrap_or_default();
    let sheet = Sheet { at, base: seen.commit.to_string(), does, stands, ..Sheet::default() };
    show(&visit, HttpResponse::Ok(), &about, &seen, &form, &sheet)
}

/// What a page is about.
#[derive(Debug, Clone)]
struct About {
    named: Named,
    /// It is to be made.
    is_new: bool,
}

impl About {
    fn of(visit: &Visit<'_>) -> Self {
        let (new, key) = (visit.named("new"), visit.named("key"));
        let is_segment = visit.named("kind") == "segments" || new == "new-segment";
        let kind = if is_segment { Kind::Segment } else { Kind::Flag };
        Self { named: Named { namespace: visit.named("namespace"), kind, key }, is_new: !new.is_empty() }
    }

    fn missing(&self, at: Option<&str>) -> Failure {
        let Named { namespace, kind, key } = &self.named;
        let when = at.map(|at| format!(" at commit {at}")).unwrap_or_default();
        Failure::not_found(format!("{} {namespace}/{key} not found{when}", kind.word()))
    }

    /// Where one goes on when it is gone.
    fn list(&self, environment: &str) -> String {
        let Named { namespace, kind, .. } = &self.named;
        format!("/ui/e/{}/n/{}/{}s", segment(environment), segment(namespace), kind.word())
    }

    /// Its own address.
    fn href(&self, environment: &str) -> String {
        let Named { namespace, kind, key } = &self.named;
        let place = format!("/ui/e/{}/n/{}", segment(environment), segment(namespace));
        match (self.is_new, kind) {
            (true, kind) => format!("{place}/new-{}", kind.word()),
            (false, Kind::Flag) => format!("{place}/flags/{}", segment(key)),
            (false, Kind::Segment) => format!("{place}/segments/{}", segment(key)),
        }
    }
}

/// What is there.
#[derive(Debug)]
struct Seen {
    commit: Arc<str>,
    resource: Option<Resource>,
    /// Keys of segments that a rule can name, the first of them.
    segments: Vec<String>,
    /// Flags that name the segment, with how often.
    uses: Vec<Use>,
    /// How many flags more.
    more_uses: usize,
    /// It stands in a file that is not written to.
    read_only: bool,
}

/// A flag that names a segment.
#[derive(Debug, Serialize)]
struct Use {
    flag: String,
    times: usize,
}

/// Reads the tip, or what was there at a commit.
async fn look(
    state: &Data<State>,
    environment: &Arc<Environment>,
    about: &About,
    at: Option<String>,
) -> Result<Seen, Failure> {
    let (environment, named) = (environment.clone(), about.named.clone());
    blocking(state, move |state| {
        let tip = tip(state, &environment, at.as_deref())?;
        Ok(Seen::of(&tip, &named))
    })
    .await
}

/// The tip, or the environment as of a commit.
fn tip(state: &State, environment: &Environment, at: Option<&str>) -> Result<Tip, Refusal> {
    let Some(commit) = at else { return state.writers.tip(environment) };
    state.writers.at(environment, commit)?.ok_or_else(|| Refusal::Invalid {
        message: format!("commit {commit} is not in the history of branch \"{}\"", environment.branch),
        problems: Vec::new(),
    })
}

impl Seen {
    fn of(tip: &Tip, named: &Named) -> Self {
        let Named { namespace, kind, key } = named;
        let mut uses: Vec<Use> = Vec::new();
        let mut segments = Vec::new();
        match kind {
            Kind::Segment => {
                for one in tip.view.uses_of(namespace, key) {
                    match uses.last_mut().filter(|last| last.flag == one.flag) {
                        Some(last) => last.times += 1,
                        None => uses.push(Use { flag: one.flag.to_owned(), times: 1 }),
                    }
                }
            }
            Kind::Flag => {
                let all = tip.view.segments(namespace).into_iter();
                segments = all.take(limits::UI_SEGMENTS).map(|segment| segment.key.clone()).collect();
            }
        }
        let more_uses = uses.len().saturating_sub(limits::UI_USES);
        uses.truncate(limits::UI_USES);
        Self {
            more_uses,
            commit: tip.commit.clone(),
            resource: tip.view.get(namespace, *kind, key),
            segments,
            uses,
            read_only: tip.view.home(namespace, *kind, key).is_some_and(|file| !file.is_writable()),
        }
    }
}

/// What a page says beside the form itself.
#[derive(Debug, Default)]
struct Sheet {
    /// It shows what was there at this commit, and changes nothing.
    at: Option<String>,
    /// The commit that somebody began with.
    base: String,
    wrongs: Vec<Wrong>,
    /// What is wrong and may stay: it is said at its field, and keeps nobody from saving.
    stands: Vec<Wrong>,
    /// Somebody wanted to save it: from now on what is missing is told too.
    tried: bool,
    /// Somebody else has changed it since, or deleted it.
    moved: Option<&'static str>,
    /// The item that was touched last.
    focus: Option<String>,
    /// What the form comes to, where it makes sense.
    does: Option<Does>,
}

/// What somebody gets of it, in one line.
#[derive(Debug, Clone, Serialize)]
enum Does {
    #[serde(rename = "flag")]
    Flag(Summary),
    #[serde(rename = "segment")]
    Segment(Who),
}

impl Does {
    fn of(resource: &Resource) -> Self {
        match resource {
            Resource::Flag(flag) => Self::Flag(summary::of_flag(flag)),
            Resource::Segment(segment) => Self::Segment(summary::of_segment(segment)),
        }
    }
}

/// All of it, for the template.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a template asks for each by its name")]
struct Page<'p> {
    kind: &'static str,
    key: &'p str,
    is_new: bool,
    href: String,
    at: Option<&'p str>,
    base: &'p str,
    form: serde_json::Value,
    wrongs: &'p [Wrong],
    tried: bool,
    moved: Option<&'static str>,
    focus: Option<&'p str>,
    may: bool,
    read_only: bool,
    /// Nothing can be changed.
    fixed: bool,
    segments: &'p [String],
    uses: &'p [Use],
    more_uses: usize,
    does: Option<&'p Does>,
}

fn show(
    visit: &Visit<'_>,
    response: actix_web::HttpResponseBuilder,
    about: &About,
    seen: &Seen,
    form: &Form,
    sheet: &Sheet,
) -> Result<HttpResponse, Trouble> {
    let environment = visit.named("environment");
    let Named { namespace, kind, key } = &about.named;
    let may = visit.may(Action::Write, &environment, namespace) || visit.may(Action::Propose, &environment, namespace);
    let page = Page {
        kind: kind.word(),
        key,
        is_new: about.is_new,
        href: about.href(&environment),
        at: sheet.at.as_deref(),
        base: &sheet.base,
        form: form.shown(&[&*sheet.wrongs, &*sheet.stands].concat()),
        wrongs: &sheet.wrongs,
        tried: sheet.tried,
        moved: sheet.moved,
        focus: sheet.focus.as_deref(),
        may,
        read_only: seen.read_only,
        fixed: sheet.at.is_some() || !may || seen.read_only,
        segments: &seen.segments,
        uses: &seen.uses,
        more_uses: seen.more_uses,
        does: sheet.does.as_ref(),
    };
    visit.page_as(response, &format!("edit/{}.html", kind.word()), page)
}
