//! How a client speaks with the test that plays its server: a line of JSON for each finding, a word a line back.
//!
//! One that loses its test (the end of its input) ends.

use std::io::Write as _;

use serde_json::{Value, json};

pub struct Talk {
    pub url: String,
    pub token: String,
}

impl Talk {
    pub fn new() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        Self { url: variable("YARDARM_URL"), token: variable("YARDARM_TOKEN") }
    }

    fn say(line: &Value) {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("the test listens");
    }

    /// One of the steps that every client is asked to take.
    pub fn check(&self, step: &str, saw: Value, want: Value) {
        Self::say(&json!({"step": step, "ok": saw == want, "saw": saw, "want": want}));
    }

    /// What is odd about this client, in words, and the proof of it.
    pub fn quirk(&self, says: &str, saw: Value, want: Value) {
        Self::say(&json!({"quirk": says, "ok": saw == want, "saw": saw, "want": want}));
    }

    /// A step that this client has no way to take.
    pub fn lacks(&self, step: &str) {
        Self::say(&json!({"lacks": step}));
    }

    /// Ready for an act, and back when it has been played.
    pub fn after(&mut self, act: &str) {
        Self::say(&json!({"awaits": act}));
        let mut word = String::new();
        while word.trim() != act {
            word.clear();
            if std::io::stdin().read_line(&mut word).expect("its test speaks") == 0 {
                std::process::exit(3);
            }
        }
    }
}
