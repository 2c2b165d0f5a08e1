//! Whether the policy of a domain may be stricter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    CheckWord, DayText, EvidenceWord, OriginWord, PolicyWord, RecordKindWord, StepWord, VerdictWord, Word,
};
use super::simulation::TagsBody;

/// Whether the policy of a domain may be stricter, by the messages of a range of days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyReadiness")]
pub struct ReadinessBody {
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    #[schemars(with = "VerdictWord")]
    pub verdict: Word,
    /// The verdict, a sentence.
    #[schemars(example = &"You may publish p=quarantine: all checks pass.")]
    pub says: String,
    /// The policy that is published now. Absent tags are null.
    pub published: TagsBody,
    /// Where the published policy is known from: the last look at DNS, the newest report, or nothing.
    #[schemars(with = "OriginWord")]
    pub origin: Word,
    /// What receivers find, by the last look at DNS. `own`: a record of the domain's own. `inherited`: the record of a domain
    /// above. They follow none that the domain has itself with these: `none`, `several` records, which they discard, and a
    /// `faulty` one, which they ignore. `not_known`: DNS was not read wholly.
    #[schemars(with = "RecordKindWord")]
    pub record: Word,
    /// First day from which on every report saw the policy as it is now; null if the newest did not. The 1,000 newest reports
    /// are looked through.
    #[schemars(with = "Option<DayText>")]
    pub seen_since: Option<String>,
    /// The next step; null if there is none.
    pub next: Option<StepBody>,
    /// Five checks. With all of them passed, and no sender that stands in the way, the next step can be taken.
    pub checks: Vec<CheckBody>,
    /// Senders with mail to fix, most messages first; at most 50.
    pub to_fix: Vec<ToFixBody>,
    /// Number of senders with mail to fix.
    pub to_fix_total: u64,
    /// Failing messages of the range: what is kept from inboxes by p=quarantine or p=reject.
    pub failing: FailingBody,
}

/// A change of the DMARC record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyStep")]
pub struct StepBody {
    /// The tag that is changed.
    #[schemars(with = "StepWord")]
    pub tag: Word,
    /// Its value; null: the tag goes.
    #[schemars(with = "Option<PolicyWord>")]
    pub value: Option<Word>,
    /// The record to publish: what DNS has, with this tag changed. Null if DNS was not read wholly.
    #[schemars(example = &"v=DMARC1; p=quarantine; rua=mailto:reports@yourdomain.com")]
    pub record: Option<String>,
}

/// A check with its figure.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReadinessCheck")]
pub struct CheckBody {
    /// `days`: days with messages. `own_pass`: percentage of the owner's messages that pass. `new_senders`: new addresses with
    /// mail to fix. `records`: 1 if a record is missing in DNS. `reporters`: large reporters that are silent.
    #[schemars(with = "CheckWord")]
    pub check: Word,
    pub passed: bool,
    pub figure: u64,
    /// What the figure must be: at least for `days` and `own_pass`, at most for the others.
    pub needed: u64,
    /// The check, a sentence.
    #[schemars(example = &"28 of the days have messages; at least 14 are needed.")]
    pub says: String,
}

/// A sender whose mail is to be fixed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SenderToFix")]
pub struct ToFixBody {
    /// The name of the service, as `/services` has it; null where nothing names the sender.
    #[schemars(example = &"Mailchimp")]
    pub service: Option<String>,
    /// The rule that the name follows from.
    #[schemars(with = "EvidenceWord")]
    pub evidence: Word,
    /// Its failing messages.
    pub messages: u64,
    /// Whether it stands in the way. Senders of very few messages do not.
    pub is_blocking: bool,
    /// What to do, a sentence.
    #[schemars(example = &"Mailchimp signs as mailchimpapp.net. Switch on DKIM for your own domain there, or decide that it is not yours.")]
    pub says: String,
}

/// Failing messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailingMessages")]
pub struct FailingBody {
    /// Of the owner's senders.
    pub to_fix: u64,
    /// Forwarded, by mailing lists too.
    pub forwarded: u64,
    /// Of senders that nothing names.
    pub unknown: u64,
    /// Of senders that are not the owner's, as the owner decided.
    pub not_ours: u64,
}
