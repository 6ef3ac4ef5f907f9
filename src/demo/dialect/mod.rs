//! What a Git provider puts on the wire when refs move: method, headers and body of its webhook, signed.
//!
//! This is the other side of [`crate::provider`], written apart from it on purpose: the signatures are made here from
//! the providers' own descriptions and never by the code that checks them, so the demo and the scenario tests agree
//! with the daemon only if both agree with the provider. Nothing here reads a clock, a disk or a network.
//!
//! The shapes follow deliveries of the real servers (Forgejo 17, Gitea 1.24) and the providers' published payloads:
//! every field that a receiver could reach for is there, in the type it really has, with numbers where GitHub's push
//! has numbers and text everywhere else.

mod azure;
mod bitbucket;
mod gitea;
mod github;
mod gitlab;
mod sign;

use jiff::Timestamp;
use serde_json::Value;

use crate::provider::Provider;

/// A kind of sender: a provider, and the way it proves who it is where it has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// github.com.
    Github,
    /// GitHub Enterprise Server: the same, with the appliance's own headers.
    GithubEnterprise,
    /// GitLab 19.0 and newer with a signing token.
    GitlabSigned,
    /// GitLab with the plain secret token.
    GitlabToken,
    /// bitbucket.org.
    BitbucketCloud,
    /// Bitbucket Data Center.
    BitbucketDataCenter,
    /// Azure DevOps.
    Azure,
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
}

impl Sender {
    /// Every sender.
    pub const ALL: [Self; 9] = [
        Self::Github,
        Self::GithubEnterprise,
        Self::GitlabSigned,
        Self::GitlabToken,
        Self::BitbucketCloud,
        Self::BitbucketDataCenter,
        Self::Azure,
        Self::Gitea,
        Self::Forgejo,
    ];

    /// Short name, fit for a storage, an environment and a branch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::GithubEnterprise => "github-enterprise",
            Self::GitlabSigned => "gitlab",
            Self::GitlabToken => "gitlab-token",
            Self::BitbucketCloud => "bitbucket-cloud",
            Self::BitbucketDataCenter => "bitbucket-dc",
            Self::Azure => "azure",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
        }
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::GithubEnterprise => "GitHub Enterprise Server",
            Self::GitlabSigned => "GitLab (signing token)",
            Self::GitlabToken => "GitLab (secret token)",
            Self::BitbucketCloud => "Bitbucket Cloud",
            Self::BitbucketDataCenter => "Bitbucket Data Center",
            Self::Azure => "Azure DevOps",
            Self::Gitea => "Gitea",
            Self::Forgejo => "Forgejo",
        }
    }

    /// The provider as the configuration knows it.
    #[must_use]
    pub const fn provider(self) -> Provider {
        match self {
            Self::Github | Self::GithubEnterprise => Provider::Github,
            Self::GitlabSigned | Self::GitlabToken => Provider::Gitlab,
            Self::BitbucketCloud => Provider::BitbucketCloud,
            Self::BitbucketDataCenter => Provider::BitbucketDataCenter,
            Self::Azure => Provider::Azure,
            Self::Gitea => Provider::Gitea,
            Self::Forgejo => Provider::Forgejo,
        }
    }

    /// How a delivery of this sender proves itself, in the words of the status API.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::GitlabSigned => "standard-webhooks",
            Self::GitlabToken => "token",
            Self::Azure => "basic",
            _ => "hmac-sha256",
        }
    }

    /// Path of a repository's clone URL, by this provider's convention.
    #[must_use]
    pub fn path(self, repository: &Repository) -> String {
        let Repository { owner, name, .. } = repository;
        match self {
            Self::BitbucketDataCenter => format!("/scm/{}/{name}.git", owner.to_lowercase()),
            Self::Azure => format!("/{owner}/{name}/_git/{name}"),
            _ => format!("/{owner}/{name}.git"),
        }
    }

    /// Clone URL of a repository, by this provider's convention.
    #[must_use]
    pub fn clone_url(self, repository: &Repository) -> String {
        format!("{}{}", repository.base, self.path(repository))
    }

    /// A secret of the form that this sender uses, from 32 bytes.
    #[must_use]
    pub fn secret(self, bytes: &[u8; 32]) -> String {
        match self {
            Self::GitlabSigned => sign::signing_token(bytes),
            _ => hex::encode(bytes),
        }
    }

    /// The deliveries that this provider sends for one push, in its order: mostly one; GitHub, Gitea and Forgejo say
    /// by an event of its own that a branch came or went, Gitea and Forgejo send nothing else for one that went.
    #[must_use]
    pub fn deliveries(self, hook: &Hook<'_>, push: &Push<'_>) -> Vec<Delivery> {
        let messages = match self {
            Self::Github | Self::GithubEnterprise => github::push(push),
            Self::GitlabSigned | Self::GitlabToken => vec![gitlab::push(push)],
            Self::BitbucketCloud => vec![bitbucket::cloud_push(push)],
            Self::BitbucketDataCenter => vec![bitbucket::data_center_push(push)],
            Self::Azure => vec![azure::push(hook, push)],
            Self::Gitea | Self::Forgejo => gitea::push(self, push),
        };
        messages.into_iter().enumerate().map(|(nth, message)| self.seal(hook, nth, &message)).collect()
    }

    /// What the provider's "test this webhook" sends; absent where it has no such thing.
    #[must_use]
    pub fn test_delivery(self, hook: &Hook<'_>, push: &Push<'_>) -> Option<Delivery> {
        let message = match self {
            Self::Github | Self::GithubEnterprise => github::ping(push),
            Self::GitlabSigned | Self::GitlabToken => gitlab::push(push),
            Self::BitbucketCloud => return None,
            Self::BitbucketDataCenter => bitbucket::data_center_ping(),
            Self::Azure => azure::sample(hook, push),
            Self::Gitea | Self::Forgejo => gitea::test(push),
        };
        Some(self.seal(hook, 0, &message))
    }

    /// Any other event of this provider, by its name there, with a payload that is made elsewhere.
    #[must_use]
    pub fn event(self, hook: &Hook<'_>, event: &'static str, payload: Value) -> Delivery {
        self.seal(hook, 0, &Message::new(event, payload))
    }

    /// Puts headers and signature around a payload.
    fn seal(self, hook: &Hook<'_>, nth: usize, message: &Message) -> Delivery {
        let id = if nth == 0 { hook.id.to_owned() } else { format!("{}-{nth}", hook.id) };
        let mut delivery = match self {
            Self::Github => github::seal(hook, &id, message, None),
            Self::GithubEnterprise => github::seal(hook, &id, message, Some("3.19.0")),
            Self::GitlabSigned => gitlab::seal_signed(hook, &id, message),
            Self::GitlabToken => gitlab::seal_token(hook, &id, message),
            Self::BitbucketCloud => bitbucket::seal_cloud(hook, &id, message),
            Self::BitbucketDataCenter => bitbucket::seal_data_center(hook, &id, message),
            Self::Azure => azure::seal(hook, &id, message),
            Self::Gitea | Self::Forgejo => gitea::seal(self, hook, &id, message),
        };
        delivery.id = if self == Self::Azure { azure::identity(&id) } else { id };
        delivery
    }
}

/// A repository as payloads and clone URLs name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Scheme, host and port, without a slash at the end.
    pub base: String,
    /// Owner, group, workspace, project key or organisation.
    pub owner: String,
    /// Its name.
    pub name: String,
}

impl Repository {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Where a person would look at it.
    #[must_use]
    pub fn web_url(&self) -> String {
        format!("{}/{}/{}", self.base, self.owner, self.name)
    }
}

/// Who pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Account.
    pub login: String,
}

/// One commit of a push, as payloads list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id, hex.
    pub id: String,
    /// Its message.
    pub message: String,
    /// Paths that are new.
    pub added: Vec<String>,
    /// Paths that changed.
    pub modified: Vec<String>,
    /// Paths that are gone.
    pub removed: Vec<String>,
}

/// One ref that moved, and all that a payload says around it.
#[derive(Debug, Clone)]
pub struct Push<'a> {
    /// Where.
    pub repository: &'a Repository,
    /// Full name of the ref.
    pub reference: &'a str,
    /// Its id before; absent if it is new.
    pub before: Option<&'a str>,
    /// Its id now; absent if it is gone.
    pub after: Option<&'a str>,
    /// The old tip is no ancestor of the new one.
    pub forced: bool,
    /// New commits, oldest first.
    pub commits: &'a [Commit],
    /// Who pushed.
    pub pusher: &'a Person,
    /// When.
    pub at: Timestamp,
}

impl Push<'_> {
    /// The name without `refs/heads/` or `refs/tags/`.
    fn short(&self) -> &str {
        let name = self.reference;
        name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name)
    }

    fn is_tag(&self) -> bool {
        self.reference.starts_with("refs/tags/")
    }

    /// `before`, or as many zeros as the other id has digits.
    fn before_or_zeros(&self) -> String {
        self.before.map_or_else(|| zeros(self.after), str::to_owned)
    }

    /// `after`, or as many zeros as the other id has digits.
    fn after_or_zeros(&self) -> String {
        self.after.map_or_else(|| zeros(self.before), str::to_owned)
    }
}

fn zeros(other: Option<&str>) -> String {
    "0".repeat(other.map_or(40, str::len))
}

/// How a webhook body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded` with one field `payload`: GitHub, Gitea and Forgejo can; others send JSON.
    Form,
}

/// The webhook that a delivery belongs to.
#[derive(Debug, Clone)]
pub struct Hook<'a> {
    /// Its secret, in the form that [`Sender::secret`] makes.
    pub secret: &'a str,
    /// Id of the delivery.
    pub id: &'a str,
    /// How bodies are packed.
    pub encoding: Encoding,
    /// When it is sent.
    pub at: Timestamp,
}

/// An event before headers and signature are put around it.
#[derive(Debug)]
struct Message {
    /// The provider's name of the event.
    event: &'static str,
    /// The payload.
    payload: Value,
    /// Some test events are not signed.
    signed: bool,
}

impl Message {
    fn new(event: &'static str, payload: Value) -> Self {
        Self { event, payload, signed: true }
    }
}

/// One complete delivery: `POST` this to the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The provider's id of it.
    pub id: String,
    /// Headers in the provider's spelling and order.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes on the wire.
    pub body: Vec<u8>,
}

impl Delivery {
    /// The same with the secret unknown: what somebody sends who only knows the endpoint. Each header that proves
    /// something proves nothing now, and keeps its form.
    #[must_use]
    pub fn forged(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if is_proof(name) {
                *value = sign::forge(name, value);
            }
        }
        self
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn is_proof(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    header.contains("signature") || header == "x-gitlab-token" || header == "authorization"
}

#[cfg(test)]
mod tests;
