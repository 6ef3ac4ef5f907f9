//! `storage`, `environments` and `credentials`: what is served, and where it comes from.

use super::super::keys::{Key, Shape};
use super::super::place;
use super::{key, own, unused};

const NO_SECRETS: &str = "no secret manager is asked; the key is given by `key_path` or `key_bytes`";

pub(super) static STORAGE: &[Key] = &[
    key(
        "remote",
        Shape::Text,
        "none: a repository of this machine only",
        "URL of the repository: `https://`, `http://`, `ssh://`, `user@host:path`, `file://`.",
    ),
    key("branch", Shape::Text, "main", "The branch that is served. It has to exist; Yardarm never creates it."),
    key("poll_interval", Shape::Duration, "30s", "How often the remote is asked without a webhook. At least `1s`."),
    own(
        "poll_ceiling",
        Shape::Duration,
        "ten times `poll_interval`, at most `5m`",
        "Longest pause between polls while webhooks prove healthy.",
    ),
    key("credentials", Shape::Text, "none", "Name of an entry of `credentials`."),
    key("ca_cert_path", Shape::Path, "", "Certificate authority of the Git server, PEM. Excludes `ca_cert_bytes`."),
    key("ca_cert_bytes", Shape::Text, "", "The same as text."),
    key("insecure_skip_tls", Shape::Bool, "false", "Do not verify the Git server's certificate."),
    key(
        "fetch_policy",
        Shape::Word(&["strict", "lenient"]),
        "strict",
        "`strict` and `lenient` do the same: a first fetch that fails never ends the process; `/ready` answers 503, and it keeps trying.",
    ),
    key("backend", Shape::Section(BACKEND), "", "Where the mirror lives."),
    key(
        "signature",
        Shape::Section(SIGNATURE),
        "",
        "Author of commits where no person is known, and the key that commits are signed with.",
    ),
    own(
        "push_with",
        Shape::Word(&["builtin", "git"]),
        "builtin",
        "What carries commits to the remote: our own client, or the program `git`, where a server does not understand it.",
    ),
    own("webhook", Shape::Section(WEBHOOK), "none: polling only", "The endpoint `POST /webhooks/<storage>`."),
];

static BACKEND: &[Key] = &[
    key(
        "type",
        Shape::Word(&["memory", "local"]),
        "memory",
        "`memory`: the mirror lives below `state.directory`. `local`: in `path`.",
    ),
    key("path", Shape::Path, ".", "Directory of a `local` backend."),
];

static SIGNATURE: &[Key] = &[
    key("name", Shape::Text, "flipt", "Name of the author."),
    key("email", Shape::Text, "`flipt[bot]@noreply.flipt.io`", "Address of the author."),
    key("enabled", Shape::Bool, "false", "Sign every commit. Needs a key, and the program `gpg` or `ssh-keygen`."),
    key("type", Shape::Word(&["gpg", "ssh"]), "told by the key", "`ssh` is ours; `git verify-commit` knows both."),
    own(
        "key_path",
        Shape::Path,
        "",
        "File of the private key: OpenSSH's form, or what `gpg --export-secret-keys` wrote.",
    ),
    own("key_bytes", Shape::Secret, "", "The same as text. Excludes `key_path`."),
    own("passphrase", Shape::Secret, "none", "Passphrase of the key, if it has one."),
    key(
        "key_id",
        Shape::Text,
        "the first key",
        "Which key of several: its id, its fingerprint, or a part of its user id. Only for `gpg`.",
    ),
    unused("key_ref", Shape::Section(KEY_REF), NO_SECRETS),
];

static KEY_REF: &[Key] =
    &[unused("provider", Shape::Text, ""), unused("path", Shape::Text, ""), unused("key", Shape::Text, "")];

static WEBHOOK: &[Key] = &[
    own(
        "provider",
        Shape::Word(place::PROVIDERS),
        "the type of the environment's `scm`, else told by the host of `remote`",
        "Who sends.",
    ),
    own(
        "secrets",
        Shape::Secrets,
        "",
        "Every secret that is valid now; two while one replaces the other. Secrets of `environments.<name>.scm.webhook` count too.",
    ),
];

pub(super) static ENVIRONMENT: &[Key] = &[
    key("name", Shape::Text, "the name in the file", "Name in the API."),
    key(
        "default",
        Shape::Bool,
        "true for the only environment",
        "Answers where a client names no environment. Exactly one is the default.",
    ),
    key("storage", Shape::Text, "default", "Name of an entry of `storage`."),
    key("directory", Shape::Text, "the root of the repository", "Directory whose flag files are served."),
    own(
        "hazards",
        Shape::Word(&["warn", "refuse"]),
        "warn",
        "What becomes of flag files that are accepted by Flipt but do not mean what they say. `warn`: served as Flipt serves them, and shown. `refuse`: the namespace keeps its last good state.",
    ),
    own(
        "protected",
        Shape::Bool,
        "false",
        "Nothing is written to it directly: an edit goes to a branch, and comes back as a merge.",
    ),
    own(
        "break_glass",
        Shape::Section(BREAK_GLASS),
        "",
        "Edits while the provider is down: served at once, pushed when it is back, shown everywhere until then.",
    ),
    key("scm", Shape::Section(SCM), "", "The provider of the repository."),
];

static BREAK_GLASS: &[Key] = &[
    own(
        "enabled",
        Shape::Bool,
        "false",
        "Let it be done by whoever has a token for `break-glass` of this environment.",
    ),
    own(
        "expires_after",
        Shape::Duration,
        "4h",
        "How long such an edit is served without having been pushed; then the last pushed state is. `1m` to `168h`.",
    ),
];

static SCM: &[Key] = &[
    key(
        "type",
        Shape::Word(place::SCM_TYPES),
        "told by the host of `remote`",
        "The provider. `bitbucket` means Cloud on bitbucket.org and Data Center on any other host.",
    ),
    key(
        "api_url",
        Shape::Text,
        "derived from `remote`",
        "Base of the provider's API; the root of its REST interface is derived from it.",
    ),
    key("credentials", Shape::Text, "none", "Name of an entry of `credentials`, used for the API."),
    own(
        "owner",
        Shape::Text,
        "told by `remote`",
        "Owner at the API: user, organisation, group path (`group/sub`), workspace; on Bitbucket Data Center and Azure DevOps the project.",
    ),
    own(
        "project",
        Shape::Text,
        "told by `remote`",
        "The same in the words of GitLab (`group/sub/name`, owner and repository in one), of Bitbucket Data Center (key of the project) and of Azure DevOps.",
    ),
    own("repository", Shape::Text, "told by `remote`", "Name of the repository at the API; on Bitbucket its slug."),
    own("report", Shape::Section(SCM_REPORT), "", "What Yardarm says on a proposal that touches flag files."),
    own(
        "delete_merged_branches",
        Shape::Bool,
        "false",
        "Remove a branch of Yardarm's at the provider once its proposal is merged.",
    ),
    own("draft", Shape::Bool, "false", "Begin a proposal as a draft where the request does not say."),
    own(
        "merge_method",
        Shape::Word(&["merge", "squash", "rebase"]),
        "the provider's own",
        "How a proposal is merged that is merged through Yardarm.",
    ),
    key("webhook", Shape::Section(SCM_WEBHOOK), "", "The endpoint `POST /api/v2/webhooks/<environment>`."),
];

static SCM_REPORT: &[Key] = &[
    own(
        "status",
        Shape::Bool,
        "true",
        "A commit status `yardarm/flags`: the files are valid, or the first problem. Needs `credentials`.",
    ),
    own(
        "comment",
        Shape::Bool,
        "true",
        "One comment, kept up to date: which flags change how, and who is affected. Needs `credentials`.",
    ),
];

static SCM_WEBHOOK: &[Key] =
    &[key("secret", Shape::Secret, "", "Secret of the webhook; it counts beside those of `storage.<name>.webhook`.")];

pub(super) static CREDENTIAL: &[Key] = &[
    key("type", Shape::Word(&["basic", "ssh", "access_token", "github_app"]), "", "Which of the following is meant."),
    key("access_token", Shape::Secret, "", "A token. The user name that goes with it is the provider's convention."),
    key("basic", Shape::Section(BASIC), "", "User and password."),
    key("ssh", Shape::Section(SSH), "", "A key."),
    key("github_app", Shape::Section(GITHUB_APP), "", "An installation of a GitHub App."),
];

static BASIC: &[Key] =
    &[key("username", Shape::Text, "", "User."), key("password", Shape::Secret, "", "Password or token.")];

static SSH: &[Key] = &[
    key("user", Shape::Text, "git", "User."),
    key("password", Shape::Secret, "none", "Passphrase of the key, if it has one."),
    key("private_key_path", Shape::Path, "", "File of the key. Excludes `private_key_bytes`."),
    key("private_key_bytes", Shape::Secret, "", "The key itself."),
    key(
        "known_hosts",
        Shape::Path,
        "",
        "Ours: a file of host keys, and the only one that counts. Else those of the user and of the machine do.",
    ),
    key("insecure_ignore_host_key", Shape::Bool, "false", "Do not verify the host's key."),
];

static GITHUB_APP: &[Key] = &[
    key("client_id", Shape::Text, "", "Client id of the app."),
    key("installation_id", Shape::Integer(1, i64::MAX), "", "Number of the installation."),
    key("private_key_path", Shape::Path, "", "File of the app's key, PEM. Excludes `private_key_bytes`."),
    key("private_key_bytes", Shape::Secret, "", "The key itself."),
    key("api_url", Shape::Text, "github.com", "Base of the API on GitHub Enterprise Server."),
];
