//! Sums by day: of one domain, and of all domains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::newest::NewestStats;
use super::pagination::Pagination;
use super::records::{Dispositions, PolicyBody};
use super::schema::{DayText, DomainKey, Instant, NameText, StatusWord, TagText, Word};
use super::senders::FlowsBody;

/// Sums over a range of days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Stats")]
pub struct StatsBody {
    /// Number of messages.
    pub total_messages: u64,
    /// Percentage of messages that passed DMARC, rounded to one decimal (half up). 0.0 without messages.
    pub pass_rate: f64,
    /// Messages that did not pass.
    pub failed_messages: u64,
    /// Every day of the range, ascending, including days without messages.
    pub daily_stats: Vec<DayBody>,
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// The last day up to `to` for which messages were reported; null if there is none.
    #[schemars(with = "Option<DayText>")]
    pub last_day: Option<String>,
    /// How the range compares with the days before; null if no day of it is complete.
    pub comparison: Option<ComparisonBody>,
    /// Messages by what receivers did with them.
    pub dispositions: Dispositions,
    /// Messages with an aligned DKIM pass.
    pub dkim_aligned: u64,
    /// Messages with an aligned SPF pass.
    pub spf_aligned: u64,
    /// Reports whose window begins in the range.
    pub reports: u64,
    /// Number of sending addresses.
    pub sources: u64,
    /// Messages of the range in reports whose mail did not pass DMARC for the reporter, or was not checked. With
    /// `authenticated=pass` the sums are without these.
    pub unauthenticated_messages: u64,
    /// Only with `include=flows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowsBody>,
    /// Only with `include=services` or `include=reporters`: the messages of up to five with the most, by messages, and last those of all
    /// others together. Each message is in one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<PartBody>>,
    #[serde(flatten)]
    pub newest: NewestStats,
}

/// The messages of one service or reporter, by day.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Part")]
pub struct PartBody {
    /// Name of the service or reporter; null for all others.
    #[schemars(example = &"SendGrid")]
    pub name: Option<String>,
    pub total_messages: u64,
    /// The messages of each day, in the order of `daily_stats`.
    pub daily_messages: Vec<u64>,
}

/// The complete days of a range, and as many days before it. Today is not complete.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Comparison")]
pub struct ComparisonBody {
    pub complete: PeriodBody,
    pub before: PeriodBody,
}

/// Sums over days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Period")]
pub struct PeriodBody {
    #[schemars(with = "DayText")]
    pub from: String,
    #[schemars(with = "DayText")]
    pub to: String,
    pub total_messages: u64,
    pub failed_messages: u64,
    pub pass_rate: f64,
}

/// The messages of a UTC day.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Day")]
pub struct DayBody {
    #[schemars(with = "DayText")]
    pub date: String,
    pub pass: u64,
    pub fail: u64,
    /// Only in `/dmarc/stats` with `include=completeness`: the part of the day's messages that was reported, from 0 to 1, by what its
    /// reporters usually do. Missing as long as no reporter is known for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<f64>,
    /// Up to ten reporters that are still expected for the day, the largest first. Missing if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingReporter>,
    /// Only in `/dmarc/stats` with `include=flows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowsBody>,
    /// Only in `/dmarc/stats` with `include=dispositions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispositions: Option<Dispositions>,
}

/// A reporter whose report about a day is still expected.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MissingReporter {
    /// The mail domain of the reporter, else its name in lower case.
    #[schemars(example = &"google.com")]
    pub reporter: String,
    /// The part of the day's messages that it usually has, from 0 to 1.
    pub share: f64,
}

/// A page of the account's domains with their figures: unless asked otherwise, those with the most messages first, then by name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    pub domains: Vec<OverviewItem>,
    /// Number of domains in the account. What selects domains does not change it, nor the totals.
    pub total_domains: u64,
    /// Messages of all domains.
    pub total_messages: u64,
    /// Messages of all domains that did not pass DMARC.
    pub failed_messages: u64,
    /// Percentage of messages that passed DMARC.
    pub pass_rate: f64,
    /// How all domains compare with the days before; null if no day of the range is complete.
    pub comparison: Option<ComparisonBody>,
    /// The last day up to `to` for which messages were reported, of all domains; null if there is none.
    #[schemars(with = "Option<DayText>")]
    pub last_day: Option<String>,
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// The position of this page among the domains that are selected.
    pub pagination: Pagination,
}

/// A domain with its figures.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OverviewItem {
    #[schemars(with = "DomainKey")]
    pub id: String,
    #[schemars(with = "NameText")]
    pub name: String,
    /// The name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    pub status: Word,
    /// Words that the owner sorts domains by, in order.
    #[schemars(with = "Vec<TagText>")]
    pub tags: Vec<String>,
    /// The organisational domain.
    #[schemars(with = "NameText")]
    pub organisation: String,
    /// Number of domains that the figures are of: 1, unless `fold` is given.
    pub folded_domains: u64,
    /// The policy in the report whose window ends last; null without reports.
    pub policy: Option<PolicyBody>,
    pub total_messages: u64,
    pub failed_messages: u64,
    pub pass_rate: f64,
    /// Messages of as many days before the range as it has complete days.
    pub messages_before: u64,
    /// Those of them that did not pass DMARC.
    pub failed_before: u64,
    /// Change of the messages of the complete days against those before, in per cent to one decimal; null without any before.
    pub change: Option<f64>,
    /// Every day of the range, ascending.
    pub daily_stats: Vec<DayBody>,
    /// Latest end of a reporting window, whenever that report arrived.
    #[schemars(with = "Option<Instant>")]
    pub last_report_at: Option<String>,
    /// Time of the latest arrival of a report, whatever its window.
    #[schemars(with = "Option<Instant>")]
    pub last_arrived_at: Option<String>,
}
