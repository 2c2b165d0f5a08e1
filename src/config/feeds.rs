//! Whether feeds can be used: each by itself, and beside those before it.

use std::path::Path;

use super::lists::{Imap, Maildir};
use super::places::{self, Place, Port};
use super::settings::Config;
use crate::feeds::imap::{ImapSettings, SignIn};
use crate::feeds::maildir::MaildirSettings;
use crate::feeds::oauth::{Grant, OauthSettings};
use crate::outbound::{Protection, Scheme, Url};

/// A list's entry that cannot be used: which, counted from 0, and why.
pub(super) struct BadEntry {
    pub list: &'static str,
    pub nth: usize,
    pub message: String,
}

/// An entry, and what it has to do with others.
struct Feed<'c> {
    list: &'static str,
    nth: usize,
    name: &'c str,
    place: Place,
    /// Where mail is moved to.
    targets: Vec<Place>,
    complaint: Option<String>,
}

impl Config {
    /// Checks all entries. The error names the first that cannot be used, and why.
    pub(super) fn check_lists(&self) -> Result<(), BadEntry> {
        let mut feeds: Vec<Feed<'_>> = Vec::new();
        for (nth, one) in self.imap.iter().enumerate() {
            let targets = one.targets();
            feeds.push(Feed {
                list: "imap",
                nth,
                name: &one.entry.name,
                place: one.place(&one.mailbox.folder),
                targets: targets.map(|(_, folder)| one.place(folder)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.graph.iter().enumerate() {
            feeds.push(Feed {
                list: "graph",
                nth,
                name: &one.entry.name,
                place: one.place(&one.mailbox.folder),
                targets: one.targets().map(|(_, folder)| one.place(folder)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.gmail.iter().enumerate() {
            feeds.push(Feed {
                list: "gmail",
                nth,
                name: &one.entry.name,
                place: one.place(&one.mailbox.label),
                targets: one.targets().map(|(_, label)| one.place(label)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.s3.iter().enumerate() {
            feeds.push(Feed {
                list: "s3",
                nth,
                name: &one.entry.name,
                place: one.place(&one.bucket.prefix),
                targets: one.targets().map(|(_, prefix)| one.place(prefix)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.maildir.iter().enumerate() {
            let targets = [&one.maildir.processed, &one.maildir.failed].into_iter().flatten();
            feeds.push(Feed {
                list: "maildir",
                nth,
                name: &one.entry.name,
                place: Place::maildir(&one.maildir.path),
                targets: targets.map(|path| Place::maildir(path)).collect(),
                complaint: one.complaint(),
            });
        }
        for (nth, one) in self.folder.iter().enumerate() {
            feeds.push(Feed {
                list: "folder",
                nth,
                name: &one.entry.name,
                place: Place::folder(&one.folder.path),
                targets: Vec::new(),
                complaint: needs_path(&one.folder.path),
            });
        }
        for (nth, feed) in feeds.iter().enumerate() {
            if let Some(message) = feed.trouble(&feeds[..nth]) {
                let Feed { list, nth, .. } = *feed;
                return Err(BadEntry { list, nth, message });
            }
        }
        Ok(())
    }
}

impl Feed<'_> {
    /// What is wrong with the entry by itself, or together with those before it.
    fn trouble(&self, before: &[Self]) -> Option<String> {
        let Self { list, name, place, .. } = self;
        if name.is_empty() {
            return Some(format!("each [[{list}]] needs a name"));
        }
        if before.iter().any(|other| other.name == *name) {
            return Some(format!("there is another feed named {name}"));
        }
        if let Some(complaint) = &self.complaint {
            return Some(format!("{name}: {complaint}"));
        }
        for other in before {
            // Nothing would be counted twice, but both would move each mail, and some servers then have two of it.
            if other.place.is_same(place) {
                return Some(format!("{name}: {} reads {place} already", other.name));
            }
            if let Some(how) = place.overlaps(&other.place) {
                return Some(format!(
                    "{name}: {place} {how} {}, which {} reads",
                    other.place, other.name
                ));
            }
        }
        self.circle(before)
    }

    /// Whether mail that this feed moves comes back to it by way of others.
    fn circle(&self, others: &[Self]) -> Option<String> {
        let mut reached: Vec<&Place> = self.targets.iter().collect();
        let mut via = vec![false; others.len()];
        while let Some(place) = reached.pop() {
            if self.place.takes_in(place) {
                let others = others.iter().zip(&via).filter(|(_, is_via)| **is_via);
                let names: Vec<_> = others.map(|(other, _)| other.name).collect();
                let names = names.join(", ");
                return Some(format!("{}: mail would go in a circle, by way of {names}", self.name));
            }
            for (other, is_via) in others.iter().zip(&mut via) {
                if !*is_via && other.place.takes_in(place) {
                    *is_via = true;
                    reached.extend(&other.targets);
                }
            }
        }
        None
    }
}

fn needs_path(path: &Path) -> Option<String> {
    path.as_os_str().is_empty().then(|| "path is missing".to_owned())
}

impl Maildir {
    fn complaint(&self) -> Option<String> {
        let MaildirSettings {
            path,
            processed,
            failed,
        } = &self.maildir;
        if let Some(complaint) = needs_path(path) {
            return Some(complaint);
        }
        let place = Place::maildir(path);
        let targets = [("processed", processed), ("failed", failed)];
        let mut given = targets
            .into_iter()
            .filter_map(|(key, path)| Some((key, path.as_ref()?)));
        let same = given.find(|(_, path)| {
            let target = Place::maildir(path);
            target.is_same(&place) || target.is_part_of(&place)
        });
        same.map(|(key, path)| {
            format!(
                "mail cannot go to the Maildir that it is read from: {key} is {}",
                path.display()
            )
        })
    }
}

impl Imap {
    /// A folder of it.
    fn place(&self, folder: &str) -> Place {
        let ImapSettings { host, port, user, .. } = &self.mailbox;
        let port = match port {
            0 => Port::Usual(self.mailbox.port()),
            port => Port::Given(*port),
        };
        Place::imap(host, port, user, folder)
    }

    /// The settings that name where mail goes, with the folders that they name.
    fn targets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let targets = [
            ("processed_folder", &self.mailbox.processed),
            ("failed_folder", &self.mailbox.failed),
            ("other_folder", &self.mailbox.other),
        ];
        targets
            .into_iter()
            .filter_map(|(key, folder)| Some((key, folder.as_deref()?)))
    }

    fn complaint(&self) -> Option<String> {
        let missing = |key: &str| Some(format!("{key} is missing"));
        let ImapSettings { host, user, folder, .. } = &self.mailbox;
        for (key, text) in [("host", host), ("user", user), ("folder", folder)] {
            if text.is_empty() {
                return missing(key);
            }
        }
        let texts = [host.as_str(), user, folder]
            .into_iter()
            .chain(self.targets().map(|(_, folder)| folder));
        if texts.flat_map(str::chars).any(char::is_control) {
            return Some("a name must not contain a line break or another control character".to_owned());
        }
        let is_read = |target: &str| places::folder_key(target) == places::folder_key(folder);
        if let Some((key, folder)) = self.targets().find(|(_, folder)| is_read(folder)) {
            return Some(format!(
                "mail cannot go to the folder that it is read from: {key} is {folder:?}"
            ));
        }
        if !self.since.is_empty() && self.since_day().is_none() {
            return Some(format!("since is a day such as \"2026-01-31\", not {:?}", self.since));
        }
        match self.mailbox.sign_in {
            SignIn::Login | SignIn::Plain if self.mailbox.password_file.as_os_str().is_empty() => {
                missing("password_file")
            }
            SignIn::Login | SignIn::Plain => None,
            SignIn::Xoauth2 | SignIn::Oauthbearer => self.oauth_complaint(),
        }
    }

    fn oauth_complaint(&self) -> Option<String> {
        if self.mailbox.protection == Protection::None {
            return Some("a token is sent over TLS only: tls must not be \"plain\"".to_owned());
        }
        oauth_complaint(&self.mailbox.oauth)
    }
}

/// What is wrong with the settings of tokens.
pub(super) fn oauth_complaint(oauth: &OauthSettings) -> Option<String> {
    let missing = |key: &str| Some(format!("{key} is missing"));
    if let Some(complaint) = unprotected("oauth_token_url", &oauth.token_url) {
        return Some(complaint);
    }
    if oauth.client_id.is_empty() {
        return missing("oauth_client_id");
    }
    match oauth.grant {
        Grant::ClientCredentials if oauth.client_secret_file.is_none() => missing("oauth_client_secret_file"),
        Grant::RefreshToken if oauth.refresh_token_file.as_os_str().is_empty() => missing("oauth_refresh_token_file"),
        _ => None,
    }
}

/// What is wrong with a URL that secrets are sent to. They may be sent without TLS to this machine alone.
pub(super) fn unprotected(key: &str, url: &str) -> Option<String> {
    match Url::parse(url) {
        Ok(url) if url.scheme == Scheme::Https || url.is_loopback() => None,
        Err(error) if url.starts_with("https://") => Some(format!("{key} {error}")),
        _ => Some(format!("{key} must begin with https://")),
    }
}
