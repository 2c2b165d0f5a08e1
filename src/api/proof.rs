//! What proves that a report is its reporter's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reports::ReportItem;
use super::schema::Instant;

/// A report with the mail that carried it and the keys of its signatures. Its holder can check that the domain of the reporter signed
/// the figures, without asking this installation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Proof")]
pub struct ProofBody {
    pub report: ReportItem,
    /// Time of arrival of the mail.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// The mail as received, base64.
    #[schemars(extend("contentEncoding" = "base64"), example = &"RnJvbTogbm9yZXBseS1kbWFyYy1zdXBwb3J0QGdvb2dsZS5jb20NCg==")]
    pub mail: String,
    /// The keys of the signatures that passed for the author of the mail.
    pub keys: Vec<MailKeyBody>,
}

/// A key record as found in the DNS.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MailKey")]
pub struct MailKeyBody {
    /// The name where it was found.
    #[schemars(example = &"20230601._domainkey.google.com")]
    pub name: String,
    /// The TXT record, its strings joined.
    #[schemars(example = &"v=DKIM1; k=rsa; p=MIIB")]
    pub record: String,
    /// When it was found.
    #[schemars(with = "Instant")]
    pub found_at: String,
}
