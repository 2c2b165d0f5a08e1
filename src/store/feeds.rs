//! Feeds that fail for a while: each failure is told once, and so is its end, whichever node reads the feed.

use serde_json::{Value, json};

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Event, EventKind, Store, StoreError, outbox};
use crate::base::clock::format_instant;
use crate::base::{AccountId, Millis};

/// A feed whose failure was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingFeed {
    pub account: AccountId,
    pub name: String,
    pub since: Millis,
}

impl Store {
    /// The feeds whose failure was told, and that were not read since.
    pub async fn failing_feeds(&self) -> Result<Vec<FailingFeed>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("feed_failing_list"), Args::default()).await?;
        let feed = |row: &Row| {
            Ok(FailingFeed {
                account: AccountId(row.int("account_id")?),
                name: row.text("name")?,
                since: row.int("failing_since")?,
            })
        };
        rows.iter().map(feed).collect()
    }

    /// Tells the account that a feed fails, with `more` about the reason. False if it was told already.
    pub async fn tell_feed_fails(&self, feed: &FailingFeed, more: Value, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        let args = Args::default().int(feed.account.0).text(&feed.name).int(feed.since);
        if conn.run(sql!("feed_fails"), args).await? == 0 {
            return Ok(false);
        }
        memory.refresh(&mut conn).await?;
        let event = event(feed, EventKind::FeedFailing, more, now);
        outbox::tell(&mut conn, memory, &[event], now).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Tells the account that a feed is read again. False if its failure was not told.
    pub async fn tell_feed_reads(&self, feed: &FailingFeed, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        let args = Args::default().int(feed.account.0).text(&feed.name);
        if conn.run(sql!("feed_reads"), args).await? == 0 {
            return Ok(false);
        }
        memory.refresh(&mut conn).await?;
        let event = event(feed, EventKind::FeedRecovered, json!({}), now);
        outbox::tell(&mut conn, memory, &[event], now).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn event(feed: &FailingFeed, kind: EventKind, more: Value, now: Millis) -> Event {
    let mut event = Event::about(feed.account, None, (kind, now), &feed.name, &[feed.since]);
    event.data = json!({ "feed": feed.name, "failing_since": format_instant(feed.since) });
    event.add(more);
    event
}
