//! Changes that a receipt follows: DNS records that a check found to be others, decisions about senders, and what the owner posted.

use std::cmp::Reverse;

use crate::base::{ChangeId, Day, Millis, Purpose, words};
use crate::store::{
    Actor, ChangeKind, Domain, FindingFilter, FindingKind, OwnerChange, SenderDecision, Store, StoreError,
    StoredFinding, Subject,
};

/// How long changes are looked back for, and how many are listed, the newest first.
pub const CHANGES_DAYS: i32 = 90;
const CHANGES_MAX: usize = 10;
/// Days after which a change can no longer be stated.
pub const STATED_DAYS_MAX: i64 = 365;

words! {
    /// Where a change is known from.
    ChangeCause: u8 {
        /// A check of the DNS records found another one.
        Record = 0 "record",
        /// The owner decided whose a sender is.
        Decision = 1 "decision",
        /// The owner says that there was one.
        Stated = 2 "stated",
        /// The owner posted it.
        Posted = 3 "posted",
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From when on it is in force, as far as it is known: a check finds a changed record later.
    pub at: Millis,
    pub cause: ChangeCause,
    /// The purpose of the record, the sender that was decided about, or the kind of what was posted; empty for a stated one.
    pub subject: String,
    /// The only service that it is about.
    pub service: Option<String>,
    /// Of a posted change: its number, and who posted it with which note.
    pub posted: Option<(ChangeId, Actor)>,
}

impl Change {
    /// The beginning of a sentence.
    pub(super) fn what(&self) -> String {
        match self.cause {
            ChangeCause::Record => format!("The {} record changed", self.subject),
            ChangeCause::Decision => format!("You decided about {}", self.subject),
            ChangeCause::Stated => "You changed something".to_owned(),
            ChangeCause::Posted => {
                let what = match ChangeKind::from_word(&self.subject) {
                    Some(ChangeKind::Dkim) => "DKIM",
                    Some(ChangeKind::Spf) => "SPF",
                    Some(ChangeKind::Dmarc) => "the policy",
                    Some(ChangeKind::Other) | None => "something",
                };
                match &self.service {
                    Some(service) => format!("You changed {what} for {service}"),
                    None => format!("You changed {what}"),
                }
            }
        }
    }
}

/// The changes of the last 90 days, the newest first, or the one at an instant.
pub async fn changes(
    store: &Store,
    domain: &Domain,
    now: Millis,
    stated: Option<Millis>,
) -> Result<Vec<Change>, StoreError> {
    if let Some(at) = stated {
        return Ok(vec![Change {
            at,
            cause: ChangeCause::Stated,
            subject: String::new(),
            service: None,
            posted: None,
        }]);
    }
    let since = Day::from_unix(now.div_euclid(1_000)).plus(-CHANGES_DAYS).begin() * 1_000;
    let filter = FindingFilter {
        kind: Some(FindingKind::RecordChanged),
        state: None,
        below: None,
        now,
    };
    let records = store.findings_of(&[domain.id], &filter, CHANGES_MAX as u32).await?;
    // A key that does not sign changes nothing about mail.
    let is_in_force = |(_, finding): &(_, StoredFinding)| finding.subject != Purpose::DkimRotation.word();
    let records = records.into_iter().filter(is_in_force).map(|(_, finding)| Change {
        at: finding.opened_at,
        cause: ChangeCause::Record,
        subject: finding.subject,
        service: None,
        posted: None,
    });
    let decisions = store.sender_decisions(domain.id).await?.into_iter().map(decided);
    let posted = store.owner_changes(domain.id).await?.into_iter().map(posted);
    let all = records.chain(decisions).chain(posted);
    let mut changes: Vec<_> = all.filter(|one| one.at >= since).collect();
    changes.sort_by_key(|one| Reverse(one.at));
    changes.truncate(CHANGES_MAX);
    Ok(changes)
}

fn decided(one: SenderDecision) -> Change {
    let (subject, service) = match one.subject {
        Subject::Service(name) => (name.clone(), Some(name)),
        Subject::MailFrom(name) => (name, None),
        Subject::Network(network) => (network.to_string(), None),
    };
    Change {
        at: one.actor.at,
        cause: ChangeCause::Decision,
        subject,
        service,
        posted: None,
    }
}

fn posted(one: OwnerChange) -> Change {
    Change {
        at: one.posted.at,
        cause: ChangeCause::Posted,
        subject: one.posted.kind.word().to_owned(),
        service: one.posted.service,
        posted: Some((one.id, one.actor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_posted_change_has_its_words() {
        for (kind, service, expect) in [
            ("dkim", Some("Mailchimp"), "You changed DKIM for Mailchimp"),
            ("spf", None, "You changed SPF"),
            ("dmarc", None, "You changed the policy"),
            ("other", Some("Mailchimp"), "You changed something for Mailchimp"),
        ] {
            let change = Change {
                at: 0,
                cause: ChangeCause::Posted,
                subject: kind.to_owned(),
                service: service.map(str::to_owned),
                posted: None,
            };
            assert_eq!(change.what(), expect);
        }
        let of_kinds: Vec<_> = ChangeKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(of_kinds, ["dkim", "spf", "dmarc", "other"]);
    }
}
