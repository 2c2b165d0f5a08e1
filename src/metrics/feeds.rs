//! What is counted of the places that are read.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Whether each is read, what came of its messages, and why it could not be read.
#[derive(Debug, Default)]
pub struct FeedFigures {
    up: Family<FeedLabels, Gauge>,
    read_at: Family<FeedLabels, Gauge>,
    messages: Family<FeedOutcomeLabels, Counter>,
    failures: Family<FeedReasonLabels, Counter>,
    put_off: Family<FeedLabels, Gauge>,
}

/// `feed` is a name that the operator gave.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedLabels {
    feed: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedOutcomeLabels {
    feed: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedReasonLabels {
    feed: String,
    reason: &'static str,
}

/// The labels of a feed's figures.
fn feed_labels(feed: &str) -> FeedLabels {
    FeedLabels { feed: feed.to_owned() }
}

impl FeedFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "feed_up",
            "1 while a mailbox, Maildir or folder is being read",
            self.up.clone(),
        );
        registry.register(
            "feed_read_at_seconds",
            "When a feed was last read to its end, unix time",
            self.read_at.clone(),
        );
        registry.register(
            "feed_messages",
            "Messages of a feed by what became of them",
            self.messages.clone(),
        );
        registry.register(
            "feed_failures",
            "Times that a feed could not be read, by reason",
            self.failures.clone(),
        );
        registry.register(
            "feed_put_off",
            "Messages of a feed that are left alone for now, since the server closes the connection over them each time",
            self.put_off.clone(),
        );
    }

    /// A mailbox, Maildir or folder is being read.
    pub fn set_up(&self, feed: &str) {
        self.up.get_or_create(&feed_labels(feed)).set(1);
    }

    /// A mailbox, Maildir or folder is not being read.
    pub fn set_down(&self, feed: &str) {
        self.up.get_or_create(&feed_labels(feed)).set(0);
    }

    /// A feed was read to its end, unix milliseconds.
    pub fn set_read_at(&self, feed: &str, at: i64) {
        let gauge = self.read_at.get_or_create(&feed_labels(feed));
        gauge.set(at / 1_000);
    }

    /// How many messages of a feed are left alone for now.
    pub fn set_put_off(&self, feed: &str, messages: u64) {
        let gauge = self.put_off.get_or_create(&feed_labels(feed));
        gauge.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// One message of a feed: `taken`, `failed`, `other` or `put_off`.
    pub fn count_message(&self, feed: &str, outcome: &'static str) {
        let feed = feed.to_owned();
        let labels = FeedOutcomeLabels { feed, outcome };
        self.messages.get_or_create(&labels).inc();
    }

    /// One time that a feed could not be read.
    pub fn count_failure(&self, feed: &str, reason: &'static str) {
        let feed = feed.to_owned();
        let labels = FeedReasonLabels { feed, reason };
        self.failures.get_or_create(&labels).inc();
    }
}
