//! Reports of an earlier version are put where they belong, once.

use super::{closest_above, gather};
use crate::base::{AccountId, DomainId};
use crate::store::carried::Place;
use crate::store::db::{Args, Conn, Value};
use crate::store::sql::sql;
use crate::store::{Store, StoreError, belonging, reports};

/// Reports of an earlier version that are looked at in one transaction.
const NOTED_AT_ONCE: i64 = 10_000;

impl Store {
    /// Puts the reports of an earlier version where they belong, once. May be interrupted, and done by several nodes at
    /// once.
    pub(in crate::store) async fn fill_belonging(&self) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().text("belonging_missing");
        let missing = Conn(&mut conn).first(sql!("counter_read"), args).await?;
        if missing.map_or(Ok(0), |row| row.int(0))? == 0 {
            return Ok(());
        }
        let rows = Conn(&mut conn).all(sql!("domain_all"), Args::default()).await?;
        drop(conn);
        let mut domains = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, name) = (DomainId(row.int(0)?), Box::<str>::from(row.text(2)?));
            domains.push((AccountId(row.int(1)?), Place { id, name }));
        }
        if !domains.is_empty() {
            tracing::info!("reports are put to the closest domain that they are about, once");
        }
        for (_, place) in &domains {
            self.note_policies(place).await?;
        }
        // A domain gets from the one above it before it gives to those below.
        domains.sort_by_key(|(_, place)| place.name.split('.').count());
        for (account, place) in &domains {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            let Some(above) = closest_above(&mut conn, *account, &place.name).await? else {
                write.commit().await?;
                continue;
            };
            let held = conn.hold(vec![place.id, above.id]).await?;
            if held.len() == 2 {
                gather(&mut conn, memory, *account, place, &held).await?;
            }
            write.commit().await?;
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.run(sql!("belonging_done"), Args::default()).await?;
        write.commit().await
    }

    async fn note_policies(&self, place: &Place) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let mut conn = self.read().await?;
            let args = Args::default().int(place.id.0).int(after).int(NOTED_AT_ONCE);
            let rows = Conn(&mut conn).all(sql!("reports_policies"), args).await?;
            drop(conn);
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.int(0)?;
            let mut noted = Vec::new();
            for row in &rows {
                let policy_domain = reports::policy_domain(&row.text(1)?);
                // A damaged report does not stop the others.
                let key = policy_domain.and_then(|name| belonging::policy_key(&name, &place.name));
                noted.extend(key.map(|key| (row.int(0), key)));
            }
            if noted.is_empty() {
                continue;
            }
            let mut write = self.write().await?;
            let (mut conn, _) = write.parts();
            conn.hold(vec![place.id]).await?;
            for (no, key) in noted {
                let args = Args::default().int(place.id.0).int(no?).value(Value::Blob(Some(key)));
                conn.run(sql!("report_set_policy"), args).await?;
            }
            write.commit().await?;
        }
    }
}
