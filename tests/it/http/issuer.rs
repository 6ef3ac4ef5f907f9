//! An issuer of JWTs on loopback: a key on P-256 for each name, and a server that publishes what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::wire;

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Who signs.
pub(super) struct Signer {
    name: &'static str,
    key: EcdsaKeyPair,
}

impl Signer {
    pub(super) fn new(name: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { name, key }
    }

    pub(super) fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": self.name, "x": b64(x), "y": b64(y), "use": "sig"})
    }

    pub(super) fn keys(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    /// Signs exactly this header and payload.
    pub(super) fn raw(&self, header: &Value, payload: &Value) -> String {
        let signed = format!("{}.{}", b64(header.to_string()), b64(payload.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature))
    }

    /// A good token, with these claims beside the usual ones.
    pub(super) fn token(&self, more: &Value) -> String {
        let mut claims = json!({"iss": "https://issuer.test", "aud": "flags", "sub": "7", "exp": now() + 600});
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.raw(&json!({"alg": "ES256", "kid": self.name}), &claims)
    }
}

pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What a request for the keys is answered.
#[derive(Clone)]
pub(super) enum Reply {
    /// Status line and headers, and a body.
    Text(&'static str, String),
    /// A body of this many blanks.
    Blanks(usize),
    /// The head, and then nothing any more.
    Half,
    /// Nothing at all, for as long as the client waits.
    Silence,
    /// The connection is closed at once.
    Hangup,
}

impl Reply {
    pub(super) fn good(keys: String) -> Self {
        Self::Text("200 OK\r\nContent-Type: application/json", keys)
    }
}

/// The server.
pub(super) struct Publisher {
    pub(super) address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Publisher {
    pub(super) fn start(reply: Reply) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), reply)
    }

    pub(super) fn on(listener: TcpListener, reply: Reply) -> Self {
        let address = listener.local_addr().unwrap();
        let (reply, asked, over) = (Arc::new(Mutex::new(reply)), Arc::new(AtomicUsize::new(0)), Arc::default());
        let (replies, counted, ended): (_, _, Arc<AtomicBool>) = (reply.clone(), asked.clone(), Arc::clone(&over));
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (replies, counted) = (replies.clone(), counted.clone());
                std::thread::spawn(move || answer(stream.unwrap(), &replies, &counted));
            }
        });
        Self { address, reply, asked, over, listener: Some(listener) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub(super) fn say(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.listener.take().unwrap().join();
    }
}

fn answer(mut stream: TcpStream, replies: &Mutex<Reply>, asked: &AtomicUsize) {
    stream.set_read_timeout(Some(wire::DEADLINE)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    assert!(head.starts_with(b"GET /keys HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
    assert!(!String::from_utf8_lossy(&head).to_lowercase().contains("authorization"));
    let reply = replies.lock().unwrap().clone();
    asked.fetch_add(1, Ordering::SeqCst);
    let mut wait = || drop(stream.read(&mut byte));
    let (head, body) = match reply {
        Reply::Text(head, body) => (head, body.into_bytes()),
        Reply::Blanks(count) => ("200 OK", vec![b' '; count]),
        Reply::Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\"");
            let _ = stream.read(&mut byte);
            return;
        }
        Reply::Silence => return wait(),
        Reply::Hangup => return,
    };
    let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Waits for a thing, looking often.
pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    let (_sender, look) = std::sync::mpsc::channel::<()>();
    while !holds() {
        assert!(begun.elapsed() < wire::DEADLINE, "{what} did not come");
        let _ = look.recv_timeout(std::time::Duration::from_millis(5));
    }
}
