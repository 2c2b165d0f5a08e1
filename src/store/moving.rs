//! Reports move within an account when a domain is added or removed, so that each is where it belongs: see
//! `belonging.rs`. The caller holds the rows of all domains that are named here.
//!
//! A report whose records have gone stays where it is when a domain below is added: its share of the day's sums is not
//! known. It is found there all the same (`commit/register.rs`). When its domain is removed, the sums move as a whole.
//!
//! Linear in the reports that move, and a few at a time are in memory.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::{AccountId, Authenticated, Day, DomainId, ReportNo, ancestors};

use super::carried::{Carried, Place, erase, put, take};
use super::db::{Args, Conn, Value};
use super::facets::{FacetKey, FacetKind, FacetSums};
use super::memory::Memory;
use super::moves::{Moves, ReportFigures};
use super::rollup::{self, Change};
use super::sql::sql;
use super::{Acceptance, StoreError, acceptance, belonging, bulk, failures, paths, reports, tls};
use crate::tally::{Carrier, DaySources};

/// Reports that are carried at a time, and records; a larger report goes by itself.
const REPORTS_AT_ONCE: usize = 64;
const RECORDS_AT_ONCE: u64 = 50_000;

/// The account's closest domain above a name.
pub(super) async fn closest_above(
    conn: &mut Conn<'_>,
    account: AccountId,
    name: &str,
) -> Result<Option<Place>, StoreError> {
    for above in ancestors(name) {
        let args = Args::default().int(account.0).text(above);
        if let Some(row) = conn.first(sql!("domain_by_name"), args).await? {
            let (id, name) = (DomainId(row.int("domain_id")?), above.into());
            return Ok(Some(Place { id, name }));
        }
    }
    Ok(None)
}

/// The domains that reports may leave when a domain of this name is added.
pub(super) async fn givers(conn: &mut Conn<'_>, account: AccountId, name: &str) -> Result<Vec<DomainId>, StoreError> {
    if let Some(above) = closest_above(conn, account, name).await? {
        return Ok(vec![above.id]);
    }
    let slices = slices_about(conn, account, name).await?;
    Ok(slices.iter().map(|(_, domain, _)| *domain).collect())
}

/// The slices of texts about names at or below this one: content key, domain, number.
async fn slices_about(
    conn: &mut Conn<'_>,
    account: AccountId,
    name: &str,
) -> Result<Vec<(Vec<u8>, DomainId, ReportNo)>, StoreError> {
    let range = belonging::at_or_below(name);
    let args = Args::default().int(account.0).blob(&range.start).blob(&range.end);
    let rows = conn.all(sql!("slices_of_policy"), args).await?;
    let slice = |row: &super::db::Row| {
        Ok((
            row.blob("content_key")?.to_vec(),
            DomainId(row.int("domain_id")?),
            ReportNo(row.int("report_no")?),
        ))
    };
    rows.iter().map(slice).collect()
}

/// Moves to a domain what belongs to it since it is there. False if that would take from domains that are not `held`.
pub(super) async fn gather(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    to: &Place,
    held: &[DomainId],
) -> Result<bool, StoreError> {
    let givers = givers(conn, account, &to.name).await?;
    if !givers.iter().all(|giver| held.contains(giver)) {
        return Ok(false);
    }
    let mut moving = Moving::new(account, to.clone());
    let Some(from) = closest_above(conn, account, &to.name).await? else {
        moving.unite_slices(conn, memory).await?;
        return Ok(true);
    };
    let range = belonging::at_or_below(&to.name);
    let whole = reports_about(conn, from.id, &range.start, &range.end).await?;
    moving.carry(conn, memory, &from, &whole).await?;
    tls::gather(conn, &from, to).await?;
    failures::gather(conn, &from, to).await?;
    // Slices of what is about names above the domain they are in: the records about the new one and below leave it.
    for above in ancestors(&from.name) {
        let begin = belonging::turned(above);
        let mut end = begin.clone();
        end.push(0);
        let slices = reports_about(conn, from.id, &begin, &end).await?;
        moving.split(conn, memory, &from, &slices).await?;
    }
    Ok(true)
}

/// Moves everything that a domain has to the one above it, before it is removed.
pub(super) async fn hand_over(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    from: &Place,
    to: &Place,
) -> Result<(), StoreError> {
    let mut moving = Moving::new(account, to.clone());
    let mut after = 0;
    loop {
        let args = Args::default().int(from.id.0).int(after).int(1_000);
        let rows = conn.all(sql!("reports_numbers"), args).await?;
        let Some(last) = rows.last() else { break };
        after = last.int("report_no")?;
        let numbers: Result<Vec<_>, StoreError> = rows.iter().map(numbered).collect();
        moving.carry(conn, memory, from, &numbers?).await?;
    }
    moving.sums(conn, memory, from.id).await?;
    tls::hand_over(conn, from, to).await?;
    failures::hand_over(conn, from, to).await
}

fn numbered(row: &super::db::Row) -> Result<(ReportNo, u64), StoreError> {
    Ok((ReportNo(row.int("report_no")?), row.count("records")?))
}

async fn reports_about(
    conn: &mut Conn<'_>,
    domain: DomainId,
    begin: &[u8],
    end: &[u8],
) -> Result<Vec<(ReportNo, u64)>, StoreError> {
    let args = Args::default().int(domain.0).blob(begin).blob(end);
    let rows = conn.all(sql!("reports_of_policy"), args).await?;
    let mut reports = rows.iter().map(numbered).collect::<Result<Vec<_>, _>>()?;
    // In the order of arrival.
    reports.sort_unstable();
    Ok(reports)
}

/// A move to one domain.
struct Moving {
    account: AccountId,
    to: Place,
}

/// Pieces of a list, each of as many reports as are carried at a time.
fn pieces(mut reports: &[(ReportNo, u64)]) -> Vec<Vec<ReportNo>> {
    let mut pieces = Vec::new();
    while !reports.is_empty() {
        let (mut count, mut records) = (0, 0);
        for (_, of_report) in reports.iter().take(REPORTS_AT_ONCE) {
            if count > 0 && records + of_report > RECORDS_AT_ONCE {
                break;
            }
            records += of_report;
            count += 1;
        }
        let (piece, rest) = reports.split_at(count);
        pieces.push(piece.iter().map(|(no, _)| *no).collect());
        reports = rest;
    }
    pieces
}

impl Moving {
    fn new(account: AccountId, to: Place) -> Self {
        Self { account, to }
    }

    /// Moves reports from one domain to this one.
    async fn carry(
        &mut self,
        conn: &mut Conn<'_>,
        memory: &mut Memory,
        from: &Place,
        reports: &[(ReportNo, u64)],
    ) -> Result<(), StoreError> {
        for nos in pieces(reports) {
            let taken = take(conn, from.id, &nos).await?;
            let mut moves = Moves::default();
            for carried in &taken {
                self.figures(&mut moves, from.id, carried, Change::Subtract);
            }
            self.copy_originals(conn, from.id, &taken).await?;
            erase(conn, self.account, from.id, &taken.iter().collect::<Vec<_>>()).await?;
            remove_originals(conn, from.id, &taken).await?;
            self.receive(conn, taken, &mut moves).await?;
            moves.apply(conn, memory).await?;
        }
        Ok(())
    }

    /// Moves the records that are about this domain from slices of one above it.
    async fn split(
        &mut self,
        conn: &mut Conn<'_>,
        memory: &mut Memory,
        from: &Place,
        slices: &[(ReportNo, u64)],
    ) -> Result<(), StoreError> {
        for nos in pieces(slices) {
            let mut moves = Moves::default();
            let (mut stay, mut go) = (Vec::new(), Vec::new());
            for carried in take(conn, from.id, &nos).await? {
                let (mut leaving, mut staying) = (Vec::new(), Vec::new());
                for record in &carried.records {
                    let header_from = carried.evidence[record.evidence as usize].header_from.as_deref();
                    let leaves = belonging::is_at_or_below(header_from.unwrap_or_default(), &self.to.name);
                    if leaves { &mut leaving } else { &mut staying }.push(*record);
                }
                if leaving.is_empty() {
                    continue;
                }
                self.figures(&mut moves, from.id, &carried, Change::Subtract);
                self.copy_originals(conn, from.id, std::slice::from_ref(&carried))
                    .await?;
                erase(conn, self.account, from.id, &[&carried]).await?;
                let mut leaver = carried.clone();
                leaver.refill(leaving);
                if staying.is_empty() {
                    remove_originals(conn, from.id, std::slice::from_ref(&carried)).await?;
                } else {
                    let number = memory.reports.take(conn, "report", 1).await?;
                    leaver.set_int("report_no", number);
                    let mut stayer = carried;
                    stayer.refill(staying);
                    stay.push(stayer);
                }
                go.push(leaver);
            }
            for stayer in &stay {
                self.figures(&mut moves, from.id, stayer, Change::Add);
            }
            put(conn, self.account, from, &mut stay).await?;
            self.receive(conn, go, &mut moves).await?;
            moves.apply(conn, memory).await?;
        }
        Ok(())
    }

    /// Moves the slices of each text that is about this domain or a name below into one row.
    async fn unite_slices(&mut self, conn: &mut Conn<'_>, memory: &mut Memory) -> Result<(), StoreError> {
        let slices = slices_about(conn, self.account, &self.to.name).await?;
        for text in slices.chunk_by(|a, b| a.0 == b.0) {
            for (_, domain, no) in text {
                let from = Place {
                    id: *domain,
                    name: Box::default(),
                };
                self.carry(conn, memory, &from, &[(*no, 0)]).await?;
            }
        }
        Ok(())
    }

    /// Puts what was carried here into this domain, where some of it may be already.
    async fn receive(
        &mut self,
        conn: &mut Conn<'_>,
        carried: Vec<Carried>,
        moves: &mut Moves,
    ) -> Result<(), StoreError> {
        let to = self.to.id;
        let known = conn.bulk_all(&bulk::REPORT_BY_CONTENT, &carried, |args, carried| {
            args.push_int(to.0);
            args.push_blob(&carried.content.0);
        });
        let mut there = HashMap::new();
        for row in known.await? {
            there.insert(row.blob("content_key")?.to_vec(), ReportNo(row.int("report_no")?));
        }
        let mut identities: Vec<_> = carried.iter().map(|carried| carried.identity).collect();
        let mut fresh = Vec::new();
        for one in carried {
            match there.get(&one.content.0[..]) {
                None => fresh.push(one),
                Some(&no) => {
                    let known = take(conn, to, &[no]).await?.pop();
                    let known = known.ok_or_else(|| StoreError::damaged("reports", no, "is missing"))?;
                    self.figures(moves, to, &known, Change::Subtract);
                    erase(conn, self.account, to, &[&known]).await?;
                    fresh.push(self.united(known, one));
                }
            }
        }
        for one in &fresh {
            self.figures(moves, to, one, Change::Add);
        }
        put(conn, self.account, &self.to, &mut fresh).await?;
        identities.sort_unstable();
        identities.dedup();
        let rows = conn.bulk_all(&bulk::REPORT_BY_IDENTITY, &identities, |args, identity| {
            args.push_int(to.0);
            args.push_blob(&identity.0);
        });
        let mut groups: HashMap<Vec<u8>, Vec<ReportNo>> = HashMap::new();
        for row in rows.await? {
            let group = groups.entry(row.blob("identity_key")?.to_vec()).or_default();
            group.push(ReportNo(row.int("report_no")?));
        }
        for group in groups.values().filter(|group| group.len() > 1) {
            self.settle(conn, group, moves).await?;
        }
        Ok(())
    }

    /// One row of two with the same contents.
    fn united(&self, known: Carried, one: Carried) -> Carried {
        let both_sliced = known.sliced() && one.sliced();
        // Sums without records stay as they are; else the whole rather than a slice.
        let keeps_known = !known.records_kept() && (known.counted() || !one.records_kept())
            || known.records_kept() && (!known.sliced() || one.sliced() || !one.records_kept());
        let (mut kept, other) = if keeps_known { (known, one) } else { (one, known) };
        if both_sliced && kept.records_kept() && other.records_kept() {
            kept.join(other.clone());
        }
        // Sums without records stay as they are.
        let acceptance = match kept.counted() && !kept.records_kept() {
            true => kept.acceptance(),
            false => kept.acceptance().joined(other.acceptance()),
        };
        let counted = kept.counted() || other.counted() && kept.records_kept();
        let counted = counted && acceptance.may_count();
        kept.set_int("acceptance", acceptance.code());
        let history = acceptance::joined(kept.history(), other.history());
        kept.set("history", Value::Text(history));
        kept.set_int("counted", counted.into());
        kept.set_int("partial", (kept.cut() && other.cut()).into());
        let arrivals = match both_sliced {
            // Both count the same arrivals.
            true => kept.int("arrivals").max(other.int("arrivals")),
            false => kept.int("arrivals") + other.int("arrivals"),
        };
        kept.set_int("arrivals", arrivals);
        // Sums without records stay with those of the carrier that they were counted for.
        let is_fixed = kept.counted() && !kept.records_kept();
        if other.authenticated() == Authenticated::Pass && !is_fixed {
            kept.set_int("authenticated", Authenticated::Pass.code());
        }
        kept
    }

    /// Lets the right report of one identity count. `commit/decide.rs` has the rules.
    async fn settle(&mut self, conn: &mut Conn<'_>, group: &[ReportNo], moves: &mut Moves) -> Result<(), StoreError> {
        let mut members = take(conn, self.to.id, group).await?;
        members.sort_by_key(Carried::no);
        let passed = |one: &Carried| one.authenticated() == Authenticated::Pass;
        let accepted = |one: &Carried| one.acceptance() == Acceptance::Accepted;
        let whole = members.iter().any(|one| !one.cut() && one.acceptance().may_count());
        let vouched = members
            .iter()
            .any(|one| !one.cut() && passed(one) && one.acceptance().may_count());
        // A piece is not a statement next to the whole, unless it alone is vouched for.
        let may_count = |one: &Carried| one.acceptance().may_count();
        let is_statement = |one: &Carried| !whole || !one.cut() || passed(one) && !vouched;
        let pick = |wanted: &dyn Fn(&Carried) -> bool| {
            let wanted = |one: &Carried| one.records_kept() && may_count(one) && is_statement(one) && wanted(one);
            let counted = members.iter().position(|one| one.counted() && wanted(one));
            counted.or_else(|| members.iter().position(wanted))
        };
        let fixed = members.iter().position(|one| one.counted() && !one.records_kept());
        let winner = fixed.or_else(|| pick(&accepted)).or_else(|| pick(&passed));
        let winner = winner.or_else(|| pick(&|_| true));
        for (nth, one) in members.iter().enumerate() {
            let counts = Some(nth) == winner;
            if one.counted() == counts || !one.records_kept() {
                continue;
            }
            let args = Args::default().int(self.to.id.0).int(one.no().0).int(counts.into());
            conn.run(sql!("report_set_counted"), args).await?;
            let mut one = one.clone();
            one.set_int("counted", 1);
            let change = if counts { Change::Add } else { Change::Subtract };
            self.figures(moves, self.to.id, &one, change);
        }
        Ok(())
    }

    /// Moves the roll-ups of a report, if it counts and can be recounted.
    fn figures(&self, moves: &mut Moves, domain: DomainId, carried: &Carried, change: Change) {
        if carried.counted() && carried.records_kept() {
            let (_, days) = carried.figures();
            let figures = ReportFigures {
                window: carried.window(),
                org_name: carried.org_name(),
                carrier: Carrier::from_verdict(carried.authenticated()),
                days: &days,
            };
            moves.report(domain, &figures, change);
        }
    }

    async fn copy_originals(&self, conn: &mut Conn<'_>, from: DomainId, reports: &[Carried]) -> Result<(), StoreError> {
        for carried in reports {
            if let Some(no) = carried.original_no() {
                let args = Args::default().int(from.0).int(no.0);
                if let Some(row) = conn.first(sql!("original_by_no"), args).await? {
                    let (received_at, digest) = (row.int("received_at")?, row.blob("digest")?);
                    let (unpacked_len, bytes) = (row.opt_int("unpacked_len")?, row.blob("bytes")?);
                    let keys = row.opt_text("mail_keys")?;
                    conn.bulk(&bulk::ORIGINAL_PUT, &[()], |args, ()| {
                        args.push_int(self.to.id.0);
                        args.push_int(no.0);
                        args.push_int(received_at);
                        args.push_blob(digest);
                        args.push_opt_int(unpacked_len);
                        args.push_opt_text(keys.as_deref());
                        args.push_blob(bytes);
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }

    /// Moves all sums that a domain has left: those of reports whose records have gone.
    async fn sums(&self, conn: &mut Conn<'_>, memory: &mut Memory, from: DomainId) -> Result<(), StoreError> {
        let mut moves = Moves::default();
        let always = || Args::default().int(from.0).int(i32::MIN.into()).int(i32::MAX.into());
        for row in conn.all(sql!("daily_totals_range"), always()).await? {
            let day = Day(i32::try_from(row.int("day")?).map_err(|_| damaged("daily_totals", from))?);
            let carrier = row.checked("vouched", "is not 0 or 1", Carrier::from_code)?;
            moves.day(self.to.id, (day, carrier), &reports::totals(&row)?, row.int("reports")?);
        }
        let paths = Arc::new(paths::read(conn, from).await?);
        let slots = rollup::slots(Day(i32::MIN), Day(i32::MAX));
        let args = Args::default().int(from.0).int(*slots.start()).int(*slots.end());
        for row in conn.all(sql!("daily_sources_range"), args).await? {
            let entries = rollup::unpack(row.blob("sources")?).ok_or_else(|| damaged("daily_sources", from))?;
            if entries.iter().any(|entry| entry.way.path() as usize >= paths.len()) {
                return Err(damaged("daily_sources", from));
            }
            let day = rollup::day_of(row.int("slot")?).ok_or_else(|| damaged("daily_sources", from))?;
            let paths = Arc::clone(&paths);
            moves.sources(self.to.id, day, Arc::new(DaySources { paths, entries }));
        }
        for row in conn.all(sql!("daily_facets_all"), Args::default().int(from.0)).await? {
            let key = FacetKey {
                kind: FacetKind::from_code(row.int("kind")?).ok_or_else(|| damaged("daily_facets", from))?,
                day: Day(i32::try_from(row.int("day")?).map_err(|_| damaged("daily_facets", from))?),
                facet: row.text("facet")?,
                detail: row.text("detail")?,
            };
            let sums = FacetSums {
                pass: row.int("pass")?,
                fail: row.int("fail")?,
                reports: row.int("reports")?,
                until: row
                    .opt_int("until_day")?
                    .and_then(|day| i32::try_from(day).ok())
                    .map(Day),
            };
            moves.facet(self.to.id, key, &sums);
        }
        moves.apply(conn, memory).await.map(drop)
    }
}

fn damaged(table: &'static str, domain: DomainId) -> StoreError {
    StoreError::damaged(table, domain, "cannot be read")
}

/// Removes the originals of reports that have left a domain, unless others of it came in them.
async fn remove_originals(conn: &mut Conn<'_>, from: DomainId, reports: &[Carried]) -> Result<(), StoreError> {
    let mut numbers: Vec<_> = reports.iter().filter_map(Carried::original_no).collect();
    numbers.sort_unstable();
    numbers.dedup();
    conn.bulk(&bulk::ORIGINAL_REMOVE_UNSHARED, &numbers, |args, no| {
        args.push_int(from.0);
        args.push_int(no.0);
    })
    .await
}
