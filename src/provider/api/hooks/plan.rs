//! What is to be done with the webhooks that there are, so that there are those that should be. Decided before anything
//! is done, so that it can be shown first; a second look at what came of it finds nothing to do.

use serde::Serialize;
use url::Url;

use super::{Ask, Attempt, Failure, Hook, Hooks, Wanted};

/// What there should be, as far as it decides.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// Where they send to.
    pub url: &'w str,
    /// Whether the endpoint's certificate is to be verified.
    pub verify_tls: bool,
    /// The secret is to be set, whatever else is as it should be: no provider shows the one that it has.
    pub new_secret: bool,
    /// Hooks whose last delivery was refused as not authentic, by their ids.
    pub refused: &'w [String],
}

/// One thing to do. The order of a plan is the one to do it in: what is removed goes last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It is as it should be.
    Keep {
        /// It.
        hook: Hook,
    },
    /// One is missing.
    Create {
        /// Its events.
        events: Vec<&'static str>,
    },
    /// One differs.
    Repair {
        /// It.
        hook: Hook,
        /// Its events as they should be.
        events: Vec<&'static str>,
        /// What differs, in words.
        why: Vec<String>,
    },
    /// One too many.
    Delete {
        /// It.
        hook: Hook,
        /// Why, in words.
        why: String,
    },
}

/// What is to be done. `groups` are those of [`Hooks::groups`]. Hooks that send elsewhere, and those that send other
/// events only where each has its own, are left alone: they are somebody's.
#[must_use]
pub fn plan(hooks: &[Hook], groups: &[Vec<&'static str>], wish: &Wish<'_>) -> Vec<Step> {
    let ours: Vec<&Hook> = hooks.iter().filter(|hook| same_url(&hook.url, wish.url)).collect();
    let (mut steps, mut removed) = (Vec::new(), Vec::new());
    for group in groups {
        let serves = |hook: &Hook| groups.len() == 1 || hook.events.iter().any(|event| group.contains(&event.as_str()));
        let mut serving: Vec<(Vec<String>, &Hook)> =
            ours.iter().filter(|hook| serves(hook)).map(|hook| (drift(hook, group, wish), *hook)).collect();
        // The one that is nearest to what it should be stays; of equals the first.
        serving.sort_by_key(|(why, _)| why.len());
        let mut serving = serving.into_iter();
        steps.push(match serving.next() {
            None => Step::Create { events: group.clone() },
            Some((why, hook)) if why.is_empty() => Step::Keep { hook: hook.clone() },
            Some((why, hook)) => Step::Repair { hook: hook.clone(), events: group.clone(), why },
        });
        let why = "another one sends the same to the same place";
        removed.extend(serving.map(|(_, hook)| Step::Delete { hook: hook.clone(), why: why.to_owned() }));
    }
    steps.extend(removed);
    steps
}

/// In what a hook differs from what it should be.
fn drift(hook: &Hook, group: &[&str], wish: &Wish<'_>) -> Vec<String> {
    let mut why = Vec::new();
    let sends = |wanted: &str| hook.events.iter().any(|event| event == wanted || event == "*");
    let missing: Vec<&str> = group.iter().copied().filter(|event| !sends(event)).collect();
    if !missing.is_empty() {
        why.push(format!("it does not send {}", missing.join(", ")));
    }
    if !hook.active {
        why.push("it is switched off".to_owned());
    }
    if !hook.json {
        why.push("it does not send JSON".to_owned());
    }
    if wish.url.starts_with("https:") && hook.verifies_tls != wish.verify_tls {
        let verb = if hook.verifies_tls { "verifies" } else { "does not verify" };
        why.push(format!("it {verb} the certificate of the endpoint"));
    }
    if hook.has_secret == Some(false) {
        why.push("it has no secret".to_owned());
    }
    why.extend(hook.odd.iter().cloned());
    if wish.refused.contains(&hook.id) {
        why.push("its last delivery was refused as not authentic: it has another secret".to_owned());
    }
    if wish.new_secret {
        why.push("its secret is to be set".to_owned());
    }
    why
}

/// Does one step; brings the hook that there is then.
///
/// # Errors
/// See [`Failure`].
pub fn take(hooks: &dyn Hooks, ask: &dyn Ask, step: &Step, wanted: &Wanted) -> Result<Option<Hook>, Failure> {
    match step {
        Step::Keep { hook } => Ok(Some(hook.clone())),
        Step::Create { events } => hooks.create(ask, events, wanted).map(Some),
        Step::Repair { hook, events, .. } => {
            let repaired = hooks.repair(ask, hook, events, wanted)?;
            // GitLab switches on again what answers a test.
            if !repaired.active {
                match hooks.test(ask, &repaired) {
                    Ok(()) | Err(Failure::Unsupported(_)) => {}
                    Err(failure) => return Err(failure),
                }
            }
            Ok(Some(repaired))
        }
        Step::Delete { hook, .. } => hooks.delete(ask, hook).map(|()| None),
    }
}

/// Whether the last attempt was refused as not authentic. 401 alone: 403 is what stands in front of the daemon.
#[must_use]
pub fn is_refused(attempts: &[Attempt]) -> bool {
    attempts.first().is_some_and(|last| last.status == Some(401))
}

/// What failed and has not been taken since, each delivery once, the oldest first. `attempts` has the newest first.
#[must_use]
pub fn lost(attempts: &[Attempt]) -> Vec<&Attempt> {
    let same = |one: &Attempt, other: &Attempt| match (&one.delivery, &other.delivery) {
        (Some(one), Some(other)) => one == other,
        _ => one.id == other.id,
    };
    let mut lost: Vec<&Attempt> = Vec::new();
    for attempt in attempts.iter().filter(|attempt| !attempt.ok) {
        let taken = attempts.iter().any(|other| other.ok && same(other, attempt));
        if !taken && !lost.iter().any(|known| same(known, attempt)) {
            lost.push(attempt);
        }
    }
    lost.reverse();
    lost
}

/// Whether two URLs are one endpoint: scheme and host in any case, the port written or not, a slash at the end or none.
#[must_use]
pub fn same_url(one: &str, other: &str) -> bool {
    let read = |text: &str| {
        let mut url = Url::parse(text.trim()).ok()?;
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Some(url)
    };
    match (read(one), read(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://flags.example.com/webhooks/flags";
    const WISH: Wish<'_> = Wish { url: URL, verify_tls: true, new_secret: false, refused: &[] };

    fn hook(id: &str) -> Hook {
        Hook {
            id: id.to_owned(),
            url: URL.to_owned(),
            events: vec!["pull_request".to_owned(), "push".to_owned()],
            active: true,
            json: true,
            verifies_tls: true,
            has_secret: Some(true),
            ..Hook::default()
        }
    }

    fn groups() -> Vec<Vec<&'static str>> {
        vec![vec!["pull_request", "push"]]
    }

    fn told(steps: &[Step]) -> Vec<String> {
        let told = |step: &Step| match step {
            Step::Keep { hook } => format!("keep {}", hook.id),
            Step::Create { events } => format!("create {}", events.join("+")),
            Step::Repair { hook, why, .. } => format!("repair {}: {}", hook.id, why.join("; ")),
            Step::Delete { hook, .. } => format!("delete {}", hook.id),
        };
        steps.iter().map(told).collect()
    }

    #[test]
    fn what_is_right_stays_what_differs_is_repaired_and_the_rest_goes() {
        assert_eq!(told(&plan(&[], &groups(), &WISH)), ["create pull_request+push"]);
        assert_eq!(told(&plan(&[hook("1")], &groups(), &WISH)), ["keep 1"]);
        let elsewhere = Hook { url: "https://other.example.com/webhooks/flags".to_owned(), ..hook("2") };
        assert_eq!(told(&plan(&[elsewhere, hook("1")], &groups(), &WISH)), ["keep 1"]);
        let off = Hook { active: false, ..hook("1") };
        assert_eq!(told(&plan(&[off.clone(), hook("2")], &groups(), &WISH)), ["keep 2", "delete 1"]);
        let slash = Hook { url: "HTTPS://Flags.Example.com:443/webhooks/flags/".to_owned(), ..hook("3") };
        assert_eq!(told(&plan(&[slash], &groups(), &WISH)), ["keep 3"]);
        let drifted = Hook {
            events: vec!["push".to_owned()],
            json: false,
            verifies_tls: false,
            has_secret: Some(false),
            odd: vec!["it is only about the branch main".to_owned()],
            ..off
        };
        let wish = Wish { new_secret: true, refused: &["1".to_owned()], ..WISH };
        assert_eq!(
            told(&plan(&[drifted], &groups(), &wish)),
            ["repair 1: it does not send pull_request; it is switched off; it does not send JSON; it does not verify \
              the certificate of the endpoint; it has no secret; it is only about the branch main; its last delivery \
              was refused as not authentic: it has another secret; its secret is to be set"]
        );
    }

    #[test]
    fn more_than_is_asked_for_is_no_fault() {
        let more = Hook { events: ["issues", "pull_request", "push"].map(str::to_owned).into(), ..hook("1") };
        let all = Hook { events: vec!["*".to_owned()], has_secret: None, ..hook("2") };
        assert_eq!(told(&plan(&[more], &groups(), &WISH)), ["keep 1"]);
        assert_eq!(told(&plan(&[all], &groups(), &WISH)), ["keep 2"]);
        // Over http there is nothing to verify.
        let plain = "http://127.0.0.1:8080/webhooks/flags";
        let hook = Hook { url: plain.to_owned(), verifies_tls: false, ..hook("3") };
        assert_eq!(told(&plan(&[hook], &groups(), &Wish { url: plain, ..WISH })), ["keep 3"]);
    }

    #[test]
    fn where_each_event_has_its_own_they_are_matched_by_it() {
        let one = |id: &str, event: &str| Hook { events: vec![event.to_owned()], ..hook(id) };
        let hooks = [one("1", "git.push"), one("2", "git.push"), one("3", "build.complete")];
        let groups = vec![vec!["git.push"], vec!["git.pullrequest.created"]];
        assert_eq!(
            told(&plan(&hooks, &groups, &WISH)),
            ["keep 1", "create git.pullrequest.created", "delete 2"],
            "the build is somebody else's"
        );
    }

    #[test]
    fn what_was_lost_is_what_no_later_attempt_brought() {
        let attempt = |id: &str, delivery: Option<&str>, status: u16| Attempt {
            id: id.to_owned(),
            delivery: delivery.map(str::to_owned),
            at: None,
            event: "push".to_owned(),
            status: Some(status),
            ok: status < 300,
        };
        let attempts = [
            attempt("6", None, 500),
            attempt("5", Some("c"), 503),
            attempt("4", Some("a"), 202),
            attempt("3", Some("c"), 503),
            attempt("2", Some("b"), 401),
            attempt("1", Some("a"), 500),
        ];
        let ids: Vec<&str> = lost(&attempts).iter().map(|attempt| attempt.id.as_str()).collect();
        assert_eq!(ids, ["2", "5", "6"]);
        assert!(is_refused(&attempts[4..]) && !is_refused(&attempts) && !is_refused(&[]));
    }

    #[test]
    fn urls_of_one_endpoint() {
        assert!(same_url("http://h:80/a", "HTTP://H/a/"));
        assert!(!same_url("http://h/a", "https://h/a"));
        assert!(!same_url("http://h/a", "http://h/a?x=1"));
        assert!(!same_url("http://h/a", "http://h/A"));
        assert!(same_url("odd", "odd") && !same_url("odd", "http://h"));
    }
}
