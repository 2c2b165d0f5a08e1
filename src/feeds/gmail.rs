//! Labels of Google mailboxes over the Gmail API.
//!
//! A label is what a folder is elsewhere: mail that is put away loses the label that is read and gets another. New mail is
//! found by the history of the mailbox; a mail that has lost the label meanwhile is not there.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;

use super::bearer::{Api, ApiSettings, Ask, failure, parsed};
use super::outcome::{Contents, Failure};
use super::reading::{Feed, Reading};
use super::shelf::{Change, Destination, Fetched, Found, Next, Page, Progress, PutAway, Shelf, Start, keep_reading};
use crate::health::Trouble;
use crate::outbound::percent_encoded;

/// Entries of one page: the most that Gmail gives.
const PAGE_ENTRIES: usize = 500;
/// What an answer with a message has besides the message, bytes.
const AROUND_BYTES_MAX: u64 = 256 * 1024;
/// RFC 4648, 5. Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GmailSettings {
    pub api: ApiSettings,
    /// Address of the mailbox, or `me`: whose token it is.
    pub user: String,
    /// Name of the label that is read.
    pub label: String,
    /// Label for mail whose reports are stored; `None`: mail keeps its label.
    pub processed: Option<String>,
    pub failed: Option<String>,
}

impl Default for GmailSettings {
    fn default() -> Self {
        Self {
            api: ApiSettings {
                url: "https://gmail.googleapis.com/gmail/v1".to_owned(),
                ..ApiSettings::default()
            },
            user: "me".to_owned(),
            label: "INBOX".to_owned(),
            processed: None,
            failed: None,
        }
    }
}

/// A mailbox that is read.
pub(crate) struct GmailMailbox {
    settings: GmailSettings,
    progress: Progress,
}

impl GmailMailbox {
    /// A mailbox that has not been read yet.
    pub fn new(settings: GmailSettings) -> Self {
        let progress = Progress::default();
        Self { settings, progress }
    }
}

impl Feed for GmailMailbox {
    fn place(&self) -> String {
        let GmailSettings { api, user, label, .. } = &self.settings;
        format!("gmail:{user} {label} {}", api.url)
    }

    fn contents(&self) -> Contents {
        Contents::Mail
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let label = Box::pin(Label::open(&self.settings, reading)).await?;
            keep_reading(reading, &label, &self.progress).await
        }
        .boxed()
    }
}

/// A label, and those that its mail gets.
struct Label<'s> {
    api: Api<'s>,
    settings: &'s GmailSettings,
    id: String,
    processed: Option<String>,
    failed: Option<String>,
    message_bytes_max: u64,
}

#[derive(Deserialize)]
struct LabelBody {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct LabelsBody {
    #[serde(default)]
    labels: Vec<LabelBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileBody {
    history_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessagesBody {
    #[serde(default)]
    messages: Vec<IdBody>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct IdBody {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryBody {
    #[serde(default)]
    history: Vec<EntryBody>,
    next_page_token: Option<String>,
    history_id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EntryBody {
    messages_added: Vec<ChangeBody>,
    labels_added: Vec<ChangeBody>,
    labels_removed: Vec<ChangeBody>,
    messages_deleted: Vec<ChangeBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeBody {
    message: IdBody,
    /// Of a change of labels.
    #[serde(default)]
    label_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageBody {
    #[serde(default)]
    label_ids: Vec<String>,
    #[serde(default)]
    size_estimate: u64,
    #[serde(default)]
    raw: String,
}

impl<'s> Label<'s> {
    async fn open(settings: &'s GmailSettings, reading: &Reading) -> Result<Self, Failure> {
        let message_bytes_max = reading.all.message_bytes_max;
        // Four characters for three bytes.
        let answer_bytes_max = message_bytes_max.saturating_add(message_bytes_max / 3 + AROUND_BYTES_MAX);
        let mut label = Self {
            api: Api::new(&settings.api, reading, answer_bytes_max)?,
            settings,
            id: String::new(),
            processed: None,
            failed: None,
            message_bytes_max,
        };
        let LabelsBody { labels } = parsed(&label.api.ask(Ask::get(label.target("labels"))).await?)?;
        let known: HashMap<_, _> = labels.into_iter().map(|label| (label.name, label.id)).collect();
        let id = known.get(&settings.label).cloned();
        label.id = id.ok_or_else(|| {
            let what = format!("there is no label {:?} in this mailbox", settings.label);
            Failure::new(Trouble::FolderRefused, what)
        })?;
        if let Some(name) = &settings.processed {
            label.processed = Some(label.find_or_make(&known, name).await?);
        }
        if let Some(name) = &settings.failed {
            label.failed = Some(label.find_or_make(&known, name).await?);
        }
        // A label that is added and removed at once: mail would stay and come again.
        if [&label.processed, &label.failed]
            .into_iter()
            .flatten()
            .any(|id| *id == label.id)
        {
            let what = "mail cannot get the label that is read: processed_label or failed_label is label";
            return Err(Failure::new(Trouble::FolderRefused, what));
        }
        Ok(label)
    }

    /// A path below the mailbox.
    fn target(&self, path: &str) -> String {
        let user = percent_encoded(&self.settings.user);
        self.api.target(&format!("users/{user}/{path}"))
    }

    async fn find_or_make(&self, known: &HashMap<String, String>, name: &str) -> Result<String, Failure> {
        if let Some(id) = known.get(name) {
            return Ok(id.clone());
        }
        let body = json!({ "name": name, "labelListVisibility": "labelShow", "messageListVisibility": "show" });
        let made: LabelBody = parsed(&self.api.ask(Ask::post(self.target("labels"), body)).await?)?;
        Ok(made.id)
    }

    /// A page of all mail with the label, and how far the history was before the first page.
    async fn messages(&self, history: String, token: Option<&str>) -> Result<Page, Failure> {
        let label = percent_encoded(&self.id);
        let page = page_token(token);
        let target = self.target(&format!("messages?labelIds={label}&maxResults={PAGE_ENTRIES}{page}"));
        let body: MessagesBody = parsed(&self.api.ask(Ask::get(target)).await?)?;
        Ok(Page {
            changes: body.messages.into_iter().map(found).collect(),
            next: match body.next_page_token {
                Some(token) => Next::Page(format!("messages {history} {token}")),
                None => Next::End(Some(history)),
            },
        })
    }

    /// A page of what has changed. `None`: the history does not go back that far.
    async fn history(&self, since: &str, token: Option<&str>) -> Result<Option<Page>, Failure> {
        let (label, start) = (percent_encoded(&self.id), percent_encoded(since));
        let page = page_token(token);
        let target = format!("history?startHistoryId={start}&labelId={label}&maxResults={PAGE_ENTRIES}{page}");
        let answer = self.api.ask(Ask::get(self.target(&target))).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let body: HistoryBody = parsed(&answer)?;
        Ok(Some(Page {
            changes: body.history.into_iter().flat_map(|entry| self.changes(entry)).collect(),
            next: match body.next_page_token {
                Some(token) => Next::Page(format!("history {since} {token}")),
                None => Next::End(Some(body.history_id)),
            },
        }))
    }

    fn changes(&self, entry: EntryBody) -> impl Iterator<Item = Change> {
        let is_ours = |change: &ChangeBody| change.label_ids.contains(&self.id);
        let labelled = entry.labels_added.into_iter().filter(is_ours);
        let unlabelled = entry.labels_removed.into_iter().filter(is_ours);
        let new = entry.messages_added.into_iter().chain(labelled);
        let gone = unlabelled.chain(entry.messages_deleted);
        let new: Vec<_> = new.map(|change| found(change.message)).collect();
        let gone: Vec<_> = gone.map(|change| Change::Gone(change.message.id)).collect();
        new.into_iter().chain(gone)
    }
}

fn found(message: IdBody) -> Change {
    Change::Found(Found {
        name: message.id,
        bytes: None,
    })
}

fn page_token(token: Option<&str>) -> String {
    token.map_or_else(String::new, |token| format!("&pageToken={}", percent_encoded(token)))
}

impl Shelf for Label<'_> {
    async fn page(&self, start: Start<'_>) -> Result<Option<Page>, Failure> {
        match start {
            Start::Beginning => {
                // Asked for first: what comes while the mail is listed is in the history behind it.
                let profile: ProfileBody = parsed(&self.api.ask(Ask::get(self.target("profile"))).await?)?;
                self.messages(profile.history_id, None).await.map(Some)
            }
            Start::Changes(since) => self.history(since, None).await,
            Start::Page(page) => {
                let mut parts = page.splitn(3, ' ');
                let (what, history, token) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
                match what {
                    Some("messages") => self.messages(history.to_owned(), token).await.map(Some),
                    _ => self.history(history, token).await,
                }
            }
        }
    }

    async fn fetch(&self, id: &str) -> Result<Fetched, Failure> {
        let target = self.target(&format!("messages/{}?format=raw", percent_encoded(id)));
        let answer = self.api.fetch(Ask::get(target)).await?;
        let length = answer.body.len() as u64;
        match answer.status {
            200 if !answer.is_whole && length / 4 * 3 > self.message_bytes_max => {
                return Ok(Fetched::TooLarge(length / 4 * 3));
            }
            200 if !answer.is_whole => return Ok(Fetched::Refused("the transfer broke off".to_owned())),
            200 => {}
            404 => return Ok(Fetched::Gone),
            400 | 403 | 409 | 500.. => return Ok(Fetched::Refused(failure(&answer).detail)),
            _ => return Err(failure(&answer)),
        }
        let message: MessageBody = parsed(&answer)?;
        drop(answer);
        if !message.label_ids.contains(&self.id) {
            return Ok(Fetched::Gone);
        }
        Ok(match BASE64.decode(&message.raw) {
            Ok(bytes) if bytes.len() as u64 > self.message_bytes_max => Fetched::TooLarge(bytes.len() as u64),
            Ok(bytes) if bytes.is_empty() && message.size_estimate > 0 => {
                Fetched::Refused("the server leaves the message out of its answer".to_owned())
            }
            Ok(bytes) => Fetched::Whole(bytes),
            Err(error) => Fetched::Refused(format!("it is not base64url: {error}")),
        })
    }

    async fn put_away(&self, id: &str, to: Destination) -> Result<PutAway, Failure> {
        let label = match to {
            Destination::Processed => &self.processed,
            Destination::Failed => &self.failed,
        };
        let Some(label) = label else {
            return Ok(PutAway::Stays);
        };
        let target = self.target(&format!("messages/{}/modify", percent_encoded(id)));
        let body = json!({ "addLabelIds": [label], "removeLabelIds": [self.id] });
        let answer = self.api.ask(Ask::post(target, body)).await?;
        if matches!(answer.status, 200..=299 | 404) {
            return Ok(PutAway::Gone);
        }
        let failure = failure(&answer);
        match answer.status {
            // A label that was deleted is made again when the mailbox is opened again.
            400 if failure.detail.to_ascii_lowercase().contains("label") => Err(failure),
            400 | 403 | 409 | 500.. => Ok(PutAway::Refused(failure.detail)),
            _ => Err(failure),
        }
    }

    fn origin(&self, id: &str) -> String {
        let GmailSettings { user, label, .. } = self.settings;
        format!("gmail:{user}/{label}/{id}")
    }
}
