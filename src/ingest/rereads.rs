//! Mail that an earlier version kept as other mail, read again by one that knows more kinds of reports.
//!
//! A message that turns out to have a report leaves its place and is stored in one transaction ([`Intake::replay`]). So a run that is cut
//! off counts nothing twice, and only the messages of its piece are read once more.

use std::time::Duration;

use super::intake::{Claimed, Intake};
use super::options::IntakeError;
use crate::store::StoreError;

/// Version of what is read as a report. It is raised with every kind of report that is newly read, and each version reads the other
/// mail that it finds once. 1 reads TLS reports and failure reports.
const READER: i64 = 1;
/// Maximum number of messages per piece.
const PIECE_MESSAGES_MAX: usize = 500;
/// Time after which a piece ends early. New mail waits only for the writer.
const PIECE_TIME_MAX: Duration = Duration::from_secs(15);

/// The outcome of one piece.
#[derive(Debug, Clone, Default)]
pub struct Reread {
    /// Messages that were read again.
    pub messages: u64,
    /// Those with reports, and what became of these.
    pub found: Claimed,
    /// Whether nothing is left.
    pub ended: bool,
    /// Why the piece ended before its last message. The next one begins with the message that could not be read.
    pub failed: Option<IntakeError>,
}

impl Intake {
    /// Reads the next piece of other mail again, in the order of numbers. A damaged row is named in the log and passed over. Does
    /// nothing once this version has read all.
    pub async fn read_again(&self) -> Result<Reread, IntakeError> {
        let mut sums = Reread::default();
        let Some(left) = self.store.reread_left(READER).await? else {
            return Ok(sums);
        };
        let piece = self.store.reread_piece(left, PIECE_MESSAGES_MAX).await?;
        let (began, mut behind) = (self.clock.monotonic(), piece.behind);
        for id in piece.messages {
            if self.clock.monotonic().saturating_sub(began) > PIECE_TIME_MAX {
                behind = id;
                break;
            }
            let outcome = match self.reread(id).await {
                Ok(Some(outcome)) => outcome,
                // A run that was cut off has taken it, or retention.
                Ok(None) => continue,
                Err(IntakeError::Store(error)) if matches!(*error, StoreError::Damaged { .. }) => {
                    tracing::warn!(message = id.0, %error, "other mail cannot be read again");
                    self.metrics.count_reread("failed");
                    continue;
                }
                Err(error) => {
                    behind = id;
                    sums.failed = Some(error);
                    break;
                }
            };
            sums.messages += 1;
            let has_report = outcome.reports.len() + outcome.tls_reports.len() > 0 || outcome.failure.is_some();
            if has_report {
                sums.found.add(&outcome);
            }
            self.metrics.count_reread(if has_report { "report" } else { "none" });
        }
        self.store.note_reread(READER, behind).await?;
        sums.ended = sums.failed.is_none() && behind >= left.end;
        Ok(sums)
    }
}
