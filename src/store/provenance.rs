//! How the mail that carried a report arrived, and whether it was authentic. Stored as JSON with the report.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::{Authenticated, Millis, organizational_domain};
use crate::report::aggregate::Reporter;

/// Where a message came from and how far that can be trusted. Texts are the peer's own, capped when they are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who connected. `None`: no one did; the mail was read from a mailbox, a folder or a file, or was handed in.
    ///
    /// This is the first member of the stored form, where there is one: `report_vouched` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// What it called itself (HELO, EHLO, LHLO).
    pub helo: String,
    /// MAIL FROM without the angle brackets; empty for the null sender.
    pub mail_from: String,
    /// `None`: in plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PeerTls>,
    /// Whether the peer is a mail server of ours that hands on what others have sent. SPF says nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relayed: bool,
    /// Our name for the message, as in the reply and the log.
    pub queue_id: String,
    /// DMARC result of the mail (RFC 9989) for the domain of its author.
    #[serde(with = "word")]
    pub dmarc: Authenticated,
    /// The author's domain that `dmarc` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `None`: not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spf: Option<SpfCheck>,
    /// The signatures that were checked, those of the author's domain first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dkim: Vec<SignatureCheck>,
    /// Why nothing was checked, if nothing was: a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchecked: Option<String>,
    /// The host whose `Authentication-Results` these are (RFC 8601); `None`: they are our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results_from: Option<String>,
    /// When the keys of signatures were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Millis>,
}

/// What was between the peer and us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerTls {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
}

/// SPF of the envelope's sender (RFC 7208).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpfCheck {
    /// Domain of MAIL FROM, or of HELO for the null sender.
    pub domain: String,
    /// In the words of RFC 8601, 2.7.2.
    pub result: String,
}

/// One DKIM signature (RFC 6376).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureCheck {
    pub domain: String,
    pub selector: String,
    /// In the words of RFC 8601, 2.7.1.
    pub result: String,
    /// The key record as found in the DNS, of a signature that passed for the author. It is stored with the mail, not with each
    /// report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A key record of a mail, as found in the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailKey {
    /// Where it was found: `SELECTOR._domainkey.DOMAIN`.
    pub name: String,
    pub record: String,
    /// When.
    pub found_at: Millis,
}

/// Why nothing was checked: this installation does not check mail.
pub const NOT_CONFIGURED: &str = "not_configured";
/// Why nothing was checked: it was not mail, but was posted over HTTPS by anyone who knew the address (RFC 8460, 5.4).
pub const POSTED: &str = "posted";
/// Why nothing was checked: the mail is older than keys can be expected to stay in the DNS.
pub const TOO_OLD: &str = "too_old";
/// Why nothing was checked: this hour's budget for mail without an envelope is used up.
pub const OVER_BUDGET: &str = "over_budget";
/// Why nothing was checked: as many mails as may be were being checked, for as long as one may wait.
pub const TOO_BUSY: &str = "too_busy";

impl Provenance {
    /// Of a report that this peer posted. Nothing vouches for it, and it counts: RFC 8460 has no way to authenticate a post.
    pub fn posted(peer: IpAddr) -> Self {
        Self {
            peer: Some(peer.to_canonical()),
            unchecked: Some(POSTED.to_owned()),
            ..Self::fetched()
        }
    }

    /// Of mail that no peer delivered, before anything has been checked.
    pub fn fetched() -> Self {
        Self {
            peer: None,
            helo: String::new(),
            mail_from: String::new(),
            tls: None,
            relayed: false,
            queue_id: String::new(),
            dmarc: Authenticated::Unknown,
            domain: None,
            spf: None,
            dkim: Vec::new(),
            unchecked: None,
            results_from: None,
            checked_at: None,
        }
    }

    /// Whether a peer delivered it, so that anyone may have sent it. What its owner reads or hands in needs no one to vouch for
    /// it.
    pub fn is_delivered(&self) -> bool {
        self.peer.is_some()
    }

    /// The keys of its signatures that were found.
    pub fn keys(&self) -> Vec<MailKey> {
        let found_at = self.checked_at.unwrap_or_default();
        let found = self.dkim.iter().filter_map(|check| {
            Some(MailKey {
                name: format!("{}._domainkey.{}", check.selector, check.domain),
                record: check.key.clone()?,
                found_at,
            })
        });
        found.collect()
    }

    /// What it says about a report of this reporter.
    ///
    /// Anyone can send mail that passes DMARC for their own domain. It vouches for a report only if that domain and
    /// the reporter's are of one organisation; a pass of another domain says nothing: `Unknown`.
    pub fn verdict_on(&self, reporter: &Reporter) -> Authenticated {
        match (self.dmarc, &self.domain) {
            (Authenticated::Pass, Some(domain)) if is_of_one_organization(domain, reporter.as_str()) => self.dmarc,
            (Authenticated::Pass, _) => Authenticated::Unknown,
            (other, _) => other,
        }
    }

    /// Whether the mail is from the organisation of its author as far as can be told: it passed DMARC, or it did not fail
    /// it, and passed SPF or a signature for that organisation.
    pub fn is_vouched_for(&self) -> bool {
        let Some(author) = &self.domain else { return false };
        // Peers write names in any case.
        let author = author.to_ascii_lowercase();
        let is_aligned = |domain: &str, result: &str| {
            result == "pass" && is_of_one_organization(&domain.to_ascii_lowercase(), &author)
        };
        match self.dmarc {
            Authenticated::Pass => true,
            Authenticated::Fail => false,
            Authenticated::None | Authenticated::Unknown => {
                self.spf
                    .as_ref()
                    .is_some_and(|spf| is_aligned(&spf.domain, &spf.result))
                    || self.dkim.iter().any(|dkim| is_aligned(&dkim.domain, &dkim.result))
            }
        }
    }

    /// Whether mail is checked here at all.
    pub fn is_checked(&self) -> bool {
        self.unchecked.as_deref() != Some(NOT_CONFIGURED)
    }

    /// Whether it was no mail, but was posted by anyone who knew the address.
    pub fn is_posted(&self) -> bool {
        self.unchecked.as_deref() == Some(POSTED)
    }

    /// Whether time, room or an answer of the DNS was missing, so that another try may tell more.
    pub fn is_undecided(&self) -> bool {
        match self.unchecked.as_deref() {
            Some(TOO_BUSY) => true,
            Some(_) => false,
            None => {
                let has_unknown_signature = self.dkim.iter().any(|check| check.result == "temperror");
                self.dmarc == Authenticated::Unknown
                    && !self.is_vouched_for()
                    && self.domain.is_some()
                    && (!self.relayed || has_unknown_signature)
            }
        }
    }

    /// The stored form, without keys.
    pub(super) fn to_json(&self) -> String {
        if self.dkim.iter().all(|check| check.key.is_none()) {
            return self.to_json_with_keys();
        }
        let mut without = self.clone();
        without.dkim.iter_mut().for_each(|check| check.key = None);
        without.to_json_with_keys()
    }

    /// The stored form of what may become a report later.
    pub(super) fn to_json_with_keys(&self) -> String {
        serde_json::to_string(self).expect("texts, words and addresses always have a JSON form")
    }

    /// From the stored form.
    pub(super) fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

fn is_of_one_organization(one: &str, other: &str) -> bool {
    !one.is_empty() && organizational_domain(one) == organizational_domain(other)
}

/// A verdict as its word.
mod word {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::base::Authenticated;

    pub(super) fn serialize<S: Serializer>(verdict: &Authenticated, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(verdict.word())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Authenticated, D::Error> {
        let word = String::deserialize(from)?;
        Authenticated::from_word(&word).ok_or_else(|| D::Error::custom("no verdict"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::aggregate::Metadata;

    fn passed(domain: &str) -> Provenance {
        Provenance {
            peer: Some(IpAddr::from([192, 0, 2, 1])),
            helo: "mail.example".to_owned(),
            mail_from: String::new(),
            tls: Some(PeerTls {
                version: "TLSv1.3".to_owned(),
                cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            }),
            relayed: false,
            queue_id: "1".to_owned(),
            dmarc: Authenticated::Pass,
            domain: Some(domain.to_owned()),
            spf: None,
            dkim: vec![SignatureCheck {
                domain: domain.to_owned(),
                selector: "s\u{1}".to_owned(),
                result: "pass".to_owned(),
                key: None,
            }],
            unchecked: None,
            results_from: None,
            checked_at: None,
        }
    }

    #[test]
    fn a_stored_form_begins_with_the_peer_and_has_no_keys() {
        let mut mail = passed("example.com");
        mail.dkim[0].key = Some("v=DKIM1; p=key".to_owned());
        assert!(mail.to_json().starts_with("{\"peer\":") && !mail.to_json().contains("p=key"));
        assert!(mail.to_json_with_keys().contains("p=key"));
        assert_eq!(mail.keys()[0].name, "s\u{1}._domainkey.example.com");
        assert!(!Provenance::fetched().to_json().contains("peer"));
    }

    #[test]
    fn it_reads_back() {
        let provenance = passed("example.com");
        assert_eq!(Provenance::from_json(&provenance.to_json()), Some(provenance));
        assert_eq!(Provenance::from_json("{}"), None);
    }

    #[test]
    fn a_pass_vouches_for_reporters_of_the_same_organization_only() {
        let check = |domain: &str, email: Option<&str>, org_name: &str, expect| {
            let metadata = Metadata {
                email: email.map(Into::into),
                org_name: Some(org_name.into()),
                ..Metadata::default()
            };
            let verdict = passed(domain).verdict_on(&Reporter::from_metadata(&metadata));
            assert_eq!(verdict, expect, "{domain} {email:?} {org_name}");
        };
        check(
            "google.com",
            Some("noreply@google.com"),
            "google.com",
            Authenticated::Pass,
        );
        check(
            "mail.google.com",
            Some("noreply@google.com"),
            "Google",
            Authenticated::Pass,
        );
        check("google.com", None, "Google.com", Authenticated::Pass);
        check(
            "evil.example",
            Some("noreply@google.com"),
            "google.com",
            Authenticated::Unknown,
        );
        check("evil.co.uk", Some("a@good.co.uk"), "x", Authenticated::Unknown);
        check("google.com", None, "", Authenticated::Unknown);
        let failed = Provenance {
            dmarc: Authenticated::Fail,
            ..passed("google.com")
        };
        assert_eq!(failed.verdict_on(&Reporter::default()), Authenticated::Fail);
    }
}
