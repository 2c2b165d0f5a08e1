//! The SPF record that a domain has, read to its end.

use std::time::Duration;

use tokio::time::timeout;

use super::spf_terms::is_spf;
use super::{Look, SpfTrial, try_spf};
use crate::base::DomainName;
use crate::dns::{Dns, Freshness, Unanswered};

/// What DNS has of SPF for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishedSpf {
    /// One record, with what it says of addresses.
    Record {
        text: String,
        trial: Box<SpfTrial>,
    },
    None,
    /// Receivers use none of several (RFC 7208, 4.5).
    Several(usize),
    /// A record that receivers cannot read, with a sentence about why.
    Faulty {
        text: String,
        sentence: String,
    },
    /// DNS did not answer, or there are no name servers to ask.
    NotKnown,
}

/// Asks for the record, for about `time_max`, and for what it refers to, for as long again.
pub(in crate::domains) async fn published_spf(
    dns: Option<&Dns>,
    domain: &DomainName,
    time_max: Duration,
) -> PublishedSpf {
    let Some(asked) = dns else {
        return PublishedSpf::NotKnown;
    };
    let look = Look::new(asked);
    let texts = match timeout(time_max, look.texts(domain.as_str(), Freshness::Shared)).await {
        Ok(Ok(texts)) => texts,
        Ok(Err(Unanswered::NoName | Unanswered::Circle(_))) => Vec::new(),
        Ok(Err(_)) | Err(_) => return PublishedSpf::NotKnown,
    };
    let mut records: Vec<String> = texts.into_iter().filter(|text| is_spf(text)).collect();
    match (records.len(), records.pop()) {
        (1, Some(text)) => match try_spf(dns, domain, &text, time_max).await {
            Ok(trial) => PublishedSpf::Record {
                text,
                trial: Box::new(trial),
            },
            Err(sentence) => PublishedSpf::Faulty { text, sentence },
        },
        (0, _) => PublishedSpf::None,
        (several, _) => PublishedSpf::Several(several),
    }
}
