//! How connections to servers of mail are protected.

use serde::{Deserialize, Serialize};

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS before any other command.
    StartTls,
    #[serde(rename = "plain")]
    None,
}
