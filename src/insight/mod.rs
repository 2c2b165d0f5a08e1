//! What reports mean: what needs attention, what another policy would do, and whether reports agree with their own evidence.
//!
//! Pure rules over what `store` answers. docs/insight.md has the rules, and says which figures are exact.

mod attention;
mod case;
mod changes;
mod completeness;
mod contradiction;
mod digest;
mod groups;
mod identity;
mod names;
mod naming;
mod plausibility;
mod policy;
mod published;
mod readiness;
mod receipts;
mod reporters;
mod retirement;
mod rules;
mod selectors;
mod simulate;
mod simulation;
mod simulator;
mod spf_figures;
mod spf_usage;
mod spf_words;
mod sums;
#[cfg(test)]
mod testdata;

pub use attention::{Concern, Finding, Findings, attention, attention_stretches};
pub use changes::{CHANGES_DAYS, Change, ChangeCause, STATED_DAYS_MAX, changes};
pub use completeness::{Completeness, DayShare, Missing, SilentReporter, history_range, is_settled};
pub use contradiction::ContradictionKind;
pub use digest::{DigestScope, digest};
pub use groups::{Group, Listed};
pub use identity::{Contradiction, Identity, identity};
pub use plausibility::{Example, Figures, Part, Plausibility, ReporterPlausibility, plausibility};
pub use policy::PolicyChange;
pub use published::Origin;
pub use readiness::{Blocker, Check, Checked, Readiness, Step, Verdict, readiness};
pub use receipts::{Receipt, ReceiptStanding, ReporterReceipt, ServiceReceipt, receipts};
pub use reporters::is_silent;
pub use retirement::end_rotations;
pub use rules::{Applied, apply_rules};
pub use selectors::{Selector, SelectorStanding, Selectors, selectors};
pub use simulate::{SimulateError, Simulated, prepare, simulate};
pub use simulation::{FIXED_MAX, Simulation};
pub use spf_figures::{MailFrom, SpfState, SpfUsage, TermFigures, TermUse};
pub use spf_usage::spf_usage;
pub use sums::{Counts, Shift};
