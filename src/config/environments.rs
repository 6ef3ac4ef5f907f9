//! `environments`, and what they say about the webhooks of their storages.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::check::Section;
use super::credentials::{Credentials, pick, required};
use super::duration::show;
use super::place;
use super::report::{Report, Spot};
use super::storages::Draft;
use super::{BreakGlass, Credential, Environment, Scm, ScmReport, Webhook};
use crate::flags::problem::HazardPolicy;
use crate::limits;
use crate::provider::Provider;
use crate::provider::api::MergeMethod;
use crate::provider::remote::{self, Repository};

/// What an environment says about the webhook of its storage.
pub(super) struct Announcement {
    pub(super) storage: Arc<str>,
    pub(super) spot: Spot,
    pub(super) provider: Option<Provider>,
    pub(super) secret: Option<SecretString>,
}

/// Reads every environment.
pub(super) fn read(
    entries: &[(String, Section)],
    storages: &[(Spot, Draft)],
    credentials: &Credentials,
    report: &mut Report,
) -> (Vec<Environment>, Vec<Announcement>) {
    let mut environments: Vec<Environment> = Vec::new();
    let mut announcements = Vec::new();
    for (key, section) in entries {
        let name = name(key, section, report);
        if let Some(other) = environments.iter().find(|e| e.name.eq_ignore_ascii_case(&name)) {
            report.error(
                &section.spot("name"),
                format!("environment `{}` has the name `{}` already", other.key, other.name),
            );
        }
        let wanted = section.text("storage").filter(|storage| !storage.is_empty()).unwrap_or("default");
        let names = storages.iter().map(|(_, draft)| &*draft.storage.name);
        let storage: Arc<str> = pick(names, wanted, "storage", &section.spot("storage"), report)
            .map_or_else(|| Arc::from(wanted), Arc::from);
        let directory = directory(section, report);
        if let Some(other) = environments.iter().find(|e| e.storage == storage && *e.directory == *directory) {
            let directory =
                if directory.is_empty() { "the root".to_owned() } else { format!("directory `{directory}`") };
            let message = format!(
                "environment `{}` has {directory} of storage `{storage}` already; give each a directory of its own",
                other.key
            );
            report.error(&section.spot("directory"), message);
        }
        let draft = storages.iter().map(|(_, draft)| draft).find(|draft| draft.storage.name == storage);
        let scm = section.section("scm").and_then(|section| {
            let (scm, announcement) = scm(section, &storage, draft, credentials, report);
            announcements.push(announcement);
            scm
        });
        environments.push(Environment {
            key: Arc::from(key.as_str()),
            name: Arc::from(name),
            default: section.flag("default"),
            storage,
            directory: Arc::from(directory),
            hazards: if section.text("hazards") == Some("refuse") { HazardPolicy::Refuse } else { HazardPolicy::Warn },
            protected: section.flag("protected"),
            break_glass: section.section("break_glass").and_then(|glass| break_glass(glass, draft, report)),
            scm,
        });
    }
    (environments, announcements)
}

fn break_glass(section: &Section, draft: Option<&Draft>, report: &mut Report) -> Option<BreakGlass> {
    let expires_after = section.duration("expires_after").unwrap_or(limits::BREAK_GLASS_EXPIRES);
    if !(limits::BREAK_GLASS_EXPIRES_MIN..=limits::BREAK_GLASS_EXPIRES_MAX).contains(&expires_after) {
        let (least, most) = (show(limits::BREAK_GLASS_EXPIRES_MIN), show(limits::BREAK_GLASS_EXPIRES_MAX));
        report.error(&section.spot("expires_after"), format!("the expiry is between {least} and {most}"));
    }
    if !section.flag("enabled") {
        return None;
    }
    if draft.is_some_and(|draft| draft.storage.remote.is_none() && !draft.unreadable) {
        report.warning(&section.spot("enabled"), "the storage has no remote that could be down: every edit is final");
    }
    Some(BreakGlass { expires_after })
}

/// Exactly one environment is the default; the only one is without saying so.
pub(super) fn one_default(
    environments: &mut [Environment],
    entries: &[(String, Section)],
    spot: &Spot,
    report: &mut Report,
) {
    if let [only] = environments {
        only.default = true;
        return;
    }
    let mut flagged = entries.iter().filter(|(_, section)| section.flag("default"));
    let first = flagged.next();
    if first.is_none() {
        report.error(spot, "one environment has to be the default, which answers where a client names none: give one of them `default: true`");
    }
    for (_, section) in flagged {
        let name = first.map_or("", |(name, _)| name);
        report.error(&section.spot("default"), format!("only one environment can be the default, and `{name}` is"));
    }
}

fn name(key: &str, section: &Section, report: &mut Report) -> String {
    let given = section.text("name").filter(|name| !name.is_empty());
    let name = given.unwrap_or(key);
    let spot = if given.is_some() { section.spot("name") } else { section.spot.clone() };
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '?' | '#' | '%');
    if name.is_empty()
        || name.contains(forbidden)
        || name.chars().count() > limits::NAME_CHARACTERS
        || matches!(name, "." | "..")
    {
        report.error(&spot, "the name of an environment is one segment of a URL: no blanks, slashes, `?`, `#` or `%`");
    } else if given.is_none() && name.chars().any(char::is_uppercase) {
        let message = format!(
            "clients ask for `{name}` as it is written; Flipt would serve it as `{}`: say which with `name:`",
            name.to_lowercase()
        );
        report.warning(&spot, message);
    }
    name.to_owned()
}

fn directory(section: &Section, report: &mut Report) -> String {
    let text = section.text("directory").unwrap_or_default();
    let segments: Vec<&str> = text.split('/').filter(|s| !s.is_empty() && *s != ".").collect();
    if segments.contains(&"..")
        || text.contains(['\\', '\0'])
        || segments.iter().any(|s| s.eq_ignore_ascii_case(".git"))
    {
        report.error(&section.spot("directory"), "a directory of the repository, separated by slashes, without `..`");
    }
    segments.join("/")
}

/// A base URL of an API.
pub(super) fn api_base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|e| format!("no URL: {e}; write https://HOST"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err("a URL of https stands here".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without user and password stands here; they belong into `credentials`".to_owned());
    }
    Ok(url)
}

fn scm(
    section: &Section,
    storage: &Arc<str>,
    draft: Option<&Draft>,
    credentials: &Credentials,
    report: &mut Report,
) -> (Option<Scm>, Announcement) {
    let remote = draft.and_then(|draft| draft.place.as_ref());
    let api = section.text("api_url").filter(|url| !url.trim().is_empty()).and_then(|text| match api_base(text) {
        Ok(url) => Some(url),
        Err(message) => {
            report.error(&section.spot("api_url"), message);
            None
        }
    });
    let provider = match section.text("type") {
        Some(word) => place::named(word, api.as_ref(), remote),
        None if section.says("type") => None,
        None => {
            let told = remote.and_then(place::provider_of);
            if told.is_none() && draft.is_none_or(|draft| !draft.unreadable) {
                let message = format!(
                    "a type is required, because the host of the remote does not tell it: {}",
                    place::SCM_TYPES.join(", ")
                );
                report.error(&section.spot("type"), message);
            }
            told
        }
    };
    let credential = credentials.named(section, "credentials", report);
    let secret = section.section("webhook").and_then(|webhook| required(webhook, "secret", report));
    let announcement = Announcement { storage: Arc::clone(storage), spot: section.spot("webhook"), provider, secret };
    let Some(provider) = provider else { return (None, announcement) };
    check_credential(provider, credential.as_ref(), section, report);
    let api_url = place::api_root(provider, api.as_ref(), remote).unwrap_or_else(|message| {
        report.error(&section.spot("api_url"), message);
        None
    });
    if let Some(url) = api_url.as_deref().filter(|url| url.starts_with("http://")) {
        let loopback = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let loopback = loopback.is_some_and(|host| matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]"));
        if credential.is_some() && !loopback {
            report.warning(&section.spot("api_url"), "the credential travels in clear; use https");
        }
    }
    let url = draft.and_then(|draft| draft.storage.remote.as_deref());
    let repository = repository(provider, api_url.as_deref(), url, section, report);
    let scm = Scm {
        provider,
        api_url,
        credential,
        repository,
        report: said_on_proposals(section),
        delete_merged_branches: section.flag("delete_merged_branches"),
        draft: section.flag("draft"),
        merge_method: match section.text("merge_method") {
            Some("merge") => Some(MergeMethod::Merge),
            Some("squash") => Some(MergeMethod::Squash),
            Some("rebase") => Some(MergeMethod::Rebase),
            _ => None,
        },
    };
    (Some(scm), announcement)
}

/// Both, where the file does not say: without a credential nothing is said in any case.
fn said_on_proposals(section: &Section) -> ScmReport {
    let said = |name: &str| section.section("report").is_none_or(|report| !report.says(name) || report.flag(name));
    ScmReport { status: said("status"), comment: said("comment") }
}

/// The repository's name at the API: what the file says, else what the remote tells.
fn repository(
    provider: Provider,
    api_url: Option<&str>,
    remote: Option<&str>,
    section: &Section,
    report: &mut Report,
) -> Option<Repository> {
    let given = |key: &str| section.text(key).map(|text| text.trim().trim_matches('/')).filter(|text| !text.is_empty());
    let (owner, mut name, project) = (given("owner"), given("repository"), given("project"));
    let mut owner = owner.map(str::to_owned);
    if let Some(project) = project {
        let spot = section.spot("project");
        match provider {
            Provider::Gitlab if owner.is_some() || name.is_some() => {
                report.error(&spot, "`project` is owner and repository in one: leave out `owner` and `repository`");
            }
            Provider::Gitlab => match project.rsplit_once('/') {
                Some((above, last)) => (owner, name) = (Some(above.to_owned()), Some(last)),
                None => report.error(&spot, "the whole path of the project stands here: group/sub/name"),
            },
            Provider::Azure | Provider::BitbucketDataCenter if owner.is_some() => {
                report.error(&spot, "`project` and `owner` mean the same: leave out one");
            }
            Provider::Azure | Provider::BitbucketDataCenter => owner = Some(project.to_owned()),
            _ => {
                report
                    .error(&spot, format!("{} has no projects here: write `owner` and `repository`", provider.name()));
            }
        }
    }
    if owner.as_ref().is_some_and(|owner| provider != Provider::Gitlab && owner.contains('/')) {
        report.error(&section.spot("owner"), "one name without slashes stands here");
    }
    if name.is_some_and(|name| name.contains('/')) {
        report.error(&section.spot("repository"), "one name without slashes stands here; what is above it is `owner`");
    }
    let told = remote.and_then(|url| remote::repository(url, provider, &place::context(provider, api_url)));
    let (told_owner, told_name) = told.map(|told| (told.owner, told.name)).unzip();
    Some(Repository { owner: owner.or(told_owner)?, name: name.map(str::to_owned).or(told_name)? })
}

/// A key of ssh opens no REST interface, and only GitHub knows GitHub Apps.
fn check_credential(provider: Provider, credential: Option<&Credential>, section: &Section, report: &mut Report) {
    let spot = section.spot("credentials");
    match credential {
        Some(Credential::Ssh { .. }) => {
            report
                .warning(&spot, "a key of ssh does not authenticate to an API: its requests go without authentication");
        }
        Some(Credential::GithubApp { .. }) if provider != Provider::Github => {
            report.error(&spot, format!("a GitHub App does not authenticate to {}", provider.name()));
        }
        // support.atlassian.com, "Using API tokens".
        Some(Credential::AccessToken(token))
            if provider == Provider::BitbucketCloud && token.expose_secret().starts_with("ATATT") =>
        {
            report.warning(
                &spot,
                "an API token of a person (ATATT…) opens Bitbucket's API only together with the address of its account: \
                 write a credential of type `basic` with the address and the token, or use an access token of the repository",
            );
        }
        _ => {}
    }
}

/// Puts together what storage and environments say about one webhook.
pub(super) fn webhook(
    draft: &Draft,
    own: Option<&Section>,
    announcements: &[Announcement],
    report: &mut Report,
) -> Option<Webhook> {
    let heard: Vec<&Announcement> = announcements.iter().filter(|a| a.storage == draft.storage.name).collect();
    let mut secrets: Vec<SecretString> = Vec::new();
    let own_secrets = own.map_or(&[][..], |own| own.secrets("secrets"));
    for (spot, secret) in own_secrets {
        let Some(secret) = secret else { continue };
        if secret.expose_secret().trim().is_empty() {
            report.error(spot, "a secret of a webhook may not be empty");
        } else {
            add(&mut secrets, secret);
        }
    }
    for secret in heard.iter().filter_map(|a| a.secret.as_ref()) {
        add(&mut secrets, secret);
    }
    if let Some(own) = own.filter(|own| !own.says("secrets") && secrets.is_empty()) {
        report.error(&own.spot("secrets"), "a webhook needs a secret: without one its endpoint does not exist");
    } else if let Some(own) = own.filter(|own| own_secrets.is_empty() && own.says("secrets") && secrets.is_empty()) {
        report.error(&own.spot("secrets"), "a webhook needs at least one secret");
    }
    if secrets.len() > limits::WEBHOOK_SECRETS {
        let spot = own.map_or_else(|| Spot::default().absent("storage"), |own| own.spot("secrets"));
        report.error(&spot, format!("more than {} secrets at one time", limits::WEBHOOK_SECRETS));
    }
    if secrets.is_empty() {
        return None;
    }
    let spot = own
        .map(|own| own.spot("provider"))
        .or_else(|| heard.iter().find(|a| a.secret.is_some()).map(|a| a.spot.clone()))?;
    if draft.storage.remote.is_none() && !draft.unreadable {
        report.warning(&spot, "this storage has no remote, so that there is nothing to fetch when a webhook comes");
    }
    let provider = provider(draft, own, &heard, &spot, report)?;
    Some(Webhook { provider, secrets })
}

fn add(secrets: &mut Vec<SecretString>, secret: &SecretString) {
    if !secrets.iter().any(|known| known.expose_secret() == secret.expose_secret()) {
        secrets.push(secret.clone());
    }
}

fn provider(
    draft: &Draft,
    own: Option<&Section>,
    heard: &[&Announcement],
    spot: &Spot,
    report: &mut Report,
) -> Option<Provider> {
    let mut from_scm: Vec<Provider> = heard.iter().filter_map(|a| a.provider).collect();
    from_scm.sort();
    from_scm.dedup();
    if own.is_some_and(|own| own.says("provider")) {
        let word = own.and_then(|own| own.text("provider"))?;
        let said = place::named(word, None, draft.place.as_ref())?;
        if let Some(other) = from_scm.iter().find(|other| !agree(said, **other)) {
            report.error(spot, format!("the environment's scm says {}, this says {}", other.name(), said.name()));
        }
        return Some(said);
    }
    match from_scm.as_slice() {
        [only] => return Some(*only),
        [] => {}
        several => {
            let names: Vec<&str> = several.iter().map(|p| p.name()).collect();
            let message = format!(
                "the environments of this storage name several providers ({}); say which one sends, with `storage.{}.webhook.provider`",
                names.join(", "),
                draft.storage.name
            );
            report.error(spot, message);
            return None;
        }
    }
    // An scm whose type could not be read has been reported.
    let told = draft.place.as_ref().and_then(place::provider_of);
    if told.is_none() && !draft.unreadable && !heard.iter().any(|a| a.provider.is_none() && a.secret.is_some()) {
        let message = format!(
            "who sends is not told by the remote; write `provider:` with one of {}",
            place::PROVIDERS.join(", ")
        );
        report.error(spot, message);
    }
    told
}

/// Flipt has no word for Forgejo: `gitea` stands for both there.
fn agree(said: Provider, scm: Provider) -> bool {
    let family = |p: Provider| if p == Provider::Forgejo { Provider::Gitea } else { p };
    family(said) == family(scm)
}
