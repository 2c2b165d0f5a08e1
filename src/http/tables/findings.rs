//! What rules found.

use super::{Cell, CsvRow, List};
use crate::api::{FindingBody, FindingList};
use crate::csv::Row;

list! { FindingList as list, nth: findings of FindingBody, list.next.clone(),
list.findings.get(nth)?.id.rsplit_once('_').map(|(_, number)| number.to_owned()) }
columns! { FindingBody as row:
    "id" = row.id,
    "domain" = row.domain,
    "kind" = row.kind,
    "subject" = row.subject,
    "state" = row.state,
    "began_at" = row.began_at,
    "ended_at" = row.ended_at,
    "told_at" = row.told_at,
    "title" = row.title,
    "text" = row.text,
    "snoozed_until" = row.snooze.as_ref().map(|snooze| &*snooze.until),
    "snoozed_by" = row.snooze.as_ref().map(|snooze| &*snooze.by),
    "snooze_note" = row.snooze.as_ref().and_then(|snooze| snooze.note.as_deref()),
}
