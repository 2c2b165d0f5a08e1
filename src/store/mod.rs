//! The database: the only room with sqlx and rusqlite.
//!
//! One connection writes (a few, on PostgreSQL), in one transaction a batch; a pool reads. A statement is a file in
//! `sql/`, valid on every database; the bodies see connections through [`db`].
//!
//! From the ground up: what goes wrong (`error`), connections (`db`), what rows hold (`acceptance`, `provenance`, `types`),
//! who reads and writes (`memory`, `write`, `database` with [`Store`]), a file for each noun, and on top what needs many
//! of them (`commit`, `domains`, `open`, `verify`).

mod acceptance;
mod accounts;
mod addresses;
mod arrivals;
mod belonging;
mod bulk;
mod carried;
mod channels;
mod checked;
mod checks;
mod codec;
mod commit;
mod confirmed;
mod copy;
mod cut;
mod database;
mod db;
mod decisions;
mod deliveries;
mod digests;
mod distribute;
#[cfg(test)]
mod documented_tests;
mod domains;
mod doubles;
mod error;
mod events;
mod evidence;
mod export;
mod facets;
mod failures;
mod feeds;
mod figures;
mod findings;
mod ips;
mod leases;
mod listed;
mod location;
mod log;
mod mailboxes;
mod mark;
mod memory;
mod mentioned;
mod message;
mod moves;
mod moving;
mod on_ways;
mod open;
mod outbox;
mod overview;
mod owner_changes;
mod packing;
mod paths;
mod proof;
mod provenance;
mod range_records;
mod readers;
mod record_changes;
mod records;
mod refused;
mod reports;
mod requests;
mod rereads;
mod retention;
mod rollup;
mod room;
mod rotations;
mod seen;
mod sessions;
mod set_aside;
mod snoozes;
mod soundness;
mod source;
mod sql;
mod stored_bytes;
mod target;
mod targets;
#[cfg(test)]
pub(crate) mod testdata;
mod thresholds;
mod tls;
mod tls_token;
mod trail;
mod trust;
mod types;
mod verify;
mod view;
mod waiting;
mod webhooks;
mod write;

pub use acceptance::{Acceptance, AcceptedReporter, Actor, HistoryEntry, Judged, Judgement, ReportStanding, Trust};
pub use addresses::{ADDRESSES_MAX, AddressName, AddressState, AskedAddress, NextQuestion, WaitingAddress};
pub use arrivals::ReportArrival;
pub use bulk::bulk_statements;
pub use channels::ChannelChanges;
pub use checked::{
    Decision, DkimKey, DomainDns, DomainFinding, NewDkimKey, OtherKey, RecordCheck, RecordFinding, RecordState,
    RotationSight, RotationStage, RotationStep, Sight, Standing, Suggestion,
};
pub use checks::{DueCursor, Kept, KeyRole};
pub use commit::{CommitOptions, DayQuota, FreshDomain, KeepLimits, Undecided, UndecidedCheck};
pub use confirmed::ConfirmedNames;
pub use copy::Copied;
pub use cut::{COUNTED_ROWS_MAX, Cut, Page, ReportPlace, Rows};
pub use database::Store;
pub use db::{Connections, Patience};
pub use decisions::{Decided, Ruling, SenderDecision, Subject, Whose};
pub use deliveries::{Attempt, AttemptOutcome, Delivery, Failing, RESPONSE_BYTES_MAX, Replay, ReplayFilter};
pub use digests::DIGEST_EVENT;
pub use distribute::{Distributed, Misrouted};
pub use error::{Behind, Fault, NoRoom, StoreError};
pub use events::{ALL_EVENTS, Event, EventKind, Wanted};
pub use export::ExportedRecord;
pub use facets::{NAMED_REPORTERS, Reporter, ReporterDay, Signature, SignatureDay};
pub use failures::{FailureDetail, FailureFilter, FailureSummary, NewFailure};
pub use feeds::FailingFeed;
pub use figures::{Sender, SourceOrder, SourceQuery};
pub use findings::{FindingChange, FindingKind, Snooze, StoredFinding};
pub use ips::IpAddress;
pub use leases::Lease;
pub use listed::{ListedMax, ListedRecord, Omitted};
pub use location::Location;
pub use mailboxes::{ItemState, MailboxChange, MailboxItem, MailboxMark};
pub use mentioned::VouchedReport;
pub use message::{MessageRoom, NewMessage, NewReport};
pub use overview::{DomainFigures, Latest, StretchTotals, Stretches};
pub use owner_changes::{ChangeKind, Noted, OwnerChange, Posted};
pub use proof::Proof;
pub use provenance::{
    MailKey, NOT_CONFIGURED, OVER_BUDGET, POSTED, PeerTls, Provenance, SignatureCheck, SpfCheck, TOO_BUSY, TOO_OLD,
};
pub use range_records::{RangeReader, RangeRecord};
pub use readers::{ACCOUNT_QUESTIONS_MAX, QUESTIONS_MAX, Reader};
pub use refused::{REFUSED_DAYS, Refused, RefusedDay, RefusedMail};
pub use requests::{Begun, KEPT_REQUEST_BYTES, Memory as RequestMemory, RequestName};
pub use rereads::{RereadLeft, RereadPiece};
pub use retention::{Purged, Retention};
pub use room::Admitted;
pub use rotations::RetiringKey;
pub use sessions::{SESSIONS_PER_KEY_MAX, Session};
pub use set_aside::AsideGroup;
pub use snoozes::{FindingFilter, FindingState, NewsFilter, Snoozed};
pub use soundness::message_digest;
pub use source::{SentByOne, SourcePlace, SourceRecords, SourcesRecord};
pub use stored_bytes::StoredBytes;
pub use target::{
    Address, CHANNELS_MAX, Channel, DIGESTS_MAX, Digest, NewTarget, Platform, Target, WEBHOOKS_MAX, Webhook,
};
pub use targets::SealedSecrets;
pub use thresholds::{SetThresholds, Threshold, ThresholdChanges, Thresholds};
pub use tls::{
    NewTlsReport, TlsContents, TlsDay, TlsFailure, TlsPolicySum, TlsReportDetail, TlsReportFilter, TlsReportSummary,
    TlsReporter, TlsStanding,
};
pub use types::{
    Account, ApiKey, Belonging, CLOCKS_DIFFER_MAX, DayTotals, Discrepancy, Domain, DomainChanges, Fate, NewDomain,
    NewKey, Original, Outcome, Problem, ReportDetail, ReportFilter, ReportSummary, SetAside, SetAsideNote, Source,
    Sources, Stats, StoredFailure, StoredRecord, StoredReport, StoredTlsReport, StoredWarning,
};
pub use verify::Verified;
pub use view::{SharedSources, SourcesByWay, View};
pub use webhooks::{NewWebhook, Rotation, WebhookChanges};
