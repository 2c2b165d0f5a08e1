//! What owners say they changed.

use super::{Cell, CsvRow, List};
use crate::api::{OwnerChangeBody, OwnerChangeList};
use crate::csv::Row;

list! { OwnerChangeList: changes of OwnerChangeBody, by rows }
columns! { OwnerChangeBody as row:
    "id" = row.id,
    "kind" = row.kind,
    "at" = row.at,
    "service" = row.service,
    "note" = row.note,
    "by" = row.by,
    "posted_at" = row.posted_at,
}
