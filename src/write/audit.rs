//! What is written down of a request: who asked for what, and what became of it.
//!
//! A record is begun when the request comes ([`asked`]) and ended once: [`done`], [`refused`], [`unknown`]. Between, where
//! something is pushed, it is an intent on the disk; see [`crate::audit`].

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{By, Change, Outcome, Refusal, Request, What};
use crate::audit::{Changed, Event, Kind, Outcome as End, Refused, Who};
use crate::{limits, serve};

/// The record of a request that has just come.
#[must_use]
pub fn asked(request: &Request, at: Timestamp) -> Event {
    let changes = request.changes.iter().take(limits::AUDIT_CHANGES);
    let more = request.changes.len().saturating_sub(limits::AUDIT_CHANGES);
    Event {
        changes: changes.map(|change| changed(change, request.revision.as_deref())).collect(),
        more_changes: more,
        message: request.message.as_deref().map(|text| cut(text, limits::AUDIT_MESSAGE_CHARACTERS)),
        break_glass: request.break_glass.as_deref().map(|text| cut(text, limits::AUDIT_MESSAGE_CHARACTERS)),
        ..begun(&request.environment, Kind::Change, &request.by, at)
    }
}

/// The record of a request about the branch of an environment.
#[must_use]
pub fn branch(environment: &serve::Environment, kind: Kind, branch: &str, by: &By, at: Timestamp) -> Event {
    Event { branch: cut(branch, limits::AUDIT_NAME_CHARACTERS).into(), ..begun(environment, kind, by, at) }
}

fn begun(environment: &serve::Environment, request: Kind, by: &By, at: Timestamp) -> Event {
    Event {
        id: Uuid::new_v4().to_string().into(),
        at,
        by: who(by),
        request,
        storage: environment.storage.clone(),
        environment: environment.name.clone(),
        branch: environment.branch.clone(),
        changes: Vec::new(),
        more_changes: 0,
        before: None,
        after: None,
        message: None,
        outcome: End::Intended,
        refusal: None,
        break_glass: None,
        settled: None,
    }
}

fn who(by: &By) -> Who {
    let person = by.person.as_ref();
    let text = |text: Option<&String>| text.map(|text| cut(text, limits::AUDIT_NAME_CHARACTERS));
    Who {
        name: cut(&by.name, limits::AUDIT_NAME_CHARACTERS).into(),
        method: by.method.name().into(),
        person: text(person.and_then(|person| person.name.as_ref())),
        email: text(person.and_then(|person| person.email.as_ref())),
        address: by.address,
    }
}

fn changed(change: &Change, seen: Option<&str>) -> Changed {
    let namespace: Arc<str> = cut(&change.namespace, limits::AUDIT_NAME_CHARACTERS).into();
    let (verb, kind, key) = match &change.what {
        What::Create(resource) => ("create", resource.kind().word(), Some(resource.key())),
        What::Update(resource) => ("update", resource.kind().word(), Some(resource.key())),
        What::Put(resource) => ("put", resource.kind().word(), Some(resource.key())),
        What::Delete { kind, key } => ("delete", kind.word(), Some(key.as_str())),
        What::CreateNamespace(_) => ("create", "namespace", None),
        What::UpdateNamespace(_) => ("update", "namespace", None),
        What::DeleteNamespace => ("delete", "namespace", None),
    };
    let key = key.map_or_else(|| namespace.clone(), |key| cut(key, limits::AUDIT_NAME_CHARACTERS).into());
    let before = change.revision.as_deref().or(seen).map(|seen| cut(seen, limits::AUDIT_NAME_CHARACTERS).into());
    Changed { verb: verb.into(), kind: kind.into(), namespace, key, before, after: None }
}

/// The record of a request that was done.
#[must_use]
pub fn done(event: Event, outcome: &Outcome, at: Timestamp) -> Event {
    let mut event = Event {
        environment: outcome.environment.clone(),
        branch: outcome.branch.clone(),
        outcome: match outcome {
            Outcome { break_glass: true, .. } => End::BreakGlass,
            Outcome { made: true, .. } => End::Accepted,
            _ => End::Nothing,
        },
        after: if outcome.made { Some(outcome.commit.clone()) } else { event.after },
        settled: (!outcome.break_glass).then_some(at),
        ..event
    };
    for (changed, written) in event.changes.iter_mut().zip(&outcome.written) {
        changed.after = written.revision.as_deref().map(Arc::from);
    }
    event
}

/// The record of a request that was not done, or of which that is not known.
#[must_use]
pub fn refused(event: Event, refusal: &Refusal, at: Timestamp) -> Event {
    let unknown = matches!(refusal, Refusal::Unknown(_));
    Event {
        outcome: if unknown { End::Unknown } else { End::Refused },
        // Of a commit that was made and did not get there, nothing is to be found.
        after: event.after.filter(|_| unknown),
        refusal: Some(Refused {
            code: refusal.code().into(),
            message: cut(&refusal.to_string(), limits::AUDIT_MESSAGE_CHARACTERS),
        }),
        settled: (!unknown).then_some(at),
        ..event
    }
}

/// The record of a write of which it was found out later: whether it is on the branch.
#[must_use]
pub fn found(event: Event, landed: bool, at: Timestamp) -> Event {
    Event { outcome: if landed { End::Landed } else { End::Forgotten }, settled: Some(at), ..event }
}

/// At most so many characters, in one line.
fn cut(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if cut.len() < text.len() && text.chars().nth(most).is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Method, Person};
    use crate::flags::change::Changes;
    use crate::flags::resource::Kind as Resources;
    use crate::write::Written;

    fn request() -> Request {
        let environment =
            serve::Environment::new("production".into(), None, true, "flags".into(), "".into(), "main".into());
        let delete = |key: &str, revision: Option<&str>| Change {
            namespace: "default".to_owned(),
            what: What::Delete { kind: Resources::Flag, key: key.to_owned() },
            revision: revision.map(str::to_owned),
        };
        Request {
            environment: Arc::new(environment),
            changes: vec![delete("a", None), delete("b", Some("b0"))],
            revision: Some("c0".to_owned()),
            message: Some("tidy\r\nup".to_owned()),
            co_authors: Vec::new(),
            by: By {
                name: "ci".into(),
                method: Method::Token,
                person: Some(Person { name: Some("Ada".to_owned()), email: None }),
                address: Some([127, 0, 0, 1].into()),
            },
            dry_run: false,
            on_branch: None,
            break_glass: None,
        }
    }

    #[test]
    fn a_record_from_the_beginning_to_the_end() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let event = asked(&request(), at(1));
        assert_eq!((&*event.by.name, &*event.by.method, event.by.person.as_deref()), ("ci", "token", Some("Ada")));
        let seen: Vec<_> = event.changes.iter().map(|c| (&*c.verb, &*c.key, c.before.as_deref().unwrap())).collect();
        assert_eq!(seen, [("delete", "a", "c0"), ("delete", "b", "b0")]);
        assert_eq!(event.message.as_deref(), Some("tidy \nup"));

        let written = |revision: Option<&str>| Written {
            namespace: "default".to_owned(),
            resource: None,
            revision: revision.map(str::to_owned),
            merged: false,
        };
        let outcome = Outcome {
            environment: "feature".into(),
            branch: "flipt/production/feature".into(),
            commit: "c1".into(),
            made: true,
            written: vec![written(Some("b1")), written(None)],
            rewritten: Vec::new(),
            text_diff: String::new(),
            message: String::new(),
            warnings: Vec::new(),
            changes: Changes::default(),
            live: None,
            break_glass: false,
        };
        let accepted = done(event.clone(), &outcome, at(2));
        assert_eq!((accepted.outcome, accepted.after.as_deref()), (End::Accepted, Some("c1")));
        assert_eq!((&*accepted.branch, accepted.changes[0].after.as_deref()), ("flipt/production/feature", Some("b1")));
        assert_eq!(done(event.clone(), &Outcome { made: false, ..outcome }, at(2)).outcome, End::Nothing);

        let no = refused(event.clone(), &Refusal::ReadOnly("not here".to_owned()), at(2));
        let told = no.refusal.as_ref().map(|refused| (&*refused.code, refused.message.as_str()));
        assert_eq!((no.outcome, told, no.settled), (End::Refused, Some(("read-only", "not here")), Some(at(2))));
        let lost = refused(event, &Refusal::Unknown("lost".to_owned()), at(2));
        assert_eq!((lost.outcome, lost.settled), (End::Unknown, None));
        assert_eq!(found(lost, true, at(3)).outcome, End::Landed);
    }

    #[test]
    fn a_large_request_makes_a_small_record() {
        let mut request = request();
        request.changes = vec![
            Change { namespace: "n".repeat(10_000), what: What::DeleteNamespace, revision: None };
            limits::AUDIT_CHANGES + 7
        ];
        request.message = Some("ü".repeat(100_000));
        let event = asked(&request, Timestamp::UNIX_EPOCH);
        assert_eq!((event.changes.len(), event.more_changes), (limits::AUDIT_CHANGES, 7));
        let short = event.short();
        assert_eq!((short.changes.len(), short.more_changes), (1, limits::AUDIT_CHANGES + 6));
        assert!(serde_json::to_vec(&short).unwrap().len() < limits::STORE_VALUE_BYTES);
    }
}
