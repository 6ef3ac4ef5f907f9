//! Writes the first inputs of every fuzz target from the fixtures: `cargo run --example seeds`.

use std::fs;
use std::path::Path;

fn main() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = fuzz.join("../fixtures");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let directory = fuzz.join("corpus").join(target);
        fs::create_dir_all(&directory).expect("the corpus can be written");
        fs::write(directory.join(name.replace('/', "_")), bytes).expect("the corpus can be written");
    };

    for provider in yardarm::provider::Provider::ALL {
        let target = format!("webhook_{}", provider.name().replace('-', "_"));
        for file in files(&fixtures.join("webhooks").join(provider.name())) {
            let text = fs::read_to_string(&file).expect("a fixture");
            for fixture in text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a fixture"))
            {
                let name = fixture["name"].as_str().expect("a name");
                let header = |wanted: &str| {
                    let fields = fixture["headers"].as_array().expect("headers");
                    let is = |name: &str| name.eq_ignore_ascii_case(wanted);
                    let found = fields.iter().find(|field| field[0].as_str().is_some_and(is));
                    found.and_then(|field| field[1].as_str()).unwrap_or_default().to_owned()
                };
                let own = ["x-forgejo-event", "x-gitea-event", "x-github-event", "x-gitlab-event", "x-event-key"];
                let event = own.iter().map(|name| header(name)).find(|event| !event.is_empty()).unwrap_or_default();
                let body = fixture["body"].as_str().expect("a body");
                // The live ones are many and alike: the small ones say it all.
                if body.len() < 8_000 {
                    write(&target, name, format!("{event}\n{body}").as_bytes());
                }
                for signature in ["x-hub-signature-256", "x-gitea-signature", "authorization", "webhook-signature"] {
                    let value = header(signature);
                    if !value.is_empty() && !name.contains("live") && body.len() < 2_000 {
                        let second = header("webhook-timestamp");
                        write("signature", name, format!("{value}\n{second}\n{body}").as_bytes());
                    }
                }
            }
        }
    }
    let pull = r#"{"number":7,"iid":7,"id":7,"pullRequestId":7,"html_url":"https://h/7","web_url":"https://h/7","state":"open","status":"active","draft":false,"merged":false,"title":"t","body":"b","user":{"login":"ada"},"head":{"ref":"h/x","label":"h/x","sha":"0123456789012345678901234567890123456789","repo":{"full_name":"a/b"}},"base":{"ref":"main"},"source_branch":"h/x","target_branch":"main","sourceRefName":"refs/heads/h/x","targetRefName":"refs/heads/main","source":{"branch":{"name":"h/x"},"commit":{"hash":"012345678901"}},"destination":{"branch":{"name":"main"}},"fromRef":{"id":"refs/heads/h/x","displayId":"h/x"},"toRef":{"id":"refs/heads/main","displayId":"main"},"links":{"html":{"href":"https://h/7"},"self":[{"href":"https://h/7"}]}}"#;
    for provider in 0..yardarm::provider::Provider::ALL.len() {
        for operation in 0..10 {
            let list = format!(r#"{{"values":[{pull}],"value":[{pull}],"isLastPage":true}}"#);
            let answers = [format!("200\n{pull}"), format!("200\n[{pull}]"), format!("200\n{list}"), "409\n{}".into()];
            let seed = format!("{provider}{operation}\n{}", answers.join("\n=====\n"));
            write("answers", &format!("{provider}{operation}"), seed.as_bytes());
        }
    }
    for (number, url) in [
        "https://github.com/acme/flags.git",
        "ssh://git@ssh.github.com:443/acme/flags",
        "git@gitlab.com:a/b/c.git",
        "https://git.example.com:8443/ctx/scm/~bob/flags.git",
        "https://git.example.com/projects/PRJ/repos/flags/browse",
        "https://org@dev.azure.com/org/My%20Project/_git/flags",
        "https://org.visualstudio.com/DefaultCollection/_git/flags",
        "org@vs-ssh.visualstudio.com:v3/org/project/flags",
        "https://tfs.example.com/tfs/Coll/project/_git/_full/flags",
        "http://[::1]:3000/a/b",
    ]
    .iter()
    .enumerate()
    {
        write("remote", &number.to_string(), url.as_bytes());
    }
    let jwks = fs::read_to_string(fuzz.join("seeds/jwks.json")).expect("a key set");
    for line in fs::read_to_string(fixtures.join("jwt/tokens.jsonl")).expect("a fixture").lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("a fixture");
        let (name, token) = (entry["alg"].as_str().expect("a name"), entry["token"].as_str().expect("a token"));
        write("jwt", name, format!("{token}\n{jwks}").as_bytes());
        for (form, pem) in entry["pem"].as_object().expect("files") {
            write("jwt", &format!("{name}-{form}"), format!("{token}\n{}", pem.as_str().expect("a file")).as_bytes());
        }
    }
    for (number, scope) in
        ["read", "write:staging", "evaluate:production/shop", "admin:*/team-*", "propose:feature/a/*"]
            .iter()
            .enumerate()
    {
        write("scope", &number.to_string(), format!("{scope}\nstaging\nteam-a").as_bytes());
    }
    for file in files(&fixtures.join("flags")) {
        let bytes = fs::read(&file).expect("a fixture");
        let name = file.strip_prefix(&fixtures).expect("below the fixtures").to_string_lossy().into_owned();
        if bytes.len() < 64 * 1024 {
            write("flag_document", &name, &bytes);
            if name.ends_with("yaml") && bytes.len() < 4 * 1024 {
                let edited = String::from_utf8_lossy(&bytes).replacen("true", "false", 1);
                write("outline", &name, &[&bytes[..], b"=====\n", edited.as_bytes()].concat());
            }
        }
    }
    for file in files(&fixtures.join("edits")).iter().filter(|file| file.extension().is_some_and(|it| it == "yaml")) {
        let name = file.strip_prefix(&fixtures).expect("below the fixtures").to_string_lossy().into_owned();
        write("edit", &name, &[b"a\n".as_slice(), &fs::read(file).expect("a fixture")].concat());
    }
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the fixtures are there") {
        let path = entry.expect("the fixtures are there").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
