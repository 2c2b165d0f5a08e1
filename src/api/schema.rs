//! The kinds of texts in bodies: what the API's document says about each.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::base::{
    Authenticated, DomainStatus, FailureReports, Mode, Period, Permission, Purpose, Region, SetAsideKind, TlsMode,
};

/// A text of a closed set: borrowed where it is answered, owned where it is read.
pub type Word = Cow<'static, str>;

/// Names kinds of texts for `#[schemars(with = "...")]`: each is a schema that stands where it is used.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident = $schema:expr;)+) => { $(
        $(#[$meta])*
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+ };
}

texts! {
    /// RFC 3339, UTC, milliseconds.
    Instant = text(json!({ "format": "date-time", "examples": ["2026-03-23T10:00:00.000Z"] }));
    /// A UTC day.
    DayText = text(json!({ "format": "date", "examples": ["2026-03-23"] }));
    /// The form of our ids of domains, and of the provider's.
    DomainKey = text(json!({ "pattern": DOMAIN_KEY, "examples": ["dom_abc123def456"] }));
    /// The form of ids of channels.
    ChannelKey = text(json!({ "pattern": CHANNEL_KEY, "examples": ["nc_1"] }));
    /// The form of ids of findings.
    FindingKey = text(json!({ "pattern": FINDING_KEY, "examples": ["fnd_abc123def456_1"] }));
    PlatformWord = words(&PLATFORMS, |word| word);
    /// The form of ids of digests.
    DigestKey = text(json!({ "pattern": DIGEST_KEY, "examples": ["dg_1"] }));
    PeriodWord = words(Period::ALL, Period::word);
    /// What [`crate::base::MailAddress::parse`] takes.
    MailText = text(json!({ "format": "email", "maxLength": 254, "examples": ["alerts@yourdomain.com"] }));
    /// What [`crate::base::DomainName::parse`] takes. The format is ours: no pattern can tell a public suffix.
    NameText = text(json!({ "format": "domain-name", "minLength": 3, "maxLength": 1012, "examples": ["yourdomain.com"] }));
    /// A host below the domain.
    HostText = text(json!({ "format": "domain-name", "minLength": 3, "maxLength": 1012,
        "examples": ["bounce.yourdomain.com"] }));
    /// Where a brand's logo is.
    LogoUrl = text(json!({ "maxLength": LOGO_URL_BYTES_MAX, "pattern": LOGO_URL,
        "examples": ["https://yourdomain.com/.well-known/bimi/logo.svg"] }));
    /// A word of a domain's owner.
    TagText = text(json!({ "pattern": "^[A-Za-z0-9._-]{1,32}$", "examples": ["shop"] }));
    /// IPv4 or IPv6.
    Address = text(json!({ "examples": ["198.51.100.1"] }));
    StatusWord = words(DomainStatus::ALL, DomainStatus::word);
    PermissionWord = words(Permission::ALL, Permission::word);
    ModeWord = words(Mode::ALL, Mode::word);
    RegionWord = words(Region::ALL, Region::word);
    TlsWord = words(TlsMode::ALL, TlsMode::word);
    FailureReportsWord = words(FailureReports::ALL, FailureReports::word);
    AuthenticatedWord = words(Authenticated::ALL, Authenticated::word);
    PurposeWord = words(Purpose::ALL, Purpose::word);
    SetAsideWord = words(SetAsideKind::ALL, SetAsideKind::word);
    PolicyWord = words(&["none", "quarantine", "reject"], |word| word);
    AlignmentWord = words(&["r", "s"], |word| word);
    TestingWord = words(&["n", "y"], |word| word);
    OriginWord = words(&ORIGINS, |word| word);
    RecordKindWord = words(&RECORD_KINDS, |word| word);
    VerdictWord = words(&VERDICTS, |word| word);
    StepWord = words(&STEPS, |word| word);
    CheckWord = words(&CHECKS, |word| word);
    ChangeCauseWord = words(&CHANGE_CAUSES, |word| word);
    ChangeKindWord = words(&CHANGE_KINDS, |word| word);
    ReceiptStandingWord = words(&RECEIPT_STANDINGS, |word| word);
    ContradictionWord = words(&CONTRADICTIONS, |word| word);
    SelectorStandingWord = words(&SELECTOR_STANDINGS, |word| word);
    KeyInDnsWord = words(&KEYS_IN_DNS, |word| word);
    RotationStateWord = words(&ROTATION_STATES, |word| word);
    SpfStateWord = words(&SPF_STATES, |word| word);
    TermUseWord = words(&TERM_USES, |word| word);
    OverrideWord = words(&OVERRIDES, |word| word);
    /// A path of this API with its query.
    RowsPath = text(json!({ "examples": ["/domains/dom_abc123def456/dmarc/stats?from=2026-03-01&to=2026-03-30"] }));
    FlowWord = words(&FLOWS, |word| word);
    ClassWord = words(&CLASSES, |word| word);
    EvidenceWord = words(&EVIDENCE, |word| word);
    CategoryWord = words(&CATEGORIES, |word| word);
    WhoseWord = words(&WHOSE, |word| word);
    SubjectKindWord = words(&SUBJECT_KINDS, |word| word);
    PtrStateWord = words(&PTR_STATES, |word| word);
    PolicyFromWord = words(&POLICY_FROM, |word| word);
    /// Anything.
    AnyObject = json_schema!({ "type": "object" });
}

/// Words of `origin` of a published policy.
pub const ORIGINS: [&str; 3] = ["dns", "report", "nothing"];
/// What receivers find of DMARC records.
pub const RECORD_KINDS: [&str; 6] = ["not_known", "none", "several", "faulty", "inherited", "own"];
/// Words of the reason for which a policy was not applied.
pub const OVERRIDES: [&str; 9] = [
    "other",
    "forwarded",
    "sampled_out",
    "trusted_forwarder",
    "mailing_list",
    "local_policy",
    "policy_test_mode",
    "unknown",
    "unstated",
];
/// Words of `flow`.
pub const FLOWS: [&str; 9] = [
    "direct",
    "service",
    "list",
    "forwarded",
    "own_missing_in_spf",
    "open",
    "unaligned",
    "unknown",
    "not_ours",
];
/// Words of `policy_from`.
pub const POLICY_FROM: [&str; 3] = ["own", "sp", "p"];
/// Words of `class`.
pub const CLASSES: [&str; 5] = ["own", "service", "forwarder", "unknown", "not_ours"];
/// Words of `decision`: whose a sender is, as the owner says.
pub const WHOSE: [&str; 3] = ["ours", "not_ours", "forwarder"];
/// What a decision is about.
pub const SUBJECT_KINDS: [&str; 3] = ["service", "mail_from", "network"];
/// Words of `evidence`, strongest first.
pub const EVIDENCE: [&str; 10] = [
    "own",
    "dkim",
    "mail_from",
    "ptr",
    "asn",
    "domain",
    "ptr_domain",
    "as_name",
    "network",
    "nothing",
];
/// Words of `ptr_state`.
pub const PTR_STATES: [&str; 5] = ["confirmed", "none", "unconfirmed", "no_answer", "not_asked"];
/// Words of `verdict`: whether the policy may be stricter.
pub const VERDICTS: [&str; 5] = ["done", "ready", "not_yet", "no_record", "no_data"];
/// Tags that the next step can change.
pub const STEPS: [&str; 5] = ["p", "sp", "np", "t", "pct"];
/// What is checked before the policy may be stricter.
pub const CHECKS: [&str; 5] = ["days", "own_pass", "new_senders", "records", "reporters"];
/// Where a change is known from.
pub const CHANGE_CAUSES: [&str; 4] = ["record", "decision", "stated", "posted"];
/// What an owner can say they changed.
pub const CHANGE_KINDS: [&str; 4] = ["dkim", "spf", "dmarc", "other"];
/// What a reporter says of a service after a change.
pub const RECEIPT_STANDINGS: [&str; 3] = ["failing", "waiting", "confirmed"];
/// How a record contradicts its own evidence.
pub const CONTRADICTIONS: [&str; 6] = [
    "dkim_pass_without_evidence",
    "dkim_fail_despite_evidence",
    "spf_pass_without_evidence",
    "spf_fail_despite_evidence",
    "stricter_without_reason",
    "milder_without_reason",
];
/// How a DKIM selector is used.
pub const SELECTOR_STANDINGS: [&str; 4] = ["failing", "passing", "recent", "historical"];
/// What DNS has at the name of a DKIM key.
pub const KEYS_IN_DNS: [&str; 4] = ["not_known", "none", "revoked", "found"];
/// Words of `state` of the rotation of a DKIM key.
pub const ROTATION_STATES: [&str; 4] = ["idle", "pending_dns", "ready", "retiring"];
/// What DNS has of SPF.
pub const SPF_STATES: [&str; 5] = ["record", "none", "several", "faulty", "not_known"];
/// How a term of an SPF record is used.
pub const TERM_USES: [&str; 6] = ["needed", "used", "unused", "not_seen", "not_known", "end"];
/// Words of `category`.
pub const CATEGORIES: [&str; 21] = [
    "mailbox",
    "forwarder",
    "security_gateway",
    "isp",
    "hosting",
    "mailing_list",
    "marketing",
    "transactional",
    "ticketing",
    "business",
    "crm",
    "app_platform",
    "hr",
    "events",
    "survey",
    "relay",
    "education",
    "social",
    "spf_hosting",
    "service_notice",
    "security_training",
];

/// The form of a domain's id.
pub const DOMAIN_KEY: &str = "^dom_[a-z0-9]{12,24}$";

/// The form of a finding's id.
pub const FINDING_KEY: &str = "^fnd_[a-z0-9]{12,24}_[1-9][0-9]{0,17}$";

/// The form of a channel's id.
pub const CHANNEL_KEY: &str = "^nc_[1-9][0-9]{0,18}$";
/// The form of a digest's id.
pub const DIGEST_KEY: &str = "^dg_[1-9][0-9]{0,18}$";

/// What channels may be on.
pub const PLATFORMS: [&str; 8] = [
    "slack",
    "discord",
    "telegram",
    "teams",
    "mattermost",
    "ntfy",
    "pagerduty",
    "email",
];

/// The pattern of text without control characters.
pub const PLAIN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// A logo's address is published in one TXT record, and no sane one is longer.
pub const LOGO_URL_BYTES_MAX: usize = 1_024;

/// The form of a logo's address: what can stand in a record as it is.
const LOGO_URL: &str = "^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-:<-~]*)?$";

fn text(mut with: Value) -> Schema {
    with["type"] = json!("string");
    Schema::try_from(with).unwrap_or_default()
}

/// A word of a closed set.
fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Schema {
    let words: Vec<_> = all.iter().map(|&value| word(value)).collect();
    json_schema!({ "type": "string", "enum": words })
}
