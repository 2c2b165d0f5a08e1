//! Receipts for changes: which reporters have seen a change work, service by service. Only a window that begins after a change says
//! something about it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::changes::Change;
use super::names::Names;
use super::naming::Naming;
use crate::base::numbers::counted;
use crate::base::{Day, DayRange, Millis, words};
use crate::enrich::{Homes, Knowledge, Tables, home_range};
use crate::report::aggregate::{Evidence, Window};
use crate::store::{Domain, RangeReader, RangeRecord, ReportSummary, Store, StoreError};
use crate::tally::Spread;

/// Days before a change in which services and their reporters are learned.
const BEFORE_DAYS: i32 = 30;
/// Services of a receipt, and reporters of a service, that are listed.
const SERVICES_MAX: usize = 20;
const REPORTERS_MAX: usize = 20;
/// Pairs of service and reporter that are told apart.
const PAIRS_MAX: usize = 50_000;
/// A receipt waits for the largest reporters of a service, which have this percentage of its messages together.
const AWAITED_PERCENT: u128 = 95;
/// Names in a sentence.
const NAMED_MAX: usize = 3;

words! {
    /// What a reporter says of a service after a change.
    ReceiptStanding: u8 {
        /// It reports failing messages.
        Failing = 0 "failing",
        /// It reported no window after the change with messages of the service.
        Waiting = 1 "waiting",
        /// All messages pass.
        Confirmed = 2 "confirmed",
    }
}

/// What a reporter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReporterReceipt {
    /// Empty for reports without one.
    pub reporter: Box<str>,
    pub standing: ReceiptStanding,
    /// Messages of windows that begin after the change.
    pub pass: u64,
    pub fail: u64,
}

/// A service that failed before or after the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReceipt {
    /// `None` for messages that nothing names.
    pub service: Option<Arc<str>>,
    pub standing: ReceiptStanding,
    /// One sentence.
    pub says: String,
    /// Messages of the 30 days before, and those of them that failed.
    pub before: (u64, u64),
    /// The last day of the newest window before the change with a failing message.
    pub last_failing: Option<Day>,
    /// Those with the most messages first; at most 20.
    pub reporters: Vec<ReporterReceipt>,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub change: Change,
    /// One sentence.
    pub says: String,
    /// Whether there is a service, and each is confirmed.
    pub is_closed: bool,
    /// Those with the most failing messages first; at most 20.
    pub services: Vec<ServiceReceipt>,
    pub total: usize,
}

/// The receipts of changes, by the windows that are stored.
pub async fn receipts(
    (store, domain, tables): (&Store, &Domain, &Tables),
    today: Day,
    changes: Vec<Change>,
) -> Result<Vec<Receipt>, StoreError> {
    let Some(first) = changes.iter().map(|one| day_of(one.at)).min() else {
        return Ok(Vec::new());
    };
    let range = DayRange {
        first: first.plus(-BEFORE_DAYS),
        last: today,
    };
    let (paths, ways) = store.ways(domain.id, home_range(range)).await?;
    let mut homes = Homes::default();
    homes.add_all(&paths, &ways);
    drop((paths, ways));
    let naming = Naming::new(Knowledge::read(store, domain, homes, tables).await?);
    let mut reading = Reading {
        naming,
        reporters: Names::default(),
        current: None,
        without_records: 0,
        open: changes.into_iter().map(OpenReceipt::new).collect(),
    };
    store.read_range(domain.id, range, &mut reading).await?;
    let Reading {
        naming,
        reporters,
        open,
        without_records,
        ..
    } = reading;
    let service = |number| naming.service(number).cloned();
    Ok(open
        .into_iter()
        .map(|one| one.closed((&reporters, without_records), service))
        .collect())
}

fn day_of(at: Millis) -> Day {
    Day::from_unix(at.div_euclid(1_000))
}

/// Messages of a service at a reporter.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    before: u64,
    pass: u64,
    fail: u64,
}

/// What is known of a service.
#[derive(Debug, Default)]
struct Seen {
    before: (u64, u64),
    last_failing: Option<Day>,
    pairs: HashMap<u32, Pair>,
}

/// The messages of one record.
#[derive(Debug, Clone, Copy)]
struct Messages {
    window: Window,
    reporter: u32,
    service: u32,
    passes: bool,
    count: u64,
}

/// A receipt for which windows are read.
struct OpenReceipt {
    change: Change,
    services: HashMap<u32, Seen>,
    pairs: usize,
}

impl OpenReceipt {
    fn new(change: Change) -> Self {
        Self {
            change,
            services: HashMap::new(),
            pairs: 0,
        }
    }

    fn add(&mut self, messages: &Messages) {
        let Messages {
            window,
            reporter,
            service,
            passes,
            count,
        } = *messages;
        let is_after = window.begin.saturating_mul(1_000) >= self.change.at;
        let days = Spread::for_window(window).days();
        if !is_after && days.last < day_of(self.change.at).plus(-BEFORE_DAYS) {
            return;
        }
        let seen = self.services.entry(service).or_default();
        if !seen.pairs.contains_key(&reporter) {
            if self.pairs >= PAIRS_MAX {
                return;
            }
            self.pairs += 1;
        }
        let pair = seen.pairs.entry(reporter).or_default();
        let add = |sum: &mut u64| *sum = sum.saturating_add(count);
        match (is_after, passes) {
            (true, true) => add(&mut pair.pass),
            (true, false) => add(&mut pair.fail),
            (false, _) => {
                add(&mut pair.before);
                add(&mut seen.before.0);
                if !passes {
                    add(&mut seen.before.1);
                    let last = days.last.min(day_of(self.change.at));
                    seen.last_failing = seen.last_failing.max(Some(last));
                }
            }
        }
    }

    fn closed(self, (reporters, without_records): (&Names, u64), service: impl Fn(u32) -> Option<Arc<str>>) -> Receipt {
        let is_of_change = |name: Option<&str>| match &self.change.service {
            Some(only) => name.is_some_and(|name| name.eq_ignore_ascii_case(only)),
            None => true,
        };
        let mut services: Vec<_> = self
            .services
            .into_iter()
            .filter(|(_, seen)| seen.before.1 > 0 || seen.pairs.values().any(|pair| pair.fail > 0))
            .map(|(number, seen)| (service(number), seen))
            .filter(|(name, _)| is_of_change(name.as_deref()))
            .map(|(name, seen)| seen.receipt(name, reporters))
            .collect();
        services.sort_by(|a, b| {
            let fails = |one: &ServiceReceipt| {
                let after = one.reporters.iter().map(|one| one.fail);
                after.fold(one.before.1, u64::saturating_add)
            };
            fails(b).cmp(&fails(a)).then_with(|| a.service.cmp(&b.service))
        });
        let confirmed = services.iter().filter(|one| one.standing == ReceiptStanding::Confirmed);
        let (confirmed, total) = (confirmed.count(), services.len());
        services.truncate(SERVICES_MAX);
        Receipt {
            says: sentence(&self.change, (confirmed, total), without_records),
            change: self.change,
            is_closed: total > 0 && confirmed == total && without_records == 0,
            services,
            total,
        }
    }
}

impl Seen {
    fn receipt(self, service: Option<Arc<str>>, names: &Names) -> ServiceReceipt {
        let mut pairs: Vec<_> = self.pairs.into_iter().collect();
        let messages = |pair: &Pair| pair.before.saturating_add(pair.pass).saturating_add(pair.fail);
        pairs.sort_by(|(a, one), (b, other)| {
            let by_messages = messages(other).cmp(&messages(one));
            by_messages.then_with(|| names.name(*a).cmp(names.name(*b)))
        });
        let all: u128 = pairs.iter().map(|(_, pair)| u128::from(pair.before)).sum();
        let mut sum = 0_u128;
        let mut reporters = Vec::new();
        for (number, pair) in pairs {
            // What the larger ones have is enough: this one is not waited for.
            let is_awaited = sum * 100 < all * AWAITED_PERCENT;
            sum += u128::from(pair.before);
            let standing = match (pair.pass, pair.fail) {
                (_, 1..) => ReceiptStanding::Failing,
                (1.., 0) => ReceiptStanding::Confirmed,
                (0, 0) if is_awaited => ReceiptStanding::Waiting,
                (0, 0) => continue,
            };
            reporters.push(ReporterReceipt {
                reporter: names.name(number).into(),
                standing,
                pass: pair.pass,
                fail: pair.fail,
            });
        }
        // The least that any of them says.
        let standing = reporters.iter().map(|one| one.standing).min();
        let says = says(&reporters, self.last_failing);
        reporters.truncate(REPORTERS_MAX);
        ServiceReceipt {
            service,
            standing: standing.unwrap_or(ReceiptStanding::Waiting),
            says,
            before: self.before,
            last_failing: self.last_failing,
            reporters,
        }
    }
}

/// `Confirmed by Google and Yahoo, waiting for Microsoft; last failing message before the change 2026-05-12.`
fn says(reporters: &[ReporterReceipt], last_failing: Option<Day>) -> String {
    let mut parts = Vec::new();
    for (standing, words) in [
        (ReceiptStanding::Confirmed, "confirmed by"),
        (ReceiptStanding::Failing, "still failing at"),
        (ReceiptStanding::Waiting, "waiting for"),
    ] {
        let of = reporters.iter().filter(|one| one.standing == standing);
        let names: Vec<_> = of.map(|one| &*one.reporter).collect();
        if !names.is_empty() {
            parts.push(format!("{words} {}", listed(&names)));
        }
    }
    if parts.is_empty() {
        parts.push("nothing was reported since".to_owned());
    }
    let mut sentence = parts.join(", ");
    sentence[..1].make_ascii_uppercase();
    match last_failing {
        Some(day) => format!("{sentence}; last failing message before the change {day}."),
        None => format!("{sentence}; no message failed in the {BEFORE_DAYS} days before the change."),
    }
}

fn listed(names: &[&str]) -> String {
    let name = |name: &&str| {
        if name.is_empty() {
            "a reporter without a name".to_owned()
        } else {
            (*name).to_owned()
        }
    };
    let shown: Vec<_> = names.iter().take(NAMED_MAX).map(name).collect();
    match (names.len().saturating_sub(NAMED_MAX), shown.split_last()) {
        (0, Some((last, rest))) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (0, _) => shown.join(""),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn sentence(change: &Change, (confirmed, total): (usize, usize), without_records: u64) -> String {
    let what = change.what();
    let said = match (confirmed, total) {
        (_, 0) => format!("{what}, and no service failed before or since."),
        (confirmed, total) if confirmed == total => format!("{what}, and everything that failed is confirmed to pass."),
        _ => format!("{what}: {confirmed} of {total} services that failed are confirmed to pass."),
    };
    match without_records {
        0 => said,
        reports => format!(
            "{said} The records of {} are no longer kept, so this may not be all.",
            counted(reports, "report", "reports")
        ),
    }
}

/// The report whose records come.
struct Current {
    window: Window,
    reporter: u32,
}

struct Reading<'t> {
    naming: Naming<'t>,
    reporters: Names,
    /// `None` before the first one.
    current: Option<Current>,
    open: Vec<OpenReceipt>,
    /// Reports whose records retention has dropped.
    without_records: u64,
}

impl RangeReader for Reading<'_> {
    /// The number of a path.
    type Made = u32;

    fn make(&mut self, evidence: &Evidence, policy_domain: &str) -> u32 {
        self.naming.path(evidence, policy_domain)
    }

    fn report(&mut self, report: &ReportSummary) {
        self.current = Some(Current {
            window: report.window,
            reporter: self.reporters.number(report.org_name.as_deref().unwrap_or_default()),
        });
    }

    fn record(&mut self, record: RangeRecord, path: u32) {
        let Some(Current { window, reporter }) = self.current else {
            return;
        };
        if record.messages == 0 {
            return;
        }
        let (service, _) = self.naming.meaning(record.source, path, record.verdict);
        let messages = Messages {
            window,
            reporter,
            service,
            passes: record.verdict.passes(),
            count: record.messages,
        };
        for open in &mut self.open {
            open.add(&messages);
        }
    }

    fn without_records(&mut self, _: &ReportSummary, _: u64) {
        self.without_records = self.without_records.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
