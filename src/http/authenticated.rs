//! The parameter `authenticated`.

use serde_json::json;

use super::doc::Parameter;
use super::fields::Parameters;
use crate::base::Authenticated;
use crate::tally::Carriers;

/// The parameter that [`authenticated`] reads.
pub(super) const AUTHENTICATED: Parameter = Parameter {
    name: "authenticated",
    says: "Only reports with this verdict on the mail that carried them, as `authenticated` of a report says it.",
    schema: || json!({ "type": "string", "enum": WORDS }),
};

const WORDS: [&str; 4] = [
    Authenticated::Pass.word(),
    Authenticated::Fail.word(),
    Authenticated::None.word(),
    Authenticated::Unknown.word(),
];

/// The parameter that [`carriers`] reads.
pub(super) const VERIFIED: Parameter = Parameter {
    name: "authenticated",
    says: "`pass`: only the messages of reports whose mail passed DMARC for the reporter. Without it: those of all counted reports.",
    schema: || json!({ "type": "string", "enum": [PASS] }),
};
const PASS: &str = Authenticated::Pass.word();

/// The requested verdict. Default: any.
pub(super) fn authenticated(parameters: &mut Parameters) -> Option<Authenticated> {
    parameters.word("authenticated", &WORDS, Authenticated::from_word)
}

/// The reports that sums are of. Default: all.
pub(super) fn carriers(parameters: &mut Parameters) -> Carriers {
    let vouched = |word: &str| (word == PASS).then_some(Carriers::Vouched);
    parameters.word("authenticated", &[PASS], vouched).unwrap_or_default()
}
