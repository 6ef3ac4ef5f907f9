//! What happened to a proposal, as the fixtures of every provider say it: `kind` beside the provider's own word.
//! (`tests/it/webhooks_fixtures.rs` holds everything else of them against the daemon.)

use std::path::Path;

use serde_json::Value;
use yardarm::provider::headers::Headers;
use yardarm::provider::{Event, Provider, classify};

use crate::scm::Message;

/// Reads a message of a simulator as a delivery.
pub(crate) fn read(provider: Provider, message: &Message) -> Event {
    let headers: Vec<(&str, &[u8])> = message.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    classify(provider, &Headers::new(headers), message.payload.to_string().as_bytes()).event
}

#[test]
fn every_proposal_of_the_fixtures_is_of_the_kind_that_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks");
    for provider in Provider::ALL {
        for entry in std::fs::read_dir(folder.join(provider.name())).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for fixture in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
                let expect = &fixture["expect"]["proposal"];
                let Some(kind) = expect["kind"].as_str() else { continue };
                let headers = fixture["headers"].as_array().unwrap().iter();
                let headers =
                    headers.map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap().as_bytes()));
                let body = fixture["body"].as_str().unwrap().as_bytes();
                let Event::Proposal(event) = classify(provider, &Headers::new(headers), body).event else {
                    panic!("{} {} is no proposal", provider.name(), fixture["name"]);
                };
                let read = serde_json::to_value(event.kind).unwrap();
                assert_eq!(
                    (event.number, Some(&*event.action)),
                    (expect["number"].as_u64(), expect["action"].as_str())
                );
                assert_eq!(read, kind, "{} {}", provider.name(), fixture["name"]);
            }
        }
    }
}
