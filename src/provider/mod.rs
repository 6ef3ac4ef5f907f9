//! The Git providers, sans-IO: bytes in, values out. Which headers sign a delivery, what a payload says, and where a
//! remote URL points. One file a provider; a new one is a file here, an entry in [`Provider::ALL`] and a folder of
//! fixtures that a failing test asks for.

pub mod api;
pub mod headers;
pub mod payload;
pub mod remote;
pub mod signature;

mod azure;
mod bitbucket_cloud;
mod bitbucket_data_center;
mod forgejo;
mod gitea;
mod github;
mod gitlab;

use serde::Serialize;

use headers::Headers;

/// A kind of Git server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and self-managed.
    Gitlab,
    /// bitbucket.org.
    BitbucketCloud,
    /// Bitbucket Server and Data Center.
    BitbucketDataCenter,
    /// Azure DevOps Services and Server.
    Azure,
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 7] = [
        Self::Github,
        Self::Gitlab,
        Self::BitbucketCloud,
        Self::BitbucketDataCenter,
        Self::Azure,
        Self::Gitea,
        Self::Forgejo,
    ];

    /// The name as configuration, logs and the status API spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::BitbucketCloud => "bitbucket-cloud",
            Self::BitbucketDataCenter => "bitbucket-data-center",
            Self::Azure => "azure",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
        }
    }

    /// Whether hooks of this provider can be set to send forms (`payload=…`) instead of JSON.
    #[must_use]
    pub const fn sends_forms(self) -> bool {
        matches!(self, Self::Github | Self::Gitea | Self::Forgejo)
    }
}

/// A delivery, read as far as it is used. Nothing here is an error: what a payload does not say is absent, and a push
/// whose refs cannot be told is a push of unknown refs, so that no odd payload can hide a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of the delivery, the same when it is sent again; bounded and printable.
    pub id: Option<String>,
    /// The provider's name of the event, as exact as it gives it; bounded and printable.
    pub name: String,
    /// What happened.
    pub event: Event,
}

/// Reads an authentic delivery. `payload` is the JSON text: of a form, the decoded field.
#[must_use]
pub fn classify(provider: Provider, headers: &Headers<'_>, payload: &[u8]) -> Notice {
    match provider {
        Provider::Github => github::classify(headers, payload),
        Provider::Gitlab => gitlab::classify(headers, payload),
        Provider::BitbucketCloud => bitbucket_cloud::classify(headers, payload),
        Provider::BitbucketDataCenter => bitbucket_data_center::classify(headers, payload),
        Provider::Azure => azure::classify(headers, payload),
        Provider::Gitea => gitea::classify(headers, payload),
        Provider::Forgejo => forgejo::classify(headers, payload),
    }
}

/// Whether a head is that of a test request which this provider never signs. It is answered and does nothing.
#[must_use]
pub fn is_unsigned_ping(provider: Provider, headers: &Headers<'_>) -> bool {
    provider == Provider::BitbucketDataCenter && bitbucket_data_center::is_unsigned_ping(headers)
}

/// A name of an event as it may be shown.
fn name_of(name: Option<&str>) -> String {
    name.and_then(payload::shown).unwrap_or_else(|| "unnamed".to_owned())
}

/// The full name of a ref that a provider may have written short; `None` if it could not be shown.
fn ref_name(name: &str, kind: &str) -> Option<String> {
    payload::shown(name).map(|name| if name.starts_with("refs/") { name } else { format!("{kind}{name}") })
}

/// What an authentic delivery says, as far as it is used. Every field is a hint (I2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The provider tries the endpoint.
    Ping,
    /// Refs moved.
    Push(Push),
    /// Something happened to a merge proposal. Accepted and recorded.
    Proposal(ProposalEvent),
    /// Anything else, by its name (bounded and printable).
    Other {
        /// The provider's name of the event.
        name: String,
    },
}

/// Refs that moved in one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Push {
    /// The moves, in the order of the payload. May be empty: then nothing is known but that something moved.
    pub changes: Vec<RefChange>,
    /// The repository as the payload names it.
    pub repository: RepositoryName,
}

/// One ref that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefChange {
    /// Full name: `refs/heads/main`, `refs/tags/v1`.
    pub name: String,
    /// The id before, hex; absent when the ref was created or the payload does not say.
    pub before: Option<String>,
    /// The id after, hex; absent when the ref was deleted or the payload does not say.
    pub after: Option<String>,
    /// The ref was deleted.
    pub deleted: bool,
}

/// What happened to a merge proposal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ProposalEvent {
    /// What happened, as all providers have it.
    pub kind: ProposalKind,
    /// The provider's number of the proposal.
    pub number: Option<u64>,
    /// The provider's word for what happened, bounded and printable.
    pub action: String,
    /// Source branch, short.
    pub source: Option<String>,
    /// Target branch, short.
    pub target: Option<String>,
    /// The repository as the payload names it.
    pub repository: RepositoryName,
}

/// What happens to merge proposals. A hint like everything else: what is true now, the provider's API says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalKind {
    /// It was opened.
    Opened,
    /// Its head has other commits.
    Commits,
    /// Title, description or anything else of it.
    Edited,
    /// It is to be merged into another branch.
    Retargeted,
    /// It became a draft.
    Drafted,
    /// It is ready for review.
    Readied,
    /// Somebody approved, asked for changes, or took that back.
    Reviewed,
    /// Somebody said something, or changed what was said.
    Commented,
    /// It was merged.
    Merged,
    /// It was closed without a merge.
    Closed,
    /// It was opened again.
    Reopened,
    /// It is gone.
    Deleted,
    /// Something else, or it cannot be told.
    #[default]
    Other,
}

/// The names that a payload gives a repository: compared with the configured remote, never fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RepositoryName {
    /// `owner/name`, `group/sub/name`, `PROJECT/slug`, `project/repo`: as the provider writes it.
    pub full_name: Option<String>,
    /// Clone and web URLs of the payload, userinfo removed.
    pub urls: Vec<String>,
}

impl RepositoryName {
    /// From what a payload says; what could not be shown is left out.
    fn new<'n>(full_name: Option<&str>, urls: impl Iterator<Item = &'n str>) -> Self {
        Self {
            full_name: full_name.and_then(payload::shown),
            urls: urls.filter_map(payload::shown).take(8).map(|url| remote::without_userinfo(&url)).collect(),
        }
    }
}
