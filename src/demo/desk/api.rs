//! `/api/v1/repos/acme/flags/…`: what Yardarm asks of a Gitea.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Book, New, Refused, State, Status, Way, shape};
use crate::demo::dialect::Person;

/// The account whose token Yardarm has.
const ACCOUNT: &str = "yardarm";

/// An answer that was made; of a list with the number of its entries.
struct Made {
    status: u16,
    body: Value,
    count: Option<usize>,
}

type Answer = Result<Made, Refused>;

fn made(status: u16, body: Value) -> Made {
    Made { status, body, count: None }
}

fn missing() -> Refused {
    Refused::new(404, "The target couldn't be found.")
}

/// A request, decoded.
struct Asked {
    method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Value,
}

impl Asked {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }
}

/// Answers one request.
pub(super) async fn answer(request: HttpRequest, body: Bytes, book: web::Data<Book>) -> HttpResponse {
    let credential = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let known = credential.is_some_and(|credential| credential.ends_with(&book.token));
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let asked = Asked {
        method: request.method().to_string(),
        path: request.uri().path().split('/').filter(|segment| !segment.is_empty()).map(decoded).collect(),
        query: url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    if asked.path.first().is_none_or(|first| first != "api") {
        return page(&book, &asked);
    }
    if !known {
        return HttpResponse::Unauthorized().json(json!({ "message": "token is required" }));
    }
    let answered = web::block(move || book.answered(&asked)).await;
    let answered = answered.unwrap_or_else(|_| Err(Refused::new(500, "the demonstration's server has died")));
    let made = answered.unwrap_or_else(|refused| Made {
        status: refused.status,
        body: json!({ "message": refused.message, "errors": [] }),
        count: None,
    });
    let mut response = HttpResponse::build(StatusCode::from_u16(made.status).unwrap_or(StatusCode::OK));
    if let Some(count) = made.count {
        response.insert_header(("x-total-count", count.to_string()));
    }
    if made.body.is_null() { response.finish() } else { response.json(made.body) }
}

/// For the person who follows a link to a proposal.
fn page(book: &Book, asked: &Asked) -> HttpResponse {
    let number = match asked.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, _, "pulls", number] => number.parse().ok(),
        _ => None,
    };
    let found = number.and_then(|number| book.lists().any(number).ok().cloned());
    let Some(it) = found else { return HttpResponse::NotFound().body("There is no such page at this forge.\n") };
    let text = format!(
        "#{} {}\n{:?}, by {}: {} into {}\n\n{}\n\nThis forge is made for Yardarm's demonstration; a real one has a page here.\n",
        it.number,
        shape::title(&it),
        it.state,
        it.author,
        it.head,
        it.base,
        it.body
    );
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text)
}

impl Book {
    fn answered(&self, asked: &Asked) -> Answer {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let ["api", "v1", "repos", owner, name, below @ ..] = path.as_slice() else { return Err(missing()) };
        if *owner != self.place.owner || *name != self.place.name {
            return Err(missing());
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| missing());
        Ok(match (asked.method.as_str(), below) {
            ("GET", []) => made(200, self.repository()),
            ("GET", ["pulls"]) => self.listed(asked),
            ("POST", ["pulls"]) => self.opened(asked)?,
            ("GET", ["pulls", one]) => self.shown(200, number(one)?)?,
            ("PATCH", ["pulls", one]) => self.edited(number(one)?, asked)?,
            ("POST", ["pulls", one, "merge"]) => self.merged(number(one)?, asked)?,
            ("GET", ["pulls", one, "reviews"]) => {
                let reviews = self.lists().any(number(one)?)?.reviews.clone();
                paged(asked, reviews.iter().map(shape::review).collect())
            }
            ("GET", ["pulls", base, head]) => {
                let found = self.lists().pulls.iter().find(|it| it.base == *base && it.head == *head).cloned();
                made(200, self.pull(&found.ok_or_else(missing)?))
            }
            ("GET", ["commits", commit, "status"]) => {
                let lists = self.lists();
                let statuses: Vec<Value> =
                    lists.statuses.iter().filter(|it| it.commit == *commit).map(shape::status).collect();
                made(200, json!({ "sha": commit, "total_count": statuses.len(), "statuses": statuses }))
            }
            ("POST", ["statuses", commit]) => {
                let text = |name: &str| asked.text(name).unwrap_or_default().to_owned();
                let status = Status {
                    commit: (*commit).to_owned(),
                    context: text("context"),
                    state: text("state"),
                    description: text("description"),
                    url: text("target_url"),
                };
                let shown = shape::status(&status);
                self.lists().set_status(status);
                made(201, shown)
            }
            ("GET", ["branches", name @ ..]) => {
                let name = name.join("/");
                let tip = self.repository.tip(&name)?.ok_or_else(missing)?;
                made(200, json!({ "name": name, "commit": { "id": tip }, "required_approvals": 0 }))
            }
            ("GET", ["compare", pair @ ..]) => {
                let pair = pair.join("/");
                let (base, head) = pair.split_once("...").ok_or_else(missing)?;
                let range = format!("refs/heads/{base}..refs/heads/{head}");
                let count = self.repository.git(["rev-list", "--count", &range]).map_err(|_| missing())?;
                made(200, json!({ "total_commits": count.trim().parse::<u64>().unwrap_or(0) }))
            }
            ("GET", ["issues", one, "comments"]) => {
                let comments = self.lists().any(number(one)?)?.comments.clone();
                made(200, comments.iter().map(shape::comment).collect())
            }
            ("POST", ["issues", one, "comments"]) => {
                let text = asked.text("body").unwrap_or_default();
                let id = self.comment(number(one)?, ACCOUNT, text)?;
                made(201, shape::comment(&(id, ACCOUNT.to_owned(), text.to_owned())))
            }
            (method @ ("PATCH" | "DELETE"), ["issues", "comments", id]) => {
                self.rewritten(number(id)?, asked.text("body").filter(|_| method == "PATCH"))?
            }
            (_, ["hooks", below @ ..]) => self.hooks(below, asked)?,
            _ => return Err(missing()),
        })
    }

    fn shown(&self, status: u16, number: u64) -> Answer {
        let it = self.lists().any(number)?.clone();
        Ok(made(status, self.pull(&it)))
    }

    fn listed(&self, asked: &Asked) -> Made {
        let open = asked.parameter("state") != Some("closed");
        let mut all: Vec<_> =
            self.lists().pulls.iter().filter(|it| (it.state == State::Open) == open).cloned().collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.updated));
        paged(asked, all.iter().map(|it| self.pull(it)).collect())
    }

    fn opened(&self, asked: &Asked) -> Answer {
        let text = |name: &str| asked.text(name).unwrap_or_default();
        let (title, draft) = shape::split(text("title"));
        let number = self.open(New {
            title: title.to_owned(),
            body: text("body").to_owned(),
            author: ACCOUNT.to_owned(),
            head: text("head").to_owned(),
            base: text("base").to_owned(),
            draft,
        })?;
        self.shown(201, number)
    }

    fn edited(&self, number: u64, asked: &Asked) -> Answer {
        let (title, body) = (asked.text("title"), asked.text("body"));
        if title.is_some() || body.is_some() {
            self.edit(number, title, body)?;
        }
        if let Some(state) = asked.text("state") {
            self.set_open(number, state == "open")?;
        }
        self.shown(200, number)
    }

    fn merged(&self, number: u64, asked: &Asked) -> Answer {
        let either =
            |one: &str, other: &str| asked.text(one).or_else(|| asked.text(other)).unwrap_or_default().to_owned();
        let (title, text) =
            (either("MergeTitleField", "merge_title_field"), either("MergeMessageField", "merge_message_field"));
        let message = if text.is_empty() { title } else { format!("{title}\n\n{text}") };
        let by =
            Person { name: "Yardarm".to_owned(), email: "yardarm@example.com".to_owned(), login: ACCOUNT.to_owned() };
        let way = Way {
            style: &either("do", "Do"),
            head_commit: asked.text("head_commit_id").filter(|id| !id.is_empty()),
            delete_branch: asked.body.get("delete_branch_after_merge").and_then(Value::as_bool).unwrap_or(false),
        };
        self.merge(number, &by, &message, &way)?;
        Ok(made(200, Value::Null))
    }

    fn rewritten(&self, id: u64, text: Option<&str>) -> Answer {
        let mut lists = self.lists();
        let comments = lists.pulls.iter_mut().map(|it| &mut it.comments);
        let mut holding = comments.filter(|comments| comments.iter().any(|(known, ..)| *known == id));
        let comments = holding.next().ok_or_else(missing)?;
        let Some(text) = text else {
            comments.retain(|(known, ..)| *known != id);
            return Ok(made(204, Value::Null));
        };
        let comment = comments.iter_mut().find(|(known, ..)| *known == id).ok_or_else(missing)?;
        text.clone_into(&mut comment.2);
        Ok(made(200, shape::comment(comment)))
    }

    /// Webhooks as they are entered; what is announced goes to the daemon all the same.
    fn hooks(&self, below: &[&str], asked: &Asked) -> Answer {
        let mut lists = self.lists();
        Ok(match (asked.method.as_str(), below) {
            ("GET", []) => paged(asked, lists.hooks.clone()),
            ("POST", []) => {
                let id = lists.id();
                let field = |name: &str| asked.body.get(name).cloned().unwrap_or(Value::Null);
                let mut config = field("config");
                // What is secret is not shown.
                if let Some(config) = config.as_object_mut() {
                    config.remove("secret");
                }
                let hook = json!({
                    "id": id, "type": "gitea", "active": field("active"), "branch_filter": "*", "config": config,
                    "events": ["create", "delete", "push", "pull_request", "pull_request_comment", "pull_request_review_approved",
                               "pull_request_review_rejected", "pull_request_sync"],
                });
                lists.hooks.push(hook.clone());
                made(201, hook)
            }
            ("DELETE", [id]) => {
                lists.hooks.retain(|it| it.get("id").and_then(Value::as_u64) != id.parse().ok());
                made(204, Value::Null)
            }
            ("POST", [_, "tests"]) => {
                let payload = json!({ "ref": "refs/heads/main", "repository": self.repository(), "commits": [] });
                lists.happened.push(super::Happened { event: "push", payload });
                made(204, Value::Null)
            }
            _ => return Err(missing()),
        })
    }
}

/// One page of a list.
fn paged(asked: &Asked, all: Vec<Value>) -> Made {
    let number = |name: &str| asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let (count, limit) = (all.len(), number("limit").unwrap_or(30).clamp(1, 50));
    let before = number("page").unwrap_or(1).saturating_sub(1).saturating_mul(limit);
    let entries: Vec<Value> = all.into_iter().skip(before).take(limit).collect();
    Made { status: 200, body: Value::Array(entries), count: Some(count) }
}
