//! What the page reads of the API's answers; `../http` says what each means.

use serde::Deserialize;

macro_rules! answers {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => { $(
        $(#[$meta])*
        #[derive(Debug, Deserialize)]
        pub(super) struct $name { $(pub $field: $type),+ }
    )+ };
}

answers! {
    Overview {
        domains: Vec<OverviewItem>,
        total_domains: u64,
        last_day: Option<String>,
        from: String,
        to: String,
        total_messages: u64,
        failed_messages: u64,
        pagination: Pagination,
    }
    OverviewItem {
        id: String,
        name: String,
        unicode_name: Option<String>,
        status: String,
        policy: Option<Policy>,
        total_messages: u64,
        failed_messages: u64,
        daily_stats: Vec<DayFigures>,
        last_report_at: Option<String>,
        last_arrived_at: Option<String>,
    }
    /// Of DMARC, as a reporter found it published.
    Policy {
        p: Option<String>,
        sp: Option<String>,
        np: Option<String>,
        adkim: Option<String>,
        aspf: Option<String>,
        pct: Option<u8>,
        testing: Option<bool>,
    }
    DayFigures { date: String, pass: u64, fail: u64 }

    Attention { items: Vec<AttentionItem>, totals: AttentionTotals, pagination: Option<Pagination> }
    AttentionTotals { failing_sources: u64, records_missing: u64, reporter_silent: u64, reports_held: u64, quarantined: u64 }
    AttentionItem {
        kind: String,
        domain_id: Option<String>,
        domain: Option<String>,
        unicode_name: Option<String>,
        count: u64,
        messages: u64,
        source_ip: Option<String>,
        org_name: Option<String>,
        last_report: Option<String>,
    }

    Domain {
        id: String,
        name: String,
        unicode_name: Option<String>,
        status: String,
        region: String,
        tls_mode: String,
        open_tracking: bool,
        click_tracking: bool,
        tracking_domain: Option<String>,
        catch_all: bool,
        inbound_enabled: bool,
        custom_return_path: Option<String>,
        bimi_logo_url: Option<String>,
        rua_address: Option<String>,
        dns_records: Vec<DnsRecord>,
        setup_advice: Vec<String>,
        created_at: String,
        verified_at: Option<String>,
        last_checked_at: Option<String>,
    }
    DnsRecord {
        r#type: String,
        name: String,
        value: String,
        purpose: String,
        verified: bool,
        required: bool,
        priority: Option<u16>,
        found: Vec<String>,
        problem: Option<String>,
        state: String,
        suggested: Option<String>,
        added: Vec<String>,
        remove: Vec<String>,
    }

    Stats {
        total_messages: u64,
        failed_messages: u64,
        daily_stats: Vec<DayFigures>,
        from: String,
        to: String,
        last_day: Option<String>,
        dispositions: Dispositions,
        dkim_aligned: u64,
        spf_aligned: u64,
        reports: u64,
        sources: u64,
    }
    Dispositions { none: u64, quarantine: u64, reject: u64, unknown: u64 }

    SourceList { sources: Vec<Source>, pagination: Pagination }
    Source {
        source_ip: Option<String>,
        org_name: Option<String>,
        ptr: Option<String>,
        country: Option<String>,
        count: u64,
        pass_count: u64,
        fail_count: u64,
        dkim_aligned: u64,
        spf_aligned: u64,
        first_seen: String,
        last_seen: String,
        dispositions: Dispositions,
    }
    SenderList { senders: Vec<Sender>, pagination: Pagination }
    Sender {
        org_name: Option<String>,
        network: Option<String>,
        sources: u64,
        count: u64,
        pass_count: u64,
        fail_count: u64,
        first_seen: String,
        last_seen: String,
    }
    SourceDetail {
        source: Source,
        records: Vec<SourceRecord>,
        reports_without_records: u64,
        next: Option<String>,
    }
    ReportMention { id: i64, org_name: Option<String>, date_range_begin: String, date_range_end: String }

    ReporterList { reporters: Vec<Reporter>, pagination: Pagination }
    Reporter {
        org_name: Option<String>,
        reports: u64,
        count: u64,
        pass_count: u64,
        fail_count: u64,
        last_report: Option<String>,
    }
    SignatureList { signatures: Vec<Signature>, pagination: Pagination }
    Signature {
        domain: Option<String>,
        selector: Option<String>,
        aligned: bool,
        count: u64,
        pass_count: u64,
        fail_count: u64,
        first_seen: Option<String>,
        last_seen: Option<String>,
    }

    ReportList { reports: Vec<Report>, pagination: Pagination }
    Report {
        id: i64,
        org_name: Option<String>,
        email: Option<String>,
        report_id: String,
        domain: String,
        date_range_begin: String,
        date_range_end: String,
        total_count: u64,
        pass_count: u64,
        fail_count: u64,
        policy: Policy,
        dispositions: Dispositions,
        received_at: String,
        authenticated: String,
        authenticated_domain: Option<String>,
        arrivals: u64,
        warnings: u64,
        partial: bool,
        status: String,
        held_because: Option<String>,
        reporter: String,
        record_count: u64,
        records_kept: bool,
    }
    Decision { at: String, action: String, by: String, why: Option<String> }
    Trust { report_messages_max: Option<u64>, accepted_reporters: Vec<AcceptedReporter> }
    AcceptedReporter { reporter: String, accepted_at: String, by: String, why: Option<String> }
    Warning { kind: String, detail: String, offset: Option<u64> }
    Provenance { original_kept: bool, mail: Option<Mail> }
    Mail {
        peer: String,
        helo: String,
        mail_from: String,
        tls: Option<Tls>,
        queue_id: String,
        dmarc: String,
        domain: Option<String>,
        spf: Option<MailSpf>,
        dkim: Vec<MailSignature>,
        unchecked: Option<String>,
    }
    Tls { version: String, cipher: String }
    MailSpf { domain: String, result: String }
    MailSignature { domain: String, selector: String, result: String }

    Record {
        source_ip: Option<String>,
        count: u64,
        result: String,
        disposition: String,
        dkim_aligned: bool,
        spf_aligned: bool,
        derived: bool,
        header_from: Option<String>,
        envelope_from: Option<String>,
        envelope_to: Option<String>,
        dkim: Vec<Dkim>,
        spf: Vec<Spf>,
        reasons: Vec<Reason>,
        raw: Vec<Raw>,
        omitted: Option<Omitted>,
    }
    Dkim {
        domain: Option<String>,
        selector: Option<String>,
        result: String,
        result_raw: Option<String>,
        human_result: Option<String>,
    }
    Spf {
        domain: Option<String>,
        scope: Option<String>,
        result: String,
        result_raw: Option<String>,
        human_result: Option<String>,
    }
    Reason { r#type: String, type_raw: Option<String>, comment: Option<String> }
    Raw { field: String, text: String }

    Arrivals { reports: Vec<Arrival>, more: bool }
    RefusedList { refused: Vec<RefusedItem> }
    RefusedItem {
        date: String,
        reason: String,
        messages: u64,
        bytes: u64,
        first_at: String,
        last_at: String,
        comes_again: bool,
        says: String,
    }
    MessageList { messages: Vec<Message>, pagination: Pagination }
    Message {
        id: i64,
        kind: String,
        reason: String,
        detail: String,
        leaf: String,
        offset: Option<u64>,
        policy_domain: Option<String>,
        origin: String,
        received_at: String,
        arrivals: u64,
        size_bytes: u64,
    }
    Taken { reports: Vec<TakenReport>, duplicates: u64, restored: u64, quarantined: Vec<TakenAside> }
    TakenAside { kind: String, reason: String, detail: String, leaf: String, policy_domain: Option<String> }
    DomainNames { domains: Vec<DomainKey> }
    DomainKey { id: String, name: String }
}

/// How many more results a record has than are listed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Omitted {
    pub dkim: u64,
    pub spf: u64,
    pub reasons: u64,
    pub raw: u64,
}

/// A record behind a source, with its report.
#[derive(Debug, Deserialize)]
pub(super) struct SourceRecord {
    pub report: ReportMention,
    #[serde(flatten)]
    pub record: Record,
}

/// A report with its records.
#[derive(Debug, Deserialize)]
pub(super) struct ReportDetail {
    #[serde(flatten)]
    pub report: Report,
    pub extra_contact_info: Option<String>,
    pub errors: Vec<String>,
    pub generator: Option<String>,
    pub version: Option<String>,
    pub namespace: Option<String>,
    pub warning_list: Vec<Warning>,
    pub conflicts: Vec<i64>,
    pub history: Vec<Decision>,
    pub provenance: Provenance,
    pub records: Vec<Record>,
    pub pagination: Pagination,
}

/// The position of a page in its list.
#[derive(Debug, Deserialize)]
pub(super) struct Pagination {
    pub total: u64,
    /// The list has more rows than `total` says.
    #[serde(default)]
    pub more_than_total: bool,
    pub page: u32,
    pub per_page: u32,
    pub total_pages: u64,
    /// Where the list continues.
    pub next: Option<String>,
}

/// A report that came, with its domain.
#[derive(Debug, Deserialize)]
pub(super) struct Arrival {
    pub domain_id: String,
    pub domain_name: String,
    pub unicode_name: Option<String>,
    #[serde(flatten)]
    pub report: Report,
}

/// A report out of an upload.
#[derive(Debug, Deserialize)]
pub(super) struct TakenReport {
    #[serde(flatten)]
    pub report: Report,
    pub outcome: String,
    pub domain_id: Option<String>,
    pub domain_name: Option<String>,
}

/// Rows that numbered pages reach in a list that continues by `next`.
const PAGED_ROWS_MAX: u64 = 10_000;

impl Pagination {
    /// Whether it is behind the last page of a list that has pages.
    pub fn is_beyond(&self) -> bool {
        self.total > 0 && u64::from(self.page) > self.total_pages
    }

    /// The last numbered page of a list that continues by `next`.
    pub fn last_with_number(&self) -> u64 {
        PAGED_ROWS_MAX.div_ceil(u64::from(self.per_page.max(1)))
    }
}
