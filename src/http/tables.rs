//! The columns of every list as CSV, and where each list continues.

use std::borrow::Cow;
use std::net::IpAddr;

use super::figures::{FlowDay, FlowDays};
use super::listing::{CsvRow, List};
use super::parts::{PartDay, PartDays};
use super::places::place_of;
use crate::api::{
    ArrivalItem, Arrivals, Attention, AttentionItem, DayBody, DkimBody, DomainItem, DomainList, FlowBody, FlowList,
    KeyBody, KeyList, MailItem, MailList, MessageItem, MessageList, Overview, OverviewItem, ReasonBody, RecordBody,
    RefusedItem, RefusedList, ReportBody, ReportItem, ReportList, ReporterBody, ReporterList, SenderBody,
    SenderDecisionBody, SenderDecisionList, SenderList, ServiceBody, ServiceList, SignatureBody, SignatureList,
    SourceBody, SourceDetail, SourceList, SourceRecord, SpfBody, StatsBody, SubdomainBody, SubdomainList,
};
use crate::csv::{Row, dkim_result, reason, spf_result};

/// A value that makes one cell.
trait Cell {
    fn write(&self, line: &mut Row);
}

/// `columns! { Type as row: "name" = value, ... }`: the columns of a list of that type.
macro_rules! columns {
    ($type:ty as $row:ident: $($name:literal = $value:expr,)+) => {
        impl CsvRow for $type {
            const COLUMNS: &'static [&'static str] = &[$($name),+];

            fn cells(&self, line: &mut Row) {
                let $row = self;
                $(Cell::write(&$value, line);)+
            }
        }
    };
}

/// `list! { Type.rows of Row, next, place }`: a list, what it says is next, and the place behind its `nth` row.
macro_rules! list {
    ($type:ty as $list:ident, $nth:ident: $rows:ident of $row:ty, $next:expr, $place:expr) => {
        impl List for $type {
            type Row = $row;

            fn rows(&self) -> &[$row] {
                &self.$rows
            }

            fn next(&self) -> Option<String> {
                let $list = self;
                $next
            }

            fn place(&self, $nth: usize) -> Option<String> {
                let $list = self;
                $place
            }
        }
    };
    // As it comes as a whole.
    ($type:ty: $rows:ident of $row:ty) => {
        list! { $type as _list, _nth: $rows of $row, None, None }
    };
    // As it is continued by numbers of rows.
    ($type:ty: $rows:ident of $row:ty, by rows) => {
        list! { $type as list, nth: $rows of $row, list.pagination.next.clone(), list.pagination.rows_to(nth, list.$rows.len()) }
    };
}

mod failure_reports;
mod findings;
mod owner_changes;
mod search;
mod tls;

list! { DomainList: domains of DomainItem }
columns! { DomainItem as row:
    "id" = row.id,
    "name" = row.name,
    "status" = row.status,
    "region" = row.region,
    "created_at" = row.created_at,
}

list! { StatsBody: daily_stats of DayBody }
columns! { DayBody as row:
    "date" = row.date,
    "pass" = row.pass,
    "fail" = row.fail,
}

list! { FlowDays: days of FlowDay }
columns! { FlowDay as row:
    "date" = row.date,
    "pass" = row.pass,
    "fail" = row.fail,
    "direct" = row.flows.direct,
    "service_flow" = row.flows.service,
    "list" = row.flows.list,
    "forwarded" = row.flows.forwarded,
    "own_missing_in_spf" = row.flows.own_missing_in_spf,
    "open" = row.flows.open,
    "unaligned" = row.flows.unaligned,
    "unknown" = row.flows.unknown,
}

list! { PartDays: days of PartDay }
columns! { PartDay as row:
    "date" = row.date,
    "name" = row.name,
    "messages" = row.messages,
}

list! { SourceList: sources of SourceBody, by rows }
columns! { SourceBody as row:
    "source_ip" = row.source_ip,
    "org_name" = row.org_name,
    "ptr" = row.ptr,
    "country" = row.country,
    "messages" = row.count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "dkim_aligned" = row.dkim_aligned,
    "spf_aligned" = row.spf_aligned,
    "first_seen" = row.first_seen,
    "last_seen" = row.last_seen,
    "asn" = row.asn.map(u64::from),
    "as_name" = row.as_name,
    "service" = row.known_by.service,
    "category" = row.known_by.category,
    "evidence" = row.known_by.evidence,
    "evidence_fact" = row.known_by.evidence_fact,
    "class" = row.class,
    "flow" = row.flow,
    "decision" = row.decision,
}

list! { ServiceList: services of ServiceBody, by rows }
columns! { ServiceBody as row:
    "name" = row.name,
    "category" = row.known_by.category,
    "evidence" = row.known_by.evidence,
    "evidence_fact" = row.known_by.evidence_fact,
    "class" = row.class,
    "flow" = row.flow,
    "sources" = row.sums.sources,
    "messages" = row.sums.count,
    "pass" = row.sums.pass_count,
    "fail" = row.sums.fail_count,
    "dkim_aligned" = row.sums.dkim_aligned,
    "spf_aligned" = row.sums.spf_aligned,
    "direct" = row.flows.direct,
    "service_flow" = row.flows.service,
    "list" = row.flows.list,
    "forwarded" = row.flows.forwarded,
    "own_missing_in_spf" = row.flows.own_missing_in_spf,
    "open" = row.flows.open,
    "unaligned" = row.flows.unaligned,
    "unknown" = row.flows.unknown,
    "not_ours" = row.flows.not_ours,
}

list! { SenderDecisionList: decisions of SenderDecisionBody, by rows }
columns! { SenderDecisionBody as row:
    "id" = row.id,
    "kind" = row.kind,
    "subject" = row.subject,
    "decision" = row.decision,
    "name" = row.name,
    "note" = row.note,
    "by" = row.by,
    "decided_at" = row.decided_at,
}

list! { FlowList: flows of FlowBody }
columns! { FlowBody as row:
    "flow" = row.flow,
    "class" = row.class,
    "messages" = row.count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "dkim_aligned" = row.dkim_aligned,
    "spf_aligned" = row.spf_aligned,
}

list! { SubdomainList: subdomains of SubdomainBody, by rows }
columns! { SubdomainBody as row:
    "header_from" = row.header_from,
    "registered" = row.registered,
    "sources" = row.sums.sources,
    "messages" = row.sums.count,
    "pass" = row.sums.pass_count,
    "fail" = row.sums.fail_count,
    "dkim_aligned" = row.sums.dkim_aligned,
    "spf_aligned" = row.sums.spf_aligned,
    "direct" = row.flows.direct,
    "service_flow" = row.flows.service,
    "list" = row.flows.list,
    "forwarded" = row.flows.forwarded,
    "own_missing_in_spf" = row.flows.own_missing_in_spf,
    "open" = row.flows.open,
    "unaligned" = row.flows.unaligned,
    "unknown" = row.flows.unknown,
    "not_ours" = row.flows.not_ours,
    "policy" = row.policy,
    "policy_from" = row.policy_from,
}

list! { SenderList: senders of SenderBody, by rows }
columns! { SenderBody as row:
    "org_name" = row.org_name,
    "network" = row.network,
    "sources" = row.sources,
    "messages" = row.count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "first_seen" = row.first_seen,
    "last_seen" = row.last_seen,
}

list! { ReporterList: reporters of ReporterBody, by rows }
columns! { ReporterBody as row:
    "org_name" = row.org_name,
    "reports" = row.reports,
    "messages" = row.count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "last_report" = row.last_report,
}

list! { SignatureList: signatures of SignatureBody, by rows }
columns! { SignatureBody as row:
    "domain" = row.domain,
    "selector" = row.selector,
    "aligned" = row.aligned,
    "messages" = row.count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "first_seen" = row.first_seen,
    "last_seen" = row.last_seen,
}

list! { Overview: domains of OverviewItem, by rows }
columns! { OverviewItem as row:
    "id" = row.id,
    "name" = row.name,
    "unicode_name" = row.unicode_name,
    "status" = row.status,
    "tags" = row.tags.join(" "),
    "organisation" = row.organisation,
    "folded_domains" = row.folded_domains,
    "policy" = row.policy.as_ref().and_then(|policy| policy.p.as_deref()),
    "messages" = row.total_messages,
    "failed" = row.failed_messages,
    "pass_rate" = row.pass_rate,
    "messages_before" = row.messages_before,
    "failed_before" = row.failed_before,
    "last_report_at" = row.last_report_at,
    "last_arrived_at" = row.last_arrived_at,
}

list! { Attention as list, nth: items of AttentionItem,
list.pagination.as_ref()?.next.clone(), list.pagination.as_ref()?.rows_to(nth, list.items.len()) }
columns! { AttentionItem as row:
    "kind" = row.kind,
    "domain" = row.domain,
    "count" = row.count,
    "messages" = row.messages,
    "source_ip" = row.source_ip,
    "org_name" = row.org_name,
    "last_report" = row.last_report,
    "reason" = row.reason,
    "action" = row.action,
}

list! { ReportList as list, nth: reports of ReportItem, list.pagination.next.clone(), place_of(list.reports.get(nth)?) }
columns! { ReportItem as row:
    "id" = row.id,
    "org_name" = row.org_name,
    "email" = row.email,
    "report_id" = row.report_id,
    "begin" = row.date_range_begin,
    "end" = row.date_range_end,
    "messages" = row.total_count,
    "pass" = row.pass_count,
    "fail" = row.fail_count,
    "policy" = row.policy.p,
    "received_at" = row.received_at,
    "authenticated" = row.authenticated,
    "authenticated_domain" = row.authenticated_domain,
    "warnings" = row.warnings,
    "status" = row.status,
    "held_because" = row.held_because,
}

list! { Arrivals as list, nth: reports of ArrivalItem, list.next.clone(), Some(list.reports.get(nth)?.report.id.to_string()) }
columns! { ArrivalItem as row:
    "received_at" = row.report.received_at,
    "domain" = row.domain_name,
    "org_name" = row.report.org_name,
    "report_id" = row.report.report_id,
    "messages" = row.report.total_count,
    "pass" = row.report.pass_count,
    "fail" = row.report.fail_count,
}

// The store bounds the bytes of records: a page of them fits.
impl<'a> List for ReportBody<'a> {
    type Row = RecordBody<'a>;

    fn rows(&self) -> &[RecordBody<'a>] {
        &self.records
    }

    fn next(&self) -> Option<String> {
        self.pagination.next.clone()
    }

    fn place(&self, nth: usize) -> Option<String> {
        Some(self.records.get(nth)?.number?.to_string())
    }
}

columns! { RecordBody<'_> as row:
    "source_ip" = row.source_ip,
    "messages" = row.count,
    "result" = row.result,
    "disposition" = row.disposition,
    "dkim_aligned" = row.dkim_aligned,
    "spf_aligned" = row.spf_aligned,
    "header_from" = row.header_from,
    "envelope_from" = row.envelope_from,
    "envelope_to" = row.envelope_to,
    "dkim" = row.dkim,
    "spf" = row.spf,
    "reasons" = row.reasons,
    "omitted_dkim" = row.omitted.map(|omitted| omitted.dkim),
    "omitted_spf" = row.omitted.map(|omitted| omitted.spf),
    "omitted_reasons" = row.omitted.map(|omitted| omitted.reasons),
}

impl<'a> List for SourceDetail<'a> {
    type Row = SourceRecord<'a>;

    const PLACE: &'static str = "before";

    fn rows(&self) -> &[SourceRecord<'a>] {
        &self.records
    }

    fn next(&self) -> Option<String> {
        self.next.clone()
    }

    fn place(&self, _: usize) -> Option<String> {
        None
    }
}

columns! { SourceRecord<'_> as row:
    "report" = row.report.id,
    "reporter" = row.report.org_name,
    "begin" = row.report.date_range_begin,
    "end" = row.report.date_range_end,
    "messages" = row.record.count,
    "result" = row.record.result,
    "disposition" = row.record.disposition,
    "dkim_aligned" = row.record.dkim_aligned,
    "spf_aligned" = row.record.spf_aligned,
    "header_from" = row.record.header_from,
    "envelope_from" = row.record.envelope_from,
    "dkim" = row.record.dkim,
    "spf" = row.record.spf,
    "reasons" = row.record.reasons,
    "omitted_dkim" = row.record.omitted.map(|omitted| omitted.dkim),
    "omitted_spf" = row.record.omitted.map(|omitted| omitted.spf),
    "omitted_reasons" = row.record.omitted.map(|omitted| omitted.reasons),
}

list! { MessageList as list, nth: messages of MessageItem,
list.pagination.next.clone(), Some(list.messages.get(nth)?.id.to_string()) }
columns! { MessageItem as row:
    "id" = row.id,
    "received_at" = row.received_at,
    "kind" = row.kind,
    "reason" = row.reason,
    "detail" = row.detail,
    "leaf" = row.leaf,
    "offset" = row.offset,
    "policy_domain" = row.policy_domain,
    "origin" = row.origin,
    "bytes" = row.size_bytes,
}

list! { MailList as list, nth: messages of MailItem,
list.pagination.next.clone(), Some(list.messages.get(nth)?.id.to_string()) }
columns! { MailItem as row:
    "id" = row.id,
    "received_at" = row.received_at,
    "kind" = row.kind,
    "origin" = row.origin,
    "arrivals" = row.arrivals,
    "bytes" = row.size_bytes,
}

list! { RefusedList: refused of RefusedItem }
columns! { RefusedItem as row:
    "date" = row.date,
    "reason" = row.reason,
    "messages" = row.messages,
    "bytes" = row.bytes,
    "first_at" = row.first_at,
    "last_at" = row.last_at,
    "comes_again" = row.comes_again,
    "says" = row.says,
}

list! { KeyList: api_keys of KeyBody }
columns! { KeyBody as row:
    "id" = row.id,
    "name" = row.name,
    "key_prefix" = row.key_prefix,
    "permission" = row.permission,
    "mode" = row.mode,
    "domain_id" = row.domain_id,
    "last_used_at" = row.last_used_at,
    "created_at" = row.created_at,
}

macro_rules! shown {
    ($($type:ty),+) => { $(
        impl Cell for $type {
            fn write(&self, line: &mut Row) {
                line.show(self);
            }
        }
    )+ };
}

shown! { bool, i64, u64, IpAddr }

/// As JSON writes it: 100.0, not 100.
impl Cell for f64 {
    fn write(&self, line: &mut Row) {
        line.show(format_args!("{self:?}"));
    }
}

impl Cell for &str {
    fn write(&self, line: &mut Row) {
        line.cell(self);
    }
}

impl Cell for String {
    fn write(&self, line: &mut Row) {
        line.cell(self);
    }
}

impl Cell for Cow<'_, str> {
    fn write(&self, line: &mut Row) {
        line.cell(self);
    }
}

/// Without a value the cell is empty.
impl<T: Cell> Cell for Option<T> {
    fn write(&self, line: &mut Row) {
        match self {
            Some(value) => value.write(line),
            None => line.cell(""),
        }
    }
}

impl Cell for Vec<DkimBody<'_>> {
    fn write(&self, line: &mut Row) {
        let results = self
            .iter()
            .map(|dkim| dkim_result(&dkim.result, dkim.domain.as_deref(), dkim.selector.as_deref()));
        line.cell(&results.collect::<Vec<_>>().join("; "));
    }
}

impl Cell for Vec<SpfBody<'_>> {
    fn write(&self, line: &mut Row) {
        let results = self.iter().map(|spf| spf_result(&spf.result, spf.domain.as_deref()));
        line.cell(&results.collect::<Vec<_>>().join("; "));
    }
}

impl Cell for Vec<ReasonBody<'_>> {
    fn write(&self, line: &mut Row) {
        let reasons = self.iter().map(|one| reason(&one.r#type, one.comment.as_deref()));
        line.cell(&reasons.collect::<Vec<_>>().join("; "));
    }
}
