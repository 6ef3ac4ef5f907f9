//! The providers' APIs over one plain world: a repository, people, proposals, statuses, webhooks, and what goes wrong on
//! purpose. A dialect is one provider's way to ask and to answer; it holds no state of its own.
//!
//! Nothing here opens a socket: [`Scm`] answers a request with an answer, so conformance needs no server. Stories serve
//! it over HTTP (`tests/world`).

#![allow(dead_code, unreachable_pub)]

pub mod azure;
pub mod bitbucket_cloud;
pub mod bitbucket_data_center;
pub mod git;
pub mod gitea;
pub mod github;
pub mod gitlab;
pub mod plain;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;
use yardarm::provider::Provider;
use yardarm::provider::api::{Answer, Ask, Failure, Place, Request};

use plain::{Happened, Plain};

/// A request as a dialect sees it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// Segments of the path below the root, decoded.
    pub path: Vec<String>,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, where there was JSON.
    pub body: Option<Value>,
    /// Value of `Authorization` or what the provider has instead.
    pub credential: Option<String>,
}

impl Asked {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a webhook says: value of the event header (empty where the provider has none), and the payload.
#[derive(Debug, Clone)]
pub struct Message {
    /// Headers of the event, names as the provider writes them.
    pub headers: Vec<(&'static str, String)>,
    /// Payload.
    pub payload: Value,
}

/// One provider's way to speak.
pub trait Dialect: Send + Sync {
    /// Answers a request. What it does not know is 404 in the provider's shape and counted as a stray.
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer;

    /// What it sends when something has happened.
    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message>;
}

/// What becomes of the next requests whose method and path match, instead of an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status with this body and these headers; nothing is done.
    Answer(u16, String, Vec<(String, String)>),
    /// It is done, and the answer is lost.
    Lost,
    /// It is done, and the answer is cut in the middle.
    Cut,
    /// No connection; nothing is done.
    Down,
}

/// One exchange, for the specification's check and for counting.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub asked: Asked,
    pub answer: Answer,
}

/// A provider's API in this process.
pub struct Scm {
    pub provider: Provider,
    dialect: Box<dyn Dialect>,
    inner: Mutex<Inner>,
    root: String,
}

struct Inner {
    plain: Plain,
    planned: Vec<Planned>,
    /// By how many requests from now: what happens to the world just before it is answered.
    meanwhile: Vec<(usize, Act)>,
    exchanges: Vec<Exchange>,
    /// Sent with every request of [`Ask`].
    credential: Option<String>,
}

/// Something that is done to the world.
pub type Act = Box<dyn FnOnce(&mut Plain) + Send>;

/// A fault that waits for its request.
struct Planned {
    /// Any, where there is none.
    method: Option<&'static str>,
    part: String,
    /// Requests of this kind that go well before.
    skip: usize,
    fault: Fault,
    times: usize,
}

impl Planned {
    /// Whether this request meets it.
    fn meets(&mut self, method: &str, path: &str) -> bool {
        let ours = self.times > 0 && self.method.is_none_or(|ours| ours == method) && path.contains(&self.part);
        if ours && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= usize::from(ours);
        ours
    }
}

impl Scm {
    pub fn new(provider: Provider, root: &str, dialect: Box<dyn Dialect>, plain: Plain) -> Self {
        let inner = Inner {
            plain,
            planned: Vec::new(),
            meanwhile: Vec::new(),
            exchanges: Vec::new(),
            credential: Some("Bearer token-of-yardarm".to_owned()),
        };
        Self { provider, dialect, inner: Mutex::new(inner), root: root.to_owned() }
    }

    /// Where its one repository is.
    pub fn place(&self) -> Place {
        let plain = &self.inner().plain;
        Place {
            provider: self.provider,
            root: self.root.clone(),
            owner: plain.owner.clone(),
            repository: plain.repository.clone(),
        }
    }

    /// The next `times` requests of this method whose path contains `part` meet the fault.
    pub fn misbehave(&self, method: &'static str, part: &str, fault: Fault, times: usize) {
        let planned = Planned { method: Some(method), part: part.to_owned(), skip: 0, fault, times };
        self.inner().planned.push(planned);
    }

    /// After `skip` more requests, whatever they are, one meets the fault.
    pub fn break_request(&self, skip: usize, fault: Fault) {
        let planned = Planned { method: None, part: String::new(), skip, fault, times: 1 };
        self.inner().planned.push(planned);
    }

    /// No fault waits any more.
    pub fn behave(&self) {
        let mut inner = self.inner();
        inner.planned.clear();
        inner.meanwhile.clear();
    }

    /// After `skip` more requests, and before the one that follows them is answered, this happens to the world.
    pub fn meanwhile(&self, skip: usize, act: impl FnOnce(&mut Plain) + Send + 'static) {
        self.inner().meanwhile.push((skip, Box::new(act)));
    }

    /// Asks as somebody else from now on.
    pub fn ask_as(&self, credential: &str) {
        self.inner().credential = Some(credential.to_owned());
    }

    /// Works on the world, as people and machines do who are not Yardarm.
    pub fn world<T>(&self, act: impl FnOnce(&mut Plain) -> T) -> T {
        act(&mut self.inner().plain)
    }

    /// Everything that was asked and answered until now.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner().exchanges.clone()
    }

    /// What webhooks would be sent since the last call, in order.
    pub fn messages(&self) -> Vec<Message> {
        let mut inner = self.inner();
        let happened = std::mem::take(&mut inner.plain.happened);
        happened.iter().flat_map(|happened| self.dialect.messages(&inner.plain, happened)).collect()
    }

    /// Answers one request; `None` is no connection, or an answer that was lost.
    pub fn answer(&self, asked: &Asked) -> Option<Answer> {
        let mut inner = self.inner();
        let inner = &mut *inner;
        for (_, act) in inner.meanwhile.extract_if(.., |(skip, _)| *skip == 0) {
            act(&mut inner.plain);
        }
        for (skip, _) in &mut inner.meanwhile {
            *skip -= 1;
        }
        let path = asked.path.join("/");
        let mut met = inner.planned.iter_mut().filter_map(|it| it.meets(asked.method, &path).then(|| it.fault.clone()));
        let fault = met.next();
        drop(met);
        let answer = match &fault {
            Some(Fault::Down) => return None,
            Some(Fault::Answer(status, body, headers)) => Answer {
                status: *status,
                headers: headers.clone(),
                body: body.clone().into_bytes(),
                at: inner.plain.now,
            },
            _ => self.dialect.answer(&mut inner.plain, asked),
        };
        if fault.is_none() {
            inner.exchanges.push(Exchange { asked: asked.clone(), answer: answer.clone() });
        }
        match fault {
            Some(Fault::Lost) => None,
            Some(Fault::Cut) => {
                let half = answer.body.len() / 2;
                Some(Answer { body: answer.body[..half].to_vec(), ..answer })
            }
            _ => Some(answer),
        }
    }

    /// The path below the root, or beside it: GraphQL of a GitHub Enterprise Server, other interfaces of Bitbucket
    /// Data Center.
    pub fn below<'u>(&self, url: &'u str) -> Option<&'u str> {
        let beside = match self.provider {
            Provider::Github => self.root.strip_suffix("/v3"),
            Provider::BitbucketDataCenter => self.root.rsplit_once("/api/").map(|(rest, _)| rest),
            _ => None,
        };
        let below = |root: &str| url.strip_prefix(root).filter(|rest| rest.starts_with(['/', '?']));
        below(&self.root).or_else(|| beside.and_then(below))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

/// Asks without a network, by the same rules as the daemon's own way ([`Failure::common`]).
impl Ask for Scm {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let rest = self.below(&request.url).expect("a request leaves the configured root");
        let url = url::Url::parse(&format!("http://world{rest}")).unwrap();
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let asked = Asked {
            method: request.method.name(),
            path: url.path_segments().unwrap().filter(|segment| !segment.is_empty()).map(decoded).collect(),
            query: url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            headers: request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: request.body.clone(),
            credential: self.inner().credential.clone(),
        };
        let Some(answer) = self.answer(&asked) else {
            let why = "connection closed before message completed".to_owned();
            return Err(if request.method == yardarm::provider::api::Method::Get {
                Failure::Unreachable(why)
            } else {
                Failure::Lost(why)
            });
        };
        Failure::common(&answer).map_or(Ok(answer), Err)
    }
}
