//! Gitea and Forgejo: `/api/v1`, as the live servers answered it. The shapes of their answers are the recorded ones
//! (`fixtures/api`), with this world's values in them.

mod hooks;
mod messages;
mod pulls;
pub mod shapes;

use serde_json::{Value, json};
use yardarm::provider::Provider;
use yardarm::provider::api::Answer;

use super::plain::{Happened, Plain, Refused};
use super::{Asked, Dialect, Message, Scm};

/// Gitea over a plain world.
pub fn gitea(plain: Plain) -> Scm {
    Scm::new(Provider::Gitea, ROOT, Box::new(Flavour::Gitea), plain)
}

/// Forgejo over a plain world.
pub fn forgejo(plain: Plain) -> Scm {
    Scm::new(Provider::Forgejo, ROOT, Box::new(Flavour::Forgejo), plain)
}

/// Below a path, as many of them are.
const ROOT: &str = "https://forge.example/git/api/v1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    Gitea,
    Forgejo,
}

impl Dialect for Flavour {
    fn answer(&self, plain: &mut Plain, asked: &Asked) -> Answer {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let Some(person) = plain.person(asked.credential.as_deref()).cloned() else {
            let token = asked.credential.clone().unwrap_or_default();
            return fails(
                plain,
                401,
                &match (self, &*token) {
                    (_, "") => "token is required".to_owned(),
                    (Self::Gitea, _) => "user does not exist [uid: 0, name: ]".to_owned(),
                    (Self::Forgejo, token) => format!("access token does not exist [sha: {token}]"),
                },
            );
        };
        let ["repos", owner, repository, below @ ..] = &path[..] else { return missing(plain, &[]) };
        if plain.gone || *owner != plain.owner {
            return missing(plain, &[]);
        }
        if let Some(new) = &plain.renamed_to {
            if *repository == plain.repository {
                let location = [&["/git/api/v1/repos", owner, new.as_str()], below].concat().join("/");
                let mut answer = empty(plain, if *self == Self::Gitea { 307 } else { 301 });
                answer.headers.push(("location".to_owned(), location));
                return answer;
            }
        } else if *repository != plain.repository {
            return missing(plain, &[]);
        }
        // Whoever may only look has a token that may only read.
        if asked.method != "GET" && !person.writes {
            let scope = if below.first() == Some(&"issues") { "write:issue" } else { "write:repository" };
            return fails(
                plain,
                403,
                &match self {
                    Self::Gitea => format!(
                        "token does not have at least one of required scope(s), required=[{scope}], token scope=read:issue,read:repository"
                    ),
                    Self::Forgejo => format!("token does not have at least one of required scope(s): [{scope}]"),
                },
            );
        }
        let by = &*person.name;
        match (asked.method, below) {
            ("GET", ["pulls"]) => pulls::list(*self, plain, asked),
            ("POST", ["pulls"]) => pulls::create(*self, plain, asked, by),
            ("GET", ["pulls", number]) => match plain_number(plain, number) {
                Some(number) => pulls::get(*self, plain, number),
                None => missing(plain, &[]),
            },
            ("PATCH", ["pulls", number]) => match plain_number(plain, number) {
                Some(number) => pulls::edit(*self, plain, number, asked),
                None => missing(plain, &[]),
            },
            ("GET", ["pulls", number, "reviews"]) if plain_number(plain, number).is_some() => {
                let number = plain_number(plain, number).unwrap();
                let reviews = shapes::reviews(*self, plain, number);
                page(plain, asked, reviews)
            }
            ("POST", ["pulls", number, "merge"]) => match plain_number(plain, number) {
                Some(number) => pulls::merge(*self, plain, number, asked),
                None => missing(plain, &[]),
            },
            ("GET", ["pulls", base, head @ ..]) if number(base).is_none() => {
                pulls::of_pair(*self, plain, base, &head.join("/"))
            }
            ("GET", ["commits", commit, "status"]) => {
                let body = shapes::combined(*self, plain, commit);
                json_answer(plain, 200, &body)
            }
            ("POST", ["statuses", commit]) => pulls::status(*self, plain, commit, asked),
            ("GET", ["branches", name @ ..]) => {
                let name = name.join("/");
                match plain.git.tip(&name) {
                    Some(tip) => {
                        let body = shapes::branch(*self, plain, &name, &tip);
                        json_answer(plain, 200, &body)
                    }
                    None => missing(plain, &[&format!("branch does not exist [name: {name}]")]),
                }
            }
            ("GET", ["compare", pair @ ..]) => pulls::compare(*self, plain, &pair.join("/")),
            ("GET" | "POST", ["issues", number, "comments"]) => match plain_number(plain, number) {
                Some(number) => pulls::comments(*self, plain, number, asked, by),
                None => missing(plain, &[]),
            },
            ("PATCH" | "DELETE", ["issues", "comments", id]) => pulls::comment(*self, plain, id, asked),
            (_, ["hooks", below @ ..]) => hooks::answer(*self, plain, &person, below, asked),
            _ => no_route(plain),
        }
    }

    fn messages(&self, plain: &Plain, happened: &Happened) -> Vec<Message> {
        messages::of(*self, plain, happened)
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// The number of a proposal that is there.
fn plain_number(plain: &Plain, text: &str) -> Option<u64> {
    number(text).filter(|number| plain.proposal(*number).is_some())
}

pub fn json_answer(plain: &Plain, status: u16, body: &Value) -> Answer {
    let date = plain.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers =
        vec![("content-type".to_owned(), "application/json;charset=utf-8".to_owned()), ("date".to_owned(), date)];
    Answer { status, headers, body: serde_json::to_vec(body).unwrap(), at: plain.now }
}

pub fn empty(plain: &Plain, status: u16) -> Answer {
    let mut answer = json_answer(plain, status, &Value::Null);
    answer.body.clear();
    answer.headers.remove(0);
    answer
}

pub fn fails(plain: &Plain, status: u16, message: &str) -> Answer {
    json_answer(plain, status, &json!({ "message": message, "url": "https://forge.example/git/api/swagger" }))
}

/// The same words for everything that is not there.
pub fn missing(plain: &Plain, errors: &[&str]) -> Answer {
    let url = "https://forge.example/git/api/swagger";
    json_answer(plain, 404, &json!({ "message": "The target couldn't be found.", "url": url, "errors": errors }))
}

fn no_route(plain: &Plain) -> Answer {
    let mut answer = empty(plain, 404);
    answer.headers.push(("content-type".to_owned(), "text/plain;charset=utf-8".to_owned()));
    answer.body = b"404 page not found\n".to_vec();
    answer
}

/// One page; `limit` counts only beside `page`.
pub fn page(plain: &Plain, asked: &Asked, all: Vec<Value>) -> Answer {
    let number = |name: &str| asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let count = all.len();
    let page = number("page").unwrap_or(1).max(1);
    let limit = number("limit").unwrap_or(30).clamp(1, plain.page);
    let entries: Vec<Value> = all.into_iter().skip((page - 1) * limit).take(limit).collect();
    let mut answer = json_answer(plain, 200, &Value::Array(entries));
    answer.headers.push(("x-total-count".to_owned(), count.to_string()));
    answer
}

pub fn archived(plain: &Plain) -> Answer {
    fails(plain, 423, &format!("<Repository 1:{}/{}> is archived", plain.owner, plain.repository))
}

/// Refusals that are said alike everywhere.
pub fn refused(plain: &Plain, refused: &Refused) -> Answer {
    match refused {
        Refused::NoSuchProposal => missing(plain, &[]),
        Refused::Archived => archived(plain),
        Refused::MergedAlready => fails(plain, 412, "cannot change state of this pull request, it was already merged"),
        other => panic!("no server says this: {other:?}"),
    }
}
