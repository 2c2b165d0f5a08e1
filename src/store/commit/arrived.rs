//! A report of a batch, before anything is decided about it.

use hashbrown::HashMap;

use crate::base::{AccountId, Authenticated, DomainId};
use crate::report::aggregate::{ContentKey, IdentityKey, PieceKey};

use super::super::{Acceptance, NewMessage};
use super::place::Claim;
use super::register::{KnownRow, Register, Weight};
use super::report_of;

/// Number of domains up to which claims and rows are compared; with more, they are looked up.
pub(super) const COMPARED_MAX: usize = 16;

/// One report of the batch, with all its claims.
pub(super) struct Arrived<'c> {
    pub claims: &'c [Claim],
    pub account: AccountId,
    pub identity: IdentityKey,
    pub content: ContentKey,
    pub piece: Option<PieceKey>,
    pub authenticated: Authenticated,
    pub cut: bool,
    pub replay: bool,
}

impl<'c> Arrived<'c> {
    /// The report that these claims are about.
    pub fn new(batch: &[NewMessage], claims: &'c [Claim]) -> Self {
        let new = report_of(batch, &claims[0]);
        Self {
            claims,
            account: claims[0].account,
            identity: new.identity,
            content: new.content,
            piece: new.piece,
            authenticated: new.authenticated,
            cut: new.report.partial,
            replay: batch[claims[0].message].comes_again(),
        }
    }

    /// Whether it, or what is known with its contents, may count in one of its domains.
    pub fn may_count(&self, register: &Register) -> bool {
        let known = register.of_content(self.account, self.content);
        self.claims.iter().any(|claim| claim.acceptance.may_count())
            || known.is_some_and(|nth| register.texts[nth].may_count())
    }

    /// Its weight among others of its identity.
    pub fn weight(&self, register: &Register) -> Weight {
        Weight {
            is_vouched: self.authenticated == Authenticated::Pass,
            may_count: self.may_count(register),
        }
    }

    /// Its claims by their domains, if they are many.
    pub fn by_domain(&self) -> Option<HashMap<DomainId, &Claim>> {
        let by_domain = || self.claims.iter().rev().map(|claim| (claim.domain, claim)).collect();
        (self.claims.len() > COMPARED_MAX).then(by_domain)
    }

    /// Whether it may count in a row of its text.
    pub fn acceptance_of(&self, by_domain: Option<&HashMap<DomainId, &Claim>>, row: &KnownRow) -> Option<Acceptance> {
        let same = match by_domain {
            Some(claims) => claims.get(&row.domain).copied(),
            None => self.claims.iter().find(|claim| claim.domain == row.domain),
        };
        // It may have stayed in a domain above.
        let whole = || self.claims.first().filter(|claim| claim.slice.is_none() && !row.sliced);
        same.or_else(whole).map(|claim| claim.acceptance)
    }
}
