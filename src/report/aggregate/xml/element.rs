//! The element names of a report.

/// Gives the enum of elements and the lookup from bytes.
macro_rules! elements {
    ($($variant:ident $word:literal),+ $(,)?) => {
        /// An element, by its local name, that occurs in some dialect of the report.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Element {
            /// Any other name: its subtree is skipped.
            Other,
            $($variant),+
        }

        impl Element {
            /// The known name spelled by `bytes`, in exactly this case.
            #[inline]
            pub(crate) fn from_name(bytes: &[u8]) -> Self {
                match bytes { $($word => Self::$variant,)+ _ => Self::Other }
            }

            /// The name as it is written.
            pub(crate) const fn word(self) -> &'static str {
                match self {
                    Self::Other => "other",
                    $(Self::$variant => match str::from_utf8($word) { Ok(word) => word, Err(_) => "" }),+
                }
            }
        }
    };
}

elements! {
    Version b"version", ReportMetadata b"report_metadata", PolicyPublished b"policy_published", Record b"record",
    OrgName b"org_name", Email b"email", ExtraContactInfo b"extra_contact_info", ReportId b"report_id",
    DateRange b"date_range", Begin b"begin", End b"end", Error b"error", Generator b"generator",
    Domain b"domain", Adkim b"adkim", Aspf b"aspf", P b"p", Sp b"sp", Np b"np", Pct b"pct", Fo b"fo",
    Testing b"testing", DiscoveryMethod b"discovery_method",
    Row b"row", Identifiers b"identifiers", Identities b"identities", AuthResults b"auth_results",
    SourceIp b"source_ip", Count b"count", PolicyEvaluated b"policy_evaluated",
    Disposition b"disposition", Dkim b"dkim", Spf b"spf", Reason b"reason", Type b"type", Comment b"comment",
    EnvelopeTo b"envelope_to", EnvelopeFrom b"envelope_from", HeaderFrom b"header_from",
    Selector b"selector", Scope b"scope", Result b"result", HumanResult b"human_result",
}
