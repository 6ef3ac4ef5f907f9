//! From a credential to the one header that carries it.
//!
//! The user name that goes with a token is each provider's convention (the pages are named at each arm); where nobody
//! is named it is `x-token-auth`, which Bitbucket demands and the others take as any. An app of GitHub has a token of
//! its installation made ([`installation`]).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::Error;
use crate::config::{Credential, KeySource};
use crate::net::installation::{self, Installation, KeyName};
use crate::provider::Provider;

/// The token of an app that went with a conversation.
#[derive(Debug, Clone)]
pub(super) struct Token {
    of: Installation,
    secret: SecretString,
}

impl Token {
    /// It may have been refused.
    pub(super) fn forget(&self) {
        installation::forget(&self.of, &self.secret);
    }
}

/// The value of `Authorization` for Git over HTTP; `None` without a credential. In `token` is left what was taken of an
/// app. `total` is the deadline that the exchange has.
pub(super) fn authorization(
    credential: Option<&Credential>,
    provider: Option<Provider>,
    token: &mut Option<Token>,
    exchange: &installation::Exchange<'_>,
    total: Duration,
) -> Result<Option<SecretString>, Error> {
    match credential {
        None => Ok(None),
        // The API takes the account's address beside an API token, Git does not.
        Some(Credential::Basic { password, .. })
            if provider == Some(Provider::BitbucketCloud) && is_api_token(password) =>
        {
            Ok(Some(basic(user_of_token(provider, password), password)))
        }
        Some(Credential::Basic { username, password }) => Ok(Some(basic(username, password))),
        Some(Credential::AccessToken(secret)) => Ok(Some(basic(user_of_token(provider, secret), secret))),
        Some(Credential::GithubApp { client_id, installation_id, key, api_url }) => {
            let of = Installation {
                client_id: client_id.clone(),
                id: *installation_id,
                api: api_url.as_deref().unwrap_or(installation::GITHUB).trim_end_matches('/').to_owned(),
                key: match key {
                    KeySource::Text(text) => KeyName::of_text(text),
                    KeySource::Path(path) => KeyName::File(path.clone()),
                },
            };
            let pem = || match key {
                KeySource::Text(text) => Ok(text.clone()),
                KeySource::Path(path) => installation::read_key(path),
            };
            let secret =
                installation::token(&of, pem, exchange).map_err(|error| match Error::of_net(error, total) {
                    Error::Refused(why) => Error::Refused(format!("the GitHub App: {why}")),
                    Error::NotFound(why) => Error::Refused(format!("the GitHub App has no such installation: {why}")),
                    error => error,
                })?;
            let header = basic("x-access-token", &secret);
            *token = Some(Token { of, secret });
            Ok(Some(header))
        }
        Some(Credential::Ssh { .. }) => {
            Err(Error::Local("the credential is an ssh key, but the remote is reached over http".to_owned()))
        }
    }
}

/// support.atlassian.com, "Using API tokens": those start with ATATT; access tokens of a repository, project or
/// workspace do not.
fn is_api_token(secret: &SecretString) -> bool {
    secret.expose_secret().starts_with("ATATT")
}

/// Which user a token belongs to.
fn user_of_token(provider: Option<Provider>, secret: &SecretString) -> &'static str {
    match provider {
        // docs.github.com, "Authenticating as a GitHub App installation"; any name goes with a personal token.
        Some(Provider::Github) => "x-access-token",
        // docs.gitlab.com, "Clone using a token"; any name goes with personal, project and group tokens.
        Some(Provider::Gitlab) => "oauth2",
        Some(Provider::BitbucketCloud) if is_api_token(secret) => "x-bitbucket-api-token-auth",
        _ => "x-token-auth",
    }
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", STANDARD.encode(pair)).into()
}
