use super::*;

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let text = "\
version: \"2.0\"
storage:
  flags:
    remote: https://github.com/team/flags.git
    poll_intervall: 10s
    fetch_policy: sometimes
    branch: 'a b'
environments:
  prod:
    storage: flag
    hazards: ignore
server:
  http_port: eighty
colour: red
";
    let expected = [
        "5:5 storage.flags.poll_intervall: there is no such key here; did you mean `poll_interval`?",
        "6:19 storage.flags.fetch_policy: `sometimes` is not one of strict, lenient",
        "7:13 storage.flags.branch: Git takes no such name for a branch",
        "10:14 environments.prod.storage: `storage` has no entry `flag`; did you mean `flags`?",
        "11:14 environments.prod.hazards: `ignore` is not one of warn, refuse",
        "13:14 server.http_port: `eighty` is not a whole number",
    ];
    let errors = errors(text);
    assert_eq!(errors[..6], expected, "{errors:#?}");
    assert!(
        errors[6].starts_with("14:1 colour: there is no such key here; known keys: version, storage"),
        "{}",
        errors[6]
    );
    assert_eq!(errors.len(), 7);
}

#[test]
fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    let error = one_error("environments: {default: {storage: default, poll_ceiling: 1m}}\nstorage: {default: {}}");
    assert_eq!(
        error,
        "1:44 environments.default.poll_ceiling: there is no such key here; it belongs to `storage.<name>.poll_ceiling`"
    );
}

#[test]
fn keys_of_flipt_without_use_are_warnings_that_say_why() {
    let text = "meta: {check_for_updates: false, telemetry_enabled: false}\n\
                log: {grpc_level: ERROR, keys: {time: T}}\nserver: {grpc_port: 9000}\nanalytics: {storage: {clickhouse: {enabled: true}}}\n\
                license: {key: '${secret:vault:x}'}\n";
    let warnings = warnings(&load_text(text).unwrap());
    let keys: Vec<&str> = warnings.iter().map(|w| w.split([' ', ':']).nth(2).unwrap()).collect();
    assert_eq!(keys, ["meta", "log.grpc_level", "log.keys", "server.grpc_port", "analytics.storage", "license"]);
    assert!(warnings.iter().all(|w| w.contains("Yardarm has no use for this key of Flipt: ")), "{warnings:#?}");
    assert!(one_error("ui: {colour: red}").contains("ui.colour: there is no such key here"));
}

#[test]
fn keys_are_found_in_any_case_and_the_file_is_told() {
    let config = load_text("Log: {LEVEL: debug}").unwrap();
    assert_eq!(config.log.level, "debug");
    assert_eq!(
        warnings(&config),
        ["1:1 Log: read as `log`; write it in lower case", "1:7 log.LEVEL: read as `level`; write it in lower case"]
    );
    assert!(one_error("log: {level: info, Level: warn}").contains("twice, in different case"));
}

#[test]
fn names_that_differ_by_case_alone_are_refused() {
    assert!(
        errors("storage: {default: {}, Default: {}}")[0]
            .contains("storage.Default: differs from `default` by case alone")
    );
}

#[test]
fn values_take_the_type_of_their_key() {
    let text = "\
storage: {default: {remote: 'https://git.example/x.git', poll_interval: 1m30s, branch: 1.10}}
server: {http_port: '9090', host: \"\"}
cors: {enabled: 'true', allowed_origins: a  b}
evaluation: {include_flag_metadata: 1}
log: {level: INFO, encoding: json}
";
    let config = load_text(text).unwrap();
    let storage = &config.storages["default"];
    assert_eq!((storage.poll_interval.as_secs(), &*storage.branch), (90, "1.10"));
    assert_eq!((config.server.port, config.server.host.as_str()), (9090, "0.0.0.0"));
    assert!(config.cors.enabled && config.include_flag_metadata && config.log.json);
    assert_eq!(config.cors.allowed_origins, ["a", "b"]);
    assert_eq!(config.cors.allowed_headers.len(), 8);
    assert_eq!(config.log.level, "info");
}

#[test]
fn values_of_another_type_are_told() {
    for (text, told) in [
        ("storage: []", "names with their keys stand here"),
        ("storage: {default: x}", "a mapping (`key: value`) stands here, not a text"),
        ("server: 8080", "a mapping (`key: value`) stands here, not a text"),
        ("server: [1]", "a mapping (`key: value`) stands here, not a list"),
        ("server: {host: [a]}", "one value stands here, not a list"),
        ("server: {host: {a: b}}", "one value stands here, not a mapping"),
        ("server: {http_port: 65536}", "`65536` is not between 0 and 65535"),
        ("server: {http_port: -1}", "`-1` is not between 0 and 65535"),
        ("server: {protocol: htps}", "`htps` is not one of http, https; did you mean `https`?"),
        ("cors: {enabled: yes}", "`yes` is neither true nor false"),
        ("cors: {allowed_origins: [[a]]}", "a text stands here"),
        ("storage: {default: {poll_interval: 30}}", "`30` is a duration without a unit"),
        ("storage: {default: {poll_interval: 500ms}}", "at least 1s"),
        ("storage: {default: {poll_interval: 25h}}", "at most 24h"),
        ("storage: {default: {poll_ceiling: 10s}}", "not below the poll interval, which is 30s"),
        ("version: 2", "version `2` is not read"),
        ("- a", "a mapping (`key: value`) stands here, not a list; known keys"),
        ("{a: 1}\n---\n{b: 2}", "a second one begins here"),
        ("storage: {default: {}}\nstorage: {x: {}}", "repeated"),
    ] {
        let errors = errors(text);
        assert!(errors.iter().any(|e| e.contains(told)), "{text}: {errors:#?}");
    }
}

#[test]
fn other_formats_and_huge_files_are_refused() {
    let files = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let toml = load("x = 1", "config.toml", &BTreeMap::new(), &files).unwrap_err();
    assert_eq!(shown(&toml, Severity::Error), ["- : a configuration is YAML or JSON, not .toml"]);
    let huge = " ".repeat(limits::CONFIG_FILE_BYTES + 1);
    assert!(load_text(&huge).is_err());
    let json = load(r#"{"log": {"level": "debug"}}"#, "config.json", &BTreeMap::new(), &files).unwrap();
    assert_eq!(json.log.level, "debug");
}

#[test]
fn hostile_files_are_errors_and_nothing_else() {
    let deep = "[".repeat(10_000);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]";
    for text in [deep.as_str(), bomb, "a:\n\tb: 1", "\u{0}", "{", "storage: {\"\": {}}", "? [a]\n: b", "<<: 1", "*x"] {
        assert!(load_text(text).is_err(), "{text:.40}");
    }
    for text in [
        "",
        "# nothing\n",
        "\u{feff}version: '2.0'",
        "~",
        "storage:\nserver:\nlog:\n  level:\n",
        "log: {level: info}\r\n",
    ] {
        assert!(load_text(text).is_ok(), "{text}: {:?}", load_text(text));
    }
}

#[test]
fn no_file_is_one_storage_in_memory_on_loopback() {
    let files = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
    let world = World::with(&[("YARDARM_SERVER_HTTP_PORT", "0")], &[]);
    let config = load_without_file(&world.environment, &files).unwrap();
    assert_eq!((config.server.host.as_str(), config.server.port), ("127.0.0.1", 0));
    assert_eq!(config.environments.len(), 1);
    assert!(config.environments[0].default && &*config.environments[0].storage == "default");
    assert_eq!(config.storages["default"].remote, None);
    assert_eq!(config.warnings, []);
    assert_eq!(load_without_file(&BTreeMap::new(), &files).unwrap().server.port, 8080);
    assert_eq!(load_text("").unwrap().server.host, "0.0.0.0");
}

#[test]
fn the_state_lives_where_the_machine_says() {
    let place = |variables: &[(&str, &str)], text: &str| {
        World::with(variables, &[]).load(text).unwrap().state_directory.to_str().unwrap().to_owned()
    };
    let all = [("STATE_DIRECTORY", "/var/lib/yardarm:/other"), ("XDG_STATE_HOME", "/x"), ("HOME", "/home/u")];
    assert_eq!(place(&all, "state: {directory: /srv/y}"), "/srv/y");
    assert_eq!(place(&all, ""), "/var/lib/yardarm");
    assert_eq!(place(&all[1..], ""), "/x/yardarm");
    assert_eq!(place(&all[2..], ""), "/home/u/.local/state/yardarm");
    assert_eq!(place(&[], ""), "/var/lib/yardarm");
}

/// Every key of the table can be set, named by a variable, and is described.
#[test]
fn the_table_is_whole() {
    fn walk(keys: &'static [crate::config::keys::Key], path: &str) {
        use crate::config::keys::{Shape, Status};
        for (i, key) in keys.iter().enumerate() {
            let path = format!("{path}.{}", key.name);
            assert!(keys.iter().skip(i + 1).all(|other| other.name != key.name), "{path} stands twice");
            assert!(key.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{path}");
            match key.status {
                Status::Flipt | Status::Own => assert!(key.doc.ends_with('.'), "{path} has no sentence"),
                Status::Unused(why) => assert!(!why.ends_with('.'), "{path}"),
            }
            match key.shape {
                Shape::Section(below) | Shape::Map(below) => walk(below, &path),
                _ => {}
            }
        }
    }
    walk(crate::config::table::FILE, "");
}

#[test]
fn the_schema_in_the_tree_is_that_of_the_table() {
    let made = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    assert!(
        include_str!("../../../config/schema.json") == made,
        "run: cargo run -q -- config schema > config/schema.json"
    );
}

#[test]
fn the_page_for_operators_holds_the_table() {
    let page = include_str!("../../../docs/configuration.md");
    let (_, rest) = page.split_once("<!-- yardarm config reference -->\n").expect("the mark");
    let (table, _) = rest.split_once("<!-- end -->").expect("the end mark");
    assert!(
        table.trim() == reference().trim(),
        "put the output of `cargo run -q -- config reference` between the marks"
    );
}
