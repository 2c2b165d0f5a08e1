//! Stored bytes: originals of counted reports, and messages that became none.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::super::bulk;
use super::super::db::{Args, Conn, Lock};
use super::super::memory::Memory;
use super::super::message::SET_ASIDE_ROW_BYTES;
use super::super::sql::sql;
use super::super::{Belonging, NewMessage, Outcome, Problem, Provenance, SetAsideNote, StoreError, proof, set_aside};
use super::CommitOptions;
use super::lookup::named;
use super::place::{Placed, Position};
use super::quota::Quotas;
use crate::base::{AccountId, DomainId, ReportNo, SetAsideId, SetAsideKind};

/// Limit on the copies of a message for several domains, in bytes.
const COPIES_BYTES_MAX: u64 = 64 << 20;
/// Longest origin, detail and leaf of a message.
const ORIGIN_BYTES_MAX: usize = 512;
const DETAIL_BYTES_MAX: usize = 1_024;

/// Bytes of the copies of each message of a batch, by its position.
pub(super) type Copies = BTreeMap<usize, u64>;

/// The messages of new and restored reports, by position, that are kept, once per domain, each under the number of the first of these.
#[derive(Default)]
pub(super) struct Originals(BTreeMap<(DomainId, usize), ReportNo>);

impl Originals {
    /// The originals of a batch, of new and restored `reports`: domain, message and number. A message is kept for as many domains as
    /// its room allows, after its reports and its parts set aside. One with a stored failure report is not kept.
    pub fn new(
        batch: &[NewMessage],
        reports: impl Iterator<Item = (DomainId, usize, ReportNo)>,
        unclaimed: &[(usize, Position)],
        copies: &mut Copies,
    ) -> Self {
        let mut kept = BTreeMap::new();
        for (domain, message, no) in reports {
            kept.entry((domain, message)).or_insert(no);
        }
        kept.retain(|(_, nth), _| {
            let message = &batch[*nth];
            if message.withholds_bytes() {
                return false;
            }
            let bytes = copies.entry(*nth).or_default();
            let more = *bytes + message.bytes.len() as u64;
            let is_aside = !message.problems.is_empty() || unclaimed.binary_search_by_key(nth, |(nth, _)| *nth).is_ok();
            let has_room = more <= COPIES_BYTES_MAX.min(message.room_for_originals(is_aside));
            if has_room {
                *bytes = more;
            }
            has_room
        });
        Self(kept)
    }

    /// The number under which a message is stored for a domain.
    pub fn number(&self, domain: DomainId, message: usize) -> Option<ReportNo> {
        self.0.get(&(domain, message)).copied()
    }

    pub async fn write(&self, conn: &mut Conn<'_>, batch: &[NewMessage]) -> Result<(), StoreError> {
        let kept: Vec<_> = self.0.iter().collect();
        conn.bulk(&bulk::ORIGINAL_ADD, &kept, |args, ((domain, message), no)| {
            let message = &batch[*message];
            args.push_int(domain.0);
            args.push_int(no.0);
            args.push_int(message.received_at);
            args.push_blob(&message.digest);
            args.push_opt_int(message.bytes.unpacked_len());
            let keys = message.provenance.as_ref().map(Provenance::keys).unwrap_or_default();
            args.push_opt_text(proof::keys_json(&keys).as_deref());
            args.push_blob(message.bytes.stored());
        })
        .await
    }
}

/// A future row of `set_aside`.
struct Aside<'m> {
    kind: SetAsideKind,
    policy_domain: &'m str,
    reason: &'m str,
    detail: String,
    leaf: &'m str,
    offset: Option<u64>,
}

/// Whether there is anything for [`set_aside()`] to do.
pub(super) fn is_any_set_aside(batch: &[NewMessage], unclaimed: &[(usize, Position)]) -> bool {
    let concerns =
        |message: &NewMessage| message.replay.is_some() || !message.problems.is_empty() || !message.has_reports();
    !unclaimed.is_empty() || batch.iter().any(concerns)
}

/// Waits for the lock that [`set_aside()`] needs, if it has anything to do.
pub(super) async fn lock(conn: &mut Conn<'_>, batch: &[NewMessage], placed: &Placed) -> Result<(), StoreError> {
    let takes_away = batch.iter().any(|message| message.replay.is_some()) || !earlier(conn, batch).await?.is_empty();
    if !takes_away && !is_any_set_aside(batch, &placed.waiting()) && placed.slices.is_empty() {
        return Ok(());
    }
    conn.lock(match takes_away {
        true => Lock::SetAsideAlone,
        false => Lock::SetAside,
    })
    .await
}

/// Sets aside what became no counted report, with its reason, and notes it in the outcomes.
pub(super) async fn set_aside(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &[NewMessage],
    unclaimed: &[(usize, Position)],
    outcomes: &mut [Outcome],
    options: &CommitOptions<'_>,
) -> Result<(), StoreError> {
    let mut quotas = Quotas::new(options.limits);
    let mut order: Vec<usize> = (0..batch.len()).collect();
    // In one order, so that batches that set the same messages aside cannot deadlock.
    order.sort_unstable_by_key(|&nth| (batch[nth].belonging.account(), batch[nth].digest));
    let mut by_message: HashMap<usize, Vec<Position>> = HashMap::new();
    for &(message, report) in unclaimed {
        by_message.entry(message).or_default().push(report);
    }
    forget_earlier(conn, batch, &by_message).await?;
    for nth in order {
        let message = &batch[nth];
        let unclaimed = by_message.get(&nth).map(Vec::as_slice).unwrap_or_default();
        let mut asides = asides(message, unclaimed.iter().copied());
        if !quotas.admit(conn, message, asides.len()).await? {
            outcomes[nth].over_quota = true;
            continue;
        }
        let inbound = inbound(conn, memory, message, &asides).await?;
        if let ([aside], Some(name)) = (&mut *asides, &inbound) {
            aside.policy_domain = name;
        }
        if let Some(id) = message.replay {
            forget_replayed(conn, message, id, &asides).await?;
        }
        for aside in &asides {
            let (id, taken) = put(conn, memory, message, aside).await?;
            outcomes[nth].kept_bytes += taken;
            outcomes[nth].set_aside.push(SetAsideNote {
                id,
                kind: aside.kind,
                reason: aside.reason.to_owned(),
                detail: aside.detail.clone(),
                leaf: aside.leaf.to_owned(),
                is_new: taken > 0,
                offset: aside.offset,
                policy_domain: (aside.kind == SetAsideKind::Unclaimed).then(|| aside.policy_domain.to_owned()),
            });
        }
        if !asides.is_empty() {
            let added = conn
                .bulk_counted(&bulk::SET_ASIDE_MESSAGE_ADD, &[message], |args, message| {
                    args.push_int(message.belonging.account().0);
                    args.push_blob(&message.digest);
                    args.push_opt_int(message.bytes.unpacked_len());
                    args.push_blob(message.bytes.stored());
                })
                .await?;
            if added > 0 {
                outcomes[nth].kept_bytes += message.bytes.len() as u64;
            }
        }
    }
    quotas.write(conn).await
}

/// An existing row of a message that arrives again.
struct Earlier {
    id: SetAsideId,
    account: AccountId,
    digest: Vec<u8>,
    kind: SetAsideKind,
    policy_domain: String,
}

/// The existing rows of the messages of the batch, except of replayed ones. Other mail stays, unless it is stored as a failure report
/// now.
async fn earlier(conn: &mut Conn<'_>, batch: &[NewMessage]) -> Result<Vec<Earlier>, StoreError> {
    let again = |message: &&NewMessage| message.replay.is_none() && message.has_reports();
    let mut accounts: Vec<_> = batch
        .iter()
        .filter(again)
        .map(|message| message.belonging.account())
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut with_any = Vec::new();
    for account in accounts {
        let args = Args::default().int(account.0);
        if conn.first(sql!("set_aside_any"), args).await?.is_some() {
            with_any.push(account);
        }
    }
    if with_any.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = batch.iter().filter(again);
    let wanted: Vec<_> = wanted
        .filter(|message| with_any.binary_search(&message.belonging.account()).is_ok())
        .collect();
    let rows = conn.bulk_all(&bulk::SET_ASIDE_OF_MESSAGES, &wanted, |args, message| {
        args.push_int(message.belonging.account().0);
        args.push_blob(&message.digest);
    });
    let withheld = wanted.iter().filter(|message| message.withholds_bytes());
    let withheld: HashSet<_> = withheld
        .map(|message| (message.belonging.account(), message.digest))
        .collect();
    let mut earlier = Vec::new();
    for row in rows.await? {
        let code = row.int("kind")?;
        let kind = SetAsideKind::from_code(code);
        let kind = kind.ok_or_else(|| StoreError::damaged("set_aside", code, "unknown kind"))?;
        let (account, digest) = (AccountId(row.int("account_id")?), row.blob("digest")?);
        let is_withheld = <[u8; 16]>::try_from(digest).is_ok_and(|digest| withheld.contains(&(account, digest)));
        if kind != SetAsideKind::Other || is_withheld {
            earlier.push(Earlier {
                id: SetAsideId(row.int("set_aside_id")?),
                account,
                digest: digest.to_vec(),
                kind,
                policy_domain: row.text("policy_domain")?,
            });
        }
    }
    Ok(earlier)
}

/// Removes the rows of messages that arrived again by another way and were counted then.
async fn forget_earlier(
    conn: &mut Conn<'_>,
    batch: &[NewMessage],
    unclaimed: &HashMap<usize, Vec<Position>>,
) -> Result<(), StoreError> {
    let earlier = earlier(conn, batch).await?;
    if earlier.is_empty() {
        return Ok(());
    }
    let mut places: HashMap<(AccountId, &[u8]), usize> = HashMap::new();
    for (nth, message) in batch.iter().enumerate() {
        let place = (message.belonging.account(), &message.digest[..]);
        places.entry(place).or_insert(nth);
    }
    let mut again: HashMap<usize, HashSet<(SetAsideKind, &str)>> = HashMap::new();
    for one in &earlier {
        let Some(&nth) = places.get(&(one.account, &one.digest[..])) else {
            continue;
        };
        let again = again.entry(nth).or_insert_with(|| {
            let unclaimed = unclaimed.get(&nth).map(Vec::as_slice).unwrap_or_default();
            let asides = asides(&batch[nth], unclaimed.iter().copied());
            asides.iter().map(|aside| (aside.kind, aside.policy_domain)).collect()
        });
        if again.contains(&(one.kind, &*one.policy_domain)) {
            continue;
        }
        conn.run(sql!("set_aside_remove"), Args::default().int(one.id.0))
            .await?;
        let args = Args::default().int(one.account.0).blob(&one.digest);
        conn.run(sql!("set_aside_message_remove"), args).await?;
    }
    Ok(())
}

/// One row for all problems of a message, one for each domain that is not added, one for other mail. None of a message with a stored
/// failure report: its parts are those of a mail that failed.
fn asides(message: &NewMessage, unclaimed: impl Iterator<Item = Position>) -> Vec<Aside<'_>> {
    let mut asides = Vec::new();
    if message.withholds_bytes() {
        return asides;
    }
    if let Some(Problem {
        leaf,
        reason,
        detail,
        offset,
    }) = message.problems.first()
    {
        let more = message.problems.len() - 1;
        let mut detail = cut(detail, DETAIL_BYTES_MAX).to_owned();
        if more > 0 {
            detail.push_str(&format!(" (and {more} more)"));
        }
        asides.push(Aside {
            kind: SetAsideKind::Quarantined,
            policy_domain: "",
            reason,
            detail,
            leaf: cut(leaf, ORIGIN_BYTES_MAX),
            offset: *offset,
        });
    }
    let mut names = HashSet::new();
    for report in unclaimed {
        let (leaf, policy_domain) = match report {
            Position::Report(nth) => {
                let (leaf, new) = &message.reports[nth];
                (&**leaf, &*new.report.policy.domain)
            }
            Position::Tls(nth) => {
                let (leaf, new) = &message.tls_reports[nth];
                (&**leaf, &*new.report.domain)
            }
        };
        if !names.insert(policy_domain) {
            continue;
        }
        asides.push(Aside {
            kind: SetAsideKind::Unclaimed,
            policy_domain,
            reason: "unclaimed",
            detail: format!("{policy_domain} is not added: add the domain and the report is counted"),
            leaf: cut(leaf, ORIGIN_BYTES_MAX),
            offset: None,
        });
    }
    if let Some(other) = message.other
        && !message.has_reports()
        && asides.is_empty()
    {
        asides.push(Aside {
            kind: SetAsideKind::Other,
            policy_domain: "",
            reason: other,
            detail: "no report in it".to_owned(),
            leaf: "",
            offset: None,
        });
    }
    asides
}

/// The name of the domain that other mail was sent to. It is stored with the mail, so that each domain of a mail to
/// several has its own row.
async fn inbound(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    message: &NewMessage,
    asides: &[Aside<'_>],
) -> Result<Option<Box<str>>, StoreError> {
    match (message.belonging, asides) {
        (Belonging::Domain(account, domain), [aside]) if aside.kind == SetAsideKind::Other => {
            named(conn, memory, account, domain).await
        }
        _ => Ok(None),
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A path or a peer's name may contain anything, and PostgreSQL refuses NUL.
fn without_controls(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}

/// Stores a row. Returns its number, and its bytes if it was new.
async fn put(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    message: &NewMessage,
    aside: &Aside<'_>,
) -> Result<(SetAsideId, u64), StoreError> {
    let provenance = message.provenance.as_ref().map(Provenance::to_json_with_keys);
    let number = memory.set_asides.take(conn, "set_aside", 1).await?;
    let domain = message.belonging.domain().map(|domain| domain.0);
    let args = Args::default()
        .int(number)
        .int(message.belonging.account().0)
        .int(aside.kind.code())
        .blob(&message.digest)
        .text(aside.policy_domain)
        .opt_int(domain)
        .text(aside.reason)
        .text(&aside.detail)
        .text(aside.leaf)
        .opt_int(aside.offset.map(u64::cast_signed))
        .text(&without_controls(cut(&message.origin, ORIGIN_BYTES_MAX)))
        .int(message.received_at)
        .int(i64::try_from(message.bytes.len()).unwrap_or(i64::MAX))
        .int(i64::from(message.replay.is_none()))
        .opt_text(provenance.as_deref());
    let row = conn.first(sql!("set_aside_put"), args).await?;
    let row = row.ok_or_else(|| StoreError::damaged("set_aside", number, "was not kept"))?;
    let id = row.int("set_aside_id")?;
    let texts = aside.detail.len() + aside.leaf.len() + provenance.map_or(0, |json| json.len());
    let taken = if id == number {
        SET_ASIDE_ROW_BYTES + texts as u64
    } else {
        0
    };
    Ok((SetAsideId(id), taken))
}

/// Removes the row of a replayed message, unless it is set aside for the same reason again.
async fn forget_replayed(
    conn: &mut Conn<'_>,
    message: &NewMessage,
    id: SetAsideId,
    again: &[Aside<'_>],
) -> Result<(), StoreError> {
    let Some(row) = conn.first(sql!("set_aside_by_id"), Args::default().int(id.0)).await? else {
        return Ok(());
    };
    let before = set_aside::set_aside(&row)?;
    let policy_domain = before.policy_domain.as_deref().unwrap_or_default();
    if again
        .iter()
        .any(|aside| aside.kind == before.kind && aside.policy_domain == policy_domain)
    {
        return Ok(());
    }
    conn.run(sql!("set_aside_remove"), Args::default().int(id.0)).await?;
    if before.kind == SetAsideKind::Unclaimed {
        forget_claimed(conn, message, again).await?;
    }
    let args = Args::default().int(message.belonging.account().0).blob(&message.digest);
    conn.run(sql!("set_aside_message_remove"), args).await?;
    Ok(())
}

/// Removes the rows of the other names that the message is about, if they are no longer unclaimed. Reading the
/// message once per name would cost millions of reads for one mail with thousands of names.
async fn forget_claimed(conn: &mut Conn<'_>, message: &NewMessage, again: &[Aside<'_>]) -> Result<(), StoreError> {
    let args = Args::default().int(message.belonging.account().0).blob(&message.digest);
    let again = again.iter().filter(|aside| aside.kind == SetAsideKind::Unclaimed);
    let again: HashSet<_> = again.map(|aside| aside.policy_domain).collect();
    for row in conn.all(sql!("set_aside_unclaimed_of_message"), args).await? {
        if !again.contains(&*row.text("policy_domain")?) {
            conn.run(sql!("set_aside_remove"), Args::default().int(row.int("set_aside_id")?))
                .await?;
        }
    }
    Ok(())
}
