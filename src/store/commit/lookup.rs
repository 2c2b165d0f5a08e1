//! Domain rows by their names, as far as the writer remembers them; else as the database has them.

use std::collections::BTreeSet;

use super::super::db::{Args, Conn, Row};
use super::super::memory::Memory;
use super::super::sql::sql;
use super::super::{NewMessage, StoreError, Trust, bulk};
use crate::base::{AccountId, DomainId, FailureReports, ancestors};

/// Looks up at once what placing a batch is going to ask for.
pub(super) async fn learn(conn: &mut Conn<'_>, memory: &mut Memory, batch: &[NewMessage]) -> Result<(), StoreError> {
    let mut unknown = BTreeSet::new();
    for message in batch {
        let account = message.belonging.account();
        for about in message.domains() {
            let names = upwards(about).map(|name| (account, Box::<str>::from(name)));
            unknown.extend(names.filter(|key| !memory.domains.contains_key(key)));
        }
    }
    let unknown: Vec<_> = unknown.into_iter().collect();
    let found = conn.bulk_all(&bulk::DOMAIN_IDS_BY_NAMES, &unknown, |args, (account, name)| {
        args.push_int(account.0);
        args.push_text(name);
    });
    let found = found.await?;
    memory.domains.extend(unknown.into_iter().map(|key| (key, None)));
    for row in found {
        let key = (AccountId(row.int("account_id")?), row.text("name")?.into());
        let domain = DomainId(row.int("domain_id")?);
        memory.domains.insert(key, Some(domain));
        learn_settings(memory, domain, &row)?;
    }
    Ok(())
}

/// The name and those above it, nearest first.
pub(super) fn upwards(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once(name).chain(ancestors(name))
}

/// The name of a domain row, if the account has it.
pub(super) async fn named(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    domain: DomainId,
) -> Result<Option<Box<str>>, StoreError> {
    if let Some(name) = memory.names.get(&(account, domain)) {
        return Ok(name.clone());
    }
    let row = conn
        .first(sql!("domain_by_id"), Args::default().int(account.0).int(domain.0))
        .await?;
    if let Some(row) = &row {
        learn_failures(memory, domain, row)?;
    }
    let name: Option<Box<str>> = row.map(|row| row.text("name")).transpose()?.map(Into::into);
    memory.names.insert((account, domain), name.clone());
    Ok(name)
}

/// The account's row of this name.
pub(super) async fn look_up(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    name: &str,
) -> Result<Option<DomainId>, StoreError> {
    let key = (account, Box::from(name));
    if let Some(domain) = memory.domains.get(&key) {
        return Ok(*domain);
    }
    let row = conn
        .first(sql!("domain_by_name"), Args::default().int(account.0).text(name))
        .await?;
    let Some(row) = row else {
        memory.domains.insert(key, None);
        return Ok(None);
    };
    let domain = DomainId(row.int("domain_id")?);
    memory.domains.insert(key, Some(domain));
    learn_settings(memory, domain, &row)?;
    Ok(Some(domain))
}

/// Remembers what the owner of a domain decided; most decided nothing.
fn learn_settings(memory: &mut Memory, domain: DomainId, row: &Row) -> Result<(), StoreError> {
    let trust = Trust::read(domain, row)?;
    if trust != Trust::default() {
        memory.trust.insert(domain, trust);
    }
    learn_failures(memory, domain, row)
}

fn learn_failures(memory: &mut Memory, domain: DomainId, row: &Row) -> Result<(), StoreError> {
    let kept = row.checked("failure_reports", "is not a setting", FailureReports::from_code)?;
    if kept != FailureReports::Off {
        memory.failure_reports.insert(domain, kept);
    }
    Ok(())
}
