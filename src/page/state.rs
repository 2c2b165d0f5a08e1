//! What every page can reach.

use std::sync::Arc;

use axum::Router;

use super::sign_in_link::Link;
use crate::base::clock::Clock;
use crate::http::RateLimiter;
use crate::store::Store;

/// What every page can reach.
#[derive(Debug, Clone)]
pub(super) struct PageState {
    pub api: Router,
    pub store: Store,
    pub clock: Clock,
    pub attempts: Arc<RateLimiter>,
    pub visits: Arc<RateLimiter>,
    pub insecure_sign_in: bool,
    pub link: Arc<Link>,
}
