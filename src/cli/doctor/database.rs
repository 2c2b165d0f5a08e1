//! The database: whether it can be opened, and whether there is a way to use what is in it.

use super::finding::Checked;
use crate::app;
use crate::base::Millis;
use crate::base::clock::format_instant;
use crate::base::text::causes;
use crate::cli::advice;
use crate::cli::text::counted;
use crate::config::Config;
use crate::store::{Location, Store, StoreError};

/// Reports come daily; after this time without any a person should look.
const QUIET: Millis = 3 * 86_400_000;
/// Clocks of nodes differ by less than this.
const AHEAD: Millis = 3_600_000;

pub(super) async fn look(config: &Config, now: Millis) -> Vec<Checked> {
    let store = match open(config).await {
        Ok(store) => store,
        Err(checked) => return vec![*checked],
    };
    let mut checks = vec![Checked::ok(
        "database",
        "can be opened, and has the schema of this version".to_owned(),
    )];
    match contents(&store, now).await {
        Ok(more) => checks.extend(more),
        Err(error) => checks.push(Checked::fail(
            "database",
            causes(&error),
            "Run `tallymark verify`; if that fails too, restore a backup.",
        )),
    }
    store.close().await;
    checks
}

/// The database, unless something is the matter with it.
async fn open(config: &Config) -> Result<Store, Box<Checked>> {
    let location = app::database(config).map_err(|error| {
        let next = "Correct database.url.";
        Box::new(Checked::fail("database", causes(&error), next))
    })?;
    let failed = |error: anyhow::Error| Box::new(Checked::fail("database", causes(&*error), "Mend that first."));
    if let Location::File(path) = &location
        && !app::is_there(path).map_err(failed)?
    {
        let says = format!("there is none at {} yet", path.display());
        let next = format!(
            "`{}` or `{}` makes it.",
            advice::command("serve"),
            advice::command("import PATH")
        );
        return Err(Box::new(Checked::warn("database", says, next)));
    }
    let refused = |error| failed(app::not_opened(&location, error));
    if Store::is_behind(&location).map_err(refused)? {
        let says = "it has lost commits that were acknowledged: its log is gone, or it is an older copy".to_owned();
        let next = format!(
            "Put the -wal file back. If a backup was restored on purpose: {}",
            advice::command("admin restored")
        );
        return Err(Box::new(Checked::fail("database", says, next)));
    }
    let opened = Box::pin(Store::open_with(location.clone(), config.database.connections)).await;
    opened.map_err(refused)
}

async fn contents(store: &Store, now: Millis) -> Result<Vec<Checked>, StoreError> {
    let (mut domains, mut keys) = (Vec::new(), 0);
    for account in store.accounts().await? {
        domains.extend(store.domains(account.id).await?.into_iter().map(|domain| domain.id));
        let of_account = store.keys(account.id).await?;
        keys += of_account.iter().filter(|key| key.revoked_at.is_none()).count() as u64;
    }
    let keys = match keys {
        0 => Checked::warn(
            "keys",
            "there is no key to sign in with".to_owned(),
            advice::command("keys create"),
        ),
        _ => Checked::ok("keys", format!("{} in use", counted(keys, "key", "keys"))),
    };
    if domains.is_empty() {
        let says = "none was added, so that no report counts".to_owned();
        let next = advice::command("domains add example.com");
        return Ok(vec![keys, Checked::warn("domains", says, next)]);
    }
    let count = counted(domains.len() as u64, "domain", "domains");
    let newest = store.arrivals(&domains, None, 1).await?;
    let received = newest.first().map(|(_, report)| report.received_at);
    Ok(vec![keys, Checked::ok("domains", count), arrivals(received, now)])
}

/// When the newest report came.
fn arrivals(received: Option<Millis>, now: Millis) -> Checked {
    let Some(received) = received else {
        let next =
            "Reports begin to come a day after the DMARC record asks for them; see `tallymark domains check DOMAIN`.";
        return Checked::warn("reports", "none came yet".to_owned(), next);
    };
    let says = format!("the newest came {}", format_instant(received));
    match now.saturating_sub(received) {
        ago if ago < -AHEAD => Checked::fail(
            "clock",
            format!("{says}, which is in the future"),
            "Compare the clocks of this machine and of all nodes.",
        ),
        ago if ago > QUIET => {
            let next = "See whether mail for the host of the reports reaches this machine, and what `tallymark quarantine list` has.";
            Checked::warn("reports", says, next)
        }
        _ => Checked::ok("reports", says),
    }
}
