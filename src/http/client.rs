//! Who asks: the principal of a request, and the other end of its connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::base::{AccountId, DomainId, KeyId};
use crate::store::ApiKey;

/// Whose request it is: in the request's extensions on every route that asks for a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub account: AccountId,
    pub key: KeyId,
    /// The only domain that exists for it, if its key is bound to one.
    pub domain: Option<DomainId>,
}

/// The key of a user who signed in at the page: in the extensions of the requests that the page makes for them within
/// this process, instead of the secret. No request that came over a connection can have it.
#[derive(Debug, Clone)]
pub struct SignedIn(pub ApiKey);

/// Who is at the other end of the connection: in the extensions of every request that came over one.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Client {
    /// The principal of this request. Only a route without a gate has none: that is our mistake, and refused.
    pub(super) fn from_parts(parts: &Parts) -> Result<Self, ApiError> {
        parts.extensions.get().copied().ok_or_else(ApiError::unauthorized)
    }

    /// Whether the domain exists for this client, if its account has it.
    pub(super) fn may_see(&self, domain: DomainId) -> bool {
        self.domain.is_none_or(|only| only == domain)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::from_parts(parts)
    }
}

/// The address at the other end, or none in particular for a request that came over no connection (in tests).
pub(super) fn peer_address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| {
        address.ip().to_canonical()
    })
}
