//! A provider's API beside the forge, over real HTTP: a simulator of its dialect (`tests/world/scm`) whose Git is the
//! forge's repository, and whose webhooks are sent signed to the daemon.
#![allow(dead_code, unreachable_pub, clippy::similar_names, clippy::unused_self)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use yardarm::demo::dialect::{Delivery, Sender};
use yardarm::demo::outside::Answer;

use super::world::{DEADLINE, ENVIRONMENT, Plan, Pushed, STORAGE, World, asking};
use crate::scm::azure::{self, Azure};
use crate::scm::bitbucket_cloud::BitbucketCloud;
use crate::scm::bitbucket_data_center::BitbucketDataCenter;
use crate::scm::git::Git;
use crate::scm::gitea::Flavour;
use crate::scm::github::Github;
use crate::scm::gitlab::Gitlab;
use crate::scm::plain::{Plain, Proposal, State};
use crate::scm::{Asked, Dialect, Message, Scm};
use crate::scm_http::Server;

/// A world with a provider.
pub struct Story {
    pub world: World,
    pub scm: Arc<Scm>,
    server: Server,
    sender: Sender,
    sent: AtomicU64,
}

/// The forge's repository, as the API works on it.
struct Real(PathBuf);

impl Real {
    fn git(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.0).args(arguments);
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "Rosa"),
            ("GIT_AUTHOR_EMAIL", "rosa@example.com"),
            ("GIT_COMMITTER_NAME", "Forge"),
            ("GIT_COMMITTER_EMAIL", "forge@example.com"),
        ] {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

impl Git for Real {
    fn tip(&self, branch: &str) -> Option<String> {
        // Asked for with every proposal of a page: a process each would take longer than a client waits.
        let reference = format!("refs/heads/{branch}");
        if let Ok(id) = std::fs::read_to_string(self.0.join(&reference)) {
            return Some(id.trim().to_owned());
        }
        let packed = std::fs::read_to_string(self.0.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {reference}")))?;
        Some(line.split(' ').next()?.to_owned())
    }

    fn beyond(&self, branch: &str, other: &str) -> usize {
        if self.tip(branch).is_none() || self.tip(other).is_none() {
            return 0;
        }
        let count = self.git(&["rev-list", "--count", &format!("refs/heads/{other}..refs/heads/{branch}")]);
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    fn conflicts(&self, base: &str, head: &str) -> bool {
        let there = self.tip(base).is_some() && self.tip(head).is_some();
        there && self.git(&["merge-tree", "--write-tree", base, head]).is_none()
    }

    fn merge(&mut self, base: &str, head: &str, method: &str, message: &str) -> String {
        let (onto, from) = (self.tip(base).unwrap(), self.tip(head).unwrap());
        let tree = self.git(&["merge-tree", "--write-tree", &onto, &from]).unwrap();
        let message = if message.is_empty() { "Merge" } else { message };
        let mut arguments = vec!["commit-tree", &tree, "-m", message, "-p", &onto];
        // Rebased is one commit once more, on top of the base: the branches of stories have one.
        if method == "merge" {
            arguments.extend(["-p", &from]);
        }
        let commit = self.git(&arguments).unwrap();
        self.git(&["update-ref", &format!("refs/heads/{base}"), &commit]).unwrap();
        commit
    }

    fn delete(&mut self, branch: &str) {
        self.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]).unwrap();
    }
}

/// Stands in the configuration until the provider's address is known.
const API: &str = "http://127.0.0.1:1/api";

/// What simulators call themselves: names of documentation.
const SERVERS: [&str; 6] = [
    "https://forge.example/git",
    "https://github.example.com",
    "https://github.com",
    "https://gitlab.example.com",
    "https://bitbucket.org",
    "https://git.example.com:7990/bitbucket",
];

/// The dialect of whoever sends these webhooks, and where its API begins.
fn spoken(sender: Sender) -> (Box<dyn Dialect>, &'static str) {
    match sender {
        Sender::Github | Sender::GithubEnterprise => (Box::new(Github), "/api/v3"),
        Sender::GitlabSigned => (Box::<Gitlab>::default(), "/api/v4"),
        Sender::GitlabToken => (Box::new(Gitlab { signs: false, ..Gitlab::default() }), "/api/v4"),
        Sender::BitbucketCloud => (Box::<BitbucketCloud>::default(), "/2.0"),
        Sender::BitbucketDataCenter => (Box::<BitbucketDataCenter>::default(), "/rest/api/latest"),
        Sender::Azure => (Box::new(Azure::services()), "/acme"),
        Sender::Gitea => (Box::new(Flavour::Gitea), "/api/v1"),
        Sender::Forgejo => (Box::new(Flavour::Forgejo), "/api/v1"),
    }
}

/// The headers that say who sends a body and prove it, from the providers' own descriptions.
fn proof(sender: Sender, secret: &str, id: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let digest = || hex::encode(mac(secret.as_bytes(), &[body]));
    let id = id.to_owned();
    match sender {
        Sender::Github | Sender::GithubEnterprise => {
            let mut headers = vec![("X-GitHub-Delivery", id), ("X-Hub-Signature-256", format!("sha256={}", digest()))];
            if sender == Sender::GithubEnterprise {
                headers.push(("X-GitHub-Enterprise-Version", "3.19.0".to_owned()));
            }
            headers
        }
        Sender::GitlabSigned => {
            let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
            let at = Timestamp::now().as_second().to_string();
            let signature = STANDARD.encode(mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body]));
            vec![
                ("Idempotency-Key", id.clone()),
                ("webhook-id", id),
                ("webhook-timestamp", at),
                ("webhook-signature", format!("v1,{signature}")),
            ]
        }
        Sender::GitlabToken => vec![("Idempotency-Key", id), ("X-Gitlab-Token", secret.to_owned())],
        // Their messages have an id already.
        Sender::BitbucketCloud | Sender::BitbucketDataCenter => {
            vec![("X-Hub-Signature", format!("sha256={}", digest()))]
        }
        Sender::Azure => {
            vec![("Authorization", format!("Basic {}", STANDARD.encode(format!("yardarm:{secret}"))))]
        }
        Sender::Gitea => vec![("X-Gitea-Delivery", id), ("X-Gitea-Signature", digest())],
        Sender::Forgejo => vec![
            ("X-Forgejo-Delivery", id.clone()),
            ("X-Gitea-Delivery", id),
            ("X-Forgejo-Signature", digest()),
            ("X-Gitea-Signature", digest()),
        ],
    }
}

fn mac(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl Story {
    /// Everything of the first commit live, and the provider reachable.
    pub async fn start(sender: Sender) -> Self {
        Self::with(Plan::of(sender)).await
    }

    /// The same with more of a plan.
    pub async fn with(plan: Plan) -> Self {
        Self::prepared(plan, |_| ()).await
    }

    /// The same with a provider that has a past.
    pub async fn prepared(plan: Plan, prepare: impl FnOnce(&mut Plain)) -> Self {
        let sender = plan.sender();
        let kind = sender.provider().name();
        let more = plan.scm_keys().to_owned();
        let plan = plan
            .environment(&format!(
                "scm: {{type: {kind}, api_url: \"{API}\", credentials: provider, delete_merged_branches: true{more}}}"
            ))
            .rest("credentials: {provider: {type: access_token, access_token: token-of-yardarm}}");
        let mut world = plan.forge_only();
        let mut plain = Plain::new(Box::new(Real(world.forge.repository().path().to_owned())));
        plain.now = Timestamp::now();
        // The forge's URL names a project of Azure after its repository, and an organisation above it.
        if sender == Sender::Azure {
            plain.owner.clone_from(&plain.repository);
        }
        prepare(&mut plain);
        let (dialect, root) = spoken(sender);
        let server = Server::start(sender.provider(), root, dialect, plain);
        world.text = world.text.replace(API, &server.root);
        world.start_daemon().await;
        let scm = server.scm.clone();
        let story = Self { world, scm, server, sender, sent: AtomicU64::new(0) };
        story.world.until("the first commit is live", |storage| super::world::served(storage).is_some()).await;
        story.until_status("the provider was looked at", |status| !status["lastReconcile"].is_null()).await;
        story
    }

    /// Waits for how the tracking goes.
    pub async fn until_status(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        self.world.until(what, |storage| holds(&storage["proposals"])).await;
    }

    /// A branch environment with one commit, known to the daemon.
    pub async fn branch(&self, key: &str, files: &[(&str, &str)]) -> Pushed {
        let branch = format!("flipt/{ENVIRONMENT}/{key}");
        self.world.branch(&branch, "main");
        let pushed = self.world.commit(&branch, files);
        self.world.announce(&pushed).await;
        self.served(key, pushed.after.as_deref()).await;
        pushed
    }

    /// Waits until an environment serves a commit.
    pub async fn served(&self, environment: &str, commit: Option<&str>) {
        let of = |storage: &Value| super::world::environment(storage, environment).map(|e| e["commit"].clone());
        self.world.until("the branch is served", |storage| of(storage).is_some_and(|c| c.as_str() == commit)).await;
    }

    pub async fn propose(&self, key: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v2/environments/{ENVIRONMENT}/branches/{key}"), body).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.world.ask("POST", path, Some(body)).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.world.ask("GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub async fn proposal(&self, id: &str) -> Value {
        self.get(&format!("/api/v2/proposals/{id}")).await
    }

    /// Every proposal, the newest first.
    pub async fn proposals(&self) -> Vec<Value> {
        self.get("/api/v2/proposals?limit=1000").await["proposals"].as_array().unwrap().clone()
    }

    /// Waits until a proposal is as the story wants it.
    pub async fn until(&self, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = asking(async || {
            last = self.proposal(id).await;
            holds(&last)
        })
        .await;
        assert!(found, "not within {DEADLINE:?}: {what}\n{last:#}\n{:#}", self.world.status().await["proposals"]);
        last
    }

    pub async fn until_state(&self, id: &str, state: &str) -> Value {
        self.until(id, state, |proposal| proposal["state"] == state).await
    }

    /// The webhooks of everything that has happened at the provider since the last call, signed, in order.
    pub fn webhooks(&self) -> Vec<Delivery> {
        self.scm.messages().iter().map(|message| self.sealed(message)).collect()
    }

    /// With the address of this world's repository, and the proof of its provider.
    fn sealed(&self, message: &Message) -> Delivery {
        let base = &self.world.forge.place().base;
        let mut text = message.payload.to_string().replace(azure::ROOT, &format!("{base}/acme"));
        for known in SERVERS {
            text = text.replace(known, base);
        }
        let (id, body) = (format!("story-{}", self.sent.fetch_add(1, Ordering::Relaxed)), text.into_bytes());
        let mut headers = message.headers.clone();
        headers.push(("Content-Type", "application/json".to_owned()));
        headers.extend(proof(self.sender, &self.world.secret(), &id, &body));
        Delivery { id, headers, body }
    }

    /// Sends the webhooks of everything that has happened; answers how many of them were of use.
    pub async fn tell(&self) -> usize {
        let mut taken = 0;
        for delivery in self.webhooks() {
            let answer = self.world.send(&delivery).await;
            assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text());
            assert!(!answer.text().contains("the payload is about"), "another repository: {}", answer.text());
            taken += usize::from(answer.status == 202);
        }
        taken
    }

    /// Somebody merges at the provider; the push is announced, as are the webhooks of the proposal.
    pub async fn merge(&self, number: u64, method: &str) -> String {
        let (before, after) = self.merge_untold(number, method);
        assert!(self.tell().await > 0, "a merge is told");
        self.announce_main(before, &after).await;
        after
    }

    /// The same, and nobody is told.
    pub fn merge_untold(&self, number: u64, method: &str) -> (Option<String>, String) {
        let before = self.world.forge.repository().tip("main").unwrap();
        let after = self.scm.world(|plain| plain.merge(number, None, method, "Take it", false)).unwrap();
        (before, after)
    }

    pub async fn announce_main(&self, before: Option<String>, after: &str) {
        let pushed = Pushed {
            branch: "main".to_owned(),
            before,
            after: Some(after.to_owned()),
            forced: false,
            at: Timestamp::now(),
        };
        self.world.announce(&pushed).await;
    }

    /// How often something was asked of the provider.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        let exchanges = self.scm.exchanges();
        let is = |asked: &Asked| asked.method == method && asked.path.join("/").contains(part);
        exchanges.iter().filter(|exchange| is(&exchange.asked)).count()
    }

    pub fn name(&self) -> &'static str {
        STORAGE
    }
}

/// Proposals that were closed long ago, from branches that are gone.
pub fn past(plain: &mut Plain, count: usize) {
    let tip = plain.git.tip("main").unwrap_or_else(|| "0".repeat(40));
    for number in 1..=count as u64 {
        plain.proposals.push(Proposal {
            number,
            title: format!("Change {number}"),
            body: String::new(),
            author: "rosa".to_owned(),
            head: format!("topic-{number}"),
            base: "main".to_owned(),
            head_commit: tip.clone(),
            fork: None,
            fork_gone: false,
            draft: false,
            state: State::Closed,
            merge_commit: None,
            created: plain.now,
            updated: plain.now,
            ended: Some(plain.now),
            version: 0,
            comments: Vec::new(),
            reviews: Vec::new(),
            undecided: 0,
        });
    }
}

/// A body without fields.
pub fn nothing() -> Value {
    json!({})
}
