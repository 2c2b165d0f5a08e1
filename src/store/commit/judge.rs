//! An owner decides whether reports count: the sums move in the transaction that notes the decision.

use crate::base::{AccountId, DomainId, ReportNo, ancestors};
use crate::report::aggregate::{IdentityKey, Reporter};

use super::super::db::{Args, Conn, Row};
use super::super::moves::Moves;
use super::super::sql::sql;
use super::super::{
    Acceptance, Actor, HistoryEntry, Judged, Judgement, Provenance, ReportSummary, Store, StoreError, acceptance, bulk,
    reports,
};
use super::decide::Decisions;
use super::register::Register;
use super::{PLACED_MAX, crowd, moving_on};

/// Held reports that are looked through at a time, and those that are released in one transaction.
const LOOKED_AT_ONCE: i64 = 500;
const RELEASED_AT_ONCE: usize = 64;

/// What is held for the mail that carried it.
const OF_MAIL: [Acceptance; 2] = [Acceptance::Unvouched, Acceptance::Undecided];

/// What is done with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Count,
    Discount,
    /// Its reporter has been accepted.
    Release,
    /// Its mail was checked again.
    Checked(Acceptance),
}

/// A decision, and who made it.
#[derive(Clone, Copy)]
pub(super) struct Decided<'a> {
    pub step: Step,
    pub actor: &'a Actor,
    /// How the mail came that carried the report, where that is news.
    pub mail: Option<&'a Provenance>,
    /// Addresses that a day may have, where a report beyond is not to count.
    pub day_addresses_max: Option<usize>,
}

impl<'a> Decided<'a> {
    fn new(step: Step, actor: &'a Actor) -> Self {
        Self {
            step,
            actor,
            mail: None,
            day_addresses_max: None,
        }
    }
}

impl Step {
    /// What a report becomes; `None`: it stays as it is.
    fn acceptance(self, report: &ReportSummary) -> Option<Acceptance> {
        match self {
            Self::Count => (!report.counted).then_some(Acceptance::Accepted),
            Self::Discount => (report.acceptance != Acceptance::Discounted).then_some(Acceptance::Discounted),
            Self::Release => {
                let is_due = OF_MAIL.contains(&report.acceptance) && report.records_kept;
                is_due.then_some(Acceptance::Open)
            }
            Self::Checked(found) => {
                let is_due = report.acceptance == Acceptance::Undecided && report.records_kept;
                is_due.then_some(found)
            }
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Count => "counted",
            Self::Discount => "discounted",
            Self::Release | Self::Checked(Acceptance::Open) => "released",
            Self::Checked(_) => "checked",
        }
    }
}

impl Store {
    /// Lets a report of a domain count, or takes it out of the figures.
    pub async fn judge(
        &self,
        (account, domain): (AccountId, DomainId),
        no: ReportNo,
        judgement: Judgement,
        actor: &Actor,
    ) -> Result<Judged, StoreError> {
        let step = match judgement {
            Judgement::Count => Step::Count,
            Judgement::Discount => Step::Discount,
        };
        let judged = self
            .judge_all((account, domain), &[no], Decided::new(step, actor))
            .await?;
        Ok(judged.first().copied().unwrap_or(Judged::Missing))
    }

    /// Lets reports of a reporter count that are held for the mail that carried them, up to about `reports_max`. Returns how
    /// many do now; whether there may be more.
    pub async fn release_reporter(
        &self,
        (account, domain): (AccountId, DomainId),
        reporter: &str,
        actor: &Actor,
        reports_max: u64,
    ) -> Result<(u64, bool), StoreError> {
        let (mut released, mut after, mut held) = (0, START, OF_MAIL.into_iter());
        let mut of = held.next();
        while let Some(acceptance) = of {
            let mut conn = self.read().await?;
            let rows = reports_held(&mut Conn(&mut conn), domain, acceptance, after).await?;
            drop(conn);
            let Some(last) = rows.last() else {
                (of, after) = (held.next(), START);
                continue;
            };
            after = (last.int("begin_at")?, last.int("report_no")?);
            let mut nos = Vec::new();
            for row in &rows {
                let (org_name, email) = (row.opt_text("org_name")?, row.opt_text("email")?);
                if Reporter::named(email.as_deref(), org_name.as_deref()).as_str() == reporter {
                    nos.push(ReportNo(row.int("report_no")?));
                }
            }
            for nos in nos.chunks(RELEASED_AT_ONCE) {
                if released >= reports_max {
                    return Ok((released, true));
                }
                let decided = Decided::new(Step::Release, actor);
                let judged = self.judge_all((account, domain), nos, decided).await?;
                released += judged.iter().filter(|one| **one == Judged::Done).count() as u64;
            }
        }
        Ok((released, false))
    }

    /// One transaction; what came of each, in order. Nothing is done if one is [`Judged::RecordsGone`], or would bring too many
    /// addresses to a day: then the answer is empty.
    pub(super) async fn judge_all(
        &self,
        (account, domain): (AccountId, DomainId),
        nos: &[ReportNo],
        decided: Decided<'_>,
    ) -> Result<Vec<Judged>, StoreError> {
        for _ in 0..PLACED_MAX {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            let family = family(&mut conn, account, domain, nos).await?;
            let held = conn.hold(family).await?;
            // What is held stays as it is found from here on.
            let family = self::family(&mut conn, account, domain, nos).await?;
            if family.is_empty() || !held.contains(&domain) {
                return Ok(vec![Judged::Missing; nos.len()]);
            }
            if !family.iter().all(|domain| held.contains(domain)) {
                continue;
            }
            let (mut judged, mut moves) = (Vec::with_capacity(nos.len()), Moves::default());
            for &no in nos {
                let place = Place {
                    account,
                    family: &family,
                    domain,
                    no,
                };
                judged.push(place.judge(&mut conn, decided, &mut moves).await?);
            }
            if judged.contains(&Judged::RecordsGone) {
                return Ok(judged);
            }
            let large = moves.apply(&mut conn, memory).await?;
            if let Some(max) = decided.day_addresses_max {
                crowd::learn(memory, &large, max);
                if large.iter().any(|(.., addresses)| *addresses > max) {
                    return Ok(Vec::new());
                }
            }
            write.commit().await?;
            return Ok(judged);
        }
        Err(moving_on())
    }
}

/// Before all windows.
pub(super) const START: (i64, i64) = (i64::MIN, i64::MIN);

/// Some reports of a domain that are held for one reason, in the order of their windows, from a place on.
pub(super) async fn reports_held(
    conn: &mut Conn<'_>,
    domain: DomainId,
    acceptance: Acceptance,
    after: (i64, i64),
) -> Result<Vec<Row>, StoreError> {
    let args = Args::default().int(domain.0).int(acceptance.code());
    let args = args.int(after.0).int(after.1).int(LOOKED_AT_ONCE);
    conn.all(sql!("reports_held"), args).await
}

/// The domains that may have texts of the identities of these reports: their own first, those above it, and those that have
/// other slices of them. Empty if the account does not have the domain.
async fn family(
    conn: &mut Conn<'_>,
    account: AccountId,
    domain: DomainId,
    nos: &[ReportNo],
) -> Result<Vec<DomainId>, StoreError> {
    let args = Args::default().int(account.0).int(domain.0);
    let Some(row) = conn.first(sql!("domain_by_id"), args).await? else {
        return Ok(Vec::new());
    };
    let mut family = vec![domain];
    for above in ancestors(&row.text("name")?) {
        let args = Args::default().int(account.0).text(above);
        if let Some(row) = conn.first(sql!("domain_by_name"), args).await? {
            family.push(DomainId(row.int("domain_id")?));
        }
    }
    let identities = conn.bulk_all(&bulk::REPORT_WHOLE, nos, |args, no| {
        args.push_int(domain.0);
        args.push_int(no.0);
    });
    let mut sliced = Vec::new();
    for row in identities.await? {
        if row.flag("sliced")? {
            sliced.push(row.blob("identity_key")?.to_vec());
        }
    }
    let slices = conn.bulk_all(&bulk::SLICES_BY_IDENTITY, &sliced, |args, identity| {
        args.push_int(account.0);
        args.push_blob(identity);
    });
    for row in slices.await? {
        family.push(DomainId(row.int("domain_id")?));
    }
    family.sort_unstable();
    family.dedup();
    Ok(family)
}

/// A report, and where its rivals may be.
struct Place<'f> {
    account: AccountId,
    family: &'f [DomainId],
    domain: DomainId,
    no: ReportNo,
}

impl Place<'_> {
    async fn judge(
        &self,
        conn: &mut Conn<'_>,
        Decided { step, actor, mail, .. }: Decided<'_>,
        moves: &mut Moves,
    ) -> Result<Judged, StoreError> {
        let Some((report, identity, history)) = read(conn, self.domain, self.no).await? else {
            return Ok(Judged::Missing);
        };
        let Some(acceptance) = step.acceptance(&report) else {
            return Ok(Judged::Done);
        };
        if let Some(mail) = mail {
            let reporter = Reporter::named(report.email.as_deref(), report.org_name.as_deref());
            let args = Args::default().int(self.domain.0).int(self.no.0);
            let args = args.int(mail.verdict_on(&reporter).code()).text(&mail.to_json());
            conn.run(sql!("report_set_provenance"), args).await?;
        }
        let mut register = self.register(conn, identity).await?;
        let set = [(
            self.domain,
            self.no,
            acceptance,
            acceptance::continued(history, step.action(), actor),
        )];
        let mut changed = Vec::from(set);
        for row in register.texts.iter_mut().flat_map(|text| &mut text.rows) {
            let is_it = (row.domain, row.no) == (self.domain, self.no);
            if is_it {
                row.acceptance = acceptance;
            } else if acceptance == Acceptance::Accepted && row.acceptance == acceptance && row.domain == self.domain {
                // One of them counts: the one that was accepted last.
                row.acceptance = Acceptance::Open;
                if let Some((_, _, history)) = read(conn, row.domain, row.no).await? {
                    let history = acceptance::continued(history, "superseded", actor);
                    changed.push((row.domain, row.no, row.acceptance, history));
                }
            }
        }
        for (domain, no, acceptance, history) in changed {
            let args = Args::default().int(domain.0).int(no.0).int(acceptance.code());
            conn.run(sql!("report_set_acceptance"), args.text(&history)).await?;
        }
        let mut decisions = Decisions::default();
        decisions.settle(&mut register, self.account, identity);
        decisions.apply_changes(conn, &[], moves).await?;
        let mut rows = register.texts.iter().flat_map(|text| &text.rows);
        let counted = rows.any(|row| (row.domain, row.no) == (self.domain, self.no) && row.counted);
        Ok(match step {
            Step::Count if !counted => Judged::RecordsGone,
            Step::Discount if counted => Judged::RecordsGone,
            Step::Count | Step::Discount | Step::Release | Step::Checked(_) => Judged::Done,
        })
    }

    /// All texts of an identity.
    async fn register(&self, conn: &mut Conn<'_>, identity: IdentityKey) -> Result<Register, StoreError> {
        let mut register = Register::default();
        let rows = conn.bulk_all(&bulk::REPORT_BY_IDENTITY, self.family, |args, domain| {
            args.push_int(domain.0);
            args.push_blob(&identity.0);
        });
        for row in rows.await? {
            register.found(self.account, &row)?;
        }
        Ok(register)
    }
}

/// A report, its identity, and what was decided about it.
async fn read(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
) -> Result<Option<(ReportSummary, IdentityKey, Vec<HistoryEntry>)>, StoreError> {
    let args = Args::default().int(domain.0).int(no.0);
    let Some(row) = conn.first(sql!("report_by_no"), args).await? else {
        return Ok(None);
    };
    let identity = IdentityKey::from_slice(row.blob("identity_key")?);
    let identity = identity.ok_or_else(|| StoreError::damaged("reports", no, "identity key is not 16 bytes"))?;
    let history = acceptance::history(no, row.opt_text("history")?)?;
    Ok(Some((reports::summary(&row)?, identity, history)))
}
