//! Where a remote URL points: host and repository, whatever form the URL has.
//!
//! The same repository is written in many ways: https, `ssh://`, the scp form, other SSH hosts and ports, Bitbucket's
//! `/scm/`, the old and new names of Azure DevOps, with a context path in front or not. A webhook that is dropped
//! because two of them were compared as text is the most reported fault of this kind of software, so [`Place::is_named`]
//! asks for one agreement among all that a payload says, and calls a repository another one only when the payload
//! names it and nothing agrees. Being wrong the tolerant way costs one fetch; the other way costs a push.
//!
//! Nothing here is ever called or fetched from: payloads are compared with the configured remote, never used as one.

use super::{Provider, RepositoryName};

/// A repository on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Who runs there, if the URL tells.
    pub provider: Option<Provider>,
    /// Host in lower case, by its best known name: `github.com` for `ssh.github.com`.
    pub host: String,
    /// Path in lower case, decoded, without what transport and web interface add to it: `owner/name`,
    /// `group/sub/name`, `project/slug`, `organisation/project/repository`; a context path stays in front.
    pub path: String,
}

/// What a payload says about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// This repository.
    Same,
    /// Another one.
    Other,
    /// It names none.
    Nothing,
}

/// The provider that is known to run at a host; `None` for everybody's own servers.
#[must_use]
pub fn provider_of_host(host: &str) -> Option<Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    HOSTS.iter().find(|(domain, _)| below(&host, domain)).map(|(_, provider)| *provider)
}

/// The services that are run by the providers themselves, by their domains.
const HOSTS: [(&str, Provider); 8] = [
    ("github.com", Provider::Github),
    ("ghe.com", Provider::Github),
    ("gitlab.com", Provider::Gitlab),
    ("bitbucket.org", Provider::BitbucketCloud),
    ("dev.azure.com", Provider::Azure),
    ("visualstudio.com", Provider::Azure),
    ("codeberg.org", Provider::Forgejo),
    ("gitea.com", Provider::Gitea),
];

/// Whether a host is a domain or stands below it; both in lower case.
#[must_use]
pub fn below(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The parts of a URL before any provider's convention is applied.
struct Parts<'u> {
    ssh: bool,
    user: Option<&'u str>,
    host: String,
    port: Option<&'u str>,
    path: &'u str,
}

/// Takes a URL of any form apart. `None` for files, relative paths and what is no URL.
fn parts(url: &str) -> Option<Parts<'_>> {
    let url = url.trim();
    if let Some((scheme, rest)) = url.split_once("://") {
        let ssh = match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" | "git" => false,
            "ssh" | "git+ssh" | "ssh+git" => true,
            _ => return None,
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let (user, server) = user_and_server(authority);
        let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        return Some(Parts { ssh, user, host: host_name(host)?, port, path });
    }
    // The scp form: what stands before the first colon is a host, unless it is a path or a Windows drive.
    let (authority, path) = url.split_once(':')?;
    let (user, host) = user_and_server(authority);
    // `helper::address` is Git's way to run a program.
    let is_other = authority.contains('/') || authority.len() == 1 || path.starts_with(':');
    if is_other { None } else { Some(Parts { ssh: true, user, host: host_name(host)?, port: None, path }) }
}

fn user_and_server(authority: &str) -> (Option<&str>, &str) {
    match authority.rsplit_once('@') {
        Some((user, server)) => (user.split(':').next(), server),
        None => (None, authority),
    }
}

fn host_name(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.');
    let clean = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    (!host.is_empty() && !host.starts_with('-') && host.chars().all(clean)).then(|| host.to_lowercase())
}

/// The place that a URL points to. `None` for local paths, `file://` and what is no URL.
#[must_use]
pub fn parse(url: &str) -> Option<Place> {
    let Written { provider, host, segments, .. } = written(url)?;
    let path: Vec<String> = segments.iter().map(|segment| segment.to_lowercase()).collect();
    Some(Place { provider, host, path: path.join("/") })
}

/// How a repository is named at the API of its provider: case kept, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Owner, group path, workspace, project key; project on Azure DevOps.
    pub owner: String,
    /// Repository, project on GitLab, slug on Bitbucket.
    pub name: String,
}

/// The repository that a URL names at `provider`. `context` is the path below which the server answers on the web, as far
/// as that is known (`gitlab` of `https://HOST/gitlab`); only GitLab's names, which are of any depth, need it.
#[must_use]
pub fn repository(url: &str, provider: Provider, context: &str) -> Option<Repository> {
    let Written { ssh, segments, .. } = written(url)?;
    let mut names = segments.as_slice();
    // Over ssh there is no context path.
    if provider == Provider::Gitlab && !ssh {
        for part in context.split('/').filter(|part| !part.is_empty()) {
            names = names.split_first().filter(|(first, _)| *first == part).map_or(names, |(_, rest)| rest);
        }
    }
    let (name, above) = names.split_last()?;
    let owner = match provider {
        Provider::Gitlab => above.join("/"),
        _ => above.last()?.clone(),
    };
    (!owner.is_empty()).then(|| Repository { owner, name: name.clone() })
}

/// A URL with every convention of transport and web interface taken off; case kept, decoded.
struct Written {
    provider: Option<Provider>,
    ssh: bool,
    host: String,
    /// Never empty.
    segments: Vec<String>,
}

fn written(url: &str) -> Option<Written> {
    let Parts { ssh, user, host, port, path } = parts(url)?;
    let mut segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".")
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    if let Some(last) = segments.last_mut()
        && let Some((bare, end)) = last.split_at_checked(last.len().saturating_sub(4))
        && end.eq_ignore_ascii_case(".git")
    {
        *last = bare.to_owned();
    }
    // `host:.git`
    segments.retain(|segment| !segment.is_empty());
    let mut provider = provider_of_host(&host);
    if provider == Some(Provider::Azure) {
        let segments = azure_services(&host, user, segments)?;
        return Some(Written { provider, ssh, host: "dev.azure.com".to_owned(), segments });
    }
    if segments.iter().any(|segment| is_azure_mark(segment)) {
        provider = provider.or(Some(Provider::Azure));
        let collection = if segments.first().is_some_and(|first| is(first, "tfs")) { 2 } else { 1 };
        segments = azure_repository(&segments, collection)?;
    } else if let Some(bitbucket) = data_center(&segments).filter(|_| !ssh && provider.is_none()) {
        provider = Some(Provider::BitbucketDataCenter);
        segments = bitbucket;
    } else if ssh && provider.is_none() && port == Some("7999") {
        provider = Some(Provider::BitbucketDataCenter);
    }
    let host = match host.as_str() {
        "ssh.github.com" | "www.github.com" => "github.com".to_owned(),
        "altssh.gitlab.com" | "www.gitlab.com" => "gitlab.com".to_owned(),
        "altssh.bitbucket.org" | "www.bitbucket.org" => "bitbucket.org".to_owned(),
        _ => match port {
            // Two servers on one machine, told apart by port. An SSH port says nothing about the web side.
            Some(port) if !ssh && !matches!(port, "" | "80" | "443") => format!("{host}:{port}"),
            _ => host,
        },
    };
    (!segments.is_empty()).then_some(Written { provider, ssh, host, segments })
}

fn is(segment: &str, name: &str) -> bool {
    segment.eq_ignore_ascii_case(name)
}

/// What stands before the repository in Azure's paths.
fn is_azure_mark(segment: &str) -> bool {
    is(segment, "_git") || is(segment, "_ssh")
}

/// Azure DevOps Services under all its names, as `organisation/project/repository`.
fn azure_services(host: &str, user: Option<&str>, mut segments: Vec<String>) -> Option<Vec<String>> {
    if segments.first().is_some_and(|first| is(first, "v3")) {
        segments.remove(0);
    } else if host == "vs-ssh.visualstudio.com" {
        segments.insert(0, user.filter(|user| !user.is_empty())?.to_owned());
    } else if let Some(organisation) = host.strip_suffix(".visualstudio.com") {
        // `.visualstudio.com` names nobody.
        segments.insert(0, Some(organisation).filter(|organisation| !organisation.is_empty())?.to_owned());
    }
    if segments.get(1).is_some_and(|second| is(second, "defaultcollection")) {
        segments.remove(1);
    }
    if segments.iter().any(|segment| is_azure_mark(segment)) {
        segments = azure_repository(&segments, 1)?;
    }
    (!segments.is_empty()).then_some(segments)
}

/// `collection/project/_git/repository` as `collection/project/repository`. A project's own repository may be written
/// without the project; `collection` is how many segments stand before it.
fn azure_repository(segments: &[String], collection: usize) -> Option<Vec<String>> {
    let at = segments.iter().position(|segment| is_azure_mark(segment))?;
    let repository = segments.iter().skip(at + 1).find(|name| !is(name, "_full") && !is(name, "_optimized"))?;
    let mut out: Vec<String> = segments.iter().take(at).cloned().collect();
    if out.len() <= collection {
        out.push(repository.clone());
    }
    out.push(repository.clone());
    Some(out)
}

/// Bitbucket Data Center's clone and web paths as `[context/]project/slug`.
fn data_center(segments: &[String]) -> Option<Vec<String>> {
    let at = |name: &str| segments.iter().position(|segment| is(segment, name));
    let take = |context: usize, project: String, slug: Option<&String>| {
        let mut out: Vec<String> = segments.iter().take(context).cloned().collect();
        out.push(project);
        out.push(slug?.clone());
        Some(out)
    };
    if let Some(scm) = at("scm").filter(|scm| segments.len() == scm + 3) {
        return take(scm, segments.get(scm + 1)?.clone(), segments.get(scm + 2));
    }
    let repos = at("repos")?;
    let owner = segments.get(repos.checked_sub(1)?)?;
    let kind = segments.get(repos.checked_sub(2)?)?;
    if is(kind, "projects") {
        take(repos - 2, owner.clone(), segments.get(repos + 1))
    } else if is(kind, "users") {
        take(repos - 2, format!("~{owner}"), segments.get(repos + 1))
    } else {
        None
    }
}

impl Place {
    /// What a payload of `provider` says about this place. Any URL that points here, or the full name, is enough; the
    /// host of a full name is not asked, because servers are reached under other names than they know of themselves.
    #[must_use]
    pub fn is_named(&self, provider: Provider, name: &RepositoryName) -> Named {
        let places: Vec<Place> = name.urls.iter().filter_map(|url| parse(url)).collect();
        if places.iter().any(|place| place.host == self.host && place.path == self.path) {
            return Named::Same;
        }
        let Some(full_name) = name.full_name.as_ref().map(|full| full.trim_matches('/').to_lowercase()) else {
            return if places.is_empty() { Named::Nothing } else { Named::Other };
        };
        let Some(before) = self.path.strip_suffix(&full_name) else { return Named::Other };
        // In front of the full name may stand nothing; a context path that the payload's own URLs show as well; or,
        // where names are always two deep, anything (a context path, Azure's organisation or collection).
        let shown = || places.iter().any(|place| place.path.strip_suffix(&full_name) == Some(before));
        let two_deep = provider != Provider::Gitlab && full_name.split('/').count() == 2;
        let same = before.is_empty() || (before.ends_with('/') && (two_deep || shown()));
        if same { Named::Same } else { Named::Other }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.host, self.path)
    }
}

/// A URL without user and password, for showing it.
#[must_use]
pub fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
            format!("{scheme}://{server}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
