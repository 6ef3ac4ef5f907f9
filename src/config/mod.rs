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

use secrecy::SecretString;

use crate::flags::problem::HazardPolicy;
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

pub use access::{Authentication, Rates, TokenFile};
pub use colour::Colour;
pub use credentials::{Credential, KeySource};
pub use excerpt::Excerpts;
pub use interface::{Interface, Session, Theme};
pub use jwt::{Jwt, JwtKeys};
pub use load::{load, load_without_file, load_without_secrets};
pub use reference::reference;
pub use report::{Finding, Severity};
pub use schema::schema;
pub use server::{Analytics, Cors, Listener, Log, Server, Templates, Tls};
pub use signature::{Signature, Signing, SigningKind};

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
