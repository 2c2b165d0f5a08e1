//! The list of failure reports.

use super::{Cell, CsvRow, List};
use crate::api::{FailureReportItem, FailureReportList};
use crate::csv::Row;
use crate::http::places::failure_place_of;

list! { FailureReportList as list, nth: reports of FailureReportItem, list.pagination.next.clone(),
failure_place_of(list.reports.get(nth)?) }
columns! { FailureReportItem as row:
    "id" = row.id,
    "happened_at" = row.happened_at,
    "reporter" = row.reporter,
    "domain" = row.domain,
    "source_ip" = row.source_ip,
    "org_name" = row.org_name,
    "header_from" = row.header_from,
    "auth_failure" = row.auth_failure,
    "delivery_result" = row.delivery_result,
    "spf" = row.spf,
    "dkim" = row.dkim,
    "incidents" = row.incidents,
    "received_at" = row.received_at,
    "authenticated" = row.authenticated,
    "arrivals" = row.arrivals,
    "warnings" = row.warnings,
}
