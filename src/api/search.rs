//! What a search over all domains of an account found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{DayText, DomainKey, NameText, Word};

/// What a search can find, in the order of the answer.
pub const HIT_KINDS: [&str; 6] = ["domain", "service", "source", "from_domain", "signature", "report"];

/// What was found: kind by kind, and of each kind what has the most messages first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SearchList {
    /// The first ten of each kind. With `kind`, a page of that kind, up to the 2,000 with the most messages.
    pub hits: Vec<Hit>,
    /// Number of hits of each kind, including those not listed.
    pub totals: HitTotals,
    /// Domains that were looked through. The names of all domains are; the rest is not if there is very much of it.
    pub searched_domains: u64,
    /// Domains of the account that the key may read.
    pub total_domains: u64,
    /// First day that was looked through.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day that was looked through.
    #[schemars(with = "DayText")]
    pub to: String,
    pub pagination: Pagination,
}

/// Number of hits of each kind.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct HitTotals {
    /// Domains of the account whose name has the text.
    pub domain: u64,
    /// Services, counted per domain.
    pub service: u64,
    /// Sending addresses, counted per domain.
    pub source: u64,
    /// Domains in From headers.
    pub from_domain: u64,
    /// Selectors and signing domains of DKIM signatures, counted per domain.
    pub signature: u64,
    /// Reports; of one domain, up to 100.
    pub report: u64,
}

/// One thing that was found, in one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// `domain`: a domain of the account. `service`: a service that sent. `source`: a sending address. `from_domain`: a domain in a
    /// From header. `signature`: a DKIM signer. `report`: an aggregate report with this `report_id`.
    #[schemars(extend("enum" = HIT_KINDS))]
    pub kind: Word,
    /// The domain it was found in.
    #[schemars(with = "DomainKey")]
    pub domain_id: String,
    #[schemars(with = "NameText")]
    pub domain: String,
    /// The name, address or `report_id` that was found. Of a signature: the selector, `._domainkey.`, and the signing domain.
    #[schemars(example = &"198.51.100.25")]
    pub text: String,
    /// Who an address belongs to, or who sent a report, as far as it is known.
    #[schemars(example = &"Twilio SendGrid")]
    pub org_name: Option<String>,
    /// The number of a report, as paths take it.
    pub report_no: Option<i64>,
    /// Messages. Of a report that does not count: those in it.
    pub count: u64,
    /// Messages that passed: DMARC, or of a signature, DKIM.
    pub pass_count: u64,
    /// The last day with such messages; of a report the day on which it begins.
    #[schemars(with = "Option<DayText>")]
    pub last_seen: Option<String>,
}
