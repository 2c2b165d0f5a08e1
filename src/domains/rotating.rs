//! From one DKIM key of a domain to the next: what is asked for, and what checks find. `rotation.rs` has the rules.

use super::check::{self, KeyInDns};
use super::dkim;
use super::rotation::{NextKey, NotNow, Wait, after_look, next_look, on_request, sight_of};
use super::service::{Domains, DomainsError};
use crate::base::clock::format_instant;
use crate::base::{Millis, words};
use crate::store::{Decision, Domain, DomainDns, DomainFinding, OtherKey, RotationStage, Sight, Standing};

/// Selectors that are tried for a new key: in most zones the first is free.
const SELECTORS_TRIED: u32 = 8;
/// Tries to store a new key, while other nodes do the same.
const TRIES: u32 = 4;

words! {
    /// How far a domain is from one DKIM key to the next.
    RotationState: u8 {
        Idle = 0 "idle",
        /// The record of the next key is to be published.
        PendingDns = 1 "pending_dns",
        /// It was seen.
        Ready = 2 "ready",
        /// The next key signs, and the record of the one before must stay.
        Retiring = 3 "retiring",
    }
}

/// The keys of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// Of the key that signs; `None` if the domain has none yet.
    pub active_selector: Option<String>,
    /// The other key.
    pub rotation: Option<OtherKey>,
    /// Its public half: a SubjectPublicKeyInfo (RFC 5280) in base64.
    pub public_key: Option<String>,
    /// Name and value of its record.
    pub record: Option<(String, String)>,
}

impl KeyRotation {
    fn new(domain: &Domain, dns: DomainDns) -> Self {
        let record = dns.rotation.as_ref().map(|key| {
            let name = dkim::record_name(&key.selector, &domain.name);
            (name, dkim::record_text(&key.public_key))
        });
        Self {
            active_selector: dns.dkim.map(|key| key.selector),
            public_key: dns.rotation.as_ref().map(|key| dkim::key_text(&key.public_key)),
            rotation: dns.rotation,
            record,
        }
    }

    /// How far it is.
    pub fn state(&self) -> RotationState {
        match self.rotation.as_ref().map(|rotation| rotation.stage) {
            None => RotationState::Idle,
            Some(RotationStage::PendingDns) => RotationState::PendingDns,
            Some(RotationStage::Ready { .. }) => RotationState::Ready,
            Some(RotationStage::Retiring { .. }) => RotationState::Retiring,
        }
    }
}

impl Domains {
    /// The keys of a domain.
    ///
    /// # Errors
    /// [`DomainsError::Store`].
    pub async fn rotation(&self, domain: &Domain) -> Result<KeyRotation, DomainsError> {
        Ok(KeyRotation::new(domain, self.store().domain_dns(domain.id).await?))
    }

    /// Makes the key that a domain signs with next, with a selector that the domain never had. While there is one already,
    /// nothing changes.
    ///
    /// # Errors
    /// [`DomainsError::Refused`] while the key before is kept, and if the domain signs with none; [`DomainsError::Unread`] if DNS
    /// does not say which selectors are free; [`DomainsError::NotSetUp`], [`DomainsError::Keyring`], [`DomainsError::Gone`],
    /// [`DomainsError::Store`].
    pub async fn rotate(&self, domain: &Domain) -> Result<KeyRotation, DomainsError> {
        for _ in 0..TRIES {
            let mut dns = self.store().domain_dns(domain.id).await?;
            if let Some(OtherKey {
                selector,
                stage: RotationStage::Retiring { retire_after, .. },
                ..
            }) = &dns.rotation
            {
                return Err(DomainsError::Refused(format!(
                    "The key before, {selector}, is still kept for mail on its way, until reports show that none comes, and until \
                     {} at the latest. Then the next rotation can begin.",
                    format_instant(*retire_after)
                )));
            }
            if dns.rotation.is_some() {
                return Ok(KeyRotation::new(domain, dns));
            }
            if dns.dkim.is_none() {
                self.published(domain).await?;
                dns = self.store().domain_dns(domain.id).await?;
            }
            let Some(active) = dns.dkim else {
                return Err(self.without_key(domain).await?);
            };
            let made = self.free_selector(domain, active.selectors_made).await?;
            let key = self.fresh_key(domain, dkim::selector(made)).await?;
            let numbers = (active.selectors_made, made);
            let now = self.clock().now();
            if self.store().stage_dkim_key(domain.id, numbers, &key, now).await? {
                tracing::info!(domain = %domain.id, selector = key.selector, "made the next DKIM key of a domain");
                return self.rotation(domain).await;
            }
        }
        Err(DomainsError::Gone)
    }

    /// Lets the next key of a domain sign from now on, if DNS has its record. If it signs already, nothing changes.
    ///
    /// # Errors
    /// [`DomainsError::Refused`] if there is none, its record is not there, or the wait is not over; [`DomainsError::Unread`] if
    /// DNS cannot be asked; [`DomainsError::NotSetUp`] without name servers; [`DomainsError::Gone`], [`DomainsError::Store`].
    pub async fn activate_rotation(&self, domain: &Domain, wait: Wait) -> Result<KeyRotation, DomainsError> {
        let dns = self.store().domain_dns(domain.id).await?;
        let Some(rotation) = dns.rotation.clone() else {
            return Err(DomainsError::Refused(
                "There is no next key: start a rotation first.".to_owned(),
            ));
        };
        if matches!(rotation.stage, RotationStage::Retiring { .. }) {
            return Ok(KeyRotation::new(domain, dns));
        }
        let options = self.options();
        let asked = options.dns.as_ref();
        let asked = asked.ok_or(DomainsError::NotSetUp("there are no name servers to ask"))?;
        let found = check::look_at_rotation(asked, domain, &dns, self.names(), options.check_time_max).await;
        let seen = (sight_of(found.as_ref()), self.next_key(&rotation));
        let now = self.clock().now();
        let step = on_request(&rotation, wait, seen, now, options.rotation);
        let name = dkim::record_name(&rotation.selector, &domain.name);
        let step = match step {
            Ok(step) => step,
            Err(not_now @ NotNow::Unread) => return Err(DomainsError::Unread(not_now.says(&name))),
            Err(not_now) => return Err(DomainsError::Refused(not_now.says(&name))),
        };
        if self.store().step_rotation(domain.id, &rotation.selector, step).await? {
            tracing::info!(domain = %domain.id, selector = rotation.selector, "a domain signs with its next DKIM key");
        }
        let known = self.rotation(domain).await?;
        match known.state() {
            RotationState::Retiring => Ok(known),
            _ => Err(DomainsError::Refused(
                "The next key was forgotten or changed meanwhile: look at the rotation again.".to_owned(),
            )),
        }
    }

    /// Forgets the next key of a domain. If there is none, nothing changes.
    ///
    /// # Errors
    /// [`DomainsError::Refused`] if it signs; [`DomainsError::Store`].
    pub async fn cancel_rotation(&self, domain: &Domain) -> Result<KeyRotation, DomainsError> {
        let known = self.rotation(domain).await?;
        let Some(OtherKey { selector, stage, .. }) = &known.rotation else {
            return Ok(known);
        };
        let is_dropped = match stage {
            RotationStage::Retiring { .. } => false,
            RotationStage::PendingDns | RotationStage::Ready { .. } => {
                self.store().drop_staged_key(domain.id, selector).await?
            }
        };
        if is_dropped {
            tracing::info!(domain = %domain.id, selector, "forgot the next DKIM key of a domain");
        }
        let known = self.rotation(domain).await?;
        match known.state() {
            RotationState::Retiring => Err(DomainsError::Refused(
                "The new key signs already, so the rotation cannot be cancelled. To change again, start another rotation when this \
                 one has ended."
                    .to_owned(),
            )),
            _ => Ok(known),
        }
    }

    /// A decision with the step that the same look is reason for.
    pub(super) fn with_rotation(
        &self,
        mut decision: Decision,
        standing: &Standing,
        found: &DomainFinding,
        now: Millis,
    ) -> Decision {
        let Some(rotation) = &standing.rotation else {
            return decision;
        };
        let seen = found
            .rotation
            .as_ref()
            .filter(|seen| seen.selector == rotation.selector);
        // What was seen of another key says nothing of this one, which is looked at as soon as if nothing had been seen.
        let sight = seen.map_or(Sight::Unread, |seen| seen.sight);
        let seen = (sight, self.next_key(rotation));
        decision.rotation = after_look(rotation, seen, now, self.options().rotation);
        decision.next_check_at = next_look(rotation, decision.rotation, now, decision.next_check_at);
        decision
    }

    fn next_key(&self, rotation: &OtherKey) -> NextKey {
        match rotation.sealed_with.as_ref().is_some_and(|sealed| self.is_lost(sealed)) {
            true => NextKey::Lost,
            false => NextKey::Usable,
        }
    }

    /// The number of a selector that the domain was never given, and that is not another's in its zone.
    async fn free_selector(&self, domain: &Domain, made: u32) -> Result<u32, DomainsError> {
        if !self.can_check() {
            return Err(DomainsError::NotSetUp("there are no name servers to ask"));
        }
        for number in made + 1..=made + SELECTORS_TRIED {
            let name = dkim::record_name(&dkim::selector(number), &domain.name);
            match self.selector_keys(std::slice::from_ref(&name)).await.as_slice() {
                [KeyInDns::Found] => {}
                [KeyInDns::NotKnown] | [] => return Err(DomainsError::Unread(NotNow::Unread.says(&name))),
                _ => return Ok(number),
            }
        }
        Err(DomainsError::Refused(format!(
            "No selector is free: DNS has a key at {} and at the next {} names. Remove the records that no sender needs, or the \
             wildcard that stands for them.",
            dkim::record_name(&dkim::selector(made + 1), &domain.name),
            SELECTORS_TRIED - 1
        )))
    }

    async fn without_key(&self, domain: &Domain) -> Result<DomainsError, DomainsError> {
        let is_there = self.store().domain_by_id(domain.account, domain.id).await?.is_some();
        Ok(match is_there {
            true => DomainsError::Refused("The domain has no DKIM key, so there is none to change.".to_owned()),
            false => DomainsError::Gone,
        })
    }
}
