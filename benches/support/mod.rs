//! What the benches share.

#![allow(dead_code, reason = "each bench uses its part")]

pub mod corpus;
pub mod database;
pub mod serving;
pub mod year;

use std::sync::atomic::{AtomicU64, Ordering};

use tallymark::base::{AccountId, DomainName, Permission, Region, TlsMode};
use tallymark::domains;
use tallymark::keys::ApiSecret;
use tallymark::store::{FreshDomain, NewDomain, NewKey, Store};

/// Names for domains that are added on sight: counted up, so that runs are alike.
pub fn fresh() -> FreshDomain {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut random = [0; domains::IDENTIFIER_RANDOM_BYTES];
    random[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    FreshDomain {
        public_id: domains::public_id(&random),
        rua_token: domains::rua_token(&random),
    }
}

/// A domain with no setting but the defaults.
pub fn new_domain(name: &str) -> NewDomain {
    let names = fresh();
    NewDomain {
        public_id: names.public_id,
        name: DomainName::parse(name).expect("a name"),
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token: names.rua_token,
    }
}

/// Gives an account a key that may do everything.
pub async fn add_key(store: &Store, account: AccountId, secret: &ApiSecret) {
    let key = NewKey {
        name: "bench".to_owned(),
        permission: Permission::FullAccess,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    store.add_key(account, key, 0).await.expect("a key");
}

/// Peak resident memory of this process, MiB; 0 where the system does not tell.
pub fn peak_mebibytes() -> f64 {
    status_mebibytes("self", "VmHWM:")
}

/// A line of a process's status, MiB.
pub fn status_mebibytes(process: &str, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .and_then(|text| text.trim().parse::<f64>().ok());
    kibibytes.unwrap_or(0.0) / 1024.0
}

/// The value below which `percent` of the sorted values are.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let nth = ((sorted.len() as f64 * percent / 100.0).ceil() as usize).clamp(1, sorted.len());
    sorted[nth - 1]
}
