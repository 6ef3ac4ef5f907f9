use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::json;

use super::*;
use crate::clock::System;
use crate::scm::Uncounted;

/// Answers requests one after another as it was told, and brings what was asked. An empty answer closes the connection.
struct Server {
    root: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}/api/v3", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    let lower = line.to_ascii_lowercase();
                    length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                asked.push(head + &String::from_utf8(body).unwrap());
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        Self { root, thread }
    }

    fn link(&self, provider: Provider) -> Link {
        let credential = Credential::AccessToken("secret-token".into());
        let key = Key { provider, root: self.root.clone(), credential, trust: Trust::default() };
        Link::new(key, Arc::new(System), Arc::new(Uncounted), Arc::default()).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    fn get(&self, path: &str) -> Request {
        Request::new(Method::Get, self.url(path))
    }

    fn asked(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

fn says(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_request_carries_what_the_provider_wants_and_an_answer_comes_whole() {
    let server = Server::new(vec![says("201 Created", "X-Odd: Yes\r\n", "{\"number\":7}")]);
    let link = server.link(Provider::Github);
    let request = Request::new(Method::Patch, server.url("/repos/a/b?x=1")).body(json!({"title": "t"}));
    let answer = link.ask(&request).unwrap();
    assert_eq!((answer.status, answer.header("x-odd")), (201, Some("Yes")));
    assert_eq!(answer.json::<serde_json::Value>().unwrap(), json!({"number": 7}));
    let asked = server.asked().remove(0).to_ascii_lowercase();
    for part in [
        "patch /api/v3/repos/a/b?x=1 http/1.1\r\n",
        "authorization: bearer secret-token\r\n",
        "accept: application/vnd.github+json\r\n",
        "x-github-api-version: 2022-11-28\r\n",
        "user-agent: yardarm/",
        "content-type: application/json\r\n",
        "{\"title\":\"t\"}",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    assert!(!format!("{link:?}").contains("secret"));
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = Server::new(vec![
        says("200 OK", "ETag: W/\"1\"\r\n", "[1]"),
        says("304 Not Modified", "ETag: W/\"1\"\r\n", ""),
        says("200 OK", "ETag: W/\"2\"\r\n", "[2]"),
    ]);
    let link = server.link(Provider::Gitlab);
    let bodies: Vec<_> = (0..3).map(|_| link.ask(&server.get("/x")).unwrap().body).collect();
    assert_eq!(bodies, [b"[1]", b"[1]", b"[2]"]);
    let asked = server.asked();
    assert!(asked[0].contains("private-token: secret-token") && !asked[0].contains("if-none-match"), "{}", asked[0]);
    assert!(asked[1].contains("if-none-match: W/\"1\"") && asked[2].contains("if-none-match: W/\"1\""));
}

#[test]
fn no_answer_means_something_else_for_who_asks_and_for_who_changes() {
    let server =
        Server::new(vec![String::new(), String::new(), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[".into()]);
    let link = server.link(Provider::Gitea);
    assert!(matches!(link.ask(&server.get("/x")), Err(Failure::Unreachable(_))));
    let post = Request::new(Method::Post, server.url("/x")).body(json!({}));
    assert!(matches!(link.ask(&post), Err(Failure::Lost(_))));
    assert!(matches!(link.ask(&Request::new(Method::Put, server.url("/x"))), Err(Failure::Lost(_))));
    let root = server.root.clone();
    assert_eq!(server.asked().len(), 3);
    // Nobody listens any more, so nothing can have been done.
    assert!(matches!(link.ask(&Request { url: format!("{root}/x"), ..post }), Err(Failure::Unreachable(_))));
}

#[test]
fn a_limit_is_heard_and_kept_to_without_asking() {
    let server = Server::new(vec![says("403 Forbidden", "Retry-After: 30\r\n", "secondary rate limit")]);
    let link = server.link(Provider::Github);
    for _ in 0..3 {
        match link.ask(&server.get("/x")) {
            Err(Failure::Wait { after, .. }) => assert!((29..=30).contains(&after.as_secs()), "{after:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::new(vec![
        says("301 Moved Permanently", "Location: /api/v3/repositories/7\r\n", ""),
        says("307 Temporary Redirect", "Location: https://other.example/steal\r\n", ""),
        says("302 Found", "Location: https://login.example/?x\r\n", ""),
        says("203 Non-Authoritative", "Content-Type: text/html\r\n", "<html>"),
        says("401 Unauthorized", "", "secret-token is wrong"),
    ]);
    let link = server.link(Provider::Github);
    let azure = server.link(Provider::Azure);
    let renamed = link.ask(&server.get("/x")).unwrap_err();
    assert!(matches!(&renamed, Failure::Moved(why) if why.contains("scm.repository")), "{renamed}");
    let elsewhere = link.ask(&server.get("/x")).unwrap_err();
    assert!(matches!(&elsewhere, Failure::Moved(why) if why.contains("other.example") && !why.contains("steal")));
    assert!(matches!(azure.ask(&server.get("/x")), Err(Failure::Credential(_))));
    assert!(matches!(azure.ask(&server.get("/x")), Err(Failure::Credential(_))));
    // Forgejo repeats the token in what it says of it.
    let refused = link.ask(&server.get("/x")).unwrap_err();
    assert!(matches!(refused, Failure::Credential(_)) && !refused.to_string().contains("secret"), "{refused}");
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn a_request_stays_below_the_configured_root() {
    let of = |provider: Provider, root: &str| {
        let credential = Credential::AccessToken("t".into());
        let key = Key { provider, root: root.to_owned(), credential, trust: Trust::default() };
        Link::new(key, Arc::new(System), Arc::new(Uncounted), Arc::default()).unwrap()
    };
    let github = of(Provider::Github, "https://ghe.example/ctx/api/v3");
    for (url, allowed) in [
        ("https://ghe.example/ctx/api/v3/repos/a/b", true),
        ("https://ghe.example:443/ctx/api/v3", true),
        ("https://ghe.example/ctx/api/graphql", true),
        ("https://ghe.example/ctx/api/v3x/repos", false),
        ("https://ghe.example/ctx/api/v3/../../other", false),
        ("https://ghe.example/ctx/api/v3/%2e%2e/%2E%2E/other", false),
        ("https://ghe.example/other", false),
        ("http://ghe.example/ctx/api/v3/repos", false),
        ("https://ghe.example:8443/ctx/api/v3/repos", false),
        ("https://me@ghe.example/ctx/api/v3/repos", false),
        ("https://ghe.example.evil.example/ctx/api/v3/repos", false),
        ("nonsense", false),
    ] {
        assert_eq!(github.allowed(url).is_ok(), allowed, "{url}");
    }
    assert!(of(Provider::Github, "https://api.github.com").allowed("https://api.github.com/graphql").is_ok());
    let data_center = of(Provider::BitbucketDataCenter, "https://h/ctx/rest/api/latest");
    assert!(data_center.allowed("https://h/ctx/rest/build-status/1.0/commits/x").is_ok());
    assert!(data_center.allowed("https://h/ctx/rest/admin").is_err());
}
