//! A server asked for the same: any that speaks Flipt's protocol for answers, a Yardarm for explanations.
//!
//! A batch of one finds the type of a flag by itself. The environment travels in the header, where one that is not
//! known is an error; in a body it would fall back to the default one in silence. The token goes to the server that was
//! named and to no other: redirects are not followed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::{Host, Url};

use super::{Answers, Asked, Failure, missing};
use crate::cli::{Process, print, referred};
use crate::flags::explain::{Answer, Explained};
use crate::limits;
use crate::net::{self, Call, Client, Error, Reply, Trust};

/// The variable that holds a token.
const TOKEN: &str = "YARDARM_TOKEN";

/// Which server, and how.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "these comments are the help that is printed")]
pub(super) struct Reach {
    /// Ask a server instead of reading files. Without --explain any that speaks Flipt's protocol will do.
    #[arg(long, short = 'a', visible_alias = "address", value_name = "URL", conflicts_with_all = ["repo", "directory"])]
    server: Option<String>,
    /// The environment of the server; its default one if none is named. (Of files it is their directory.)
    #[arg(long, value_name = "KEY", requires = "server")]
    environment: Option<String>,
    /// A file with the token for the server. Without it the token is taken from the variable YARDARM_TOKEN.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// A certificate authority to trust beside those of the system, PEM.
    #[arg(long, value_name = "FILE", requires = "server")]
    ca_cert: Option<PathBuf>,
    /// Flipt's, and refused.
    #[arg(long, short, hide = true)]
    token: Option<OsString>,
}

/// A server that can be asked.
pub(super) struct Server {
    client: Client,
    base: Url,
    environment: Option<String>,
    token: Option<SecretString>,
    until: Instant,
}

/// What a server says when it does not answer.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

#[derive(Deserialize)]
struct Batch {
    responses: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    boolean_response: Option<BooleanItem>,
    variant_response: Option<VariantItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BooleanItem {
    enabled: bool,
    reason: String,
    #[serde(default)]
    segment_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariantItem {
    r#match: bool,
    reason: String,
    variant_key: String,
    #[serde(default)]
    variant_attachment: String,
    #[serde(default)]
    segment_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    flags: Vec<Listed>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Listed {
    key: String,
}

impl Server {
    /// The server that the arguments name, if they name one.
    pub(super) fn of(arguments: &Reach, process: &mut Process<'_>) -> Result<Option<Self>, Failure> {
        if arguments.token.is_some() {
            return Err(Failure::Usage(format!(
                "a token is not taken from the command line, where everybody on this machine can read it: put it into \
                 the variable {TOKEN} or a file, and give --token-file"
            )));
        }
        let Some(server) = &arguments.server else { return Ok(None) };
        let base = address(server)?;
        let token = token(arguments.token_file.as_deref(), process)?;
        if token.is_some() && base.scheme() == "http" && !is_loopback(&base) {
            print(process.err, "yardarm: the token is sent without encryption, because the server's address is http\n");
        }
        let ca_certificate = match &arguments.ca_cert {
            None => None,
            Some(path) => Some(
                referred(path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?,
            ),
        };
        let trust = Trust { ca_certificate, insecure: false };
        let client = net::client(&trust).map_err(|error| Failure::Usage(format!("--ca-cert: {error}")))?;
        let until = Instant::now() + limits::EVALUATE_DEADLINE;
        Ok(Some(Self { client, base, environment: arguments.environment.clone(), token, until }))
    }

    pub(super) fn answers(&self, asked: &Asked<'_>) -> Result<Answers, Failure> {
        let listed;
        let flags: Vec<&str> = if let Some(flag) = asked.flag {
            vec![flag]
        } else {
            listed = self.flags(asked.namespace)?;
            listed.iter().map(|key| &**key).collect()
        };
        let context: serde_json::Map<String, Value> =
            asked.context.clone().into_iter().map(|(name, value)| (name, value.into())).collect();
        let request = |flag: &str| json!({"namespaceKey": asked.namespace, "flagKey": flag, "entityId": asked.entity, "context": context});
        if asked.explain {
            let explained = flags.iter().map(|flag| self.explained(asked.namespace, flag, &request(flag)));
            return Ok(Answers::Explained(explained.collect::<Result<_, _>>()?));
        }
        let mut answers = Vec::with_capacity(flags.len());
        for flags in flags.chunks(PAGE) {
            let body = json!({"requests": flags.iter().map(|flag| request(flag)).collect::<Vec<_>>()});
            let reply = self.ask(&["evaluate", "v1", "batch"], &[], Some(&body))?;
            let batch: Batch = self.answer(&reply)?;
            if batch.responses.len() != flags.len() {
                return Err(self.stranger());
            }
            for (flag, item) in flags.iter().zip(batch.responses) {
                answers.push(((*flag).to_owned(), self.one(asked.namespace, flag, item)?));
            }
        }
        Ok(Answers::Bare(answers))
    }

    fn one(&self, namespace: &str, flag: &str, item: Item) -> Result<Answer, Failure> {
        match (item.boolean_response, item.variant_response) {
            (Some(BooleanItem { enabled, reason, segment_keys }), _) => {
                Ok(Answer::Boolean { enabled, reason, segment_keys })
            }
            (_, Some(VariantItem { r#match, reason, variant_key, variant_attachment, segment_keys })) => {
                Ok(Answer::Variant { r#match, reason, variant_key, variant_attachment, segment_keys })
            }
            (None, None) => Err(self.missing(namespace, flag)),
        }
    }

    fn explained(&self, namespace: &str, flag: &str, request: &Value) -> Result<Explained, Failure> {
        let reply = self.ask(&["api", "v2", "explain"], &[], Some(request))?;
        let words = refusal(&reply);
        match (reply.status, words.as_deref()) {
            (404, Some(words)) if words.starts_with("flag ") => Err(self.missing(namespace, flag)),
            (404, None | Some("Not Found")) | (405 | 501, _) => Err(Failure::NoAnswer(format!(
                "{} does not explain: it is no Yardarm, or an older one; without --explain it may answer",
                self.base
            ))),
            (200, _) => serde_json::from_slice(&reply.body).map_err(|_| {
                let told =
                    serde_json::from_slice::<Value>(&reply.body).is_ok_and(|told| told.get("explanation").is_some());
                let newer = format!("{} explains in a way that this version does not know", self.base);
                if told { Failure::NoAnswer(newer) } else { self.stranger() }
            }),
            _ => self.answer(&reply),
        }
    }

    /// The keys of all flags of a namespace.
    fn flags(&self, namespace: &str) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        let (mut token, limit) = (String::new(), PAGE.to_string());
        loop {
            let query = [("limit", limit.as_str()), ("pageToken", &token)];
            let reply = self.ask(&["api", "v1", "namespaces", namespace, "flags"], &query, None)?;
            let page: Page = self.answer(&reply)?;
            let nothing = page.flags.is_empty();
            keys.extend(page.flags.into_iter().map(|flag| flag.key));
            if nothing || page.next_page_token.is_empty() || keys.len() >= limits::BULK_FLAGS {
                return Ok(keys);
            }
            token = page.next_page_token;
        }
    }

    /// That there is no such flag; or no such namespace, which the list of its flags tells.
    fn missing(&self, namespace: &str, flag: &str) -> Failure {
        let what = format!("flag \"{flag}\" in namespace \"{namespace}\" of {}", self.base);
        match self.flags(namespace) {
            Ok(keys) => Failure::NoAnswer(missing(&what, flag, keys.iter().map(|key| &**key))),
            Err(failure) => Failure::NoAnswer(format!("there is no {what} ({failure})")),
        }
    }

    fn ask(&self, path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Result<Reply, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.query_pairs_mut().extend_pairs(query.iter().filter(|(_, value)| !value.is_empty()));
        if query.is_empty() {
            url.set_query(None);
        }
        let bearer = |token: &SecretString| {
            SecretString::from(format!("Bearer {}", secrecy::ExposeSecret::expose_secret(token)))
        };
        let call = Call {
            url,
            accept: "application/json",
            authorization: self.token.as_ref().map(bearer),
            body: body.map(|body| body.to_string().into_bytes()),
        };
        let headers: Vec<_> = self.environment.iter().map(|name| ("x-flipt-environment", name.as_str())).collect();
        net::exchange(&self.client, &call, &headers, self.until).map_err(|error| {
            let hint = match error {
                Error::Deadline => format!(" ({} seconds)", limits::EVALUATE_DEADLINE.as_secs()),
                Error::Tls(ref words) if words.contains("certificate") => {
                    "; --ca-cert names an authority of your own".to_owned()
                }
                _ => String::new(),
            };
            Failure::NoAnswer(format!("cannot ask {}: {error}{hint}", self.base))
        })
    }

    fn answer<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, Failure> {
        let base = &self.base;
        let words = refusal(reply);
        Err(Failure::NoAnswer(match (reply.status, words) {
            (200, _) => return serde_json::from_slice(&reply.body).map_err(|_| self.stranger()),
            (401, _) if self.token.is_none() => {
                format!("{base} asks for a token: put it into the variable {TOKEN}, or give --token-file")
            }
            (401, _) => format!("{base} does not take this token"),
            (300..=399, _) => format!("{base} redirects elsewhere: ask the address that it redirects to"),
            // What a server says of a path that it has not.
            (_, Some(words)) if words != "Not Found" => format!("{base}: {words}"),
            (status, _) => format!("{base} answers with status {status}: is it the address of a flag server?"),
        }))
    }

    fn stranger(&self) -> Failure {
        Failure::NoAnswer(format!("{} answers, but not as a flag server does: is the address right?", self.base))
    }
}

/// Flags that are asked for at one time.
const PAGE: usize = 1_000;

fn refusal(reply: &Reply) -> Option<String> {
    serde_json::from_slice::<Refusal>(&reply.body).ok().map(|refusal| refusal.message)
}

/// `http://` stands before an address that has no scheme.
fn address(text: &str) -> Result<Url, Failure> {
    let usage = |what: &str| Failure::Usage(format!("--server: {what}"));
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&text).map_err(|error| usage(&format!("no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(usage("an address begins with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(usage("a secret does not belong into an address; see --token-file"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn token(file: Option<&Path>, process: &Process<'_>) -> Result<Option<SecretString>, Failure> {
    let Some(path) = file else {
        let variable = process.environment.get(TOKEN).map(|token| token.trim()).filter(|token| !token.is_empty());
        return Ok(variable.map(SecretString::from));
    };
    let name = path.display();
    let bytes = referred(path).map_err(|error| Failure::Usage(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{name} holds no text")))?;
    match text.trim() {
        "" => Err(Failure::Usage(format!("{name} is empty"))),
        token if token.contains(char::is_whitespace) => Err(Failure::Usage(format!("{name} holds more than a token"))),
        token => Ok(Some(SecretString::from(token))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |text: &str| address(text).map(|url| url.to_string()).map_err(|failure| failure.to_string());
        assert_eq!(of("localhost:8080").unwrap(), "http://localhost:8080/");
        assert_eq!(of("https://flags.example.com/eu/?x#y").unwrap(), "https://flags.example.com/eu/");
        assert!(of("grpc://localhost:9000").unwrap_err().contains("https://"));
        for secret in ["https://user:hunter2@flags.example.com", "https://hunter2@flags.example.com"] {
            let message = of(secret).unwrap_err();
            assert!(message.contains("--token-file") && !message.contains("hunter2"), "{message}");
        }
        assert!(of("https://").is_err() && of("http://a b").is_err());
        for (address, near) in [("localhost", true), ("127.0.0.9:1", true), ("[::1]:1", true), ("10.0.0.1", false)] {
            assert_eq!(is_loopback(&super::address(address).unwrap()), near, "{address}");
        }
    }
}
