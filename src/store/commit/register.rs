//! The known texts that a batch's reports may meet, over all domain rows that may have them.
//!
//! A text is known by its contents within an account. It has one row, or, where it is sliced, one in each of several
//! domains.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use crate::base::{AccountId, Authenticated, DomainId, ReportNo};
use crate::report::aggregate::{ContentKey, IdentityKey, PieceKey};

use super::super::db::{Args, Conn, Row};
use super::super::sql::sql;
use super::super::{Acceptance, NewMessage, StoreError, bulk};
use super::place::{Batch, Claim};
use super::report_of;

/// A row of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownRow {
    pub domain: DomainId,
    pub no: ReportNo,
    pub sliced: bool,
    /// Whether it may count, and whether it does.
    pub acceptance: Acceptance,
    pub counted: bool,
    /// The verdict on the mail that carried it, as its sums have it. The slices of a text may differ: the mail of one alone is checked
    /// again while it is held.
    pub authenticated: Authenticated,
    /// Position in [`super::decide::Decisions::all`] if it arrived in this batch.
    pub here: Option<usize>,
}

/// A text, identified by its keys.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub rows: Vec<KnownRow>,
    pub content: ContentKey,
    pub identity: IdentityKey,
    /// Whether one of its rows counts.
    pub counted: bool,
    /// The best verdict on a row.
    pub authenticated: Authenticated,
    /// Whether its figures can still be recounted, so that it can win or lose.
    pub records_kept: bool,
    /// Whether the text was cut off.
    pub cut: bool,
    pub arrivals: i64,
    pub records: u64,
    pub messages: u64,
    /// Whether another text has replaced it.
    pub replaced: bool,
}

/// The weight of a text among others of its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    pub is_vouched: bool,
    pub may_count: bool,
}

impl Known {
    fn weight(&self) -> Weight {
        Weight {
            is_vouched: self.authenticated == Authenticated::Pass,
            may_count: self.may_count(),
        }
    }

    /// Its rows by their domains.
    pub fn by_domain(&self) -> HashMap<DomainId, KnownRow> {
        // The first of several about one domain.
        self.rows.iter().rev().map(|row| (row.domain, *row)).collect()
    }

    pub fn no(&self) -> ReportNo {
        self.rows.iter().map(|row| row.no).min().unwrap_or(ReportNo(0))
    }

    /// Whether one of its rows may count.
    pub fn may_count(&self) -> bool {
        self.rows.iter().any(|row| row.acceptance.may_count())
    }

    /// Whether the owner has decided this about one of its rows.
    pub fn is(&self, acceptance: Acceptance) -> bool {
        self.rows.iter().any(|row| row.acceptance == acceptance)
    }
}

/// The better of two verdicts: what was vouched for once stays so.
pub(super) fn better(before: Authenticated, now: Authenticated) -> Authenticated {
    if now == Authenticated::Pass { now } else { before }
}

/// Everything known that the batch's reports may meet.
#[derive(Default)]
pub(super) struct Register {
    pub texts: Vec<Known>,
    by_content: HashMap<(AccountId, ContentKey), usize>,
    by_identity: HashMap<(AccountId, IdentityKey), Vec<usize>>,
    by_piece: HashMap<(AccountId, PieceKey), Vec<usize>>,
    /// The rows that were read.
    read: HashSet<ReportNo>,
}

impl Register {
    /// The text with these contents.
    pub fn of_content(&self, account: AccountId, content: ContentKey) -> Option<usize> {
        self.by_content.get(&(account, content)).copied()
    }

    /// The texts of an identity that are not replaced. They are few: see [`super::decide`].
    pub fn of_identity(&mut self, account: AccountId, identity: IdentityKey) -> Vec<usize> {
        let Some(all) = self.by_identity.get_mut(&(account, identity)) else {
            return Vec::new();
        };
        // A replaced text is dropped here once.
        all.retain(|&nth| !self.texts[nth].replaced);
        all.sort_by_key(|&nth| self.texts[nth].no());
        all.clone()
    }

    /// Number of kept versions of a report that have this weight, without `pieces`. Vouched, countable and held versions
    /// are counted separately, so that no stranger can crowd out the reporter's version by sending others first.
    pub fn versions(&mut self, account: AccountId, identity: IdentityKey, weight: Weight, pieces: &[usize]) -> usize {
        let group = self.of_identity(account, identity);
        let same = |nth: &&usize| self.texts[**nth].weight() == weight;
        group.iter().filter(same).filter(|nth| !pieces.contains(*nth)).count()
    }

    /// The texts without an id that may be pieces of one.
    pub fn of_piece(&mut self, account: AccountId, piece: PieceKey) -> Vec<usize> {
        let Some(all) = self.by_piece.get_mut(&(account, piece)) else {
            return Vec::new();
        };
        all.retain(|&nth| !self.texts[nth].replaced);
        all.clone()
    }

    /// Adds a text of this batch.
    pub fn add(&mut self, account: AccountId, piece: Option<PieceKey>, known: Known) -> usize {
        let nth = self.texts.len();
        self.by_content.insert((account, known.content), nth);
        self.by_identity.entry((account, known.identity)).or_default().push(nth);
        self.texts.push(known);
        if let Some(piece) = piece {
            self.add_piece(account, piece, nth);
        }
        nth
    }

    fn add_piece(&mut self, account: AccountId, piece: PieceKey, nth: usize) {
        let known = self.by_piece.entry((account, piece)).or_default();
        if known.len() >= PIECES_MAX {
            known.retain(|&nth| !self.texts[nth].replaced);
        }
        if known.len() < PIECES_MAX && !known.contains(&nth) {
            known.push(nth);
        }
    }

    /// Notes that another text has replaced a text. Its contents are unknown again.
    pub fn replace(&mut self, account: AccountId, nth: usize) {
        self.texts[nth].replaced = true;
        self.by_content.remove(&(account, self.texts[nth].content));
    }

    /// Notes a row that was read.
    pub fn found(&mut self, account: AccountId, row: &Row) -> Result<usize, StoreError> {
        let no = ReportNo(row.int("report_no")?);
        let damaged = |what| StoreError::damaged("reports", no, what);
        let content =
            ContentKey::from_slice(row.blob("content_key")?).ok_or_else(|| damaged("content key is not 16 bytes"))?;
        let identity = IdentityKey::from_slice(row.blob("identity_key")?)
            .ok_or_else(|| damaged("identity key is not 16 bytes"))?;
        let known_row = KnownRow {
            domain: DomainId(row.int("domain_id")?),
            no,
            sliced: row.flag("sliced")?,
            acceptance: row.checked("acceptance", "is not an acceptance", Acceptance::from_code)?,
            counted: row.flag("counted")?,
            authenticated: row.checked("authenticated", "is not a verdict", Authenticated::from_code)?,
            here: None,
        };
        let (records, messages) = (row.count("records")?, row.count("messages")?);
        if let Some(&nth) = self.by_content.get(&(account, content)) {
            let text = &mut self.texts[nth];
            if self.read.insert(no) {
                text.rows.push(known_row);
                text.authenticated = better(text.authenticated, known_row.authenticated);
                text.counted |= row.flag("counted")?;
                text.records_kept &= row.flag("records_kept")?;
                text.records += records;
                text.messages += messages;
            }
            return Ok(nth);
        }
        self.read.insert(no);
        let known = Known {
            rows: vec![known_row],
            content,
            identity,
            counted: row.flag("counted")?,
            authenticated: known_row.authenticated,
            records_kept: row.flag("records_kept")?,
            cut: row.flag("partial")?,
            arrivals: row.int("arrivals")?,
            records,
            messages,
            replaced: false,
        };
        Ok(self.add(account, None, known))
    }
}

/// Maximum number of texts without an id that begin alike and are compared, each with all of an arrived one.
const PIECES_MAX: usize = 8;

/// The domain rows that have slices of the sliced reports of a batch. These may be other domains than those that the
/// batch is about now.
pub(super) async fn slice_domains(
    conn: &mut Conn<'_>,
    batch: &[NewMessage],
    claims: &[Claim],
) -> Result<Vec<(AccountId, DomainId, ContentKey, IdentityKey)>, StoreError> {
    let mut sliced: Vec<&Claim> = claims.iter().filter(|claim| claim.slice.is_some()).collect();
    sliced.dedup_by_key(|claim| (claim.message, claim.report));
    if sliced.is_empty() {
        return Ok(Vec::new());
    }
    let by_identity = conn.bulk_all(&bulk::SLICES_BY_IDENTITY, &sliced, |args, claim| {
        args.push_int(claim.account.0);
        args.push_blob(&report_of(batch, claim).identity.0);
    });
    let mut rows = by_identity.await?;
    let by_content = conn.bulk_all(&bulk::SLICES_BY_CONTENT, &sliced, |args, claim| {
        args.push_int(claim.account.0);
        args.push_blob(&report_of(batch, claim).content.0);
    });
    rows.extend(by_content.await?);
    let mut domains = BTreeSet::new();
    for row in rows {
        let damaged = || StoreError::damaged("slices", "a row", "has a key that is not 16 bytes");
        let identity = IdentityKey::from_slice(row.blob("identity_key")?).ok_or_else(damaged)?;
        let content = ContentKey::from_slice(row.blob("content_key")?).ok_or_else(damaged)?;
        domains.insert((
            AccountId(row.int("account_id")?),
            DomainId(row.int("domain_id")?),
            content,
            identity,
        ));
    }
    Ok(domains.into_iter().collect())
}

/// Reads what is known. `None` if slices are in domains that are not held.
pub(super) async fn register(conn: &mut Conn<'_>, batch: Batch<'_>) -> Result<Option<Register>, StoreError> {
    let mut register = Register::default();
    let mut accounts: HashMap<DomainId, AccountId> = HashMap::new();
    let (mut contents, mut identities, mut pieces) = (Vec::new(), HashSet::new(), Vec::new());
    for claim in batch.claims {
        let new = batch.report_of(claim);
        let above = batch.placed.above.get(&claim.domain).into_iter().flatten().copied();
        for domain in std::iter::once(claim.domain).chain(above) {
            accounts.insert(domain, claim.account);
            contents.push((domain, new.content));
            identities.insert((domain, new.identity));
        }
        pieces.extend(new.piece.map(|piece| (claim.domain, piece)));
    }
    if batch.claims.iter().any(|claim| claim.slice.is_some()) {
        for (account, domain, content, identity) in slice_domains(conn, batch.messages, batch.claims).await? {
            if batch.held.binary_search(&domain).is_err() {
                return Ok(None);
            }
            accounts.insert(domain, account);
            contents.push((domain, content));
            identities.insert((domain, identity));
        }
    }
    contents.sort_unstable();
    contents.dedup();
    let rows = conn.bulk_all(&bulk::REPORT_BY_CONTENT, &contents, |args, (domain, content)| {
        args.push_int(domain.0);
        args.push_blob(&content.0);
    });
    for row in rows.await? {
        let domain = DomainId(row.int("domain_id")?);
        let nth = register.found(account_of(&accounts, domain)?, &row)?;
        // Every identity that may change needs its whole group: new identities, and duplicates under another id.
        identities.insert((domain, register.texts[nth].identity));
    }
    let mut identities: Vec<_> = identities.into_iter().collect();
    identities.sort_unstable();
    let rows = conn.bulk_all(&bulk::REPORT_BY_IDENTITY, &identities, |args, (domain, identity)| {
        args.push_int(domain.0);
        args.push_blob(&identity.0);
    });
    for row in rows.await? {
        register.found(account_of(&accounts, DomainId(row.int("domain_id")?))?, &row)?;
    }
    pieces.sort_unstable();
    pieces.dedup();
    for (domain, piece) in pieces {
        let account = account_of(&accounts, domain)?;
        let args = Args::default().int(domain.0).blob(&piece.0).int(PIECES_MAX as i64);
        for row in conn.all(sql!("report_by_piece"), args).await? {
            let nth = register.found(account, &row)?;
            register.add_piece(account, piece, nth);
        }
    }
    Ok(Some(register))
}

fn account_of(accounts: &HashMap<DomainId, AccountId>, domain: DomainId) -> Result<AccountId, StoreError> {
    let account = accounts.get(&domain).copied();
    account.ok_or_else(|| StoreError::damaged("reports", domain, "another domain's row was read"))
}
