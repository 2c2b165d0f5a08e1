//! Every route, with who may call it. Nothing is reachable that is not in this table.

use std::sync::{Arc, LazyLock};

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};

use super::doc::{Doc, Parameter};
use super::entry::Access::{Account, Ask, Link, Open, Read, Submit, Token, Write};
use super::entry::{Entry, Route, delete, get, patch, post, put};
use super::error::ApiError;
use super::gate::gate;
use super::openapi::{Served, document_text};
use super::request_scope::scoped;
use super::state::AppState;
use super::{
    api_keys, arrivals, attention, breakdown, channels, decisions, digests, domains, elsewhere, export,
    failure_reports, figures, findings, hand_in, inbound, mail_links, openapi, overview, overview_choice,
    owner_changes, paging, plausibility, posting, proof, quarantine, range, readiness, receipts, refused,
    report_record, reports, rotation, search, selectors, senders, service, simulate, source, spf, thresholds, tls,
    tls_token, trust, upload, webhooks,
};
use crate::api::{
    AcceptedAnswer, AnyObject, ApiKeyWithSecret, Arrivals, Attention, ChannelDeliveryList, ChannelInput, ChannelList,
    ChannelOne, ChannelPut, ChannelTested, DecisionInput, DeliveryList, DigestBody, DigestInput, DigestList,
    DigestPreview, DigestPut, DomainInput, DomainList, DomainOne, DomainPatch, FailureReportBody, FailureReportList,
    FindingBody, FindingList, FlowList, Health, IpInput, KeyBody, KeyInput, KeyList, MailLinkBody, MailList,
    MessageDetail, MessageGroups, MessageList, Overview, OwnerChangeBody, OwnerChangeInput, OwnerChangeList,
    PlausibilityBody, ProofBody, Readiness, ReadinessBody, ReceiptList, RecordBody, RefusedList, Removed,
    RemovedInBoth, ReplayInput, Replayed, ReportBody, ReportItem, ReportList, ReporterInput, ReporterList, RotateInput,
    RotationOne, SearchList, SelectorList, SenderDecisionBody, SenderDecisionInput, SenderDecisionList, SenderList,
    ServiceList, SignatureList, SimulationBody, SimulationInput, SnoozeInput, SourceDetail, SourceDomainList,
    SourceList, SpfUsageBody, StatsBody, SubdomainList, Success, Taken, ThresholdList, ThresholdPatch, TlsFailureList,
    TlsReportBody, TlsReportList, TlsStats, TlsTokenBody, TlsTokenMade, TrustBody, TrustPatch, VerifyOne, WebhookInput,
    WebhookList, WebhookOne, WebhookPatch, WebhookTested, WebhookWithSecret,
};

/// What every node answers, whatever else it does.
const SERVICE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Verb, path, who may call it, handler, what it does; then what it takes and answers.
#[rustfmt::skip]
fn table() -> Vec<Entry> { let mut table = vec![
    get   ("/healthz",                                                 Open,    service::healthz,      "Check that the process answers").answers::<Health>(200),
    get   ("/readyz",                                                  Open,    service::readyz,       "Check that requests and messages are accepted").answers::<Readiness>(200),
    get   ("/metrics",                                                 Open,    service::metrics,      "Show the metrics for Prometheus").also(NOT_SHOWN).answers_bytes(service::METRICS_TYPES),
    get   ("/openapi.json",                                            Open,    openapi::show,         "Show this document").answers::<AnyObject>(200),
    post  ("/domains",                                                 Account, domains::create,       "Add a domain").takes::<DomainInput>().also(DOMAIN_EXISTS).answers::<DomainOne>(201),
    get   ("/domains",                                                 Read,    domains::list,         "List the domains, newest first").long().lists::<DomainList>(),
    get   ("/domains/{id}",                                            Read,    domains::show,         "Show a domain and the DNS records it must publish").answers::<DomainOne>(200),
    delete("/domains/{id}",                                            Write,   domains::remove,       "Remove a domain; its reports move to the closest domain above it, or are removed").answers::<RemovedInBoth>(200),
    patch ("/domains/{id}",                                            Write,   domains::update,       "Change a domain's settings").takes::<DomainPatch>().answers::<DomainOne>(200),
    post  ("/domains/{id}/verify",                                     Write,   domains::verify,       "Check a domain's DNS records now").answers::<VerifyOne>(200),
    post  ("/domains/{id}/ip",                                         Write,   domains::assign_ip,    "Assign a dedicated address to a domain").takes::<IpInput>().answers::<Success>(200),
    delete("/domains/{id}/ip",                                         Write,   domains::release_ip,   "Remove a domain's dedicated address").answers::<Success>(200),
    get   ("/domains/{id}/dmarc/reports",                              Read,    reports::list,         "List reports, newest window first").long().with(REPORTS).lists::<ReportList>(),
    post  ("/domains/{id}/dmarc/reports",                              Write,   upload::upload,        "Upload reports").takes_report().answers::<Taken>(201),
    get   ("/domains/{id}/dmarc/reports/{report_id}",                  Read,    reports::show,         "Show a report with its rows").long().with(NUMBERED).lists::<ReportBody<'_>>(),
    get   ("/domains/{id}/dmarc/reports/{report_id}/records/{number}", Read,    report_record::record, "Show a row of a report with all of its results").long().answers::<RecordBody<'_>>(200),
    get   ("/domains/{id}/dmarc/reports/{report_id}/original",         Read,    reports::original,     "Fetch a report as it was received").long().answers_bytes(reports::ORIGINAL_TYPES),
    get   ("/domains/{id}/dmarc/reports/{report_id}/proof",            Read,    proof::show,           "Fetch the mail of a report with the keys that prove it").long().answers::<ProofBody>(200),
    post  ("/domains/{id}/dmarc/reports/{report_id}/discount",         Write,   trust::discount,       "Take a report out of the figures; it stays listed").takes::<DecisionInput>().also(RECORDS_GONE).answers::<ReportItem>(200),
    post  ("/domains/{id}/dmarc/reports/{report_id}/count",            Write,   trust::count,          "Count a report that is held, discounted or in conflict").takes::<DecisionInput>().also(RECORDS_GONE).answers::<ReportItem>(200),
    get   ("/domains/{id}/dmarc/trust",                                Read,    trust::show,           "Show which reports count").answers::<TrustBody>(200),
    patch ("/domains/{id}/dmarc/trust",                                Write,   trust::update,         "Change which reports count from now on").takes::<TrustPatch>().answers::<TrustBody>(200),
    post  ("/domains/{id}/dmarc/reporters/accept",                     Write,   trust::accept,         "Count all reports of a reporter: those that are held, and later ones").takes::<ReporterInput>().also(REPORTERS_FULL).answers::<AcceptedAnswer>(200),
    post  ("/domains/{id}/dmarc/reporters/withdraw",                   Write,   trust::withdraw,       "Hold later reports of an accepted reporter again").takes::<ReporterInput>().answers::<TrustBody>(200),
    get   ("/domains/{id}/dmarc/failure-reports",                      Read,    failure_reports::list, "List failure reports, newest first").long().with(FAILURE_REPORTS).lists::<FailureReportList>(),
    get   ("/domains/{id}/dmarc/failure-reports/{report_id}",          Read,    failure_reports::show, "Show a failure report").answers::<FailureReportBody>(200),
    get   ("/domains/{id}/dmarc/stats",                                Read,    figures::stats,        "Show sums over a range of days").long().with(STATS).lists::<StatsBody>(),
    get   ("/domains/{id}/dmarc/sources",                              Read,    senders::sources,      "List sending addresses, by messages").long().with(SOURCES).lists::<SourceList>(),
    get   ("/domains/{id}/dmarc/services",                             Read,    senders::services,     "List services that sent, by messages").long().with(SERVICES).lists::<ServiceList>(),
    get   ("/domains/{id}/dmarc/flows",                                Read,    senders::flows,        "Show messages by the way they came").long().with(DAYS).lists::<FlowList>(),
    get   ("/domains/{id}/dmarc/subdomains",                           Read,    senders::subdomains,   "List domains in From headers, by messages").long().with(RANKED).lists::<SubdomainList>(),
    get   ("/domains/{id}/dmarc/decisions",                            Read,    decisions::list,       "List what was decided about senders").with(DECISIONS).lists::<SenderDecisionList>(),
    post  ("/domains/{id}/dmarc/decisions",                            Write,   decisions::decide,     "Decide whose a sender is, or name a network").takes::<SenderDecisionInput>().also(DECISIONS_FULL).answers::<SenderDecisionBody>(200),
    delete("/domains/{id}/dmarc/decisions/{decision_id}",              Write,   decisions::remove,     "Take back what was decided about a sender").answers::<Removed>(200),
    get   ("/domains/{id}/dmarc/findings",                             Read,    findings::of_domain,   "List what the rules found, newest first").with(FINDINGS).lists::<FindingList>(),
    get   ("/domains/{id}/dmarc/thresholds",                           Read,    thresholds::of_domain, "Show the thresholds of the rules for a domain").answers::<ThresholdList>(200),
    patch ("/domains/{id}/dmarc/thresholds",                           Write,   thresholds::set_of_domain, "Change the thresholds of the rules for a domain").takes::<ThresholdPatch>().answers::<ThresholdList>(200),
    get   ("/domains/{id}/dmarc/readiness",                            Read,    readiness::show,       "Show whether the policy may be stricter, and what stands in the way").long().with(DAYS).answers::<ReadinessBody>(200),
    get   ("/domains/{id}/dmarc/receipts",                             Read,    receipts::receipt_list, "Show which reporters have seen a change work").long().with(RECEIPTS).answers::<ReceiptList>(200),
    get   ("/domains/{id}/dmarc/changes",                              Read,    owner_changes::list,   "List what the owner says they changed").with(DECISIONS).lists::<OwnerChangeList>(),
    post  ("/domains/{id}/dmarc/changes",                              Write,   owner_changes::post,   "Post a change, so that a receipt follows it").takes::<OwnerChangeInput>().also(CHANGES_FULL).answers::<OwnerChangeBody>(200),
    delete("/domains/{id}/dmarc/changes/{change_id}",                  Write,   owner_changes::remove, "Remove a posted change, and its receipt").answers::<Removed>(200),
    get   ("/domains/{id}/dmarc/digest",                               Read,    digests::of_domain,    "Show what a digest of the domain says about the last week or month").long().with(PERIOD).answers::<DigestPreview>(200),
    post  ("/domains/{id}/dmarc/simulate",                             Ask,     simulate::simulate,   "Show what another policy would do to the messages of a range of days").long().with(DAYS).takes::<SimulationInput>().answers::<SimulationBody>(200),
    get   ("/domains/{id}/dmarc/spf",                                  Read,    spf::usage,            "Show which terms of the SPF record messages need").long().with(DAYS).answers::<SpfUsageBody>(200),
    get   ("/domains/{id}/dmarc/export",                               Read,    export::export,        "Export every row").long().with(EXPORT).answers_bytes(export::TYPES),
    get   ("/domains/{id}/dmarc/sources/{source_ip}",                  Read,    source::show,          "Show a sending address and the rows behind its figures").long().with(SOURCE).lists::<SourceDetail<'_>>(),
    get   ("/domains/{id}/dmarc/sources/{source_ip}/domains",          Read,    elsewhere::show,       "List the other domains for which an address sent").long().with(DAYS).answers::<SourceDomainList>(200),
    get   ("/domains/{id}/dmarc/senders",                              Read,    breakdown::senders,    "List sending organisations and networks, by messages").long().with(RANKED).lists::<SenderList>(),
    get   ("/domains/{id}/dmarc/reporters",                            Read,    breakdown::reporters,  "List reporters, by messages").long().with(REPORTERS).lists::<ReporterList>(),
    get   ("/domains/{id}/dmarc/plausibility",                         Read,    plausibility::plausible, "Show which reporters contradict their own evidence").long().with(DAYS).answers::<PlausibilityBody>(200),
    get   ("/domains/{id}/dmarc/dkim",                                 Read,    breakdown::signatures, "List DKIM signers, by messages").long().with(RANKED).lists::<SignatureList>(),
    get   ("/domains/{id}/dmarc/selectors",                            Read,    selectors::selector_list, "List DKIM selectors, and say which are still used").long().answers::<SelectorList>(200),
    get   ("/overview",                                                Read,    overview::overview,    "List the domains with their figures, by messages").long().with(OVERVIEW).lists::<Overview>(),
    get   ("/attention",                                               Read,    attention::attention,  "List what needs attention").long().with(ATTENTION).lists::<Attention>(),
    get   ("/search",                                                  Read,    search::search,        "Find a domain, address, service, selector or report in all domains").long().with(SEARCH).lists::<SearchList>(),
    get   ("/arrivals",                                                Read,    arrivals::arrivals,    "List the reports that arrived last").long().with(NUMBERED).lists::<Arrivals>(),
    post  ("/api-keys",                                                Account, api_keys::create,      "Create an API key").takes::<KeyInput>().also(NO_DOMAIN).answers::<ApiKeyWithSecret>(201),
    get   ("/api-keys",                                                Account, api_keys::list,        "List the API keys, newest first").lists::<KeyList>(),
    get   ("/api-keys/{id}",                                           Account, api_keys::show,        "Show an API key, without its secret").answers::<KeyBody>(200),
    post  ("/api-keys/{id}/rotate",                                    Account, api_keys::rotate,      "Replace the secret of an API key").answers::<ApiKeyWithSecret>(200),
    delete("/api-keys/{id}",                                           Account, api_keys::remove,      "Remove an API key, which is refused from then on").answers::<Removed>(200),
];
    table.extend(beside());
    table.extend(telling());
    table.extend(handing_in());
    table.extend(rotating());
    table
}

/// TLS reports, and mail that is in no figure.
#[rustfmt::skip]
fn beside() -> Vec<Entry> { vec![
    get   ("/domains/{id}/tls/reports",                                Read,    tls::list,             "List TLS reports, newest window first").long().with(TLS_REPORTS).lists::<TlsReportList>(),
    get   ("/domains/{id}/tls/reports/{report_id}",                    Read,    tls::show,             "Show a TLS report with its policies and failures").long().answers::<TlsReportBody>(200),
    get   ("/domains/{id}/tls/reports/{report_id}/original",           Read,    tls::original,         "Fetch a TLS report as it was received").long().answers_bytes(tls::ORIGINAL_TYPES),
    get   ("/domains/{id}/tls/stats",                                  Read,    tls::stats,            "Show sums of TLS sessions over a range of days").long().with(RANKED).lists::<TlsStats>(),
    get   ("/domains/{id}/tls/failures",                               Read,    tls::failures,         "List failed TLS sessions, most first").long().with(TLS_FAILURES).lists::<TlsFailureList>(),
    get   ("/domains/{id}/inbound",                                    Read,    inbound::list,         "List other mail to the domain, newest first").long().with(NUMBERED).lists::<MailList>(),
    get   ("/domains/{id}/inbound/{message_id}",                       Read,    inbound::show,         "Fetch a mail as it was received").long().answers_bytes(inbound::TYPES),
    get   ("/quarantine",                                              Account, quarantine::list,      "List messages that became no counted report, newest first").long().with(SET_ASIDE).lists::<MessageList>(),
    get   ("/quarantine/groups",                                       Account, quarantine::groups,    "Count the messages of a kind that became no counted report, by reason and sender").long().with(SET_ASIDE_GROUPS).answers::<MessageGroups>(200),
    get   ("/quarantine/{id}",                                         Account, quarantine::show,      "Show a set-aside message, and where reading stopped").long().answers::<MessageDetail>(200),
    get   ("/quarantine/{id}/message",                                 Account, quarantine::message,   "Fetch a set-aside message as it was received").long().answers_bytes(inbound::TYPES),
    delete("/quarantine/{id}",                                         Account, quarantine::dismiss,   "Remove a set-aside message for good").answers::<Removed>(200),
    get   ("/refused",                                                 Account, refused::list,         "List the mail refused in the last 30 days, by day and reason").lists::<RefusedList>(),
    post  ("/quarantine/{id}/replay",                                  Account, quarantine::replay,    "Read a set-aside message again").answers::<Taken>(200),
] }

/// What rules found, webhooks and channels.
#[rustfmt::skip]
fn telling() -> Vec<Entry> { vec![
    get   ("/findings",                                                Read,    findings::of_account,  "List what the rules found in all domains, newest first").long().with(FINDINGS).lists::<FindingList>(),
    put   ("/findings/{id}/snooze",                                    Write,   findings::snooze,      "Do not tell of a finding for a while").takes::<SnoozeInput>().also(FINDING_ENDED).answers::<FindingBody>(200),
    delete("/findings/{id}/snooze",                                    Write,   findings::wake,        "End the snooze of a finding").answers::<FindingBody>(200),
    get   ("/thresholds",                                              Read,    thresholds::of_account, "Show the thresholds of the rules").answers::<ThresholdList>(200),
    patch ("/thresholds",                                              Account, thresholds::set_of_account, "Change the thresholds of the rules").takes::<ThresholdPatch>().answers::<ThresholdList>(200),
    post  ("/webhooks",                                                Account, webhooks::create,      "Create a webhook, which is told of events").takes::<WebhookInput>().also(WEBHOOKS_FULL).answers::<WebhookWithSecret>(201),
    get   ("/webhooks",                                                Account, webhooks::list,        "List the webhooks, newest first").answers::<WebhookList>(200),
    get   ("/webhooks/{id}",                                           Account, webhooks::show,        "Show a webhook, without its secret").answers::<WebhookOne>(200),
    patch ("/webhooks/{id}",                                           Account, webhooks::update,      "Change a webhook, or switch it on or off").takes::<WebhookPatch>().answers::<WebhookOne>(200),
    delete("/webhooks/{id}",                                           Account, webhooks::remove,      "Remove a webhook with its deliveries").answers::<RemovedInBoth>(200),
    post  ("/webhooks/{id}/test",                                      Account, webhooks::test,        "Send a test event to a webhook now").answers::<WebhookTested>(200),
    post  ("/webhooks/{id}/rotate-secret",                             Account, webhooks::rotate,      "Replace the secret of a webhook").may_take::<RotateInput>().answers::<WebhookWithSecret>(200),
    get   ("/webhooks/{id}/deliveries",                                Account, webhooks::deliveries,  "List the deliveries to a webhook, newest first").with(DELIVERIES).answers::<DeliveryList>(200),
    post  ("/webhooks/{id}/deliveries/{delivery_id}/replay",           Account, webhooks::replay,      "Deliver an event to a webhook again").also(WEBHOOK_OFF).answers::<Success>(200),
    post  ("/webhooks/{id}/deliveries/batch-replay",                   Account, webhooks::replay_failed, "Deliver failed events to a webhook again, oldest first").may_take::<ReplayInput>().also(WEBHOOK_OFF).answers::<Replayed>(200),
    post  ("/notification-channels",                                   Account, channels::create,      "Create a channel, which is told of events in words").takes::<ChannelInput>().also(CHANNEL_REFUSED).answers::<ChannelOne>(201),
    get   ("/notification-channels",                                   Account, channels::list,        "List the channels, newest first").answers::<ChannelList>(200),
    get   ("/notification-channels/{id}",                              Account, channels::show,        "Show a channel, without its secrets").answers::<ChannelOne>(200),
    put   ("/notification-channels/{id}",                              Account, channels::update,      "Change a channel, or switch it on or off; what is absent stays").takes::<ChannelPut>().also(CHANNEL_LOST).answers::<ChannelOne>(200),
    delete("/notification-channels/{id}",                              Account, channels::remove,      "Remove a channel with its deliveries").answers::<Success>(200),
    post  ("/notification-channels/{id}/test",                         Account, channels::test,        "Send a test message to a channel now").answers::<ChannelTested>(200),
    get   ("/notification-channels/{id}/deliveries",                   Account, channels::deliveries,  "List the deliveries to a channel, newest first").with(DELIVERIES).answers::<ChannelDeliveryList>(200),
    post  ("/notification-channels/{id}/confirm",                      Account, channels::confirm,     "Ask the owner of the address of a channel again whether they agree to mail").also(ASKED).answers::<ChannelTested>(200),
    post  ("/notification-channels/{id}/deliveries/{delivery_id}/replay", Account, channels::replay,   "Deliver an event to a channel again").also(CHANNEL_OFF).answers::<Success>(200),
    post  ("/digests",                                                 Account, digests::create,       "Create a digest, which is mailed weekly or monthly").takes::<DigestInput>().also(DIGEST_REFUSED).answers::<DigestBody>(201),
    get   ("/digests",                                                 Account, digests::list,         "List the digests, newest first").answers::<DigestList>(200),
    get   ("/digests/{id}",                                            Account, digests::show,         "Show a digest").answers::<DigestBody>(200),
    put   ("/digests/{id}",                                            Account, digests::update,       "Change a digest, or switch it on or off; what is absent stays").takes::<DigestPut>().also(DIGEST_CHANGED).answers::<DigestBody>(200),
    delete("/digests/{id}",                                            Account, digests::remove,       "Remove a digest").answers::<Success>(200),
    get   ("/digests/{id}/preview",                                    Account, digests::preview,      "Show a digest as it would be mailed about the newest period that is over").long().also(DIGEST_EMPTY).answers::<DigestPreview>(200),
    post  ("/digests/{id}/confirm",                                    Account, digests::confirm,      "Ask the reader of a digest again whether they agree to mail").also(ASKED).answers::<ChannelTested>(200),
    get   ("/mail-links/{token}",                                      Link,    mail_links::show,      "Show what a link in a mail does").answers::<MailLinkBody>(200),
    post  ("/mail-links/{token}/agree",                                Link,    mail_links::agree,     "Agree to mail, with the link of the question").answers::<Success>(200),
    post  ("/mail-links/{token}/leave",                                Link,    mail_links::leave,     "End the mail of an account, with the link of a mail").answers::<Success>(200),
] }

/// Where reports are handed in without naming a domain, and the addresses for that.
#[rustfmt::skip]
fn handing_in() -> Vec<Entry> { vec![
    post  ("/reports",                                                 Submit,  hand_in::hand_in,      "Hand in reports, whatever domains they are about").takes_forwarded().or(200, FORWARDED).answers::<Taken>(201),
    post  ("/tlsrpt/{token}",                                          Token,   posting::post,         "Post a TLS report, as mail servers do").takes_tls_report().also(POST_FULL).answers::<Success>(201),
    get   ("/domains/{id}/tls/address",                                Read,    tls_token::show,       "Show whether TLS reports can be posted").answers::<TlsTokenBody>(200),
    post  ("/domains/{id}/tls/address",                                Write,   tls_token::create,     "Make or replace the address that TLS reports are posted to").answers::<TlsTokenMade>(201),
    delete("/domains/{id}/tls/address",                                Write,   tls_token::remove,     "Remove the address that TLS reports are posted to").answers::<Removed>(200),
] }

/// From one DKIM key of a domain to the next.
#[rustfmt::skip]
fn rotating() -> Vec<Entry> { vec![
    get   ("/domains/{id}/dkim/rotate",                                Read,    rotation::show,        "Show how far a domain is from one DKIM key to the next").answers::<RotationOne>(200),
    post  ("/domains/{id}/dkim/rotate",                                Write,   rotation::start,       "Make the DKIM key that a domain signs with next").also(NO_ROTATION).answers::<RotationOne>(200),
    post  ("/domains/{id}/dkim/rotate/activate",                       Write,   rotation::activate,    "Let the next DKIM key sign").with(ACTIVATION).also(NOT_ACTIVATED).answers::<RotationOne>(200),
    delete("/domains/{id}/dkim/rotate",                                Write,   rotation::cancel,      "Forget the next DKIM key, which does not sign yet").also(SIGNS_ALREADY).answers::<RotationOne>(200),
] }

/// What query strings may have.
type Parameters = &'static [&'static [Parameter]];

const DELIVERIES: Parameters = &[paging::PARAMETERS];
const ACTIVATION: Parameters = &[rotation::PARAMETERS];
const PERIOD: Parameters = &[digests::PARAMETERS];
const DAYS: Parameters = &[range::DAYS];
const RECEIPTS: Parameters = &[receipts::PARAMETERS];
const STATS: Parameters = &[range::DAYS, figures::OPTIONS];
const FINDINGS: Parameters = &[paging::PARAMETERS, paging::AFTER_NUMBER, findings::PARAMETERS];
const NUMBERED: Parameters = &[paging::PARAMETERS, paging::AFTER_NUMBER];
const RANKED: Parameters = &[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS];
const REPORTS: Parameters = &[paging::PARAMETERS, paging::AFTER_REPORT, range::OPEN, reports::FILTERS];
const REPORTERS: Parameters = &[
    range::DAYS,
    paging::PARAMETERS,
    paging::AFTER_ROWS,
    breakdown::REPORTER_ORDER,
];
const SOURCES: Parameters = &[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS, senders::FILTERS];
const SERVICES: Parameters = &[
    range::DAYS,
    paging::PARAMETERS,
    paging::AFTER_ROWS,
    senders::SERVICE_FILTERS,
];
const DECISIONS: Parameters = &[paging::PARAMETERS, paging::AFTER_ROWS];
const SOURCE: Parameters = &[range::DAYS, source::PARAMETERS];
const EXPORT: Parameters = &[range::OPEN, export::PARAMETERS];
const TLS_REPORTS: Parameters = &[paging::PARAMETERS, paging::AFTER_REPORT, range::OPEN, tls::FILTERS];
const FAILURE_REPORTS: Parameters = &[
    paging::PARAMETERS,
    paging::AFTER_REPORT,
    range::OPEN,
    failure_reports::FILTERS,
];
const TLS_FAILURES: Parameters = &[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS, tls::GROUP];
const OVERVIEW: Parameters = &[
    paging::PARAMETERS,
    paging::AFTER_ROWS,
    range::DAYS_OF_ALL,
    overview_choice::PARAMETERS,
];
const SEARCH: Parameters = &[
    search::PARAMETERS,
    range::DAYS_OF_ALL,
    paging::PARAMETERS,
    paging::AFTER_ROWS,
];
const ATTENTION: Parameters = &[attention::PARAMETERS, paging::PARAMETERS, paging::AFTER_ROWS];
const SET_ASIDE_GROUPS: Parameters = &[quarantine::GROUPS];
const SET_ASIDE: Parameters = &[paging::PARAMETERS, paging::AFTER_NUMBER, quarantine::PARAMETERS];

/// Errors of single routes: a status, and when it is answered.
type Also = &'static [(u16, &'static str)];

const NO_ROTATION: Also = &[
    (
        409,
        "The key before is still kept, the domain has no key, no selector is free, or the first request with this \
         Idempotency-Key still runs.",
    ),
    (503, "DNS did not say which selectors are free. Nothing changed."),
];
const NOT_ACTIVATED: Also = &[
    (
        409,
        "There is no next key, its record is not in DNS or is another one, the wait is not over, or the first request with \
         this Idempotency-Key still runs. Nothing changed.",
    ),
    (503, "DNS could not be read. Nothing changed."),
];
const SIGNS_ALREADY: Also = &[(409, "The next key signs already.")];
const NOT_SHOWN: Also = &[(404, "The installation does not show its metrics to this client.")];
const FORWARDED: &str =
    "Done, for a mail that a mail provider forwarded: some of them take no other status for success.";
const FINDING_ENDED: Also = &[(409, "The finding has ended.")];
const POST_FULL: Also = &[(
    429,
    "The peer or the address posts too often, or the address has taken as much as it may on one day.",
)];
const NO_DOMAIN: Also = &[(404, "The account has no such domain.")];
const WEBHOOKS_FULL: Also = &[(
    409,
    "The account has 20 webhooks, or the first request with this Idempotency-Key still runs.",
)];
const WEBHOOK_OFF: Also = &[(
    409,
    "The webhook is switched off, or the first request with this Idempotency-Key still runs.",
)];
const CHANNEL_REFUSED: Also = &[
    (404, "The account has no such domain."),
    (
        409,
        "The account has 20 channels, or the first request with this Idempotency-Key still runs.",
    ),
];
const CHANNEL_LOST: Also = &[(
    409,
    "The channel is to be switched on, and its domain was removed, or the owner of its address has not agreed to mail.",
)];
const ASKED: Also = &[
    (
        409,
        "There is no question to send, or the first request with this Idempotency-Key still runs.",
    ),
    (429, "The address, or all of the account, were asked too often."),
];
const DIGEST_REFUSED: Also = &[
    (404, "The account has no such domain."),
    (
        409,
        "The account has 20 digests, or the first request with this Idempotency-Key still runs.",
    ),
];
const DIGEST_CHANGED: Also = &[(
    409,
    "The digest is to be switched on, and the owner of its address has not agreed to mail.",
)];
const DIGEST_EMPTY: Also = &[(409, "The account has none of the digest's domains.")];
const CHANNEL_OFF: Also = &[(
    409,
    "The channel is switched off, or the first request with this Idempotency-Key still runs.",
)];
const REPORTERS_FULL: Also = &[(409, "The domain has the maximum number of accepted reporters.")];
const DECISIONS_FULL: Also = &[(409, "The domain has the maximum number of decisions.")];
const CHANGES_FULL: Also = &[(409, "The domain has the maximum number of posted changes.")];
const RECORDS_GONE: Also = &[(
    409,
    "Retention has deleted the report's records, so its figures cannot be moved.",
)];
const DOMAIN_EXISTS: Also = &[(
    409,
    "The account has a domain of that name, or the first request with this Idempotency-Key still runs.",
)];

/// Every route. GET routes answer HEAD too.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|entry| entry.route).collect()
}

/// The OpenAPI document.
pub fn openapi_text() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| document_text(&documented()));
    &DOCUMENT
}

/// Every route with what the document says about it.
fn documented() -> Vec<(Route, Doc)> {
    table().into_iter().map(|entry| (entry.route, entry.doc)).collect()
}

/// The API as a service. Requests should carry their peer, as [`super::serve()`] does.
pub fn router(state: AppState) -> Router {
    router_of(table(), state)
}

/// The routes of a node that does not serve the API: its health, for the operator.
pub fn service_router(state: AppState) -> Router {
    let mut table = table();
    table.retain(|entry| SERVICE.contains(&entry.route.path));
    router_of(table, state)
}

fn router_of(table: Vec<Entry>, state: AppState) -> Router {
    let mut router = Router::new();
    for Entry { route, handler, .. } in table {
        let path = route.path;
        let gate = from_fn_with_state((state.clone(), Arc::new(route)), gate);
        router = router.route(path, handler.route_layer(gate));
    }
    router
        .fallback(async || ApiError::not_found("Path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(from_fn_with_state(state.clone(), scoped))
        // The gate reads every body within the limit of its route.
        .layer(DefaultBodyLimit::disable())
        .layer(Extension(Served(openapi_text)))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::api::ErrorCode;
    use crate::http::openapi::{MISSING, operation_id};
    use crate::http::{Access, Body, Cost};

    #[test]
    fn only_the_service_itself_is_open_and_nothing_is_changed_by_reading() {
        for route in routes() {
            let service = SERVICE.contains(&route.path) || route.path == "/openapi.json";
            assert_eq!(route.access == Access::Open, service, "{route:?}");
            if route.access == Access::Read {
                assert_eq!(route.method, Method::GET, "{route:?}");
            }
            if route.access == Access::Ask {
                assert_eq!((&route.method, route.cost), (&Method::POST, Cost::Long), "{route:?}");
            }
            if !route.only_reads() {
                let writes = [
                    Access::Write,
                    Access::Account,
                    Access::Submit,
                    Access::Token,
                    Access::Link,
                ];
                assert!(writes.contains(&route.access), "{route:?}");
            }
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_has_a_name_of_its_own() {
        let mut names = Vec::new();
        for (route, doc) in documented() {
            assert!(doc.summary.len() > 10 && !doc.summary.ends_with('.'), "{route:?}");
            let is_json = matches!(route.body, Body::Json | Body::JsonOrNone);
            assert_eq!(doc.takes.is_some(), is_json, "{route:?}");
            names.push(operation_id(doc.handler));
        }
        let total = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), total, "{names:?}");
    }

    #[test]
    fn every_text_has_an_example() {
        let missing: Vec<_> = openapi().lines().filter(|line| line.contains(MISSING)).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn errors_of_operations_are_documented() {
        for (route, doc) in documented() {
            for (status, _) in doc.also {
                assert!(
                    ErrorCode::ALL.iter().any(|code| code.status() == *status),
                    "{route:?} {status}"
                );
            }
        }
    }
}
