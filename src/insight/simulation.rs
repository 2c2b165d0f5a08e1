//! What can be tried.

use super::policy::PolicyChange;
use crate::domains::SpfTrial;

/// Names of services that can be taken as put right.
pub const FIXED_MAX: usize = 50;

/// What is tried.
#[derive(Debug, Clone, Default)]
pub struct Simulation {
    pub change: PolicyChange,
    /// Another SPF record of the domain.
    pub spf: Option<SpfTrial>,
    /// Names of services, in any case, whose messages pass.
    pub fixed: Vec<String>,
}
