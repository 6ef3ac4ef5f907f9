//! Where a repository lives: which provider its host means, and where that provider's REST interface begins.
//!
//! The roots are those of the providers' own pages: `https://api.github.com`, `https://HOST/api/v3` (GitHub Enterprise
//! Server), `https://HOST[/path]/api/v4` (GitLab), `https://api.bitbucket.org/2.0`,
//! `https://HOST[/path]/rest/api/latest` (Bitbucket Data Center), `https://dev.azure.com/ORGANISATION` and
//! `https://HOST[/tfs]/COLLECTION` (Azure DevOps, to which `/PROJECT/_apis` is added), `https://HOST[/path]/api/v1`
//! (Gitea, Forgejo).

use url::Url;

use crate::provider::Provider;
use crate::provider::remote::{below, provider_of_host};

/// What `scm.type` may say: Flipt's five, and the names that leave no doubt.
pub(super) const SCM_TYPES: &[&str] =
    &["github", "gitlab", "gitea", "azure", "bitbucket", "forgejo", "bitbucket-cloud", "bitbucket-data-center"];

/// What `webhook.provider` may say.
pub(super) const PROVIDERS: &[&str] =
    &["github", "gitlab", "bitbucket-cloud", "bitbucket-data-center", "azure", "gitea", "forgejo", "bitbucket"];

/// A remote URL taken apart. Without a secret: userinfo is gone, but for the user of ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// `https`, `http`, `ssh`, `file`.
    pub(super) scheme: &'static str,
    /// In lower case; empty for files.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// User of ssh.
    pub(super) user: Option<String>,
    /// Without the leading slash.
    pub(super) path: String,
}

impl Remote {
    /// Reads what Git takes for a remote: a URL, `user@host:path`, or an absolute path.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self {
                scheme: "file",
                host: String::new(),
                port: None,
                user: None,
                path: text.trim_start_matches('/').to_owned(),
            });
        }
        if !text.contains("://") {
            return Self::scp_like(text);
        }
        let url = Url::parse(text).map_err(|e| format!("no URL: {e}"))?;
        let scheme = match url.scheme() {
            "https" => "https",
            "http" => "http",
            "ssh" | "git+ssh" | "ssh+git" => "ssh",
            "file" => "file",
            other => return Err(format!("the scheme `{other}` is not served; there are https, http, ssh and file")),
        };
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if host.is_empty() && scheme != "file" {
            return Err("a URL without a host".to_owned());
        }
        let path = url.path().trim_start_matches('/').to_owned();
        if path.is_empty() {
            return Err("a URL without the path of a repository".to_owned());
        }
        // It would be shown wherever the remote is.
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the URL of a repository has no `?` and no `#`; a token belongs into `credentials`".to_owned());
        }
        let user = (scheme == "ssh" && !url.username().is_empty()).then(|| url.username().to_owned());
        Ok(Self { scheme, host, port: url.port(), user, path })
    }

    fn scp_like(text: &str) -> Result<Self, String> {
        let none = || "neither a URL, nor user@host:path, nor an absolute path".to_owned();
        let (place, path) = text.split_once(':').ok_or_else(none)?;
        let (user, host) = match place.split_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, place),
        };
        if host.is_empty() || path.is_empty() || host.contains(['/', ' ']) || text.contains(char::is_whitespace) {
            return Err(none());
        }
        if user.is_none() && path.split('/').next().is_some_and(|first| first.contains('@')) {
            return Err(
                "ssh takes no password in a remote; write user@host:path, with a credential of type `ssh`".to_owned()
            );
        }
        let path = path.trim_start_matches('/').to_owned();
        Ok(Self { scheme: "ssh", host: host.to_ascii_lowercase(), port: None, user, path })
    }

    /// Whether nothing that is sent to it leaves this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// `https://host:port` of the same server. A port of ssh says nothing about it.
    fn origin(&self) -> String {
        match (self.scheme, self.port) {
            ("http" | "https", Some(port)) => format!("{}://{}:{port}", self.scheme, self.host),
            ("http", None) => format!("http://{}", self.host),
            _ => format!("https://{}", self.host),
        }
    }
}

/// The provider that a host and path can only mean; none if any could stand there.
pub(super) fn provider_of(remote: &Remote) -> Option<Provider> {
    let segments = || remote.path.split('/');
    provider_of_host(&remote.host).or_else(|| {
        if segments().any(|s| s == "_git") {
            Some(Provider::Azure)
        } else if (matches!(remote.scheme, "http" | "https") && segments().any(|s| s == "scm"))
            || (remote.scheme == "ssh" && remote.port == Some(7999))
        {
            Some(Provider::BitbucketDataCenter)
        } else {
            None
        }
    })
}

/// The provider that `scm.type` or `webhook.provider` means, beside what else is known of the place.
pub(super) fn named(word: &str, api: Option<&Url>, remote: Option<&Remote>) -> Option<Provider> {
    Some(match word {
        "github" => Provider::Github,
        "gitlab" => Provider::Gitlab,
        "azure" => Provider::Azure,
        "forgejo" => Provider::Forgejo,
        "gitea" if remote.and_then(provider_of) == Some(Provider::Forgejo) => Provider::Forgejo,
        "gitea" => Provider::Gitea,
        "bitbucket-cloud" => Provider::BitbucketCloud,
        "bitbucket-data-center" => Provider::BitbucketDataCenter,
        "bitbucket" => {
            let host = api
                .and_then(Url::host_str)
                .or(remote.map(|remote| remote.host.as_str()).filter(|host| !host.is_empty()));
            match host {
                Some(host) if !below(host, "bitbucket.org") => Provider::BitbucketDataCenter,
                _ => Provider::BitbucketCloud,
            }
        }
        _ => return None,
    })
}

/// The root of the REST interface, from what the file says and where the remote is.
///
/// # Errors
/// What is missing, in words for the operator.
pub(super) fn api_root(
    provider: Provider,
    api: Option<&Url>,
    remote: Option<&Remote>,
) -> Result<Option<String>, String> {
    let base = api.map(|url| {
        let origin = url.origin().ascii_serialization();
        let path: Vec<String> = url.path().split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        (origin, path)
    });
    let remote = remote.filter(|remote| remote.scheme != "file");
    if base.is_none() && remote.is_none() {
        return Ok(None);
    }
    let host = api.and_then(Url::host_str).or(remote.map(|remote| remote.host.as_str())).unwrap_or_default().to_owned();
    let (origin, path) = base.unwrap_or_else(|| remote.map(|remote| remote_base(provider, remote)).unwrap_or_default());
    let joined = |path: &[String], end: &str| {
        let mut root = origin.clone();
        for segment in path {
            root.push('/');
            root.push_str(segment);
        }
        root.push_str(end);
        Some(root)
    };
    Ok(match provider {
        Provider::Github => github_root(&host, &path, joined),
        Provider::Gitlab => with_end(&path, &["api", "v4"], joined),
        Provider::Gitea | Provider::Forgejo => with_end(&path, &["api", "v1"], joined),
        // Another host is somebody's own way to it; only `bitbucket-cloud` gets here with one.
        Provider::BitbucketCloud if api.is_some() && !below(&host, "bitbucket.org") => {
            with_end(&path, &["2.0"], joined)
        }
        Provider::BitbucketCloud => Some("https://api.bitbucket.org/2.0".to_owned()),
        Provider::BitbucketDataCenter => match path.as_slice() {
            [.., rest, name, _] if rest == "rest" && name == "api" => joined(&path, ""),
            _ => {
                let end = path
                    .iter()
                    .position(|s| matches!(s.as_str(), "rest" | "api" | "2.0" | "1.0"))
                    .unwrap_or(path.len());
                joined(path.get(..end).unwrap_or_default(), "/rest/api/latest")
            }
        },
        Provider::Azure => azure_root(&host, &path, remote, joined)?,
    })
}

/// The path below which a server answers on the web, told by the root of its REST interface: `gitlab` of
/// `https://HOST/gitlab/api/v4`.
pub(super) fn context(provider: Provider, root: Option<&str>) -> String {
    let Some(url) = root.and_then(|root| Url::parse(root).ok()) else { return String::new() };
    let path = url.path().trim_matches('/');
    let end = match provider {
        Provider::Gitlab => "api/v4",
        Provider::Gitea | Provider::Forgejo => "api/v1",
        Provider::Github => "api/v3",
        _ => return String::new(),
    };
    path.strip_suffix(end).unwrap_or_default().trim_matches('/').to_owned()
}

fn github_root(host: &str, path: &[String], joined: impl Fn(&[String], &str) -> Option<String>) -> Option<String> {
    if below(host, "github.com") {
        return Some("https://api.github.com".to_owned());
    }
    if below(host, "ghe.com") {
        let tenant = host.strip_prefix("api.").unwrap_or(host);
        return Some(format!("https://api.{tenant}"));
    }
    if host.starts_with("api.") || host.contains(".api.") {
        return joined(path, "");
    }
    with_end(path, &["api", "v3"], joined)
}

/// Adds the end that a REST root has, unless it is there.
fn with_end(path: &[String], end: &[&str], joined: impl Fn(&[String], &str) -> Option<String>) -> Option<String> {
    let is_there = path.len() >= end.len() && path.iter().rev().zip(end.iter().rev()).all(|(a, b)| a == b);
    if is_there { joined(path, "") } else { joined(path, &format!("/{}", end.join("/"))) }
}

/// The origin and path at which a remote's server answers, without the repository.
fn remote_base(provider: Provider, remote: &Remote) -> (String, Vec<String>) {
    let segments: Vec<&str> = remote.path.split('/').filter(|s| !s.is_empty()).collect();
    let above = |count: usize| segments.get(..segments.len().saturating_sub(count)).unwrap_or_default();
    let http = matches!(remote.scheme, "http" | "https");
    let path: &[&str] = match provider {
        // The path below which the server answers is not told by an ssh remote, nor by GitLab's nested groups.
        _ if !http => &[],
        Provider::BitbucketDataCenter => {
            let scm = segments.iter().position(|s| *s == "scm").unwrap_or(0);
            segments.get(..scm).unwrap_or_default()
        }
        Provider::Gitea | Provider::Forgejo => above(2),
        _ => &[],
    };
    (remote.origin(), path.iter().map(|s| (*s).to_owned()).collect())
}

fn azure_root(
    host: &str,
    path: &[String],
    remote: Option<&Remote>,
    joined: impl Fn(&[String], &str) -> Option<String>,
) -> Result<Option<String>, String> {
    let collection = remote.and_then(azure_collection);
    let services = |organisation: &str| Some(format!("https://dev.azure.com/{organisation}"));
    if let Some(organisation) = host.strip_suffix(".visualstudio.com").filter(|name| !matches!(*name, "vs-ssh" | "")) {
        return Ok(services(organisation));
    }
    if below(host, "dev.azure.com") || below(host, "visualstudio.com") {
        let given = path.first().filter(|s| !s.starts_with('_') && !s.starts_with('{'));
        return match given.map(String::as_str).filter(|_| !host.starts_with("ssh.")).or(collection.as_deref()) {
            Some(organisation) => Ok(services(organisation)),
            None => Err("the organisation is missing; write https://dev.azure.com/ORGANISATION".to_owned()),
        };
    }
    let end = path.iter().position(|s| s == "_apis").unwrap_or(path.len());
    let mut path = path.get(..end).unwrap_or_default().to_vec();
    for segment in &mut path {
        if is_placeholder(segment) {
            segment.clone_from(collection.as_ref().ok_or(
                "`{collection}` stands for the name of the collection; it is not told by `remote`, so write it here",
            )?);
        }
    }
    if path.is_empty() || path.iter().all(|s| s == "tfs") {
        // The base of the server alone: the remote tells the rest.
        let from_remote: Vec<String> = remote.map(azure_server_path).unwrap_or_default();
        if from_remote.is_empty() {
            return Err("the collection is missing; write https://HOST/tfs/COLLECTION/_apis".to_owned());
        }
        return Ok(joined(&from_remote, ""));
    }
    Ok(joined(&path, ""))
}

fn is_placeholder(segment: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    decoded.starts_with('{') && decoded.ends_with('}')
}

/// Path of the collection of an Azure DevOps Server remote: `tfs/DefaultCollection`.
fn azure_server_path(remote: &Remote) -> Vec<String> {
    let segments: Vec<&str> = remote.path.split('/').filter(|s| !s.is_empty()).collect();
    let Some(git) = segments.iter().position(|s| *s == "_git") else { return Vec::new() };
    // COLLECTION/PROJECT/_git/REPOSITORY, or COLLECTION/_git/REPOSITORY where both have one name.
    let above = segments.get(..git).unwrap_or_default();
    let first_is_tfs = above.first().is_some_and(|s| *s == "tfs");
    let keep = if first_is_tfs { 2 } else { 1 };
    above.get(..keep.min(above.len())).unwrap_or_default().iter().map(|s| (*s).to_owned()).collect()
}

/// Organisation or collection that a remote names.
fn azure_collection(remote: &Remote) -> Option<String> {
    if let Some(organisation) = remote.host.strip_suffix(".visualstudio.com").filter(|name| *name != "vs-ssh") {
        return Some(organisation.to_owned());
    }
    let mut segments = remote.path.split('/').filter(|s| !s.is_empty());
    if remote.scheme == "ssh" && (below(&remote.host, "dev.azure.com") || below(&remote.host, "visualstudio.com")) {
        return segments.nth(1).map(str::to_owned);
    }
    if below(&remote.host, "dev.azure.com") {
        return segments.next().map(str::to_owned);
    }
    azure_server_path(remote).pop()
}
