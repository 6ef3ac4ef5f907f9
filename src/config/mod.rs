//! The configuration: Flipt v2's file as it is, and what Yardarm adds to it.
//!
//! [`load`] takes the text of the file and the environment as values and answers either a checked [`Config`] or every
//! problem at once, each with its key path, line and column. Nothing here touches the process or the disk except
//! through the values that are passed in.
//!
//! The way: the file becomes a tree with places (`tree`), over which the variables are laid; the tree is checked
//! against the table of keys (`keys`, `check`), which resolves references (`substitute`) and leaves typed values; from
//! these the parts below are built, where one key depends on another.
//!
//! It differs from Flipt in silence nowhere. Wider: a key of ssh needs no passphrase, names keep their case. Narrower,
//! each an error that says what to do: unknown keys, unknown words (`fetch_policy`, `backend.type`), two environments
//! of one name, references that lead nowhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::auth::jwt::{KeySet, Rules};
use crate::auth::peer::Network;
use crate::auth::rate::Rate;
use crate::auth::tokens::Token;
use crate::flags::problem::HazardPolicy;
use crate::limits;
use crate::provider::Provider;
use crate::provider::api::MergeMethod;
use crate::provider::remote::Repository;

mod access;
mod check;
mod colour;
mod credentials;
mod duration;
mod environments;
mod excerpt;
mod interface;
mod jwt;
mod keys;
mod load;
mod place;
mod reference;
mod report;
mod schema;
mod server;
mod signature;
mod storages;
mod substitute;
mod table;
mod tree;

#[cfg(test)]
mod tests;

pub use colour::Colour;
pub use excerpt::Excerpts;
pub use load::{load, load_without_file, load_without_secrets};
pub use reference::reference;
pub use schema::schema;

/// Reads a file of the disk; the only way in which a load touches it.
pub type Files<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// A checked configuration: every reference resolves, every value is in range.
#[derive(Debug, Clone)]
pub struct Config {
    /// By name.
    pub storages: BTreeMap<Arc<str>, Storage>,
    /// In the order of the file; exactly one is the default.
    pub environments: Vec<Environment>,
    /// Listeners.
    pub server: Server,
    /// Logging.
    pub log: Log,
    /// Cross-origin requests.
    pub cors: Cors,
    /// Who may ask.
    pub authentication: Authentication,
    /// How often a caller may ask.
    pub rates: Rates,
    /// The web interface.
    pub interface: Interface,
    /// Server-wide texts of commits and proposals.
    pub templates: Templates,
    /// Whether evaluations are counted, and how (`analytics`).
    pub analytics: Analytics,
    /// File that gets a line for every write (`audit.file`).
    pub audit_file: Option<PathBuf>,
    /// `evaluation.include_flag_metadata`: list-flags carries `metadata`.
    pub include_flag_metadata: bool,
    /// Where mirrors and sled live (`state.directory`; else `$STATE_DIRECTORY`, `$XDG_STATE_HOME/yardarm`,
    /// `~/.local/state/yardarm`).
    pub state_directory: PathBuf,
    /// Things to tell the operator that stop nothing: keys of Flipt that Yardarm has no use for, and the like.
    pub warnings: Vec<Finding>,
}

/// `analytics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Analytics {
    /// Evaluations are counted.
    pub enabled: bool,
    /// How often what was counted is booked.
    pub flush_period: Duration,
}

/// One thing to say about a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it stops the start.
    pub severity: Severity,
    /// Dotted path of the key: `storage.flags.poll_interval`.
    pub key: String,
    /// Where in the file; absent for values from the environment.
    pub at: Option<crate::yaml::Position>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, and the operator should know.
    Warning,
}

impl Severity {
    /// The word that is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One Git repository.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Its name in the file.
    pub name: Arc<str>,
    /// URL of the repository without userinfo; absent = a repository of this machine only.
    pub remote: Option<String>,
    /// The branch that environments are served from.
    pub branch: Arc<str>,
    /// The safety net.
    pub poll_interval: Duration,
    /// Longest pause that proven webhooks may stretch polling to (`storage.<s>.poll_ceiling`).
    pub poll_ceiling: Duration,
    /// How to authenticate to the remote.
    pub credential: Option<Credential>,
    /// Own certificate authority, PEM.
    pub ca_certificate: Option<Vec<u8>>,
    /// `insecure_skip_tls`.
    pub insecure_skip_tls: bool,
    /// What a failing first fetch means.
    pub fetch_policy: FetchPolicy,
    /// `backend.path` of a local backend; else the mirror lives below the state directory.
    pub path: Option<PathBuf>,
    /// Author of commits where no person is known, and what signs them.
    pub signature: Signature,
    /// What pushes.
    pub push_with: PushWith,
    /// Webhooks of this storage: provider and every secret that is valid now. No secret = no endpoint.
    pub webhook: Option<Webhook>,
}

/// How an endpoint authenticates its provider.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Who sends.
    pub provider: Provider,
    /// All valid at once, for rotation; never empty, none of them empty.
    pub secrets: Vec<SecretString>,
}

/// `fetch_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FetchPolicy {
    /// In Flipt, a first fetch that fails with nothing to serve stops the start. Here it does not: `/ready` says so.
    #[default]
    Strict,
    /// Start anyway and keep trying.
    Lenient,
}

/// `push_with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PushWith {
    /// Our own client.
    #[default]
    Builtin,
    /// The program `git`.
    Git,
}

/// `signature`: who commits where no person is known, and whether commits are signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// What signs commits, where they are signed.
    pub signing: Option<Signing>,
}

/// What signs commits.
#[derive(Debug, Clone)]
pub struct Signing {
    /// In which form.
    pub kind: SigningKind,
    /// The private key.
    pub key: KeySource,
    /// Its passphrase.
    pub passphrase: Option<SecretString>,
    /// Which of several keys: an id, a fingerprint, a part of a user id. Only for GPG.
    pub key_id: Option<String>,
}

/// Forms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningKind {
    /// `OpenPGP`, made by `gpg`.
    Gpg,
    /// OpenSSH's, made by `ssh-keygen`.
    Ssh,
}

impl PartialEq for Signing {
    fn eq(&self, other: &Self) -> bool {
        let phrase = |signing: &Self| signing.passphrase.as_ref().map(|text| text.expose_secret().to_owned());
        (self.kind, &self.key, &self.key_id) == (other.kind, &other.key, &other.key_id) && phrase(self) == phrase(other)
    }
}

/// A checked credential.
#[derive(Debug, Clone)]
pub enum Credential {
    /// User and password (or token).
    Basic {
        /// User.
        username: String,
        /// Password.
        password: SecretString,
    },
    /// A token; which user name goes with it is the provider's convention.
    AccessToken(SecretString),
    /// A key.
    Ssh {
        /// User, `git` by default.
        user: String,
        /// Passphrase of the key.
        passphrase: Option<SecretString>,
        /// The key.
        key: KeySource,
        /// `insecure_ignore_host_key`.
        ignore_host_key: bool,
        /// The one file of host keys that counts; absent = those of the user that the process runs as, and the machine's.
        known_hosts: Option<PathBuf>,
    },
    /// A GitHub App installation.
    GithubApp {
        /// Client id.
        client_id: String,
        /// Installation.
        installation_id: u64,
        /// Private key of the app, PEM.
        key: KeySource,
        /// Base of the API; absent = github.com.
        api_url: Option<String>,
    },
}

/// A private key.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file.
    Path(PathBuf),
    /// Its text.
    Text(SecretString),
}

// Whether a reload changed them. Both sides are our own: nobody measures how long it takes.
impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &SecretString, two: &SecretString| one.expose_secret() == two.expose_secret();
        match (self, other) {
            (Self::Basic { username, password }, Self::Basic { username: other, password: theirs }) => {
                username == other && same(password, theirs)
            }
            (Self::AccessToken(token), Self::AccessToken(theirs)) => same(token, theirs),
            (
                Self::Ssh { user, passphrase, key, ignore_host_key, known_hosts },
                Self::Ssh {
                    user: their_user,
                    passphrase: their_passphrase,
                    key: their_key,
                    ignore_host_key: they_ignore,
                    known_hosts: they_know,
                },
            ) => {
                let phrase = passphrase.as_ref().map(ExposeSecret::expose_secret);
                phrase == their_passphrase.as_ref().map(ExposeSecret::expose_secret)
                    && (user, key, ignore_host_key, known_hosts) == (their_user, their_key, they_ignore, they_know)
            }
            (
                Self::GithubApp { client_id, installation_id, key, api_url },
                Self::GithubApp { client_id: their_id, installation_id: theirs, key: their_key, api_url: their_url },
            ) => (client_id, installation_id, key, api_url) == (their_id, theirs, their_key, their_url),
            _ => false,
        }
    }
}

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(path), Self::Path(other)) => path == other,
            (Self::Text(text), Self::Text(other)) => text.expose_secret() == other.expose_secret(),
            _ => false,
        }
    }
}

/// One environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Key in the file.
    pub key: Arc<str>,
    /// Key of the API (`name`, else the key in the file).
    pub name: Arc<str>,
    /// Answers where no environment is named.
    pub default: bool,
    /// Storage it lives in.
    pub storage: Arc<str>,
    /// Directory below the root of the repository, without slashes at its ends; empty = the root.
    pub directory: Arc<str>,
    /// What becomes of hazards.
    pub hazards: HazardPolicy,
    /// Nothing is written to it directly.
    pub protected: bool,
    /// Whether it can be edited while the provider is down.
    pub break_glass: Option<BreakGlass>,
    /// The provider's API.
    pub scm: Option<Scm>,
}

/// `environments.<e>.break_glass`, where it is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakGlass {
    /// How long an edit is served that was not pushed.
    pub expires_after: Duration,
}

/// `environments.<e>.scm`.
#[derive(Debug, Clone)]
pub struct Scm {
    /// The provider; `bitbucket` is told apart by its host.
    pub provider: Provider,
    /// Root of its REST API, derived from what the file says: `https://api.github.com`, `https://HOST/api/v4`,
    /// `https://HOST/rest/api/latest`; for Azure DevOps that of the organisation or collection
    /// (`https://dev.azure.com/ORGANISATION`, `https://HOST/tfs/COLLECTION`), to which `/PROJECT/_apis` is added.
    pub api_url: Option<String>,
    /// How to authenticate to it.
    pub credential: Option<Credential>,
    /// The repository there: written in the file, or told by the remote.
    pub repository: Option<Repository>,
    /// What is said on proposals.
    pub report: ScmReport,
    /// Branches of ours are removed at the provider once what was proposed is merged.
    pub delete_merged_branches: bool,
    /// A proposal begins as a draft where the request does not say.
    pub draft: bool,
    /// How proposals are merged; the provider's own default where it is not said.
    pub merge_method: Option<MergeMethod>,
}

/// `environments.<e>.scm.report`: what Yardarm says on a proposal that touches flag files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScmReport {
    /// A commit status.
    pub status: bool,
    /// A comment with the difference.
    pub comment: bool,
}

/// Listeners.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address, `0.0.0.0` by default.
    pub host: String,
    /// Port of `protocol`.
    pub port: u16,
    /// Certificate chain and key, PEM, for `protocol: https`.
    pub tls: Option<Tls>,
    /// A listener for `/webhooks` and `/api/v2/webhooks` only; then the main one does not have them.
    pub webhook: Option<Listener>,
}

/// `server.rate_limit` and `server.trusted_proxies`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests of one caller.
    pub requests: Option<Rate>,
    /// Wrong credentials from one address.
    pub failures: Option<Rate>,
    /// Proxies whose word about addresses is believed.
    pub trusted_proxies: Vec<Network>,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Chain, PEM.
    pub certificate: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// `log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// JSON lines instead of text.
    pub json: bool,
    /// File instead of standard output.
    pub file: Option<PathBuf>,
}

/// `ui`, and `authentication.session`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Whether there is none.
    pub disabled: bool,
    /// Light or dark, where a person has chosen nothing.
    pub theme: Theme,
    /// A word at the top, to tell one installation from another.
    pub label: Option<String>,
    /// The colour behind it.
    pub colour: Option<Colour>,
    /// Who is signed in, for how long.
    pub session: Session,
}

/// `ui.default_theme`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the person's system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The word of the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// `authentication.session`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// How long it lasts; a credential that ends sooner ends it sooner.
    pub lifetime: Duration,
    /// Whether its cookie is sent over TLS alone.
    pub secure: bool,
    /// Hosts that get its cookie beside the one that set it.
    pub domain: Option<String>,
}

impl Default for Session {
    fn default() -> Self {
        Self { lifetime: limits::UI_SESSION, secure: false, domain: None }
    }
}

/// `cors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Off by default.
    pub enabled: bool,
    /// `*` or origins.
    pub allowed_origins: Vec<String>,
    /// Request headers that a page may send.
    pub allowed_headers: Vec<String>,
}

/// `authentication`. Methods that are not here are refused by `load` until they are served.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    /// Every API needs a credential. Absent where the file does not say, which is not the same as a written `false`:
    /// [`crate::auth::open_to_anybody`].
    pub required: Option<bool>,
    /// Evaluation and client routes do not.
    pub exclude_evaluation: bool,
    /// OFREP routes do not.
    pub exclude_ofrep: bool,
    /// Tokens of the configuration itself, and those of [`Self::token_file`] as it was when this was loaded.
    pub tokens: Vec<Token>,
    /// `methods.token.storage.file`.
    pub token_file: Option<TokenFile>,
    /// `methods.jwt`, where it is enabled.
    pub jwt: Option<Jwt>,
}

/// Whose JSON Web Tokens are taken.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// What they are verified with.
    pub keys: JwtKeys,
    /// What is asked of them, and what their holders may do.
    pub rules: Rules,
}

/// Keys of JSON Web Tokens.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// `public_key_file`, as it was when this was loaded.
    File {
        /// Where it is.
        path: PathBuf,
        /// What was in it.
        keys: KeySet,
    },
    /// `jwks_url`.
    Url {
        /// The key set.
        url: Url,
        /// Certificate authority of its server, PEM.
        ca_certificate: Option<Vec<u8>>,
    },
}

/// The file of tokens.
#[derive(Debug, Clone)]
pub struct TokenFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it said when the configuration was loaded.
    pub tokens: Vec<Token>,
}

/// Texts with Go template syntax, as Flipt has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Templates {
    /// Message of commits.
    pub commit_message: Option<String>,
    /// Title of proposals.
    pub proposal_title: Option<String>,
    /// Body of proposals.
    pub proposal_body: Option<String>,
}
