//! The parameter `result`.

use serde_json::json;

use super::doc::Parameter;
use super::fields::Parameters;
use crate::tally::ResultFilter;

/// The parameter that [`result_filter`] reads.
pub(super) const RESULT: Parameter = Parameter {
    name: "result",
    says: "Only rows whose messages all passed, all failed, or did both.",
    schema: || json!({ "type": "string", "enum": ["pass", "fail", "mixed"] }),
};

/// The requested rows. Default: all.
pub(super) fn result_filter(parameters: &mut Parameters) -> Option<ResultFilter> {
    parameters.word("result", &["pass", "fail", "mixed"], ResultFilter::from_word)
}
