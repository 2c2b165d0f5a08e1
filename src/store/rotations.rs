//! From one DKIM key of a domain to the next. Every step is one transaction, and none is made unless the rotation is still
//! where the caller saw it.

use super::db::{Args, Conn, Row, Statement};
use super::sql::sql;
use super::{NewDkimKey, OtherKey, RotationStage, RotationStep, Store, StoreError};
use crate::base::{DomainId, Millis};

/// A domain whose key before is not forgotten yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiringKey {
    pub domain: DomainId,
    /// Of the domain: `d=` of the signatures.
    pub name: String,
    pub selector: String,
    pub switched_at: Millis,
    pub retire_after: Millis,
}

impl Store {
    /// Gives a domain a key that it signs with next. `made` is the number of selectors that it has been given, with this one;
    /// `made_before` the number that the caller read. False if it has been given another meanwhile, changes its key already, or
    /// is gone.
    pub async fn stage_dkim_key(
        &self,
        domain: DomainId,
        (made_before, made): (u32, u32),
        key: &NewDkimKey,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if conn.hold(vec![domain]).await?.is_empty() {
            return Ok(false);
        }
        let args = Args::default().int(domain.0).int(made_before.into()).int(made.into());
        if conn.run(sql!("dkim_key_selectors"), args).await? == 0 {
            return Ok(false);
        }
        let args = Args::default().int(domain.0).text(&key.selector);
        let args = args.blob(&key.public_key).blob(&key.sealed_key).int(now);
        if conn.run(sql!("dkim_rotation_add"), args).await? == 0 {
            return Ok(false);
        }
        conn.run(sql!("domain_check_due"), Args::default().int(domain.0).int(now))
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Forgets the key with this selector, which the domain would sign with next. False if there is none, or it signs.
    pub async fn drop_staged_key(&self, domain: DomainId, selector: &str) -> Result<bool, StoreError> {
        let args = Args::default().int(domain.0).text(selector);
        self.change_held(domain, sql!("dkim_rotation_drop"), args).await
    }

    /// Takes a step with the key of this selector, which the domain signs with next. False if there is none, or it signs.
    pub async fn step_rotation(
        &self,
        domain: DomainId,
        selector: &str,
        step: RotationStep,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if conn.hold(vec![domain]).await?.is_empty() || !take(&mut conn, domain, selector, step).await? {
            return Ok(false);
        }
        if let RotationStep::Switch { switched_at, .. } = step {
            let args = Args::default().int(domain.0).int(switched_at);
            conn.run(sql!("domain_check_due"), args).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// Forgets the key with this selector, which the domain signed with before. False if there is none.
    pub async fn end_rotation(&self, domain: DomainId, selector: &str) -> Result<bool, StoreError> {
        let args = Args::default().int(domain.0).text(selector);
        self.change_held(domain, sql!("dkim_rotation_end"), args).await
    }

    /// Runs a statement about a domain while no other transaction moves its keys. Whether it changed anything.
    pub(super) async fn change_held(
        &self,
        domain: DomainId,
        statement: &'static Statement,
        args: Args,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![domain]).await?;
        let changed = conn.run(statement, args).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Domains behind number `after` whose key before is not forgotten yet, at most `limit`.
    pub async fn retiring_keys(&self, after: i64, limit: u32) -> Result<Vec<RetiringKey>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(after).int(limit.into());
        let rows = Conn(&mut conn).all(sql!("dkim_rotation_retiring"), args).await?;
        let key = |row: &Row| {
            Ok(RetiringKey {
                domain: DomainId(row.int("domain_id")?),
                name: row.text("name")?,
                selector: row.text("selector")?,
                switched_at: row.int("switched_at")?,
                retire_after: row.int("retire_after")?,
            })
        };
        rows.iter().map(key).collect()
    }
}

/// Takes a step with the key of this selector, in a transaction that holds the domain. False if the domain does not sign with it
/// next.
pub(super) async fn take(
    conn: &mut Conn<'_>,
    domain: DomainId,
    selector: &str,
    step: RotationStep,
) -> Result<bool, StoreError> {
    let (published_at, activates_after) = match step {
        RotationStep::Publish {
            published_at,
            activates_after,
        } => (Some(published_at), Some(activates_after)),
        RotationStep::Unpublish => (None, None),
        RotationStep::Switch {
            switched_at,
            retire_after,
        } => return switch(conn, (domain, selector), switched_at, retire_after).await,
    };
    let args = Args::default().int(domain.0).text(selector);
    let args = args.opt_int(published_at).opt_int(activates_after);
    Ok(conn.run(sql!("dkim_rotation_publish"), args).await? > 0)
}

/// The two keys change places. Of the one that signed only the public half is kept.
async fn switch(
    conn: &mut Conn<'_>,
    (domain, selector): (DomainId, &str),
    switched_at: Millis,
    retire_after: Millis,
) -> Result<bool, StoreError> {
    let args = Args::default().int(domain.0).text(selector);
    let Some(keys) = conn.first(sql!("dkim_rotation_keys"), args).await? else {
        return Ok(false);
    };
    let damaged = || StoreError::damaged("dkim_rotations", domain, "the next key has no private half");
    let sealed = keys.opt_blob("sealed_key")?.ok_or_else(damaged)?;
    let args = Args::default().int(domain.0).text(selector);
    let args = args
        .blob(keys.blob("public_key")?)
        .blob(sealed)
        .int(keys.int("started_at")?);
    conn.run(sql!("dkim_key_put"), args).await?;
    let args = Args::default().int(domain.0).text(selector);
    let args = args
        .text(&keys.text("old_selector")?)
        .blob(keys.blob("old_public_key")?);
    let args = args.int(switched_at).int(retire_after);
    Ok(conn.run(sql!("dkim_rotation_switch"), args).await? > 0)
}

/// The rotation of a row that has one.
pub(super) fn rotation(row: &Row, domain: DomainId) -> Result<Option<OtherKey>, StoreError> {
    let Some(selector) = row.opt_text("rotation_selector")? else {
        return Ok(None);
    };
    let pair = |first, second| Ok::<_, StoreError>(row.opt_int(first)?.zip(row.opt_int(second)?));
    let stage = match (
        pair("switched_at", "retire_after")?,
        pair("published_at", "activates_after")?,
    ) {
        (Some((switched_at, retire_after)), _) => RotationStage::Retiring {
            switched_at,
            retire_after,
        },
        (None, Some((published_at, activates_after))) => RotationStage::Ready {
            published_at,
            activates_after,
        },
        (None, None) => RotationStage::PendingDns,
    };
    let sealed_with = row.opt_blob("rotation_sealed_with")?.map(<[u8]>::to_vec);
    if sealed_with.is_none() != matches!(stage, RotationStage::Retiring { .. }) {
        return Err(StoreError::damaged(
            "dkim_rotations",
            domain,
            "has a private half that it must not have, or none",
        ));
    }
    Ok(Some(OtherKey {
        selector,
        public_key: row.blob("rotation_public_key")?.to_vec(),
        sealed_with,
        started_at: row.int("started_at")?,
        stage,
    }))
}
