//! The link that signs in once after the start.

use anyhow::Context as _;

use super::App;
use crate::base::Permission;
use crate::page::SignInLink;
use crate::store::Account;

impl App {
    /// Makes a link that signs in once with the newest key that may do everything in the account, and returns its path. `None` if
    /// there is no such key.
    pub async fn offer_sign_in(&mut self, account: &Account) -> anyhow::Result<Option<String>> {
        let mut keys = self.store.keys(account.id).await?;
        keys.retain(|key| key.permission == Permission::FullAccess && key.domain.is_none() && key.revoked_at.is_none());
        let Some(key) = keys.into_iter().max_by_key(|key| key.id) else {
            return Ok(None);
        };
        let made = SignInLink::new(key, self.clock.now());
        let (link, path) = made.context("the system gives no random numbers")?;
        self.sign_in_link = Some(link);
        Ok(Some(path))
    }
}
