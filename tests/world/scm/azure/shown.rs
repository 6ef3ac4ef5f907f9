//! A pull request as it is shown.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::plain::{Plain, Proposal, State, Verdict};
use super::{PROJECT_ID, REPOSITORY_ID, ROOT};

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn repository(plain: &Plain) -> Value {
    let (project, name) = (encoded(&plain.owner), encoded(&plain.repository));
    json!({
        "id": REPOSITORY_ID,
        "name": plain.repository,
        "url": format!("{ROOT}/{PROJECT_ID}/_apis/git/repositories/{REPOSITORY_ID}"),
        "project": {
            "id": PROJECT_ID, "name": plain.owner, "url": format!("{ROOT}/_apis/projects/{PROJECT_ID}"),
            "state": "wellFormed", "revision": 11, "visibility": "private",
        },
        "defaultBranch": "refs/heads/main",
        "remoteUrl": format!("{ROOT}/{project}/_git/{name}"),
        "sshUrl": format!("git@ssh.dev.azure.com:v3/acme-org/{project}/{name}"),
        "webUrl": format!("{ROOT}/{project}/_git/{name}"),
        "isDisabled": plain.archived,
    })
}

/// Somebody, with an id made of the name.
pub(super) fn person(name: &str) -> Value {
    let id = format!("3ff4a20f-306e-677e-8a01-{:012x}", crc32fast::hash(name.as_bytes()));
    json!({
        "displayName": name, "id": id, "uniqueName": format!("{name}@example.com"),
        "url": format!("https://spsproduks1.vssps.visualstudio.com/_apis/Identities/{id}"),
        "imageUrl": format!("{ROOT}/_api/_common/identityImage?id={id}"),
    })
}

/// As a single one is told; in lists descriptions are cut.
pub(super) fn pull_request(plain: &Plain, proposal: &Proposal) -> Value {
    let number = proposal.number;
    let url = format!("{ROOT}/{PROJECT_ID}/_apis/git/repositories/{REPOSITORY_ID}/pullRequests/{number}");
    let commit = |id: &str| json!({"commitId": id, "url": format!("{ROOT}/_apis/git/repositories/{REPOSITORY_ID}/commits/{id}")});
    let status = match proposal.state {
        State::Open => "active",
        State::Closed => "abandoned",
        State::Merged => "completed",
    };
    let (merge_status, merge) = if proposal.undecided > 0 {
        ("queued", None)
    } else if proposal.state == State::Merged {
        ("succeeded", proposal.merge_commit.clone())
    } else if plain.git.conflicts(&proposal.base, &proposal.head) {
        ("conflicts", None)
    } else {
        // A test merge, also of an abandoned one.
        ("succeeded", Some(format!("{:040x}", 0x7e57_0000_u64 + number)))
    };
    let mut shown = json!({
        "repository": repository(plain),
        "pullRequestId": number,
        "codeReviewId": number,
        "status": status,
        "createdBy": person(&proposal.author),
        "creationDate": proposal.created.to_string(),
        "title": proposal.title,
        "description": proposal.body,
        "sourceRefName": format!("refs/heads/{}", proposal.head),
        "targetRefName": format!("refs/heads/{}", proposal.base),
        "mergeStatus": merge_status,
        "isDraft": proposal.draft,
        "mergeId": "36c88bf7-3d14-437f-82aa-e38cce733261",
        "lastMergeSourceCommit": commit(&proposal.head_commit),
        "reviewers": reviewers(proposal),
        "url": url,
        "_links": {"self": {"href": url}},
        "supportsIterations": true,
        "artifactId": format!("vstfs:///Git/PullRequestId/{PROJECT_ID}%2f{REPOSITORY_ID}%2f{number}"),
    });
    if let Some(tip) = plain.git.tip(&proposal.base) {
        shown["lastMergeTargetCommit"] = commit(&tip);
    }
    if let Some(merge) = merge {
        shown["lastMergeCommit"] = commit(&merge);
    }
    if let Some(ended) = proposal.ended {
        shown["closedDate"] = json!(ended.to_string());
        shown["closedBy"] = person("somebody");
    }
    if let Some(fork) = &proposal.fork {
        let name = fork.rsplit('/').next().unwrap();
        let repository = json!({"id": "c0ffee00-13b9-4864-a995-83329045289a", "name": name, "isFork": true});
        let gone = proposal.fork_gone;
        shown["forkSource"] = json!({"name": format!("refs/heads/{}", proposal.head), "repository": if gone { Value::Null } else { repository }});
    }
    shown
}

/// The last vote of each, and a group, which has none.
fn reviewers(proposal: &Proposal) -> Vec<Value> {
    let mut votes: Vec<(&str, i64)> = Vec::new();
    for review in &proposal.reviews {
        let vote = match review.verdict {
            Verdict::Approved => 10,
            Verdict::ChangesRequested => -5,
            Verdict::Dismissed => 0,
        };
        votes.retain(|(name, _)| *name != review.by);
        votes.push((&review.by, vote));
    }
    let mut all: Vec<Value> = votes
        .into_iter()
        .map(|(name, vote)| {
            let mut shown = person(name);
            shown["vote"] = json!(vote);
            shown["isRequired"] = json!(false);
            shown["hasDeclined"] = json!(false);
            shown["isFlagged"] = json!(false);
            shown
        })
        .collect();
    let mut group = person("[acme]\\Reviewers");
    group["vote"] = json!(if all.iter().any(|it| it["vote"] == 10) { 10 } else { 0 });
    group["isContainer"] = json!(true);
    all.push(group);
    all
}
