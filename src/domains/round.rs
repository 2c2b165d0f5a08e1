//! A round of checks: every domain that is due, many at a time, in turn over the accounts.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::TryFutureExt as _;
use futures_util::future::try_join;
use futures_util::stream::{self, Stream, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::service::{Domains, DomainsError};
use super::standing::NEXT_CHECK_MAX;
use crate::base::{AccountId, Millis};
use crate::store::{Domain, DomainFinding, DueCursor};

/// Domains of one account that are read at a time.
const PAGE: u32 = 64;
/// Findings that are kept in one transaction; as many may wait for it.
const KEPT_MAX: usize = 256;

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Domains that were looked at.
    pub checked: u64,
    /// Those whose status changed.
    pub changed: u64,
}

impl Domains {
    /// Looks at every domain whose check is due, and ends when that is done. Accounts take turns: an account with a hundred
    /// thousand domains does not delay one with a single domain. It may be dropped at any time, or the process killed: what was
    /// not kept yet is still due.
    ///
    /// # Errors
    /// [`DomainsError`]: the database is unavailable, or there are no name servers; what was kept before stays.
    pub async fn check_due(&self) -> Result<Round, DomainsError> {
        let now = self.clock().now();
        let recalled = self
            .store()
            .recall_checks(now, now.saturating_add(NEXT_CHECK_MAX))
            .await?;
        if recalled > 0 {
            tracing::warn!(
                domains = recalled,
                "checks were due later than any check can be: the clock was ahead. They are due now"
            );
        }
        let (found, waiting) = mpsc::channel(KEPT_MAX);
        let ((), round) = try_join(self.look_at_all(found), self.keep_all(waiting)).await?;
        Ok(round)
    }

    async fn look_at_all(&self, found: mpsc::Sender<DomainFinding>) -> Result<(), DomainsError> {
        let looks = self.due().map_ok(|domain| self.look_guarded(domain));
        let findings = looks.try_buffer_unordered(self.domains_in_flight_max());
        let sent = findings.try_for_each(|finding| async {
            if let Some(finding) = finding {
                // It is closed only when keeping failed, which ends the round.
                let _ = found.send(finding).await;
            }
            Ok(())
        });
        sent.await
    }

    /// Keeps what came while the last transaction ran.
    async fn keep_all(&self, mut waiting: mpsc::Receiver<DomainFinding>) -> Result<Round, DomainsError> {
        let mut round = Round::default();
        let mut findings = Vec::with_capacity(KEPT_MAX);
        while waiting.recv_many(&mut findings, KEPT_MAX).await > 0 {
            let kept = self.keep(&findings).await?;
            round.checked += kept.len() as u64;
            round.changed += kept.iter().filter(|kept| kept.before != kept.after).count() as u64;
            findings.clear();
        }
        Ok(round)
    }

    /// A panic would be a bug: it costs this domain its check, and the others nothing.
    async fn look_guarded(&self, domain: Domain) -> Result<Option<DomainFinding>, DomainsError> {
        match AssertUnwindSafe(self.look(&domain)).catch_unwind().await {
            Ok(Err(DomainsError::Gone)) => Ok(None),
            Ok(finding) => finding.map(Some),
            Err(_) => {
                tracing::error!(domain = %domain.id, "a bug: looking at this domain's DNS records panicked");
                Ok(None)
            }
        }
    }

    /// The domains that are due now, one of each account in turn, those of an account by how long they have been.
    fn due(&self) -> impl Stream<Item = Result<Domain, DomainsError>> + '_ {
        let now = self.clock().now();
        let turns = async move {
            let accounts = self.store().accounts_due(now).await?;
            let turns = Turns::new(accounts, self.domain_every());
            Ok::<_, DomainsError>(stream::try_unfold(turns, move |mut turns| async move {
                let next = turns.next(self, now).await?;
                Ok(next.map(|domain| (domain, turns)))
            }))
        };
        turns.try_flatten_stream()
    }
}

/// Whose turn it is, and when.
struct Turns {
    waiting: VecDeque<Turn>,
    /// No one waits for a round, but people wait for other work of the process.
    pace: Interval,
}

struct Turn {
    account: AccountId,
    cursor: DueCursor,
    page: VecDeque<Domain>,
}

impl Turns {
    fn new(accounts: Vec<AccountId>, every: Duration) -> Self {
        let turns = accounts.into_iter().map(|account| Turn {
            account,
            cursor: DueCursor::default(),
            page: VecDeque::new(),
        });
        let mut pace = interval(every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            waiting: turns.collect(),
            pace,
        }
    }

    /// `None` when no account has any left.
    async fn next(&mut self, domains: &Domains, now: Millis) -> Result<Option<Domain>, DomainsError> {
        while let Some(mut turn) = self.waiting.pop_front() {
            if turn.page.is_empty() {
                let (account, cursor) = (turn.account, &mut turn.cursor);
                turn.page = domains.store().domains_due(account, cursor, now, PAGE).await?.into();
            }
            if let Some(domain) = turn.page.pop_front() {
                self.waiting.push_back(turn);
                self.pace.tick().await;
                return Ok(Some(domain));
            }
        }
        Ok(None)
    }
}
