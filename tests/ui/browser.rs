//! A person at a browser: headless Chromium, driven over `WebDriver`.
//!
//! Nothing sleeps: whatever a person would wait for is asked for until it is there, with a deadline. At the end of every
//! story the browser's console is looked at: an error in it fails the story, unless the story announced it.
#![allow(dead_code, unreachable_pub)]

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use crate::world::{DEADLINE, World, in_time};

/// The rules of accessibility (MPL-2.0, see the licence beside it).
const AXE: &str = include_str!("axe/axe.min.js");

/// One browser with an empty profile.
pub struct Browser {
    client: Client,
    base: String,
    expected: Mutex<Vec<String>>,
    /// Addresses of the styles and scripts that were fetched once.
    had: Mutex<HashSet<String>>,
    // Both end with it, in this order.
    _driver: Child,
    _profile: TempDir,
}

/// A command of `WebDriver` that the client has no method for.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

#[expect(clippy::disallowed_methods, reason = "which browser there is, is a matter of the machine")]
fn program(variable: &str, name: &str, package: &str) -> String {
    let chosen = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    let found = chosen.contains('/') && Path::new(&chosen).exists()
        || std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|at| at.join(&chosen).exists()));
    assert!(
        found,
        "the stories of the pages need a browser: `{chosen}` is not there. Install Debian's packages `chromium` and \
         `chromium-driver` (here `{package}` is missing), or name the programs in YARDARM_BROWSER and YARDARM_DRIVER"
    );
    chosen
}

impl Browser {
    /// A new browser, as wide as a laptop's, for the daemon of a world.
    pub async fn open(world: &World) -> Self {
        Self::at(world.outside.base()).await
    }

    /// The same for any address.
    pub async fn at(base: &str) -> Self {
        let driver = program("YARDARM_DRIVER", "chromedriver", "chromium-driver");
        let browser = program("YARDARM_BROWSER", "chromium", "chromium");
        let mut child = Command::new(&driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = in_time("the driver of the browser starts", port(&mut child)).await.unwrap();
        let profile = tempfile::Builder::new().prefix("yardarm-browser-").tempdir().unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--no-first-run".to_owned(),
            "--force-color-profile=srgb".to_owned(),
            "--hide-scrollbars".to_owned(),
            // It ends with the driver, however that ends.
            "--remote-debugging-pipe".to_owned(),
            "--window-size=1280,900".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut capabilities = Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments, "binary": which(&browser) }));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL", "performance": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let client = in_time("the browser starts", builder.connect(&address)).await.unwrap();
        Self {
            client,
            base: base.to_owned(),
            expected: Mutex::default(),
            had: Mutex::default(),
            _driver: child,
            _profile: profile,
        }
    }

    /// The client, for whatever has no word here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens a page of the daemon.
    pub async fn go(&self, path: &str) {
        in_time("a page", self.client.goto(&format!("{}{path}", self.base))).await.unwrap();
    }

    /// Path and query of the page that is open.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// What a script answers: `return document.title`.
    pub async fn script(&self, script: &str) -> Value {
        in_time("a script", self.client.execute(script, Vec::new())).await.unwrap()
    }

    /// Asks a script until its answer is true; fails with the text of the page.
    pub async fn until(&self, what: &str, script: &str) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let asked = async {
            loop {
                tick.tick().await;
                // Between two pages there is nothing that could answer.
                if let Ok(Value::Bool(true)) = self.client.execute(script, Vec::new()).await {
                    return;
                }
            }
        };
        if tokio::time::timeout(DEADLINE, asked).await.is_err() {
            let page = self.client.execute("return document.body.innerText", Vec::new()).await;
            panic!(
                "not within {DEADLINE:?}: {what}\n{}",
                page.ok().and_then(|page| page.as_str().map(str::to_owned)).unwrap_or_default()
            );
        }
    }

    /// Waits until the page shows this text.
    pub async fn see(&self, text: &str) {
        let text = Value::from(text);
        self.until(&format!("{text} is seen"), &format!("return document.body.innerText.includes({text})")).await;
    }

    /// Waits until the page shows this text no more.
    pub async fn see_no(&self, text: &str) {
        let text = Value::from(text);
        self.until(&format!("{text} is gone"), &format!("return !document.body.innerText.includes({text})")).await;
    }

    /// Waits until something is there.
    pub async fn find(&self, css: &str) {
        let css = Value::from(css);
        self.until(&format!("{css} is there"), &format!("return document.querySelector({css}) !== null")).await;
    }

    /// Waits for something and clicks it.
    pub async fn click(&self, css: &str) {
        self.find(css).await;
        self.patiently(&format!("a click on {css}"), async || self.client.find(Locator::Css(css)).await?.click().await)
            .await;
    }

    /// Clicks the button or link with this text.
    pub async fn press(&self, text: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary or self::label][normalize-space(.)={}]",
            quoted(text)
        );
        self.patiently(&format!("a click on \"{text}\""), async || {
            self.client.find(Locator::XPath(&path)).await?.click().await
        })
        .await;
    }

    /// Replaces what stands in a field, as typing does.
    pub async fn fill(&self, css: &str, text: &str) {
        self.find(css).await;
        self.patiently(&format!("typing into {css}"), async || {
            let field = self.client.find(Locator::Css(css)).await?;
            field.click().await?;
            field.send_keys(&format!("{}a", char::from(Key::Control))).await?;
            // The end of a chord.
            field.send_keys(&format!("{}{}", char::from(Key::Null), char::from(Key::Delete))).await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Signs in, where the page asks for a token.
    pub async fn sign_in(&self, token: &str) {
        self.fill("#token", token).await;
        self.press("Sign in").await;
    }

    /// What the server answers a form that no page has offered: it is sent from the page that is open, with a good proof
    /// and the cookie of whoever is signed in.
    pub async fn forge(&self, path: &str, fields: &[(&str, &str)]) -> u64 {
        let script = "const [path, fields, done] = arguments; \
                      const proof = fetch('/ui/proof', { headers: { 'HX-Request': 'true' } }).then(one => one.text()); \
                      proof.then(proof => fetch(path, { method: 'POST', body: new URLSearchParams([['proof', proof], \
                      ...fields]) })).then(answer => done(answer.status), () => done(0));";
        let arguments = vec![Value::from(path), json!(fields)];
        let answered = in_time("a forged form", self.client.execute_async(script, arguments)).await.unwrap();
        answered.as_u64().unwrap()
    }

    /// All of the page as it stands, in small letters: what is not in it is nowhere on the page.
    pub async fn source(&self) -> String {
        let source = self.script("return document.documentElement.outerHTML").await;
        source.as_str().unwrap_or_default().to_lowercase()
    }

    /// Types into whatever has the focus.
    pub async fn keys(&self, keys: &str) {
        self.patiently("typing", async || self.client.active_element().await?.send_keys(keys).await).await;
    }

    /// Chooses in a list.
    pub async fn choose(&self, css: &str, value: &str) {
        self.find(css).await;
        self.patiently(&format!("choosing in {css}"), async || {
            self.client.find(Locator::Css(css)).await?.select_by_value(value).await
        })
        .await;
    }

    /// The text of something.
    pub async fn text(&self, css: &str) -> String {
        self.find(css).await;
        let css = Value::from(css);
        let text = self.script(&format!("return document.querySelector({css}).innerText")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The value of a field.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await;
        let css = Value::from(css);
        let value = self.script(&format!("return document.querySelector({css}).value")).await;
        value.as_str().unwrap_or_default().to_owned()
    }

    async fn patiently(&self, what: &str, mut act: impl AsyncFnMut() -> Result<(), CmdError>) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            tick.tick().await;
            match act().await {
                Ok(()) => return,
                Err(error) if tokio::time::Instant::now() >= until => {
                    let page = self.script("return document.body.innerText").await;
                    panic!("not within {DEADLINE:?}: {what}: {error}\n{}", page.as_str().unwrap_or_default());
                }
                Err(_) => {}
            }
        }
    }

    /// Gives the window another size.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the system of the person prefers: `light`, `dark`.
    pub async fn prefers(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Runs no scripts from the next page on.
    pub async fn without_scripts(&self) {
        self.scripts(false).await;
    }

    /// Whether scripts run. A page that was loaded without has none, also where they may run afterwards.
    pub async fn scripts(&self, run: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !run })).await;
    }

    /// The network goes away, or comes back.
    pub async fn offline(&self, offline: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    /// A command of the browser's own protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let raw = Raw { path: "goog/cdp/execute", body: json!({ "cmd": command, "params": parameters }) };
        in_time("the browser's own protocol", self.client.issue_cmd(raw)).await.unwrap()
    }

    /// What the page looks like, all of it, as a file.
    pub async fn picture(&self, file: &Path) {
        use base64::Engine as _;
        let taken = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Nothing on the page keeps somebody out: no rule of axe is broken seriously.
    pub async fn accessible(&self) {
        let broken = self.barriers("document", "{}").await;
        assert!(broken.is_empty(), "{}: {broken:#?}", self.path().await);
    }

    /// The rules of axe that a part of the page breaks seriously; part and further options as axe takes them.
    pub async fn barriers(&self, part: &str, options: &str) -> Vec<Value> {
        let run = format!(
            "const done = arguments[arguments.length - 1]; \
             axe.run({part}, {{ resultTypes: ['violations'], ...{options} }}).then(r => done(r.violations.map(v => ({{ id: v.id, \
             impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.html + ' :: ' + n.failureSummary) }}))), \
             e => done([{{ id: 'axe', impact: 'critical', help: String(e) }}]));"
        );
        // By the driver, so that the policy of the page does not concern it.
        if self.script("return typeof axe === 'undefined'").await == true {
            in_time("axe is loaded", self.client.execute(AXE, Vec::new())).await.unwrap();
        }
        let found = in_time("axe looks", self.client.execute_async(&run, Vec::new())).await.unwrap();
        let serious = |v: &Value| matches!(v["impact"].as_str(), Some("serious" | "critical"));
        found.as_array().unwrap().iter().filter(|found| serious(found)).cloned().collect()
    }

    /// An error in the console whose text has this in it is part of the story.
    pub fn expect_error(&self, part: &str) {
        self.expected.lock().unwrap().push(part.to_owned());
    }

    /// The errors in the console since the last time.
    pub async fn errors(&self) -> Vec<String> {
        let raw = Raw { path: "se/log", body: json!({ "type": "browser" }) };
        let log = in_time("the console", self.client.issue_cmd(raw)).await.unwrap();
        let errors = log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Bytes over the wire since the last time this was asked, and how many requests: bodies and heads. A browser keeps a
    /// style or script that it has; a build for development does not let it, so each counts the first time only.
    pub async fn transferred(&self) -> (u64, usize) {
        let raw = Raw { path: "se/log", body: json!({ "type": "performance" }) };
        let log = in_time("the network", self.client.issue_cmd(raw)).await.unwrap();
        let mut had = self.had.lock().unwrap();
        let mut under_way = HashMap::new();
        let (mut bytes, mut count) = (0, 0);
        for entry in log.as_array().unwrap() {
            let entry: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let (what, with) = (&entry["message"]["method"], &entry["message"]["params"]);
            let id = with["requestId"].as_str().unwrap_or_default().to_owned();
            if what == "Network.requestWillBeSent" {
                under_way.insert(id, with["request"]["url"].as_str().unwrap_or_default().to_owned());
            } else if what == "Network.loadingFinished" {
                let url = under_way.remove(&id).unwrap_or_default();
                // The browser's own pages come over no wire.
                if !url.starts_with("http") || url.contains("/ui/assets/") && !had.insert(url) {
                    continue;
                }
                let length = with["encodedDataLength"].as_f64().unwrap_or(0.0);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
                let length = length as u64;
                bytes += length;
                count += 1;
            }
        }
        (bytes, count)
    }

    /// The end of every story: nothing went wrong that it does not tell.
    pub async fn end(self) {
        let expected = std::mem::take(&mut *self.expected.lock().unwrap());
        let errors = self.errors().await;
        let untold: Vec<_> = errors.iter().filter(|error| !expected.iter().any(|part| error.contains(part))).collect();
        assert!(untold.is_empty(), "errors in the console: {untold:#?}");
        let _ = self.client.close().await;
    }
}

async fn port(driver: &mut Child) -> io::Result<u16> {
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim_end_matches('.').parse().map_err(io::Error::other)?;
            // Nobody reads the rest: it says no more unless it is asked to.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(port);
        }
    }
    Err(io::Error::other("the driver of the browser ended at once"))
}

fn which(program: &str) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|at| at.join(program)).find(|at| at.exists());
    found.map_or_else(|| program.to_owned(), |at| at.display().to_string())
}

/// A text in `XPath`.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}
