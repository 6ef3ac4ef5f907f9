//! Webhooks at the provider: what there is, what there should be, and the requests that make the one the other.
//!
//! The rule is convergence: look, compare by URL, mend what differs, remove what is there twice, add what is missing; a
//! second run changes nothing. Providers do not do it for us: GitHub, GitLab and Gitea take the same hook twice.

pub mod plan;

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::{Ask, Failure, Place, Provider};

/// A webhook as the provider shows it. Where one endpoint takes several (Azure DevOps has a subscription for each
/// kind of event), each is one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// The provider's id.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// Events by the provider's names, sorted.
    pub events: Vec<String>,
    /// It sends.
    pub active: bool,
    /// Why it does not, or did not lately, in the provider's words.
    pub trouble: Option<String>,
    /// It sends JSON.
    pub json: bool,
    /// It verifies the certificate of the endpoint.
    pub verifies_tls: bool,
    /// It has a secret, where the provider says.
    pub has_secret: Option<bool>,
    /// Settings of this provider that are not as they should be, in words (a branch filter, a template of the body).
    pub odd: Vec<String>,
}

/// What there should be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it sends to.
    pub url: String,
    /// What it signs with, or sends.
    pub secret: SecretString,
    /// Whether the endpoint's certificate is to be verified.
    pub verify_tls: bool,
}

/// One attempt to deliver, as the provider remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The provider's id of the attempt.
    pub id: String,
    /// The id that the delivery carries, the same when it is sent again.
    pub delivery: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// Which event.
    pub event: String,
    /// The status that was answered; absent without an answer.
    pub status: Option<u16>,
    /// It was taken.
    pub ok: bool,
}

/// The webhooks of one repository.
pub trait Hooks: fmt::Debug + Send + Sync {
    /// The groups of events that are wanted, each of them one hook; most providers have one group.
    fn groups(&self) -> Vec<Vec<&'static str>>;

    /// The least scopes or rights that managing hooks takes, in the provider's words.
    fn needs(&self) -> &'static str;

    /// What to do by hand, step by step, where the credential may not: pages, fields, events. The secret is named,
    /// not told.
    fn by_hand(&self, url: &str) -> Vec<String>;

    /// All hooks of the repository.
    ///
    /// # Errors
    /// See [`Failure`].
    fn list(&self, ask: &dyn Ask) -> Result<Vec<Hook>, Failure>;

    /// Makes one for a group.
    ///
    /// # Errors
    /// See [`Failure`].
    fn create(&self, ask: &dyn Ask, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure>;

    /// Makes `hook` as it should be, secret included, and enables it. Where a provider cannot change a secret, a new one
    /// is made first and the old one removed after it, so that no delivery is lost.
    ///
    /// # Errors
    /// See [`Failure`].
    fn repair(&self, ask: &dyn Ask, hook: &Hook, group: &[&str], wanted: &Wanted) -> Result<Hook, Failure>;

    /// Removes one. What is gone already is no error.
    ///
    /// # Errors
    /// See [`Failure`].
    fn delete(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure>;

    /// Has the provider send a test delivery.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where there is none.
    fn test(&self, ask: &dyn Ask, hook: &Hook) -> Result<(), Failure>;

    /// What it tried lately, the newest first.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where the provider keeps no records that can be read.
    fn attempts(&self, ask: &dyn Ask, hook: &Hook) -> Result<Vec<Attempt>, Failure>;

    /// Asks for an attempt to be made again.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where that cannot be asked for.
    fn redeliver(&self, ask: &dyn Ask, hook: &Hook, attempt: &Attempt) -> Result<(), Failure>;
}

/// The webhooks of a place.
#[must_use]
pub fn of(place: Place) -> Option<Box<dyn Hooks>> {
    match place.provider {
        Provider::Github => Some(Box::new(super::github::Webhooks::new(place))),
        Provider::Azure => Some(Box::new(super::azure::hooks::Subscriptions::new(place))),
        Provider::Gitea | Provider::Forgejo => Some(Box::new(super::gitea::hooks::Webhooks::new(place))),
        Provider::BitbucketCloud => Some(Box::new(super::bitbucket_cloud::BitbucketCloud::new(place))),
        Provider::BitbucketDataCenter => Some(Box::new(super::bitbucket_data_center::BitbucketDataCenter::new(place))),
        Provider::Gitlab => Some(Box::new(super::gitlab::hooks::GitlabHooks::new(place))),
    }
}
