//! What was found to need attention in accounts with many domains, for a short while.
//!
//! Every domain with messages is looked at, which takes seconds for thousands. So large accounts are told what was found up to a
//! minute ago, and a search goes on when its caller has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as Turn;

use super::error::ApiError;
use crate::apart::InTurn;
use crate::base::{AccountId, DomainId, Millis};
use crate::insight::Findings;

/// What was found, and when.
#[derive(Debug)]
pub(super) struct Found {
    pub findings: Findings,
    pub at: Millis,
}

/// How long it is told.
const KEPT_MILLIS: Millis = 60_000;

type Place = Arc<Turn<Option<Arc<Found>>>>;

/// What was found, by account and the domain that a key is bound to.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownFindings(Arc<Mutex<HashMap<(AccountId, Option<DomainId>), Place>>>);

impl KnownFindings {
    /// What was found less than a minute ago, if that is known at once.
    pub(super) fn known(&self, of: (AccountId, Option<DomainId>), now: Millis) -> Option<Arc<Found>> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(&of)?.try_lock().ok()?;
        place.as_ref().filter(|found| is_recent(found, now)).cloned()
    }

    /// What was found less than a minute ago, or else what `search` finds. A search runs once at a time for an account, and to
    /// its end.
    pub(super) async fn recent(
        &self,
        of: (AccountId, Option<DomainId>),
        now: Millis,
        search: impl Future<Output = Result<Findings, ApiError>> + Send + 'static,
    ) -> Result<Arc<Found>, ApiError> {
        let place = self.place(of);
        let searching = tokio::spawn(InTurn::new(async move {
            let mut place = place.lock_owned().await;
            if let Some(found) = place.as_ref().filter(|found| is_recent(found, now)) {
                return Ok(Arc::clone(found));
            }
            let findings = search.await?;
            let found = Arc::new(Found { findings, at: now });
            *place = Some(Arc::clone(&found));
            Ok(found)
        }));
        searching.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// The account's place. Unused places are forgotten when there are many.
    fn place(&self, of: (AccountId, Option<DomainId>)) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES_KEPT {
            places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(places.entry(of).or_default())
    }
}

/// Number of places at which unused ones are forgotten.
const PLACES_KEPT: usize = 64;

fn is_recent(found: &Found, now: Millis) -> bool {
    (0..KEPT_MILLIS).contains(&(now - found.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_found_is_told_for_a_minute_and_to_its_account_alone() {
        let findings = KnownFindings::default();
        let found = async |account, now| {
            let search = async { Ok(Findings::default()) };
            findings
                .recent((AccountId(account), None), now, search)
                .await
                .unwrap()
                .at
        };
        assert_eq!(found(1, 1_000).await, 1_000);
        assert_eq!(found(1, 60_999).await, 1_000);
        assert_eq!(found(2, 60_999).await, 60_999);
        let known = |account, now| findings.known((AccountId(account), None), now).map(|found| found.at);
        assert_eq!(
            (known(1, 60_999), known(1, 61_000), known(3, 1_000)),
            (Some(1_000), None, None)
        );
        assert_eq!(found(1, 61_000).await, 61_000);
        // A clock that was set back.
        assert_eq!(found(1, 5).await, 5);
    }

    #[tokio::test]
    async fn a_search_goes_on_without_the_one_who_asked() {
        let findings = KnownFindings::default();
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        let search = async move {
            let _ = receive.await;
            Ok(Findings::default())
        };
        let mut asked = Box::pin(findings.recent((AccountId(1), None), 7, search));
        assert!(futures_util::poll!(asked.as_mut()).is_pending());
        drop(asked);
        send.send(()).unwrap();
        let failing = async { Err(ApiError::internal()) };
        let found = findings.recent((AccountId(1), None), 8, failing).await.unwrap();
        assert_eq!(found.at, 7);
    }
}
