//! `yardarm evaluate` against a server: ours, and others that are none.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::Path;

use serde_json::{Value, json};
use yardarm::http::Settings;

use super::server::{Server, environment, publish, tokens};
use crate::cli::Run;

fn server(settings: Settings) -> Server {
    let page = crate::evaluate::page();
    let main = environment("main", true);
    publish(&main, &[("default/features.yaml", crate::evaluate::blocks(&page, "yaml")[0])]);
    let other = environment("other", false);
    publish(&other, &[("a/features.yaml", "flags: [{key: elsewhere, name: x}]\n")]);
    Server::start(vec![main, other], settings)
}

fn ask(to: SocketAddr, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let address = to.to_string();
    crate::evaluate::evaluate(Path::new("."), &[arguments, &["-a", &address]].concat(), variables, "")
}

#[test]
fn a_server_answers_what_the_files_do() {
    let server = server(Settings::default());
    let files = tempfile::tempdir().unwrap();
    std::fs::create_dir(files.path().join("default")).unwrap();
    let page = crate::evaluate::page();
    std::fs::write(files.path().join("default/features.yaml"), crate::evaluate::blocks(&page, "yaml")[0]).unwrap();
    for asked in [
        &["--all"][..],
        &["--all", "--format", "json"],
        &["new-checkout", "-e", "kim@example.com", "-c", "country=de", "-c", "age=1_8", "-c", "userPlan=\u{1b}[1m"],
        &["dark-mode", "-e", "kim@example.com", "--format", "json"],
    ] {
        let (here, there) = (crate::evaluate::evaluate(files.path(), asked, &[], ""), ask(server.address, asked, &[]));
        assert_eq!((there.code, &*there.out, &*there.err), (Some(0), &*here.out, ""), "{asked:?}");
        let explained = [asked, &["--explain", "--environment", "main"]].concat();
        let here = crate::evaluate::evaluate(files.path(), &[asked, &["--explain"]].concat(), &[], "");
        let there = ask(server.address, &explained, &[]);
        assert_eq!((there.code, &*there.err), (Some(0), ""), "{explained:?}");
        if asked.contains(&"json") {
            let part = |run: &Run| -> Vec<Value> {
                let told: Value = serde_json::from_str(&run.out).unwrap();
                let list = told.as_array().cloned().unwrap_or_else(|| vec![told]);
                list.into_iter().map(|one| one["explanation"].clone()).collect()
            };
            assert_eq!(part(&there), part(&here));
        } else {
            let with_origin = |text: &str| {
                text.replace("namespace default\n", "environment main, namespace default, commit c0ffee\n")
            };
            assert_eq!(there.out, with_origin(&here.out));
        }
    }
    let run = ask(server.address, &["elsewhere", "--environment", "other"], &[]);
    assert_eq!((run.code, &*run.out), (Some(0), "elsewhere: no variant  FLAG_DISABLED_EVALUATION_REASON\n"));
}

#[test]
fn what_a_server_has_not_is_told() {
    let server = server(Settings::default());
    for explain in [&[][..], &["--explain"]] {
        for (arguments, expected) in [
            (&["new-chekout"][..], "did you mean \"new-checkout\"?"),
            (&["dark-mode", "-n", "defualt"], "namespace \"defualt\" not found"),
            (&["dark-mode", "--environment", "mian"], "environment: \"mian\" not found"),
            (&["--all", "-n", "defualt"], "namespace \"defualt\" not found"),
            (
                &["dark-mode", "--environment", "a\u{7}"],
                "x-flipt-environment has characters that a header cannot carry",
            ),
        ] {
            let run = ask(server.address, &[arguments, explain].concat(), &[]);
            assert_eq!((run.code, &*run.out), (Some(1), ""), "{arguments:?}");
            assert!(run.err.contains(expected), "{arguments:?}\n{}", run.err);
        }
    }
}

#[test]
fn a_token_comes_from_a_file_or_a_variable() {
    let server = server(Settings { authentication: tokens(false), ..Settings::default() });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "golden-token\n").unwrap();
    let file = file.to_str().unwrap();
    for explain in [&[][..], &["--explain"]] {
        let with = |arguments: &[&str], variables: &[(&str, &str)]| {
            ask(server.address, &[&["dark-mode"][..], arguments, explain].concat(), variables)
        };
        assert_eq!(with(&["--token-file", file], &[]).code, Some(0));
        assert_eq!(with(&["--token-file", file], &[("YARDARM_TOKEN", "wrong")]).code, Some(0));
        assert_eq!(with(&[], &[("YARDARM_TOKEN", "golden-token")]).code, Some(0));
        let none = with(&[], &[]);
        assert!(none.code == Some(1) && none.err.contains("asks for a token"), "{}", none.err);
        let wrong = with(&[], &[("YARDARM_TOKEN", "hunter2")]);
        assert!(wrong.code == Some(1) && wrong.err.contains("does not take this token"), "{}", wrong.err);
        assert!(!wrong.err.contains("hunter2"));
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A listener that answers everything with these bytes.
fn stranger(answer: impl Into<String>) -> SocketAddr {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(answer.as_bytes());
            // Closing with something unread would tear the answer away.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.set_read_timeout(Some(super::wire::DEADLINE));
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn who_is_no_flag_server_is_found_out() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, expected) in [
        (closed, "cannot ask http://127.0.0.1:"),
        (stranger("SSH-2.0-x\r\n"), "cannot ask"),
        (stranger(answer("200 OK", "<html/>")), "not as a flag server does"),
        (stranger(answer("200 OK", "{}")), "not as a flag server does"),
        (stranger(answer("302 Found\r\nLocation: http://127.0.0.1:1/", "")), "redirects elsewhere"),
        (stranger(answer("403 Forbidden", r#"{"code":7,"message":"no\u001b[2J for you"}"#)), "no\\u{1b}[2J for you"),
        (stranger(answer("500 Oh", "")), "status 500"),
        (stranger("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"), "cannot ask"),
    ] {
        for explain in [&["x"][..], &["x", "--explain"], &["--all"]] {
            let run = ask(address, explain, &[]);
            assert_eq!((run.code, &*run.out), (Some(1), ""), "{expected}");
            assert!(run.err.contains(expected) && !run.err.contains('\u{1b}'), "{expected}\n{}", run.err);
        }
    }
    // One that has Flipt's routes and not ours.
    let none = answer("404 No", r#"{"code":5,"message":"Not Found","details":[]}"#);
    let run = ask(stranger(none), &["x", "--explain"], &[]);
    assert!(run.code == Some(1) && run.err.contains("does not explain"), "{}", run.err);
    let flipt = json!({"requestId": "", "requestDurationMillis": 0.1, "responses": [{
        "type": "BOOLEAN_EVALUATION_RESPONSE_TYPE",
        "booleanResponse": {"enabled": true, "reason": "\u{1b}[31m", "flagKey": "x", "segmentKeys": ["\u{9b}"]},
    }]})
    .to_string();
    let run = ask(stranger(answer("200 OK", &flipt)), &["x"], &[]);
    assert_eq!((run.code, &*run.out), (Some(0), "x: true  \\u{1b}[31m  segments: \\u{9b}\n"));
}
