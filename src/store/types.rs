//! The contents of the database, as the rest of the crate sees them.

use std::net::IpAddr;

use super::{Acceptance, HistoryEntry, Provenance, ReportStanding};
use crate::base::{
    AccountId, Authenticated, Day, DayRange, DomainId, DomainName, DomainStatus, FailureReports, KeyId, Millis, Mode,
    Permission, Region, ReportNo, SetAsideId, SetAsideKind, Tags, TlsMode,
};
use crate::report::aggregate::{Evidence, PolicyPublished, Verdict, Warning, Window};
use crate::tally::{ResultFilter, TlsCounts, Totals};

/// How far the clocks of nodes may differ. An instant further in the future is from a clock that was ahead.
pub const CLOCKS_DIFFER_MAX: Millis = 300_000;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// Unique; the name on the command line.
    pub name: String,
    pub mode: Mode,
    pub created_at: Millis,
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub account: AccountId,
    pub name: String,
    pub permission: Permission,
    /// The only domain that the key can access, if it is bound to one.
    pub domain: Option<DomainId>,
    /// The first 12 characters, to tell keys apart.
    pub prefix: String,
    /// SHA-256 of the whole key; compare in constant time.
    pub hash: [u8; 32],
    pub created_at: Millis,
    pub last_used_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
}

/// The data of a new key. The secret itself never reaches the store.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub permission: Permission,
    pub domain: Option<DomainId>,
    pub prefix: String,
    pub hash: [u8; 32],
}

/// A domain row, with every setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub id: DomainId,
    /// `dom_` and 16 of a-z0-9.
    pub public_id: String,
    pub account: AccountId,
    pub name: DomainName,
    pub status: DomainStatus,
    pub region: Region,
    pub tls_mode: TlsMode,
    pub open_tracking: bool,
    pub click_tracking: bool,
    pub inbound_enabled: bool,
    pub catch_all: bool,
    pub custom_return_path: Option<DomainName>,
    pub tracking_domain: Option<DomainName>,
    pub bimi_logo_url: Option<String>,
    pub failure_reports: FailureReports,
    /// Local part of the domain's own report address.
    pub rua_token: String,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub verified_at: Option<Millis>,
    pub last_checked_at: Option<Millis>,
    pub tags: Tags,
}

/// A domain to be added.
#[derive(Debug, Clone)]
pub struct NewDomain {
    pub public_id: String,
    pub name: DomainName,
    pub region: Region,
    pub tls_mode: TlsMode,
    pub open_tracking: bool,
    pub click_tracking: bool,
    pub custom_return_path: Option<DomainName>,
    pub rua_token: String,
}

/// New values for settings of a domain. `None` leaves a setting unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainChanges {
    pub tls_mode: Option<TlsMode>,
    pub open_tracking: Option<bool>,
    pub click_tracking: Option<bool>,
    pub inbound_enabled: Option<bool>,
    pub catch_all: Option<bool>,
    /// `Some(None)` clears it; so do the next two.
    pub custom_return_path: Option<Option<DomainName>>,
    pub tracking_domain: Option<Option<DomainName>>,
    pub bimi_logo_url: Option<Option<String>>,
    pub failure_reports: Option<FailureReports>,
    pub tags: Option<Tags>,
}

/// Which reports to list.
#[derive(Debug, Clone, Default)]
pub struct ReportFilter {
    /// By the UTC day on which the window begins.
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// Exact `org_name`, in any letter case.
    pub org: Option<String>,
    pub result: Option<ResultFilter>,
    /// What the mail that carried it says.
    pub authenticated: Option<Authenticated>,
    pub standing: ReportStanding,
}

/// A report in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSummary {
    pub no: ReportNo,
    pub org_name: Option<String>,
    pub email: Option<String>,
    pub report_id: String,
    pub window: Window,
    pub policy: PolicyPublished,
    pub totals: Totals,
    pub records: u64,
    pub received_at: Millis,
    pub authenticated: Authenticated,
    /// How often the report arrived; 1 without duplicates.
    pub arrivals: u64,
    pub warnings: u64,
    pub partial: bool,
    /// False for the loser of a conflict, and for a report that may not count: kept, but in no sum.
    pub counted: bool,
    pub acceptance: Acceptance,
    /// False once retention has dropped its records; its sums stay.
    pub records_kept: bool,
}

/// One report with everything stored except its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDetail {
    pub summary: ReportSummary,
    pub extra_contact_info: Option<String>,
    pub errors: Vec<String>,
    pub generator: Option<String>,
    pub version: Option<String>,
    pub namespace: Option<String>,
    /// The first 100.
    pub warnings: Vec<StoredWarning>,
    /// Other reports with the same identity and different content.
    pub conflicts: Vec<ReportNo>,
    /// The provenance of the mail that vouches for it, or of the first that carried it if none does. `None`: it
    /// was carried by no mail, or by one that no peer delivered and that says nothing that could be checked.
    pub provenance: Option<Provenance>,
    /// Whether the original is still stored.
    pub original_kept: bool,
    /// Whether it is kept with the keys of its signatures.
    pub is_provable: bool,
    /// Decisions of the owner about it, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// A stored [`Warning`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWarning {
    pub kind: String,
    pub detail: String,
    pub offset: Option<u64>,
}

impl From<&Warning> for StoredWarning {
    fn from(warning: &Warning) -> Self {
        Self {
            kind: warning.kind.word().to_owned(),
            detail: warning.detail.to_string(),
            offset: warning.offset,
        }
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub source: Option<IpAddr>,
    pub count: u64,
    pub verdict: Verdict,
    pub evidence: std::sync::Arc<Evidence>,
}

/// An original: the bytes as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub bytes: Vec<u8>,
    pub received_at: Millis,
}

/// A day's totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTotals {
    pub day: Day,
    pub totals: Totals,
}

/// The figures of a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub range: DayRange,
    pub totals: Totals,
    /// Every day of the range, ascending, zeros included.
    pub days: Vec<DayTotals>,
    /// Counted reports whose window begins in the range.
    pub reports: u64,
    /// Distinct source addresses in the range.
    pub sources: u64,
    /// Messages of the range in reports whose mail does not vouch for them, whichever reports the sums are of.
    pub unvouched_messages: u64,
}

/// One sending address in a range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// `None` gathers the records without a readable address.
    pub address: Option<IpAddr>,
    pub totals: Totals,
    /// First and last day of the range on which it was seen.
    pub first_seen: Day,
    pub last_seen: Day,
}

/// A page of sources, by messages, largest first, then by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    pub sources: Vec<Source>,
    /// How many there are in all.
    pub total: u64,
}

/// A message set aside, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    pub id: SetAsideId,
    pub account: AccountId,
    /// The domain row that the message was addressed to, if any.
    pub domain: Option<DomainId>,
    pub kind: SetAsideKind,
    /// A stable word: why.
    pub reason: String,
    /// Human-readable, one sentence. It may contain hostile text: escape it.
    pub detail: String,
    /// Where in the message: attachment and member names.
    pub leaf: String,
    /// Byte offset in the text, where one is known.
    pub offset: Option<u64>,
    /// Policy domain of an unclaimed report.
    pub policy_domain: Option<String>,
    /// Where the message came from: a file's path, a peer.
    pub origin: String,
    pub received_at: Millis,
    pub arrivals: u64,
    pub bytes_len: u64,
}

/// The owner of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// To the account's domain that is the policy domain or its closest registered parent; where there is none, record by
    /// record to the domains below it, and unclaimed.
    Account(AccountId),
    /// As above, after a policy domain without a row has been added to the account.
    AddDomains(AccountId),
    /// As [`Self::Account`]: addressed to this domain row of the account, where other mail stays.
    Domain(AccountId, DomainId),
    /// As [`Self::Account`] as far as this domain row goes; what belongs elsewhere is quarantined as misaddressed.
    Only(AccountId, DomainId),
}

impl Belonging {
    /// The tenant.
    pub fn account(self) -> AccountId {
        match self {
            Self::Account(account) | Self::AddDomains(account) | Self::Domain(account, _) | Self::Only(account, _) => {
                account
            }
        }
    }

    /// The domain row that it names, if it names one.
    pub fn domain(self) -> Option<DomainId> {
        match self {
            Self::Account(_) | Self::AddDomains(_) => None,
            Self::Domain(_, domain) | Self::Only(_, domain) => Some(domain),
        }
    }
}

/// A part of a message that should be a report and could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the message: attachment and member names.
    pub leaf: String,
    /// A stable word.
    pub reason: &'static str,
    /// Human-readable, one sentence.
    pub detail: String,
    /// Byte offset in the text, where one is known.
    pub offset: Option<u64>,
}

/// The outcome of one message, after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub reports: Vec<StoredReport>,
    pub tls_reports: Vec<StoredTlsReport>,
    /// The failure report that the message is, if it is stored.
    pub failure: Option<StoredFailure>,
    pub set_aside: Vec<SetAsideNote>,
    /// Whether mail without a counted report was not set aside, because today's quota is used up. The message must be
    /// sent again.
    pub over_quota: bool,
    /// Approximate bytes that were added to the database.
    pub kept_bytes: u64,
}

impl Outcome {
    /// Whether a report of the message is in the database now.
    pub fn has_reports(&self) -> bool {
        !self.reports.is_empty() || !self.tls_reports.is_empty() || self.failure.is_some()
    }
}

/// A report that is in the database now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    pub no: ReportNo,
    /// Whether it may count. For a duplicate: whether this arrival may.
    pub acceptance: Acceptance,
    /// The domain for which it counts. A text whose records count for several domains has one of these per domain.
    pub domain: DomainId,
    pub fate: Fate,
    pub policy_domain: String,
    pub records: u64,
    pub messages: u64,
    /// Messages that counted before, in the piece that it replaces.
    pub replaced: u64,
    pub leaf: String,
    /// The days that the report is about.
    pub window: Window,
    /// Whether a duplicate restored the records that retention had dropped.
    pub restored: bool,
}

/// A TLS report that is in the database now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTlsReport {
    pub no: ReportNo,
    /// The domain for which it counts.
    pub domain: DomainId,
    pub fate: Fate,
    /// Whether this arrival may count.
    pub acceptance: Acceptance,
    /// The domain that it is about.
    pub policy_domain: String,
    pub leaf: String,
    /// Its sessions, if it is new and may count; else none.
    pub counts: TlsCounts,
}

/// A failure report that is in the database now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    pub no: ReportNo,
    /// The domain that it is stored for.
    pub domain: DomainId,
    /// New or a duplicate.
    pub fate: Fate,
    /// The domain that it is about; empty if nothing names one.
    pub about: String,
}

/// The fate of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// New, and counted.
    Stored,
    /// Known already: only its arrival was counted. `no` is the first one's.
    Duplicate,
    /// Same identity as another, different content: both are kept, one is counted.
    Conflict,
    /// A piece of it was known, because a text was cut off or was about some of its domains. It replaces the piece.
    Completed,
}

/// A message, or a part of one, that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsideNote {
    pub id: SetAsideId,
    pub kind: SetAsideKind,
    /// A stable word.
    pub reason: String,
    pub detail: String,
    pub leaf: String,
    /// Whether it was not set aside before for the same reason.
    pub is_new: bool,
    pub offset: Option<u64>,
    /// Policy domain of an unclaimed report.
    pub policy_domain: Option<String>,
}

/// Where one message differs from what the tables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    pub domain: String,
    /// One sentence: which figure, what the records say, what the roll-up says.
    pub what: String,
}

impl DomainChanges {
    /// The domain as it is after these changes, made at `now`.
    pub fn applied_to(self, domain: Domain, now: Millis) -> Domain {
        Domain {
            tls_mode: self.tls_mode.unwrap_or(domain.tls_mode),
            open_tracking: self.open_tracking.unwrap_or(domain.open_tracking),
            click_tracking: self.click_tracking.unwrap_or(domain.click_tracking),
            inbound_enabled: self.inbound_enabled.unwrap_or(domain.inbound_enabled),
            catch_all: self.catch_all.unwrap_or(domain.catch_all),
            custom_return_path: self.custom_return_path.unwrap_or(domain.custom_return_path),
            tracking_domain: self.tracking_domain.unwrap_or(domain.tracking_domain),
            bimi_logo_url: self.bimi_logo_url.unwrap_or(domain.bimi_logo_url),
            failure_reports: self.failure_reports.unwrap_or(domain.failure_reports),
            tags: self.tags.unwrap_or(domain.tags),
            // Changes even if the clock stands still.
            updated_at: now.max(domain.updated_at + 1),
            ..domain
        }
    }
}
