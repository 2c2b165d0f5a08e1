//! Whether feeds that are spoken to over HTTP can be used, each by itself.

use super::feeds::{oauth_complaint, unprotected};
use super::lists::{Gmail, Graph, S3};
use super::places::Place;
use crate::feeds::bearer::ApiSettings;
use crate::outbound::Url;

/// What a key of object storage may have, bytes; a prefix leaves room for the rest.
const PREFIX_BYTES_MAX: usize = 512;
/// Longest key of a tag, in characters.
const TAG_CHARS_MAX: usize = 128;
/// Folders inside each other.
const FOLDERS_MAX: usize = 16;

impl Graph {
    /// A folder of it.
    pub(super) fn place(&self, folder: &str) -> Place {
        Place::label(&self.mailbox.api.url, &self.mailbox.user, "", folder)
    }

    /// The settings that name where mail goes, with the folders that they name.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        given([
            ("processed_folder", &self.mailbox.processed),
            ("failed_folder", &self.mailbox.failed),
        ])
    }

    pub(super) fn complaint(&self) -> Option<String> {
        let mailbox = &self.mailbox;
        let names = [("user", mailbox.user.as_str()), ("folder", &mailbox.folder)];
        let bad_path = |path: &str| path.split('/').any(str::is_empty) || path.split('/').count() > FOLDERS_MAX;
        if let Some(complaint) = names_complaint(&names, self.targets()).or_else(|| api_complaint(&mailbox.api)) {
            return Some(complaint);
        }
        let folders = [("folder", mailbox.folder.as_str())].into_iter().chain(self.targets());
        let bad = folders.into_iter().find(|(_, path)| bad_path(path));
        bad.map(|(key, path)| format!("{key} has names with one slash between them, not {path:?}"))
    }
}

impl Gmail {
    /// A label of it.
    pub(super) fn place(&self, label: &str) -> Place {
        let api = &self.mailbox.api;
        let token = api.oauth.refresh_token_file.display().to_string();
        Place::label(&api.url, &self.mailbox.user, &token, label)
    }

    /// The settings that name what mail gets, with the labels that they name.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        given([
            ("processed_label", &self.mailbox.processed),
            ("failed_label", &self.mailbox.failed),
        ])
    }

    pub(super) fn complaint(&self) -> Option<String> {
        let mailbox = &self.mailbox;
        let names = [("user", mailbox.user.as_str()), ("label", &mailbox.label)];
        names_complaint(&names, self.targets()).or_else(|| api_complaint(&mailbox.api))
    }
}

/// What is wrong with a mailbox's names: the user, what is read (the last of `names`), and where mail goes.
fn names_complaint<'t>(
    names: &[(&'static str, &'t str)],
    targets: impl Iterator<Item = (&'static str, &'t str)>,
) -> Option<String> {
    if let Some((key, _)) = names.iter().find(|(_, text)| text.is_empty()) {
        return Some(format!("{key} is missing"));
    }
    let (_, read) = names.last()?;
    for (key, text) in names.iter().copied().chain(targets) {
        if text.chars().any(char::is_control) {
            return Some("a name must not contain a line break or another control character".to_owned());
        }
        if key.contains('_') && text.eq_ignore_ascii_case(read) {
            return Some(format!("mail cannot go to where it is read from: {key} is {text:?}"));
        }
    }
    None
}

fn api_complaint(api: &ApiSettings) -> Option<String> {
    unprotected("api_url", &api.url).or_else(|| oauth_complaint(&api.oauth))
}

/// Of settings that may be empty, those that are given.
fn given<'s, const N: usize>(
    settings: [(&'static str, &'s Option<String>); N],
) -> impl Iterator<Item = (&'static str, &'s str)> {
    settings
        .into_iter()
        .filter_map(|(key, text)| Some((key, text.as_deref()?)))
}

impl S3 {
    /// A part of the bucket.
    pub(super) fn place(&self, prefix: &str) -> Place {
        Place::bucket(&self.bucket.endpoint, &self.bucket.bucket, prefix)
    }

    /// The settings that name where objects go, with the beginnings of keys that they name.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&'static str, &str)> {
        given([
            ("processed_prefix", &self.bucket.processed),
            ("failed_prefix", &self.bucket.failed),
        ])
    }

    pub(super) fn complaint(&self) -> Option<String> {
        let bucket = &self.bucket;
        for (key, text) in [
            ("endpoint", &bucket.endpoint),
            ("region", &bucket.region),
            ("bucket", &bucket.bucket),
        ] {
            if text.is_empty() {
                return Some(format!("{key} is missing"));
            }
        }
        if bucket.credentials_file.as_os_str().is_empty() {
            return Some("credentials_file is missing".to_owned());
        }
        match Url::parse(&bucket.endpoint) {
            Ok(url) if url.target == "/" => {}
            Ok(_) => return Some("endpoint must not have a path: the bucket is a setting of its own".to_owned()),
            Err(error) => return Some(format!("endpoint {error}")),
        }
        // Both stand in header fields.
        let is_plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        for (key, text) in [("region", &bucket.region), ("bucket", &bucket.bucket)] {
            if !is_plain(text) {
                return Some(format!("{key} has characters that names of it do not have"));
            }
        }
        let prefixes = [("prefix", bucket.prefix.as_str())].into_iter().chain(self.targets());
        for (key, prefix) in prefixes {
            if prefix.len() > PREFIX_BYTES_MAX || prefix.chars().any(char::is_control) {
                let max = PREFIX_BYTES_MAX;
                return Some(format!(
                    "{key} must have at most {max} bytes, and no control characters"
                ));
            }
        }
        if let Some(tag) = &bucket.tag
            && (tag.is_empty() || tag.chars().count() > TAG_CHARS_MAX || tag.chars().any(char::is_control))
        {
            return Some(format!(
                "tag must have 1 to {TAG_CHARS_MAX} characters, and no control characters"
            ));
        }
        let inside = self.targets().find(|(_, prefix)| prefix.starts_with(&bucket.prefix));
        inside.map(|(key, prefix)| {
            format!("objects cannot go to where they are read from: {key} is {prefix:?}, and all that begins with prefix is read")
        })
    }
}
