//! `yardarm webhook`: the real command, a provider's API over HTTP, and a running daemon whose endpoint it asks.

use serde_json::Value;
use yardarm::demo::dialect::Sender;
use yardarm::provider::Provider;

use crate::cli::{Run, yardarm};
use crate::scm::git::Memory;
use crate::scm::github::Github;
use crate::scm::plain::{Attempt, Plain};
use crate::scm_http::Server;
use crate::world::{Plan, World, configuration};

struct Stage {
    world: World,
    provider: Server,
}

impl Stage {
    async fn start() -> Self {
        let plain = Plain::new(Box::new(Memory::new()));
        let provider = Server::start(Provider::Github, "/api/v3", Box::new(Github), plain);
        let scm = format!(
            "scm: {{type: github, api_url: '{}', owner: acme, repository: flags, credentials: api}}",
            provider.root
        );
        let credential = "credentials: {api: {type: access_token, access_token: token-of-yardarm}}";
        let world = Plan::of(Sender::Github).environment(&scm).rest(credential).start().await;
        Self { world, provider }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let file = self.world.path().join("webhook.yml");
        std::fs::write(&file, &self.world.text).unwrap();
        let arguments = [&["webhook"], arguments, &["--config", file.to_str().unwrap()]].concat();
        let run = tokio::task::block_in_place(|| yardarm(&arguments, &[]));
        for text in [&run.out, &run.err] {
            for secret in [self.world.secret().as_str(), "token-of-yardarm"] {
                assert!(!text.contains(secret), "a secret in {text}");
            }
        }
        run
    }

    fn ends(&self, arguments: &[&str], code: i32) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}\n{}\n{}", run.out, run.err);
        run.out + &run.err
    }

    fn url(&self) -> String {
        format!("http://{}", self.world.daemon().address())
    }

    /// What was changed at the provider until now.
    fn changes(&self) -> usize {
        self.provider.scm.exchanges().iter().filter(|exchange| exchange.asked.method != "GET").count()
    }

    fn secret(&self) -> Option<String> {
        self.provider.scm.world(|plain| plain.hooks[0].secret.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_from_its_making_to_its_end() {
    let mut stage = Stage::start().await;
    let url = stage.url();
    assert!(stage.ends(&["status"], 1).contains("no webhook at the provider leads to this storage"));
    assert!(stage.ends(&["install"], 2).contains("--url"));
    // Shown first, then done, then found to be right.
    assert!(stage.ends(&["install", "--url", &url, "--dry-run"], 0).contains("would make one for"));
    assert_eq!(stage.changes(), 0);
    let told = stage.ends(&["install", "--url", &url], 0);
    assert!(told.contains("made one for") && told.contains("pull_request, "), "{told}");
    assert_eq!(stage.secret(), Some(stage.world.secret()));
    let before = stage.changes();
    assert!(stage.ends(&["install", "--url", &url], 0).contains("is as it should be"));
    assert!(stage.ends(&["install"], 0).contains("is as it should be"));
    assert!(stage.ends(&["status", "flags"], 0).contains("is as it should be"));
    assert_eq!(stage.changes(), before);

    // Somebody switches it off, and another one makes it a second time.
    stage.provider.scm.world(|plain| {
        let mut twice = plain.hooks[0].clone();
        twice.id = plain.id();
        plain.hooks.push(twice);
        for hook in &mut plain.hooks {
            hook.active = false;
        }
    });
    let told = stage.ends(&["status"], 1);
    assert!(told.contains("it is switched off") && told.contains("would remove webhook"), "{told}");
    // Switched on again by whoever only looks; the second one is left to `install`.
    assert!(stage.ends(&["status", "--enable"], 1).contains("switched on again"));
    assert_eq!(stage.provider.scm.world(|plain| plain.hooks.iter().filter(|hook| hook.active).count()), 1);
    stage.ends(&["install"], 0);
    assert_eq!(stage.provider.scm.world(|plain| plain.hooks.len()), 1);
    stage.ends(&["status"], 0);

    // Rotation: not with one secret, not before the daemon knows the new one, then without a gap.
    assert!(stage.ends(&["rotate"], 2).contains("the file has one secret"));
    let old = stage.world.secret();
    stage.world.text = stage.world.text.replace(&format!("[{old:?}]"), &format!("[the-new-secret, {old:?}]"));
    let before = stage.changes();
    let told = stage.ends(&["rotate"], 1);
    assert!(told.contains("does not take the new secret yet") && told.contains("Nothing was changed"), "{told}");
    assert_eq!((stage.changes(), stage.secret()), (before, Some(old)));
    stage.world.daemon().reload(configuration(&stage.world.text)).await;
    let told = stage.ends(&["rotate"], 0);
    assert!(told.contains("a test delivery with the new secret was taken"), "{told}");
    assert_eq!(stage.secret().as_deref(), Some("the-new-secret"));

    // What failed while the daemon was away is sent again, once.
    stage.provider.scm.world(|plain| {
        let (at, ids) = (plain.tick(), [plain.id(), plain.id()]);
        for (id, status) in [(ids[0], None), (ids[1], Some(502))] {
            let delivery = format!("delivery-{id}");
            plain.hooks[0].attempts.push(Attempt { id, delivery, event: "push".to_owned(), status, at });
        }
    });
    let told = stage.ends(&["status"], 1);
    assert!(told.contains("2 deliveries failed for good") && told.contains("push 502"), "{told}");
    assert!(stage.ends(&["status", "--redeliver"], 1).contains("2 are sent again"));
    stage.ends(&["status"], 0);

    let json: Value = serde_json::from_str(&stage.ends(&["status", "--json"], 0)).unwrap();
    assert_eq!(
        (&json[0]["storage"], &json[0]["ok"], &json[0]["steps"][0]["step"]),
        (&"flags".into(), &true.into(), &"keep".into())
    );
    stage.ends(&["uninstall"], 0);
    assert_eq!(stage.provider.scm.world(|plain| plain.hooks.len()), 0);
    assert!(stage.ends(&["uninstall"], 0).contains("no webhook leads to this storage"));
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_with_what_to_do() {
    let mut stage = Stage::start().await;
    let url = stage.url();
    // An address at which another secret counts, or nothing.
    let text = stage.world.text.clone();
    stage.world.text = text.replace(&stage.world.secret(), "another-secret");
    assert!(stage.ends(&["install", "--url", &url], 1).contains("does not take this file's first secret"));
    stage.world.text.clone_from(&text);
    assert!(stage.ends(&["install", "--url", &format!("{url}/elsewhere")], 1).contains("there is no such endpoint"));
    let told = stage.ends(&["install", "--url", "http://127.0.0.1:1"], 0);
    assert!(told.contains("could not be tried from here"), "{told}");
    let told = stage.ends(&["status", "--url", &url], 1);
    assert!(told.contains("leads to http://127.0.0.1:1/webhooks/flags"), "{told}");
    stage.ends(&["uninstall"], 0);
    assert_eq!(stage.changes(), 2);
    // A credential that may only look.
    stage.world.text = text.replace("token-of-yardarm", "token-of-reader");
    let told = stage.ends(&["install", "--url", &url], 1);
    assert!(told.contains("By hand:") && told.contains("Webhooks") && told.contains("/webhooks/flags"), "{told}");
    stage.world.text = text.replace("token-of-yardarm", "revoked");
    assert!(stage.ends(&["status"], 1).contains("does not take the credential"));
    // Nothing to work with.
    let secret = stage.world.secret();
    stage.world.text = text.replace(&format!("webhook: {{provider: github, secrets: [{secret:?}]}}"), "");
    let told = stage.ends(&["install", "--url", &url], 2);
    assert!(told.contains("openssl rand") && told.contains("secrets: ['${file:"), "{told}");
    stage.world.text = text.replace(", credentials: api}", "}");
    assert!(stage.ends(&["status"], 2).contains("environments.production.scm.credentials"));
    stage.world.text.clone_from(&text);
    assert!(stage.ends(&["status", "nope"], 2).contains("there is no storage `nope`"));
    assert!(stage.ends(&["install", "--url", "flags.example.com"], 2).contains("https://HOST"));
    assert!(
        stage.ends(&["install", "--url", "https://me:x@flags.example.com"], 2).contains("neither user nor password")
    );
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_makes_no_second_webhook() {
    let stage = Stage::start().await;
    stage.provider.scm.misbehave("POST", "hooks", crate::scm::Fault::Lost, 1);
    stage.ends(&["install", "--url", &stage.url()], 0);
    assert_eq!(stage.provider.scm.world(|plain| plain.hooks.len()), 1);
    stage.world.end().await;
}
