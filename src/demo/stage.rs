//! Everything that the demonstration plays on: forge, daemon, clients; made in one temporary directory and gone with
//! it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::desk::{Book, Desk};
use super::dialect::{Commit, Person, Sender};
use super::forge::{self, Forge};
use super::herald::Herald;
use super::outside::{Form, Listener, Outside};
use super::{Error, flags, life};
use crate::app::Daemon;
use crate::git::program;
use crate::{clock, config, limits};

/// Branch, storage and environment of the row whose announcement gets lost.
pub(super) const QUIET: &str = "quiet";

/// The clients of each environment.
const FORMS: [Form; 5] = [Form::Lines, Form::Lines, Form::Events, Form::Events, Form::Ofrep];

/// Storage of the shop that people look at.
const SHOP: &str = "shop";

/// The whole stage.
pub(super) struct Stage {
    pub(super) forge: Forge,
    pub(super) outside: Outside,
    pub(super) pusher: Person,
    desk: Desk,
    herald: JoinHandle<()>,
    work: program::Repository,
    daemon: Daemon,
    secrets: BTreeMap<&'static str, String>,
    listeners: BTreeMap<&'static str, Vec<Listener>>,
    // Last: everything above lives in it.
    _directory: TempDir,
}

/// A push that has arrived at the forge.
pub(super) struct Pushed {
    pub(super) before: Option<String>,
    pub(super) after: String,
    pub(super) commits: Vec<Commit>,
    /// When `git push` had its answer.
    pub(super) at: Timestamp,
    /// Digest that the pushed file gives its snapshot.
    pub(super) digest: String,
}

/// Every environment with what pushes to it.
fn environments() -> impl Iterator<Item = (&'static str, Sender)> {
    Sender::ALL.into_iter().map(|sender| (sender.name(), sender)).chain([(QUIET, Sender::Github)])
}

impl Stage {
    pub(super) async fn set_up(port: u16) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("yardarm-demo-").tempdir().map_err(Error::Directory)?;
        let forge = Forge::start(&directory.path().join("forge"), forge::Options::default())?;
        let work = program::Repository::init(&directory.path().join("work.git"), program::Format::Sha1)?;
        let secrets: BTreeMap<_, _> = environments().map(|(name, sender)| (name, sender.secret(&random()))).collect();
        seed(&forge, &work).await?;
        let desk = Desk::start(&forge, hex::encode(random()))?;
        let (repository, book) = (forge.repository().clone(), Arc::clone(desk.book()));
        let prepared = tokio::task::spawn_blocking(move || life::prepare(&repository, &book)).await;
        prepared.unwrap_or(Ok(()))?;
        let secret = Sender::Gitea.secret(&random());
        let kept = directory.path().join("state").display().to_string();
        let text = configuration(&forge, &secrets, (&desk, &secret), port, &kept);
        let read = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
        let config = config::load(&text, "demo.yml", &BTreeMap::new(), &read).map_err(|findings| {
            let told = findings.iter().map(|finding| format!("{}: {}", finding.key, finding.message));
            Error::Config(told.collect::<Vec<_>>().join("; "))
        })?;
        let daemon = Daemon::start(config, Arc::new(clock::System)).await?;
        let outside = Outside::new(format!("http://{}", daemon.address()))?;
        let pusher =
            Person { name: "Ada Lovelace".to_owned(), email: "ada@example.com".to_owned(), login: "ada".to_owned() };
        let herald = Herald {
            book: Arc::clone(desk.book()),
            repository: forge.repository().clone(),
            place: forge.place().clone(),
            outside: outside.clone(),
            endpoint: format!("/webhooks/{SHOP}"),
            secret,
            pusher: pusher.clone(),
        };
        let herald = herald.begin();
        let mut stage = Self {
            forge,
            outside,
            pusher,
            desk,
            herald,
            work,
            daemon,
            secrets,
            listeners: BTreeMap::new(),
            _directory: directory,
        };
        match stage.seat().await {
            Ok(()) => Ok(stage),
            Err(error) => {
                stage.tear_down().await;
                Err(error)
            }
        }
    }

    /// Connects the clients, and waits until each has the first state.
    async fn seat(&mut self) -> Result<(), Error> {
        let digest = digest(&flags::shop(FIRST_NEWS));
        for (name, _) in environments() {
            let mut seated = Vec::new();
            for form in FORMS {
                let listener = self.outside.listen(form, name, flags::NAMESPACE).await?;
                listener.digest(&digest, limits::DEMO_LIVE_DEADLINE).await.ok_or(Error::NotReady(name))?;
                seated.push(listener);
            }
            self.listeners.insert(name, seated);
        }
        Ok(())
    }

    pub(super) async fn tear_down(self) {
        self.herald.abort();
        drop(self.listeners);
        self.daemon.stop().await;
        self.desk.stop().await;
        self.forge.stop().await;
    }

    /// The proposals.
    pub(super) fn book(&self) -> Arc<Book> {
        Arc::clone(self.desk.book())
    }

    /// Commits what the shop's banner says now, and pushes it with Git to the branch.
    pub(super) async fn push(&self, branch: &'static str, news: &str) -> Result<Pushed, Error> {
        self.push_file(branch, flags::SHOP_FILE, flags::shop(news), format!("Say: {news}")).await
    }

    /// Commits a file, and pushes it with Git to the branch.
    pub(super) async fn push_file(
        &self,
        branch: &'static str,
        path: &'static str,
        text: String,
        message: String,
    ) -> Result<Pushed, Error> {
        let (work, url) = (self.work.clone(), self.forge.url(Sender::Github));
        blocking(move || {
            let before = work.tip(branch)?;
            let files = [(path, Some(text.as_bytes()))];
            let seconds = Timestamp::now().as_second();
            let after = work.commit(&program::Commit { branch, files: &files, message: &message, seconds })?;
            work.push(&url, &[branch])?;
            let commit = Commit {
                id: after.clone(),
                message,
                added: Vec::new(),
                modified: vec![path.to_owned()],
                removed: Vec::new(),
            };
            Ok(Pushed { before, after, commits: vec![commit], at: Timestamp::now(), digest: digest(&text) })
        })
        .await
    }

    /// Asks Git, in the repository of the forge.
    pub(super) async fn ask_git(&self, arguments: Vec<String>) -> Result<String, Error> {
        let repository = self.forge.repository().clone();
        blocking(move || repository.git(arguments)).await
    }

    pub(super) fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).map_or("", String::as_str)
    }

    /// The clients of an environment.
    pub(super) fn clients(&self, name: &str) -> &[Listener] {
        self.listeners.get(name).map_or(&[], Vec::as_slice)
    }

    /// How many clients there are.
    pub(super) fn listeners(&self) -> usize {
        self.listeners.values().map(Vec::len).sum()
    }
}

/// What the banner says before the first push of the table.
const FIRST_NEWS: &str = "Welcome to the shop";

/// The first commits: one on the branch of every provider, and the shop's.
async fn seed(forge: &Forge, work: &program::Repository) -> Result<(), Error> {
    let (work, url) = (work.clone(), forge.url(Sender::Github));
    blocking(move || {
        let files = flags::files(FIRST_NEWS);
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_bytes()))).collect();
        let seconds = Timestamp::now().as_second();
        let commit =
            work.commit(&program::Commit { branch: QUIET, files: &files, message: "Open the shop", seconds })?;
        for (name, _) in environments() {
            work.set_branch(name, &commit)?;
        }
        let files = life::files();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_bytes()))).collect();
        work.commit(&program::Commit { branch: life::MAIN, files: &files, message: "Open the shop", seconds })?;
        work.push(&url, &["refs/heads/*:refs/heads/*"])
    })
    .await
}

/// Git's program blocks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::git::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| crate::git::Error::Local(error.to_string()))??)
}

/// One storage and one environment a sender, as an operator would write them.
fn configuration(
    forge: &Forge,
    secrets: &BTreeMap<&str, String>,
    (desk, secret_of_shop): (&Desk, &str),
    port: u16,
    state: &str,
) -> String {
    let mut storages = String::new();
    let mut environments_text = String::new();
    for (name, sender) in environments() {
        let secret = secrets.get(name).map_or("", String::as_str);
        // The lost push is found as soon as polling may; elsewhere the usual interval stays out of the way.
        let poll = if name == QUIET { "1s" } else { "30s" };
        // Writing to a `String` does not fail.
        let _ = write!(
            storages,
            "  {name}:\n    remote: \"{}\"\n    branch: {name}\n    poll_interval: {poll}\n    poll_ceiling: 30s\n    \
             webhook:\n      provider: {}\n      secrets: [\"{secret}\"]\n",
            forge.url(sender),
            sender.provider().name(),
        );
        let _ = write!(environments_text, "  {name}:\n    storage: {name}\n    hazards: refuse\n");
    }
    let state = serde_json::Value::from(state);
    let (remote, main, api, token) = (forge.url(Sender::Gitea), life::MAIN, desk.root(), desk.token());
    let of_shop = |name: &str, more: &str| {
        format!(
            "  {name}:\n    storage: {SHOP}\n    directory: {name}\n{more}    scm: {{type: gitea, api_url: \"{api}\", \
             credentials: {SHOP}, delete_merged_branches: true}}\n"
        )
    };
    format!(
        "server:\n  host: 127.0.0.1\n  http_port: {port}\nstate:\n  directory: {state}\ncredentials:\n  {SHOP}: {{type: \
         access_token, access_token: \"{token}\"}}\nstorage:\n{storages}  {SHOP}:\n    remote: \"{remote}\"\n    branch: \
         {main}\n    poll_interval: 30s\n    webhook:\n      provider: gitea\n      secrets: [\"{secret_of_shop}\"]\n\
         environments:\n{environments_text}{}{}",
        of_shop(life::PRODUCTION, "    default: true\n"),
        of_shop(life::STAGING, ""),
    )
}

pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha1::digest(text.as_bytes()))
}

/// Two random ids make the 32 bytes of a secret.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let (left, right) = bytes.split_at_mut(16);
    left.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    right.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    bytes
}
