//! The address at which mail servers post TLS reports about a domain (RFC 8460, 5.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::Instant;

/// The address at which TLS reports about a domain are posted, without its secret part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TlsAddress")]
pub struct TlsTokenBody {
    /// When the address was made; null if the domain has none.
    #[schemars(with = "Option<Instant>")]
    pub created_at: Option<String>,
    /// Name of the TXT record that asks for TLS reports.
    #[schemars(example = &"_smtp._tls.yourdomain.com")]
    pub record_name: String,
    /// The record that asks for TLS reports by mail; null while `installation.rua_host` is not set. It is an example to publish where
    /// there is none: add `rua` to it with a comma.
    #[schemars(example = &"v=TLSRPTv1; rua=mailto:k3v9q0x2m7a1b5c8@rua.tally.example")]
    pub record_value: Option<String>,
}

/// A new address for posts with its secret part, which is shown only here.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NewTlsAddress")]
pub struct TlsTokenMade {
    /// When the address was made.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// Path of the address. Only a hash of it is stored.
    #[schemars(example = &"/tlsrpt/3f9a1c5e7b2d4f6081a3c5e7092b4d6f8091a2b3")]
    pub path: String,
    /// The address, for `rua=` of the record; null while `http.public_url` is not set.
    #[schemars(example = &"https://tally.example/tlsrpt/3f9a1c5e7b2d4f6081a3c5e7092b4d6f8091a2b3")]
    pub rua: Option<String>,
    /// Name of the TXT record that asks for TLS reports.
    #[schemars(example = &"_smtp._tls.yourdomain.com")]
    pub record_name: String,
    /// The record to publish where there is none, with every address of the domain that is known; null if none is.
    #[schemars(example = &"v=TLSRPTv1; rua=https://tally.example/tlsrpt/3f9a1c5e7b2d4f6081a3c5e7092b4d6f8091a2b3,mailto:k3v9q0x2m7a1b5c8@rua.tally.example")]
    pub record_value: Option<String>,
}
