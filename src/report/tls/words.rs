//! The words of RFC 8460 for policies and failures. Reporters write others too, so a set of them is never closed; these are.

/// Types of policies (RFC 8460, 4.4).
pub(super) const POLICIES: [&str; 3] = ["sts", "tlsa", "no-policy-found"];

/// Types of failures (RFC 8460, 4.3).
pub(super) const RESULTS: [&str; 11] = [
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
];

/// What stands for a word that the standard does not have.
const OTHER: &str = "other";

/// The type of a policy if the standard has it, else `other`.
pub fn known_policy(word: &str) -> &'static str {
    POLICIES.into_iter().find(|known| *known == word).unwrap_or(OTHER)
}

/// The type of a failure if the standard has it, else `other`.
pub fn known_result(word: &str) -> &'static str {
    RESULTS.into_iter().find(|known| *known == word).unwrap_or(OTHER)
}
