//! Policies of the branch that a proposal is to be merged into, as far as the API of Git tells them: how many approvals,
//! and which ways to merge.

use serde::Deserialize;
use serde_json::Value;

use super::super::{Ask, Failure};
use super::Azure;
use super::shape::{Page, PullRequest};

/// "Minimum number of reviewers". The ids of the kinds are the same on every server.
const MINIMUM_REVIEWERS: &str = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";
/// "Require a merge strategy".
const MERGE_STRATEGY: &str = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab";

/// Ways to merge, and the settings that allow them. The first that is allowed is taken where none is asked for.
const STRATEGIES: [(&str, &str); 4] = [
    ("allowNoFastForward", "noFastForward"),
    ("allowSquash", "squash"),
    ("allowRebase", "rebase"),
    ("allowRebaseMerge", "rebaseMerge"),
];

/// `PolicyConfiguration`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    is_enabled: Option<bool>,
    is_blocking: Option<bool>,
    is_deleted: Option<bool>,
    settings: Option<Value>,
}

impl Policy {
    fn holds(&self) -> bool {
        self.is_enabled == Some(true) && self.is_blocking == Some(true) && self.is_deleted != Some(true)
    }

    fn allows(&self, setting: &str) -> bool {
        self.settings.as_ref().and_then(|settings| settings.get(setting)?.as_bool()) == Some(true)
    }
}

impl Azure {
    /// How many approvals are asked for.
    pub(super) fn required(&self, ask: &dyn Ask, pull_request: &PullRequest) -> Result<Option<u32>, Failure> {
        let policies = self.policies(ask, pull_request, MINIMUM_REVIEWERS)?;
        let settings = policies.iter().filter_map(|policy| policy.settings.as_ref());
        let numbers = settings.filter_map(|settings| settings.get("minimumApproverCount")?.as_u64());
        Ok(numbers.filter_map(|number| u32::try_from(number).ok()).filter(|number| *number > 0).max())
    }

    /// The way to merge where nobody asks for one; none where any will do, or where nothing is said of it.
    pub(super) fn strategy(&self, ask: &dyn Ask, pull_request: &PullRequest) -> Result<Option<&'static str>, Failure> {
        let policies = self.policies(ask, pull_request, MERGE_STRATEGY)?;
        let mut allowed = STRATEGIES.iter().filter(|(setting, _)| policies.iter().all(|policy| policy.allows(setting)));
        Ok(if policies.is_empty() { None } else { allowed.next().map(|(_, strategy)| *strategy) })
    }

    /// Those that hold; none if they may not be seen.
    fn policies(&self, ask: &dyn Ask, pull_request: &PullRequest, kind: &str) -> Result<Vec<Policy>, Failure> {
        let Some((repository, target)) = pull_request.repository_id().zip(pull_request.target()) else {
            return Ok(Vec::new());
        };
        let query = [("repositoryId", repository), ("refName", target), ("policyType", kind)];
        match self.at.get(ask, &self.at.project("/git/policy/configurations"), &query) {
            Ok(answer) => Ok(answer.json::<Page<Policy>>()?.value.into_iter().filter(Policy::holds).collect()),
            Err(Failure::Forbidden { .. } | Failure::NotFound(_)) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }
}
