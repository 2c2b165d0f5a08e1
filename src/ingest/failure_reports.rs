//! The failure report in a mail.

use crate::base::budget::{Breach, Budget, Cost};
use crate::report::failure::{self, Form, Parsed, Parts};
use crate::unpack::{FailureForm, FailureParts};

/// Parses a failure report, and draws what it takes: about what it was made from, twice in memory. Its parts are at most 192 KiB, so it
/// is read also where the budget has ended: else the mail would be quarantined with its body.
pub(super) fn parse(parts: &FailureParts, budget: &Budget<'_>) -> Parsed {
    let FailureParts { form, text, copy, mail } = parts;
    let bytes = (text.len() + copy.as_ref().map_or(0, Vec::len)) as u64;
    let cost = Cost {
        memory: 2 * bytes,
        stored: bytes,
    };
    let _ = budget.charge(cost, Breach::TooMuchToStore);
    failure::parse(&Parts {
        form: match form {
            FailureForm::Arf => Form::Arf,
            FailureForm::Plain => Form::Plain,
        },
        text,
        copy: copy.as_deref(),
        mail,
    })
}
