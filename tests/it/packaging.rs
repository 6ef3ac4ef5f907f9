//! `systemd/yardarm.service`: what it promises, and that it fits the examples and the program.

use std::collections::BTreeMap;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The directives, each with all of its values; comments fall away.
fn directives(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in unit.lines().filter(|line| !line.starts_with(['#', '['])) {
        if let Some((key, value)) = line.split_once('=') {
            found.entry(key).or_default().push(value);
        }
    }
    found
}

#[test]
fn the_unit_says_what_the_daemon_relies_on() {
    let unit = read("systemd/yardarm.service");
    let directives = directives(&unit);
    #[rustfmt::skip]
    let expected: &[(&str, &[&str])] = &[
        ("Type", &["notify"]),
        ("NotifyAccess", &["main"]),
        ("ExecReload", &["/bin/kill -HUP $MAINPID"]),
        ("RestartPreventExitStatus", &["2"]),
        ("LimitNOFILE", &["65536"]),
        ("StateDirectory", &["yardarm"]),
        ("DynamicUser", &["yes"]),
        ("NoNewPrivileges", &["yes"]),
        ("CapabilityBoundingSet", &[""]),
        ("AmbientCapabilities", &[""]),
        ("ProtectSystem", &["strict"]),
        ("ProtectHome", &["yes"]),
        ("PrivateTmp", &["yes"]),
        ("PrivateDevices", &["yes"]),
        ("PrivateUsers", &["yes"]),
        ("ProtectProc", &["invisible"]),
        ("MemoryDenyWriteExecute", &["yes"]),
        ("RestrictNamespaces", &["yes"]),
        // Git over ssh and the service manager's socket need AF_UNIX.
        ("RestrictAddressFamilies", &["AF_INET AF_INET6 AF_UNIX"]),
        ("SystemCallArchitectures", &["native"]),
        ("SystemCallFilter", &["@system-service", "~@privileged @resources"]),
        ("UMask", &["0077"]),
    ];
    for (key, values) in expected {
        assert_eq!(directives.get(key).map(Vec::as_slice), Some(*values), "{key}");
    }
    let seconds = |key: &str| directives[key][0].parse::<u64>().unwrap();
    assert!(seconds("TimeoutStopSec") > yardarm::limits::DRAIN_DEADLINE.as_secs(), "killed before it has drained");
    assert!(seconds("TimeoutStartSec") > 2 * yardarm::limits::READY_GRACE.as_secs(), "killed before it could be ready");
    assert!(seconds("WatchdogSec") >= 10);
    let files = directives["LimitNOFILE"][0].parse::<usize>().unwrap();
    assert!(files > 2 * yardarm::limits::STREAMS, "no room for the streams");
}

#[test]
fn the_unit_brings_every_credential_that_an_example_asks_for() {
    let unit = read("systemd/yardarm.service");
    let brought: Vec<&str> =
        directives(&unit)["LoadCredential"].iter().map(|value| value.split_once(':').unwrap().0).collect();
    let mut asked = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines =
            text.lines().filter(|line| path.extension().is_some_and(|e| e == "yml") && !line.trim().starts_with('#'));
        for line in lines {
            if let Some((_, rest)) = line.split_once("${credential:") {
                let name = rest.split('}').next().unwrap();
                assert!(brought.contains(&name), "{}: {name}", path.display());
                asked += 1;
            }
        }
    }
    assert!(asked >= 20, "the examples ask for no credentials");
}

/// The words of the unit are words of the program.
#[test]
fn the_unit_starts_the_program_as_it_wants_to_be_started() {
    let unit = read("systemd/yardarm.service");
    let start = directives(&unit)["ExecStart"][0];
    let words: Vec<&str> = start.split(' ').collect();
    let [program, "serve", "--config", file] = words.as_slice() else { panic!("{start}") };
    assert!(program.ends_with("/yardarm"));
    assert_eq!(*file, "/etc/yardarm/config.yml");
    let help = super::cli::yardarm(&["serve", "--help"], &[]);
    assert!(help.out.contains("--config <FILE>") && help.out.contains(file), "{}", help.out);
}
