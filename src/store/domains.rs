//! Domain rows.

use std::collections::{BTreeSet, HashSet};

use crate::base::{
    AccountId, DomainId, DomainName, DomainStatus, FailureReports, Millis, Region, Tags, TlsMode, ancestors,
};

use super::carried::Place;
use super::db::{Args, Conn, Lock, Row, Statement};
use super::memory::Memory;
use super::sql::sql;
use super::{Domain, DomainChanges, NewDomain, Store, StoreError, bulk, moving, targets};

impl Store {
    /// Adds a domain, pending. Reports of the account that belong to it from now on move to it in the same
    /// transaction. The caller starts a replay, which counts unclaimed ones.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the account has a domain of that name.
    pub async fn add_domain(&self, account: AccountId, domain: NewDomain, now: Millis) -> Result<Domain, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        let name = domain.name.clone();
        let fresh = Fresh { account, domain, now };
        let Some(id) = add(&mut conn, memory, fresh).await? else {
            return Err(StoreError::Exists(format!("domain {name}")));
        };
        let args = Args::default().int(account.0).int(id.0);
        let row = conn.first(sql!("domain_by_id"), args).await?;
        let domain = row.as_ref().map(self::domain).transpose()?;
        let domain = domain.ok_or_else(|| StoreError::damaged("domains", id, "was not kept"))?;
        write.commit().await?;
        Ok(domain)
    }

    /// The account's domains, newest first.
    pub async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, StoreError> {
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn)
            .all(sql!("domain_list"), Args::default().int(account.0))
            .await?;
        rows.iter().map(domain).collect()
    }

    /// The account's domain with this public id.
    pub async fn domain(&self, account: AccountId, public_id: &str) -> Result<Option<Domain>, StoreError> {
        self.one_domain(
            sql!("domain_by_public_id"),
            Args::default().int(account.0).text(public_id),
        )
        .await
    }

    /// The account's domain of this name.
    pub async fn domain_by_name(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, StoreError> {
        self.one_domain(
            sql!("domain_by_name"),
            Args::default().int(account.0).text(name.as_str()),
        )
        .await
    }

    /// Domains of the account that have one of these names, or whose settings have a CNAME record at one of them; at
    /// most a hundred.
    pub async fn domains_at_names(
        &self,
        account: AccountId,
        names: [Option<&DomainName>; 3],
    ) -> Result<Vec<Domain>, StoreError> {
        let mut args = Args::default().int(account.0);
        for name in names {
            // No domain has an empty name.
            args = args.text(name.map_or("", DomainName::as_str));
        }
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("domains_at_names"), args).await?;
        rows.iter().map(domain).collect()
    }

    /// The account's domain row.
    pub async fn domain_by_id(&self, account: AccountId, id: DomainId) -> Result<Option<Domain>, StoreError> {
        self.one_domain(sql!("domain_by_id"), Args::default().int(account.0).int(id.0))
            .await
    }

    /// The domain, of whatever account, whose own report address has this local part.
    pub async fn domain_by_rua_token(&self, token: &str) -> Result<Option<Domain>, StoreError> {
        self.one_domain(sql!("domain_by_rua_token"), Args::default().text(token))
            .await
    }

    /// The rows of this name in all accounts, oldest first.
    pub async fn domains_of_name(&self, name: &DomainName) -> Result<Vec<Domain>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let rows = Conn(&mut conn)
            .all(sql!("domains_of_name"), Args::default().text(name.as_str()))
            .await?;
        rows.iter().map(domain).collect()
    }

    async fn one_domain(&self, sql: &'static Statement, args: Args) -> Result<Option<Domain>, StoreError> {
        let mut conn = self.read_urgent().await?;
        let row = Conn(&mut conn).first(sql, args).await?;
        row.as_ref().map(domain).transpose()
    }

    /// Changes settings of the account's domain; its next check is due at once. Returns the domain as it is then, `None` if
    /// the account has no such domain.
    pub async fn update_domain(
        &self,
        account: AccountId,
        id: DomainId,
        changes: DomainChanges,
        now: Millis,
    ) -> Result<Option<Domain>, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // Two concurrent changes are both made: the second reads what the first wrote.
        if conn.hold(vec![id]).await?.is_empty() {
            return Ok(None);
        }
        let args = Args::default().int(account.0).int(id.0);
        let Some(row) = conn.first(sql!("domain_by_id"), args).await? else {
            return Ok(None);
        };
        let before = domain(&row)?;
        let kept_before = before.failure_reports;
        let domain = changes.applied_to(before, now);
        let args = Args::default()
            .int(account.0)
            .int(id.0)
            .int(domain.tls_mode.code())
            .int(domain.open_tracking.into())
            .int(domain.click_tracking.into())
            .int(domain.inbound_enabled.into())
            .int(domain.catch_all.into())
            .opt_text(domain.custom_return_path.as_ref().map(DomainName::as_str))
            .opt_text(domain.tracking_domain.as_ref().map(DomainName::as_str))
            .opt_text(domain.bimi_logo_url.as_deref())
            .int(domain.updated_at)
            .opt_text(Some(domain.tags.to_string()).filter(|tags| !tags.is_empty()).as_deref())
            .int(domain.failure_reports.code());
        conn.run(sql!("domain_update"), args).await?;
        if domain.failure_reports != kept_before {
            if domain.failure_reports != FailureReports::Headers {
                let args = Args::default().int(id.0);
                conn.run(sql!("failure_forget_texts"), args).await?;
            }
            // Writers forget what they know of domains.
            conn.run(sql!("domains_changed"), Args::default()).await?;
        }
        write.commit().await?;
        Ok(Some(domain))
    }

    /// Removes the domain, and revokes keys bound to it. Its reports move to the closest domain above it that the account
    /// has, in the same transaction, or are removed if there is none. Returns false if the account has no such domain.
    pub async fn remove_domain(&self, account: AccountId, public_id: &str, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        conn.lock(Lock::Names).await?;
        let args = Args::default().int(account.0).text(public_id);
        let Some(row) = conn.first(sql!("domain_by_public_id"), args).await? else {
            return Ok(false);
        };
        let (id, name) = (row.int("domain_id")?, Box::<str>::from(row.text("name")?));
        let above = moving::closest_above(&mut conn, account, &name).await?;
        let held = std::iter::once(DomainId(id)).chain(above.iter().map(|above| above.id));
        if !conn.hold(held.collect()).await?.contains(&DomainId(id)) {
            return Ok(false);
        }
        // Evidence may have been deleted during the wait.
        memory.refresh(&mut conn).await?;
        if let Some(above) = above {
            let from = Place { id: DomainId(id), name };
            moving::hand_over(&mut conn, memory, account, &from, &above).await?;
        }
        conn.run(sql!("slices_of_domain_remove"), Args::default().int(account.0).int(id))
            .await?;
        for clear in [
            sql!("domain_clear_records"),
            sql!("domain_clear_reports"),
            sql!("domain_clear_evidence"),
            sql!("domain_clear_daily_totals"),
            sql!("domain_clear_daily_sources"),
            sql!("domain_clear_paths"),
            sql!("domain_clear_daily_facets"),
            sql!("domain_clear_originals"),
            sql!("domain_clear_checks"),
            sql!("domain_clear_decisions"),
            sql!("domain_clear_owner_changes"),
            sql!("domain_clear_findings"),
            sql!("domain_clear_dkim_key"),
            sql!("domain_clear_dkim_rotation"),
            sql!("domain_clear_tls_reports"),
            sql!("domain_clear_daily_tls"),
            sql!("domain_clear_failure_reports"),
        ] {
            conn.run(clear, Args::default().int(id)).await?;
        }
        // Only after the slow work: from here on, every batch that sets a message aside waits.
        conn.lock(Lock::SetAsideAlone).await?;
        conn.run(sql!("domain_clear_set_aside"), Args::default().int(account.0).int(id))
            .await?;
        conn.run(
            sql!("keys_of_domain_revoke"),
            Args::default().int(account.0).int(id).int(now),
        )
        .await?;
        targets::domain_removed(&mut conn, account, DomainId(id), now).await?;
        conn.run(sql!("domain_remove"), Args::default().int(account.0).int(id))
            .await?;
        conn.run(sql!("domains_changed"), Args::default()).await?;
        write.commit().await?;
        Ok(true)
    }
}

/// Adds a domain, and moves to it what belongs to it from now on. `None` if the account has one of that name.
pub(super) async fn add(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    fresh: Fresh,
) -> Result<Option<DomainId>, StoreError> {
    let account = fresh.account;
    // No other transaction adds or removes domains, so the closest domains stay as found.
    conn.lock(Lock::Names).await?;
    let name = fresh.domain.name.as_str();
    let args = Args::default().int(account.0).text(name);
    if conn.first(sql!("domain_by_name"), args).await?.is_some() {
        return Ok(None);
    }
    let givers = moving::givers(conn, account, name).await?;
    let mut held = conn.hold(givers).await?;
    // Every transaction with unclaimed reports or slices has either seen the new domain, or is done.
    conn.lock(Lock::SetAsideAlone).await?;
    let number = memory.domain_numbers.take(conn, "domain", 1).await?;
    insert(conn, number, std::slice::from_ref(&fresh)).await?;
    memory.forget_domains();
    let id = DomainId(number);
    let to = Place { id, name: name.into() };
    let givers = moving::givers(conn, account, &to.name).await?;
    if !givers.iter().all(|giver| held.contains(giver)) {
        return Err(StoreError::Unavailable(
            std::io::Error::other("slices came for other domains while a domain was added").into(),
        ));
    }
    held.push(id);
    moving::gather(conn, memory, account, &to, &held).await?;
    conn.run(sql!("domains_changed"), Args::default()).await?;
    Ok(Some(id))
}

/// A domain to be added.
pub(super) struct Fresh {
    pub account: AccountId,
    pub domain: NewDomain,
    pub now: Millis,
}

/// Adds the domains that take nothing from others, in one statement, and returns the rest. Existing names are in neither.
pub(super) async fn add_empty(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    fresh: Vec<Fresh>,
) -> Result<Vec<Fresh>, StoreError> {
    if fresh.is_empty() {
        return Ok(fresh);
    }
    // As in `add`. Nothing is held, so the second lock can be taken at once.
    conn.lock(Lock::Names).await?;
    conn.lock(Lock::SetAsideAlone).await?;
    let wanted: BTreeSet<_> = fresh.iter().flat_map(Fresh::names).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let known = conn.bulk_all(&bulk::DOMAIN_IDS_BY_NAMES, &wanted, |args, (account, name)| {
        args.push_int(account.0);
        args.push_text(name);
    });
    let key = |row: &Row| Ok((AccountId(row.int("account_id")?), row.text("name")?));
    let known: HashSet<_> = known.await?.iter().map(key).collect::<Result<_, StoreError>>()?;
    let is_known = |account: AccountId, name: &str| known.contains(&(account, name.to_owned()));
    let accounts: HashSet<_> = fresh.iter().map(|fresh| fresh.account).collect();
    let mut with_slices = HashSet::new();
    for account in accounts {
        if conn
            .first(sql!("slices_any"), Args::default().int(account.0))
            .await?
            .is_some()
        {
            with_slices.insert(account);
        }
    }
    let (mut empty, mut receivers) = (Vec::new(), Vec::new());
    for fresh in fresh {
        let (account, name) = (fresh.account, fresh.domain.name.as_str());
        if is_known(account, name) {
            continue;
        }
        let is_below = ancestors(name).any(|above| is_known(account, above));
        let receives =
            is_below || with_slices.contains(&account) && !moving::givers(conn, account, name).await?.is_empty();
        match receives {
            true => receivers.push(fresh),
            false => empty.push(fresh),
        }
    }
    let first = memory.domain_numbers.take(conn, "domain", empty.len()).await?;
    insert(conn, first, &empty).await?;
    memory.forget_domains();
    conn.run(sql!("domains_changed"), Args::default()).await?;
    Ok(receivers)
}

impl Fresh {
    /// The name, and those above it.
    fn names(&self) -> impl Iterator<Item = (AccountId, &str)> {
        let name = self.domain.name.as_str();
        std::iter::once(name)
            .chain(ancestors(name))
            .map(|name| (self.account, name))
    }
}

/// Inserts rows of ascending numbers, except for names that their accounts have. The caller increments `domains_version`.
async fn insert(conn: &mut Conn<'_>, first: i64, fresh: &[Fresh]) -> Result<(), StoreError> {
    let mut number = first;
    conn.bulk(&bulk::DOMAIN_ADD, fresh, |args, Fresh { account, domain, now }| {
        args.push_int(number);
        number += 1;
        args.push_text(&domain.public_id);
        args.push_int(account.0);
        args.push_text(domain.name.as_str());
        args.push_int(DomainStatus::Pending.code());
        args.push_int(domain.region.code());
        args.push_int(domain.tls_mode.code());
        args.push_int(domain.open_tracking.into());
        args.push_int(domain.click_tracking.into());
        // Neither `inbound_enabled` nor `catch_all`.
        args.push_int(0);
        args.push_int(0);
        args.push_opt_text(domain.custom_return_path.as_ref().map(DomainName::as_str));
        args.push_text(&domain.rua_token);
        // `created_at`, `updated_at`, `next_check_at`.
        (0..3).for_each(|_| args.push_int(*now));
        args.push_int(1);
    })
    .await
}

pub(super) fn domain(row: &Row) -> Result<Domain, StoreError> {
    let id = row.int("domain_id")?;
    let damaged = |what: &str| StoreError::damaged("domains", id, what);
    let name = |text: String| DomainName::parse(&text).map_err(|_| damaged("holds an invalid name"));
    let tags = Tags::from_text(&row.opt_text("tags")?.unwrap_or_default());
    Ok(Domain {
        id: DomainId(id),
        public_id: row.text("public_id")?,
        account: AccountId(row.int("account_id")?),
        name: name(row.text("name")?)?,
        status: DomainStatus::from_code(row.int("status")?).ok_or_else(|| damaged("unknown status"))?,
        region: Region::from_code(row.int("region")?).ok_or_else(|| damaged("unknown region"))?,
        tls_mode: TlsMode::from_code(row.int("tls_mode")?).ok_or_else(|| damaged("unknown tls mode"))?,
        open_tracking: row.flag("open_tracking")?,
        click_tracking: row.flag("click_tracking")?,
        inbound_enabled: row.flag("inbound_enabled")?,
        catch_all: row.flag("catch_all")?,
        custom_return_path: row.opt_text("custom_return_path")?.map(name).transpose()?,
        tracking_domain: row.opt_text("tracking_domain")?.map(name).transpose()?,
        bimi_logo_url: row.opt_text("bimi_logo_url")?,
        failure_reports: FailureReports::from_code(row.int("failure_reports")?)
            .ok_or_else(|| damaged("unknown setting of failure reports"))?,
        rua_token: row.text("rua_token")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
        verified_at: row.opt_int("verified_at")?,
        last_checked_at: row.opt_int("last_checked_at")?,
        tags: tags.ok_or_else(|| damaged("holds invalid tags"))?,
    })
}
