//! The closed sets that the database, the API and the settings share: each value has its code and its word here, once.

use super::words;

words! {
    /// Live or test: the prefix of the account's keys.
    Mode: i64 {
        Live = 0 "live",
        Test = 1 "test",
    }
}

words! {
    /// What a key may do.
    Permission: i64 {
        FullAccess = 0 "full_access",
        /// GET only.
        ReadOnly = 1 "read_only",
        /// Sends mail with the provider; nothing under `/domains`.
        SendingAccess = 2 "sending_access",
        /// Hands in reports, and nothing else.
        Submit = 3 "submit",
    }
}

words! {
    /// Where a domain is in its life.
    DomainStatus: i64 {
        Pending = 0 "pending",
        Verified = 1 "verified",
        Failed = 2 "failed",
    }
}

words! {
    /// Where a domain's reports go and its mail comes from.
    Region: i64 {
        EuWest1 = 0 "eu-west-1",
        UsEast1 = 1 "us-east-1",
        SaEast1 = 2 "sa-east-1",
        ApNortheast1 = 3 "ap-northeast-1",
    }
}

words! {
    /// For mail that is sent in the domain's name.
    TlsMode: i64 {
        Opportunistic = 0 "opportunistic",
        Enforced = 1 "enforced",
    }
}

words! {
    /// What is kept of the failure reports about a domain.
    FailureReports: i64 {
        /// They are not read: such mail is kept as other mail.
        Off = 0 "off",
        /// Facts without the local part of any address.
        Redacted = 1 "redacted",
        /// Also the header fields as they came.
        Headers = 2 "headers",
    }
}

words! {
    /// What a DNS record of a domain is for.
    Purpose: i64 {
        Spf = 0 "spf",
        Dkim = 1 "dkim",
        Dmarc = 2 "dmarc",
        /// RFC 9990, 4: lets reports about the domain go to a host outside it. It stands in *our* zone.
        DmarcAuthorization = 3 "dmarc_authorization",
        ReturnPath = 4 "return_path",
        Tracking = 5 "tracking",
        Mx = 6 "mx",
        Bimi = 7 "bimi",
        /// RFC 8460, 3: asks for TLS reports.
        TlsReports = 8 "tls_reports",
        /// The key that signs next, or the one that signed before: while a domain changes from one to the other.
        DkimRotation = 9 "dkim_rotation",
    }
}

words! {
    /// The authentication of the carrying mail: whether it passed DMARC (RFC 9989) for the reporter's domain.
    Authenticated: i64 {
        /// Not checked, DNS could not be asked, or it passed for a domain that is not the reporter's.
        Unknown = 0 "unknown",
        Pass = 1 "pass",
        Fail = 2 "fail",
        /// The sender publishes no policy.
        None = 3 "none",
    }
}

words! {
    /// What became of a message that is not a counted report.
    SetAsideKind: i64 {
        /// It should hold a report and none could be read, or not all.
        Quarantined = 0 "quarantined",
        /// A good report about a domain that is not added.
        Unclaimed = 1 "unclaimed",
        /// Mail without any report.
        Other = 2 "other",
    }
}
