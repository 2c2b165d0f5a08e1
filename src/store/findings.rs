//! What rules found about domains: each finding with whether it is open and when it was told, so that it is told once.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::acceptance::Actor;
use super::db::{Args, Conn, Row};
use super::memory::Memory;
use super::sql::sql;
use super::{Domain, Event, EventKind, Store, StoreError, bulk, outbox};
use crate::base::{AccountId, Day, DomainId, FindingNo, Millis, words};

/// Findings of a domain about new services, and all others. What is new beyond is not kept, and not told. Strangers can name any number of
/// new services, so these take no room from the rest.
const FINDINGS_MAX: usize = 1_000;
/// Longest subject, bytes.
const SUBJECT_BYTES_MAX: usize = 255;
/// Earlier findings about the same subjects that a domain keeps as its history, the newest ones.
const PAST_MAX: usize = 500;
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

impl FindingKind {
    /// The event that tells of one. `None` for [`Self::Judged`].
    pub const fn event(self) -> Option<EventKind> {
        Some(match self {
            Self::Judged => return None,
            Self::RecordChanged => EventKind::RecordChanged,
            Self::PolicyChanged => EventKind::PolicyChanged,
            Self::ServiceNew => EventKind::ServiceNew,
            Self::ServiceBroken => EventKind::ServiceBroken,
            Self::ReporterSilent => EventKind::ReporterSilent,
            Self::VolumeChanged => EventKind::VolumeChanged,
        })
    }
}

/// A finding, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFinding {
    /// `None`: it begins now, and gets its number when it is kept.
    pub no: Option<FindingNo>,
    pub kind: FindingKind,
    /// What it is about; empty for the domain itself.
    pub subject: String,
    /// Whether it holds.
    pub is_open: bool,
    pub opened_at: Millis,
    /// `None` while it holds, and where nothing began: such a state is what later ones are compared with.
    pub ended_at: Option<Millis>,
    /// When an event was last written about the subject; 0 if none was.
    pub told_at: Millis,
    /// What the rule remembers.
    pub detail: Value,
    /// What the event says; null without one.
    pub data: Value,
    pub snooze: Option<Snooze>,
}

/// A finding of which its owner does not want to hear for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snooze {
    /// No event is written before.
    pub until: Millis,
    /// Who wanted that, when, and why.
    pub actor: Actor,
}

impl StoredFinding {
    /// Whether its owner does not want to hear of it now.
    pub fn is_snoozed(&self, now: Millis) -> bool {
        self.snooze.as_ref().is_some_and(|snooze| now < snooze.until)
    }
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
    /// The newest finding of each kind and subject about a domain, by kind and subject.
    pub async fn findings(&self, domain: DomainId) -> Result<Vec<StoredFinding>, StoreError> {
        let mut conn = self.read().await?;
        Ok(Known::read(&mut Conn(&mut conn), domain).await?.newest)
    }

    /// When and to which reports the rules were applied last, for those of these domains of which that is known.
    pub async fn judged(&self, domains: &[DomainId]) -> Result<HashMap<DomainId, StoredFinding>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .bulk_all(&bulk::FINDING_BY_KIND, domains, |args, domain| {
                args.push_int(domain.0);
                args.push_int(FindingKind::Judged.code());
            })
            .await?;
        let mut judged = HashMap::with_capacity(rows.len());
        for row in &rows {
            // A domain with a damaged row is judged, which says so.
            if let Ok(one) = finding(row) {
                judged.insert(DomainId(row.int("domain_id")?), one);
            }
        }
        Ok(judged)
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
        let known = Known::read(&mut conn, domain.id).await?;
        let mut changes = judge(&known.newest);
        known.keep_what_fits(&mut changes);
        put(
            &mut conn,
            memory,
            (domain.id, now),
            changes.iter().map(|change| &change.finding),
        )
        .await?;
        known.forget_surplus(&mut conn, domain.id).await?;
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

/// What is known of a domain.
struct Known {
    /// The newest finding of each kind and subject, in this order.
    newest: Vec<StoredFinding>,
    /// All others, the newest first.
    past: Vec<StoredFinding>,
}

impl Known {
    async fn read(conn: &mut Conn<'_>, domain: DomainId) -> Result<Self, StoreError> {
        let rows = conn.all(sql!("finding_list"), Args::default().int(domain.0)).await?;
        let (mut newest, mut past) = (BTreeMap::new(), Vec::new());
        for row in &rows {
            let finding = finding(row)?;
            let subject = (finding.kind, finding.subject.clone());
            past.extend(newest.insert(subject, finding));
        }
        past.sort_by_key(|one: &StoredFinding| Reverse(one.no));
        Ok(Self {
            newest: newest.into_values().collect(),
            past,
        })
    }

    /// Leaves out what is about new subjects for which there is no room.
    fn keep_what_fits(&self, changes: &mut Vec<FindingChange>) {
        let mut rooms = [false, true].map(|is_new_service| {
            let rows = self
                .newest
                .iter()
                .filter(|one| is_of_new_service(one) == is_new_service);
            FINDINGS_MAX.saturating_sub(rows.count())
        });
        changes.retain(|change| {
            let one = &change.finding;
            let is_known = |known: &StoredFinding| known.kind == one.kind && known.subject == one.subject;
            if self.newest.iter().any(is_known) {
                return true;
            }
            let room = &mut rooms[usize::from(is_of_new_service(one))];
            let fits = *room > 0 && one.subject.len() <= SUBJECT_BYTES_MAX;
            *room = room.saturating_sub(usize::from(fits));
            fits
        });
    }

    /// Deletes what the history has no room for, and states that others came after.
    async fn forget_surplus(&self, conn: &mut Conn<'_>, domain: DomainId) -> Result<(), StoreError> {
        let began = self.past.iter().filter(|one| one.ended_at.is_some()).skip(PAST_MAX);
        let surplus = began.chain(self.past.iter().filter(|one| one.ended_at.is_none()));
        let surplus: Vec<_> = surplus.filter_map(|one| one.no).collect();
        conn.bulk(&bulk::FINDING_REMOVE, &surplus, |args, no| {
            args.push_int(domain.0);
            args.push_int(no.0);
        })
        .await
    }
}

fn is_of_new_service(finding: &StoredFinding) -> bool {
    finding.kind == FindingKind::ServiceNew
}

/// Writes findings of a domain. Those that begin get their numbers.
pub(super) async fn put(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    (domain, now): (DomainId, Millis),
    findings: impl Iterator<Item = &StoredFinding>,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = findings.map(|one| (one.no, one)).collect();
    let new = rows.iter().filter(|(no, _)| no.is_none()).count();
    if new > 0 {
        memory.findings.at(now);
        let first = memory.findings.take(conn, "finding", new).await?;
        let numbers = (first..).map(FindingNo);
        let unnumbered = rows.iter_mut().filter(|(no, _)| no.is_none());
        unnumbered.zip(numbers).for_each(|((no, _), next)| *no = Some(next));
    }
    conn.bulk(&bulk::FINDING_PUT, &rows, |args, (no, one)| {
        let snooze = one.snooze.as_ref();
        args.push_int(domain.0);
        args.push_int(no.map_or(0, |no| no.0));
        args.push_int(one.kind.code());
        args.push_text(&one.subject);
        args.push_int(i64::from(one.is_open));
        args.push_int(one.opened_at);
        args.push_opt_int(one.ended_at);
        args.push_int(one.told_at);
        args.push_text(&one.detail.to_string());
        args.push_opt_text(Some(one.data.to_string()).filter(|_| !one.data.is_null()).as_deref());
        args.push_opt_int(snooze.map(|snooze| snooze.until));
        args.push_opt_text(snooze.map(|snooze| &*snooze.actor.by));
        args.push_opt_int(snooze.map(|snooze| snooze.actor.at));
        args.push_opt_text(snooze.and_then(|snooze| snooze.actor.why.as_deref()));
    })
    .await
}

pub(super) fn finding(row: &Row) -> Result<StoredFinding, StoreError> {
    let (domain, no) = (row.int("domain_id")?, row.int("finding_no")?);
    let damaged = |what| StoreError::damaged("findings", format_args!("{domain}/{no}"), what);
    let json = |text: &str| serde_json::from_str(text).map_err(|_| damaged("holds no JSON"));
    Ok(StoredFinding {
        no: Some(FindingNo(no)),
        kind: FindingKind::from_code(row.int("kind")?).ok_or_else(|| damaged("is of no known kind"))?,
        subject: row.text("subject")?,
        is_open: row.flag("is_open")?,
        opened_at: row.int("opened_at")?,
        ended_at: row.opt_int("ended_at")?,
        told_at: row.int("told_at")?,
        detail: json(&row.text("detail")?)?,
        data: row.opt_text("data")?.map_or(Ok(Value::Null), |text| json(&text))?,
        snooze: snooze(row)?,
    })
}

fn snooze(row: &Row) -> Result<Option<Snooze>, StoreError> {
    let Some(until) = row.opt_int("snoozed_until")? else {
        return Ok(None);
    };
    let actor = Actor {
        by: row.opt_text("snoozed_by")?.unwrap_or_default(),
        why: row.opt_text("snooze_note")?,
        at: row.opt_int("snoozed_at")?.unwrap_or_default(),
    };
    Ok(Some(Snooze { until, actor }))
}
