//! Forgejo: Gitea's payloads under Forgejo's own headers, which are the only ones looked at, although Gitea's, Gogs'
//! and GitHub's are sent beside them.

use super::Notice;
use super::gitea::{self, Flavour};
use super::headers::Headers;

const FORGEJO: Flavour =
    Flavour { event: "x-forgejo-event", event_type: "x-forgejo-event-type", delivery: "x-forgejo-delivery" };

pub(super) fn classify(headers: &Headers<'_>, payload: &[u8]) -> Notice {
    gitea::classify_as(&FORGEJO, headers, payload)
}
