//! Every statement for many rows, as `db/bulk.rs` renders it: what it returns or changes, and by which index.

mod columns;

use super::db::{self, Bulk, Conflict, blob, int, text};

pub(super) use columns::{FAILURE_REPORT, REPORT, TLS_REPORT};
use columns::{ORIGINAL, REPORT_KEY};

/// Adds to sums of a table (or, with negative numbers, takes from them). A sum that reaches the largest one
/// (`Totals::SUM_MAX`) stays there.
macro_rules! add {
    ($table:literal: $first:literal $(, $column:literal)*) => {
        concat!(add!(one $table, $first), $(", ", add!(one $table, $column)),*)
    };
    (one $table:literal, $column:literal) => {
        concat!(
            $column, " = case when ", $table, ".", $column, " < 9007199254740991 and ", $table, ".", $column,
            " < 9007199254740991 - excluded.", $column, " then ", $table, ".", $column, " + excluded.", $column,
            " else 9007199254740991 end"
        )
    };
}

macro_rules! bulk {
    ($($(#[$doc:meta])+ $name:ident = $make:ident($($part:expr),+ $(,)?);)+) => {
        $($(#[$doc])+ pub(super) static $name: Bulk = Bulk::$make(stringify!($name), $($part),+);)+

        /// All of them.
        pub(super) static ALL: &[&Bulk] = &[$(&$name),+];
    };
}

bulk! {
    /// New reports, also those that are moved to another domain.
    REPORT_ADD = insert("reports", REPORT, Conflict::Fail);

    /// Reports with every column, to be moved to another domain. Primary key.
    REPORT_WHOLE = keyed(
        "reports", REPORT_KEY,
        "select domain_id, report_no, content_key, identity_key, piece_key, policy_key, begin_at, end_at, counted, \
             acceptance, sliced, partial, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records, \
             records_kept, records_since, received_at, authenticated, arrivals, warnings, original_no, org_key, org_name, \
             email, report_id, policy, detail, provenance, history \
         from reports",
    );

    /// Removes reports; [`RECORD_REMOVE`] removes their records. Primary key.
    REPORT_REMOVE = keyed("reports", REPORT_KEY, "delete from reports");

    /// Known reports with these contents. Unique index reports_by_content.
    REPORT_BY_CONTENT = keyed(
        "reports", &[int("domain_id"), blob("content_key")],
        "select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, \
             arrivals, records, pass + fail as messages, acceptance \
         from reports",
    );

    /// Known reports with these identities. Index reports_by_identity; the last condition, which is always true, makes SQLite
    /// prefer it to all reports of the domain.
    REPORT_BY_IDENTITY = keyed_and(
        "reports", &[int("domain_id"), blob("identity_key")],
        ("select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, \
             arrivals, records, pass + fail as messages, acceptance \
         from reports", " and identity_key >= ''"),
    );

    /// New TLS reports, also those that are moved to another domain.
    TLS_REPORT_ADD = insert("tls_reports", TLS_REPORT, Conflict::Fail);

    /// TLS reports with every column, to be moved to another domain, or to be counted again. Primary key.
    TLS_REPORT_WHOLE = keyed(
        "tls_reports", REPORT_KEY,
        "select domain_id, report_no, content_key, identity_key, policy_key, begin_at, end_at, counted, acceptance, policies, \
             failing, details_since, received_at, authenticated, arrivals, warnings, original_no, org_name, contact, \
             report_id, policy_domain, provenance, content \
         from tls_reports",
    );

    /// Removes TLS reports. Primary key.
    TLS_REPORT_REMOVE = keyed("tls_reports", REPORT_KEY, "delete from tls_reports");

    /// Known TLS reports with these contents. Unique index tls_reports_by_content.
    TLS_REPORT_BY_CONTENT = keyed(
        "tls_reports", &[int("domain_id"), blob("content_key")],
        "select domain_id, report_no, content_key, identity_key, counted, acceptance, authenticated, details_since \
         from tls_reports",
    );

    /// Known TLS reports with these identities. Index tls_reports_by_identity.
    TLS_REPORT_BY_IDENTITY = keyed_and(
        "tls_reports", &[int("domain_id"), blob("identity_key")],
        ("select domain_id, report_no, content_key, identity_key, counted, acceptance, authenticated, details_since \
         from tls_reports", " and identity_key >= ''"),
    );

    /// New failure reports, also those that are moved to another domain.
    FAILURE_REPORT_ADD = insert("failure_reports", FAILURE_REPORT, Conflict::Fail);

    /// Failure reports with every column, to be moved to another domain. Primary key.
    FAILURE_REPORT_WHOLE = keyed(
        "failure_reports", REPORT_KEY,
        "select domain_id, report_no, content_key, policy_key, happened_at, received_at, authenticated, arrivals, warnings, \
             incidents, source, reported_domain, header_from, reporter, failure, delivery, spf, dkim, content, texts \
         from failure_reports",
    );

    /// Known failure reports with these contents. Unique index failure_reports_by_content.
    FAILURE_REPORT_BY_CONTENT = keyed(
        "failure_reports", &[int("domain_id"), blob("content_key")],
        "select domain_id, report_no, content_key, authenticated from failure_reports",
    );

    /// Removes failure reports. Primary key.
    FAILURE_REPORT_REMOVE = keyed("failure_reports", REPORT_KEY, "delete from failure_reports");

    /// Adds to sums of TLS reports. Primary key.
    DAILY_TLS_ADD = insert(
        "daily_tls",
        &[
            int("domain_id"), int("kind"), int("day"), text("policy"), text("subject"), text("place"), text("sender"),
            int("successful"), int("failed"), int("reports"),
        ],
        Conflict::Set(
            "domain_id, kind, day, policy, subject, place, sender",
            add!("daily_tls": "successful", "failed", "reports"),
        ),
    );

    /// New deliveries of events.
    DELIVERY_ADD = insert(
        "deliveries",
        &[
            int("delivery_id"), int("target_id"), text("event_id"), text("event"), text("payload"), int("attempts"),
            int("next_at"), int("created_at"),
        ],
        Conflict::Fail,
    );

    /// What came of attempts. Primary key.
    DELIVERY_ATTEMPTED = given(
        "deliveries",
        &[
            int("delivery_id"), int("attempts"), int("next_at"), int("delivered_at"), int("status"), text("response"),
        ],
        "update deliveries set attempts = deliveries.attempts + given.attempts, next_at = given.next_at, \
             delivered_at = given.delivered_at, status = given.status, response = given.response \
         from given where deliveries.delivery_id = given.delivery_id",
    );

    /// New slices.
    SLICE_ADD = insert(
        "slices",
        &[
            int("account_id"), blob("identity_key"), blob("content_key"), int("domain_id"), int("report_no"), blob("policy"),
        ],
        Conflict::Fail,
    );

    /// The domains that have slices of these identities. Primary key.
    SLICES_BY_IDENTITY = keyed(
        "slices", &[int("account_id"), blob("identity_key")],
        "select account_id, domain_id, identity_key, content_key from slices",
    );

    /// The domains that have slices of these contents. Index slices_by_content.
    SLICES_BY_CONTENT = keyed(
        "slices", &[int("account_id"), blob("content_key")],
        "select account_id, domain_id, identity_key, content_key from slices",
    );

    /// New records, packed.
    RECORD_ADD = insert(
        "records", &[int("domain_id"), int("report_no"), int("first_record"), blob("content")], Conflict::Fail,
    );

    /// Removes the records of reports. Primary key.
    RECORD_REMOVE = keyed("records", REPORT_KEY, "delete from records");

    /// New evidence, packed.
    EVIDENCE_ADD = insert(
        "evidence", &[int("domain_id"), int("report_no"), int("block"), blob("content")], Conflict::Fail,
    );

    /// Removes the evidence of reports. Primary key.
    EVIDENCE_REMOVE = keyed("evidence", REPORT_KEY, "delete from evidence");

    /// The mails of new reports, once per domain and batch, under the number of the first new report.
    ORIGINAL_ADD = insert("originals", ORIGINAL, Conflict::Fail);

    /// The mails of moved reports, if the domain does not have them. Primary key.
    ORIGINAL_PUT = insert("originals", ORIGINAL, Conflict::Keep("domain_id, report_no"));

    /// Removes the mails in which no report of their domain came any more. Primary keys; indexes reports_by_original and
    /// tls_reports_by_original.
    ORIGINAL_REMOVE_UNSHARED = keyed_and("originals", REPORT_KEY, ("delete from originals", " and not exists (select 1 from reports where reports.domain_id = originals.domain_id \
             and reports.report_no = originals.report_no and reports.original_no = originals.report_no) \
         and not exists (select 1 from reports where reports.domain_id = originals.domain_id \
             and reports.original_no = originals.report_no and reports.original_no <> reports.report_no) \
         and not exists (select 1 from tls_reports where tls_reports.domain_id = originals.domain_id \
             and tls_reports.original_no = originals.report_no and tls_reports.original_no is not null)"),
    );

    /// Adds to days. Primary key.
    DAILY_TOTALS_ADD = insert(
        "daily_totals",
        &[
            int("domain_id"), int("day"), int("vouched"), int("pass"), int("fail"), int("dkim_aligned"), int("spf_aligned"),
            int("none"), int("quarantine"), int("reject"), int("reports"),
        ],
        Conflict::Set(
            "domain_id, day, vouched",
            add!("daily_totals": "pass", "fail", "dkim_aligned", "spf_aligned", "none", "quarantine", "reject", "reports"),
        ),
    );

    /// Passed and failed messages of days. Primary key.
    DAILY_TOTALS_BY_DAY = keyed(
        "daily_totals", &[int("domain_id"), int("day")], "select domain_id, day, pass, fail from daily_totals",
    );

    /// Writes parts of the packed sources of days. Primary key.
    DAILY_SOURCES_PUT = insert(
        "daily_sources", &[int("domain_id"), int("slot"), blob("sources")], Conflict::Replace("domain_id, slot"),
    );

    /// Parts of the packed sources of days. Primary key.
    DAILY_SOURCES_BY_SLOT = keyed(
        "daily_sources", &[int("domain_id"), int("slot")], "select domain_id, slot, sources from daily_sources",
    );

    /// Writes blocks of the paths of domains. Primary key.
    PATHS_PUT = insert(
        "paths", &[int("domain_id"), int("block"), blob("content")], Conflict::Replace("domain_id, block"),
    );

    /// Blocks of the paths of domains. Primary key.
    PATHS_BY_BLOCK = keyed(
        "paths", &[int("domain_id"), int("block")], "select domain_id, block, content from paths",
    );

    /// Adds to the facets of days; of the last days of windows the latest stays. Primary key.
    DAILY_FACETS_ADD = insert(
        "daily_facets",
        &[
            int("domain_id"), int("kind"), int("day"), text("facet"), text("detail"), int("pass"), int("fail"), int("reports"),
            int("until_day"),
        ],
        Conflict::Set(
            "domain_id, kind, day, facet, detail",
            concat!(
                add!("daily_facets": "pass", "fail", "reports"),
                ", until_day = case when daily_facets.until_day is null or excluded.until_day > daily_facets.until_day \
                     then excluded.until_day else daily_facets.until_day end"
            ),
        ),
    );

    /// What is set aside of messages. Index set_aside_by_message; without the last condition, which is always true, SQLite
    /// walks through everything that the account has set aside.
    SET_ASIDE_OF_MESSAGES = keyed_and(
        "set_aside", &[int("account_id"), blob("digest")],
        ("select set_aside_id, account_id, digest, kind, policy_domain from set_aside", " and digest >= ''"),
    );

    /// The bytes of messages set aside, once per account. Primary key.
    SET_ASIDE_MESSAGE_ADD = insert(
        "set_aside_messages",
        &[int("account_id"), blob("digest"), int("unpacked_len"), blob("bytes")],
        Conflict::Keep("account_id, digest"),
    );

    /// New domains, except for names that the account has. Unique index on (account_id, name).
    DOMAIN_ADD = insert(
        "domains",
        &[
            int("domain_id"), text("public_id"), int("account_id"), text("name"), int("status"), int("region"),
            int("tls_mode"), int("open_tracking"), int("click_tracking"), int("inbound_enabled"), int("catch_all"),
            text("custom_return_path"), text("rua_token"), int("created_at"), int("updated_at"), int("next_check_at"),
            int("claim_due"),
        ],
        Conflict::Keep("account_id, name"),
    );

    /// The domains of these names, those that there are. Unique index on (account_id, name).
    DOMAIN_IDS_BY_NAMES = keyed(
        "domains", &[int("account_id"), text("name")],
        "select account_id, name, domain_id, report_messages_max, accepted_reporters, failure_reports from domains",
    );

    /// What a check makes of domains. Primary key.
    DOMAIN_MOVE = given(
        "domains",
        &[
            int("domain_id"), int("status"), int("verified_at"), int("last_checked_at"), int("misses"), int("missed_at"),
            int("next_check_at"),
        ],
        "update domains set status = given.status, verified_at = given.verified_at, \
             last_checked_at = given.last_checked_at, misses = given.misses, missed_at = given.missed_at, \
             next_check_at = given.next_check_at \
         from given where domains.domain_id = given.domain_id",
    );

    /// Where domains stand, and what was last found of their records. Primary keys.
    DOMAIN_STANDINGS = keyed(
        "domains", &[int("domains.domain_id")],
        "select domains.domain_id, domains.account_id, domains.status, domains.created_at, domains.verified_at, \
             domains.last_checked_at, domains.misses, domains.missed_at, domain_checks.checks, \
             domain_checks.own_networks, domains.updated_at, dkim_keys.selector, \
             dkim_rotations.selector as rotation_selector, dkim_rotations.public_key as rotation_public_key, \
             substr(dkim_rotations.sealed_key, 1, 9) as rotation_sealed_with, dkim_rotations.started_at, \
             dkim_rotations.published_at, dkim_rotations.activates_after, dkim_rotations.switched_at, \
             dkim_rotations.retire_after \
         from domains left join domain_checks on domain_checks.domain_id = domains.domain_id \
         left join dkim_keys on dkim_keys.domain_id = domains.domain_id \
         left join dkim_rotations on dkim_rotations.domain_id = domains.domain_id",
    );

    /// Writes what was found of the records of domains. Primary key.
    DOMAIN_CHECKS_PUT = insert(
        "domain_checks", &[int("domain_id"), text("checks"), text("own_networks")], Conflict::Replace("domain_id"),
    );

    /// Writes findings of a domain. Primary key.
    FINDING_PUT = insert(
        "findings",
        &[
            int("domain_id"), int("finding_no"), int("kind"), text("subject"), int("is_open"), int("opened_at"), int("ended_at"),
            int("told_at"), text("detail"), text("data"), int("snoozed_until"), text("snoozed_by"), int("snoozed_at"),
            text("snooze_note"),
        ],
        Conflict::Replace("domain_id, finding_no"),
    );

    /// Findings of domains of one kind. Index findings_by_subject.
    FINDING_BY_KIND = keyed(
        "findings", &[int("domain_id"), int("kind")],
        "select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until, \
             snoozed_by, snoozed_at, snooze_note \
         from findings",
    );

    /// Forgets findings. Primary key.
    FINDING_REMOVE = keyed("findings", &[int("domain_id"), int("finding_no")], "delete from findings");

    /// Which addresses wait, and until when the others are not asked about. Primary key.
    ADDRESSES_BY_KEY = keyed("addresses", &[blob("address")], "select address, ask_at, turn from addresses");

    /// Lets addresses wait; of one that was asked about before, what is known stays. Primary key.
    ADDRESSES_QUEUE = insert(
        "addresses",
        &[blob("address"), int("ask_at"), int("tries"), int("turn"), int("change_no")],
        Conflict::Set("address", "turn = excluded.turn"),
    );

    /// What came of asking about addresses. Primary key.
    ADDRESSES_PUT = insert(
        "addresses",
        &[
            blob("address"), int("state"), text("name"), int("asked_at"), int("ask_at"), int("tries"), int("turn"),
            int("change_no"),
        ],
        Conflict::Replace("address"),
    );

    /// Remembers messages of a source. Primary key.
    MAILBOX_ITEM_PUT = insert(
        "mailbox_items", &[text("source"), text("item"), int("state"), int("attempts")], Conflict::Replace("source, item"),
    );
}

/// The statements for many rows as they are sent to PostgreSQL, by name: so that tests can have it look at them.
pub fn bulk_statements() -> Vec<(&'static str, &'static str)> {
    let all = ALL
        .iter()
        .copied()
        .chain([&db::HOLD, &db::HOLD_TARGETS, &db::SHARE_TARGETS]);
    all.map(|bulk| (bulk.name, bulk.for_arrays())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::{Conn, Link};
    use crate::store::db::{schema, sqlite};

    /// A column that is declared wrongly would be seen only when the statement runs.
    #[tokio::test]
    async fn declared_columns_are_those_of_the_schema() {
        let folder = tempfile::tempdir().unwrap();
        let file = sqlite::File::new(folder.path().join("t.sqlite"));
        let mut link = Link::Sqlite(Box::new(file.migrate().await.unwrap()));
        let tables = schema::tables(&mut Conn(&mut link)).await.unwrap();
        for bulk in ALL {
            let table = tables.iter().find(|table| table.name == bulk.table).unwrap();
            for column in bulk.columns {
                let name = column.name.rsplit('.').next().unwrap();
                let of_table = table.columns.iter().find(|of_table| of_table.name == name);
                assert_eq!(
                    of_table.map(|of_table| of_table.kind),
                    Some(column.kind),
                    "{}: {name}",
                    bulk.name
                );
            }
        }
        let reports = tables.iter().find(|table| table.name == "reports").unwrap();
        let names: Vec<_> = reports.columns.iter().map(|column| &*column.name).collect();
        assert_eq!(REPORT.iter().map(|column| column.name).collect::<Vec<_>>(), names);
        let whole = format!("select {} from reports where ", names.join(", "));
        assert!(
            REPORT_WHOLE
                .for_one()
                .text
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .starts_with(&whole)
        );
    }

    /// On several servers a row is sent to where its domain is.
    #[test]
    fn statements_about_distributed_tables_begin_with_the_domain() {
        let distributed: Vec<_> = ALL.iter().filter(|bulk| bulk.is_by_domain()).collect();
        assert!(distributed.len() > 15);
        for bulk in distributed {
            assert_eq!(bulk.columns[0], int("domain_id"), "{}", bulk.name);
            assert!(!bulk.for_one().text.contains(" join "), "{}", bulk.name);
        }
    }
}
