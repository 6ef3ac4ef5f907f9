//! Merging. GitLab refuses without a reason more often than not, so the merge request is read after a refusal, and what
//! it says then is the answer: a merge whose answer was lost is found done, a missing right is told from a bad token.

use serde_json::{Value, json};

use super::{Gitlab, refusal};
use crate::provider::api::{Ask, Failure, Merge, MergeMethod, Mergeable, Merged, State};

/// What merging takes.
const NEEDS: &str = "the scope api and the right to merge into the target branch (Settings, Repository, Protected \
                     branches)";

pub(super) fn merge(gitlab: &Gitlab, ask: &dyn Ask, number: u64, merge: &Merge) -> Result<Merged, Failure> {
    let before = gitlab.look(ask, number)?;
    match before.state() {
        State::Merged => return Ok(Merged::Done),
        State::Closed => return Err(Failure::State(format!("!{number} is closed"))),
        State::Open => {}
    }
    if let Some(sha) = before.sha.as_deref().filter(|sha| *sha != merge.head_commit) {
        return Err(Failure::Stale(format!("its head is {sha} by now")));
    }
    if before.is_being_rebased() {
        return Err(Failure::Stale(format!("!{number} is being rebased: its head is about to be another one")));
    }
    if merge.method == Some(MergeMethod::Rebase) && is_behind(gitlab, ask, number)? {
        return Err(rebase(gitlab, ask, number));
    }
    let answer = match gitlab.project.send_put(ask, &format!("merge_requests/{number}/merge"), body(merge)) {
        // A token that still reads the merge request is good: it is the right that is missing.
        Err(Failure::Credential(_)) => {
            return match look_again(gitlab, ask, number)? {
                (State::Merged, _) => Ok(Merged::Done),
                _ => Err(Failure::Forbidden { needs: NEEDS.to_owned(), said: "401 Unauthorized".to_owned() }),
            };
        }
        other => other?,
    };
    match answer.status {
        200..=299 => {
            let after: super::MergeRequest = answer.json()?;
            match (after.state(), after.mergeable()) {
                (State::Merged, _) => Ok(Merged::Done),
                (_, Mergeable::No(why)) if !after.is_set_to_merge() => Err(Failure::NotMergeable(why)),
                // When its pipeline has succeeded, or it has its turn in the merge train.
                _ => Ok(Merged::Accepted),
            }
        }
        // It could not be merged just then.
        405 | 406 | 422 if !refusal::words(&answer).contains("moved project") => {
            let said = refusal::words(&answer);
            match look_again(gitlab, ask, number)? {
                (State::Merged, _) => Ok(Merged::Done),
                (State::Closed, _) => Err(Failure::State(format!("!{number} is closed"))),
                (State::Open, Mergeable::No(why)) => Err(Failure::NotMergeable(why)),
                (State::Open, Mergeable::Checking) => {
                    Err(Failure::NotMergeable("GitLab is still checking it; try again in a moment".to_owned()))
                }
                (State::Open, _) => Err(Failure::NotMergeable(format!("GitLab says {said}"))),
            }
        }
        409 => Err(Failure::Stale(refusal::words(&answer))),
        _ => Err(gitlab.project.refused(ask, &answer, NEEDS)),
    }
}

fn body(merge: &Merge) -> Value {
    let mut body = json!({ "sha": merge.head_commit, "should_remove_source_branch": merge.delete_branch });
    let Some(members) = body.as_object_mut() else { return body };
    if let Some(method) = merge.method {
        members.insert("squash".to_owned(), (method == MergeMethod::Squash).into());
    }
    if let Some(message) = &merge.message {
        members.insert("merge_commit_message".to_owned(), message.clone().into());
        // Without a method the project decides whether there is one.
        if matches!(merge.method, None | Some(MergeMethod::Squash)) {
            members.insert("squash_commit_message".to_owned(), message.clone().into());
        }
    }
    body
}

fn look_again(gitlab: &Gitlab, ask: &dyn Ask, number: u64) -> Result<(State, Mergeable), Failure> {
    let request = gitlab.look(ask, number)?;
    Ok((request.state(), request.mergeable()))
}

#[derive(serde::Deserialize)]
struct Distance {
    diverged_commits_count: Option<u64>,
}

/// Whether its target branch has commits that its head does not stand on.
fn is_behind(gitlab: &Gitlab, ask: &dyn Ask, number: u64) -> Result<bool, Failure> {
    let url = gitlab.project.url(&format!("merge_requests/{number}?include_diverged_commits_count=true"));
    let distance: Distance = gitlab.project.get(ask, url, NEEDS)?;
    Ok(distance.diverged_commits_count.is_some_and(|count| count > 0))
}

/// Has its branch rebased. That takes its time and makes another head, which nobody has looked at yet: so it is never
/// merged in the same breath.
fn rebase(gitlab: &Gitlab, ask: &dyn Ask, number: u64) -> Failure {
    let needs = "the scope api and the right to push to the source branch, also with force";
    match gitlab.project.send_put(ask, &format!("merge_requests/{number}/rebase"), json!({})) {
        Ok(answer) if answer.is_success() => Failure::Stale(format!(
            "GitLab is rebasing !{number} first, so its head becomes another one: look at that, then merge it"
        )),
        // Another one is under way.
        Ok(answer) if answer.status == 409 => Failure::Stale(refusal::words(&answer)),
        Ok(answer) if answer.status == 403 && !refusal::is_about_scope(&answer) => {
            Failure::NotMergeable(format!("it cannot be rebased: {}", refusal::words(&answer)))
        }
        Ok(answer) => gitlab.project.refused(ask, &answer, needs),
        Err(failure) => failure,
    }
}
