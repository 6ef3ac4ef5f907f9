//! The frame: where one is, where one can go, who one is, and who is kept out.

use fantoccini::key::Key;
use yardarm::demo::dialect::Sender;
use yardarm::demo::forge::{Fault, Kind as Requests};
use yardarm::demo::outside::{Answer, Outside};

use crate::browser::Browser;
use crate::world::{NAMESPACE, Plan, World, asking, features, in_time};

const HOSTILE: &str = "<img src=x onerror=alert(1)>\u{202e}gnihton\u{2066} & \"'";

/// Two environments; in one a namespace more, and a flag whose name means harm.
async fn world(rest: &str) -> World {
    let world = Plan::of(Sender::Gitea).rest(rest).start().await;
    let name = serde_json::to_string(HOSTILE).unwrap();
    let text = format!(
        "version: '1.5'\nnamespace: {{key: pay, name: Pay}}\nflags:\n\
         - {{key: pay-by-invoice, name: {name}, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n\
         segments:\n- {{key: beta, name: Beta, match_type: ALL_MATCH_TYPE}}\n"
    );
    let pushed = world.push(&[("pay/features.yaml", &text)]).await;
    world.live(&pushed).await;
    world
}

/// Nothing of the page is wider than the window.
async fn fits(browser: &Browser) {
    let wide = "const w = document.documentElement.clientWidth; return document.documentElement.scrollWidth <= w";
    browser.until("the page fits the window", wide).await;
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}

fn control(letter: char) -> String {
    format!("{}{letter}{}", char::from(Key::Control), char::from(Key::Null))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_ones_way_by_keys_alone_and_on_a_phone() {
    let world = world("ui: {topbar: {color: '#8a1c1c', label: Stage}}").await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/e/production/n/shop/flags").await;
    browser.see("Stage").await;
    browser.find(".side a[data-section=flags][aria-current=page]").await;
    // Two letters lead to a page, and the frame says where that is.
    browser.keys("g").await;
    browser.keys("s").await;
    browser.find(".side a[data-section=segments][aria-current=page]").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/segments");
    // Whoever goes elsewhere stays among the segments.
    browser.click("details.menu.place:nth-of-type(2) summary").await;
    browser.press("pay").await;
    browser.see("Beta").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/pay/segments");

    // The palette: a name that means harm is a text, and leads to its flag.
    browser.keys(&control('k')).await;
    browser.see("Playground").await;
    browser.keys("invoice").await;
    browser
        .until(
            "the flag is found",
            "return !!document.querySelector('#palette [aria-selected=true][href$=pay-by-invoice]')",
        )
        .await;
    let shown = browser.text("#palette [aria-selected=true] bdi").await;
    assert_eq!(shown, HOSTILE, "as it was written, and nothing of it ran");
    browser.accessible().await;
    browser.keys(&key(Key::Enter)).await;
    browser.until("the flag is open", "return location.pathname.endsWith('/n/pay/flags/pay-by-invoice')").await;
    browser.find("#main h1").await;
    // What is not there is said; Escape leaves.
    browser.keys(&control('k')).await;
    browser.find("#palette[open] [role=option]").await;
    browser.keys("zzzzzz").await;
    browser.see("Nothing is called").await;
    browser.accessible().await;
    browser.keys(&key(Key::Escape)).await;
    browser.until("the palette is gone", "return !document.querySelector('dialog[open]')").await;
    browser.keys("?").await;
    browser.see("Next and previous row").await;
    browser.accessible().await;
    browser.keys(&key(Key::Escape)).await;

    // Dark by choice, on every page from now on; and on a phone nothing is cut off.
    browser.click("details.menu.account summary").await;
    browser.press("Dark").await;
    browser.go("/ui/e/production/n/pay/flags").await;
    browser.until("it is dark", "return document.documentElement.dataset.theme === 'dark'").await;
    for (width, height) in [(390, 800), (820, 1000)] {
        browser.size(width, height).await;
        browser.go("/ui/e/production/n/pay/flags").await;
        browser.see("pay-by-invoice").await;
        fits(&browser).await;
        browser.accessible().await;
    }
    browser.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_everything_is_a_link() {
    let world = world("").await;
    let browser = Browser::open(&world).await;
    browser.without_scripts().await;
    browser.go("/ui/palette?q=invoice&from=production/pay").await;
    let page = browser.client().source().await.unwrap();
    assert!(page.contains("pay-by-invoice") && page.contains("&lt;img src=x onerror"), "{page}");
    browser.go("/ui/e/production/n/pay/flags").await;
    let page = browser.client().source().await.unwrap();
    assert!(page.contains("pay-by-invoice") && !page.contains("<img src=x onerror"));
    browser.end().await;
    world.end().await;
}

const GUARDED: &str = "authentication:\n  required: true\n  session: {token_lifetime: 2h}\n  methods: {token: {enabled: true, storage: {tokens: \
                       {all: {credential: every-thing}, reader: {credential: only-reads, scopes: ['read:production/shop']}}}}}";

/// A world in which nobody is told anything without a token, so that it is `/ready` that is asked.
async fn guarded() -> World {
    let mut world = Plan::of(Sender::Gitea).without_webhook().rest(GUARDED).forge_only();
    world.start_daemon().await;
    assert!(asking(async || world.outside.get("/ready").await.unwrap().status == 200).await, "it is never ready");
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signs_in_is_shown_what_one_may_see_and_signs_out() {
    let mut world = guarded().await;
    let browser = Browser::open(&world).await;
    browser.go("/ui/e/production/n/shop/flags").await;
    browser.see("Sign in").await;
    assert!(browser.path().await.starts_with("/ui/login?next="));
    browser.accessible().await;
    browser.expect_error("401");
    browser.fill("#token", "wrong").await;
    browser.press("Sign in").await;
    browser.see("This token is not known").await;
    browser.fill("#token", "only-reads").await;
    browser.press("Sign in").await;
    browser.see("Banner").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags", "one goes on where one wanted to go");
    browser.see("reader").await;
    let cookies = browser.client().get_all_cookies().await.unwrap();
    let cookie = cookies.iter().find(|cookie| cookie.name().starts_with("yardarm_session")).unwrap().clone();
    assert_eq!((cookie.http_only(), cookie.path()), (Some(true), Some("/ui")));
    assert!(cookie.expires().is_some(), "it ends");

    // Another namespace is none that one may see, be it there or not.
    browser.expect_error("403");
    browser.go("/ui/e/production/n/secret/flags").await;
    browser.see("this needs the scope").await;
    browser.accessible().await;
    browser.go("/ui/e/production/n/shop/flags").await;

    // Signed out: the cookie that was copied before means nothing any more.
    browser.click("details.menu.account summary").await;
    browser.press("Sign out").await;
    browser.find("#token").await;
    let replayed = format!("{}={}", cookie.name(), cookie.value());
    let answer = ask(&world.outside, "GET", "/ui/e/production/n/shop/flags", &[("Cookie", &replayed)], "").await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").unwrap().starts_with("/ui/login"));
    browser.end().await;
    world.stop_daemon().await;
    world.end().await;
}

async fn ask(outside: &Outside, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let headers: Vec<_> = headers.iter().copied().chain([form]).collect();
    in_time(path, outside.send(method, path, &headers, body.as_bytes().to_vec())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_forms_other_origins_and_frames_are_kept_out() {
    let mut world = guarded().await;
    let page = ask(&world.outside, "GET", "/ui/login?next=%2F%2Fevil.example", &[], "").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.text().contains("evil.example"), "one goes on inside");
    let set = page.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let proof = page.text().split("name=\"proof\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let body = format!("token=every-thing&proof={proof}");
    let with = |more: &[(&'static str, &'static str)]| {
        let mut headers = vec![("Cookie".to_owned(), cookie.clone())];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        headers
    };
    let sign_in = async |headers: Vec<(String, String)>, body: &str| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ask(&world.outside, "POST", "/ui/login", &headers, body).await
    };
    for (what, headers, body) in [
        ("another origin", with(&[("Origin", "https://evil.example")]), body.as_str()),
        ("another site", with(&[("Sec-Fetch-Site", "cross-site")]), &body),
        ("a neighbour", with(&[("Sec-Fetch-Site", "same-site")]), &body),
        ("an origin that hides", with(&[("Origin", "null")]), &body),
        ("no proof", with(&[]), "token=every-thing"),
        ("a made-up proof", with(&[]), "token=every-thing&proof=0123456789abcdef0123456789abcdef00"),
        ("no cookie", Vec::new(), &body),
        ("a cookie of somebody else", vec![("Cookie".to_owned(), cookie.replace(char::is_numeric, "f"))], &body),
    ] {
        let answer = sign_in(headers, body).await;
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        assert!(!answer.header("set-cookie").is_some_and(|set| set.contains("Max-Age")), "{what}");
    }
    let done = sign_in(with(&[("Sec-Fetch-Site", "same-origin")]), &body).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/ui/")));
    let after = done.header("set-cookie").unwrap();
    assert!(after.contains("Max-Age=7200"), "{after}");
    assert_ne!(
        after.split(';').next().unwrap(),
        cookie,
        "a cookie that somebody put there is not what one is known by"
    );
    world.stop_daemon().await;
    world.end().await;
}

const SCOPES: &str = "authentication:\n  required: true\n  methods: {token: {enabled: true, storage: {tokens: {\
                      all: {credential: every-thing}, \
                      reader: {credential: reads-shop, scopes: ['read:production/shop']}, \
                      proposer: {credential: proposes-shop, scopes: ['propose:production/shop']}, \
                      one: {credential: reads-work, scopes: ['read:work']}}}}}";
const BESIDE: &str =
    "directory: shops\n    break_glass: {enabled: true}\n  staging:\n    storage: flags\n    directory: staging";

/// A namespace with one flag.
fn place(namespace: &str, flag: &str) -> String {
    format!(
        "version: '1.5'\nnamespace: {namespace}\nflags:\n- {{key: {flag}, name: {flag}, type: BOOLEAN_FLAG_TYPE, enabled: true}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sees_one_place_is_told_nothing_of_others() {
    let plan = Plan::of(Sender::Gitea).without_webhook().environment(BESIDE).rest(SCOPES);
    let mut world = plan.forge_only();
    let [shop, vault, attic] = [features(NAMESPACE, "first"), place("vault", "treasure"), place("attic", "heirloom")];
    let files: [(&str, &str); 4] = [
        ("shops/shop/features.yaml", &shop),
        ("shops/vault/features.yaml", &vault),
        ("shops/broken/features.yaml", "flags: ["),
        ("staging/attic/features.yaml", &attic),
    ];
    world.commit("main", &files);
    world.start_daemon().await;
    assert!(asking(async || world.outside.get("/ready").await.unwrap().status == 200).await, "it is never ready");
    let sent = async |method: &str, token: &str, path: &str, body: serde_json::Value| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        in_time(path, world.outside.send(method, path, &headers, body)).await.unwrap()
    };
    let page = async |token: &str, path: &str| {
        let answer = sent("GET", token, path, serde_json::Value::Null).await;
        (answer.status, answer.text().replace("&#x2f;", "/"))
    };
    let delete = |namespace: &str, key: &str| serde_json::json!([{ "action": "delete", "type": "flipt.core.Flag", "namespace": namespace, "key": key }]);
    let made = sent(
        "POST",
        "every-thing",
        "/api/v2/environments/production/changes",
        serde_json::json!({
            "branch": "work", "message": "Nobody else knows", "changes": delete("vault", "treasure"),
        }),
    );
    let made = made.await;
    assert_eq!(made.status, 200, "{}", made.text());

    let (branches, branch) = ("/ui/e/production/branches", "/ui/e/production/branches/work");
    let everywhere = ["treasure", "Nobody else knows", "vault", "heirloom", "attic", "staging"];
    for (token, path) in [
        ("reads-shop", "/ui/"),
        ("reads-shop", "/ui/e/production/n/shop/flags"),
        ("reads-shop", "/ui/e/production/n/shop/playground"),
        ("reads-shop", "/ui/e/production/n/shop/analytics"),
        ("reads-shop", "/ui/e/production/namespaces"),
        ("reads-shop", branches),
        ("reads-shop", branch),
        ("proposes-shop", &format!("{branch}/propose")),
        ("reads-shop", "/ui/audit"),
        ("reads-shop", "/ui/proposals"),
        ("reads-shop", "/ui/palette?q=a&from=production/vault"),
        ("reads-shop", "/ui/palette?q=a&from=staging/attic"),
    ] {
        let (status, told) = page(token, path).await;
        assert!(status == 200 || status == 302 && path == "/ui/", "{path}: {status}");
        for other in everywhere {
            // What somebody asks for is said back to them.
            let asked = path.contains(other);
            assert!(asked || !told.contains(other), "{token} is told of {other} on {path}:\n{told}");
        }
        assert!(!told.contains("\"/ui/sync\"") && !told.contains("broken/features.yaml"), "{path}:\n{told}");
    }
    // All of it is there for whoever may see it.
    for (path, there) in [
        (branches, "Nobody else knows"),
        (branch, "treasure"),
        ("/ui/audit", "treasure"),
        ("/ui/e/production/n/shop/flags", "broken/features.yaml"),
        ("/ui/sync", "/ui/e/staging/n/attic/flags"),
    ] {
        let (status, told) = page("every-thing", path).await;
        assert!(status == 200 && told.contains(there), "{there} is not on {path}:\n{told}");
    }
    assert!(
        page("reads-shop", "/ui/e/production/n/shop/flags").await.1.contains("A file of this environment has an error")
    );
    for (token, path) in [
        ("reads-shop", "/ui/sync"),
        ("reads-shop", "/ui/deliveries"),
        ("reads-shop", "/ui/e/production/n/vault/flags"),
        ("reads-shop", "/ui/e/staging/branches"),
        ("reads-shop", &format!("{branch}/propose")),
        ("reads-work", "/ui/e/work/branches"),
        ("reads-work", branches),
    ] {
        assert_eq!(page(token, path).await.0, 403, "{token}: {path}");
    }
    // An environment that may not be seen is not there: it is looked in the usual one.
    for from in ["staging", "nowhere"] {
        let (_, told) = page("reads-shop", &format!("/ui/palette?q=banner&from={from}/x")).await;
        assert!(told.contains("/ui/e/production/n/shop/flags/banner"), "{from}: {told}");
    }

    // A broken glass is told to everybody, and why to whoever may read the environment.
    world.may_fail();
    world.forge.misbehave(Requests::Any, Fault::Status(502));
    let sent = async |token: &str, path: &str, body: serde_json::Value| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        in_time(path, world.outside.send("POST", path, &headers, body.to_string().into_bytes())).await.unwrap()
    };
    let change =
        serde_json::json!({ "breakGlass": { "reason": "The vault is open" }, "changes": delete("vault", "treasure") });
    let done = sent("every-thing", "/api/v2/environments/production/changes", change).await;
    assert_eq!(done.status, 200, "{}", done.text());
    for (token, path, why) in [
        ("every-thing", "/ui/e/production/n/shop/flags", true),
        ("reads-shop", "/ui/e/production/n/shop/flags", false),
        ("nobody", "/ui/login", false),
    ] {
        let bearer = format!("Bearer {token}");
        let told = ask(&world.outside, "GET", path, &[("Authorization", &bearer)], "").await.text();
        assert!(told.contains("Break-glass: production is served"), "{token}: {told}");
        assert_eq!(told.contains("The vault is open"), why, "{token}: {told}");
    }
    world.stop_daemon().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interface_that_is_switched_off_has_no_route() {
    let world = Plan::of(Sender::Gitea).rest("ui: {enabled: false}").start().await;
    for path in ["/", "/ui", "/ui/", "/ui/login", "/ui/events", "/ui/palette", "/ui/e/production/n/shop/flags"] {
        assert_eq!(ask(&world.outside, "GET", path, &[], "").await.status, 404, "{path}");
    }
    let info = ask(&world.outside, "GET", "/meta/info", &[], "").await.json();
    assert_eq!(info["ui"]["theme"], "system");
    world.end().await;
}
