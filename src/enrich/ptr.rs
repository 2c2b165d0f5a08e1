//! The names of sending addresses (PTR): which are asked about, when and how often. docs/senders.md has the rules.
//!
//! A run finds the addresses that new reports mention, lets those wait that were not asked about or are due again, and asks
//! until none waits. Nothing waits for the answers: names are computed when they are read.

mod asking;
mod mentioned;
mod today;

use std::time::Duration;

use tokio::sync::Mutex;

use crate::base::clock::Clock;
use crate::base::{Day, DomainId, Millis};
use crate::dns::Dns;
use crate::metrics::Metrics;
use crate::store::{ADDRESSES_MAX, Store, StoreError};

use asking::Asking;
use mentioned::Mentioned;
use today::Today;

/// How many questions are asked.
#[derive(Debug, Clone)]
pub struct PtrOptions {
    pub questions_per_second_max: u32,
    /// Addresses of one domain that are asked about on one day.
    pub domain_addresses_per_day_max: u32,
    /// Rows of the table of addresses.
    pub addresses_max: u64,
}

impl Default for PtrOptions {
    fn default() -> Self {
        Self {
            questions_per_second_max: 25,
            domain_addresses_per_day_max: 10_000,
            addresses_max: ADDRESSES_MAX,
        }
    }
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum PtrError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the name servers do not answer; addresses are asked about again in 10 minutes")]
    NoServer,
}

/// While so many addresses wait, no more are found.
const WAITING_MAX: u64 = 100_000;
/// Age of the windows of reports whose addresses are asked about. A name that an address has now says little about mail of
/// long ago.
const WINDOW_SECONDS: i64 = 30 * 86_400;
/// Reports that are read at a time.
const REPORTS_AT_ONCE: u32 = 256;
/// Addresses that are compared with the table at a time.
const AT_ONCE: usize = 1_024;
/// New addresses are found at least this often while others are asked about.
const FOUND_EVERY: Duration = Duration::from_secs(300);
/// Pause while the name servers do not answer.
const PAUSE: Duration = Duration::from_secs(600);
/// Nodes take numbers for reports in blocks, and keep a block for a minute: for longer than that, reports with smaller numbers
/// than those that are stored may come.
const NUMBERS_SETTLE: Millis = 600_000;

/// Asks for the names of sending addresses, on the node that has the lease.
#[derive(Debug)]
pub struct Ptr {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    options: PtrOptions,
    asking: Asking,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The largest number that a report had at an instant: none up to it is new once that is [`NUMBERS_SETTLE`] ago.
    settling: Option<(Millis, i64)>,
    today: Today,
    /// Monotonic.
    paused_until: Duration,
}

impl Ptr {
    /// Asks nothing yet.
    pub fn new(store: Store, dns: Dns, clock: Clock, metrics: Metrics, options: PtrOptions) -> Self {
        let state = State {
            settling: None,
            today: Today::new(options.domain_addresses_per_day_max),
            paused_until: Duration::ZERO,
        };
        let asking = Asking::new(dns, metrics.clone(), options.questions_per_second_max);
        Self {
            store,
            clock,
            metrics,
            options,
            asking,
            state: Mutex::new(state),
        }
    }

    /// Finds addresses and asks until none waits. It may be dropped at any time: what was found and not asked about waits, and
    /// what was not found yet is found by the next run.
    ///
    /// # Errors
    /// [`PtrError`]; what was kept before stays.
    pub async fn run(&self) -> Result<(), PtrError> {
        let mut state = self.state.lock().await;
        loop {
            self.find(&mut state).await?;
            if self.clock.monotonic() < state.paused_until || self.ask(&mut state).await? == Left::Nothing {
                return Ok(());
            }
        }
    }

    /// Lets the addresses wait that new reports mention.
    async fn find(&self, state: &mut State) -> Result<(), PtrError> {
        let now = self.clock.now();
        self.store.trim_addresses(self.options.addresses_max).await?;
        let waiting = self.store.addresses_due_count(now).await?;
        self.metrics.ptr().set_waiting(waiting);
        if waiting >= WAITING_MAX {
            return Ok(());
        }
        state.today.begin(Day::from_unix(now / 1_000));
        let mark = self.store.addresses_mark().await?;
        let mut newest = mark;
        for domain in self.store.all_domains().await? {
            let latest = self.store.latest_report(domain).await?.map_or(0, |no| no.0);
            if latest > mark && !state.today.is_full(domain) {
                self.find_in(domain, mark, now, &mut state.today).await?;
            }
            newest = newest.max(latest);
        }
        self.metrics
            .ptr()
            .set_waiting(self.store.addresses_due_count(now).await?);
        match state.settling {
            Some((since, _)) if now.abs_diff(since) < NUMBERS_SETTLE.unsigned_abs() => {}
            settled => {
                if let Some((_, settled)) = settled {
                    self.store.set_addresses_mark(settled).await?;
                }
                state.settling = Some((now, newest));
            }
        }
        Ok(())
    }

    /// As [`Self::find`], of one domain.
    async fn find_in(&self, domain: DomainId, mark: i64, now: Millis, today: &mut Today) -> Result<(), StoreError> {
        let since = now / 1_000 - WINDOW_SECONDS;
        let (mut after, mut mentioned) = (mark, Mentioned::default());
        loop {
            let reports = self
                .store
                .vouched_reports(domain, after, since, REPORTS_AT_ONCE)
                .await?;
            let Some(last) = reports.last() else { break };
            after = last.no.0;
            for report in &reports {
                let mut of_reporter = mentioned.by(&report.reporter);
                let each = |address, messages| of_reporter.add(address, messages);
                self.store.sources_of_report(domain, report.no, each).await?;
            }
        }
        for some in mentioned.in_turn().chunks(AT_ONCE) {
            let addresses: Vec<_> = some.iter().map(|(address, _)| *address).collect();
            let settled = self.store.settled_addresses(&addresses, now).await?;
            let fresh = some.iter().filter(|(address, _)| !settled.contains(address));
            let queued = fresh.filter_map(|(address, reporter)| Some((*address, today.turn(domain, reporter)?)));
            self.store.queue_addresses(&queued.collect::<Vec<_>>(), now).await?;
            if today.is_full(domain) {
                break;
            }
        }
        Ok(())
    }

    /// Asks about the addresses that wait, for a while.
    async fn ask(&self, state: &mut State) -> Result<Left, PtrError> {
        let began = self.clock.monotonic();
        loop {
            let now = self.clock.now();
            let waiting = self.store.addresses_due(now, asking::TOGETHER as u32).await?;
            if waiting.is_empty() {
                self.metrics.ptr().set_waiting(0);
                return Ok(Left::Nothing);
            }
            let Some(asked) = self.asking.ask(waiting, &self.clock).await else {
                state.paused_until = self.clock.monotonic() + PAUSE;
                return Err(PtrError::NoServer);
            };
            self.store.keep_addresses(&asked).await?;
            if self.clock.monotonic().saturating_sub(began) > FOUND_EVERY {
                return Ok(Left::Some);
            }
        }
    }
}

/// Whether addresses still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Some,
}
