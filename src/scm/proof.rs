//! From a credential to the header that carries it to an API. The pages of the providers are named at each arm.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Credential, KeySource};
use crate::net;
use crate::net::installation::{self, Installation, KeyName};
use crate::provider::Provider;

/// How a credential is shown.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    /// A header that never changes.
    Header(&'static str, SecretString),
    /// A token that is made, and renewed.
    App(Installation, KeySource),
}

/// The header of a credential at a provider; `None` for one that opens no API. `root` is the root of it.
pub(super) fn of(credential: &Credential, provider: Provider, root: &str) -> Option<Proof> {
    let authorization = |value: SecretString| Some(Proof::Header("authorization", value));
    match credential {
        Credential::AccessToken(token) => match provider {
            // docs.github.com, "Authenticating to the REST API"; Atlassian, "Using access tokens" and "HTTP access tokens".
            Provider::Github | Provider::BitbucketCloud | Provider::BitbucketDataCenter => authorization(bearer(token)),
            // docs.gitlab.com, "REST API authentication": OAuth tokens are 64 hexadecimal digits, and only those want
            // to be bearers.
            Provider::Gitlab if is_oauth(token) => authorization(bearer(token)),
            Provider::Gitlab => Some(Proof::Header("private-token", token.clone())),
            // learn.microsoft.com, "Use personal access tokens"; tokens of Entra are JSON Web Tokens.
            Provider::Azure if is_jwt(token) => authorization(bearer(token)),
            Provider::Azure => authorization(basic("", token)),
            Provider::Gitea | Provider::Forgejo => authorization(with("token", token)),
        },
        Credential::Basic { username, password } => match provider {
            // The API of GitLab knows no Basic: what Git takes as a password is a token.
            Provider::Gitlab if username == "oauth2" || is_oauth(password) => authorization(bearer(password)),
            Provider::Gitlab => Some(Proof::Header("private-token", password.clone())),
            // What Git takes as the user of an access token, or of any token, means nothing to the API.
            Provider::BitbucketCloud | Provider::BitbucketDataCenter if username == "x-token-auth" => {
                authorization(bearer(password))
            }
            Provider::Github if username == "x-access-token" => authorization(bearer(password)),
            _ => authorization(basic(username, password)),
        },
        Credential::GithubApp { client_id, installation_id, key, api_url } => Some(Proof::App(
            Installation {
                client_id: client_id.clone(),
                id: *installation_id,
                api: api_url.as_deref().unwrap_or(root).trim_end_matches('/').to_owned(),
                key: match key {
                    KeySource::Text(text) => KeyName::of_text(text),
                    KeySource::Path(path) => KeyName::File(path.clone()),
                },
            },
            key.clone(),
        )),
        Credential::Ssh { .. } => None,
    }
}

/// The private key of an app.
pub(super) fn pem(key: &KeySource) -> Result<SecretString, net::Error> {
    match key {
        KeySource::Text(text) => Ok(text.clone()),
        KeySource::Path(path) => installation::read_key(path),
    }
}

pub(super) fn bearer(token: &SecretString) -> SecretString {
    with("Bearer", token)
}

fn with(scheme: &str, token: &SecretString) -> SecretString {
    format!("{scheme} {}", token.expose_secret()).into()
}

fn basic(user: &str, password: &SecretString) -> SecretString {
    format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret()))).into()
}

fn is_oauth(token: &SecretString) -> bool {
    let text = token.expose_secret();
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_jwt(token: &SecretString) -> bool {
    let text = token.expose_secret();
    text.starts_with("eyJ") && text.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(credential: &Credential, provider: Provider) -> String {
        match of(credential, provider, "https://root") {
            Some(Proof::Header(name, value)) => format!("{name}: {}", value.expose_secret()),
            Some(Proof::App(app, _)) => format!("app {}/{} at {}", app.client_id, app.id, app.api),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn each_provider_wants_its_own_header() {
        let token = |text: &str| Credential::AccessToken(text.into());
        let basic = |user: &str, password: &str| Credential::Basic { username: user.into(), password: password.into() };
        let oauth = "0123456789abcdef".repeat(4);
        let encoded = |text: &str| format!("authorization: Basic {}", STANDARD.encode(text));
        for (credential, provider, header) in [
            (token("t"), Provider::Github, "authorization: Bearer t".to_owned()),
            (basic("me", "t"), Provider::Github, encoded("me:t")),
            (basic("x-access-token", "t"), Provider::Github, "authorization: Bearer t".to_owned()),
            (token("glpat-1"), Provider::Gitlab, "private-token: glpat-1".to_owned()),
            (token(&oauth), Provider::Gitlab, format!("authorization: Bearer {oauth}")),
            (basic("me", "glpat-1"), Provider::Gitlab, "private-token: glpat-1".to_owned()),
            (basic("oauth2", "x"), Provider::Gitlab, "authorization: Bearer x".to_owned()),
            (token("ATCTT1"), Provider::BitbucketCloud, "authorization: Bearer ATCTT1".to_owned()),
            (basic("me@example.com", "ATATT1"), Provider::BitbucketCloud, encoded("me@example.com:ATATT1")),
            (basic("x-token-auth", "t"), Provider::BitbucketCloud, "authorization: Bearer t".to_owned()),
            (token("t"), Provider::BitbucketDataCenter, "authorization: Bearer t".to_owned()),
            (basic("me", "p"), Provider::BitbucketDataCenter, encoded("me:p")),
            (token("pat"), Provider::Azure, encoded(":pat")),
            (token("eyJa.eyJb.c"), Provider::Azure, "authorization: Bearer eyJa.eyJb.c".to_owned()),
            (basic("any", "pat"), Provider::Azure, encoded("any:pat")),
            (token("t"), Provider::Gitea, "authorization: token t".to_owned()),
            (token("t"), Provider::Forgejo, "authorization: token t".to_owned()),
            (basic("me", "p"), Provider::Forgejo, encoded("me:p")),
        ] {
            assert_eq!(shown(&credential, provider), header, "{provider:?}");
        }
        let app = |api_url: Option<&str>| Credential::GithubApp {
            client_id: "Iv1".into(),
            installation_id: 7,
            key: KeySource::Text("k".into()),
            api_url: api_url.map(str::to_owned),
        };
        assert_eq!(shown(&app(None), Provider::Github), "app Iv1/7 at https://root");
        assert_eq!(shown(&app(Some("https://h/api/v3/")), Provider::Github), "app Iv1/7 at https://h/api/v3");
    }
}
