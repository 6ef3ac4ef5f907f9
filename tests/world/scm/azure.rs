//! Azure DevOps: `{root}/{project}/_apis/git/repositories/{repository}` and `{root}/_apis/hooks`, shaped as recorded.
//!
//! What is its own: a merge that is only accepted, test merges that look like merges, a sign-in page for strangers,
//! lists that cut descriptions, a code and a key in every refusal, and no time of the last change.

mod hooks;
mod messages;
mod pulls;
mod shown;

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::plain::{Happened, Plain};
use super::{Asked, Dialect, Message};

/// The organisation.
pub const ROOT: &str = "https://dev.azure.com/acme-org";

pub(super) const PROJECT_ID: &str = "d350c9c0-7749-4ff8-a78f-f9c1f0e56729";
pub(super) const REPOSITORY_ID: &str = "fde2d21f-13b9-4864-a995-83329045289a";

/// Its way to speak.
#[derive(Debug)]
pub struct Azure {
    /// The newest version of the API that the server takes: `7.1` of Services.
    pub newest: &'static str,
    /// The policy of `main` allows nothing but squash merges.
    pub squash_only: bool,
}

impl Azure {
    pub fn services() -> Self {
        Self { newest: "7.1", squash_only: false }
    }
}

/// What answers: a body, or a refusal.
pub(super) type Said = Result<(u16, Value), Error>;

/// A refusal: status, key, message.
#[derive(Debug)]
pub(super) struct Error(pub(super) u16, pub(super) &'static str, pub(super) String);

impl Dialect for Azure {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        plain.tick();
        let mut headers =
            vec![("content-type".to_owned(), "application/json; charset=utf-8; api-version=7.1".to_owned())];
        if asked.credential.is_none() {
            let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
            let body = b"<!DOCTYPE html><html><title>Azure DevOps Services | Sign In</title></html>".to_vec();
            return Answer { status: 203, headers, body, at: plain.now };
        }
        if plain.person(asked.credential.as_deref()).is_none() {
            return Answer { status: 401, headers: Vec::new(), body: Vec::new(), at: plain.now };
        }
        if let Some(limited) = limited(plain, &mut headers) {
            return limited;
        }
        let (status, body) = match self.said(plain, asked) {
            Ok(said) => said,
            Err(Error(status, key, message)) => (
                status,
                json!({
                    "$id": "1", "innerException": null, "message": message,
                    "typeName": format!("Microsoft.TeamFoundation.Git.Server.{key}, Microsoft.TeamFoundation.Git.Server"),
                    "typeKey": key, "errorCode": 0, "eventId": 3000,
                }),
            ),
        };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Answer { status, headers, body, at: plain.now }
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        messages::of(plain, happened)
    }
}

impl Azure {
    fn said(&self, plain: &mut Plain, asked: &Asked) -> Said {
        let version = asked.parameter("api-version").unwrap_or("none");
        let (version, preview) =
            version.split_once("-preview").map_or((version, false), |(version, _)| (version, true));
        if version > self.newest {
            let said = format!(
                "The requested REST API version of {version} is out of range for this server. The latest REST API version \
                 this server supports is {}.",
                self.newest
            );
            return Err(Error(400, "VssVersionOutOfRangeException", said));
        }
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        if !preview && version < "7.0" && path.last() == Some(&"statuses") {
            let said = format!(
                "The requested version \"{version}\" of the resource is under preview. The -preview flag must be supplied in \
                 the api-version for such requests. For example: \"{version}-preview\""
            );
            return Err(Error(400, "VssInvalidPreviewVersionException", said));
        }
        match path.as_slice() {
            ["_apis", "hooks", rest @ ..] => hooks::answer(plain, asked, rest),
            [project, "_apis", "git", rest @ ..] => {
                if *project != plain.owner && *project != PROJECT_ID {
                    return Err(Error(
                        404,
                        "ProjectDoesNotExistWithNameException",
                        format!("TF200016: The following project does not exist: {project}. Verify that it does."),
                    ));
                }
                self.git(plain, asked, rest)
            }
            _ => Err(stray(asked)),
        }
    }

    fn git(&self, plain: &mut Plain, asked: &Asked, path: &[&str]) -> Said {
        match path {
            ["policy", "configurations"] => pulls::policies(plain, asked, self.squash_only),
            ["repositories", repository, rest @ ..] => {
                let known = *repository == REPOSITORY_ID
                    || plain.renamed_to.as_deref().unwrap_or(&plain.repository) == *repository;
                if !known || plain.gone {
                    let said = format!(
                        "TF401019: The Git repository with name or identifier {repository} does not exist or you do not \
                         have permissions for the operation you are attempting."
                    );
                    return Err(Error(404, "GitRepositoryNotFoundException", said));
                }
                if plain.archived && !rest.is_empty() {
                    let said =
                        format!("TF401019: The Git repository with name or identifier {repository} is disabled.");
                    return Err(Error(403, "GitRepositoryDisabledException", said));
                }
                let person = plain.person(asked.credential.as_deref()).unwrap().clone();
                if asked.method != "GET" && !person.writes {
                    let said = format!(
                        "TF401027: You need the Git 'PullRequestContribute' permission to perform this action. Details: \
                         identity '{}', scope 'repository'.",
                        person.name
                    );
                    return Err(Error(403, "GitNeedsPermissionException", said));
                }
                pulls::answer(plain, asked, rest, &person.name, self.squash_only)
            }
            _ => Err(stray(asked)),
        }
    }
}

pub(super) fn stray(asked: &Asked) -> Error {
    let said = format!("The controller for path '/{}' was not found or does not implement it.", asked.path.join("/"));
    Error(404, "VssControllerNotFound", said)
}

/// A list as they all come.
pub(super) fn list(value: &[Value]) -> Value {
    json!({"count": value.len(), "value": value})
}

/// The limit: told on successes as well, before it is used up.
fn limited(plain: &mut Plain, headers: &mut Vec<(String, String)>) -> Option<Answer> {
    let (left, reset) = plain.rate?;
    let seconds = (reset.as_second() - plain.now.as_second()).max(1);
    headers.push(("x-ratelimit-resource".to_owned(), "AzureDevOps/Git".to_owned()));
    headers.push(("x-ratelimit-remaining".to_owned(), left.to_string()));
    headers.push(("x-ratelimit-reset".to_owned(), reset.as_second().to_string()));
    if left <= 1 {
        headers.push(("retry-after".to_owned(), seconds.to_string()));
    }
    if left == 0 && plain.now < reset {
        let said = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource \
                    'Concurrency' in namespace 'User'.";
        let body = json!({"$id": "1", "message": said, "typeKey": "RequestBlockedException"});
        return Some(Answer {
            status: 429,
            headers: headers.clone(),
            body: body.to_string().into_bytes(),
            at: plain.now,
        });
    }
    plain.rate = (left > 0).then(|| (left - 1, reset));
    None
}
