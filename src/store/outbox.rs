//! The outbox: an event is written into it in the transaction of its cause, once for each target that wants it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::db::{Args, Conn};
use super::events::{Event, EventKind, Listener, Listeners, Wanted};
use super::memory::Memory;
use super::sql::sql;
use super::{StoreError, bulk};
use crate::base::{AccountId, DomainId, Millis, TargetId};

/// The targets of an account that are on. The writer remembers them until a target changes.
pub(super) async fn listeners(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
) -> Result<Listeners, StoreError> {
    if let Some(known) = memory.listeners.get(&account) {
        return Ok(Arc::clone(known));
    }
    let rows = conn
        .all(sql!("targets_wanting"), Args::default().int(account.0))
        .await?;
    let found = rows.iter().map(|row| {
        Ok(Listener {
            target: row.int("target_id")?,
            domain: row.opt_int("domain_id")?.map(DomainId),
            wanted: Wanted::read(&row.text("events")?),
        })
    });
    let found: Listeners = found.collect::<Result<Vec<_>, StoreError>>()?.into();
    memory.listeners.insert(account, Arc::clone(&found));
    Ok(found)
}

/// Whether a target wants events of this kind.
pub(super) async fn is_wanted(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    kind: EventKind,
) -> Result<bool, StoreError> {
    let listeners = listeners(conn, memory, account).await?;
    Ok(listeners.iter().any(|listener| listener.wanted.has(kind)))
}

/// Writes events into the outbox, for each target that wants them. They are due at once, and are kept from now on, whenever
/// they happened.
pub(super) async fn tell(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    events: &[Event],
    now: Millis,
) -> Result<(), StoreError> {
    let mut wanted = Vec::new();
    for event in events {
        let payload = event.payload();
        let listeners = listeners(conn, memory, event.account).await?;
        let of_event = listeners.iter().filter(|listener| listener.wants(event));
        wanted.extend(of_event.map(|listener| (listener.target, event, payload.clone())));
    }
    // Another node may have switched one off since it was remembered.
    let targets: BTreeSet<_> = wanted.iter().map(|(target, ..)| *target).collect();
    let are_on = match targets.is_empty() {
        true => Vec::new(),
        false => conn.share_targets(targets.into_iter().collect()).await?,
    };
    wanted.retain(|(target, ..)| are_on.contains(target));
    if wanted.is_empty() {
        return Ok(());
    }
    let row = |(target, event, payload): &(i64, &Event, String)| {
        let (id, kind, payload) = (event.id.clone(), event.kind.word(), payload.clone());
        Row {
            target: *target,
            id,
            kind,
            payload,
        }
    };
    write(conn, memory, wanted.iter().map(row).collect(), now).await
}

/// Writes what only one target is told: its id, its kind and its body.
pub(super) async fn write_one(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    target: TargetId,
    (id, kind, payload): (&str, &'static str, &str),
    now: Millis,
) -> Result<(), StoreError> {
    let row = Row {
        target: target.0,
        id: id.to_owned(),
        kind,
        payload: payload.to_owned(),
    };
    write(conn, memory, vec![row], now).await
}

/// An event for a target.
struct Row {
    target: i64,
    id: String,
    kind: &'static str,
    payload: String,
}

async fn write(conn: &mut Conn<'_>, memory: &mut Memory, rows: Vec<Row>, now: Millis) -> Result<(), StoreError> {
    let first = memory.deliveries.take(conn, "delivery", rows.len()).await?;
    let rows: Vec<_> = (first..).zip(rows).collect();
    conn.bulk(&bulk::DELIVERY_ADD, &rows, |args, (number, row)| {
        args.push_int(*number);
        args.push_int(row.target);
        args.push_text(&row.id);
        args.push_text(row.kind);
        args.push_text(&row.payload);
        args.push_int(0);
        args.push_opt_int(Some(now));
        args.push_int(now);
    })
    .await
}

/// How a domain is named in events.
pub(super) async fn domain_data(
    conn: &mut Conn<'_>,
    account: AccountId,
    domain: DomainId,
) -> Result<Option<(String, String)>, StoreError> {
    let args = Args::default().int(account.0).int(domain.0);
    let row = conn.first(sql!("domain_by_id"), args).await?;
    row.map(|row| Ok((row.text("public_id")?, row.text("name")?)))
        .transpose()
}
