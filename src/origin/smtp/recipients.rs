//! What a recipient means: whose mail it is, if it is anybody's here.

use super::command::Mailbox;
use super::event::Verdict;
use crate::ingest::Belonging;
use crate::report::{DomainName, normalise_domain};
use crate::store::{Domain, DomainStatus, Store, StoreError};

/// The names under which this installation receives mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientNames {
    /// Our own name: what the greeting says.
    pub host: String,
    /// Right-hand sides of the domains' own report addresses, of all regions.
    pub rua_hosts: Vec<String>,
    /// One address for the reports of all domains of the account, if there is one.
    pub report_address: Option<String>,
    /// Name of the account that mail without a token belongs to: the generic report address, postmaster and abuse.
    pub account: String,
}

/// Looks recipients up.
#[derive(Debug, Clone)]
pub struct Recipients {
    store: Store,
    host: Box<str>,
    rua_hosts: Vec<Box<str>>,
    report_address: Option<(String, Box<str>)>,
    account: String,
}

/// RFC 5321, 4.5.1, and RFC 2142, 2: always there, in any case.
const OFFICES: [&str; 2] = ["postmaster", "abuse"];
/// Where reports about a domain are sent at the domain itself.
const REPORTS: [&str; 2] = ["dmarc", "dmarc-reports"];
/// No local part of ours is longer (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

impl Recipients {
    /// For these names; ones that are no names never match.
    pub fn new(store: Store, names: &RecipientNames) -> Self {
        let report_address = names.report_address.as_deref().and_then(|address| {
            let (local, host) = address.rsplit_once('@')?;
            Some((local.to_lowercase(), normalise_domain(host)?))
        });
        Self {
            store,
            host: normalise_domain(&names.host).unwrap_or_default(),
            rua_hosts: names
                .rua_hosts
                .iter()
                .filter_map(|host| normalise_domain(host))
                .collect(),
            report_address,
            account: names.account.clone(),
        }
    }

    /// Whose the mailbox is.
    pub async fn resolve(&self, mailbox: &Mailbox) -> Verdict {
        match self.look_up(mailbox).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::error!(%error, "a recipient could not be looked up; its sender is told to try again");
                Verdict::Unavailable
            }
        }
    }

    async fn look_up(&self, mailbox: &Mailbox) -> Result<Verdict, StoreError> {
        // RFC 5321, 4.1.1.3: the postmaster needs no domain.
        if mailbox.domain.is_empty() {
            return self.of_account().await;
        }
        let host = match &*mailbox.domain {
            literal if literal.starts_with('[') => None,
            name => normalise_domain(name),
        };
        let Some(host) = host else { return Ok(Verdict::Foreign) };
        // RFC 5321, 2.4 leaves the case of a local part to its host, and none of ours means anything by it.
        let local = mailbox.local.to_lowercase();
        if self
            .report_address
            .as_ref()
            .is_some_and(|(own, at)| *own == local && *at == host)
        {
            return self.of_account().await;
        }
        let is_rua_host = self.rua_hosts.contains(&host);
        if (is_rua_host || host == self.host) && OFFICES.contains(&&*local) {
            return self.of_account().await;
        }
        if is_rua_host {
            return self.of_token(&local).await;
        }
        let of_domain = self.of_domain(&local, &host).await?;
        Ok(if of_domain == Verdict::Foreign && host == self.host {
            Verdict::UnknownUser
        } else {
            of_domain
        })
    }

    async fn of_account(&self) -> Result<Verdict, StoreError> {
        let Some(account) = self.store.account_by_name(&self.account).await? else {
            tracing::error!(account = %self.account, "the account that mail without a token belongs to does not exist");
            return Ok(Verdict::NotConfigured);
        };
        Ok(Verdict::Accepted(vec![Belonging::Account(account.id)]))
    }

    async fn of_token(&self, token: &str) -> Result<Verdict, StoreError> {
        if token.len() > LOCAL_BYTES_MAX {
            return Ok(Verdict::UnknownUser);
        }
        let domain = self.store.domain_by_rua_token(token).await?;
        Ok(domain.map_or(Verdict::UnknownUser, |domain| {
            Verdict::Accepted(vec![belonging(&domain)])
        }))
    }

    /// Mail to a registered domain itself.
    async fn of_domain(&self, local: &str, host: &str) -> Result<Verdict, StoreError> {
        let Ok(name) = DomainName::parse(host) else {
            return Ok(Verdict::Foreign);
        };
        let rows = self.store.domains_of_name(&name).await?;
        let owners = owners(&rows);
        let mut inbound = owners
            .iter()
            .filter(|domain| domain.inbound_enabled || domain.catch_all)
            .peekable();
        if inbound.peek().is_none() {
            return Ok(Verdict::Foreign);
        }
        let known = OFFICES.contains(&local) || REPORTS.contains(&local);
        let takes = |domain: &&&Domain| domain.catch_all || (known && domain.inbound_enabled);
        let targets: Vec<_> = inbound.filter(takes).map(|domain| belonging(domain)).collect();
        Ok(if targets.is_empty() {
            Verdict::UnknownUser
        } else {
            Verdict::Accepted(targets)
        })
    }
}

/// Whose a name is that several accounts have registered: of those who have shown that it is theirs. One alone need not:
/// whoever points its mail here means it.
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
