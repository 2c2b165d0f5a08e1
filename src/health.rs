//! The state of the feeds of this node: mailboxes, Maildirs, folders, buckets. Their reader reports it here; `/readyz` and the log
//! show it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::base::Millis;

/// The state of every feed, and of the disk that mail needs. Cheap to clone: all clones share it.
#[derive(Clone, Default)]
pub struct Health {
    feeds: Arc<Mutex<BTreeMap<String, FeedHealth>>>,
    disk: Arc<OnceLock<Box<DiskLook>>>,
}

/// Looks whether too little disk is free.
type DiskLook = dyn Fn() -> bool + Send + Sync;

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health")
            .field("feeds", &self.feeds)
            .finish_non_exhaustive()
    }
}

/// The state of one feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedHealth {
    pub condition: Condition,
    /// When the condition began, Unix milliseconds. A feed that fails for one reason after the other has failed since the first.
    pub since: Millis,
    /// When it was last read to its end.
    pub read_at: Option<Millis>,
    /// Messages that are left alone for now, because the server closes the connection over them each time.
    pub put_off: u64,
}

/// Whether a feed is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It has not been read yet.
    Starting,
    /// It is being read.
    Reading,
    /// Another node reads it.
    Elsewhere,
    /// It is not read, and the operator must act.
    Failing(Trouble),
}

impl Condition {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reading => "reading",
            Self::Elsewhere => "elsewhere",
            Self::Failing(_) => "failing",
        }
    }

    fn is_failing(self) -> bool {
        matches!(self, Self::Failing(_))
    }
}

/// Why a feed is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Unreachable,
    Tls,
    Secret,
    TokenRefused,
    LoginRefused,
    FolderRefused,
    Throttled,
    Answer,
    Silent,
    Files,
    Database,
}

impl Trouble {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls_failed",
            Self::Secret => "secret_unreadable",
            Self::TokenRefused => "token_refused",
            Self::LoginRefused => "login_refused",
            Self::FolderRefused => "folder_refused",
            Self::Throttled => "throttled",
            Self::Answer => "bad_answer",
            Self::Silent => "no_answer",
            Self::Files => "files_unreadable",
            Self::Database => "database_unavailable",
        }
    }

    /// What happened, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Unreachable => "server unreachable",
            Self::Tls => "TLS failed",
            Self::Secret => "secret unreadable",
            Self::TokenRefused => "token refused",
            Self::LoginRefused => "sign-in refused",
            Self::FolderRefused => "folder refused",
            Self::Throttled => "too many requests",
            Self::Answer => "answer not understood",
            Self::Silent => "no answer",
            Self::Files => "files unreadable",
            Self::Database => "database unavailable",
        }
    }

    /// What to do about it, one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "see whether host and port are right and whether the server runs",
            Self::Tls => {
                "see whether tls fits the port, and whether the server's certificate is valid for host; \
                 name its authority in ca_file if it is one's own"
            }
            Self::Secret => "see whether the *_file settings name files that this program may read",
            Self::TokenRefused => {
                "see whether the oauth_* settings are those of the registration, whether its secret has run out, \
                 and whether the grant still holds; keys of object storage that have run out are replaced in \
                 credentials_file"
            }
            Self::LoginRefused => {
                "see whether user and password, token or keys are right, and whether the server lets this user in this way"
            }
            Self::FolderRefused => "see whether the folder, label or bucket exists, and whether this user may read it",
            Self::Throttled => "the server asks for fewer requests; it is asked again after the time that it names",
            Self::Answer => {
                "the server does not speak the protocol: see whether its name and port, or its URL, are right"
            }
            Self::Silent => "the server has stopped answering; it is tried again",
            Self::Files => "see whether path exists, and whether this program may read and change what is in it",
            Self::Database => "nothing is wrong with the feed: see what the log says about the database",
        }
    }
}

impl Health {
    /// Notes the condition of a feed from now on. Returns whether that is news.
    pub fn say(&self, feed: &str, condition: Condition, now: Millis) -> bool {
        let mut all = self.all_mut();
        let Some(known) = all.get_mut(feed) else {
            let since = now;
            let health = FeedHealth {
                condition,
                since,
                read_at: None,
                put_off: 0,
            };
            all.insert(feed.to_owned(), health);
            return true;
        };
        let is_news = known.condition != condition;
        if is_news {
            if !(known.condition.is_failing() && condition.is_failing()) {
                known.since = now;
            }
            known.condition = condition;
        }
        is_news
    }

    /// Notes that a feed was read to its end. Returns whether it is news that it is read.
    pub fn say_read(&self, feed: &str, now: Millis) -> bool {
        let is_news = self.say(feed, Condition::Reading, now);
        if let Some(known) = self.all_mut().get_mut(feed) {
            known.read_at = Some(now);
        }
        is_news
    }

    /// Notes how many messages of a known feed are left alone for now.
    pub fn say_put_off(&self, feed: &str, messages: u64) {
        if let Some(known) = self.all_mut().get_mut(feed) {
            known.put_off = messages;
        }
    }

    /// Sets the function that reports whether mail is refused because too little disk is free. Without a mail
    /// listener it is never set.
    pub fn watch_disk(&self, is_short: impl Fn() -> bool + Send + Sync + 'static) {
        // A second function would examine the same disk.
        let _ = self.disk.set(Box::new(is_short));
    }

    /// Whether mail is refused because too little disk is free.
    pub fn is_disk_short(&self) -> bool {
        self.disk.get().is_some_and(|is_short| is_short())
    }

    /// Every feed, by name.
    pub fn feeds(&self) -> Vec<(String, FeedHealth)> {
        let all = self.all_mut();
        all.iter()
            .map(|(name, health)| (name.clone(), health.clone()))
            .collect()
    }

    fn all_mut(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, FeedHealth>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let health = Health::default();
        let failing = Condition::Failing(Trouble::LoginRefused);
        assert!(health.say("a", Condition::Starting, 1));
        assert!(health.say("a", failing, 2));
        assert!(!health.say("a", failing, 3));
        assert_eq!(health.feeds()[0].1.since, 2);
        // It fails in another way, and still since then.
        assert!(health.say("a", Condition::Failing(Trouble::Unreachable), 3));
        assert_eq!(health.feeds()[0].1.since, 2);
        assert!(health.clone().say_read("a", 4));
        assert!(!health.say_read("a", 5));
        let expect = FeedHealth {
            condition: Condition::Reading,
            since: 4,
            read_at: Some(5),
            put_off: 2,
        };
        health.say_put_off("a", 2);
        health.say_put_off("unknown", 1);
        assert_eq!(health.feeds(), [("a".to_owned(), expect)]);
    }
}
