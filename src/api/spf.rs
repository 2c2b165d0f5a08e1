//! How a domain's SPF record is used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DayText, SpfStateWord, TermUseWord, Word};
use super::simulation::{ReportCount, SpfTrialBody};

/// How the SPF record that DNS has now is used, by the messages of a range of days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SpfUsage")]
pub struct SpfUsageBody {
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// First day of the range that a report is about; null if none is.
    #[schemars(with = "Option<DayText>")]
    pub known_from: Option<String>,
    /// What DNS has. `record`: one that receivers can read. `none`, `several`, which receivers do not use, and `faulty`, which
    /// they cannot read. `not_known`: DNS did not answer.
    #[schemars(with = "SpfStateWord")]
    pub state: Word,
    /// The record; null where there is not exactly one.
    #[schemars(example = &"v=spf1 include:_spf.google.com ip4:198.51.100.0/24 -all")]
    pub record: Option<String>,
    /// What DNS says to the record; null where it cannot be read.
    pub lookups: Option<SpfTrialBody>,
    /// The record, a sentence.
    #[schemars(example = &"The record needs 4 of 10 DNS lookups.")]
    pub says: String,
    /// Number of messages that were looked at.
    pub messages: u64,
    /// Those whose MAIL FROM is the domain: its record decides.
    pub decided: u64,
    /// Messages of `decided` that match no term.
    pub unmatched: u64,
    /// Messages of `decided` for which the term is not known.
    pub not_known: u64,
    /// Messages of `decided` for which receivers give up on the record.
    pub given_up: u64,
    /// Messages of `decided` of which the reporter says that SPF passed and the record of today does not, or the reverse: the
    /// record, or the networks behind it, were others.
    pub differing: u64,
    /// The terms of the record, and those of the records it refers to that refer to others, in the order of evaluation.
    pub terms: Vec<SpfTermBody>,
    /// MAIL FROM domains, most messages first; at most 50.
    pub mail_from: Vec<MailFromBody>,
    /// Number of MAIL FROM domains.
    pub mail_from_total: u64,
    /// Whether all reports of the range have their records. Those without are in no other figure.
    pub records_kept: bool,
    pub without_records: ReportCount,
}

/// A term of an SPF record, and the messages that matched it or the record that it refers to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SpfTerm")]
pub struct SpfTermBody {
    /// As the record has it.
    #[schemars(example = &"include:_spf.google.com")]
    pub term: String,
    /// Name that has the record.
    #[schemars(example = &"yourdomain.com")]
    pub record: String,
    /// 0 in the domain's own record, 1 in one that it refers to, and so on.
    pub depth: u32,
    /// `needed`: messages lose their only aligned pass without it. `used`: messages match it, and none loses its only aligned pass.
    /// `unused`: no message of 90 days or more. `not_seen`: no message of fewer days. `not_known`: which messages match it cannot be
    /// said. `end`: the term `all`.
    #[schemars(with = "TermUseWord")]
    pub standing: Word,
    /// The term, a sentence.
    #[schemars(example = &"41 messages of 1,600 lose their only aligned pass without it.")]
    pub says: String,
    /// Number of messages that matched.
    pub messages: u64,
    /// Last day of the newest window with such a message; null without one.
    #[schemars(with = "Option<DayText>")]
    pub last_day: Option<String>,
    /// DNS lookups that it costs, with those of the record that it refers to.
    pub lookups: u32,
    /// Messages that passed by aligned SPF alone, and would not without it.
    pub would_lose: u64,
}

/// Messages of one MAIL FROM domain.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MailFromMessages")]
pub struct MailFromBody {
    /// The domain that SPF was checked for; null for messages without one.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub domain: Option<String>,
    /// Number of messages.
    pub messages: u64,
    /// Those for which the reporter says that SPF passed.
    pub pass_count: u64,
    /// Those that pass DMARC by it.
    pub aligned_count: u64,
}
