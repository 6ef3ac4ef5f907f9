//! Where the providers' documents are known to be silent or wrong. Nothing else is let pass.

use std::fmt;

use yardarm::provider::Provider;
use yardarm::provider::Provider::{Azure, BitbucketCloud, BitbucketDataCenter, Forgejo, Gitea, Github, Gitlab};

/// What of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// There is such an operation at all.
    Path,
    /// A parameter of the query, or a header, by its name.
    Parameter(String),
    /// A field of the request's body: `/a/*/b`.
    Request(String),
    /// A status.
    Status(u16),
    /// A field of the answer's body: `/a/*/b`.
    Answer(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => write!(f, "path"),
            Self::Parameter(name) => write!(f, "query {name}"),
            Self::Request(at) => write!(f, "request {at}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Answer(at) => write!(f, "answer {at}"),
        }
    }
}

/// Part of a known gap.
#[derive(Debug, Clone, Copy)]
enum Of {
    Path,
    Parameter(&'static str),
    #[allow(dead_code)]
    Request(&'static str),
    Status(u16),
    #[allow(dead_code)]
    Answer(&'static str),
}

/// Providers, method, end of the document's path (`*`: any; as a segment: any one), what, and why it is let pass.
type Gap = (&'static [Provider], &'static str, &'static str, Of, &'static str);

/// Every one of them.
const ALL: &[Provider] = &Provider::ALL;

/// Keep each provider's together; a reason says where it is known from.
const KNOWN: &[Gap] = &[
    (ALL, "*", "*", Of::Status(401), "a wrong credential: said once for all operations in the prose"),
    (ALL, "*", "*", Of::Status(429), "a rate limit: said once for all operations in the prose"),
    (ALL, "*", "*", Of::Status(500), "a server that fails"),
    (ALL, "*", "*", Of::Status(502), "a proxy in front of a server that fails"),
    (ALL, "*", "*", Of::Status(503), "a server that is being restarted"),
    // GitHub.
    (&[Github], "POST", "/graphql", Of::Path, "GraphQL is described elsewhere"),
    (&[Github], "*", "*", Of::Status(301), "renamed repositories: said once for all operations in the prose"),
    (&[Github], "GET", "*", Of::Status(304), "conditional requests: said once for all operations in the prose"),
    (&[Github], "*", "*", Of::Status(403), "scopes and secondary limits: said once for all operations in the prose"),
    (&[Github], "*", "*", Of::Status(404), "what may not be seen: said once for all operations in the prose"),
    (&[Github], "*", "*", Of::Status(307), "renamed repositories, for what is no GET: said once in the prose"),
    (&[Github], "*", "*", Of::Answer("/status"), "errors repeat their status as text; only one of the schemas has it"),
    (&[Github], "POST", "/statuses/{sha}", Of::Status(422), "too many statuses: in the operation's prose"),
    (&[Github], "*", "/pulls", Of::Answer("/*/head/repo"), "null once a fork is deleted, as recorded"),
    (&[Github], "*", "/pulls/{pull_number}", Of::Answer("/head/repo"), "null once a fork is deleted, as recorded"),
    // GitLab.
    (&[Gitlab], "*", "*", Of::Status(403), "scopes: said once for all operations in the prose"),
    (&[Gitlab], "*", "*", Of::Status(404), "what may not be seen: said once for all operations in the prose"),
    (&[Gitlab], "*", "*", Of::Status(301), "moved projects, reads: its source, lib/api/helpers.rb"),
    (&[Gitlab], "*", "*", Of::Status(405), "moved projects, writes: its source, lib/api/helpers.rb"),
    (&[Gitlab], "GET", "/reviewers", Of::Path, "left out of the trimmed document; documented since 15.4"),
    (&[Gitlab], "POST", "/statuses/{sha}", Of::Status(201), "its own request test expects 201, the document says 200"),
    (&[Gitlab], "DELETE", "/notes/*", Of::Path, "left out of the trimmed document; documented"),
    (&[Gitlab], "DELETE", "/hooks/{hook_id}", Of::Status(204), "its source answers 204, the document says 200"),
    (&[Gitlab], "GET", "/approvals", Of::Answer("/approvals_required"), "paid editions, as recorded"),
    (&[Gitlab], "GET", "/approvals", Of::Answer("/approvals_left"), "paid editions, as recorded"),
    // Bitbucket Cloud.
    (&[BitbucketCloud], "GET", "*", Of::Parameter("q"), "filtering: said once for all lists in the prose"),
    (&[BitbucketCloud], "GET", "*", Of::Parameter("sort"), "filtering: said once for all lists in the prose"),
    (&[BitbucketCloud], "GET", "*", Of::Parameter("fields"), "partial answers: said once for all in the prose"),
    (&[BitbucketCloud], "GET", "*", Of::Parameter("page"), "pagination: said once for all lists in the prose"),
    (&[BitbucketCloud], "GET", "*", Of::Parameter("pagelen"), "pagination: said once for all lists in the prose"),
    (&[BitbucketCloud], "*", "*", Of::Status(403), "scopes: said once for all operations in the prose"),
    (&[BitbucketCloud], "*", "*", Of::Status(404), "what may not be seen: said once for all operations in the prose"),
    (
        &[BitbucketCloud],
        "POST",
        "/merge",
        Of::Status(400),
        "merge checks and conflicts; said of the task's status only",
    ),
    (&[BitbucketCloud], "POST", "/decline", Of::Status(400), "one that is closed already; no refusal is described"),
    (&[BitbucketCloud], "POST", "/hooks", Of::Request(""), "the fields are described in the operation's prose"),
    (&[BitbucketCloud], "PUT", "/hooks/{uid}", Of::Request(""), "the fields are described in the operation's prose"),
    // Bitbucket Data Center.
    (&[BitbucketDataCenter], "*", "*", Of::Status(403), "permissions: said once for all operations in the prose"),
    (&[BitbucketDataCenter], "*", "*", Of::Status(404), "what may not be seen: said once for all in the prose"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/author"), "who opened it: in every recorded pull request"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/values/*/author"), "who opened it: in every recorded pull request"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/properties"), "the merge commit: in recorded pull requests"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/values/*/properties"), "the merge commit: in recorded ones"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/errors/*/existingPullRequest"), "in practice, as clients read it"),
    (&[BitbucketDataCenter], "*", "*", Of::Answer("/errors/*/vetoes"), "in practice, as clients read it"),
    (&[BitbucketDataCenter], "GET", "/merge", Of::Answer("/canMerge"), "in practice, as clients read it"),
    (&[BitbucketDataCenter], "GET", "/activities", Of::Answer("/values/*/comment"), "as recorded"),
    (&[BitbucketDataCenter], "GET", "/activities", Of::Answer("/values/*/commentAction"), "as recorded"),
    (&[BitbucketDataCenter], "GET", "/activities", Of::Answer("/values/*/commit"), "of a merge, as clients read it"),
    (&[BitbucketDataCenter], "*", "/webhooks", Of::Answer("/id"), "as recorded"),
    (&[BitbucketDataCenter], "*", "/webhooks", Of::Answer("/createdDate"), "as recorded"),
    (&[BitbucketDataCenter], "*", "/webhooks", Of::Answer("/updatedDate"), "as recorded"),
    (&[BitbucketDataCenter], "*", "/webhooks/{webhookId}", Of::Answer("/id"), "as recorded"),
    (&[BitbucketDataCenter], "*", "/webhooks/{webhookId}", Of::Answer("/createdDate"), "as recorded"),
    (&[BitbucketDataCenter], "*", "/webhooks/{webhookId}", Of::Answer("/updatedDate"), "as recorded"),
    (&[BitbucketDataCenter], "GET", "/webhooks", Of::Parameter("start"), "it is paged like every list, as recorded"),
    (&[BitbucketDataCenter], "GET", "/webhooks", Of::Parameter("limit"), "it is paged like every list, as recorded"),
    // Azure DevOps: its document describes no failure at all.
    (&[Azure], "*", "*", Of::Status(400), "the document describes successes only"),
    (&[Azure], "*", "*", Of::Status(403), "the document describes successes only"),
    (&[Azure], "*", "*", Of::Status(404), "the document describes successes only"),
    (&[Azure], "*", "*", Of::Status(409), "the document describes successes only"),
    (&[Azure], "POST", "/pullrequests", Of::Status(201), "every 200 is described, what is made is answered 201"),
    (&[Azure], "POST", "/statuses", Of::Status(201), "every 200 is described, what is made is answered 201"),
    (&[Azure], "GET", "/policy/configurations", Of::Answer("/*"), "settings are described as text, and are an object"),
    (&[Azure], "*", "*", Of::Answer("/_links/self"), "links are described inside of `links`, and recorded beside"),
    (&[Azure], "GET", "*", Of::Answer("/*/_links/self"), "links are described inside of `links`, and recorded beside"),
    // Gitea and Forgejo.
    (&[Gitea], "*", "*", Of::Status(307), "renamed repositories, as recorded"),
    (&[Gitea, Forgejo], "*", "*", Of::Answer("**/username"), "people have it beside `login`, as recorded"),
    (&[Gitea, Forgejo], "GET", "/status", Of::Answer("/state"), "empty where there is no status, as recorded"),
    (&[Gitea], "POST", "/merge", Of::Request("/MergeTitleField"), "its name before 1.26"),
    (&[Gitea], "POST", "/merge", Of::Request("/MergeMessageField"), "its name before 1.26"),
    (&[Gitea, Forgejo], "*", "*", Of::Status(301), "renamed repositories, as recorded"),
    (&[Gitea, Forgejo], "*", "*", Of::Status(403), "scopes, as recorded"),
    (&[Gitea, Forgejo], "*", "*", Of::Status(404), "what may not be seen, as recorded"),
];

/// Whether something that is wrong is known to be.
pub(super) fn known(provider: Provider, method: &str, path: &str, part: &Part) -> bool {
    KNOWN.iter().any(|(providers, gap_method, gap_path, of, _)| {
        let same = match (of, part) {
            (Of::Path, Part::Path) => true,
            (Of::Parameter(known), Part::Parameter(name)) => known == name,
            (Of::Request(known), Part::Request(at)) | (Of::Answer(known), Part::Answer(at)) => {
                // `**/x`: wherever it stands.
                known.strip_prefix("**").map_or(known == at, |end| at.ends_with(end))
            }
            (Of::Status(known), Part::Status(status)) => known == status,
            _ => false,
        };
        same && providers.contains(&provider)
            && (*gap_method == "*" || *gap_method == method)
            && (*gap_path == "*" || ends(path, gap_path))
    })
}

/// Whether a path ends with these segments, `*` being any one.
fn ends(path: &str, end: &str) -> bool {
    let mut segments = path.rsplit('/');
    end.trim_start_matches('/').rsplit('/').all(|known| segments.next().is_some_and(|it| known == "*" || known == it))
}

#[test]
fn gaps_have_reasons_and_stand_once() {
    let mut seen = std::collections::BTreeSet::new();
    for (providers, method, path, of, reason) in KNOWN {
        assert!(!providers.is_empty() && reason.len() > 10);
        assert!(seen.insert(format!("{providers:?} {method} {path} {of:?}")), "{method} {path} {of:?} stands twice");
    }
}
