//! The parameter `result`.

use serde_json::json;

use super::doc::Parameter;
use super::fields::Parameters;
use crate::tally::ResultFilter;

/// The parameter that [`result_filter`] reads.
pub(super) const RESULT: Parameter = Parameter {
    name: "result",
    says: "Only those of which every message passed, none did, or some did.",
    schema: || json!({ "type": "string", "enum": ["pass", "fail", "mixed"] }),
};

/// The rows that are asked for; all if nothing is said.
pub(super) fn result_filter(parameters: &mut Parameters) -> Option<ResultFilter> {
    parameters.word("result", &["pass", "fail", "mixed"], ResultFilter::from_word)
}
