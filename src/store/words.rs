//! The words and codes of every closed set that is stored or spoken: both are stable.

use super::{
    Acceptance, Authenticated, DomainStatus, Mode, Permission, Purpose, Region, ResultFilter, SetAsideKind, TlsMode,
};

/// Gives an enum its stored code and its word on the wire, both stable.
macro_rules! words {
    ($($name:ident { $($variant:ident = $code:literal $word:literal),+ $(,)? })+) => { $(
        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value for exactly this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The code in the database.
            pub const fn code(self) -> i64 {
                match self { $(Self::$variant => $code),+ }
            }

            /// The value of a stored code.
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    )+ };
}

words! {
    Mode { Live = 0 "live", Test = 1 "test" }
    Permission { FullAccess = 0 "full_access", ReadOnly = 1 "read_only", SendingAccess = 2 "sending_access" }
    DomainStatus { Pending = 0 "pending", Verified = 1 "verified", Failed = 2 "failed" }
    Region { EuWest1 = 0 "eu-west-1", UsEast1 = 1 "us-east-1", SaEast1 = 2 "sa-east-1", ApNortheast1 = 3 "ap-northeast-1" }
    TlsMode { Opportunistic = 0 "opportunistic", Enforced = 1 "enforced" }
    ResultFilter { Pass = 0 "pass", Fail = 1 "fail", Mixed = 2 "mixed" }
    Authenticated { Unknown = 0 "unknown", Pass = 1 "pass", Fail = 2 "fail", None = 3 "none" }
    Acceptance { Open = 0 "open", Unvouched = 1 "unvouched", Implausible = 2 "implausible", Crowded = 3 "crowded",
        Undecided = 4 "undecided", Discounted = 5 "discounted", Accepted = 6 "accepted" }
    Purpose { Spf = 0 "spf", Dkim = 1 "dkim", Dmarc = 2 "dmarc", DmarcAuthorization = 3 "dmarc_authorization",
        ReturnPath = 4 "return_path", Tracking = 5 "tracking", Mx = 6 "mx", Bimi = 7 "bimi" }
    SetAsideKind { Quarantined = 0 "quarantined", Unclaimed = 1 "unclaimed", Other = 2 "other" }
}
