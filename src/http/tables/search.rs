//! What a search found.

use super::{Cell, CsvRow, List};
use crate::api::{Hit, SearchList};
use crate::csv::Row;

list! { SearchList: hits of Hit, by rows }
columns! { Hit as row:
    "kind" = row.kind,
    "domain_id" = row.domain_id,
    "domain" = row.domain,
    "found" = row.text,
    "org_name" = row.org_name,
    "report_no" = row.report_no,
    "messages" = row.count,
    "pass" = row.pass_count,
    "last_seen" = row.last_seen,
}
