//! Why a server refused a push, from what it says.
//!
//! Pure. There is no protocol for it: each provider has words of its own, in the reason beside the reference, in what
//! its hooks print, in the body of an HTTP answer. The table knows those words; what it does not know is passed on with
//! what the server said, which is better than a guess.

use super::{PushError, Rejection, RejectionKind};
use crate::git::Error;
use crate::limits;

/// What a server said of a push that it did not take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Complaint<'a> {
    /// The reason beside the reference, or what the client found out before it asked.
    pub(super) reason: &'a str,
    /// What hooks and the server printed beside it, or the body of an HTTP answer.
    pub(super) said: &'a str,
    /// Status of an HTTP answer that was no success.
    pub(super) status: Option<u16>,
}

/// What a complaint means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The branch is elsewhere.
    Stale,
    /// No, for good.
    No(RejectionKind),
}

use Meaning::{No, Stale};
use RejectionKind::{Hook, Other, Permission, Protected, Quota, ReadOnly};

/// Words, in small letters, and what they mean; the first that are found count. What is particular stands before what
/// many say: a hook that declines because of a protected branch says both.
const WORDS: &[(&str, Meaning)] = &[
    // A branch cannot be the directory of another one.
    // Somebody else was faster. Git, then Azure DevOps ("has already been updated by another client").
    ("exists; cannot create", No(Other)),
    ("stale info", Stale),
    ("fetch first", Stale),
    ("non-fast-forward", Stale),
    (" but expected ", Stale),
    ("reference already exists", Stale),
    ("unable to resolve reference", Stale),
    ("reference is missing but expected", Stale),
    (".lock': file exists", Stale),
    ("already been updated by another client", Stale),
    // No room. GitHub (GH001), GitLab, Bitbucket, Forgejo, Azure DevOps, disks.
    ("gh001:", No(Quota)),
    ("size limit", No(Quota)),
    ("storage limit", No(Quota)),
    ("storage quota", No(Quota)),
    ("quota exceeded", No(Quota)),
    ("over quota", No(Quota)),
    ("exceeded its quota", No(Quota)),
    ("disk quota", No(Quota)),
    ("no space left on device", No(Quota)),
    ("pack exceeds maximum allowed size", No(Quota)),
    ("exceeds github's file size limit", No(Quota)),
    ("tf402462", No(Quota)),
    ("exceeded its user limit", No(Quota)),
    // Takes no pushes at all. GitHub, GitLab, Gitea and Forgejo, Bitbucket, Azure DevOps (TF401180).
    ("archived", No(ReadOnly)),
    ("mirror repository is read-only", No(ReadOnly)),
    ("read-only", No(ReadOnly)),
    ("read only", No(ReadOnly)),
    ("is disabled", No(ReadOnly)),
    ("has been disabled", No(ReadOnly)),
    ("maintenance", No(ReadOnly)),
    ("repository has been locked", No(ReadOnly)),
    ("is locked for migration", No(ReadOnly)),
    ("vs403660", No(ReadOnly)),
    // Rules about what is in a commit, also those that stand among the rules of a branch.
    ("push cannot contain secrets", No(Hook)),
    ("gh009:", No(Hook)),
    ("gh007:", No(Hook)),
    ("commits must have verified signatures", No(Hook)),
    ("commit message", No(Hook)),
    ("tf402116", No(Hook)),
    ("vs403654", No(Hook)),
    ("can only push your own commits", No(Hook)),
    // The branch. GitHub (GH003 to GH013), GitLab, Gitea and Forgejo, Bitbucket Cloud and Data Center, Azure DevOps, Git.
    ("gh003:", No(Protected)),
    ("gh006:", No(Protected)),
    ("gh013:", No(Protected)),
    ("repository rule violations", No(Protected)),
    ("changes must be made through a pull request", No(Protected)),
    ("protected branch", No(Protected)),
    ("is protected from", No(Protected)),
    ("can only be modified through pull requests", No(Protected)),
    ("branch permissions", No(Protected)),
    ("permission denied to update branch", No(Protected)),
    ("permission denied to create branch", No(Protected)),
    ("permission denied to delete branch", No(Protected)),
    ("must use a pull request", No(Protected)),
    ("tf402455", No(Protected)),
    ("branch is currently checked out", No(Protected)),
    ("refusing to update checked out branch", No(Protected)),
    ("deletion prohibited", No(Protected)),
    ("deletion of the current branch prohibited", No(Protected)),
    ("deny updating a hidden ref", No(Protected)),
    // The credential. Azure DevOps, GitHub, GitLab, Gitea and Forgejo, Bitbucket, Gerrit.
    ("tf401027", No(Permission)),
    ("genericcontribute", No(Permission)),
    ("write access to repository not granted", No(Permission)),
    ("does not have write access", No(Permission)),
    ("not allowed to push code to this project", No(Permission)),
    ("not allowed to push code", No(Permission)),
    ("not allowed to upload code", No(Permission)),
    ("user permission denied", No(Permission)),
    ("user does not have permission", No(Permission)),
    ("refusing to allow", No(Permission)),
    ("marked as read only", No(Permission)),
    ("lack one or more required privilege scopes", No(Permission)),
    ("insufficient permission", No(Permission)),
    ("not permitted to", No(Permission)),
    ("permission to ", No(Permission)),
    ("permission denied", No(Permission)),
    ("access denied", No(Permission)),
    ("prohibited by gerrit", No(Permission)),
    ("authentication failed", No(Permission)),
    // The work tree of a repository on this machine.
    ("working directory has", No(Other)),
    ("could not update working tree", No(Other)),
    ("up-to-date check failed", No(Other)),
    // Somebody's own hook, whatever it says.
    ("hook declined", No(Hook)),
    ("declined", No(Hook)),
    // One that lost a race inside of a transaction says no more than this.
    ("atomic transaction failed", Stale),
    ("failed to update ref", Stale),
    ("failed to lock", Stale),
    ("cannot lock ref", Stale),
];

/// What a refusal of the server comes to.
pub(super) fn explain(complaint: &Complaint<'_>) -> PushError {
    let both = format!("{}\n{}", complaint.reason, complaint.said).to_lowercase();
    // GitLab's own name for a protected branch is in the plural, GitHub's hook says nothing else.
    let mut found = WORDS.iter().find(|(words, _)| both.contains(words)).map(|(_, meaning)| *meaning);
    // "read-only" of a deploy key is about the key.
    if found == Some(No(ReadOnly)) && both.contains("marked as read only") {
        found = Some(No(Permission));
    }
    let said = quotation(complaint);
    match (complaint.status, found) {
        // A gate in front of the server knows nothing of branches.
        (None, Some(Stale)) => PushError::Stale { actual: actual(&both) },
        (Some(413), _) => rejected(Quota, &said),
        (Some(404 | 410), None | Some(Stale)) => PushError::Failed(Error::NotFound(said)),
        (Some(_), None | Some(Stale)) => rejected(Permission, &said),
        (_, Some(No(kind))) => rejected(kind, &said),
        (None, None) => rejected(Other, &said),
    }
}

/// Where the branch is, as Git says it: `cannot lock ref '…': is at X but expected Y`.
fn actual(both: &str) -> Option<String> {
    let before = both.split(" but expected ").next().filter(|before| before.len() < both.len())?;
    let id = before.rsplit(' ').next()?;
    let whole = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| id.to_owned())
}

/// A refusal of this sort, with what the server said and what is to be done.
pub(super) fn rejected(kind: RejectionKind, said: &str) -> PushError {
    let (what, advice) = match kind {
        Protected => (
            "the provider protects this branch",
            "Write to a branch of its own and propose it, or let Yardarm's account bypass the protection",
        ),
        Hook => ("a hook or a rule of the repository refused the commit", "Change what it objects to and try again"),
        Quota => (
            "the repository takes nothing more",
            "It is full, or what was sent is larger than it allows: somebody has to make room",
        ),
        Permission => (
            "the provider does not let Yardarm's credential write there",
            "The operator has to give it the right to write the contents of the repository",
        ),
        ReadOnly => (
            "the repository takes no pushes now",
            "It is archived, a mirror or in maintenance: somebody has to open it",
        ),
        Other if said.to_lowercase().contains("working directory has") => (
            "the repository's work tree has changes that are not committed",
            "Commit or discard them there, and try again",
        ),
        Other => ("the remote refused the push", "What it said is all that is known"),
    };
    let message = if said.is_empty() { format!("{what}. {advice}.") } else { format!("{what}: {said}. {advice}.") };
    PushError::Rejected(Rejection { kind, message })
}

/// What the server said, fit to be shown to whoever asked: short, on one line, without control characters and URLs.
fn quotation(complaint: &Complaint<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let status = complaint.status.map(|status| format!("HTTP status {status}"));
    let lines = complaint.said.split(['\n', '\r']).map(clean).filter(|line| !is_noise(line));
    for part in status.into_iter().chain(lines).chain([clean(complaint.reason)]) {
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    let text = parts.join("; ");
    let mut cut: String = text.chars().take(limits::GIT_REFUSAL_CHARACTERS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    let cut = cut.trim_end_matches('.');
    if cut.is_empty() { String::new() } else { format!("\"{cut}\"") }
}

fn clean(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = line.split_whitespace().filter(|word| !word.contains("://") && word.chars().any(char::is_alphanumeric));
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("remote: ").unwrap_or(&line);
    line.strip_prefix("error: ").unwrap_or(line).replace('"', "'")
}

/// Progress that nobody wants to read.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || ["Resolving deltas", "Unpacking objects", "Checking connectivity", "Processing changes"]
            .iter()
            .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(reason: &str, said: &str, status: Option<u16>) -> String {
        match explain(&Complaint { reason, said, status }) {
            PushError::Stale { .. } => "Stale".to_owned(),
            PushError::Rejected(rejection) => format!("{:?}", rejection.kind),
            PushError::Failed(Error::NotFound(_)) => "NotFound".to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_providers_say_has_a_kind() {
        let cases: [(&str, &str, &str); 56] = [
            // GitHub
            (
                "protected branch hook declined",
                "error: GH006: Protected branch update failed for refs/heads/main.\nerror: At least 1 approving review \
                 is required by reviewers with write access.",
                "Protected",
            ),
            (
                "push declined due to repository rule violations",
                "error: GH013: Repository rule violations found for refs/heads/main.\nReview all repository rules at \
                 https://github.com/acme/flags/rules?ref=refs%2Fheads%2Fmain\n\n- Changes must be made through a pull \
                 request.",
                "Protected",
            ),
            (
                "push declined due to repository rule violations",
                "error: GH013: Repository rule violations found for refs/heads/main.\n- GITHUB PUSH PROTECTION\n- Push \
                 cannot contain secrets",
                "Hook",
            ),
            (
                "push declined due to repository rule violations",
                "error: GH013: Repository rule violations found for refs/heads/main.\n- Commits must have verified \
                 signatures.",
                "Hook",
            ),
            (
                "pre-receive hook declined",
                "error: GH001: Large files detected. You may want to try Git Large File Storage.\nerror: File a.bin is \
                 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB",
                "Quota",
            ),
            (
                "push declined due to email privacy restrictions",
                "error: GH007: Your push would publish a private email",
                "Hook",
            ),
            (
                "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/x.yml` \
                 without `workflow` scope",
                "",
                "Permission",
            ),
            ("", "ERROR: This repository was archived so it is read-only.", "ReadOnly"),
            ("", "ERROR: Permission to acme/flags.git denied to bot.", "Permission"),
            ("", "ERROR: The key you are authenticating with has been marked as read only.", "Permission"),
            ("", "ERROR: Write access to repository not granted.", "Permission"),
            // GitLab
            (
                "pre-receive hook declined",
                "GitLab: You are not allowed to push code to protected branches on this project.",
                "Protected",
            ),
            (
                "pre-receive hook declined",
                "GitLab: You are not allowed to create protected branches on this project.",
                "Protected",
            ),
            (
                "pre-receive hook declined",
                "GitLab: You can only delete protected branches using the web interface.",
                "Protected",
            ),
            (
                "pre-receive hook declined",
                "GitLab: Commit message does not follow the pattern '^[A-Z]+-[0-9]+'",
                "Hook",
            ),
            ("pre-receive hook declined", "GitLab: Author 'bot@example.com' is not a member of team", "Hook"),
            (
                "pre-receive hook declined",
                "GitLab: Your push to this repository has been rejected because the namespace storage limit of 5 GiB \
                 has been reached. Reduce your namespace storage or purchase additional storage.",
                "Quota",
            ),
            (
                "pre-receive hook declined",
                "GitLab: Your push has been rejected, because this repository has exceeded its size limit of 10 GiB by \
                 1 MiB.",
                "Quota",
            ),
            ("", "ERROR: You are not allowed to push code to this project.", "Permission"),
            ("", "ERROR: This deploy key does not have write access to this project.", "Permission"),
            ("", "ERROR: You can't push code to a read-only GitLab instance.", "ReadOnly"),
            ("", "ERROR: The project is archived, it does not allow pushes.", "ReadOnly"),
            ("", "ERROR: The repository is temporarily read-only. Please try again later.", "ReadOnly"),
            // Bitbucket
            ("pre-receive hook declined", "Permission denied to update branch main.", "Protected"),
            (
                "pre-receive hook declined",
                "-------\nBranch refs/heads/main can only be modified through pull requests.\nCheck your branch \
                 permissions configuration with the project administrator.",
                "Protected",
            ),
            (
                "pre-receive hook declined",
                "You can only push your own commits in this repository\nCommit abc was committed by Yardarm",
                "Hook",
            ),
            ("pre-receive hook declined", "Repository is in read only mode (over 4 GB size limit).", "Quota"),
            (
                "",
                "[ALERT] Your push failed because the account 'acme' has exceeded its\n[ALERT] user limit and this \
                 repository is restricted to read-only access.",
                "ReadOnly",
            ),
            ("", "Your credentials lack one or more required privilege scopes.", "Permission"),
            // Azure DevOps
            (
                "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.",
                "",
                "Protected",
            ),
            (
                "TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: identity \
                 'bot', scope 'branch'.",
                "",
                "Permission",
            ),
            ("TF401027: You need the Git 'CreateBranch' permission to perform this action.", "", "Permission"),
            (
                "TF401028: The reference 'refs/heads/main' has already been updated by another client, so you cannot \
                 update it. Please try again.",
                "",
                "Stale",
            ),
            ("TF402116: The commit must be linked to a work item.", "", "Hook"),
            // Gitea, Forgejo
            ("pre-receive hook declined", "Gitea: Not allowed to push to protected branch main", "Protected"),
            ("pre-receive hook declined", "Forgejo: Not allowed to push to protected branch main", "Protected"),
            ("pre-receive hook declined", "Forgejo: branch main is protected from changing file a.yml", "Protected"),
            ("pre-receive hook declined", "Forgejo: branch x is protected from deletion", "Protected"),
            ("pre-receive hook declined", "Forgejo: Quota exceeded", "Quota"),
            ("", "Gitea: User: 1:bot with Key: 2:deploy is not permitted to write acme/flags", "Permission"),
            ("", "Forgejo: mirror repository is read-only", "ReadOnly"),
            // Git
            ("stale info", "", "Stale"),
            ("fetch first", "", "Stale"),
            ("non-fast-forward", "error: denying non-fast-forward refs/heads/main (you should pull first)", "Stale"),
            (
                "failed to update ref",
                "error: cannot lock ref 'refs/heads/main': is at \
                 1111111111111111111111111111111111111111 but expected 2222222222222222222222222222222222222222",
                "Stale",
            ),
            ("atomic transaction failed", "", "Stale"),
            ("failed to update ref", "error: cannot lock ref 'refs/heads/x': reference already exists", "Stale"),
            ("pre-receive hook declined", "no flags on Fridays", "Hook"),
            ("hook declined", "", "Hook"),
            (
                "branch is currently checked out",
                "error: refusing to update checked out branch: refs/heads/main",
                "Protected",
            ),
            ("deletion prohibited", "error: denying ref deletion for refs/heads/x", "Protected"),
            (
                "failed to update ref",
                "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
                "Other",
            ),
            ("missing necessary objects", "", "Other"),
            ("funny refname", "error: refusing to create funny ref 'refs/heads/x' remotely", "Other"),
            ("Working directory has unstaged changes", "", "Other"),
            ("unpacker error: index-pack abnormal exit", "error: file write error: No space left on device", "Quota"),
        ];
        for (reason, said, expected) in cases {
            assert_eq!(kind(reason, said, None), expected, "{reason:?} {said:?}");
        }
    }

    #[test]
    fn a_status_of_http_has_a_kind_too() {
        let cases = [
            (401, "", "Permission"),
            (403, "", "Permission"),
            (403, "Permission to acme/flags.git denied to bot.", "Permission"),
            (403, "This repository was archived so it is read-only.", "ReadOnly"),
            (403, "This repo is archived. You can view files and clone it, but cannot push.", "ReadOnly"),
            (403, "mirror repository is read-only", "ReadOnly"),
            (403, "You are not allowed to push code to this project.", "Permission"),
            (404, "Repository not found.", "NotFound"),
            (413, "", "Quota"),
        ];
        for (status, said, expected) in cases {
            assert_eq!(kind("", said, Some(status)), expected, "{status} {said}");
        }
    }

    #[test]
    fn where_the_branch_is_is_taken_from_the_servers_words() {
        let said = format!(
            "error: cannot lock ref 'refs/heads/main': is at {} but expected {}",
            "a".repeat(40),
            "b".repeat(40)
        );
        let PushError::Stale { actual } =
            explain(&Complaint { reason: "failed to update ref", said: &said, status: None })
        else {
            panic!("{said}");
        };
        assert_eq!(actual, Some("a".repeat(40)));
        for odd in ["is at nothing but expected more", " but expected ", "x but expected y"] {
            assert_eq!(super::actual(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_is_shown_is_short_and_has_no_url_and_no_control_character() {
        let said = format!(
            "\u{1b}[31mremote: error: GH013: Rules\u{7} at https://github.com/acme/flags?token=abc\r\nResolving deltas: \
             100%\nsee (http://x.example.com/y) \"now\"\n{}",
            "long ".repeat(1_000)
        );
        let PushError::Rejected(Rejection { message, .. }) =
            explain(&Complaint { reason: "declined", said: &said, status: None })
        else {
            panic!("{said}");
        };
        assert!(message.contains("GH013: Rules at; see 'now'"), "{message}");
        assert!(!message.contains("://") && !message.contains("token") && !message.contains("Resolving"), "{message}");
        assert!(!message.chars().any(char::is_control), "{message}");
        assert!(message.chars().count() < limits::GIT_REFUSAL_CHARACTERS + 300, "{}", message.len());
        assert!(message.ends_with('.'), "{message}");
    }
}
