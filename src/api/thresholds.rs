//! From when on rules tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::schema::Word;

/// Words of `set_by` of a threshold.
pub const SET_BY: [&str; 3] = ["domain", "account", "default"];

/// The numbers of the rules.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdList {
    pub thresholds: Vec<ThresholdBody>,
}

/// A number of a rule.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Threshold")]
pub struct ThresholdBody {
    /// As requests call it.
    #[schemars(example = &"volume_changed_times_min")]
    pub name: Word,
    /// The number that is in force.
    pub value: u64,
    /// Where it was set.
    #[schemars(extend("enum" = SET_BY))]
    pub set_by: Word,
    /// The number where none is set.
    pub default: u64,
    /// The smallest number that can be set.
    pub min: u64,
    /// The largest number that can be set.
    pub max: u64,
}

/// Changes to numbers of rules. Absent ones stay unchanged. Null: that of the account, or else the default.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdPatch {
    /// Failing messages below which no service is broken.
    #[schemars(with = "Option<u64>", range(min = 1, max = 1_000_000_000))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub service_broken_messages_min: Change<u64>,
    /// Messages below which no service is new.
    #[schemars(with = "Option<u64>", range(min = 1, max = 1_000_000_000))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub service_new_messages_min: Change<u64>,
    /// Days since the end of its last window before which no reporter is silent.
    #[schemars(with = "Option<u64>", range(min = 1, max = 30))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub reporter_silent_days_min: Change<u64>,
    /// Percentage of the messages below which no reporter is silent.
    #[schemars(with = "Option<u64>", range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub reporter_silent_percent_min: Change<u64>,
    /// A day is unusual with this many times the usual messages, or that part of them.
    #[schemars(with = "Option<u64>", range(min = 2, max = 100))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub volume_changed_times_min: Change<u64>,
    /// How many more or fewer messages than usual an unusual day must have.
    #[schemars(with = "Option<u64>", range(min = 1, max = 1_000_000_000))]
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub volume_changed_messages_min: Change<u64>,
}
