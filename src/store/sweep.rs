//! Evidence that no record refers to any more is dropped.
//!
//! Records are packed, so that the database cannot tell who refers to what: all records of a domain are gone through, beside
//! the writers. What is found in none of them is condemned, and every writer forgets what it remembered; a report that
//! needs it from then on takes the sentence back ([`Interned`]). After a second look, for what came during the first, what
//! is still condemned goes. So no report ever loses its evidence, whenever it comes and wherever this stops.

use hashbrown::HashSet;

use super::db::{Args, Bulk, Conn, Row};
use super::sql::sql;
use super::{Store, StoreError, bulk, records};
use crate::base::DomainId;
use crate::report::aggregate::EvidenceKey;

/// Numbers of evidence that are in memory: a domain with more is gone through once for each of these.
const LOOKED_FOR_MAX: i64 = 200_000;
/// Evidence that is condemned or dropped in one transaction.
const AT_ONCE: usize = 1_000;
/// Reports whose records are read in one statement.
const REPORTS_AT_ONCE: i64 = 1_000;

/// `domains.evidence_due`.
const DUE: i64 = 1;
const LOOKED_AT: i64 = 2;

/// A row of the statement `evidence_by_key`.
pub(super) struct Interned {
    pub domain: DomainId,
    pub key: EvidenceKey,
    pub number: i64,
    is_condemned: bool,
}

impl Interned {
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let number = row.int("evidence_id")?;
        let key = EvidenceKey::from_slice(row.blob("evidence_key")?)
            .ok_or_else(|| StoreError::damaged("evidence", number, "key is not 16 bytes"))?;
        Ok(Self {
            domain: DomainId(row.int("domain_id")?),
            key,
            number,
            is_condemned: row.flag("condemned")?,
        })
    }
}

/// Marks this evidence as needed by reports.
pub(super) async fn revive(conn: &mut Conn<'_>, found: &[Interned]) -> Result<(), StoreError> {
    let condemned: Vec<_> = found.iter().filter(|one| one.is_condemned).collect();
    conn.bulk(&bulk::EVIDENCE_REVIVE, &condemned, |args, one| {
        args.push_int(one.domain.0);
        args.push_int(one.number);
    })
    .await
}

/// Notes that a domain, whose row is held, may have evidence without records.
pub(super) async fn is_due(conn: &mut Conn<'_>, domain: DomainId) -> Result<(), StoreError> {
    let args = Args::default().int(domain.0).int(DUE);
    conn.run(sql!("domain_sweep"), args).await.map(drop)
}

impl Store {
    /// Deletes the evidence without records of all domains that may have some. Returns the number of deleted rows.
    pub(super) async fn sweep_evidence(&self) -> Result<u64, StoreError> {
        let mut conn = self.read().await?;
        let due = Conn(&mut conn).all(sql!("domains_to_sweep"), Args::default()).await?;
        drop(conn);
        let mut dropped = 0;
        for row in &due {
            let domain = DomainId(row.int("domain_id")?);
            match self.sweep_domain(domain).await {
                Ok(of_domain) => dropped += of_domain,
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(%error, %domain, "the evidence that a domain needs is unknown: all of it is kept");
                }
                Err(error) => return Err(error),
            }
        }
        if dropped > 0 {
            tracing::info!(dropped, "deleted evidence that no record refers to");
        }
        Ok(dropped)
    }

    async fn sweep_domain(&self, domain: DomainId) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if conn.hold(vec![domain]).await?.is_empty() {
            return Ok(0);
        }
        let args = Args::default().int(domain.0).int(LOOKED_AT);
        conn.run(sql!("domain_sweep"), args).await?;
        write.commit().await?;
        let (mut dropped, mut after) = (0, i64::MIN);
        loop {
            let mut conn = self.read().await?;
            let args = Args::default().int(domain.0).int(after).int(LOOKED_FOR_MAX);
            let rows = Conn(&mut conn).all(sql!("evidence_numbers"), args).await?;
            drop(conn);
            let Some(last) = rows.last() else { break };
            after = last.int("evidence_id")?;
            let mut unused: HashSet<i64> = rows
                .iter()
                .map(|row| row.int("evidence_id"))
                .collect::<Result<_, _>>()?;
            self.without_used(domain, &mut unused).await?;
            if unused.is_empty() {
                continue;
            }
            let condemned = sorted(&unused);
            for piece in condemned.chunks(AT_ONCE) {
                self.change_evidence(domain, piece, &bulk::EVIDENCE_CONDEMN).await?;
            }
            self.without_used(domain, &mut unused).await?;
            for piece in sorted(&unused).chunks(AT_ONCE) {
                dropped += self.change_evidence(domain, piece, &bulk::EVIDENCE_REMOVE).await?;
            }
            let needed: Vec<_> = condemned
                .into_iter()
                .filter(|number| !unused.contains(number))
                .collect();
            for piece in needed.chunks(AT_ONCE) {
                self.change_evidence(domain, piece, &bulk::EVIDENCE_REVIVE).await?;
            }
        }
        let mut write = self.write().await?;
        write
            .parts()
            .0
            .run(sql!("domain_swept"), Args::default().int(domain.0))
            .await?;
        write.commit().await?;
        Ok(dropped)
    }

    /// Takes out of `numbers` what the records of a domain refer to.
    async fn without_used(&self, domain: DomainId, numbers: &mut HashSet<i64>) -> Result<(), StoreError> {
        let mut after = i64::MIN;
        while !numbers.is_empty() {
            let mut conn = self.read().await?;
            let mut conn = Conn(&mut conn);
            let args = Args::default().int(domain.0).int(after).int(REPORTS_AT_ONCE);
            let reports = conn.all(sql!("reports_numbers"), args).await?;
            let Some(last) = reports.last() else { break };
            let last = last.int("report_no")?;
            let args = Args::default().int(domain.0).int(after).int(last);
            let walked = conn.walk(sql!("records_of_range"), args, |row: Row| {
                let is_read = records::decode(row.blob("content")?, |record| _ = numbers.remove(&record.evidence));
                match is_read {
                    true => Ok(!numbers.is_empty()),
                    // What it refers to is not known: all of it stays.
                    false => Err(StoreError::damaged("records", last, "cannot be read")),
                }
            });
            walked.await?;
            after = last;
        }
        Ok(())
    }

    /// Runs one of the statements about evidence for some of it. Returns how much of it there is.
    async fn change_evidence(&self, domain: DomainId, numbers: &[i64], bulk: &'static Bulk) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        conn.hold(vec![domain]).await?;
        conn.bulk(bulk, numbers, |args, number| {
            args.push_int(domain.0);
            args.push_int(*number);
        })
        .await?;
        // The last lock: who waits for it has no other that this one needs.
        conn.run(sql!("domains_changed"), Args::default()).await?;
        write.commit().await?;
        Ok(numbers.len() as u64)
    }
}

fn sorted(numbers: &HashSet<i64>) -> Vec<i64> {
    let mut sorted: Vec<_> = numbers.iter().copied().collect();
    sorted.sort_unstable();
    sorted
}
