//! Folders of Exchange mailboxes over Microsoft Graph.
//!
//! New mail is found by delta queries. The ids are those that change when a mail is moved: with Graph's immutable ids, a mail
//! that was moved away and back between two queries is never listed again. Each request names the folder, so that mail
//! that someone moved meanwhile is not there.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::bearer::{Api, ApiSettings, Ask, failure, parsed, refusal};
use super::outcome::{Contents, Failure};
use super::reading::{Feed, Reading};
use super::shelf::{Change, Destination, Fetched, Found, Next, Page, Progress, PutAway, Shelf, Start, keep_reading};
use crate::health::Trouble;
use crate::outbound::{Answer, percent_encoded};

/// Mails of one page. Graph's default is 10.
const PAGE_MESSAGES: usize = 200;
/// Folders that have a name of their own in every language.
const WELL_KNOWN: [&str; 5] = ["archive", "deleteditems", "inbox", "junkemail", "msgfolderroot"];

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphSettings {
    pub api: ApiSettings,
    /// Address or id of the mailbox.
    pub user: String,
    /// Names with slashes between them. The first may be a well-known one, as `inbox`.
    pub folder: String,
    /// Folder for mail whose reports are stored; `None`: mail stays in place.
    pub processed: Option<String>,
    pub failed: Option<String>,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            api: ApiSettings {
                url: "https://graph.microsoft.com/v1.0".to_owned(),
                ..ApiSettings::default()
            },
            user: String::new(),
            folder: "inbox".to_owned(),
            processed: None,
            failed: None,
        }
    }
}

/// A mailbox that is read.
pub(crate) struct GraphMailbox {
    settings: GraphSettings,
    progress: Progress,
}

impl GraphMailbox {
    /// A mailbox that has not been read yet.
    pub fn new(settings: GraphSettings) -> Self {
        let progress = Progress::default();
        Self { settings, progress }
    }
}

impl Feed for GraphMailbox {
    fn place(&self) -> String {
        let GraphSettings { api, user, folder, .. } = &self.settings;
        format!("graph:{user} {folder} {}", api.url)
    }

    fn contents(&self) -> Contents {
        Contents::Mail
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let folder = Box::pin(Folder::open(&self.settings, reading)).await?;
            keep_reading(reading, &folder, &self.progress).await
        }
        .boxed()
    }
}

/// A folder, and where its mail goes.
struct Folder<'s> {
    api: Api<'s>,
    settings: &'s GraphSettings,
    id: String,
    processed: Option<String>,
    failed: Option<String>,
    message_bytes_max: u64,
}

#[derive(Deserialize)]
struct FolderBody {
    id: String,
    #[serde(rename = "displayName", default)]
    name: String,
}

#[derive(Deserialize)]
struct FoldersBody {
    value: Vec<FolderBody>,
}

#[derive(Deserialize)]
struct PageBody {
    value: Vec<MessageBody>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    end: Option<String>,
}

#[derive(Deserialize)]
struct MessageBody {
    id: String,
    #[serde(rename = "@removed")]
    removed: Option<serde::de::IgnoredAny>,
}

impl<'s> Folder<'s> {
    async fn open(settings: &'s GraphSettings, reading: &Reading) -> Result<Self, Failure> {
        let message_bytes_max = reading.all.message_bytes_max;
        let mut folder = Self {
            // One byte more shows a message that is too long.
            api: Api::new(&settings.api, reading, message_bytes_max.saturating_add(1))?,
            settings,
            id: String::new(),
            processed: None,
            failed: None,
            message_bytes_max,
        };
        folder.id = folder.find(&settings.folder, Missing::IsWrong).await?;
        if let Some(path) = &settings.processed {
            folder.processed = Some(folder.find(path, Missing::IsMade).await?);
        }
        if let Some(path) = &settings.failed {
            folder.failed = Some(folder.find(path, Missing::IsMade).await?);
        }
        // Two names may be one folder: mail would go in a circle.
        if [&folder.processed, &folder.failed]
            .into_iter()
            .flatten()
            .any(|id| *id == folder.id)
        {
            let what = "mail cannot go to the folder that it is read from: processed_folder or failed_folder is folder";
            return Err(Failure::new(Trouble::FolderRefused, what));
        }
        Ok(folder)
    }

    /// A path below the mailbox.
    fn target(&self, path: &str) -> String {
        let user = percent_encoded(&self.settings.user);
        self.api.target(&format!("users/{user}/{path}"))
    }

    fn message(&self, id: &str, what: &str) -> String {
        let (folder, id) = (percent_encoded(&self.id), percent_encoded(id));
        self.target(&format!("mailFolders/{folder}/messages/{id}/{what}"))
    }

    /// The id of a folder.
    async fn find(&self, path: &str, missing: Missing) -> Result<String, Failure> {
        let mut parent = "mailFolders".to_owned();
        let mut id = String::new();
        for (nth, name) in path.split('/').enumerate() {
            let known = name.to_ascii_lowercase();
            let found = match nth == 0 && WELL_KNOWN.contains(&known.as_str()) {
                true => {
                    let answer = self
                        .api
                        .ask(Ask::get(self.target(&format!("mailFolders/{known}"))))
                        .await?;
                    Some(parsed::<FolderBody>(&answer)?.id)
                }
                false => self.child(&parent, name).await?,
            };
            id = match (found, missing) {
                (Some(id), _) => id,
                (None, Missing::IsMade) => self.make(&parent, name).await?,
                (None, Missing::IsWrong) => {
                    let what = format!("there is no folder {name:?} in this mailbox");
                    return Err(Failure::new(Trouble::FolderRefused, what));
                }
            };
            parent = format!("mailFolders/{}/childFolders", percent_encoded(&id));
        }
        Ok(id)
    }

    async fn child(&self, parent: &str, name: &str) -> Result<Option<String>, Failure> {
        let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
        let target = format!("{parent}?$select=id,displayName&$filter={}", percent_encoded(&filter));
        let answer = self.api.ask(Ask::get(self.target(&target))).await?;
        let FoldersBody { value } = parsed(&answer)?;
        let same = value
            .into_iter()
            .find(|folder| folder.name.to_lowercase() == name.to_lowercase());
        Ok(same.map(|folder| folder.id))
    }

    async fn make(&self, parent: &str, name: &str) -> Result<String, Failure> {
        let ask = Ask::post(self.target(parent), json!({ "displayName": name }));
        let answer = self.api.ask(ask).await?;
        // Another node has made it.
        if answer.status == 409
            && let Some(id) = self.child(parent, name).await?
        {
            return Ok(id);
        }
        Ok(parsed::<FolderBody>(&answer)?.id)
    }

    /// The target behind a link of an answer.
    fn linked(&self, link: &str) -> Result<String, Failure> {
        self.api.linked(link).ok_or_else(|| {
            let what = format!("a link leads to {link}, where no token may go");
            Failure::new(Trouble::Answer, what)
        })
    }
}

/// What is done about a folder that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsMade,
    IsWrong,
}

impl Shelf for Folder<'_> {
    async fn page(&self, start: Start<'_>) -> Result<Option<Page>, Failure> {
        let target = match start {
            Start::Beginning => {
                let folder = percent_encoded(&self.id);
                self.target(&format!("mailFolders/{folder}/messages/delta?$select=id"))
            }
            Start::Changes(target) | Start::Page(target) => target.to_owned(),
        };
        let mut ask = Ask::get(target);
        ask.headers
            .push(("prefer", format!("odata.maxpagesize={PAGE_MESSAGES}")));
        let answer = self.api.ask(ask).await?;
        if answer.status == 410 || is_sync_lost(&answer) {
            return Ok(None);
        }
        let PageBody { value, next, end } = parsed(&answer)?;
        let changes = value.into_iter().map(|message| match message.removed {
            Some(_) => Change::Gone(message.id),
            None => Change::Found(Found {
                name: message.id,
                bytes: None,
            }),
        });
        let next = match (next, end) {
            (Some(next), _) => Next::Page(self.linked(&next)?),
            (None, Some(end)) => Next::End(Some(self.linked(&end)?)),
            (None, None) => {
                let what = "a page of the listing has no link to what follows";
                return Err(Failure::new(Trouble::Answer, what));
            }
        };
        let changes = changes.collect();
        Ok(Some(Page { changes, next }))
    }

    async fn fetch(&self, id: &str) -> Result<Fetched, Failure> {
        let answer = self.api.fetch(Ask::get(self.message(id, "$value"))).await?;
        let length = answer.body.len() as u64;
        Ok(match answer.status {
            200 if length > self.message_bytes_max => Fetched::TooLarge(length),
            200 if length == 0 => Fetched::Refused("the server leaves the message out of its answer".to_owned()),
            200 if answer.is_whole => Fetched::Whole(answer.body),
            200 => Fetched::Refused("the transfer broke off".to_owned()),
            404 | 410 if !is_folder_gone(&answer) => Fetched::Gone,
            400 | 403 | 409 | 423 | 500.. => Fetched::Refused(failure(&answer).detail),
            _ => return Err(failure(&answer)),
        })
    }

    async fn put_away(&self, id: &str, to: Destination) -> Result<PutAway, Failure> {
        let folder = match to {
            Destination::Processed => &self.processed,
            Destination::Failed => &self.failed,
        };
        let Some(folder) = folder else {
            return Ok(PutAway::Stays);
        };
        let ask = Ask::post(self.message(id, "move"), json!({ "destinationId": folder }));
        let answer = self.api.ask(ask).await?;
        Ok(match answer.status {
            200..=299 => PutAway::Gone,
            404 | 410 if !is_folder_gone(&answer) => PutAway::Gone,
            400 | 403 | 409 | 423 if !is_folder_gone(&answer) => PutAway::Refused(failure(&answer).detail),
            500.. => PutAway::Refused(failure(&answer).detail),
            _ => return Err(failure(&answer)),
        })
    }

    fn origin(&self, id: &str) -> String {
        let GraphSettings { user, folder, .. } = self.settings;
        format!("graph:{user}/{folder}/{id}")
    }
}

/// Whether the server has forgotten how far a client was: it says so with one of several statuses.
fn is_sync_lost(answer: &Answer) -> bool {
    let code = refusal(answer).code.to_ascii_lowercase();
    matches!(
        code.as_str(),
        "syncstatenotfound" | "syncstateinvalid" | "resyncrequired" | "invalidsyncstatedata"
    )
}

/// Whether a folder has gone, and not the mail: the folders must be looked for again.
fn is_folder_gone(answer: &Answer) -> bool {
    let code = refusal(answer).code;
    code.contains("Folder") || code == "MailboxNotEnabledForRESTAPI"
}
