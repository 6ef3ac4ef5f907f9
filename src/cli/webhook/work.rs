//! One command on the webhooks of one storage.

use std::sync::mpsc;
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::super::Exit;
use super::Deed;
use super::show::{Account, Deliveries};
use crate::clock::{Clock as _, System};
use crate::limits;
use crate::provider::Provider;
use crate::provider::api::hooks::plan::{self, Step, Wish};
use crate::provider::api::hooks::{Attempt, Hook, Hooks, Wanted};
use crate::provider::api::{Ask, Failure, Place};
use crate::webhook::leads_to;
use crate::webhook::probe::{self, Said};

/// What there is to do, and with what.
pub(super) struct Job<'c> {
    pub(super) storage: &'c str,
    pub(super) place: Place,
    pub(super) hooks: Box<dyn Hooks>,
    pub(super) ask: Box<dyn Ask>,
    /// Of the webhook, the first is the one to send with; never empty.
    pub(super) secrets: &'c [SecretString],
    /// Where the provider sends to, if it was said.
    pub(super) url: Option<String>,
    /// Paths of the daemon's endpoints for this storage.
    pub(super) paths: Vec<String>,
    pub(super) deed: Deed,
    pub(super) dry_run: bool,
    pub(super) check: bool,
    pub(super) redeliver: bool,
}

/// Why it ends early.
enum Stop {
    Provider(Failure),
    /// A person has to do something else first.
    Operator(Exit, String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Provider(failure)
    }
}

fn usage(message: impl Into<String>) -> Stop {
    Stop::Operator(Exit::Usage, message.into())
}

fn refused(message: impl Into<String>) -> Stop {
    Stop::Operator(Exit::Failure, message.into())
}

/// Does it.
pub(super) fn run(job: &Job<'_>) -> Account {
    let mut account = Account {
        storage: job.storage.to_owned(),
        provider: Some(job.place.provider.name()),
        repository: Some(format!("{}/{}", job.place.owner, job.place.repository)),
        url: job.url.clone(),
        dry_run: job.dry_run || matches!(job.deed, Deed::Status { .. }),
        ..Account::default()
    };
    match work(job, &mut account) {
        Ok(()) => {}
        Err(Stop::Operator(exit, why)) => (account.exit, account.failure) = (exit, Some(why)),
        Err(Stop::Provider(failure)) => {
            account.exit = Exit::Failure;
            let by_hand = matches!(failure, Failure::Forbidden { .. } | Failure::NotFound(_) | Failure::Credential(_));
            if by_hand {
                if !matches!(failure, Failure::Forbidden { .. }) {
                    account.notes.push(format!("managing webhooks takes {}", job.hooks.needs()));
                }
                let url = account
                    .url
                    .clone()
                    .unwrap_or_else(|| format!("https://YOUR-HOST{}", job.paths.first().map_or("", String::as_str)));
                account.by_hand = job.hooks.by_hand(&url);
            }
            account.failure = Some(failure.to_string());
        }
    }
    account.ok = account.exit == Exit::Success;
    account
}

fn work(job: &Job<'_>, account: &mut Account) -> Result<(), Stop> {
    let all = job.hooks.list(&*job.ask)?;
    let ours: Vec<&Hook> = all.iter().filter(|hook| leads_to(hook, &job.paths)).collect();
    let url = match &job.url {
        Some(url) => url.clone(),
        None => match only(&ours)? {
            Some(url) => url,
            None if job.deed == Deed::Uninstall => {
                account.notes.push("no webhook leads to this storage".to_owned());
                return Ok(());
            }
            None if matches!(job.deed, Deed::Status { .. }) => {
                return Err(refused("no webhook at the provider leads to this storage"));
            }
            None => return Err(usage("there is no webhook yet: --url says where the provider reaches the daemon")),
        },
    };
    account.url = Some(url.clone());
    account.elsewhere = ours.into_iter().filter(|hook| !plan::same_url(&hook.url, &url)).cloned().collect();
    let here =
        |all: &[Hook]| -> Vec<Hook> { all.iter().filter(|hook| plan::same_url(&hook.url, &url)).cloned().collect() };
    match job.deed {
        Deed::Uninstall => uninstall(job, &here(&all), account),
        Deed::Status { enable: true } if here(&all).iter().any(|hook| !hook.active) => {
            enable(job, &all, &here(&all), &url, account)?;
            let all = job.hooks.list(&*job.ask)?;
            status(job, &all, &here(&all), &url, account)
        }
        Deed::Status { .. } => status(job, &all, &here(&all), &url, account),
        Deed::Install { set_secret, verify_tls } => {
            let refused = attempts(job, &here(&all))?.into_iter().filter(|(_, attempts)| plan::is_refused(attempts));
            let refused: Vec<String> = refused.map(|(id, _)| id).collect();
            let wish = Wish { url: &url, verify_tls, new_secret: set_secret, refused: &refused };
            fits(job, &url, account)?;
            let planned = plan::plan(&all, &job.hooks.groups(), &wish);
            if job.check && planned.iter().any(|step| !matches!(step, Step::Keep { .. })) {
                install_checked(job, &url, verify_tls, account)?;
            }
            account.steps = converge(job, planned, &wish)?;
            if job.redeliver && !job.dry_run {
                deliveries(job, &here(&job.hooks.list(&*job.ask)?), account)?;
            }
            Ok(())
        }
        Deed::Rotate => rotate(job, &all, &here(&all), &url, account),
    }
}

/// The one URL that all of them have.
fn only(hooks: &[&Hook]) -> Result<Option<String>, Stop> {
    let Some(first) = hooks.first() else { return Ok(None) };
    let others: Vec<&str> =
        hooks.iter().map(|hook| hook.url.as_str()).filter(|url| !plan::same_url(url, &first.url)).collect();
    if others.is_empty() {
        return Ok(Some(first.url.clone()));
    }
    Err(usage(format!(
        "webhooks lead to several addresses ({}, {}): say which with --url",
        first.url,
        others.join(", ")
    )))
}

/// Last attempts of each hook, by its id, where the provider keeps them.
fn attempts(job: &Job<'_>, hooks: &[Hook]) -> Result<Vec<(String, Vec<Attempt>)>, Failure> {
    let mut all = Vec::new();
    for hook in hooks {
        match job.hooks.attempts(&*job.ask, hook) {
            Ok(attempts) => all.push((hook.id.clone(), attempts)),
            Err(Failure::Unsupported(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(all)
}

/// What can be said without asking anybody.
fn fits(job: &Job<'_>, url: &str, account: &mut Account) -> Result<(), Stop> {
    let parsed = Url::parse(url).ok();
    let host = parsed.as_ref().and_then(Url::host_str).unwrap_or_default();
    let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    if url.starts_with("http:") && !loopback {
        let plain = matches!(job.place.provider, Provider::Azure | Provider::Gitlab);
        if plain && !job.secrets.iter().any(is_signing) {
            return Err(refused(format!(
                "{} sends the secret itself with each delivery: the address has to begin with https",
                job.place.provider.name()
            )));
        }
        account.notes.push("deliveries travel in clear: anybody on the way can read them; use https".to_owned());
    }
    Ok(())
}

fn is_signing(secret: &SecretString) -> bool {
    secret.expose_secret().starts_with("whsec_")
}

fn asked(job: &Job<'_>, url: &str, secret: &SecretString, verify_tls: bool) -> Said {
    probe::ask(url, job.place.provider, secret, job.secrets, verify_tls, System.now())
}

/// A webhook is only made for an endpoint that takes it; what cannot be found out from here is no reason not to.
fn install_checked(job: &Job<'_>, url: &str, verify_tls: bool, account: &mut Account) -> Result<(), Stop> {
    let Some(secret) = job.secrets.first() else { return Ok(()) };
    match asked(job, url, secret, verify_tls) {
        Said::Taken => Ok(()),
        Said::Refused => Err(refused(
            "the running daemon does not take this file's first secret (status 401): reload it (systemctl reload yardarm)",
        )),
        Said::NoEndpoint => Err(refused(
            "there is no such endpoint (status 404): --url is not the daemon's address, or it runs with another file",
        )),
        Said::Strange(why) => Err(refused(format!("{url}: {why}"))),
        Said::Unreachable(why) => {
            account.notes.push(format!("whether the endpoint takes the secret could not be tried from here: {why}"));
            Ok(())
        }
    }
}

/// Does what is planned. A lost answer is looked for.
fn converge(job: &Job<'_>, planned: Vec<Step>, wish: &Wish<'_>) -> Result<Vec<Step>, Failure> {
    if job.dry_run {
        return Ok(planned);
    }
    let Some(secret) = job.secrets.first() else { return Ok(planned) };
    let wanted = Wanted { url: wish.url.to_owned(), secret: secret.clone(), verify_tls: wish.verify_tls };
    let (mut todo, mut lost) = (planned.clone(), false);
    loop {
        let failure = todo.iter().find_map(|step| plan::take(&*job.hooks, &*job.ask, step, &wanted).err());
        match failure {
            None => {
                // So that its last delivery is one with the secret that it has now.
                for step in &planned {
                    if let Step::Repair { hook, .. } = step
                        && wish.refused.contains(&hook.id)
                    {
                        tried(job, hook)?;
                    }
                }
                return Ok(planned);
            }
            Some(Failure::Lost(_)) if !lost => {
                lost = true;
                todo = plan::plan(&job.hooks.list(&*job.ask)?, &job.hooks.groups(), wish);
            }
            Some(failure) => return Err(failure),
        }
    }
}

fn uninstall(job: &Job<'_>, here: &[Hook], account: &mut Account) -> Result<(), Stop> {
    if here.is_empty() {
        account.notes.push("no webhook leads there".to_owned());
    }
    for hook in here {
        if !job.dry_run {
            job.hooks.delete(&*job.ask, hook)?;
        }
        account.steps.push(Step::Delete { hook: hook.clone(), why: "as asked for".to_owned() });
    }
    Ok(())
}

/// Switches on again what is switched off; the secret goes with it, since providers take none of a hook alone.
fn enable(job: &Job<'_>, all: &[Hook], here: &[Hook], url: &str, account: &mut Account) -> Result<(), Stop> {
    let verify_tls = here.iter().all(|hook| hook.verifies_tls);
    let wish = Wish { url, verify_tls, new_secret: false, refused: &[] };
    let planned = plan::plan(all, &job.hooks.groups(), &wish);
    let off: Vec<Step> =
        planned.into_iter().filter(|step| matches!(step, Step::Repair { hook, .. } if !hook.active)).collect();
    for step in converge(job, off, &wish)? {
        if let Step::Repair { hook, .. } = step {
            account.notes.push(format!("switched on again: {}", hook.id));
        }
    }
    Ok(())
}

fn status(job: &Job<'_>, all: &[Hook], here: &[Hook], url: &str, account: &mut Account) -> Result<(), Stop> {
    let verify_tls = here.iter().all(|hook| hook.verifies_tls);
    if !verify_tls && url.starts_with("https:") {
        account.notes.push("the provider does not verify the certificate of the endpoint".to_owned());
    }
    let refused = deliveries(job, here, account)?;
    let wish = Wish { url, verify_tls, new_secret: false, refused: &refused };
    account.steps = plan::plan(all, &job.hooks.groups(), &wish);
    let right = account.steps.iter().all(|step| matches!(step, Step::Keep { .. }));
    let failing = account.deliveries.iter().any(|of_hook| of_hook.last.first().is_some_and(|last| !last.ok));
    if !right {
        account.notes.push("`yardarm webhook install` puts it right".to_owned());
    }
    if failing && refused.is_empty() {
        account.notes.push("the last delivery was not taken".to_owned());
    }
    if !right || failing {
        account.exit = Exit::Failure;
    }
    Ok(())
}

/// Tells what was delivered lately, and has sent again what was not taken. Brings the ids of hooks whose last delivery was
/// refused as not authentic.
fn deliveries(job: &Job<'_>, here: &[Hook], account: &mut Account) -> Result<Vec<String>, Failure> {
    let (mut refused, mut left) = (Vec::new(), limits::WEBHOOK_REDELIVERIES);
    for (id, attempts) in attempts(job, here)? {
        let hook = here.iter().find(|hook| hook.id == id);
        let lost = plan::lost(&attempts);
        let mut sent_again = 0;
        if let Some(hook) = hook.filter(|_| job.redeliver) {
            for attempt in lost.iter().take(left) {
                match job.hooks.redeliver(&*job.ask, hook, attempt) {
                    Ok(()) => sent_again += 1,
                    Err(failure @ (Failure::Unsupported(_) | Failure::Wait { .. })) => {
                        account.notes.push(format!("not sent again: {failure}"));
                        break;
                    }
                    // One whose record is gone, or that the provider does not send again, does not keep back the others.
                    Err(failure @ (Failure::NotFound(_) | Failure::Invalid(_) | Failure::State(_))) => {
                        account.notes.push(format!("{} of {} is not sent again: {failure}", attempt.event, attempt.id));
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        left = left.saturating_sub(sent_again);
        if plan::is_refused(&attempts) {
            refused.push(id.clone());
        }
        let failed = lost.len();
        let newest = attempts.into_iter().take(limits::WEBHOOK_ATTEMPTS_SHOWN).collect();
        account.deliveries.push(Deliveries { hook: id, last: newest, lost: failed, sent_again });
    }
    Ok(refused)
}

fn rotate(job: &Job<'_>, all: &[Hook], here: &[Hook], url: &str, account: &mut Account) -> Result<(), Stop> {
    let storage = job.storage;
    let [new, old @ ..] = job.secrets else { return Err(usage("there is no secret")) };
    if old.is_empty() {
        return Err(usage(format!(
            "the file has one secret. Put the new one before it:\n\n    storage:\n      {storage}:\n        webhook:\n          \
             secrets: ['${{file:NEW}}', '${{file:OLD}}']\n\nreload the daemon (systemctl reload yardarm), and run this again"
        )));
    }
    if job.place.provider == Provider::Gitlab && job.secrets.iter().any(|secret| is_signing(secret) != is_signing(new))
    {
        return Err(usage(
            "a signing token (whsec_…) and a plain token are not valid at one time: set both at GitLab by hand, then leave \
             only the signing token in the file",
        ));
    }
    if here.is_empty() {
        return Err(usage("there is no webhook whose secret could change: make one with `yardarm webhook install`"));
    }
    fits(job, url, account)?;
    let verify_tls = here.iter().all(|hook| hook.verifies_tls);
    if job.check {
        both_taken(job, url, verify_tls, account)?;
    }
    let wish = Wish { url, verify_tls, new_secret: true, refused: &[] };
    account.steps = converge(job, plan::plan(all, &job.hooks.groups(), &wish), &wish)?;
    if job.dry_run {
        return Ok(());
    }
    let now = job.hooks.list(&*job.ask)?;
    let first = now.iter().find(|hook| plan::same_url(&hook.url, url));
    let told = first.map(|hook| proven(job, hook)).transpose()?.flatten();
    account.notes.push(match told {
        Some(attempt) if attempt.ok => "a test delivery with the new secret was taken".to_owned(),
        Some(attempt) => {
            let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
            return Err(refused(format!(
                "the provider has the new secret, and a test delivery was not taken ({status}): keep both secrets, and \
                 look at `yardarm webhook status`"
            )));
        }
        None => {
            "the provider has the new secret; it keeps no record of a test delivery, so look at the next delivery at \
                 the daemon before you take the old secret away"
                .to_owned()
        }
    });
    account
        .notes
        .push(format!("take the old secret out of `storage.{storage}.webhook.secrets`, and reload the daemon"));
    Ok(())
}

/// Deliveries are lost if the running daemon does not take both.
fn both_taken(job: &Job<'_>, url: &str, verify_tls: bool, account: &mut Account) -> Result<(), Stop> {
    for (n, secret) in job.secrets.iter().enumerate() {
        match asked(job, url, secret, verify_tls) {
            Said::Taken => {}
            Said::Refused if n == 0 => {
                return Err(refused(
                    "the running daemon does not take the new secret yet (status 401): reload it (systemctl reload \
                     yardarm), then run this again. Nothing was changed",
                ));
            }
            Said::Refused => account.notes.push("the running daemon does not take the old secret".to_owned()),
            Said::NoEndpoint => return Err(refused(format!("{url}: there is no such endpoint (status 404)"))),
            Said::Strange(why) => return Err(refused(format!("{url}: {why}"))),
            Said::Unreachable(why) => {
                return Err(refused(format!(
                    "whether the running daemon takes the new secret could not be tried from here ({why}). Nothing was \
                     changed; where you know that it was reloaded, --no-check goes on"
                )));
            }
        }
    }
    Ok(())
}

/// Has a test delivery sent, where there is one. That it was not taken is shown by what follows.
fn tried(job: &Job<'_>, hook: &Hook) -> Result<bool, Failure> {
    match job.hooks.test(&*job.ask, hook) {
        Ok(()) | Err(Failure::State(_)) => Ok(true),
        Err(Failure::Unsupported(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// A test delivery, and what became of it; `None` where the provider has none or keeps no record.
fn proven(job: &Job<'_>, hook: &Hook) -> Result<Option<Attempt>, Failure> {
    let newest = || match job.hooks.attempts(&*job.ask, hook) {
        Ok(attempts) => Ok(Some(attempts.into_iter().next())),
        Err(Failure::Unsupported(_)) => Ok(None),
        Err(failure) => Err(failure),
    };
    // Bitbucket Data Center does not sign its test, so it proves nothing.
    if job.place.provider == Provider::BitbucketDataCenter {
        return Ok(None);
    }
    let before = newest()?;
    if !tried(job, hook)? {
        return Ok(None);
    }
    let Some(before) = before else { return Ok(None) };
    let until = Instant::now() + limits::WEBHOOK_TEST_DEADLINE;
    let (_nobody_sends, wait) = mpsc::channel::<()>();
    loop {
        let last = newest()?.flatten().filter(|last| before.as_ref().is_none_or(|before| before.id != last.id));
        if last.is_some() || Instant::now() >= until {
            return Ok(last);
        }
        // Only time can come of this: the record is written at the provider.
        let _ = wait.recv_timeout(limits::WEBHOOK_TEST_LOOK);
    }
}
