//! The lists of TLS reports.

use super::{Cell, CsvRow, List};
use crate::api::{TlsDayBody, TlsFailureBody, TlsFailureList, TlsReportItem, TlsReportList, TlsStats};
use crate::csv::Row;
use crate::http::places::tls_place_of;

list! { TlsReportList as list, nth: reports of TlsReportItem, list.pagination.next.clone(),
tls_place_of(list.reports.get(nth)?) }
columns! { TlsReportItem as row:
    "id" = row.id,
    "org_name" = row.org_name,
    "contact_info" = row.contact_info,
    "report_id" = row.report_id,
    "domain" = row.domain,
    "begin" = row.date_range_begin,
    "end" = row.date_range_end,
    "policies" = row.policy_count,
    "failing" = row.failing_count,
    "received_at" = row.received_at,
    "authenticated" = row.authenticated,
    "warnings" = row.warnings,
    "status" = row.status,
}

list! { TlsStats: daily_stats of TlsDayBody, by rows }
columns! { TlsDayBody as row:
    "date" = row.date,
    "policy_type" = row.policy_type,
    "policy_domain" = row.policy_domain,
    "successful_sessions" = row.successful_sessions,
    "failed_sessions" = row.failed_sessions,
}

list! { TlsFailureList: failures of TlsFailureBody, by rows }
columns! { TlsFailureBody as row:
    "policy_type" = row.policy_type,
    "result_type" = row.result_type,
    "receiving_mx" = row.receiving_mx,
    "sending_mta_ip" = row.sending_mta_ip,
    "sessions" = row.sessions,
    "first_seen" = row.first_seen,
    "last_seen" = row.last_seen,
}
