//! `yardarm webhook`: makes the webhooks at the provider what the configuration says, shows them, gives them another
//! secret, and removes them.
//!
//! Every command can be repeated: it looks, compares, and does what is missing (`provider::api::hooks::plan`). Before
//! something is changed it is asked of the endpoint itself whether it takes the secret, for a webhook that is answered 401
//! is worse than none: GitLab and Azure DevOps switch it off. What the credential may not do is told step by step for
//! doing it by hand.

mod show;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use url::Url;

use self::show::Account;
use self::work::Job;
use super::{Exit, Process, print, serve};
use crate::clock::System;
use crate::config::{Config, Storage};
use crate::provider::Provider;
use crate::provider::api::hooks;
use crate::scm::{self, Uncounted};
use crate::webhook::paths;

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Make the webhook of each storage, or mend what differs: events, secret, JSON, TLS, whether it is switched on.
    ///
    /// A second run changes nothing. The secret is the first of storage.<name>.webhook.secrets. Needs an environment of
    /// the storage with `scm` and `credentials`.
    ///
    /// Ends with 0 if all is as it should be, 1 if something could not be done, 2 if the configuration does not say what
    /// it needs.
    Install {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
        /// Set the secret, whether or not anything else differs: no provider shows the one that it has.
        #[arg(long)]
        set_secret: bool,
        /// Let the provider take any certificate of the endpoint.
        #[arg(long)]
        skip_tls_verification: bool,
        /// Have sent again what failed (GitHub, GitLab).
        #[arg(long)]
        redeliver: bool,
    },
    /// Show the webhooks at the provider, what is wrong with them, and their last deliveries.
    ///
    /// Ends with 0 if all is as it should be, 1 if not, or if the provider cannot be asked, 2 if the configuration does not
    /// say what it needs.
    Status {
        #[command(flatten)]
        which: Which,
        /// Have sent again what failed (GitHub, GitLab).
        #[arg(long)]
        redeliver: bool,
        /// Switch on again what is switched off, by the provider after failures or by a person.
        #[arg(long)]
        enable: bool,
    },
    /// Give the webhook the first secret, where the file has two: the new one before the old one.
    ///
    /// No delivery is lost: the running daemon has to take both already, which is tried; then the provider is told the new
    /// one, and a test delivery is waited for. Afterwards the old one can go.
    ///
    /// Ends with 0 if the provider signs with the new one, 1 if it could not be done, 2 if the file has no two secrets.
    Rotate {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        change: Change,
    },
    /// Remove the webhooks that lead to the storage.
    ///
    /// Ends with 0 if there is none any more, 1 if it could not be done.
    Uninstall {
        #[command(flatten)]
        which: Which,
        /// Say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are the help that is printed")]
pub(super) struct Which {
    /// Name of the storage; all that have a webhook, if none is named.
    storage: Option<String>,
    /// The configuration file; looked for as by serve.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the provider reaches the daemon: https://flags.example.com, to which /webhooks/STORAGE is added, or the whole
    /// URL of the endpoint. May be left out where the provider has a webhook already.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// Say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask the endpoint first whether it takes the secret: it cannot be reached from here.
    #[arg(long)]
    no_check: bool,
}

/// What one command is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Install { set_secret: bool, verify_tls: bool },
    Status { enable: bool },
    Rotate,
    Uninstall,
}

/// Runs one of them.
pub(super) fn run(command: WebhookCommand, process: &mut Process<'_>) -> Exit {
    let (which, deed, dry_run, check, redeliver) = match command {
        WebhookCommand::Install { which, change, set_secret, skip_tls_verification, redeliver } => {
            let deed = Deed::Install { set_secret, verify_tls: !skip_tls_verification };
            (which, deed, change.dry_run, !change.no_check, redeliver)
        }
        WebhookCommand::Status { which, redeliver, enable } => {
            (which, Deed::Status { enable }, false, false, redeliver)
        }
        WebhookCommand::Rotate { which, change } => (which, Deed::Rotate, change.dry_run, !change.no_check, false),
        WebhookCommand::Uninstall { which, dry_run } => (which, Deed::Uninstall, dry_run, false, false),
    };
    let file = which.config.clone().or_else(|| serve::usual(&process.environment));
    let config = match serve::load(file.as_deref(), &process.environment) {
        Ok(config) => config,
        Err(message) => {
            print(process.err, &message);
            return Exit::Usage;
        }
    };
    let storages = match named(which.storage.as_deref(), &config) {
        Ok(storages) => storages,
        Err(message) => {
            print(process.err, &format!("yardarm: {message}\n"));
            return Exit::Usage;
        }
    };
    let mut accounts = Vec::new();
    for storage in storages {
        let account = match job(storage, &config, &which) {
            Ok(job) => work::run(&Job { deed, dry_run, check, redeliver, ..job }),
            Err(message) => Account::unusable(&storage.name, message),
        };
        if !which.json {
            print(if account.exit == Exit::Usage { &mut *process.err } else { &mut *process.out }, &account.text());
        }
        accounts.push(account);
    }
    if which.json {
        let text = serde_json::to_string_pretty(&accounts).unwrap_or_default();
        print(process.out, &format!("{text}\n"));
    }
    accounts.iter().map(|account| account.exit).max_by_key(|exit| exit.code()).unwrap_or(Exit::Success)
}

/// The storages that are meant.
fn named<'c>(name: Option<&str>, config: &'c Config) -> Result<Vec<&'c Storage>, String> {
    if let Some(name) = name {
        let known = || config.storages.keys().map(|name| &**name).collect::<Vec<_>>().join(", ");
        let found = config.storages.get(name);
        return found.map(|one| vec![one]).ok_or_else(|| format!("there is no storage `{name}`; there is {}", known()));
    }
    let all: Vec<&Storage> = config.storages.values().filter(|storage| storage.remote.is_some()).collect();
    let with: Vec<&Storage> = all.iter().copied().filter(|storage| storage.webhook.is_some()).collect();
    match (with.is_empty(), all.is_empty()) {
        (false, _) => Ok(with),
        (true, false) => Ok(all),
        (true, true) => Err("no storage has a remote, so there is nobody to send webhooks".to_owned()),
    }
}

/// Everything that is needed to work on the webhooks of a storage.
fn job<'c>(storage: &'c Storage, config: &'c Config, which: &Which) -> Result<Job<'c>, String> {
    let target = scm::target(storage, config)?;
    let provider = target.place.provider;
    let webhook = storage.webhook.as_ref().ok_or_else(|| without_secret(&storage.name, provider))?;
    if webhook.provider != provider {
        return Err(format!(
            "`storage.{}.webhook.provider` is {}, and the environment's `scm` is {}: make them agree",
            storage.name,
            webhook.provider.name(),
            provider.name()
        ));
    }
    let url = which.url.as_deref().map(|text| endpoint(text, storage, config)).transpose()?;
    let hooks = hooks::of(target.place.clone()).ok_or_else(|| format!("{} has no webhooks here", provider.name()))?;
    let (link, place) = target.link(Arc::new(System), Arc::new(Uncounted))?;
    Ok(Job {
        storage: &storage.name,
        place,
        hooks,
        ask: Box::new(link),
        secrets: &webhook.secrets,
        url,
        paths: paths(storage, config),
        deed: Deed::Status { enable: false },
        dry_run: false,
        check: false,
        redeliver: false,
    })
}

/// The endpoint that `--url` means.
fn endpoint(text: &str, storage: &Storage, config: &Config) -> Result<String, String> {
    let mut url = Url::parse(text.trim()).map_err(|error| format!("--url: no URL: {error}; write https://HOST"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err("--url begins with https:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("--url has neither user nor password, and no `?` or `#`".to_owned());
    }
    let paths = paths(storage, config);
    let path = url.path().trim_end_matches('/').to_owned();
    if paths.iter().any(|known| path.ends_with(known.as_str())) {
        return Ok(url.to_string().trim_end_matches('/').to_owned());
    }
    if path.contains("/webhooks/") {
        return Err(format!(
            "--url is not an endpoint of storage `{}`: those end with {}",
            storage.name,
            paths.join(", ")
        ));
    }
    let first = paths.first().map_or("", String::as_str);
    url.set_path(&format!("{path}{first}"));
    Ok(url.to_string())
}

/// What to put into the file.
fn without_secret(storage: &str, provider: Provider) -> String {
    let make = match provider {
        Provider::Gitlab => "echo \"whsec_$(openssl rand -base64 32)\"",
        _ => "openssl rand -hex 32",
    };
    let older = match provider {
        Provider::Gitlab => "\nGitLab before 19.0 has no signing tokens: there, any text of 32 random bytes does.",
        _ => "",
    };
    format!(
        "storage `{storage}` has no webhook secret, so it has no endpoint. Make one:\n\
         \n    (umask 077; {make} > /etc/yardarm/webhook-{storage}.secret)\n\
         \nmake it readable for the daemon, put it into the file,\n\
         \n    storage:\n      {storage}:\n        webhook:\n          secrets: ['${{file:/etc/yardarm/webhook-{storage}.secret}}']\n\
         \nreload the daemon (systemctl reload yardarm), and run this again.{older}"
    )
}
