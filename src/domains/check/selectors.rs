//! Which DKIM keys DNS still has.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Look, tags};
use crate::base::words;
use crate::dns::{Dns, Freshness, Unanswered};

words! {
    /// What DNS has at the name of a DKIM key.
    KeyInDns: u8 {
        /// No answer came, or it was not asked.
        NotKnown = 0 "not_known",
        /// Nothing, or no key.
        None = 1 "none",
        /// A key that was withdrawn: an empty `p=` (RFC 6376, 3.6.1).
        Revoked = 2 "revoked",
        Found = 3 "found",
    }
}

/// Asks for the keys at these names, each for about `time_max`; in the order of the names. As many as one domain may ask for are.
pub(in crate::domains) async fn keys(dns: Option<&Dns>, names: &[String], time_max: Duration) -> Vec<KeyInDns> {
    let Some(dns) = dns else {
        return vec![KeyInDns::NotKnown; names.len()];
    };
    let look = Look::new(dns);
    let look = &look;
    let asked = names.iter().map(|name| async move {
        match timeout(time_max, look.texts(name, Freshness::Shared)).await {
            Ok(Ok(texts)) => of_texts(&texts),
            Ok(Err(Unanswered::NoName | Unanswered::Circle(_))) => KeyInDns::None,
            Ok(Err(_)) | Err(_) => KeyInDns::NotKnown,
        }
    });
    join_all(asked).await
}

fn of_texts(texts: &[String]) -> KeyInDns {
    let of_text = |text: &String| {
        let key = tags(text).flatten().find(|(tag, _)| tag == "p");
        match key {
            None => KeyInDns::None,
            Some((_, "")) => KeyInDns::Revoked,
            Some(_) => KeyInDns::Found,
        }
    };
    texts.iter().map(of_text).max().unwrap_or(KeyInDns::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_what_is_none() {
        for (texts, expect) in [
            (&[][..], KeyInDns::None),
            (&["v=DKIM1; k=rsa; p=MIIB"], KeyInDns::Found),
            (&["p=MIIB"], KeyInDns::Found),
            (&["v=DKIM1; p="], KeyInDns::Revoked),
            (&["v=DKIM1; p= ; t=s"], KeyInDns::Revoked),
            (&["hello"], KeyInDns::None),
            (&["v=spf1 -all", "v=DKIM1; p=MIIB"], KeyInDns::Found),
            (&["v=DKIM1; p=", "v=DKIM1; p=MIIB"], KeyInDns::Found),
        ] {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(of_texts(&texts), expect, "{texts:?}");
        }
    }
}
