//! Texts that mean harm, or are only too long, on every page: whoever may write a flag, a commit, a branch, a proposal or
//! a link decides what stands in them. They are shown as text, cut where they would break a page, and nothing of them
//! becomes markup, a style or a script.

use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::pages::{Places, open, sent, too_wide};
use crate::provider::Story;
use crate::scm::plain::{Status, Verdict};
use crate::world::{ENVIRONMENT, Plan, Pushed, SHOP, World, asking, in_time};

/// Closes whatever it may stand in, and is an element and a script there.
const MARKUP: &str = "\"'><img data-bad src=x onerror=\"window.bad=1\"><script data-bad>window.bad=1</script></textarea>\
                      </title></style></select></template><b data-bad>b</b>{{ 7*7 }}&lt;i&gt;";
/// Turns the direction of writing around, and does not turn it back.
const RIGHT: &str = "safe\u{202e}gnp.exe\u{2066}\u{200f}עברית";
const SIGNS: &str = "🏴\u{200d}☠️👩\u{200d}👩\u{200d}👧\u{200d}👦\u{0301}\u{0301}\u{0301}";
/// A branch may be called so.
const BRANCH: &str = "topic/\"><b/data-bad>\u{202e}🏴";

fn long() -> String {
    "Wide".repeat(25_000)
}

fn texts() -> [(&'static str, String); 5] {
    [
        ("markup", MARKUP.into()),
        ("right", RIGHT.into()),
        ("signs", SIGNS.into()),
        ("long", long()),
        ("none", String::new()),
    ]
}

/// Keys of flags: short ones, whose flags have a hostile text everywhere else, and long ones. A key of other characters
/// than a key has makes a wrong file.
fn keys() -> Vec<String> {
    let plain = texts().map(|(kind, _)| format!("flag-{kind}"));
    plain.into_iter().chain(["k".repeat(1_900), long()]).collect()
}

/// Everything that a file can say, said in each of the texts. JSON is YAML.
fn file() -> String {
    let (mut flags, mut segments) = (Vec::new(), Vec::new());
    let keys = keys();
    let texts = texts();
    for (n, key) in keys.iter().enumerate() {
        let (kind, text) = &texts[n % texts.len()];
        let variant = if text.is_empty() { "empty" } else { text };
        // A name is never nothing; it may be nothing that is seen.
        let name = if text.is_empty() { " " } else { text };
        flags.push(json!({
            "key": key, "name": name, "description": text, "type": "VARIANT_FLAG_TYPE", "enabled": true,
            "metadata": { "note": text, "a": { "deep": [text] } },
            "variants": [
                { "key": variant, "name": name, "description": text, "default": true, "attachment": { "text": text } },
            ],
            "rules": [{ "segment": format!("segment-{kind}"), "distributions": [{ "variant": variant, "rollout": 100 }] }],
        }));
        flags.push(json!({
            "key": format!("boolean-{n}"), "name": name, "description": text, "type": "BOOLEAN_FLAG_TYPE", "enabled": false,
            "rollouts": [
                { "description": text, "segment": { "key": format!("segment-{kind}"), "value": true } },
                { "description": text, "threshold": { "percentage": 50, "value": true } },
            ],
        }));
    }
    for (kind, text) in texts {
        let name = if text.is_empty() { " " } else { &text };
        segments.push(json!({
            "key": format!("segment-{kind}"), "name": name, "description": text, "match_type": "ANY_MATCH_TYPE",
            "constraints": [{
                "type": "STRING_COMPARISON_TYPE", "property": if text.is_empty() { "empty" } else { &text },
                "operator": "eq", "value": text, "description": text,
            }],
        }));
    }
    let namespace = json!({ "key": "shop", "name": MARKUP, "description": long() });
    json!({ "version": "1.6", "namespace": namespace, "flags": flags, "segments": segments }).to_string()
}

/// A file that is wrong, and whose faults would like to be markup.
fn broken() -> String {
    let flags = [MARKUP, RIGHT, &long()]
        .map(|text| json!({ "key": text, "name": text, "type": text, "enabled": true, text: text }));
    json!({ "version": "1.6", "namespace": "<b data-bad>", "flags": flags }).to_string()
}

/// A commit as no well-meaning program would make it; what it changes is what `files` says.
fn committed(world: &World, files: &[(&str, &str)], author: &str, message: &str) -> Pushed {
    let mut pushed = world.commit("main", files);
    let repository = world.forge.repository();
    let tree = repository.git(["rev-parse", "main^{tree}"]).unwrap();
    let text = format!(
        "tree {}\nparent {}\nauthor {author} <a@\"onload=window.bad=1 data-bad> 1700100000 +0000\ncommitter {author} \
         <> 1700100000 +0000\n\n{message}\n",
        tree.trim(),
        pushed.after.as_deref().unwrap()
    );
    let mut git = Command::new("git")
        .arg("--git-dir")
        .arg(repository.path())
        .args(["hash-object", "-t", "commit", "-w", "--stdin", "--literally"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = git.wait_with_output().unwrap();
    let commit = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    repository.set_branch("main", &commit).unwrap();
    pushed.after = Some(commit);
    pushed
}

/// What is wrong with the page that is open: it shows what it shows as text, and is of a size that a browser bears.
async fn harm(browser: &Browser, most: u64) -> Vec<String> {
    let found = "return [typeof window.bad, document.querySelectorAll('[data-bad], [href^=\"javascript:\" i]').length, \
                 document.documentElement.outerHTML.length]";
    let found = browser.script(found).await;
    let mut wrong = too_wide(browser).await;
    if found[0] != "undefined" || found[1] != 0 {
        wrong.push("a text became a script or markup".to_owned());
    }
    if found[2].as_u64().unwrap() > most {
        wrong.push(format!("{} characters of HTML", found[2]));
    }
    let path: String = browser.path().await.chars().take(200).collect();
    wrong.into_iter().map(|wrong| format!("{path}: {wrong}")).collect()
}

/// Characters of HTML of a page that shows texts …
const SHOWN: u64 = 350_000;
/// … and of one on which they are edited: there they stand as a whole, each once.
const EDITED: u64 = 1_200_000;

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Addresses that somebody has made for somebody else to follow.
fn links() -> Vec<String> {
    let (bad, script) = (encoded(MARKUP), "javascript:window.bad=1");
    let n = format!("/ui/e/{ENVIRONMENT}/n/shop");
    vec![
        format!("{n}/flags?q={bad}&meta={bad}&sort={bad}&type={bad}&page={bad}"),
        format!("{n}/segments?q={bad}&used={bad}"),
        format!("{n}/flags/{bad}{bad}?at={bad}"),
        format!("{n}/flags/flag-none?at={bad}"),
        format!("{n}/flags/flag-none/history?from={bad}"),
        format!("{n}/new-flag?key={bad}"),
        format!("{n}/copy?flag={bad}&into={bad}&to={bad}&as={bad}"),
        format!("{n}/copy?flag=flag-none&into={bad}&as={bad}"),
        format!("{n}/playground?flag={bad}&entity={bad}&context={bad}&at={bad}&beside={bad}&beside_at={bad}"),
        format!("{n}/playground?flag=flag-markup&entity={bad}&context={bad}%3D{bad}"),
        format!("{n}/analytics?flag={bad}&span={bad}"),
        format!("{n}/analytics?q={bad}"),
        format!("/ui/e/{bad}/n/{bad}/flags"),
        format!("/ui/e/{ENVIRONMENT}/n/{bad}/flags"),
        format!("/ui/e/{ENVIRONMENT}/branches/{bad}"),
        format!("/ui/e/{ENVIRONMENT}/new-branch?key={bad}"),
        format!(
            "/ui/e/{ENVIRONMENT}/saved?commit={bad}&trouble={bad}&proposal={bad}&next={script}&from={script}&base={bad}"
        ),
        format!("/ui/proposals?q={bad}&author={bad}&environment={bad}&state={bad}"),
        format!("/ui/proposals/{bad}"),
        format!("/ui/audit?key={bad}&by={bad}&namespace={bad}&from={bad}&environment={bad}&cursor={bad}"),
        format!("/ui/deliveries?storage={bad}"),
        format!("/ui/palette?q={bad}&from={bad}"),
        format!("/ui/palette?q=w&from={ENVIRONMENT}/shop"),
        format!("/ui/login?next={script}"),
        format!("/ui/{bad}"),
    ]
}

/// Proposals of people who wish nobody well, as their provider tells of them; their ids here.
async fn proposals(story: &Story) -> Vec<String> {
    let world = &story.world;
    world.branch(BRANCH, "main");
    let head = world.commit(BRANCH, &[(SHOP, &file().replace("\"enabled\":false", "\"enabled\":true"))]).after.unwrap();
    story.scm.world(|plain| {
        let one = plain.open(MARKUP, BRANCH, "main", MARKUP, &format!("{MARKUP}\n{}", long()), false, false).unwrap();
        plain.review(one, MARKUP, Verdict::ChangesRequested).unwrap();
        plain.review(one, &long(), Verdict::Approved).unwrap();
        for (n, (_, text)) in texts().into_iter().enumerate() {
            plain.set_status(Status {
                commit: head.clone(),
                context: if text.is_empty() { "empty".to_owned() } else { text.clone() },
                state: ["failure", "pending", "success"][n % 3].to_owned(),
                description: text,
                url: Some("javascript:window.bad=1".to_owned()),
            });
        }
    });
    for (name, title, by) in
        [("long", long(), long()), ("none", String::new(), String::new()), ("right", RIGHT.into(), RIGHT.into())]
    {
        let branch = format!("topic-{name}");
        world.branch(&branch, "main");
        world.commit(&branch, &[("other/features.yaml", "version: \"1.6\"\nnamespace: other\n")]);
        story.scm.world(|plain| plain.open(&by, &branch, "main", &title, &title, true, false)).unwrap();
    }
    story.tell().await;
    let mut ids = Vec::new();
    let all = asking(async || {
        let known = story.proposals().await;
        ids = known.iter().filter(|p| p["stale"] == false).map(|p| p["id"].as_str().unwrap().to_owned()).collect();
        ids.len() == 4
    });
    assert!(all.await, "four proposals are known: {:#?}", story.proposals().await);
    ids
}

/// What else strangers can say to the daemon: deliveries, the name of a client, writes that are refused and one that is not.
async fn strangers(story: &Story) -> tokio::net::TcpStream {
    let world = &story.world;
    let tip = world.forge.repository().tip("main").unwrap();
    let pushed = Pushed { branch: "main".into(), before: None, after: tip, forced: false, at: Timestamp::now() };
    for mut delivery in world.deliveries(&pushed) {
        for (name, value) in &mut delivery.headers {
            if ["X-GitHub-Event", "X-GitHub-Delivery"].contains(name) {
                "\"><b data-bad>".clone_into(value);
            }
        }
        world.send(&delivery).await;
    }
    let changes = format!("/api/v2/environments/{ENVIRONMENT}/changes");
    for key in [MARKUP, RIGHT, &long()] {
        let change = json!({ "action": "delete", "type": "flipt.core.Flag", "namespace": key, "key": key });
        let refused = story.post(&changes, &json!({ "message": MARKUP, "changes": [change] })).await;
        assert!(matches!(refused.status, 400..500), "{}", refused.text());
    }
    let change = json!({ "action": "delete", "type": "flipt.core.Flag", "namespace": "shop", "key": "banner" });
    let done = story.post(&changes, &json!({ "message": format!("{MARKUP}{RIGHT}"), "changes": [change] })).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let mut stream = tokio::net::TcpStream::connect(world.daemon().address()).await.unwrap();
    let path = format!("/client/v2/environments/{ENVIRONMENT}/namespaces/shop/stream");
    let asked = format!("GET {path} HTTP/1.1\r\nhost: x\r\nuser-agent: \"><b/data-bad>/1.0\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    in_time("the stream begins", stream.read_u8()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_are_text_on_every_page() {
    let plan = Plan::of(Sender::Github);
    let mut story = Story::with(plan).await;
    let stream = strangers(&story).await;
    let before = story
        .world
        .push(&[(SHOP, &file()), ("x <b data-bad>/features.yaml", "version: \"1.6\"\nnamespace: plain\n")])
        .await;
    for (author, message) in [(long(), long()), (RIGHT.into(), format!("{MARKUP}\n\n{MARKUP}"))] {
        let text = file().replace("\"percentage\":50", &format!("\"percentage\":{}", 60 + message.len() % 7));
        let pushed = committed(&story.world, &[(SHOP, &text)], &author, &message);
        story.world.announce(&pushed).await;
        story.world.live(&pushed).await;
    }
    let ids = proposals(&story).await;
    let broken = story.world.commit("main", &[("broken/features.yaml", &broken())]);
    story.world.announce(&broken).await;
    let held = |storage: &Value| storage["environments"][0]["problems"].as_array().is_some_and(|all| !all.is_empty());
    story.world.until("the wrong file is held back", held).await;

    let browser = Browser::open(&story.world).await;
    for status in [400, 401, 403, 404, 409, 422] {
        browser.expect_error(&format!("the server responded with a status of {status}"));
    }
    let (commit, keys) = (before.after.unwrap(), keys());
    let places = |flag: usize, segment: &'static str, proposal: usize| Places {
        environment: ENVIRONMENT,
        namespace: "shop",
        flag: &keys[flag],
        segment,
        branch: "none",
        commit: &commit,
        proposal: &ids[proposal],
    };
    let segments = ["segment-markup", "segment-right", "segment-signs", "segment-long", "segment-none"];
    let mut addresses = links();
    // The longest key makes an address that no browser sends.
    for n in [0, 3, 5] {
        let all = places(n, segments[n % segments.len()], n % ids.len()).addresses();
        let new = all.into_iter().filter(|one| !addresses.contains(one)).collect::<Vec<_>>();
        addresses.extend(new);
    }
    let shop = format!("/ui/e/{ENVIRONMENT}/n/shop");
    for n in [1, 2, 4] {
        addresses.push(format!("{shop}/flags/{}", keys[n]));
        addresses.push(format!("{shop}/playground?entity=ada&flag={}", keys[n]));
        addresses.push(format!("{shop}/segments/{}", segments[n]));
    }
    addresses.extend(ids.iter().map(|id| format!("/ui/proposals/{id}")));
    let mut wrong = Vec::new();
    for address in &addresses {
        open(&browser, address).await;
        let edited =
            ["/flags/", "/segments/"].iter().any(|part| address.contains(part)) && !address.contains("history");
        wrong.extend(harm(&browser, if edited { EDITED } else { SHOWN }).await);
    }

    // They are there, and where they were cut that can be seen.
    open(&browser, &format!("/ui/e/{ENVIRONMENT}/n/shop/flags")).await;
    browser.see("<script data-bad>window.bad=1</script>").await;
    browser.see("WideWide…").await;
    browser.see("boolean-4").await;

    // What is typed is no better: looked at before it is saved, and where somebody else was faster.
    let payload = |text: &str| {
        json!({ "key": "flag-none", "name": text, "description": text, "type": "VARIANT_FLAG_TYPE",
        "enabled": true, "metadata": { "note": text }, "variants": [{ "key": "empty", "attachment": { "text": text } }] })
    };
    for text in [MARKUP, &long(), RIGHT] {
        let mut change =
            json!({ "action": "update", "type": "flipt.core.Flag", "namespace": "shop", "key": "flag-none" });
        change["payload"] = payload(text);
        sent(&browser, ENVIRONMENT, &json!([change])).await;
        browser.find("form.review").await;
        wrong.extend(harm(&browser, EDITED).await);
        change["revision"] = json!("d00d".repeat(10));
        sent(&browser, ENVIRONMENT, &json!([change])).await;
        browser.find("form.conflict").await;
        wrong.extend(harm(&browser, 2 * EDITED).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.end().await;
    drop(stream);
    story.world.may_fail();
    story.world.end().await;
}
