//! When a domain changes from one DKIM key to the next. Pure: by where the rotation is, what DNS has, and the time.
//!
//! The next key signs only after its record was seen, and has been there for the time that caches keep what they had before. The
//! look that makes it sign sees the record once more.

use crate::base::clock::format_instant;
use crate::base::{Millis, Purpose};
use crate::store::{DomainDns, OtherKey, RecordFinding, RotationSight, RotationStage, RotationStep, Sight};

const HOUR: Millis = 3_600_000;
/// A record that is missing is looked for this often in the first three days, and at every check of the domain afterwards.
const OFTEN: Millis = HOUR / 2;
const OFTEN_FOR: Millis = 72 * HOUR;

/// How long the steps take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationOptions {
    /// From the first sight of the next key in DNS to the change, hours.
    pub wait_hours: u32,
    /// From the change until the key before is forgotten at the latest, days.
    pub retiring_days_max: u32,
}

impl Default for RotationOptions {
    /// A day: resolvers keep that there was no record for three hours as a rule and for a day at the longest (RFC 2308, 5), and
    /// zones rarely have a longer TTL. 14 days: senders try for five days (RFC 5321, 4.5.4.1), a report is about a day, and the
    /// slowest reporters send it within a few days more.
    fn default() -> Self {
        Self {
            wait_hours: 24,
            retiring_days_max: 14,
        }
    }
}

impl RotationOptions {
    fn switched(self, now: Millis) -> RotationStep {
        RotationStep::Switch {
            switched_at: now,
            retire_after: now + Millis::from(self.retiring_days_max) * 24 * HOUR,
        }
    }
}

/// Whether the private half of the next key can be decrypted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextKey {
    Usable,
    Lost,
}

/// Whether the next key waits for caches before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Kept,
    Skipped,
}

/// Why the next key does not sign now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// It does already.
    Done,
    /// Its private half is lost.
    Lost,
    /// Its record is not in DNS, or is another one.
    Unpublished,
    /// DNS could not be asked.
    Unread,
    /// Its record must be there for longer: until then, or since a check has seen it first.
    Early(Option<Millis>),
}

/// The step that a look at DNS is reason for.
pub fn after_look(
    rotation: &OtherKey,
    (sight, key): (Sight, NextKey),
    now: Millis,
    options: RotationOptions,
) -> Option<RotationStep> {
    match (rotation.stage, sight) {
        (RotationStage::PendingDns, Sight::Seen) => Some(RotationStep::Publish {
            published_at: now,
            activates_after: now + Millis::from(options.wait_hours) * HOUR,
        }),
        (RotationStage::Ready { .. }, Sight::Absent) => Some(RotationStep::Unpublish),
        (RotationStage::Ready { activates_after, .. }, Sight::Seen)
            if now >= activates_after && key == NextKey::Usable =>
        {
            Some(options.switched(now))
        }
        _ => None,
    }
}

/// The change that is asked for.
///
/// # Errors
/// [`NotNow`]: nothing changes.
pub fn on_request(
    rotation: &OtherKey,
    wait: Wait,
    (sight, key): (Sight, NextKey),
    now: Millis,
    options: RotationOptions,
) -> Result<RotationStep, NotNow> {
    let early = match rotation.stage {
        RotationStage::Retiring { .. } => return Err(NotNow::Done),
        RotationStage::PendingDns => Some(NotNow::Early(None)),
        RotationStage::Ready { activates_after, .. } => {
            (now < activates_after).then_some(NotNow::Early(Some(activates_after)))
        }
    };
    match (key, sight) {
        (NextKey::Lost, _) => Err(NotNow::Lost),
        (_, Sight::Absent) => Err(NotNow::Unpublished),
        (_, Sight::Unread) => Err(NotNow::Unread),
        (NextKey::Usable, Sight::Seen) => match early.filter(|_| wait == Wait::Kept) {
            Some(early) => Err(early),
            None => Ok(options.switched(now)),
        },
    }
}

/// When the domain is looked at next, if it would be at `planned` without the rotation: `step` was taken at `now`.
pub fn next_look(rotation: &OtherKey, step: Option<RotationStep>, now: Millis, planned: Millis) -> Millis {
    let soon = now + OFTEN;
    match (step, rotation.stage) {
        (Some(RotationStep::Publish { activates_after, .. }), _) => planned.min(activates_after),
        (Some(RotationStep::Unpublish), _) => planned.min(soon),
        (Some(RotationStep::Switch { .. }), _) | (None, RotationStage::Retiring { .. }) => planned,
        (None, RotationStage::Ready { activates_after, .. }) if now < activates_after => planned.min(activates_after),
        // DNS did not answer, or the master key is missing.
        (None, RotationStage::Ready { .. }) => planned.min(soon),
        (None, RotationStage::PendingDns) if now - rotation.started_at < OFTEN_FOR => planned.min(soon),
        (None, RotationStage::PendingDns) => planned,
    }
}

/// What a look saw of the key that does not sign.
pub fn sight(known: &DomainDns, found: &[RecordFinding]) -> Option<RotationSight> {
    let selector = known.rotation.as_ref()?.selector.clone();
    let found = found.iter().find(|found| found.check.purpose == Purpose::DkimRotation);
    Some(RotationSight {
        selector,
        sight: sight_of(found),
    })
}

/// What a look saw of a record; `None`: it was not looked for.
pub fn sight_of(found: Option<&RecordFinding>) -> Sight {
    match found {
        Some(found) if found.unreadable => Sight::Unread,
        Some(found) if found.check.verified => Sight::Seen,
        Some(_) => Sight::Absent,
        None => Sight::Unread,
    }
}

impl NotNow {
    /// One sentence; `name` is that of the record.
    pub fn says(self, name: &str) -> String {
        match self {
            Self::Done => "The new key signs already.".to_owned(),
            Self::Lost => "The private half of the new key is lost, because the master key that it was encrypted with is not here. \
                 Bring the master key back, or cancel the rotation and start another."
                .to_owned(),
            Self::Unpublished => format!(
                "The record of the new key is not at {name}, or is another one: publish it first. The old key keeps signing."
            ),
            Self::Unread => {
                format!("The name servers of {name} could not be asked, so nothing was changed. Try again in some minutes.")
            }
            Self::Early(Some(at)) => format!(
                "The record of the new key is there, and the new key signs from {} on, when no cache is without it. To \
                 switch now, force it.",
                format_instant(at)
            ),
            Self::Early(None) => "The record of the new key is there, but no check has noted it yet: verify the domain. To switch \
                 without a wait, force it."
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
