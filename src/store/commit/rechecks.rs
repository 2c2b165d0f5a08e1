//! Reports that are held because it could not be found out who their mail is from: which are due for another check, and
//! what comes of it.
//!
//! How often a report was checked is in its history, so that it goes wherever the report goes.

use super::super::db::{Args, Conn};
use super::super::sql::sql;
use super::super::{Acceptance, Actor, Judged, Provenance, Store, StoreError, acceptance};
use super::judge::{Decided, START, Step, reports_held};
use crate::base::{AccountId, DomainId, Millis, ReportNo};

/// Checks of one report. The last is two days and a half after the first.
const CHECKS_MAX: u32 = 8;
/// From the arrival to the first check; then twice as long each time.
const FIRST_AFTER: Millis = 15 * 60_000;
/// Reports of a domain that are checked in one go.
const OF_DOMAIN_MAX: usize = 50;
/// In a report's history.
const BY: &str = "tallymark";

/// A held report that is due for another check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided {
    pub account: AccountId,
    pub domain: DomainId,
    pub no: ReportNo,
    /// Checks after its arrival that have come to nothing.
    checks: u32,
}

/// What another check of the mail came to.
#[derive(Debug)]
pub enum UndecidedCheck<'a> {
    /// The check was made; it may have come to nothing again.
    Made(&'a Provenance),
    /// The mail, or how it came, is not kept any more.
    NotKept,
}

impl Undecided {
    /// Nothing if a report is not due yet.
    fn due(
        place: (AccountId, DomainId),
        no: ReportNo,
        received_at: Millis,
        checked: &[Millis],
        now: Millis,
    ) -> Option<Self> {
        let checks = u32::try_from(checked.len()).unwrap_or(u32::MAX).min(CHECKS_MAX);
        let wait = FIRST_AFTER << checks;
        let since = now.saturating_sub(checked.last().copied().unwrap_or(received_at));
        // A clock that was ahead delays nothing by more than the wait.
        (since >= wait || since < -wait).then_some(Self {
            account: place.0,
            domain: place.1,
            no,
            checks,
        })
    }
}

impl Store {
    /// Held reports whose mail is due for another check, up to `reports_max`, in turn from each domain.
    pub async fn undecided_due(&self, now: Millis, reports_max: usize) -> Result<Vec<Undecided>, StoreError> {
        let mut conn = self.read().await?;
        let domains = Conn(&mut conn).all(sql!("domain_all"), Args::default()).await?;
        drop(conn);
        let mut due = Vec::new();
        for row in &domains {
            let place = (AccountId(row.int("account_id")?), DomainId(row.int("domain_id")?));
            let of_domain = self.undecided_of(place, now).await?;
            due.extend((0..).zip(of_domain));
        }
        due.sort_by_key(|(nth, _): &(usize, _)| *nth);
        due.truncate(reports_max);
        Ok(due.into_iter().map(|(_, one)| one).collect())
    }

    async fn undecided_of(&self, place: (AccountId, DomainId), now: Millis) -> Result<Vec<Undecided>, StoreError> {
        let (mut due, mut after) = (Vec::new(), START);
        loop {
            let mut conn = self.read().await?;
            let rows = reports_held(&mut Conn(&mut conn), place.1, Acceptance::Undecided, after).await?;
            drop(conn);
            let Some(last) = rows.last() else { return Ok(due) };
            after = (last.int("begin_at")?, last.int("report_no")?);
            for row in &rows {
                let no = ReportNo(row.int("report_no")?);
                let history = acceptance::history(no, row.opt_text("history")?)?;
                let checked = history.iter().filter(|entry| entry.action == "checked");
                let checked: Vec<_> = checked.map(|entry| entry.at).collect();
                due.extend(Undecided::due(place, no, row.int("received_at")?, &checked, now));
                if due.len() >= OF_DOMAIN_MAX {
                    return Ok(due);
                }
            }
        }
    }

    /// Notes what came of checking the mail of a held report again: it counts, it stays held for good, or it is checked once
    /// more. It counts only if no day has more addresses than `day_addresses_max` with it. What was decided about the report
    /// meanwhile stays. Returns what the report is since, where nothing else was decided.
    pub async fn note_check(
        &self,
        report: Undecided,
        check: &UndecidedCheck<'_>,
        now: Millis,
        day_addresses_max: usize,
    ) -> Result<Option<Acceptance>, StoreError> {
        let (found, why) = found(report, check);
        let mail = match check {
            UndecidedCheck::Made(mail) if !mail.is_undecided() => Some(*mail),
            _ => None,
        };
        let noted = self.note(report, (found, why), mail, (now, day_addresses_max)).await?;
        if noted.is_some() {
            return Ok(noted);
        }
        let why = "its mail passed, but a day of the domain would have more source addresses than the limit";
        self.note(report, (Acceptance::Crowded, why.to_owned()), mail, (now, usize::MAX))
            .await
    }

    /// `None`: a day would have too many addresses.
    async fn note(
        &self,
        Undecided {
            account, domain, no, ..
        }: Undecided,
        (found, why): (Acceptance, String),
        mail: Option<&Provenance>,
        (now, day_addresses_max): (Millis, usize),
    ) -> Result<Option<Acceptance>, StoreError> {
        let actor = Actor {
            by: BY.to_owned(),
            why: Some(why),
            at: now,
        };
        let decided = Decided {
            step: Step::Checked(found),
            actor: &actor,
            mail,
            day_addresses_max: Some(day_addresses_max),
        };
        let judged = self.judge_all((account, domain), &[no], decided).await?;
        Ok(judged.first().map(|judged| match judged {
            Judged::Done => found,
            Judged::Missing | Judged::RecordsGone => Acceptance::Undecided,
        }))
    }
}

/// What a report becomes, and why.
fn found(report: Undecided, check: &UndecidedCheck<'_>) -> (Acceptance, String) {
    let (nth, of) = (report.checks + 1, CHECKS_MAX);
    match check {
        UndecidedCheck::NotKept => (
            Acceptance::Unvouched,
            "the mail that carried it is no longer kept, so it cannot be checked: decide about it yourself".to_owned(),
        ),
        UndecidedCheck::Made(mail) if mail.is_vouched_for() => {
            let domain = mail.domain.as_deref().unwrap_or_default();
            (
                Acceptance::Open,
                format!("its mail passed for {domain} when it was checked again"),
            )
        }
        UndecidedCheck::Made(mail) if !mail.is_undecided() => (
            Acceptance::Unvouched,
            "its mail was checked again, and passed neither DMARC nor an aligned SPF or DKIM check".to_owned(),
        ),
        UndecidedCheck::Made(_) if nth >= of => (
            Acceptance::Unvouched,
            format!("the sender of its mail could not be authenticated in {of} more checks: decide about it yourself"),
        ),
        UndecidedCheck::Made(_) => (
            Acceptance::Undecided,
            format!("the sender of its mail could not be authenticated ({nth} of {of} checks)"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_become_rarer_and_bear_a_clock_that_was_wrong() {
        const MINUTE: Millis = 60_000;
        let place = (AccountId(1), DomainId(2));
        let check = |checked: &[Millis], now: Millis, expect: Option<u32>| {
            let due = Undecided::due(place, ReportNo(3), 0, checked, now);
            assert_eq!(due.map(|due| due.checks), expect, "{checked:?} {now}");
        };
        check(&[], 15 * MINUTE - 1, None);
        check(&[], 15 * MINUTE, Some(0));
        check(&[15 * MINUTE], 44 * MINUTE, None);
        check(&[15 * MINUTE], 45 * MINUTE, Some(1));
        check(&[0, 0, 0, 0, 0, 0, 0], 1_919 * MINUTE, None);
        check(&[0, 0, 0, 0, 0, 0, 0], 1_920 * MINUTE, Some(7));
        check(&[400 * 1_440 * MINUTE], MINUTE, Some(1));
        check(&[5 * MINUTE], MINUTE, None);
        check(&[i64::MIN; 60], i64::MAX, Some(CHECKS_MAX));
    }
}
