use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::clock::System;

fn site(provider: Provider, secret: &str) -> Site {
    Site {
        storage: "flags".into(),
        provider: Some(provider),
        paths: vec!["/webhooks/flags".to_owned()],
        secrets: vec![secret.into()],
        way: Err("nobody to ask".to_owned()),
        working: Mutex::default(),
        seen: Mutex::default(),
        checked: Mutex::default(),
    }
}

/// Whether the endpoint that the provider names is called, to try it from here.
fn is_called(provider: Provider, secret: &str) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hook = Hook {
        id: "1".to_owned(),
        url: format!("http://{address}/webhooks/flags"),
        events: Vec::new(),
        active: true,
        trouble: None,
        json: true,
        verifies_tls: true,
        has_secret: Some(true),
        odd: Vec::new(),
    };
    let came = Arc::new(AtomicBool::new(false));
    let noted = came.clone();
    // It hangs up on the first one that calls.
    let answering = std::thread::spawn(move || {
        let caller = listener.accept();
        noted.store(true, Ordering::SeqCst);
        drop(caller);
    });
    let leg = site(provider, secret).taken(&hook, &System);
    assert_eq!(leg.ok, None, "{leg:?}");
    let called = came.load(Ordering::SeqCst);
    // Where nobody called it still waits.
    drop(TcpStream::connect(address));
    answering.join().unwrap();
    called
}

#[test]
fn a_secret_that_is_its_own_proof_goes_to_no_address_that_the_provider_names() {
    assert!(!is_called(Provider::Gitlab, "a secret token"));
    assert!(!is_called(Provider::Azure, "a password"));
    assert!(is_called(Provider::Gitlab, "whsec_c2VjcmV0"));
    assert!(is_called(Provider::Gitea, "a secret"));
}

#[test]
fn a_check_that_died_does_not_keep_the_next_one_away() {
    let site = Arc::new(site(Provider::Gitea, "a secret"));
    let dying = site.clone();
    let died = std::thread::spawn(move || {
        let _alone = dying.alone();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(died.join().is_err());
    site.look(&System);
    assert_eq!(site.seen().and_then(|seen| seen.failure.clone()).as_deref(), Some("nobody to ask"));
}
