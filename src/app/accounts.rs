//! The account that is used where none is named. Commands and feeds have the same rule.

use crate::base::Mode;
use crate::base::clock::Clock;
use crate::store::{Account, Store, StoreError};

/// The account that an installation without accounts gets.
const DEFAULT_ACCOUNT: &str = "default";
/// The account of `serve --demo`. It is used only when it is named, so that no real report ends next to invented ones.
pub const DEMO_ACCOUNT: &str = "demo";

/// The account that is used where none is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unnamed {
    /// There is no account apart from the demo's.
    Missing,
    /// The only one, or the one called `default`.
    One(Account),
    /// Several, none of them called `default`: one must be named. In the order of their making.
    Several(Vec<Account>),
}

/// The account that is used where none is named.
pub async fn unnamed_account(store: &Store) -> Result<Unnamed, StoreError> {
    let mut accounts = store.accounts().await?;
    accounts.retain(|account| account.name != DEMO_ACCOUNT);
    if let Some(default) = accounts.iter().find(|account| account.name == DEFAULT_ACCOUNT) {
        return Ok(Unnamed::One(default.clone()));
    }
    Ok(match accounts.len() {
        0 => Unnamed::Missing,
        1 => Unnamed::One(accounts.remove(0)),
        _ => Unnamed::Several(accounts),
    })
}

/// Adds the account that an installation without accounts gets.
pub async fn add_default_account(store: &Store, clock: &Clock) -> Result<Account, StoreError> {
    store.add_account(DEFAULT_ACCOUNT, Mode::Live, clock.now()).await
}
