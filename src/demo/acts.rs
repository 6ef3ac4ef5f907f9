//! What happens on the stage, one row of the table each.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::dialect::{Delivery, Encoding, Hook, Push, Sender};
use super::forge::Kind;
use super::stage::{Pushed, QUIET, Stage};
use super::{Error, flags};
use crate::limits;

/// One row: what was seen, and what of it is wrong.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) title: String,
    /// How the daemon verified the delivery, or what it answered instead.
    pub(super) verified: String,
    /// Milliseconds of each step.
    pub(super) hook: Option<f64>,
    pub(super) fetched: Option<f64>,
    pub(super) live: Option<f64>,
    pub(super) last: Option<f64>,
    /// From the push to the last client.
    pub(super) whole: Option<f64>,
    /// What is wrong; empty if all is well.
    pub(super) wrong: Vec<String>,
}

impl Row {
    fn named(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The row and what is wrong with it, for the exit.
    pub(super) fn complaint(&self) -> Option<String> {
        (!self.wrong.is_empty()).then(|| format!("{}: {}", self.title, self.wrong.join(", ")))
    }

    fn expect(&mut self, holds: bool, else_wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(else_wrong());
        }
    }
}

/// The whole play.
pub(super) async fn all(stage: &Stage) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut last = None;
    for sender in Sender::ALL {
        let (row, delivery) = announced(stage, sender).await?;
        rows.push(row);
        last = Some((sender, delivery));
    }
    rows.push(lost(stage).await?);
    if let Some((sender, delivery)) = last {
        rows.push(repeated(stage, sender, &delivery).await?);
    }
    rows.push(forged(stage).await?);
    rows.push(edited(stage).await?);
    rows.push(edited_beside(stage).await?);
    Ok(rows)
}

/// A push that its provider announces.
async fn announced(stage: &Stage, sender: Sender) -> Result<(Row, Delivery), Error> {
    let mut row = Row::named(sender.title());
    let news = format!("Pushed, and announced by {}", sender.title());
    let pushed = stage.push(sender.name(), &news).await?;
    let delivery = delivery(stage, sender, sender.name(), &pushed);
    let answer = stage.outside.deliver(&endpoint(sender.name()), &delivery).await?;
    row.expect(answer.status == 202, || format!("answered {} instead of 202", answer.status));
    let last = last_client(stage, sender.name(), &pushed, &mut row).await;

    let record = record(stage, sender.name(), &pushed.after).await?;
    let step = |name: &str| record.pointer(&format!("/steps/{name}")).and_then(Value::as_f64);
    let received = record.get("received").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
    row.verified = record.get("verified").and_then(Value::as_str).unwrap_or("no").to_owned();
    row.expect(row.verified == sender.scheme(), || format!("verified by {} only", sender.scheme()));
    row.hook = received.map(|received| milliseconds(pushed.at, received));
    row.fetched = step("fetched");
    row.live = step("live").zip(row.fetched).map(|(live, fetched)| live - fetched);
    row.last = last.zip(received).zip(step("live")).map(|((last, received), live)| milliseconds(received, last) - live);
    row.whole = last.map(|last| milliseconds(pushed.at, last));
    row.expect(step("live").is_some(), || "its record never says that it is live".to_owned());

    let said = evaluate(stage, sender.name()).await?;
    row.expect(said.contains(&news), || format!("an evaluation still says {said}"));
    Ok((row, delivery))
}

/// A push that nobody announces.
async fn lost(stage: &Stage) -> Result<Row, Error> {
    let mut row = Row::named("(lost delivery)");
    let missed = |status: &Value| status.get("missedDeliveries").and_then(Value::as_u64).unwrap_or(0);
    let before = missed(&status(stage, QUIET).await?);
    let pushed = stage.push(QUIET, "Pushed, and announced by nobody").await?;
    let last = last_client(stage, QUIET, &pushed, &mut row).await;
    row.whole = last.map(|last| milliseconds(pushed.at, last));
    let counted = eventually(async || Ok(missed(&status(stage, QUIET).await?) > before)).await?;
    row.expect(counted, || "it was not counted as missed".to_owned());
    "poll, counted as missed".clone_into(&mut row.verified);
    Ok(row)
}

/// The same delivery once more.
async fn repeated(stage: &Stage, sender: Sender, delivery: &Delivery) -> Result<Row, Error> {
    let mut row = Row::named(format!("{}, repeated", sender.title()));
    let fetches = stage.forge.count(Kind::Fetch);
    let answer = stage.outside.deliver(&endpoint(sender.name()), delivery).await?;
    row.expect(answer.status == 200, || format!("answered {} instead of 200", answer.status));
    let duplicate = eventually(async || {
        let records = records(stage, sender.name()).await?;
        Ok(records.iter().any(|record| record.get("outcome").and_then(Value::as_str) == Some("duplicate")))
    })
    .await?;
    row.expect(duplicate, || "it was not recorded as a duplicate".to_owned());
    row.expect(stage.forge.count(Kind::Fetch) == fetches, || "it made a fetch".to_owned());
    row.verified = format!("{}, duplicate", answer.status);
    Ok(row)
}

/// A delivery by somebody who does not know the secret.
async fn forged(stage: &Stage) -> Result<Row, Error> {
    let sender = Sender::Github;
    let mut row = Row::named(format!("{}, forged", sender.title()));
    let (fetches, frames) = (stage.forge.count(Kind::Fetch), frames(stage, sender.name()));
    let invented = Pushed {
        before: None,
        after: "f".repeat(40),
        commits: Vec::new(),
        at: Timestamp::now(),
        digest: String::new(),
    };
    let delivery = delivery(stage, sender, sender.name(), &invented).forged();
    let answer = stage.outside.deliver(&endpoint(sender.name()), &delivery).await?;
    row.expect(answer.status == 401, || format!("answered {} instead of 401", answer.status));
    row.expect(answer.body.is_empty(), || "told the forger something".to_owned());
    row.expect(stage.forge.count(Kind::Fetch) == fetches, || "it made a fetch".to_owned());
    row.expect(self::frames(stage, sender.name()) == frames, || "a client heard of it".to_owned());
    row.verified = format!("{}, refused", answer.status);
    Ok(row)
}

/// An edit by API: a commit of one line, pushed, and live when the answer comes.
async fn edited(stage: &Stage) -> Result<Row, Error> {
    let environment = Sender::GitlabSigned.name();
    let mut row = Row::named("(edited by API)");
    let (before, after) = edit(stage, environment, "Edited, not pushed by hand", &mut row).await?;
    let changed = git(stage, &["diff", "--numstat", &before, &after]).await?;
    row.expect(changed.trim() == format!("1\t1\t{}", flags::SHOP_FILE), || format!("the commit changes {changed}"));
    "one line, pushed".clone_into(&mut row.verified);
    Ok(row)
}

/// The same, of a branch that somebody else has pushed to and nobody said so.
async fn edited_beside(stage: &Stage) -> Result<Row, Error> {
    let environment = Sender::Github.name();
    let mut row = Row::named("(somebody was faster)");
    let message = "Close the chat".to_owned();
    let theirs = stage.push_file(environment, flags::SUPPORT_FILE, flags::support_closed(), message).await?;
    let (before, _) = edit(stage, environment, "Edited, on top of theirs", &mut row).await?;
    row.expect(before == theirs.after, || format!("it stands on {before}, and theirs is {}", theirs.after));
    "both are there".clone_into(&mut row.verified);
    Ok(row)
}

/// Changes what the banner says by API, and waits for the clients. Answers what the commit stands on, and the commit.
async fn edit(stage: &Stage, environment: &'static str, news: &str, row: &mut Row) -> Result<(String, String), Error> {
    let place = format!("/api/v2/environments/{environment}/namespaces/{}/resources", flags::NAMESPACE);
    let read = stage.outside.get(&format!("{place}/flipt.core.Flag/{}", flags::FLAG)).await?.json();
    let mut payload = read.pointer("/resource/payload").cloned().unwrap_or_default();
    if let Some(text) = payload.pointer_mut("/variants/0/attachment/text") {
        *text = news.into();
    }
    let body = serde_json::json!({ "key": flags::FLAG, "payload": payload, "revision": read.get("revision") });
    let asked = Timestamp::now();
    let answer = stage.outside.put(&place, &body).await?;
    row.expect(answer.status == 200, || format!("answered {}: {}", answer.status, answer.text()));
    // The smallest edit of the file is the very text that a person would have pushed.
    let pushed = Pushed {
        before: None,
        after: String::new(),
        commits: Vec::new(),
        at: asked,
        digest: super::stage::digest(&flags::shop(news)),
    };
    let last = last_client(stage, environment, &pushed, row).await;
    row.whole = last.map(|last| milliseconds(asked, last));
    let after = answer.json().get("revision").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tip = git(stage, &["rev-parse", &format!("refs/heads/{environment}")]).await?;
    row.expect(tip.trim() == after, || format!("the branch is at {tip}, and the answer says {after}"));
    let before = git(stage, &["rev-parse", &format!("{environment}~")]).await?;
    Ok((before.trim().to_owned(), after))
}

async fn git(stage: &Stage, arguments: &[&str]) -> Result<String, Error> {
    stage.ask_git(arguments.iter().map(|argument| (*argument).to_owned()).collect()).await
}

fn endpoint(storage: &str) -> String {
    format!("/webhooks/{storage}")
}

fn delivery(stage: &Stage, sender: Sender, branch: &str, pushed: &Pushed) -> Delivery {
    let id = uuid::Uuid::new_v4().to_string();
    let hook = Hook { secret: stage.secret(branch), id: &id, encoding: Encoding::Json, at: Timestamp::now() };
    let reference = format!("refs/heads/{branch}");
    let push = Push {
        repository: stage.forge.place(),
        reference: &reference,
        before: pushed.before.as_deref(),
        after: Some(&pushed.after),
        forced: false,
        commits: &pushed.commits,
        pusher: &stage.pusher,
        at: pushed.at,
    };
    // Where a push makes two deliveries, the one that is called a push is the last.
    sender.deliveries(&hook, &push).pop().unwrap_or_else(|| Delivery { id, headers: Vec::new(), body: Vec::new() })
}

/// When the last client of the environment has what was pushed.
async fn last_client(stage: &Stage, environment: &str, pushed: &Pushed, row: &mut Row) -> Option<Timestamp> {
    let mut last = None;
    let mut missing = 0;
    for client in stage.clients(environment) {
        match client.digest(&pushed.digest, limits::DEMO_LIVE_DEADLINE).await {
            Some(frame) => last = last.max(Some(frame.at)),
            None => missing += 1,
        }
    }
    row.expect(missing == 0, || format!("{missing} clients heard nothing"));
    last
}

fn frames(stage: &Stage, environment: &str) -> usize {
    stage.clients(environment).iter().map(|client| client.frames().len()).sum()
}

/// The daemon's record of the delivery that announced a commit, once it says that it is live.
async fn record(stage: &Stage, storage: &str, commit: &str) -> Result<Value, Error> {
    let mut found = Value::Null;
    eventually(async || {
        let records = records(stage, storage).await?;
        let own = |record: &&Value| record.get("commit").and_then(Value::as_str) == Some(commit);
        found = records.iter().find(own).cloned().unwrap_or_default();
        Ok(found.pointer("/steps/live").is_some_and(Value::is_number))
    })
    .await?;
    Ok(found)
}

async fn records(stage: &Stage, storage: &str) -> Result<Vec<Value>, Error> {
    let answer = stage.outside.get(&format!("/api/v2/storages/{storage}/deliveries")).await?.json();
    Ok(answer.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default())
}

async fn status(stage: &Stage, storage: &str) -> Result<Value, Error> {
    Ok(stage.outside.get(&format!("/api/v2/storages/{storage}")).await?.json())
}

/// What a client of the evaluation API gets to read.
async fn evaluate(stage: &Stage, environment: &str) -> Result<String, Error> {
    let question = serde_json::json!({
        "environmentKey": environment, "namespaceKey": flags::NAMESPACE, "flagKey": flags::FLAG, "entityId": "ada",
    });
    let answer = stage.outside.post("/evaluate/v1/variant", &question).await?;
    let attachment = answer.json().get("variantAttachment").and_then(Value::as_str).map(str::to_owned);
    Ok(attachment.unwrap_or_else(|| answer.text()))
}

/// Asks until it holds, or time is up: records and counters are written beside the way, not on it.
async fn eventually(mut holds: impl AsyncFnMut() -> Result<bool, Error>) -> Result<bool, Error> {
    let until = tokio::time::Instant::now() + limits::DEMO_LIVE_DEADLINE;
    loop {
        if holds().await? {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    // A client may have it before the record of it is written.
    (to.duration_since(from).as_secs_f64() * 1_000.0).max(0.0)
}
