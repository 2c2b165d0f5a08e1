//! The requests and answers of the HTTP API, as types: serialise, deserialise, schema.
//!
//! `http` answers them and `page` reads them. The database does not know them.

mod attention;
mod change;
mod channels;
mod decisions;
mod deliveries;
mod digests;
mod domains;
mod error;
mod failure_reports;
mod figures;
mod findings;
mod intake;
mod keys;
mod newest;
mod owner_changes;
mod pagination;
mod plausibility;
mod proof;
mod readiness;
mod receipts;
mod records;
mod reports;
mod rotation;
mod schema;
mod search;
mod selectors;
mod senders;
mod service;
mod simulation;
mod sources;
mod spf;
mod taken;
mod thresholds;
mod tls;
mod tls_token;
mod trust;
mod webhooks;

pub use attention::{ATTENTION_KINDS, Attention, AttentionItem, AttentionTotals};
pub use change::Change;
pub use channels::{
    CHANNEL_NAME_CHARS_MAX, ChannelBody, ChannelConfig, ChannelInput, ChannelList, ChannelOne, ChannelPut,
    ChannelSnake, ChannelTested,
};
pub use decisions::{
    OWN_NAME_CHARS_MAX, SUBJECT_CHARS_MAX, SenderDecisionBody, SenderDecisionInput, SenderDecisionList,
};
pub use deliveries::{
    ALL_EVENTS, ChannelDelivery, ChannelDeliveryList, DeliveryBody, DeliveryList, DeliveryPagination,
    DeliveryPaginationSnake, DeliverySnake, EVENT, EVENT_KINDS, WebhookDelivery,
};
pub use digests::{DIGEST_DOMAINS_MAX, DigestBody, DigestInput, DigestList, DigestPreview, DigestPut, MailLinkBody};
pub use domains::{
    DedicatedIp, DnsRecordBody, DomainBody, DomainInput, DomainItem, DomainList, DomainPatch, IpInput, Removed,
    Success, VerifyBody,
};
pub use error::{ErrorBody, ErrorCode, FieldError};
pub use failure_reports::{
    FailureHeaderBody, FailureHopBody, FailureReportBody, FailureReportItem, FailureReportList, FailureResultBody,
    FailureSignatureBody, TakenFailure,
};
pub use figures::{ComparisonBody, DayBody, MissingReporter, Overview, OverviewItem, PartBody, PeriodBody, StatsBody};
pub use findings::{FINDING_KINDS, FINDING_STATES, FindingBody, FindingList, SNOOZE_DAYS_MAX, SnoozeBody, SnoozeInput};
pub use intake::{
    ExcerptBody, GROUPED_MESSAGES_MAX, MailItem, MailList, MessageDetail, MessageGroup, MessageGroups, MessageItem,
    MessageList, RefusedItem, RefusedList,
};
pub use keys::{ApiKeyWithSecret, KEY_NAME_CHARS_MAX, KeyBody, KeyInput, KeyList};
pub use newest::{
    DomainOne, NewestDay, NewestDomain, NewestPagination, NewestReport, NewestSource, NewestStats, NewestTotals,
    RemovedInBoth, VerifyOne,
};
pub use owner_changes::{OwnerChangeBody, OwnerChangeInput, OwnerChangeList};
pub use pagination::{CSV_ROWS_MAX, PAGED_ROWS_MAX, Pagination};
pub use plausibility::{
    ContradictionCount, ContradictionExample, PlausibilityBody, PlausibleFigures, ReporterPlausibilityBody,
};
pub use proof::{MailKeyBody, ProofBody};
pub use readiness::{CheckBody, FailingBody, ReadinessBody, StepBody, ToFixBody};
pub use receipts::{ReceiptBody, ReceiptList, ReporterReceiptBody, ServiceReceiptBody};
pub use records::{Dispositions, DkimBody, OmittedBody, PolicyBody, RawBody, ReasonBody, RecordBody, SpfBody};
pub use reports::{
    ArrivalItem, Arrivals, DecisionBody, MailBody, MailSignatureBody, MailSpfBody, ProvenanceBody, REPORT_STATUSES,
    ReportBody, ReportItem, ReportList, TlsBody, WarningBody,
};
pub use rotation::{RotationBody, RotationOne, RotationSnake};
pub use schema::{
    AnyObject, CATEGORIES, CHANGE_CAUSES, CHANGE_KINDS, CHANNEL_KEY, CHECKS, CLASSES, CONTRADICTIONS, DOMAIN_KEY,
    EVIDENCE, FLOWS, KEYS_IN_DNS, LOGO_URL_BYTES_MAX, ORIGINS, OVERRIDES, PLAIN, PLATFORMS, POLICY_FROM, PTR_STATES,
    RECEIPT_STANDINGS, RECORD_KINDS, ROTATION_STATES, SELECTOR_STANDINGS, SPF_STATES, STEPS, SUBJECT_KINDS, TERM_USES,
    VERDICTS, WHOSE, Word,
};
pub use search::{HIT_KINDS, Hit, HitTotals, SearchList};
pub use selectors::{SelectorBody, SelectorList};
pub use senders::{
    FlowBody, FlowList, FlowsBody, NameBody, ServiceBody, ServiceList, SubdomainBody, SubdomainList, SumsBody,
};
pub use service::{FeedBody, Health, Readiness};
pub use simulation::{
    CountsBody, DifferenceBody, FlowShift, OverridesBody, ReasonCount, RecordCount, ReportCount, ReporterShift,
    ReporterShifts, RowsBody, SERVICE_CHARS_MAX, SPF_CHARS_MAX, ServiceShift, ServiceShifts, ShiftBody, SimulationBody,
    SimulationInput, SpfTrialBody, SubdomainShift, SubdomainShifts, TagsBody,
};
pub use sources::{
    ReportMention, ReporterBody, ReporterList, SenderBody, SenderList, SignatureBody, SignatureList, SourceBody,
    SourceDetail, SourceDomain, SourceDomainList, SourceList, SourceRecord,
};
pub use spf::{MailFromBody, SpfTermBody, SpfUsageBody};
pub use taken::{Taken, TakenAside, TakenReport, TakenTlsReport};
pub use thresholds::{SET_BY, ThresholdBody, ThresholdList, ThresholdPatch};
pub use tls::{
    TLS_STATUSES, TlsDayBody, TlsFailureBody, TlsFailureDetail, TlsFailureList, TlsPolicyBody, TlsPolicySums,
    TlsReportBody, TlsReportItem, TlsReportList, TlsStats,
};
pub use tls_token::{TlsTokenBody, TlsTokenMade};
pub use trust::{
    AcceptedAnswer, AcceptedBody, DecisionInput, REPORT_MESSAGES_MAX, REPORTER_CHARS_MAX, ReporterInput, TrustBody,
    TrustPatch, WHY_CHARS_MAX,
};
pub use webhooks::{
    GRACE_HOURS_MAX, REPLAY_MAX, REPLAY_MINUTES_MAX, ReplayInput, Replayed, RotateInput, WebhookBody, WebhookInput,
    WebhookItem, WebhookItemSnake, WebhookList, WebhookOne, WebhookPatch, WebhookSnake, WebhookTested,
    WebhookWithSecret,
};
