//! Whose mail an address is, if it is anybody's here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::options::IntakeError;
use crate::base::clock::Clock;
use crate::base::{DomainName, DomainStatus, normalise_domain};
use crate::store::{Belonging, Domain, Store, StoreError};

/// The names under which this installation receives mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressNames {
    /// Our own name: what the greeting says.
    pub host: String,
    /// Right-hand sides of the domains' own report addresses, of all regions. Empty: any.
    pub rua_hosts: Vec<String>,
    /// One address for the reports of all domains of the account, if there is one.
    pub report_address: Option<String>,
    /// Name of the account that mail without a token belongs to: the generic report address, postmaster and abuse.
    pub account: String,
}

/// Looks addresses up. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Addresses(Arc<Known>);

#[derive(Debug)]
struct Known {
    store: Store,
    clock: Clock,
    /// Whose tokens were, and until when that is believed.
    tokens: Mutex<HashMap<Box<str>, (Belonging, Duration)>>,
    host: Box<str>,
    rua_hosts: Vec<Box<str>>,
    report_address: Option<(String, Box<str>)>,
    account: String,
}

/// Whose mail an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It is kept for all of these; there is at least one.
    Known(Vec<Belonging>),
    /// The domain is ours, the mailbox is not.
    UnknownUser,
    /// The domain is not ours.
    Foreign,
    /// It must be somebody's, but the account that the configuration names does not exist.
    NotConfigured,
}

/// RFC 5321, 4.5.1, and RFC 2142, 2: always there, in any case.
const OFFICES: [&str; 2] = ["postmaster", "abuse"];
/// Where reports about a domain are sent at the domain itself.
const REPORTS: [&str; 2] = ["dmarc", "dmarc-reports"];
/// How long a token is believed to be a domain's: a busy sender asks hundreds of times a second, and each answer that came
/// from the database would wait for its reader. A report for a domain that was removed meanwhile is nobody's at the commit.
const TOKEN_TIME: Duration = Duration::from_secs(1);
/// Tokens that are remembered; then all are asked for again.
const TOKENS_MAX: usize = 4_096;
/// No local part of ours is longer (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

impl Addresses {
    /// For these names; invalid names never match.
    pub fn new(store: Store, clock: Clock, names: &AddressNames) -> Self {
        let report_address = names.report_address.as_deref().and_then(|address| {
            let (local, host) = address.rsplit_once('@')?;
            Some((local.to_lowercase(), normalise_domain(host)?))
        });
        Self(Arc::new(Known {
            store,
            clock,
            tokens: Mutex::default(),
            host: normalise_domain(&names.host).unwrap_or_default(),
            rua_hosts: names
                .rua_hosts
                .iter()
                .filter_map(|host| normalise_domain(host))
                .collect(),
            report_address,
            account: names.account.clone(),
        }))
    }

    /// Whose `local@domain` is. An empty domain is ours (RFC 5321, 4.1.1.3: `<postmaster>`).
    ///
    /// # Errors
    /// [`IntakeError::Store`] if the database cannot be asked.
    pub async fn owner(&self, local: &str, domain: &str) -> Result<Owner, IntakeError> {
        Ok(self.0.owner(local, domain).await?)
    }
}

impl Known {
    async fn owner(&self, local: &str, domain: &str) -> Result<Owner, StoreError> {
        // RFC 5321, 2.4 leaves the case of a local part to its host, and none of ours means anything by it.
        let local = local.to_lowercase();
        let is_office = OFFICES.contains(&&*local);
        let host = match domain {
            "" if is_office => return self.of_account().await,
            "" => return Ok(Owner::UnknownUser),
            // RFC 5321, 4.1.3: an address is nobody's name.
            literal if literal.starts_with('[') => return Ok(Owner::Foreign),
            name => normalise_domain(name),
        };
        let Some(host) = host else { return Ok(Owner::Foreign) };
        if self
            .report_address
            .as_ref()
            .is_some_and(|(own, at)| *own == local && *at == host)
        {
            return self.of_account().await;
        }
        let is_rua_host = self.rua_hosts.contains(&host);
        if (is_rua_host || host == self.host) && is_office {
            return self.of_account().await;
        }
        if is_rua_host {
            return self.of_token(&local).await;
        }
        // Without a host for reports, a mail server of the operator's own brings them: the token alone tells whose.
        if self.rua_hosts.is_empty()
            && let Owner::Known(owners) = self.of_token(&local).await?
        {
            return Ok(Owner::Known(owners));
        }
        match self.of_domain(&local, &host).await? {
            Owner::Foreign if host == self.host => Ok(Owner::UnknownUser),
            owner => Ok(owner),
        }
    }

    async fn of_account(&self) -> Result<Owner, StoreError> {
        let Some(account) = self.store.account_by_name(&self.account).await? else {
            tracing::error!(account = %self.account, "the account for mail without a token does not exist");
            return Ok(Owner::NotConfigured);
        };
        Ok(Owner::Known(vec![Belonging::Account(account.id)]))
    }

    async fn of_token(&self, token: &str) -> Result<Owner, StoreError> {
        if token.len() > LOCAL_BYTES_MAX {
            return Ok(Owner::UnknownUser);
        }
        let now = self.clock.monotonic();
        if let Some((belonging, until)) = self.tokens().get(token)
            && now < *until
        {
            return Ok(Owner::Known(vec![*belonging]));
        }
        let Some(domain) = self.store.domain_by_rua_token(token).await? else {
            return Ok(Owner::UnknownUser);
        };
        let belonging = belonging(&domain);
        let mut tokens = self.tokens();
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(token.into(), (belonging, now + TOKEN_TIME));
        Ok(Owner::Known(vec![belonging]))
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, (Belonging, Duration)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mail to a registered domain itself.
    async fn of_domain(&self, local: &str, host: &str) -> Result<Owner, StoreError> {
        let Ok(name) = DomainName::parse(host) else {
            return Ok(Owner::Foreign);
        };
        let rows = self.store.domains_of_name(&name).await?;
        let owners = owners(&rows);
        let mut inbound = owners
            .iter()
            .filter(|domain| domain.inbound_enabled || domain.catch_all)
            .peekable();
        if inbound.peek().is_none() {
            return Ok(Owner::Foreign);
        }
        let known = OFFICES.contains(&local) || REPORTS.contains(&local);
        let takes = |domain: &&&Domain| domain.catch_all || (known && domain.inbound_enabled);
        let targets: Vec<_> = inbound.filter(takes).map(|domain| belonging(domain)).collect();
        Ok(if targets.is_empty() {
            Owner::UnknownUser
        } else {
            Owner::Known(targets)
        })
    }
}

/// Whose a name is that several accounts have registered: of those who have shown that it is theirs. A single one need
/// not: its owner points mail here on purpose.
fn owners(rows: &[Domain]) -> Vec<&Domain> {
    match rows {
        [only] => vec![only],
        several => several
            .iter()
            .filter(|domain| domain.status == DomainStatus::Verified)
            .collect(),
    }
}

fn belonging(domain: &Domain) -> Belonging {
    Belonging::Domain(domain.account, domain.id)
}
