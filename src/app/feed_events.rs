//! Tells accounts of their feeds that fail for a while, and are read again.

use std::time::Duration;

use serde_json::json;

use crate::base::clock::Clock;
use crate::base::{AccountId, Millis};
use crate::health::{Condition, FeedHealth, Health};
use crate::store::{FailingFeed, Store, StoreError};

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long a feed fails before it is told: servers restart, and networks fail for minutes.
const FAILING_MIN: Millis = 15 * 60_000;

/// Looks at the feeds that this node reads, for as long as it runs. `feeds`: the account of each, by name.
pub(super) async fn keep_telling(feeds: Vec<(String, AccountId)>, health: Health, store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = tell(&feeds, &health, &store, clock.now()).await {
            tracing::warn!(%error, "the state of feeds cannot be told now; it is tried again");
        }
    }
}

/// Tells what is news about feeds.
async fn tell(feeds: &[(String, AccountId)], health: &Health, store: &Store, now: Millis) -> Result<(), StoreError> {
    let told = store.failing_feeds().await?;
    for (name, FeedHealth { condition, since, .. }) in health.feeds() {
        let Some((_, account)) = feeds.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let known = told.iter().find(|feed| feed.account == *account && feed.name == name);
        match (condition, known) {
            (Condition::Failing(trouble), None) if now.saturating_sub(since) >= FAILING_MIN => {
                let feed = FailingFeed {
                    account: *account,
                    name,
                    since,
                };
                let reason =
                    json!({ "reason": trouble.word(), "summary": trouble.summary(), "action": trouble.advice() });
                store.tell_feed_fails(&feed, reason, now).await?;
            }
            (Condition::Reading, Some(feed)) => {
                store.tell_feed_reads(feed, now).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Mode;
    use crate::health::Trouble;

    #[tokio::test]
    async fn a_failure_that_lasts_is_told_once_and_so_is_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("t.sqlite")).await.unwrap();
        let account = store.add_account("a", Mode::Live, 0).await.unwrap().id;
        let feeds = [("inbox".to_owned(), account)];
        let health = Health::default();
        let failing = async |now| {
            tell(&feeds, &health, &store, now).await.unwrap();
            let failing = store.failing_feeds().await.unwrap();
            failing.first().map(|feed| feed.since)
        };
        let refused = Condition::Failing(Trouble::LoginRefused);
        health.say("inbox", refused, 1_000);
        health.say("of another node's settings", refused, 1_000);
        assert_eq!(failing(FAILING_MIN).await, None);
        assert_eq!(failing(FAILING_MIN + 1_000).await, Some(1_000));
        // The node starts again, and it fails still.
        health.say("inbox", Condition::Starting, FAILING_MIN * 2);
        health.say("inbox", refused, FAILING_MIN * 2);
        assert_eq!(failing(FAILING_MIN * 4).await, Some(1_000));
        health.say_read("inbox", FAILING_MIN * 4);
        assert_eq!(failing(FAILING_MIN * 4).await, None);
        // A short failure is nothing.
        health.say("inbox", refused, FAILING_MIN * 5);
        assert_eq!(failing(FAILING_MIN * 5 + 1).await, None);
    }
}
