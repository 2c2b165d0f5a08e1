//! What the header of a mail says about a TLS report in it.

/// Longest value, in bytes: that of a domain name.
const VALUE_BYTES_MAX: usize = 255;

/// The fields of a mail's header that are about a TLS report in it (RFC 8460, 5.3). Hostile, at most 255 bytes each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFields {
    /// `TLS-Report-Domain`.
    pub domain: Option<Box<str>>,
    /// `TLS-Report-Submitter`.
    pub submitter: Option<Box<str>>,
}

impl TlsFields {
    /// Notes a field of a header if it is one of these; of several the first.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        let noted = if name.eq_ignore_ascii_case(b"tls-report-domain") {
            &mut self.domain
        } else if name.eq_ignore_ascii_case(b"tls-report-submitter") {
            &mut self.submitter
        } else {
            return;
        };
        let value = value.trim_ascii();
        if noted.is_none() && value.len() <= VALUE_BYTES_MAX {
            *noted = Some(String::from_utf8_lossy(value).into());
        }
    }
}
