//! What looking after domains needs: their names, the keys for their keys, the name servers.

use std::path::{Path, PathBuf};

use super::place;
use crate::config::Config;
use crate::dns::Dns;
use crate::domains::{self, DomainsOptions, IDENTIFIER_RANDOM_BYTES, Keyring, KeyringError, ServiceNames};
use crate::ingest::FreshDomain;
use crate::store::{KeyRole, Location, Store};

const MASTER_KEY_FILE: &str = "master.key";

/// The hostnames that domains must point to, and what they must publish.
pub fn service_names(config: &Config) -> ServiceNames {
    let installation = &config.installation;
    let mut names = ServiceNames::new(installation.host.name(), installation.rua_host.name());
    for (region, hosts) in &installation.regions {
        let theirs = names.region_mut(*region);
        for (host, given) in [
            (&mut theirs.rua_host, &hosts.rua_host),
            (&mut theirs.inbound_host, &hosts.inbound_host),
            (&mut theirs.bounce_host, &hosts.bounce_host),
        ] {
            if let Some(given) = given.name() {
                *host = Some(given.to_string());
            }
        }
    }
    if !config.domains.required.is_empty() {
        names.required = config.domains.required.clone();
    }
    names
}

/// Everything. Without name servers nothing is checked, and without keys no domain gets one: both are said in the log.
pub(super) async fn domains(config: &Config, store: &Store) -> anyhow::Result<DomainsOptions> {
    let dns = Dns::new(&config.domains.dns);
    let dns = dns.inspect_err(|error| tracing::warn!(%error, "domains cannot be checked; set domains.resolvers"));
    let keys = Keys::load(config, store).await?;
    Ok(DomainsOptions {
        key_trouble: keys.warning(store).await?,
        keyring: keys.keyring,
        new_key_file: keys.new_file,
        dns: dns.ok(),
        domains_in_flight_max: config.domains.domains_in_flight_max,
        domains_per_second_max: config.domains.domains_per_second_max,
        rotation: config.domains.rotation,
        ..DomainsOptions::new(service_names(config))
    })
}

/// What DKIM keys are encrypted with. Without it they are lost, and everything else works.
#[derive(Default)]
struct Keys {
    keyring: Option<Keyring>,
    /// Where one is made when it is needed.
    new_file: Option<PathBuf>,
    /// Why there is none.
    reason: Option<String>,
}

impl Keys {
    /// The keys that the settings name, or those of the file. It is made if it is missing, but not yet if the database holds
    /// something that was encrypted with another; and not on a node that shares its database: each would make its own.
    async fn load(config: &Config, store: &Store) -> anyhow::Result<Self> {
        let given = &config.domains.master_keys;
        if !given.is_empty() {
            let keyring = Keyring::from_keys(given.iter().map(String::as_str), "domains.master_keys");
            return Ok(Self::from(
                keyring.map_err(|error| format!("domains.master_keys: {error}")),
            ));
        }
        let file = &config.domains.master_key_file;
        let path = if file.as_os_str().is_empty() {
            config.database.dir.join(MASTER_KEY_FILE)
        } else {
            PathBuf::from(file)
        };
        match Keyring::read(&path) {
            Ok(keyring) => return Ok(Self::from(Ok(keyring))),
            Err(KeyringError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error @ KeyringError::File { .. }) => return Ok(Self::from(Err(error.to_string()))),
            Err(error) => return Ok(Self::from(Err(format!("{}: {error}", path.display())))),
        }
        let is_shared = matches!(place::database(config)?, Location::Server(_));
        let is_any_sealed = !store.sealed_dkim_keys(KeyRole::Signing, i64::MIN, 1).await?.is_empty()
            || !store.sealed_target_secrets(i64::MIN, 1).await?.is_empty();
        if is_any_sealed {
            return Ok(Self {
                keyring: None,
                reason: Some(format!("{} is missing", path.display())),
                new_file: (!is_shared).then_some(path),
            });
        }
        if is_shared {
            tracing::warn!(
                "no DKIM keys are made, and no webhooks and channels: set domains.master_keys, the same on every node"
            );
            return Ok(Self::default());
        }
        Ok(Self::from(make(&path).map_err(|error| error.to_string())))
    }

    /// What is lost, one sentence for the operator.
    async fn warning(&self, store: &Store) -> anyhow::Result<Option<String>> {
        let sealed = store.sealed_dkim_keys(KeyRole::Signing, i64::MIN, LOOKED_AT).await?;
        let is_known = |sealed: &[u8]| {
            self.keyring
                .as_ref()
                .is_some_and(|keyring| keyring.knows(sealed).is_ok())
        };
        let lost = sealed.iter().filter(|(_, _, sealed)| !is_known(sealed)).count();
        let reason = match &self.reason {
            Some(reason) => reason.clone(),
            None if lost == 0 => return Ok(None),
            None => "they were encrypted with another master key".to_owned(),
        };
        if lost == 0 {
            return Ok(Some(format!(
                "domains get no DKIM keys, and webhooks and channels cannot be used: {reason}. Everything else works."
            )));
        }
        let count = match lost {
            1 => "1 private DKIM key is".to_owned(),
            _ if lost == LOOKED_AT as usize => format!("{lost} or more private DKIM keys are"),
            _ => format!("{lost} private DKIM keys are"),
        };
        Ok(Some(format!(
            "{count} lost: {reason}. Everything else works. Bring the old master key back, or \
             replace each key with `tallymark domains dkim-key --renew DOMAIN`; the DKIM record of a domain says whether its \
             key is lost."
        )))
    }
}

impl From<Result<Keyring, String>> for Keys {
    fn from(keyring: Result<Keyring, String>) -> Self {
        let (keyring, reason) = match keyring {
            Ok(keyring) => (Some(keyring), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            keyring,
            reason,
            new_file: None,
        }
    }
}

/// Encrypted keys that are decrypted at the start, as a check.
const LOOKED_AT: u32 = 200;

fn make(path: &Path) -> anyhow::Result<Keyring> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        place::make_private_dir(dir)?;
    }
    let made = Keyring::make(path)?;
    tracing::info!(path = %path.display(), "created the master key that encrypts DKIM keys; keep a copy of it");
    Ok(made)
}

/// Random names for a new domain row.
pub(super) fn fresh_domain() -> FreshDomain {
    FreshDomain {
        public_id: domains::public_id(&random::<IDENTIFIER_RANDOM_BYTES>()),
        rua_token: domains::rua_token(&random::<IDENTIFIER_RANDOM_BYTES>()),
    }
}

pub(super) fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).expect("a system without random numbers runs nothing that is secure");
    random
}
