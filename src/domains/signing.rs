//! What a domain says about mail that this installation sends in its name: whether it must be encrypted on its way, and the
//! signature (RFC 6376).

use mail_auth::common::crypto::{RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;

use super::records::records;
use super::service::{Domains, DomainsError};
use crate::base::{DomainName, DomainStatus, Purpose, TlsMode};
use crate::store::Domain;

/// RFC 8058, 4: the fields that end a subscription are signed, too.
const SIGNED: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// What a domain says about mail in its name.
#[derive(Debug)]
pub struct InName {
    pub tls_mode: TlsMode,
    /// `None`: no key of the domain is here and in DNS.
    signer: Option<Signer>,
}

struct Signer {
    domain: String,
    selector: String,
    /// DER of PKCS #8.
    key: Vec<u8>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl InName {
    /// The header field with the signature of a mail, to be put before it; `None` if the domain does not sign.
    pub fn signature(&self, mail: &str) -> Option<String> {
        let signer = self.signer.as_ref()?;
        let key = RsaKey::<Sha256>::from_key_der(signer.key.as_slice().try_into().ok()?).ok()?;
        let by = DkimSigner::from_key(key)
            .domain(&signer.domain)
            .selector(&signer.selector);
        Some(by.headers(SIGNED).sign(mail.as_bytes()).ok()?.to_header())
    }
}

impl Domains {
    /// What the verified domain of this name says, of whatever account; `None` if there is none. If there are several, one that
    /// wants TLS is enough.
    ///
    /// # Errors
    /// [`DomainsError::Store`].
    pub async fn in_name_of(&self, name: &str) -> Result<Option<InName>, DomainsError> {
        let Ok(name) = DomainName::parse(name) else {
            return Ok(None);
        };
        let mut found: Option<InName> = None;
        let domains = self.store().domains_of_name(&name).await?;
        for domain in domains.iter().filter(|domain| domain.status == DomainStatus::Verified) {
            let one = found.get_or_insert(InName {
                tls_mode: domain.tls_mode,
                signer: None,
            });
            if domain.tls_mode == TlsMode::Enforced {
                one.tls_mode = TlsMode::Enforced;
            }
            if one.signer.is_none() {
                one.signer = self.signer(domain).await?;
            }
        }
        Ok(found)
    }

    /// The key of a domain, if it can be used here and the last look found it in DNS.
    async fn signer(&self, domain: &Domain) -> Result<Option<Signer>, DomainsError> {
        let dns = self.store().domain_dns(domain.id).await?;
        let records = records(domain, &dns, self.names());
        let is_published = records.iter().any(|one| one.purpose == Purpose::Dkim && one.verified);
        // The selector and the private key are read at once: between two reads the domain may change its key.
        let key = self.store().signing_key(domain.id).await?.filter(|_| is_published);
        let Some((selector, sealed)) = key else {
            return Ok(None);
        };
        // A lost key is told of at the start, and where the domain is shown.
        let opened = self.open(&domain.public_id, &sealed).ok();
        Ok(opened.map(|opened| Signer {
            domain: domain.name.to_string(),
            selector,
            key: opened,
        }))
    }
}
