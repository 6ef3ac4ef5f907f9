//! What GitLab sends about merge requests: as it was written down, and as the simulator sends it.

use serde_json::Value;
use yardarm::provider::ProposalKind::{
    self, Closed, Commented, Commits, Drafted, Edited, Merged, Opened, Readied, Reopened, Retargeted, Reviewed,
};
use yardarm::provider::headers::Headers;
use yardarm::provider::{Event, ProposalEvent, Provider, classify};

use super::World;
use crate::scm::plain::Verdict;

fn event(headers: &[(String, String)], payload: &[u8]) -> ProposalEvent {
    let headers = Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    match classify(Provider::Gitlab, &headers, payload).event {
        Event::Proposal(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fixtures_are_read_as_what_happened() {
    let text = include_str!("../../../fixtures/webhooks/gitlab/made.jsonl");
    let mut seen = 0;
    for line in text.lines() {
        let fixture: Value = serde_json::from_str(line).unwrap();
        let Some(kind) = fixture["expect"]["proposal"]["kind"].as_str() else { continue };
        let headers: Vec<(String, String)> = serde_json::from_value(fixture["headers"].clone()).unwrap();
        let event = event(&headers, fixture["body"].as_str().unwrap().as_bytes());
        assert_eq!(serde_json::to_value(event.kind).unwrap(), kind, "{}", fixture["name"]);
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn what_the_simulator_sends_is_read_as_what_happened() {
    let world = World::new();
    world.open();
    world.git.with(|git| {
        git.branch("release", "main");
        git.commit("topic");
    });
    world.scm.world(|plain| {
        plain.pushed("topic");
        plain.edit(1, None, Some("Why not")).unwrap();
        plain.set_draft(1, true).unwrap();
        plain.set_draft(1, false).unwrap();
        plain.review(1, "carol", Verdict::ChangesRequested).unwrap();
        plain.review(1, "carol", Verdict::Approved).unwrap();
        plain.review(1, "carol", Verdict::Dismissed).unwrap();
        plain.comment(1, "carol", "Good").unwrap();
        plain.retarget(1, "release").unwrap();
        plain.close(1).unwrap();
        plain.reopen(1).unwrap();
        plain.merge(1, None, "merge", "m", false).unwrap();
    });
    let events: Vec<ProposalEvent> = world
        .scm
        .messages()
        .iter()
        .map(|message| {
            let headers: Vec<(String, String)> =
                message.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            event(&headers, message.payload.to_string().as_bytes())
        })
        .collect();
    let kinds: Vec<ProposalKind> = events.iter().map(|event| event.kind).collect();
    let expected = [
        Opened, Edited, Commits, Edited, Drafted, Readied, Reviewed, Reviewed, Reviewed, Reviewed, Commented,
        Retargeted, Closed, Reopened, Merged,
    ];
    assert_eq!(kinds, expected);
    for event in events {
        assert_eq!((event.number, event.source.as_deref()), (Some(1), Some("topic")));
        assert_eq!(event.repository.full_name.as_deref(), Some("acme/platform/flags"));
    }
}
