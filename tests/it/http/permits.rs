//! Who may change what over HTTP. Nobody writes behind these servers: a request that is let through is answered that
//! nothing can be written here (409), one that is not 403 or 401.

use std::sync::Arc;

use serde_json::Value;
use yardarm::auth::Scopes;
use yardarm::auth::tokens::Token;
use yardarm::config;
use yardarm::http::{Authentication, Settings};
use yardarm::serve::Environment;

use super::server::{Server, environment, state, token_of};
use super::wire::Answer;

fn settings(required: Option<bool>, tokens: &[(&str, &[&str])]) -> Settings {
    let tokens = tokens.iter().map(|(name, scopes)| {
        let scopes = Scopes::of(scopes.iter().map(|scope| scope.parse().unwrap()));
        Token { scopes, ..token_of(name, &format!("{name}-token")) }
    });
    let config = config::Authentication { required, tokens: tokens.collect(), ..config::Authentication::default() };
    Settings { authentication: Authentication::from(&config), ..Settings::default() }
}

/// `production`, `staging`, and `next`, which is a branch of `production`.
fn environments() -> Vec<Arc<Environment>> {
    vec![environment("production", true), environment("staging", false)]
}

fn with_branch(server: &Server) {
    let text = Arc::<str>::from;
    let (name, base, branch) = (text("next"), Some(text("production")), text("flipt/production/next"));
    let next = Environment::new(name, base, false, text("flags"), text(""), branch);
    server.state.environments.set_branches("flags", &[Arc::new(next)]);
}

const FLAG: &str = r#"{"@type":"flipt.core.Flag","key":"a","name":"A","type":"BOOLEAN_FLAG_TYPE"}"#;

/// Every way to change something in a namespace of an environment, with more fields.
fn writes(environment: &str, namespace: &str, more: &str) -> Vec<(&'static str, String, Option<String>)> {
    let at = format!("/api/v2/environments/{environment}");
    let (resources, head) =
        (format!("{at}/namespaces/{namespace}/resources"), format!(r#"{{"key":"{namespace}"{more}}}"#));
    let flag = format!(r#"{{"key":"a","payload":{FLAG}{more}}}"#);
    let changes = format!(
        r#"{{"changes":[{{"action":"delete","type":"flipt.core.Flag","namespace":"{namespace}","key":"a"}}]{more}}}"#
    );
    let mut writes = vec![
        ("POST", format!("{at}/namespaces"), Some(head.clone())),
        ("PUT", format!("{at}/namespaces"), Some(head)),
        ("POST", resources.clone(), Some(flag.clone())),
        ("PUT", resources.clone(), Some(flag)),
        ("POST", format!("{at}/changes"), Some(changes)),
    ];
    if more.is_empty() {
        writes.push(("DELETE", format!("{at}/namespaces/{namespace}"), None));
        writes.push(("DELETE", format!("{resources}/flipt.core.Flag/a"), None));
    }
    writes
}

fn ask(server: &Server, token: Option<&str>, (method, path, body): &(&str, String, Option<String>)) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}-token"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    server.send(method, path, &headers, body.as_deref())
}

fn all(server: &Server, token: Option<&str>, asked: &[(&str, String, Option<String>)], status: u16) {
    for one in asked {
        let answer = ask(server, token, one);
        assert_eq!(answer.status, status, "{token:?} {} {}: {}", one.0, one.1, answer.text());
    }
}

#[test]
fn a_change_needs_its_scope() {
    let tokens: &[(&str, &[&str])] = &[
        ("reader", &["read"]),
        ("proposer", &["propose:production/shop"]),
        ("writer", &["write:production/shop"]),
        ("branch", &["write:next/shop"]),
        ("breaker", &["break-glass:production/shop"]),
        ("admin", &["admin"]),
    ];
    let server = Server::start(environments(), settings(Some(true), tokens));
    with_branch(&server);
    let (production, next) = (writes("production", "shop", ""), writes("next", "shop", ""));
    let on_branch = writes("production", "shop", r#","branch":"next""#);
    let broken = writes("production", "shop", r#","breakGlass":{"reason":"x"}"#);
    all(&server, None, &production, 401);
    for (token, direct, branch, proposed, glass) in [
        ("reader", 403, 403, 403, 403),
        ("proposer", 403, 409, 409, 403),
        ("writer", 409, 409, 409, 403),
        ("branch", 403, 409, 403, 403),
        ("breaker", 409, 409, 409, 409),
        ("admin", 409, 409, 409, 409),
    ] {
        all(&server, Some(token), &production, direct);
        all(&server, Some(token), &next, branch);
        all(&server, Some(token), &on_branch, proposed);
        all(&server, Some(token), &broken, glass);
    }
    for token in ["proposer", "writer", "branch", "breaker"] {
        all(&server, Some(token), &writes("production", "other", ""), 403);
        all(&server, Some(token), &writes("staging", "shop", ""), 403);
        // The answer for what is not there is the same.
        all(&server, Some(token), &writes("nowhere", "shop", ""), 403);
    }
    all(&server, Some("admin"), &writes("nowhere", "shop", ""), 404);
    let told = ask(&server, Some("proposer"), &production[0]);
    assert_eq!(told.json()["message"], "permission denied: this needs the scope write:production/shop");
    let told = ask(&server, Some("writer"), &broken[0]);
    assert_eq!(told.json()["message"], "permission denied: this needs the scope break-glass:production/shop");
}

#[test]
fn one_change_of_several_that_is_not_permitted_is_enough() {
    let server = Server::start(environments(), settings(Some(true), &[("writer", &["write:production/shop"])]));
    let change = |namespace: &str| {
        format!(r#"{{"action":"delete","type":"flipt.core.Flag","namespace":"{namespace}","key":"a"}}"#)
    };
    let body = |list: &[&str]| {
        let list: Vec<_> = list.iter().map(|namespace| change(namespace)).collect();
        Some(format!(r#"{{"changes":[{}]}}"#, list.join(",")))
    };
    let path = "/api/v2/environments/production/changes".to_owned();
    assert_eq!(ask(&server, Some("writer"), &("POST", path.clone(), body(&["shop", "shop"]))).status, 409);
    assert_eq!(ask(&server, Some("writer"), &("POST", path, body(&["shop", "other"]))).status, 403);
}

#[test]
fn branches_are_made_by_who_proposes_and_deleted_by_who_may_propose_everything() {
    let tokens: &[(&str, &[&str])] = &[
        ("reader", &["read:production"]),
        ("some", &["propose:production/shop"]),
        ("whole", &["propose:production"]),
        ("elsewhere", &["admin:staging"]),
    ];
    let server = Server::start(environments(), settings(Some(true), tokens));
    with_branch(&server);
    let at = "/api/v2/environments/production/branches";
    let make = ("POST", at.to_owned(), Some(r#"{"key":"x"}"#.to_owned()));
    let update = ("POST", format!("{at}/next/update"), None);
    let propose = ("POST", format!("{at}/next"), None);
    let delete = ("DELETE", format!("{at}/next"), None);
    for (token, some, whole) in
        [("reader", false, false), ("some", true, false), ("whole", true, true), ("elsewhere", false, false)]
    {
        for asked in [&make, &update, &propose] {
            assert_eq!(ask(&server, Some(token), asked).status != 403, some, "{token} {}", asked.1);
        }
        assert_eq!(ask(&server, Some(token), &delete).status != 403, whole, "{token}");
        let commits = ("GET", format!("{at}/next/changes"), None);
        if matches!(token, "some" | "elsewhere") {
            assert_eq!(ask(&server, Some(token), &commits).status, 403, "{token}");
        }
    }
}

#[test]
fn a_list_has_what_may_be_seen() {
    let tokens: &[(&str, &[&str])] = &[
        ("one", &["read:production/shop"]),
        ("branch", &["read:next"]),
        ("evaluator", &["evaluate"]),
        ("all", &["read"]),
    ];
    let server = Server::start(environments(), settings(Some(true), tokens));
    with_branch(&server);
    let path = "/api/v2/environments".to_owned();
    for (token, seen) in [
        ("one", &["production", "next"][..]),
        ("branch", &["next"]),
        ("evaluator", &[]),
        ("all", &["production", "staging", "next"]),
    ] {
        let answer = ask(&server, Some(token), &("GET", path.clone(), None)).json();
        let listed: Vec<_> = answer["environments"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
        assert_eq!(listed, seen, "{token}");
    }
    // Whether there is such a type is told to whoever may read.
    let resources = |environment: &str, namespace: &str| {
        let path = format!("/api/v2/environments/{environment}/namespaces/{namespace}/resources/a.B");
        ask(&server, Some("one"), &("GET", path, None)).status
    };
    assert_eq!((resources("production", "shop"), resources("next", "shop")), (404, 404));
    assert_eq!(
        (resources("production", "other"), resources("staging", "shop"), resources("nope", "x")),
        (403, 403, 403)
    );
}

/// A listener that is not on loopback, with nobody who has decided on authentication: whoever comes may look and not
/// touch.
#[test]
fn nothing_is_changed_over_an_open_listener_that_nobody_decided_on() {
    let listen = |required: Option<bool>, host: &str| {
        let config = config::Server { host: host.to_owned(), port: 0, tls: None, webhook: None };
        let mut server = Server::on(state(environments(), settings(required, &[("admin", &["admin"])])), &config);
        // Every address of this machine; the test comes over loopback all the same.
        server.address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        server
    };
    let mut asked = writes("production", "shop", "");
    let branches = "/api/v2/environments/production/branches";
    asked.push(("POST", branches.to_owned(), None));
    asked.push(("DELETE", format!("{branches}/next"), None));
    asked.push(("POST", format!("{branches}/next"), None));
    asked.push(("POST", format!("{branches}/next/update"), None));

    let undecided = listen(None, "0.0.0.0");
    for one in &asked {
        let answer = ask(&undecided, None, one);
        assert_eq!(answer.status, 403, "{} {}", one.0, one.1);
        assert!(answer.json()["message"].as_str().unwrap().contains("authentication.required"), "{}", answer.text());
        assert_ne!(ask(&undecided, Some("admin"), one).status, 403, "{} {}", one.0, one.1);
    }
    assert_eq!(undecided.get("/api/v2/environments").status, 200);
    assert_eq!(undecided.get("/meta/info").json()["authentication"]["required"], Value::Bool(false));
    for server in [listen(None, "127.0.0.1"), listen(Some(false), "0.0.0.0")] {
        for one in &asked {
            assert!(!matches!(ask(&server, None, one).status, 401 | 403), "{} {}", one.0, one.1);
        }
    }
}
