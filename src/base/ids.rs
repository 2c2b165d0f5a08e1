//! Ids of rows, each a type of its own, and instants.

/// Unix milliseconds: instants that a client sees.
pub type Millis = i64;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+ };
}

ids! {
    /// A tenant.
    AccountId,
    /// A row of `domains`. Only queries of the store that name the account return one.
    DomainId,
    /// A report; unique in the installation, ascending in order of arrival per node.
    ReportNo,
    KeyId,
    /// A message that became no counted report: quarantined, unclaimed, or other mail.
    SetAsideId,
    /// A dedicated address.
    IpId,
    /// What an owner decided about a sender.
    DecisionId,
    /// A change that an owner posted.
    ChangeId,
    /// Something that a rule found, from its begin to its end.
    FindingNo,
    /// Where an account is told of events.
    TargetId,
    /// An event for a target.
    DeliveryId,
}
