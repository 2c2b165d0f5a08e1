//! The failure report in a mail.

use super::problems::breach_of;
use crate::base::budget::{Breach, Budget, Cost};
use crate::report::failure::{self, Form, Parsed, Parts};
use crate::store::Problem;
use crate::unpack::{FailureForm, FailureParts};

/// Parses a failure report, and draws what it takes: about what it was made from, twice in memory.
pub(super) fn parse(parts: &FailureParts, budget: &Budget<'_>) -> Result<Parsed, Problem> {
    let FailureParts { form, text, copy, mail } = parts;
    let bytes = (text.len() + copy.as_ref().map_or(0, Vec::len)) as u64;
    let cost = Cost {
        memory: 2 * bytes,
        stored: bytes,
    };
    budget.charge(cost, Breach::TooMuchToStore).map_err(breach_of)?;
    Ok(failure::parse(&Parts {
        form: match form {
            FailureForm::Arf => Form::Arf,
            FailureForm::Plain => Form::Plain,
        },
        text,
        copy: copy.as_deref(),
        mail,
    }))
}
