//! `domain.record_changed`: a check found another record in DNS than the one that was known.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::checked::{Decision, RecordCheck, RecordState, Standing};
use super::db::Conn;
use super::findings::{self, FindingKind, StoredFinding};
use super::memory::Memory;
use super::{Event, EventKind, StoreError, bulk, outbox};
use crate::base::{DomainId, Millis, text};

/// A record that changes again is told again after this time: name servers that disagree would else be told at every check.
const COOL_DOWN: Millis = 24 * 3_600_000;
/// Texts of a record in an event, and the longest, bytes.
const TEXTS_MAX: usize = 10;
const TEXT_BYTES_MAX: usize = 512;

/// Tells the owners of domains whose records changed, and remembers what was told.
pub(super) async fn tell(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    moved: &[(Standing, Decision, Millis)],
) -> Result<(), StoreError> {
    let rows = conn
        .bulk_all(&bulk::FINDING_BY_KIND, moved, |args, (standing, ..)| {
            args.push_int(standing.domain.0);
            args.push_int(FindingKind::RecordChanged.code());
        })
        .await?;
    let mut known: HashMap<DomainId, Vec<StoredFinding>> = HashMap::new();
    for row in &rows {
        let of = known.entry(DomainId(row.int("domain_id")?)).or_default();
        of.push(findings::finding(row)?);
    }
    let (mut events, mut latest) = (Vec::new(), 0);
    for (standing, decision, at) in moved {
        let known = known.remove(&standing.domain).unwrap_or_default();
        let changes = changes(standing, decision, &known, *at);
        if changes.is_empty() {
            continue;
        }
        let named = outbox::domain_data(conn, standing.account, standing.domain).await?;
        let (public_id, name) = named.unwrap_or_default();
        for change in changes.iter().filter(|change| !change.finding.data.is_null()) {
            let purpose = change.check.purpose;
            let cause = [standing.domain.0, purpose.code(), *at];
            let mut event = Event::new(
                standing.account,
                Some(standing.domain),
                EventKind::RecordChanged,
                *at,
                &cause,
            );
            event.data = json!({ "domain_id": public_id, "domain": name });
            event.add(change.finding.data.clone());
            events.push(event);
        }
        latest = latest.max(*at);
        let changed = changes.iter().map(|change| &change.finding);
        findings::put(conn, memory, (standing.domain, *at), changed).await?;
    }
    if !events.is_empty() {
        memory.refresh(conn).await?;
    }
    outbox::tell(conn, memory, &events, latest).await
}

/// A record that is another one than before.
struct Change<'c> {
    check: &'c RecordCheck,
    /// Told now if it has data; else only what is compared with next changes.
    finding: StoredFinding,
}

fn changes<'c>(standing: &Standing, decision: &'c Decision, known: &[StoredFinding], at: Millis) -> Vec<Change<'c>> {
    let mut changes = Vec::new();
    for check in decision.checks.iter().filter(|check| is_read(check)) {
        let subject = check.purpose.word();
        let old = standing.checks.iter().find(|old| old.purpose == check.purpose);
        // A check that could not read the record keeps what was found before.
        let Some(old) = old.filter(|old| is_read(old) || !old.found.is_empty()) else {
            continue;
        };
        let told = known
            .iter()
            .filter(|one| one.subject == subject)
            .max_by_key(|one| one.no);
        // The order in which DNS answers means nothing.
        let of = |found: &[String]| found.iter().cloned().collect::<BTreeSet<_>>();
        let before = match told {
            Some(told) => serde_json::from_value(told.detail["found"].clone()).unwrap_or_else(|_| of(&old.found)),
            None => of(&old.found),
        };
        let after = of(&check.found);
        // Another record is looked for since the settings changed: DNS did not.
        let is_same_record = old.expected == check.expected;
        let ago = told.map(|told| at.saturating_sub(told.told_at));
        let is_cooling = ago.is_some_and(|ago| (0..COOL_DOWN).contains(&ago));
        if before == after || is_same_record && is_cooling {
            continue;
        }
        let data = json!({
            "record": subject,
            "before": shown(&before),
            "after": shown(&after),
            "verified": check.verified,
            "problem": check.problem,
        });
        let state = StoredFinding {
            no: None,
            kind: FindingKind::RecordChanged,
            subject: subject.to_owned(),
            is_open: false,
            opened_at: at,
            ended_at: None,
            told_at: told.map_or(0, |told| told.told_at),
            detail: json!({ "found": after }),
            data: Value::Null,
            snooze: None,
        };
        let finding = match is_same_record {
            true => StoredFinding {
                ended_at: Some(at),
                told_at: at,
                data,
                ..state
            },
            false => state,
        };
        changes.push(Change { check, finding });
    }
    changes
}

/// Whether it is known what DNS has.
fn is_read(check: &RecordCheck) -> bool {
    matches!(
        check.state,
        RecordState::Found | RecordState::Missing | RecordState::Wrong
    )
}

fn shown(texts: &BTreeSet<String>) -> Vec<String> {
    let texts = texts.iter().take(TEXTS_MAX);
    texts.map(|one| text::shown(one, TEXT_BYTES_MAX).into_owned()).collect()
}
