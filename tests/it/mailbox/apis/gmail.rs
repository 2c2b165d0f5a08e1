//! The Gmail API: labels, a history of the mailbox, and lists in pages of three, the newest first.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use serde_json::{Value, json};

use super::server::{Asked, Mailbox, Reply};

const PAGE: usize = 3;

struct Mail {
    id: String,
    labels: BTreeSet<String>,
    content: String,
}

pub struct Gmail {
    /// Id and name.
    labels: Vec<(String, String)>,
    mails: Vec<Mail>,
    /// The label that a change is about, and the record without its id; the first has the id `first`.
    history: Vec<(String, Value)>,
    first: usize,
}

impl Default for Gmail {
    fn default() -> Self {
        let system = ["INBOX", "SENT", "TRASH"].map(|name| (name.to_owned(), name.to_owned()));
        Self {
            labels: system.into(),
            mails: Vec::new(),
            history: Vec::new(),
            first: 5_000,
        }
    }
}

fn refused(status: u16, reason: &str) -> Reply {
    let error = json!({ "message": "Requested entity was not found.", "domain": "global", "reason": reason });
    let message = "Requested entity was not found.";
    Reply::Json(
        status,
        json!({ "error": { "code": status, "message": message, "errors": [error], "status": "NOT_FOUND" } }),
    )
}

impl Gmail {
    /// The id of the newest record.
    fn newest(&self) -> usize {
        self.first + self.history.len()
    }

    fn relabel(&mut self, at: usize, add: &[String], remove: &[String]) {
        let mail = &mut self.mails[at];
        for label in remove {
            if mail.labels.remove(label) {
                let change = json!([{ "message": { "id": mail.id, "threadId": mail.id }, "labelIds": [label] }]);
                self.history.push((label.clone(), json!({ "labelsRemoved": change })));
            }
        }
        for label in add {
            if mail.labels.insert(label.clone()) {
                let change = json!([{ "message": { "id": mail.id, "threadId": mail.id }, "labelIds": [label] }]);
                self.history.push((label.clone(), json!({ "labelsAdded": change })));
            }
        }
    }

    fn at(&self, content: &str) -> usize {
        self.mails.iter().position(|mail| mail.content == content).unwrap()
    }

    fn label_id(&self, name: &str) -> String {
        let label = self.labels.iter().find(|(_, known)| known == name);
        label.map_or_else(String::new, |(id, _)| id.clone())
    }

    /// As its owner does it: mails lose the label.
    pub fn delete_label(&mut self, name: &str) {
        let id = self.label_id(name);
        self.labels.retain(|(known, _)| *known != id);
        for mail in &mut self.mails {
            mail.labels.remove(&id);
        }
    }

    fn list(&self, asked: &Asked) -> Reply {
        let label = &asked.query["labelIds"];
        let mails = self.mails.iter().rev().filter(|mail| mail.labels.contains(label));
        // Where a page begins moves with what leaves the list.
        let from = asked.query.get("pageToken").map_or(0, |token| token.parse().unwrap());
        let ids: Vec<_> = mails
            .map(|mail| json!({ "id": mail.id, "threadId": mail.id }))
            .collect();
        let page: Vec<_> = ids.iter().skip(from).take(PAGE).cloned().collect();
        let mut body = json!({ "resultSizeEstimate": ids.len() });
        if !page.is_empty() {
            body["messages"] = json!(page);
        }
        if from + PAGE < ids.len() {
            body["nextPageToken"] = json!((from + PAGE).to_string());
        }
        Reply::Json(200, body)
    }

    fn changes(&self, asked: &Asked) -> Reply {
        let start: usize = asked.query["startHistoryId"].parse().unwrap();
        if start < self.first {
            return refused(404, "notFound");
        }
        let label = &asked.query["labelId"];
        let from = asked
            .query
            .get("pageToken")
            .map_or(start, |token| token.parse().unwrap());
        let all: Vec<_> = (self.first + 1..)
            .zip(&self.history)
            .filter(|(id, _)| *id > from)
            .collect();
        let page: Vec<_> = all.iter().take(PAGE).collect();
        let records: Vec<_> = page
            .iter()
            .filter(|(_, (of, _))| of == label)
            .map(|(id, (_, record))| {
                let mut record = record.clone();
                record["id"] = json!(id.to_string());
                record
            })
            .collect();
        let mut body = json!({ "historyId": self.newest().to_string() });
        if !records.is_empty() {
            body["history"] = json!(records);
        }
        if all.len() > PAGE {
            body["nextPageToken"] = json!(page.last().unwrap().0.to_string());
        }
        Reply::Json(200, body)
    }
}

impl Mailbox for Gmail {
    const LIST: &'static str = "gmail";
    const ROOT: &'static str = "/gmail/v1/users/";
    const SETTINGS: &'static str = "processed_label = \"Done\"\nfailed_label = \"Failed\"\n";

    fn deliver(&mut self, content: &str) {
        let id = format!("18c{:013x}", self.mails.len() + 1);
        let mail = Mail {
            id: id.clone(),
            labels: ["INBOX", "UNREAD"].map(str::to_owned).into(),
            content: content.to_owned(),
        };
        self.mails.push(mail);
        let added = json!([{ "message": { "id": id, "threadId": id, "labelIds": ["INBOX", "UNREAD"] } }]);
        self.history
            .push(("INBOX".to_owned(), json!({ "messagesAdded": added })));
    }

    fn take_away(&mut self, content: &str) {
        self.relabel(self.at(content), &["TRASH".to_owned()], &["INBOX".to_owned()]);
    }

    fn put_back(&mut self, content: &str) {
        self.relabel(self.at(content), &["INBOX".to_owned()], &["TRASH".to_owned()]);
    }

    fn contents(&self, folder: &str) -> Vec<String> {
        let id = self.label_id(match folder {
            "read" => "INBOX",
            "processed" => "Done",
            _ => "Failed",
        });
        let mails = self.mails.iter().filter(|mail| mail.labels.contains(&id));
        let mut contents: Vec<_> = mails.map(|mail| mail.content.clone()).collect();
        contents.sort();
        contents
    }

    fn forget_changes(&mut self) {
        self.first += 1_000;
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let ["me", path @ ..] = &*path else { panic!("{path:?}") };
        match path {
            ["profile"] => Reply::Json(
                200,
                json!({ "emailAddress": "box@x", "messagesTotal": self.mails.len(), "threadsTotal": 1, "historyId": self.newest().to_string() }),
            ),
            ["labels"] if asked.is_post => {
                let name = asked.body["name"].as_str().unwrap().to_owned();
                let id = format!("Label_{}_{}", self.labels.len(), self.newest());
                self.labels.push((id.clone(), name.clone()));
                Reply::Json(
                    200,
                    json!({ "id": id, "name": name, "messageListVisibility": "show", "labelListVisibility": "labelShow" }),
                )
            }
            ["labels"] => {
                let labels = self
                    .labels
                    .iter()
                    .map(|(id, name)| json!({ "id": id, "name": name, "type": "user" }));
                Reply::Json(200, json!({ "labels": labels.collect::<Vec<_>>() }))
            }
            ["messages"] => self.list(asked),
            ["history"] => self.changes(asked),
            ["messages", id, what @ ..] => {
                let Some(at) = self.mails.iter().position(|mail| mail.id == *id) else {
                    return refused(404, "notFound");
                };
                if let ["modify"] = what {
                    let list = |name: &str| serde_json::from_value::<Vec<String>>(asked.body[name].clone()).unwrap();
                    let is_known = |id: &String| self.labels.iter().any(|(known, _)| known == id);
                    if let Some(id) = list("addLabelIds").iter().find(|id| !is_known(id)) {
                        let message = format!("Invalid label: {id}");
                        return Reply::Json(400, json!({ "error": { "code": 400, "message": message } }));
                    }
                    self.relabel(at, &list("addLabelIds"), &list("removeLabelIds"));
                }
                let mail = &self.mails[at];
                let mut body = json!({
                    "id": mail.id, "threadId": mail.id, "labelIds": mail.labels, "snippet": "Report domain",
                    "historyId": self.newest().to_string(), "internalDate": "1772323200000", "sizeEstimate": mail.content.len(),
                });
                if asked.query.get("format").is_some_and(|format| format == "raw") {
                    body["raw"] = json!(BASE64_URL_SAFE.encode(&mail.content));
                }
                Reply::Json(200, body)
            }
            other => panic!("{other:?}"),
        }
    }
}
