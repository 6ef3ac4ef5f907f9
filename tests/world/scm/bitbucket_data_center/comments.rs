//! Its comments: listed only among everything else that happened, the newest first, and changed by version.

use serde_json::{Value, json};
use yardarm::provider::api::Answer;

use super::Request;
use super::shape::{remark, user};

impl Request<'_> {
    pub(super) fn activities(&self, number: u64) -> Answer {
        let proposal = self.plain.proposal(number).unwrap();
        let dates = self.version.dates();
        let at = dates.of(self.plain.now);
        let mut all: Vec<Value> = Vec::new();
        for comment in proposal.comments.iter().rev() {
            all.push(json!({
                "id": comment.id + 1_000, "createdDate": at, "user": user(&comment.by), "action": "COMMENTED",
                "commentAction": "ADDED", "comment": remark(comment, dates, self.plain.now),
            }));
        }
        if let Some(commit) = &proposal.merge_commit {
            let merged = json!({"id": 2, "createdDate": at, "user": user(&proposal.author), "action": "MERGED"});
            all.insert(0, merged);
            all[0]["commit"] = json!({"id": commit, "displayId": &commit[..11]});
        }
        all.push(json!({"id": 1, "createdDate": at, "user": user(&proposal.author), "action": "OPENED"}));
        self.page(&all)
    }

    pub(super) fn comment(&mut self, number: u64) -> Answer {
        let Some(text) = self.text("/text").map(str::to_owned) else {
            return self.error(400, "validation.ArgumentValidationException", "Please supply a text.");
        };
        let id = self.plain.comment(number, &self.person.name, &text).unwrap();
        let comment = self.plain.proposal(number).unwrap().comments.iter().find(|it| it.id == id).unwrap();
        self.reply(201, &remark(comment, self.version.dates(), self.plain.now))
    }

    pub(super) fn one_comment(&mut self, number: u64, id: &str) -> Answer {
        let in_query = self.asked.parameter("version").and_then(|version| version.parse().ok());
        let told = in_query.or_else(|| self.asked.body.as_ref()?["version"].as_u64());
        let text = self.text("/text").map(str::to_owned);
        let comments = &mut self.plain.proposal_mut(number).unwrap().comments;
        let Some(at) = comments.iter().position(|comment| comment.id.to_string() == id) else {
            let words = format!("The comment with ID {id} does not exist.");
            return self.error(404, "comment.NoSuchCommentException", &words);
        };
        let comment = &mut comments[at];
        if self.asked.method != "GET" && told != Some(comment.version) {
            return self.stale("comment.CommentOutOfDateException");
        }
        match self.asked.method {
            "DELETE" => {
                comments.remove(at);
                return self.reply(204, &Value::Null);
            }
            "PUT" => {
                comment.text = text.unwrap();
                comment.version += 1;
            }
            _ => {}
        }
        let comment = comments[at].clone();
        self.reply(200, &remark(&comment, self.version.dates(), self.plain.now))
    }
}
