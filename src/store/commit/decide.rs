//! Is a report new, a duplicate or in conflict, and which of a conflict counts?
//!
//! Same contents: a duplicate, counted once. Same identity, other contents: a conflict; both are kept, one is counted:
//! the first that was authenticated, else the first.

use hashbrown::HashMap;

use crate::report::{ContentKey, IdentityKey};

use super::super::db::{Args, Conn};
use super::super::memory::Memory;
use super::super::rollup::Change;
use super::super::sql::sql;
use super::super::{Authenticated, DomainId, Fate, NewMessage, Provenance, ReportNo, StoreError, reports};
use super::rollups::Moves;
use super::{Claim, is_new, report_of};

/// What was decided about one report of the batch.
#[derive(Debug)]
pub(super) struct Decision {
    pub claim: Claim,
    pub no: ReportNo,
    pub fate: Fate,
    /// For a new report.
    pub counted: bool,
    pub arrivals: i64,
    pub authenticated: Authenticated,
    /// Position in the batch of the message that vouches for it, else of the one that brought it.
    pub carrier: usize,
}

/// What was decided about all.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub all: Vec<Decision>,
    /// Reports that are in the database already and must be counted no more, or now.
    changes: Vec<(DomainId, ReportNo, Change)>,
    arrivals: Vec<Arrival>,
    /// Positions in `all` of duplicates of reports whose records retention has dropped (`restore.rs`).
    pub restorable: Vec<usize>,
}

/// A report that is in the database already came again.
#[derive(Debug)]
struct Arrival {
    domain: DomainId,
    no: ReportNo,
    count: i64,
    authenticated: Authenticated,
    /// The message that vouches for it, if none did before.
    carrier: Option<usize>,
}

/// A report that is known by its keys.
#[derive(Debug, Clone, Copy)]
struct Known {
    no: ReportNo,
    counted: bool,
    authenticated: Authenticated,
    identity: IdentityKey,
    /// Its figures can still be recounted, so that it can win or lose.
    records_kept: bool,
    /// Position in [`Decisions::all`] if it came in this batch.
    here: Option<usize>,
}

/// Everything known that the batch's reports may meet.
#[derive(Default)]
struct Register {
    by_content: HashMap<(DomainId, ContentKey), Known>,
    /// The members of each identity that have been met, by ascending number.
    by_identity: HashMap<(DomainId, IdentityKey), Vec<Known>>,
}

/// Decides about every claim, in order.
pub(super) async fn decide(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &[NewMessage],
    claims: &[Claim],
) -> Result<Decisions, StoreError> {
    let mut register = register(conn, batch, claims).await?;
    let mut decisions = Decisions::default();
    let fresh = claims.iter().filter(|claim| {
        !register
            .by_content
            .contains_key(&(claim.domain, report_of(batch, claim).content))
    });
    let fresh = fresh.count();
    let mut no = memory.reports.take(conn, "report", fresh).await?;
    for claim in claims {
        let new = report_of(batch, claim);
        let replay = batch[claim.message].replay.is_some();
        if let Some(&known) = register.by_content.get(&(claim.domain, new.content)) {
            decisions.duplicate(&mut register, *claim, known, new.authenticated, new.content, replay);
        } else {
            decisions.new_report(
                &mut register,
                *claim,
                ReportNo(no),
                new.identity,
                new.content,
                new.authenticated,
            );
            no += 1;
        }
    }
    Ok(decisions)
}

async fn register(conn: &mut Conn<'_>, batch: &[NewMessage], claims: &[Claim]) -> Result<Register, StoreError> {
    let mut register = Register::default();
    let rows = conn
        .bulk_all(sql!("report_by_content"), claims, |args, claim| {
            args.push_int(claim.domain.0);
            args.push_blob(&report_of(batch, claim).content.0);
        })
        .await?;
    for row in rows {
        let no = ReportNo(row.int(2)?);
        let damaged = |what| StoreError::damaged("reports", no, what);
        let content = ContentKey::from_slice(row.blob(1)?).ok_or_else(|| damaged("content key is not 16 bytes"))?;
        let identity = IdentityKey::from_slice(row.blob(5)?).ok_or_else(|| damaged("identity key is not 16 bytes"))?;
        let authenticated = row.checked(4, "is no verdict", Authenticated::from_code)?;
        let known = Known {
            no,
            counted: row.flag(3)?,
            authenticated,
            identity,
            records_kept: row.flag(6)?,
            here: None,
        };
        register.by_content.insert((DomainId(row.int(0)?), content), known);
    }
    // Whole groups are needed for every identity that may change: of the new ones and of better authenticated duplicates.
    let mut identities = Vec::with_capacity(claims.len());
    for claim in claims {
        let new = report_of(batch, claim);
        let known = register.by_content.get(&(claim.domain, new.content));
        identities.push((claim.domain, known.map_or(new.identity, |known| known.identity)));
    }
    identities.sort_unstable();
    identities.dedup();
    let rows = conn
        .bulk_all(sql!("report_by_identity"), &identities, |args, (domain, identity)| {
            args.push_int(domain.0);
            args.push_blob(&identity.0);
        })
        .await?;
    for row in rows {
        let no = ReportNo(row.int(2)?);
        let identity = IdentityKey::from_slice(row.blob(1)?)
            .ok_or_else(|| StoreError::damaged("reports", no, "identity key is not 16 bytes"))?;
        let authenticated = row.checked(4, "is no verdict", Authenticated::from_code)?;
        let known = Known {
            no,
            counted: row.flag(3)?,
            authenticated,
            identity,
            records_kept: row.flag(5)?,
            here: None,
        };
        register
            .by_identity
            .entry((DomainId(row.int(0)?), identity))
            .or_default()
            .push(known);
    }
    register
        .by_identity
        .values_mut()
        .for_each(|group| group.sort_unstable_by_key(|known| known.no));
    Ok(register)
}

impl Decisions {
    fn duplicate(
        &mut self,
        register: &mut Register,
        claim: Claim,
        known: Known,
        authenticated: Authenticated,
        content: ContentKey,
        replay: bool,
    ) {
        let better = if authenticated == Authenticated::Pass {
            authenticated
        } else {
            known.authenticated
        };
        let is_better = better != known.authenticated;
        match known.here {
            Some(here) => {
                self.all[here].arrivals += i64::from(!replay);
                self.all[here].authenticated = better;
                if is_better {
                    self.all[here].carrier = claim.message;
                }
            }
            // Fed in again it is no arrival, but what vouches for it may be news.
            None if !replay || is_better => self.arrivals.push(Arrival {
                domain: claim.domain,
                no: known.no,
                count: i64::from(!replay),
                authenticated: better,
                carrier: is_better.then_some(claim.message),
            }),
            None => {}
        }
        if known.here.is_none() && !known.records_kept {
            self.restorable.push(self.all.len());
        }
        let fate = Fate::Duplicate;
        self.all.push(Decision {
            claim,
            no: known.no,
            fate,
            counted: false,
            arrivals: 0,
            authenticated,
            carrier: claim.message,
        });
        if !is_better {
            return;
        }
        register.by_content.insert(
            (claim.domain, content),
            Known {
                authenticated: better,
                ..known
            },
        );
        let group = register.by_identity.entry((claim.domain, known.identity)).or_default();
        for member in group.iter_mut().filter(|member| member.no == known.no) {
            member.authenticated = better;
        }
        self.settle(claim.domain, group);
    }

    fn new_report(
        &mut self,
        register: &mut Register,
        claim: Claim,
        no: ReportNo,
        identity: IdentityKey,
        content: ContentKey,
        authenticated: Authenticated,
    ) {
        let here = Some(self.all.len());
        let known = Known {
            no,
            counted: false,
            authenticated,
            identity,
            records_kept: true,
            here,
        };
        let group = register.by_identity.entry((claim.domain, identity)).or_default();
        let fate = if group.is_empty() { Fate::Stored } else { Fate::Conflict };
        group.push(known);
        self.all.push(Decision {
            claim,
            no,
            fate,
            counted: false,
            arrivals: 1,
            authenticated,
            carrier: claim.message,
        });
        register.by_content.insert((claim.domain, content), known);
        self.settle(claim.domain, group);
    }

    /// Makes the right member of an identity the counted one.
    fn settle(&mut self, domain: DomainId, group: &mut [Known]) {
        // Sums whose records have gone can neither be taken back nor counted anew.
        let fixed = group.iter().position(|known| known.counted && !known.records_kept);
        // Who counts already came first: numbers tell the order of arrival on one node only.
        let first = |wanted: &dyn Fn(&Known) -> bool| {
            let wanted = |known: &Known| known.records_kept && wanted(known);
            let counted = group.iter().position(|known| known.counted && wanted(known));
            counted.or_else(|| group.iter().position(wanted))
        };
        let passed = |known: &Known| known.authenticated == Authenticated::Pass;
        let winner = fixed.or_else(|| first(&passed)).or_else(|| first(&|_| true));
        for (nth, known) in group.iter_mut().enumerate() {
            let counted = Some(nth) == winner;
            if known.counted == counted {
                continue;
            }
            known.counted = counted;
            match known.here {
                Some(here) => self.all[here].counted = counted,
                None => {
                    let change = if counted { Change::Add } else { Change::Subtract };
                    self.changes.push((domain, known.no, change));
                }
            }
        }
    }

    /// The new reports, counted or not.
    pub fn new_reports(&self) -> impl Iterator<Item = &Decision> {
        self.all.iter().filter(|decision| is_new(decision.fate))
    }

    /// Writes what changes about reports that are in the database already.
    pub async fn apply_changes(
        &mut self,
        conn: &mut Conn<'_>,
        batch: &[NewMessage],
        moves: &mut Moves,
    ) -> Result<(), StoreError> {
        for arrival in self.arrivals.drain(..) {
            let provenance = arrival.carrier.and_then(|carrier| batch[carrier].provenance.as_ref());
            let args = Args::default()
                .int(arrival.domain.0)
                .int(arrival.no.0)
                .int(arrival.authenticated.code())
                .opt_text(provenance.map(Provenance::to_json).as_deref())
                .int(arrival.count);
            conn.run(sql!("report_arrived"), args).await?;
        }
        for (domain, no, change) in self.changes.drain(..) {
            let args = Args::default()
                .int(domain.0)
                .int(no.0)
                .int(i64::from(change == Change::Add));
            conn.run(sql!("report_set_counted"), args).await?;
            let recount = reports::recount(conn, domain, no).await?;
            let org_name = recount.org_name.as_deref();
            moves.report(domain, recount.window, org_name, &recount.days, change);
        }
        Ok(())
    }
}
