//! The Git providers, sans-IO: bytes in, values out. Which headers sign a delivery, what a payload says, and where a
//! remote URL points. One file a provider; a new one is a file here, an entry in [`Provider::ALL`] and a folder of
//! fixtures that a failing test asks for.

use serde::Serialize;

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

/// The names that a payload gives a repository: compared with the configured remote, never fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RepositoryName {
    /// `owner/name`, `group/sub/name`, `PROJECT/slug`, `project/repo`: as the provider writes it.
    pub full_name: Option<String>,
    /// Clone and web URLs of the payload, userinfo removed.
    pub urls: Vec<String>,
}
