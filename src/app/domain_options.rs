//! What looking after domains needs: their names, the keys for their keys, the name servers.

use std::path::{Path, PathBuf};

use crate::config::{Config, RegionName, RequiredRecord};
use crate::dns::{Dns, DnsOptions};
use crate::domains::{DomainsOptions, Keyring, KeyringError, Purpose, ServiceNames};
use crate::store::{Location, Region, Store};

const MASTER_KEY_FILE: &str = "master.key";

/// The host names that domains must point to, and what they must publish.
pub(super) fn service_names(config: &Config) -> ServiceNames {
    let service = &config.service;
    let mut names = ServiceNames::of_one_node(service.host.name(), service.rua_host.name());
    for (region, hosts) in &service.regions {
        let region = match region {
            RegionName::EuWest1 => Region::EuWest1,
            RegionName::UsEast1 => Region::UsEast1,
            RegionName::SaEast1 => Region::SaEast1,
            RegionName::ApNortheast1 => Region::ApNortheast1,
        };
        let theirs = names.region_mut(region);
        for (host, given) in [
            (&mut theirs.rua_host, &hosts.rua_host),
            (&mut theirs.inbound_host, &hosts.inbound_host),
            (&mut theirs.bounce_host, &hosts.bounce_host),
        ] {
            if let Some(given) = given {
                *host = given.name().to_string();
            }
        }
    }
    let required = config.domains.required.iter().map(|record| match record {
        RequiredRecord::Spf => Purpose::Spf,
        RequiredRecord::Dkim => Purpose::Dkim,
        RequiredRecord::Dmarc => Purpose::Dmarc,
        RequiredRecord::ReturnPath => Purpose::ReturnPath,
        RequiredRecord::Tracking => Purpose::Tracking,
        RequiredRecord::Mx => Purpose::Mx,
        RequiredRecord::Bimi => Purpose::Bimi,
    });
    names.required = required.collect();
    names
}

/// Everything. Without name servers nothing is checked, and without keys no domain gets one: both are said in the log.
pub(super) async fn domains(config: &Config, store: &Store) -> anyhow::Result<DomainsOptions> {
    anyhow::ensure!(
        !config.domains.required.is_empty(),
        "domains.required is empty: name at least one record, as in [\"dmarc\"]"
    );
    let dns = Dns::new(&DnsOptions {
        servers: config.domains.resolvers.clone(),
        in_flight_max: config.domains.questions_in_flight_max,
        ..DnsOptions::default()
    });
    let dns = dns.inspect_err(|error| tracing::warn!(%error, "domains cannot be checked; set domains.resolvers"));
    Ok(DomainsOptions {
        keyring: keyring(config, store).await?,
        dns: dns.ok(),
        domains_in_flight_max: config.domains.domains_in_flight_max,
        domains_per_second_max: config.domains.domains_per_second_max,
        ..DomainsOptions::new(service_names(config))
    })
}

/// The keys that the settings name, or those of the file. It is made if it is missing, but not if the database holds
/// something that was encrypted with another; and not on a node that shares its database: each would make its own.
async fn keyring(config: &Config, store: &Store) -> anyhow::Result<Option<Keyring>> {
    let given = &config.domains.master_keys;
    let sealed = store.sealed_dkim_keys(i64::MIN, 1).await?;
    let keyring = if given.is_empty() {
        let file = &config.domains.master_key_file;
        let path = if file.as_os_str().is_empty() {
            config.database.dir.join(MASTER_KEY_FILE)
        } else {
            PathBuf::from(file)
        };
        match Keyring::read(&path) {
            Err(KeyringError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                if !sealed.is_empty() {
                    let place = path.display().to_string();
                    return Err(KeyringError::Foreign { place }.into());
                }
                if matches!(super::database(config)?, Location::Server(_)) {
                    tracing::warn!("no DKIM keys are made: set domains.master_keys, the same on every node");
                    return Ok(None);
                }
                make(&path)?
            }
            read => read?,
        }
    } else {
        Keyring::of(given.iter().map(String::as_str), "domains.master_keys")?
    };
    for (_, _, sealed) in &sealed {
        keyring.knows(sealed)?;
    }
    Ok(Some(keyring))
}

fn make(path: &Path) -> anyhow::Result<Keyring> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        super::make_private_dir(dir)?;
    }
    let made = Keyring::make(path)?;
    tracing::info!(path = %path.display(), "made the key that DKIM keys are encrypted with; keep a copy of it");
    Ok(made)
}
