//! Changes that the owner of a domain says they made, such as a setting at a service: a receipt follows each
//! (`insight/receipts.rs`).

use super::acceptance::Actor;
use super::db::{Args, Conn, Row};
use super::decisions::is_owned;
use super::memory::number;
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::text::folded;
use crate::base::{AccountId, ChangeId, DomainId, Millis, words};

/// Posted changes of a domain.
const CHANGES_MAX: usize = 100;

words! {
    /// What was changed.
    ChangeKind: i64 {
        /// A signature, or its key.
        Dkim = 1 "dkim",
        /// An SPF record, or a MAIL FROM domain.
        Spf = 2 "spf",
        /// The policy.
        Dmarc = 3 "dmarc",
        /// Anything else.
        Other = 4 "other",
    }
}

/// What the owner of a domain says they changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub kind: ChangeKind,
    /// When.
    pub at: Millis,
    /// The only service that it is about; `None`: the whole domain.
    pub service: Option<String>,
}

/// A posted change, with who posted it and the note that they left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerChange {
    pub id: ChangeId,
    pub posted: Posted,
    pub actor: Actor,
}

/// What came of posting a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// It is stored; the same change posted before is the one that is stored.
    Done(OwnerChange),
    /// The account has no such domain.
    Missing,
    /// The domain has the most changes that it may have.
    Full,
}

impl Posted {
    /// Whether two are the same change. Services are named in any case.
    fn is_same(&self, other: &Self) -> bool {
        let service = |one: &Self| one.service.as_deref().map(folded);
        (self.kind, self.at, service(self)) == (other.kind, other.at, service(other))
    }
}

impl Store {
    /// The changes that the owner of a domain posted, in order of posting; at most 100.
    pub async fn owner_changes(&self, domain: DomainId) -> Result<Vec<OwnerChange>, StoreError> {
        let mut conn = self.read().await?;
        list(&mut Conn(&mut conn), domain).await
    }

    /// Stores a change. A repeat stores nothing.
    pub async fn post_change(
        &self,
        (account, domain): (AccountId, DomainId),
        posted: Posted,
        actor: Actor,
    ) -> Result<Noted, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if !is_owned(&mut conn, account, domain).await? {
            return Ok(Noted::Missing);
        }
        let known = list(&mut conn, domain).await?;
        let count = known.len();
        if let Some(same) = known.into_iter().find(|change| change.posted.is_same(&posted)) {
            return Ok(Noted::Done(same));
        }
        if count >= CHANGES_MAX {
            return Ok(Noted::Full);
        }
        let actor = actor.kept();
        let id = number(&mut conn, "owner_change").await?;
        let args = Args::default().int(domain.0).int(id).int(posted.kind.code());
        let args = args.int(posted.at).opt_text(posted.service.as_deref());
        let args = args.opt_text(actor.why.as_deref()).text(&actor.by).int(actor.at);
        conn.run(sql!("owner_change_add"), args).await?;
        write.commit().await?;
        Ok(Noted::Done(OwnerChange {
            id: ChangeId(id),
            posted,
            actor,
        }))
    }

    /// Takes a posted change back. False if the account's domain has no such change.
    pub async fn remove_change(&self, place: (AccountId, DomainId), id: ChangeId) -> Result<bool, StoreError> {
        self.take_back(place, (sql!("owner_change_remove"), id.0)).await
    }
}

async fn list(conn: &mut Conn<'_>, domain: DomainId) -> Result<Vec<OwnerChange>, StoreError> {
    let rows = conn
        .all(sql!("owner_change_list"), Args::default().int(domain.0))
        .await?;
    rows.iter().map(|row| read(domain, row)).collect()
}

fn read(domain: DomainId, row: &Row) -> Result<OwnerChange, StoreError> {
    let id = row.int("change_id")?;
    let damaged = || StoreError::damaged("owner_changes", format_args!("{domain}/{id}"), "is of an unknown kind");
    Ok(OwnerChange {
        id: ChangeId(id),
        posted: Posted {
            kind: ChangeKind::from_code(row.int("kind")?).ok_or_else(damaged)?,
            at: row.int("changed_at")?,
            service: row.opt_text("service")?,
        },
        actor: Actor {
            by: row.text("posted_by")?,
            why: row.opt_text("note")?,
            at: row.int("posted_at")?,
        },
    })
}
