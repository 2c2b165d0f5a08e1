//! Reports that count twice in an account: part of recounting.
//!
//! Two counted reports of an account have neither the same identity nor the same contents, except for the slices of one text,
//! which are in several domains and have no record in common.

use hashbrown::HashMap;

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Discrepancy, StoreError, belonging, records};
use crate::base::{DomainId, ReportNo};

/// Keys in memory at a time, about: with more reports there are more passes, each over a part of the keys.
const KEYS_AT_ONCE: u64 = 1 << 20;
const KEY_BYTES: usize = 16;

/// A domain of the account.
pub(super) struct Member {
    pub id: DomainId,
    pub name: String,
}

#[derive(Clone)]
struct Seen {
    /// Position among the account's domains.
    member: usize,
    no: ReportNo,
    content: Vec<u8>,
    sliced: bool,
}

/// Looks for reports that count twice among the domains of one account, which have `total` reports or fewer.
pub(super) async fn find(
    conn: &mut Conn<'_>,
    members: &[Member],
    total: u64,
    found: &mut Vec<Discrepancy>,
) -> Result<(), StoreError> {
    let passes = total.div_ceil(KEYS_AT_ONCE).clamp(1, 256);
    for (statement, what) in [
        (sql!("reports_by_identities"), "the same identity"),
        (sql!("reports_by_contents"), "the same contents"),
    ] {
        for pass in 0..passes {
            let bound = |pass: u64| match pass == passes {
                true => vec![u8::MAX; KEY_BYTES + 1],
                false => vec![u8::try_from(pass * 256 / passes).unwrap_or(u8::MAX)],
            };
            let (begin, end) = (if pass == 0 { Vec::new() } else { bound(pass) }, bound(pass + 1));
            let mut seen: HashMap<Vec<u8>, Vec<Seen>> = HashMap::new();
            for (member, domain) in members.iter().enumerate() {
                let args = Args::default().int(domain.id.0).blob(&begin).blob(&end);
                conn.walk(statement, args, |row| {
                    let one = Seen {
                        member,
                        no: ReportNo(row.int("report_no")?),
                        content: row.blob("content_key")?.to_vec(),
                        sliced: row.flag("sliced")?,
                    };
                    seen.entry(row.blob("known_by")?.to_vec()).or_default().push(one);
                    Ok(true)
                })
                .await?;
            }
            for group in seen.values().filter(|group| group.len() > 1) {
                let is_sliced = group.iter().all(|one| one.sliced && one.content == group[0].content);
                if is_sliced && are_disjoint(conn, members, group).await? {
                    continue;
                }
                let (first, second) = (&group[0], &group[1]);
                found.push(Discrepancy {
                    domain: members[second.member].name.clone(),
                    what: format!(
                        "report {} counts, and so does report {} of {}, which has {what}",
                        second.no, first.no, members[first.member].name
                    ),
                });
            }
        }
    }
    Ok(())
}

/// Whether no record is in two of the slices: each is about its own domain, and no closer one of these.
async fn are_disjoint(conn: &mut Conn<'_>, members: &[Member], slices: &[Seen]) -> Result<bool, StoreError> {
    for (nth, slice) in slices.iter().enumerate() {
        let own = &members[slice.member];
        let closer = |name: &str| {
            let others = slices.iter().enumerate().filter(|(other, _)| *other != nth);
            let mut others = others.map(|(_, other)| &*members[other.member].name);
            others.any(|other| belonging::is_at_or_below(name, other) && belonging::is_at_or_below(other, &own.name))
        };
        let mut from = 0;
        loop {
            let page = records::page(conn, own.id, slice.no, from, records::ROW_RECORDS).await?;
            for record in page.stored(conn).await? {
                let name = record.evidence.header_from.as_deref().unwrap_or_default();
                if !belonging::is_at_or_below(name, &own.name) || closer(name) {
                    return Ok(false);
                }
            }
            from += page.records.len() as u64;
            if page.records.len() < records::ROW_RECORDS {
                break;
            }
        }
    }
    Ok(true)
}
