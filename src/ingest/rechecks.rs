//! Repeats the checks of held reports whose mail could not be authenticated.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::envelope::Envelope;
use super::intake::Intake;
use super::options::IntakeError;
use super::provenance::Authenticator;
use crate::base::Millis;
use crate::store::{Acceptance, Undecided, UndecidedCheck};

/// Maximum number of reports per run.
const REPORTS_MAX: usize = 500;
/// Reports that are checked at the same time. Each has its mail in memory.
const AT_ONCE: usize = 4;

/// The results of repeated checks, in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rechecked {
    /// Reports that count now.
    pub released: u64,
    /// Reports that stay held, and are not checked any more.
    pub held: u64,
    /// Reports that are checked once more, later.
    pub undecided: u64,
}

impl Intake {
    /// Whether mail is checked here.
    pub fn can_check(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Checks the mails of the held reports that are due at `now`. Does nothing if mail is not checked.
    pub async fn check_again(&self, now: Millis) -> Result<Rechecked, IntakeError> {
        let mut sums = Rechecked::default();
        let Some(authenticator) = &self.authenticator else {
            return Ok(sums);
        };
        let due = self.store.undecided_due(now, REPORTS_MAX).await?;
        let checks = stream::iter(due).map(|report| self.check_report(authenticator, report, now));
        let mut checks = checks.buffer_unordered(AT_ONCE);
        while let Some(found) = checks.try_next().await? {
            match found {
                Some(Acceptance::Open) => sums.released += 1,
                Some(Acceptance::Undecided) => sums.undecided += 1,
                Some(_) => sums.held += 1,
                None => {}
            }
        }
        Ok(sums)
    }

    async fn check_report(
        &self,
        authenticator: &Authenticator,
        report: Undecided,
        now: Millis,
    ) -> Result<Option<Acceptance>, IntakeError> {
        let Some(detail) = self.store.report(report.domain, report.no).await? else {
            return Ok(None);
        };
        let original = self.store.original(report.domain, report.no).await?;
        let (Some(before), Some(original)) = (&detail.provenance, original) else {
            return self.note(report, UndecidedCheck::NotKept, now).await;
        };
        let Some(envelope) = Envelope::from_facts(before) else {
            return self.note(report, UndecidedCheck::NotKept, now).await;
        };
        let checked = self.check(authenticator, original.bytes, envelope).await?;
        self.note(report, UndecidedCheck::Made(&checked.provenance), now).await
    }

    async fn note(
        &self,
        report: Undecided,
        check: UndecidedCheck<'_>,
        now: Millis,
    ) -> Result<Option<Acceptance>, IntakeError> {
        let addresses_max = self.day_addresses_max;
        Ok(self.store.note_check(report, &check, now, addresses_max).await?)
    }
}
