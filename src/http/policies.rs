//! The DMARC policy that applies to each name in a list, as far as the account's own domains tell.

use std::collections::HashMap;

use super::client::Client;
use super::error::ApiError;
use super::state::AppState;
use crate::base::{DomainName, organizational_domain};
use crate::domains::{InForce, PolicyFrom};
use crate::store::Domain;

/// What is known of names, each asked for once.
#[derive(Debug)]
pub(super) struct Policies<'s> {
    state: &'s AppState,
    client: Client,
    /// The domain that the list is of.
    domain: &'s Domain,
    /// By name: `None` if the client has no such domain.
    known: HashMap<String, Option<InForce>>,
}

/// What is known of one name.
#[derive(Debug, Default)]
pub(super) struct OfName {
    /// Whether it is a domain of the client's.
    pub is_registered: bool,
    /// The policy that applies, and where it is from.
    pub policy: Option<(String, PolicyFrom)>,
}

impl<'s> Policies<'s> {
    pub(super) fn new(state: &'s AppState, client: Client, domain: &'s Domain) -> Self {
        Self {
            state,
            client,
            domain,
            known: HashMap::new(),
        }
    }

    /// What is known of a name in From headers.
    pub(super) async fn for_name(&mut self, header_from: &str) -> Result<OfName, ApiError> {
        let Ok(name) = DomainName::parse(header_from) else {
            return Ok(OfName::default());
        };
        if let Some(in_force) = self.in_force(&name).await? {
            return Ok(OfName {
                is_registered: true,
                policy: in_force.for_domain(),
            });
        }
        Ok(OfName {
            is_registered: false,
            policy: self.find_above(&name).await?,
        })
    }

    /// The policy for a name without a record of its own: that of its organization (RFC 9989, 4.10), and of no name between
    /// that does not say that it is one.
    async fn find_above(&mut self, name: &DomainName) -> Result<Option<(String, PolicyFrom)>, ApiError> {
        let organization = organizational_domain(name.as_str());
        let between = name.ancestors().take_while(|above| above.len() > organization.len());
        for above in between.filter_map(|above| DomainName::parse(above).ok()) {
            let in_force = self.in_force(&above).await?.as_ref();
            if let Some(found) = in_force.filter(|found| found.is_organization()) {
                return Ok(found.for_names_below());
            }
        }
        let Ok(organization) = DomainName::parse(organization) else {
            return Ok(None);
        };
        if let Some(in_force) = self.in_force(&organization).await? {
            return Ok(in_force.for_names_below());
        }
        // A domain without a record of its own was found to have that of its organization.
        let domain = &self.domain.name;
        if organizational_domain(domain.as_str()) != organization.as_str() {
            return Ok(None);
        }
        let in_force = self.in_force(domain).await?.as_ref();
        let is_above = |found: &&InForce| name.ancestors().any(|above| Some(above) == found.inherited_from());
        Ok(in_force.filter(is_above).and_then(InForce::for_names_below))
    }

    async fn in_force(&mut self, name: &DomainName) -> Result<&Option<InForce>, ApiError> {
        if !self.known.contains_key(name.as_str()) {
            let (state, client) = (self.state, self.client);
            let domain = state.store.domain_by_name(self.domain.account, name).await?;
            let in_force = match domain.filter(|domain| client.may_see(domain.id)) {
                Some(domain) => Some(InForce::of_dns(&state.store.domain_dns(domain.id).await?)),
                None => None,
            };
            self.known.insert(name.to_string(), in_force);
        }
        Ok(&self.known[name.as_str()])
    }
}
