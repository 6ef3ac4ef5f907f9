//! What somebody has typed: to be checked, to be rearranged, to be looked at before it is saved.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{About, Does, Seen, Sheet, look, show};
use crate::auth::Action;
use crate::flags::resource::Resource;
use crate::http::State;
use crate::http::auth::Need;
use crate::http::error::Failure;
use crate::http::ui::{Trouble, Visit, answered, form, save};
use crate::limits;
use crate::view::form::{Act, Form, Sent, Wrong};
use crate::write::{Change, What};

/// `POST` of the same address, with `do`: `review`, `delete`, `check`, or a button within the form.
pub(super) async fn changed(state: Data<State>, request: HttpRequest, sent: Payload) -> HttpResponse {
    answered(&state, &request, taken(&state, &request, sent).await)
}

async fn taken(state: &Data<State>, request: &HttpRequest, sent: Payload) -> Result<HttpResponse, Trouble> {
    let visit = Visit::admit(state, request, Need::CHANGE)?;
    let environment = visit.environment(Action::Read)?;
    let fields = visit.form(sent).await?;
    let mut about = About::of(&visit);
    let (wanted, base) = (fields.text("do"), fields.text("base").to_owned());
    let seen = look(state, &environment, &about, None).await?;
    if wanted == "delete" && !about.is_new {
        let what = What::Delete { kind: about.named.kind, key: about.named.key.clone() };
        let next = about.list(&environment.name);
        return save::review_then(&visit, environment, vec![about.change(what, base)], next).await;
    }
    let (mut form, before) = (read(&fields, &about)?, before(&visit, &about, &seen, &base).await?);
    let mut sheet = Sheet {
        tried: wanted == "review" || fields.text("tried") == "yes",
        moved: about.moved(before.as_ref(), &seen),
        base: base.clone(),
        ..Sheet::default()
    };
    if let Some(act) = Act::read(wanted) {
        sheet.focus = form.act(&act);
    }
    match form.resource(before.as_ref()) {
        Ok(resource) if wanted == "review" => {
            let key = resource.key().to_owned();
            let (what, base) =
                if about.is_new { (What::Create(resource), String::new()) } else { (What::Update(resource), base) };
            about.named.key = key;
            about.is_new = false;
            let next = about.href(&environment.name);
            return save::review_then(&visit, environment, vec![about.change(what, base)], next).await;
        }
        Ok(resource) => (sheet.does, sheet.stands) = (Some(Does::of(&resource)), form.standing(&resource)),
        // Before somebody wants to save it, what is not there yet is no mistake.
        Err(wrongs) => {
            sheet.wrongs = wrongs.into_iter().filter(|wrong| sheet.tried || is_typed(&fields, wrong)).collect();
        }
    }
    let mut response = HttpResponse::Ok();
    if wanted == "review" {
        response = HttpResponse::UnprocessableEntity();
        sheet.focus = sheet.wrongs.first().map(|wrong| wrong.field.clone());
    }
    show(&visit, response, &about, &seen, &form, &sheet)
}

fn read(fields: &form::Form, about: &About) -> Result<Form, Failure> {
    let sent = Sent::of(fields.fields()).ok_or_else(|| {
        let most = limits::FORM_FIELDS;
        Failure::invalid(format!(
            "this has more than {most} fields, which is more than a page can show; edit it in Git"
        ))
    })?;
    let mut form = Form::read(about.named.kind, &sent);
    if !about.is_new {
        form.set_key(&about.named.key);
    } else if fields.text("name").trim().is_empty() && fields.text("do") == "review" {
        let key = form.key().to_owned();
        form.set_name(&key);
    }
    Ok(form)
}

/// What was there when somebody began.
async fn before(visit: &Visit<'_>, about: &About, seen: &Seen, base: &str) -> Result<Option<Resource>, Failure> {
    if about.is_new || base.is_empty() || *seen.commit == *base {
        return Ok(seen.resource.clone());
    }
    let environment = visit.environment(Action::Read).map_err(|_| about.missing(None))?;
    match look(visit.state, &environment, about, Some(base.to_owned())).await {
        Ok(then) => Ok(then.resource),
        // The history was rewritten since: nobody knows what it was.
        Err(_) => Ok(None),
    }
}

fn is_typed(fields: &form::Form, wrong: &Wrong) -> bool {
    fields.filled(&wrong.field).is_some()
}

impl About {
    fn change(&self, what: What, base: String) -> Change {
        let revision = Some(base).filter(|base| !base.is_empty());
        Change { namespace: self.named.namespace.clone(), what, revision }
    }

    fn moved(&self, before: Option<&Resource>, seen: &Seen) -> Option<&'static str> {
        match (before, &seen.resource) {
            _ if self.is_new => None,
            (_, None) => Some("gone"),
            (before, Some(now)) => (before != Some(now)).then_some("changed"),
        }
    }
}
