//! Who sends: services, flows and subdomains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{CategoryWord, ClassWord, EvidenceWord, FlowWord, PolicyFromWord, WhoseWord, Word};

/// Messages by flow: the way they came. Every message has one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Flows")]
pub struct FlowsBody {
    /// SPF passed for the domain.
    pub direct: u64,
    /// A service sent it and signed for the domain.
    pub service: u64,
    /// A mailing list passed it on.
    pub list: u64,
    /// A mailbox provider, forwarder or gateway passed it on.
    pub forwarded: u64,
    /// A host of the domain's own signed it, and the SPF record does not list the host.
    pub own_missing_in_spf: u64,
    /// It was probably forwarded; too few messages say so.
    pub open: u64,
    /// A known service, or a sender that the owner decided to be theirs, sent it, and neither DKIM nor SPF was aligned.
    pub unaligned: u64,
    /// Nothing that passed tells who sent it.
    pub unknown: u64,
    /// The owner decided that the sender is not theirs, and neither DKIM nor SPF was aligned.
    pub not_ours: u64,
}

/// How a name is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Name")]
pub struct NameBody {
    /// The service that was used to send; null if none proved itself.
    #[schemars(example = &"Twilio SendGrid")]
    pub service: Option<String>,
    /// What the service, or else the operator of the address, is for. Null where no table has the name.
    #[schemars(with = "Option<CategoryWord>")]
    pub category: Option<Word>,
    /// The rule that the name of the service, or else of the organisation, follows from.
    #[schemars(with = "EvidenceWord")]
    pub evidence: Word,
    /// What the rule applied to: a domain, a hostname, a network. Null for `nothing`.
    #[schemars(example = &"sendgrid.net")]
    pub evidence_fact: Option<String>,
}

/// A page of services, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceList {
    pub services: Vec<ServiceBody>,
    /// All messages of the range by flow, whatever this page shows.
    pub flows: Vec<FlowBody>,
    pub pagination: Pagination,
}

/// What one service sent; where no service proved itself, what came from addresses of one operator.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Service")]
pub struct ServiceBody {
    /// The name to show: the service, or else the operator of the addresses. Null: rows without a readable address that
    /// nothing names.
    #[schemars(example = &"Twilio SendGrid")]
    pub name: Option<String>,
    #[serde(flatten)]
    pub known_by: NameBody,
    /// Whose the messages of its main flow are.
    #[schemars(with = "ClassWord")]
    pub class: Word,
    /// The flow of most of its messages.
    #[schemars(with = "FlowWord")]
    pub flow: Word,
    pub flows: FlowsBody,
    /// What the owner decided about most of its messages; null: nothing.
    #[schemars(with = "Option<WhoseWord>")]
    pub decision: Option<Word>,
    #[serde(flatten)]
    pub sums: SumsBody,
}

/// Messages by outcome.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Sums")]
pub struct SumsBody {
    /// Number of sending addresses.
    pub sources: u64,
    /// Number of messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    /// Percentage of messages that passed DMARC.
    pub pass_rate: f64,
    /// Messages with an aligned DKIM pass.
    pub dkim_aligned: u64,
    /// Messages with an aligned SPF pass.
    pub spf_aligned: u64,
}

/// Messages by flow, with their outcome.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowList {
    /// Every flow, also those without messages.
    pub flows: Vec<FlowBody>,
}

/// The messages of one flow.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Flow")]
pub struct FlowBody {
    #[schemars(with = "FlowWord")]
    pub flow: Word,
    /// Whose the messages of the flow are.
    #[schemars(with = "ClassWord")]
    pub class: Word,
    /// Number of messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    /// Messages with an aligned DKIM pass.
    pub dkim_aligned: u64,
    /// Messages with an aligned SPF pass.
    pub spf_aligned: u64,
}

/// A page of domains in From headers, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubdomainList {
    pub subdomains: Vec<SubdomainBody>,
    pub pagination: Pagination,
}

/// What was sent with one domain in the From header.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Subdomain")]
pub struct SubdomainBody {
    /// The domain in the From header; null where reports have none that can be a domain.
    #[schemars(example = &"news.yourdomain.com")]
    pub header_from: Option<String>,
    /// Whether the account has this domain, as far as the API key may see.
    pub registered: bool,
    pub flows: FlowsBody,
    #[serde(flatten)]
    pub sums: SumsBody,
    /// The DMARC policy that applies to mail of this name, by what DNS had when the account's domains were last checked:
    /// `none`, `quarantine` or `reject`. Null where no valid record is known. Names that the account does not
    /// have as domains are not looked up: the policy supposes that they exist and have no record of their own.
    #[schemars(example = &"reject")]
    pub policy: Option<Word>,
    /// The tag that the policy is from: `own` (`p` of the name's own record), or `sp` or `p` of the organizational domain's
    /// record. Null if `policy` is.
    #[schemars(with = "Option<PolicyFromWord>")]
    pub policy_from: Option<Word>,
}
