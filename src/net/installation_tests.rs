use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::*;

#[test]
fn one_exchange_serves_all_until_it_is_refused_or_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}/api/v3", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for (n, end) in ["2999-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"].iter().enumerate() {
            let mut reader = BufReader::new(listener.accept().unwrap().0);
            let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut first).unwrap();
            assert!(first.starts_with("POST /api/v3/app/installations/7/access_tokens "), "{first}");
            while reader.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_ascii_lowercase();
                length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let body = format!(r#"{{"token":"ghs_{n}","expires_at":"{end}"}}"#);
            let head = format!("HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            reader.get_mut().write_all((head + &body).as_bytes()).unwrap();
        }
    });
    let pem: SecretString = include_str!("../../fixtures/git/github-app-key.pem").into();
    let installation = |key: &str| Installation {
        client_id: "Iv1.flags".to_owned(),
        id: 7,
        api: api.clone(),
        key: KeyName::of_text(&key.into()),
    };
    let (client, stop) = (super::super::client(&super::super::Trust::default()).unwrap(), AtomicBool::new(false));
    let until = Instant::now() + Duration::from_secs(30);
    let exchange = Exchange { client: &client, now: Timestamp::now(), until, stop: &stop };
    let ours = installation("ours");
    let get = |pem: &SecretString, of: &Installation| token(of, || Ok(pem.clone()), &exchange);
    // Several who need it at one time make one exchange of it.
    let all: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&pem, &ours).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().expose_secret().to_owned()).collect()
    });
    assert_eq!(all, ["ghs_0"; 4]);
    // Whoever was refused an older one takes nothing away from the others.
    forget(&ours, &"ghs_older".into());
    assert_eq!(get(&pem, &ours).unwrap().expose_secret(), "ghs_0");
    forget(&ours, &"ghs_0".into());
    assert_eq!(get(&pem, &ours).unwrap().expose_secret(), "ghs_1");
    forget(&ours, &"ghs_1".into());
    assert_eq!(get(&pem, &ours).unwrap().expose_secret(), "ghs_2");
    thread.join().unwrap();
    // That one has ended, and nobody answers; another key does not profit from the tokens of this one.
    assert!(matches!(get(&pem, &ours), Err(Error::Unreachable(_))));
    let other = installation("other");
    assert!(matches!(get(&"nonsense".into(), &other), Err(Error::Local(why)) if why.contains("private key")));
}
