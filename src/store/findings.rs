//! What rules found about domains: each finding with whether it is open and when it was told, so that it is told once.

use serde_json::{Value, json};

use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Domain, Event, EventKind, Store, StoreError, bulk, outbox};
use crate::base::{AccountId, Day, DomainId, Millis, words};

/// Findings of a domain about new services, and all others. What is new beyond is not kept, and not told. Strangers can name any number of
/// new services, so these take no room from the rest.
const FINDINGS_MAX: usize = 1_000;
/// Longest subject, bytes.
const SUBJECT_BYTES_MAX: usize = 255;
/// How long a finding that ended is remembered, milliseconds: longer than any cool-down.
const REMEMBERED: Millis = 400 * 86_400_000;

words! {
    /// What a finding is about.
    FindingKind: i64 {
        /// When the rules were applied last, and to which reports. Never told.
        Judged = 0 "judged",
        /// A DNS record of the domain is another one. Subject: its purpose.
        RecordChanged = 1 "record_changed",
        /// Reporters see another policy.
        PolicyChanged = 2 "policy_changed",
        /// A service sends that did not before. Subject: its name.
        ServiceNew = 3 "service_new",
        /// A service fails that passed before. Subject: its name.
        ServiceBroken = 4 "service_broken",
        /// A reporter stopped. Subject: its mail domain, or nothing for most of them.
        ReporterSilent = 5 "reporter_silent",
        /// Far more or far fewer messages than usual.
        VolumeChanged = 6 "volume_changed",
    }
}

/// A finding, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFinding {
    pub kind: FindingKind,
    /// What it is about; empty for the domain itself.
    pub subject: String,
    /// Whether it holds.
    pub is_open: bool,
    pub opened_at: Millis,
    /// When an event was last written about it; 0 if none was.
    pub told_at: Millis,
    /// What the rule remembers.
    pub detail: Value,
}

/// A finding as it is from now on, and what is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingChange {
    pub finding: StoredFinding,
    /// `data` of the event, without the domain.
    pub event: Option<(EventKind, Value)>,
}

/// What rules make of the findings of a domain.
type Judge<'j> = dyn Fn(&[StoredFinding]) -> Vec<FindingChange> + Sync + 'j;

impl Store {
    /// What rules found about a domain, by kind and subject.
    pub async fn findings(&self, domain: DomainId) -> Result<Vec<StoredFinding>, StoreError> {
        let mut conn = self.read().await?;
        list(&mut Conn(&mut conn), domain).await
    }

    /// One finding about a domain.
    pub async fn finding(
        &self,
        domain: DomainId,
        kind: FindingKind,
        subject: &str,
    ) -> Result<Option<StoredFinding>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(domain.0).int(kind.code()).text(subject);
        let row = Conn(&mut conn).first(sql!("finding_one"), args).await?;
        row.as_ref().map(finding).transpose()
    }

    /// Keeps what `judge` makes of the findings of a domain, and tells the owner, in one transaction. Two at a time about one
    /// domain wait for each other, so nothing is told twice. Returns the number of events; nothing is done if the domain is gone.
    pub async fn judge_domain(&self, domain: &Domain, now: Millis, judge: &Judge<'_>) -> Result<usize, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        conn.hold(vec![domain.id]).await?;
        let named = outbox::domain_data(&mut conn, domain.account, domain.id).await?;
        if named.is_none() {
            return Ok(0);
        }
        let known = list(&mut conn, domain.id).await?;
        let mut changes = judge(&known);
        let mut rooms = [false, true].map(|is_new_service| {
            let rows = known.iter().filter(|one| is_of_new_service(one) == is_new_service);
            FINDINGS_MAX.saturating_sub(rows.count())
        });
        changes.retain(|change| {
            let one = &change.finding;
            let is_known = |known: &StoredFinding| known.kind == one.kind && known.subject == one.subject;
            if known.iter().any(is_known) {
                return true;
            }
            let room = &mut rooms[usize::from(is_of_new_service(one))];
            let fits = *room > 0 && one.subject.len() <= SUBJECT_BYTES_MAX;
            *room = room.saturating_sub(usize::from(fits));
            fits
        });
        put(&mut conn, domain.id, changes.iter().map(|change| &change.finding)).await?;
        let args = Args::default().int(domain.id.0).int(now.saturating_sub(REMEMBERED));
        conn.run(sql!("finding_forget"), args).await?;
        let events: Vec<_> = changes.iter().filter_map(|change| event(domain, change, now)).collect();
        if !events.is_empty() {
            memory.refresh(&mut conn).await?;
            outbox::tell(&mut conn, memory, &events, now).await?;
        }
        write.commit().await?;
        Ok(events.len())
    }

    /// The accounts that were not told of a day yet.
    pub async fn accounts_to_sum_up(&self, day: Day) -> Result<Vec<AccountId>, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(day.0.into());
        let rows = Conn(&mut conn).all(sql!("account_not_summed_up"), args).await?;
        rows.iter().map(|row| Ok(AccountId(row.int("account_id")?))).collect()
    }

    /// Whether an account is to be told of a day. If no target wants that, the day is noted, as if it had been told.
    pub async fn wants_summary(&self, account: AccountId, day: Day) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        let is_wanted = outbox::is_wanted(&mut conn, memory, account, EventKind::Summary).await?;
        if !is_wanted {
            let args = Args::default().int(account.0).int(day.0.into());
            conn.run(sql!("account_summed_up"), args).await?;
        }
        write.commit().await?;
        Ok(is_wanted)
    }

    /// Tells an account of a day, once. False if it was told of this day before.
    pub async fn tell_summary(
        &self,
        account: AccountId,
        day: Day,
        data: Value,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        let args = Args::default().int(account.0).int(day.0.into());
        if conn.run(sql!("account_summed_up"), args).await? == 0 {
            return Ok(false);
        }
        memory.refresh(&mut conn).await?;
        let mut event = Event::new(account, None, EventKind::Summary, now, &[day.0.into()]);
        event.data = data;
        outbox::tell(&mut conn, memory, &[event], now).await?;
        write.commit().await?;
        Ok(true)
    }
}

/// The event of a change. Its identity is the finding, and the instant at which it is told.
fn event(domain: &Domain, change: &FindingChange, now: Millis) -> Option<Event> {
    let (kind, data) = change.event.as_ref()?;
    let cause = [domain.id.0, change.finding.kind.code(), now];
    let mut event = Event::about(
        domain.account,
        Some(domain.id),
        (*kind, now),
        &change.finding.subject,
        &cause,
    );
    event.data = json!({ "domain_id": domain.public_id, "domain": domain.name.as_str() });
    event.add(data.clone());
    Some(event)
}

async fn list(conn: &mut Conn<'_>, domain: DomainId) -> Result<Vec<StoredFinding>, StoreError> {
    let rows = conn.all(sql!("finding_list"), Args::default().int(domain.0)).await?;
    rows.iter().map(finding).collect()
}

fn is_of_new_service(finding: &StoredFinding) -> bool {
    finding.kind == FindingKind::ServiceNew
}

/// Writes findings of a domain.
pub(super) async fn put(
    conn: &mut Conn<'_>,
    domain: DomainId,
    findings: impl Iterator<Item = &StoredFinding>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = findings.collect();
    conn.bulk(&bulk::FINDING_PUT, &rows, |args, one| {
        args.push_int(domain.0);
        args.push_int(one.kind.code());
        args.push_text(&one.subject);
        args.push_int(i64::from(one.is_open));
        args.push_int(one.opened_at);
        args.push_int(one.told_at);
        args.push_text(&one.detail.to_string());
    })
    .await
}

pub(super) fn finding(row: &Row) -> Result<StoredFinding, StoreError> {
    let (domain, code) = (row.int("domain_id")?, row.int("kind")?);
    let damaged = |what| StoreError::damaged("findings", format_args!("{domain}/{code}"), what);
    Ok(StoredFinding {
        kind: FindingKind::from_code(code).ok_or_else(|| damaged("is of no known kind"))?,
        subject: row.text("subject")?,
        is_open: row.flag("is_open")?,
        opened_at: row.int("opened_at")?,
        told_at: row.int("told_at")?,
        detail: serde_json::from_str(&row.text("detail")?).map_err(|_| damaged("holds no detail"))?,
    })
}
