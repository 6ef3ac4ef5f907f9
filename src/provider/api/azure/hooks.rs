//! Webhooks of Azure DevOps: subscriptions of the organisation or collection, one for each kind of event.
