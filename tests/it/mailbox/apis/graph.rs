//! Microsoft Graph: folders whose changes are listed by delta queries, in pages of three. A mail that is moved gets another id.

use serde_json::{Value, json};

use super::server::{Asked, Mailbox, Reply};

const PAGE: usize = 3;
const INBOX: &str = "AAMkAGVmMDEzAAAAAAEMAAA=";

struct Folder {
    id: String,
    name: String,
    parent: String,
}

struct Mail {
    number: usize,
    folder: String,
    content: String,
}

/// What happened in a folder.
struct Event {
    folder: String,
    number: usize,
    is_removed: bool,
}

pub struct Graph {
    folders: Vec<Folder>,
    mails: Vec<Mail>,
    events: Vec<Event>,
    numbers: usize,
    generation: usize,
}

impl Default for Graph {
    fn default() -> Self {
        let inbox = Folder {
            id: INBOX.to_owned(),
            // The server speaks German: only the well-known name is the same everywhere.
            name: "Posteingang".to_owned(),
            parent: "mailFolders".to_owned(),
        };
        Self {
            folders: vec![inbox],
            mails: Vec::new(),
            events: Vec::new(),
            numbers: 0,
            generation: 1,
        }
    }
}

fn id(number: usize) -> String {
    format!("AAMkAGVmMDEz/{number}+AAA=")
}

fn refused(status: u16, code: &str) -> Reply {
    let inner = json!({ "date": "2026-03-23T10:00:00", "request-id": "f5a6-1", "client-request-id": "f5a6-2" });
    Reply::Json(
        status,
        json!({ "error": { "code": code, "message": "The specified object was not found in the store.", "innerError": inner } }),
    )
}

impl Graph {
    fn shown(&self, folder: &Folder) -> Value {
        let total = self.mails.iter().filter(|mail| mail.folder == folder.id).count();
        json!({
            "id": folder.id, "displayName": folder.name, "parentFolderId": folder.parent, "childFolderCount": 0,
            "unreadItemCount": total, "totalItemCount": total, "sizeInBytes": 0, "isHidden": false,
        })
    }

    fn move_to(&mut self, number: usize, folder: &str) {
        let at = self.mails.iter().position(|mail| mail.number == number).unwrap();
        let old = self.mails.remove(at);
        self.note(&old.folder, number, true);
        self.add(folder, old.content);
    }

    fn add(&mut self, folder: &str, content: String) {
        self.numbers += 1;
        self.note(folder, self.numbers, false);
        self.mails.push(Mail {
            number: self.numbers,
            folder: folder.to_owned(),
            content,
        });
    }

    fn note(&mut self, folder: &str, number: usize, is_removed: bool) {
        self.events.push(Event {
            folder: folder.to_owned(),
            number,
            is_removed,
        });
    }

    fn number(&self, folder: &str, id_asked: &str) -> Option<usize> {
        let mails = self.mails.iter().filter(|mail| mail.folder == folder);
        mails.map(|mail| mail.number).find(|number| id(*number) == id_asked)
    }

    fn folders(&mut self, parent: &str, asked: &Asked) -> Reply {
        if asked.is_post {
            let name = asked.body["displayName"].as_str().unwrap().to_owned();
            if self
                .folders
                .iter()
                .any(|folder| folder.parent == parent && folder.name == name)
            {
                return refused(409, "ErrorFolderExists");
            }
            let folder = Folder {
                id: format!("AAMkFolder{}=", self.folders.len()),
                name,
                parent: parent.to_owned(),
            };
            let shown = self.shown(&folder);
            self.folders.push(folder);
            return Reply::Json(201, shown);
        }
        let wanted = asked.query["$filter"].strip_prefix("displayName eq '").unwrap();
        let wanted = wanted.strip_suffix('\'').unwrap().replace("''", "'");
        let found = self
            .folders
            .iter()
            .filter(|folder| folder.parent == parent && folder.name == wanted);
        let found: Vec<_> = found.map(|folder| self.shown(folder)).collect();
        Reply::Json(
            200,
            json!({ "@odata.context": "$metadata#mailFolders", "value": found }),
        )
    }

    /// From the beginning, behind a page (`s.EVENTS.NUMBER` of all mail, `c.EVENTS` of changes), or behind an end (`GENERATION.EVENTS`).
    fn delta(&self, folder: &str, asked: &Asked) -> Reply {
        let skip = asked.query.get("$skiptoken").map(String::as_str).unwrap_or_default();
        let skip: Vec<_> = skip.split('.').collect();
        let parse = |text: &str| text.parse::<usize>().unwrap();
        let changes_from = match (asked.query.get("$deltatoken"), &*skip) {
            (Some(token), _) => {
                let (generation, from) = token.split_once('.').unwrap();
                if parse(generation) != self.generation {
                    return refused(410, "SyncStateNotFound");
                }
                Some(parse(from))
            }
            (None, ["c", from]) => Some(parse(from)),
            _ => None,
        };
        let link = |name: &str, token: String| {
            let folder = folder.replace('=', "%3D");
            format!(
                "{}{}box@x/mailFolders('{folder}')/messages/delta?${name}={token}",
                asked.server,
                Self::ROOT
            )
        };
        let (values, next): (Vec<Value>, _) = match changes_from {
            Some(from) => {
                let (values, to) = self.changes(folder, from);
                (values, to.map(|to| link("skiptoken", format!("c.{to}"))))
            }
            None => {
                let (from, events) = match &*skip {
                    ["s", events, number] => (parse(number), parse(events)),
                    _ => (0, self.events.len()),
                };
                let mails = self
                    .mails
                    .iter()
                    .filter(|mail| mail.folder == folder && mail.number > from);
                let mut numbers: Vec<_> = mails.map(|mail| mail.number).collect();
                let is_cut = numbers.len() > PAGE;
                numbers.truncate(PAGE);
                let last = numbers.last().copied().unwrap_or_default();
                let values = numbers
                    .iter()
                    .map(|number| json!({ "@odata.etag": "W/\"CQAAA\"", "id": id(*number) }));
                let next = match is_cut {
                    true => link("skiptoken", format!("s.{events}.{last}")),
                    false => {
                        return self.page(
                            values.collect(),
                            "@odata.deltaLink",
                            &link("deltatoken", format!("{}.{events}", self.generation)),
                        );
                    }
                };
                (values.collect(), Some(next))
            }
        };
        match next {
            Some(next) => self.page(values, "@odata.nextLink", &next),
            None => {
                let end = format!("{}.{}", self.generation, self.events.len());
                self.page(values, "@odata.deltaLink", &link("deltatoken", end))
            }
        }
    }

    /// A page of changes, and where the next one begins.
    fn changes(&self, folder: &str, from: usize) -> (Vec<Value>, Option<usize>) {
        let events = self.events[from..]
            .iter()
            .take(PAGE)
            .filter(|event| event.folder == folder);
        let values = events.map(|event| match event.is_removed {
            true => json!({ "id": id(event.number), "@removed": { "reason": "deleted" } }),
            false => json!({ "@odata.etag": "W/\"CQAAA\"", "id": id(event.number) }),
        });
        let to = from + PAGE;
        (values.collect(), (to < self.events.len()).then_some(to))
    }

    fn page(&self, values: Vec<Value>, name: &str, link: &str) -> Reply {
        let context = format!("$metadata#Collection(message)&generation={}", self.generation);
        let mut page = json!({ "@odata.context": context, "value": values });
        page[name] = json!(link);
        Reply::Json(200, page)
    }
}

impl Mailbox for Graph {
    const LIST: &'static str = "graph";
    const ROOT: &'static str = "/v1.0/users/";
    const SETTINGS: &'static str =
        "user = \"box@x\"\nprocessed_folder = \"Done/It's in\"\nfailed_folder = \"inbox/Failed\"\n";

    fn deliver(&mut self, content: &str) {
        self.add(INBOX, content.to_owned());
    }

    fn take_away(&mut self, content: &str) {
        let mail = self
            .mails
            .iter()
            .find(|mail| mail.folder == INBOX && mail.content == content);
        let number = mail.unwrap().number;
        self.move_to(number, "elsewhere");
    }

    fn put_back(&mut self, content: &str) {
        let mail = self
            .mails
            .iter()
            .find(|mail| mail.folder == "elsewhere" && mail.content == content);
        let number = mail.unwrap().number;
        self.move_to(number, INBOX);
    }

    fn contents(&self, folder: &str) -> Vec<String> {
        let name = match folder {
            "read" => "Posteingang",
            "processed" => "It's in",
            _ => "Failed",
        };
        let folder = self.folders.iter().find(|folder| folder.name == name);
        let id = folder.map_or("", |folder| folder.id.as_str());
        let mails = self.mails.iter().filter(|mail| mail.folder == id);
        let mut contents: Vec<_> = mails.map(|mail| mail.content.clone()).collect();
        contents.sort();
        contents
    }

    fn forget_changes(&mut self) {
        self.generation += 1;
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let [user, path @ ..] = &*path else { panic!("{path:?}") };
        assert_eq!(*user, "box@x");
        match path {
            ["mailFolders"] => self.folders("mailFolders", asked),
            ["mailFolders", "inbox"] => Reply::Json(200, self.shown(&self.folders[0])),
            ["mailFolders", id, "childFolders"] => self.folders(id, asked),
            ["mailFolders", folder, "messages", "delta"] => self.delta(folder, asked),
            [folder, "messages", "delta"] => {
                let folder = folder
                    .strip_prefix("mailFolders('")
                    .unwrap()
                    .strip_suffix("')")
                    .unwrap();
                self.delta(folder, asked)
            }
            ["mailFolders", folder, "messages", id, what] => match (self.number(folder, id), *what) {
                (None, _) => refused(404, "ErrorItemNotFound"),
                (Some(number), "$value") => {
                    let mail = self.mails.iter().find(|mail| mail.number == number).unwrap();
                    Reply::Bytes(mail.content.clone().into_bytes())
                }
                (Some(number), _) => {
                    let folder = asked.body["destinationId"].as_str().unwrap().to_owned();
                    self.move_to(number, &folder);
                    Reply::Json(
                        201,
                        json!({ "id": super::graph::id(self.numbers), "parentFolderId": folder, "isRead": false }),
                    )
                }
            },
            other => panic!("{other:?}"),
        }
    }
}
