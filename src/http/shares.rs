//! The share of one account in common resources: running queries, uploads, exports, and answers that are not read yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, timeout};

use super::config::HttpConfig;
use super::error::ApiError;
use super::in_flight::InFlight;
use crate::base::AccountId;

/// `Retry-After` of a request that is refused for lack of a place.
const RETRY_SECONDS: u64 = 5;
/// Number of known accounts at which idle ones are forgotten.
const ACCOUNTS_KEPT: usize = 1_024;
/// Memory for uploads is taken in steps of this, KiB.
const STEP_KIB: usize = 64;

/// All shares, and the total of each resource.
#[derive(Debug)]
pub(super) struct Shares {
    limits: Limits,
    /// Time that a query or a piece of an upload waits for its turn. Then it is refused.
    wait_time_max: Duration,
    queries: Arc<Semaphore>,
    /// In KiB.
    uploads: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    accounts: Mutex<HashMap<AccountId, Arc<Share>>>,
    /// What all that post without a key use together.
    posts: Arc<Share>,
}

/// Limits of one account.
#[derive(Debug, Clone, Copy)]
struct Limits {
    queries: usize,
    uploads_kib: usize,
    exports: usize,
    answers_bytes: usize,
}

/// What one account uses.
#[derive(Debug)]
pub(super) struct Share {
    queries: Arc<Semaphore>,
    /// Queries of the web page. They are apart from those of the account's keys, so neither delays the other.
    page_queries: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    pub(super) answers: InFlight,
}

/// The kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    Key,
    Page,
}

/// A place in the account's share and in the total, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// The memory of one upload: it grows as bytes come.
#[derive(Debug)]
pub(super) struct UploadMemory {
    shares: Arc<Shares>,
    share: Arc<Share>,
    held: Option<Place>,
    kib: usize,
}

impl Shares {
    pub(super) fn new(config: &HttpConfig) -> Self {
        // At least one upload of full size must fit, with the last step that is begun. Otherwise it would never be accepted.
        let whole = config.upload_bytes_max.div_ceil(1024) + STEP_KIB;
        let uploads = (config.uploads_in_flight_bytes_max / 1024).max(whole);
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let limits = Limits {
            queries: config.queries_per_account_max.max(1),
            uploads_kib: (uploads / UPLOAD_SHARES).max(whole),
            exports: config.exports_per_account_max,
            answers_bytes: config.answers_per_account_bytes_max,
        };
        Self {
            posts: Arc::new(Share::new(&limits)),
            limits,
            wait_time_max: config.wait_time_max,
            queries: permits(config.queries_max.max(1)),
            uploads: permits(uploads),
            exports: permits(config.exports_max),
            accounts: Mutex::default(),
        }
    }

    /// The share of an account.
    pub(super) fn for_account(&self, account: AccountId) -> Arc<Share> {
        // A panic while the lock is held leaves nothing half done.
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = accounts.get(&account) {
            return Arc::clone(share);
        }
        if accounts.len() >= ACCOUNTS_KEPT {
            accounts.retain(|_, share| !share.is_unused(&self.limits));
        }
        let share = Arc::new(Share::new(&self.limits));
        accounts.insert(account, Arc::clone(&share));
        share
    }

    /// A place for a query that may take long. A user of the page waits longer than a script.
    ///
    /// # Errors
    /// 429 if other queries, of the account or of all, did not end meanwhile.
    pub(super) async fn query(&self, share: &Share, asker: Asker) -> Result<Place, ApiError> {
        let own = match asker {
            Asker::Key => &share.queries,
            Asker::Page => &share.page_queries,
        };
        let both = async {
            // The account's own places first, because waiting for them takes nothing from others.
            let own = Arc::clone(own).acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.queries).acquire_owned().await.ok()?;
            Some(place(own, of_all))
        };
        let wait_max = match asker {
            Asker::Key => self.wait_time_max,
            Asker::Page => 4 * self.wait_time_max,
        };
        let found = timeout(wait_max, both).await.ok().flatten();
        found.ok_or_else(|| {
            let message = "Other long questions of this account are still being answered; ask again when they are";
            ApiError::busy(message, RETRY_SECONDS)
        })
    }

    /// A place for an export.
    ///
    /// # Errors
    /// 429 if the account, or all together, have reached the limit.
    pub(super) fn export(&self, share: &Share) -> Result<Place, ApiError> {
        let refused = |message| move |_| ApiError::busy(message, 2 * RETRY_SECONDS);
        let own = Arc::clone(&share.exports).try_acquire_owned().map_err(refused(
            "Other exports of this account are still running; ask again when one has ended",
        ))?;
        let of_all = Arc::clone(&self.exports).try_acquire_owned();
        let of_all = of_all.map_err(refused("Too many exports are running; try again soon"))?;
        Ok(place(own, of_all))
    }

    /// The memory of an upload that begins.
    pub(super) fn upload(self: &Arc<Self>, account: AccountId) -> UploadMemory {
        self.upload_of(self.for_account(account))
    }

    /// The memory of a post without a key that begins. Accounts have their shares whatever is posted.
    pub(super) fn post(self: &Arc<Self>) -> UploadMemory {
        self.upload_of(Arc::clone(&self.posts))
    }

    fn upload_of(self: &Arc<Self>, share: Arc<Share>) -> UploadMemory {
        UploadMemory {
            share,
            shares: Arc::clone(self),
            held: None,
            kib: 0,
        }
    }
}

/// One account may have 1/`UPLOAD_SHARES` of the memory for uploads.
const UPLOAD_SHARES: usize = 4;

fn place(own: OwnedSemaphorePermit, of_all: OwnedSemaphorePermit) -> Place {
    Place {
        _own: own,
        _of_all: of_all,
    }
}

impl Share {
    fn new(limits: &Limits) -> Self {
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self {
            queries: permits(limits.queries),
            page_queries: permits(limits.queries),
            uploads: permits(limits.uploads_kib),
            exports: permits(limits.exports),
            answers: InFlight::new(limits.answers_bytes),
        }
    }

    /// Whether nothing of the share is in use.
    fn is_unused(self: &Arc<Self>, limits: &Limits) -> bool {
        let places = [
            (&self.queries, limits.queries),
            (&self.page_queries, limits.queries),
            (&self.uploads, limits.uploads_kib),
            (&self.exports, limits.exports),
        ];
        let is_whole = |(places, count): (&Arc<Semaphore>, usize)| places.available_permits() >= count;
        Arc::strong_count(self) == 1 && self.answers.bytes() == 0 && places.into_iter().all(is_whole)
    }
}

impl UploadMemory {
    /// Takes memory until there is enough for `bytes`.
    ///
    /// # Errors
    /// 429 if other uploads, of the account or of all, did not release enough meanwhile.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let needed = bytes.div_ceil(1024);
        if needed <= self.kib {
            return Ok(());
        }
        let step = (needed - self.kib).next_multiple_of(STEP_KIB);
        let permits = u32::try_from(step).map_err(|_| ApiError::internal())?;
        let both = async {
            let own = Arc::clone(&self.share.uploads).acquire_many_owned(permits).await.ok()?;
            let of_all = Arc::clone(&self.shares.uploads)
                .acquire_many_owned(permits)
                .await
                .ok()?;
            Some((own, of_all))
        };
        // Several that wait for each other's memory must not wait for long.
        let more = timeout(self.shares.wait_time_max, both).await.ok().flatten();
        let (own, of_all) = more.ok_or_else(|| {
            let message = "Other uploads are still being received or stored; send it again when they are done";
            ApiError::busy(message, RETRY_SECONDS)
        })?;
        match &mut self.held {
            Some(held) => {
                held._own.merge(own);
                held._of_all.merge(of_all);
            }
            None => self.held = Some(place(own, of_all)),
        }
        self.kib += step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(change: impl FnOnce(&mut HttpConfig)) -> Arc<Shares> {
        let mut config = HttpConfig {
            wait_time_max: Duration::from_millis(10),
            ..HttpConfig::default()
        };
        change(&mut config);
        Arc::new(Shares::new(&config))
    }

    const ONE: AccountId = AccountId(1);
    const OTHER: AccountId = AccountId(2);

    #[tokio::test]
    async fn an_account_takes_its_share_and_no_more() {
        let shares = shares(|config| {
            config.queries_per_account_max = 2;
            config.queries_max = 5;
        });
        let (one, other) = (shares.for_account(ONE), shares.for_account(OTHER));
        let running = [
            shares.query(&one, Asker::Key).await.unwrap(),
            shares.query(&one, Asker::Key).await.unwrap(),
        ];
        assert!(shares.query(&one, Asker::Key).await.is_err());
        let page = shares.query(&one, Asker::Page).await;
        assert!(page.is_ok(), "the page has places of its own");
        shares.query(&other, Asker::Key).await.unwrap();
        drop(running);
        shares.query(&one, Asker::Key).await.unwrap();
    }

    #[tokio::test]
    async fn an_upload_takes_memory_as_it_grows() {
        let shares = shares(|config| {
            config.upload_bytes_max = 1 << 20;
            config.uploads_in_flight_bytes_max = 8 << 20;
        });
        // A quarter is an account's: these have come to 64 KiB each, whatever they announced.
        let mut begun: Vec<_> = (0..32).map(|_| shares.upload(ONE)).collect();
        for upload in &mut begun {
            upload.grow_to(1).await.unwrap();
        }
        assert!(shares.upload(ONE).grow_to(1).await.is_err());
        shares.upload(OTHER).grow_to(1 << 20).await.unwrap();
        begun.pop();
        shares.upload(ONE).grow_to(64 * 1024).await.unwrap();
    }

    #[test]
    fn an_export_of_another_account_finds_a_place() {
        let shares = shares(|config| (config.exports_max, config.exports_per_account_max) = (3, 2));
        let (one, other) = (shares.for_account(ONE), shares.for_account(OTHER));
        let _running = [shares.export(&one).unwrap(), shares.export(&one).unwrap()];
        assert!(shares.export(&one).is_err());
        let _last = shares.export(&other).unwrap();
        assert!(shares.export(&other).is_err(), "all are taken");
    }

    #[test]
    fn accounts_that_use_nothing_are_forgotten() {
        let shares = shares(|_| {});
        let used = shares.for_account(ONE);
        let _running = shares.export(&used).unwrap();
        drop(used);
        for nth in 0..ACCOUNTS_KEPT as i64 {
            shares.for_account(AccountId(nth + 10));
        }
        let accounts = shares.accounts.lock().unwrap();
        assert!(accounts.len() < 10 && accounts.contains_key(&ONE));
    }
}
