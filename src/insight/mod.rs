//! What reports mean: what another policy would do, and whether reports agree with their own evidence.
//!
//! Pure rules over what `store` answers. docs/insight.md has the rules, and says which figures are exact.

mod case;
mod groups;
mod identity;
mod naming;
mod policy;
mod published;
mod readiness;
mod reporters;
mod simulate;
mod simulation;
mod simulator;
mod sums;

pub use groups::{Group, Listed, Overrides, ROWS_MAX};
pub use identity::{Contradiction, ContradictionKind, Identity, identity};
pub use policy::PolicyChange;
pub use published::{Origin, Published, published};
pub use readiness::{
    Blocker, Check, Checked, Facts, Failing, Next, Readiness, Step, Verdict, changes, judge, readiness, step_text,
};
pub use reporters::is_silent;
pub use simulate::{Prepared, SimulateError, Simulated, prepare, simulate};
pub use simulation::{FIXED_MAX, Simulation};
pub use sums::{Counts, Shift};
