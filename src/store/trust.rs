//! Which reports may count: what is decided by the limit of a domain, and what its owner decides.
//!
//! A report is held if nothing vouches for the mail that carried it, if it is about more messages than its domain's limit, or
//! if a day would have too many addresses with it. The owner accepts it, or all of a reporter; any report can be discounted, and counted again. Each decision moves
//! the sums in its own transaction (`commit/judge.rs`).

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use hashbrown::HashMap;

use crate::base::{AccountId, DomainId};
use crate::report::aggregate::Reporter;
use crate::report::tls;

use super::cut::COUNT_END;
use super::db::{Args, Conn};
use super::sql::sql;
use super::{
    Acceptance, AcceptedReporter, Actor, Cut, NewReport, NewTlsReport, ReportFilter, ReportPlace, ReportSummary, Store,
    StoreError, Trust, reports,
};

/// Reporters that a domain may have accepted.
pub const ACCEPTED_REPORTERS_MAX: usize = 500;

/// Whether a new report about `messages` may count in a domain.
pub(super) fn acceptance(trust: Option<&Trust>, new: &NewReport, messages: u64) -> Acceptance {
    let own = trust.and_then(|trust| trust.report_messages_max);
    if messages > own.unwrap_or(new.messages_max) {
        return Acceptance::Implausible;
    }
    match trust {
        Some(trust) if new.acceptance.is_held() && !trust.reporters.is_empty() => {
            match trust.accepts(Reporter::from_metadata(&new.report.metadata).as_str()) {
                true => Acceptance::Open,
                false => new.acceptance,
            }
        }
        _ => new.acceptance,
    }
}

/// Whether a new TLS report may count in a domain.
pub(super) fn tls_acceptance(trust: Option<&Trust>, new: &NewTlsReport) -> Acceptance {
    let is_accepted = |trust: &Trust| trust.accepts(tls::reporter(&new.report).as_str());
    match new.acceptance.is_held() && trust.is_some_and(is_accepted) {
        true => Acceptance::Open,
        false => new.acceptance,
    }
}

impl Store {
    /// What the owner of a domain has decided about its reports.
    pub async fn trust(&self, domain: DomainId) -> Result<Trust, StoreError> {
        let mut conn = self.read().await?;
        read(&mut Conn(&mut conn), domain).await.map(Option::unwrap_or_default)
    }

    /// Sets the messages that a report of a domain may be about, for reports that come from now on; `None`: as many as the
    /// installation allows. False if the account has no such domain.
    pub async fn set_report_messages_max(
        &self,
        account: AccountId,
        domain: DomainId,
        messages_max: Option<u64>,
    ) -> Result<bool, StoreError> {
        let change = |trust: &mut Trust| trust.report_messages_max = messages_max;
        self.change_trust(account, domain, change).await
    }

    /// Lets the reports of a reporter count from now on, whatever carries them. Those that are held stay so until
    /// [`Self::release_reporter`]. False if the account has no such domain, or it has accepted too many.
    pub async fn accept_reporter(
        &self,
        account: AccountId,
        domain: DomainId,
        reporter: &str,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let mut is_full = false;
        let change = |trust: &mut Trust| {
            is_full = trust.reporters.len() >= ACCEPTED_REPORTERS_MAX;
            if !is_full && !trust.accepts(reporter) {
                trust.reporters.push(AcceptedReporter::new(reporter, actor));
            }
        };
        let found = self.change_trust(account, domain, change).await?;
        Ok(found && !is_full)
    }

    /// Takes back that a reporter was accepted. What counts by now stays in the figures. False if it was not accepted.
    pub async fn withdraw_reporter(
        &self,
        account: AccountId,
        domain: DomainId,
        reporter: &str,
    ) -> Result<bool, StoreError> {
        let mut was_accepted = false;
        let change = |trust: &mut Trust| {
            was_accepted = trust.accepts(reporter);
            trust.reporters.retain(|accepted| accepted.reporter != reporter);
        };
        let found = self.change_trust(account, domain, change).await?;
        Ok(found && was_accepted)
    }

    async fn change_trust(
        &self,
        account: AccountId,
        domain: DomainId,
        change: impl FnOnce(&mut Trust),
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int(domain.0);
        if conn.first(sql!("domain_by_id"), args).await?.is_none() || !conn.hold(vec![domain]).await?.contains(&domain)
        {
            return Ok(false);
        }
        let Some(before) = read(&mut conn, domain).await? else {
            return Ok(false);
        };
        let mut trust = before.clone();
        change(&mut trust);
        if trust == before {
            return Ok(true);
        }
        let reporters = (!trust.reporters.is_empty())
            .then(|| serde_json::to_string(&trust.reporters).expect("texts and numbers always have a JSON form"));
        let messages_max = trust
            .report_messages_max
            .map(|max| i64::try_from(max).unwrap_or(i64::MAX));
        let args = Args::default().int(domain.0).opt_int(messages_max);
        conn.run(sql!("domain_set_trust"), args.opt_text(reporters.as_deref()))
            .await?;
        // Writers forget what they know of domains.
        conn.run(sql!("domains_changed"), Args::default()).await?;
        write.commit().await?;
        Ok(true)
    }
}

impl Store {
    /// A page of the reports of a domain that the figures do not have, of a range of kinds, and how many there are in all, up
    /// to [`super::COUNTED_ROWS_MAX`] and one more. Each kind is in order: a page of several is merged.
    pub(super) async fn reports_by_acceptance(
        &self,
        domain: DomainId,
        filter: &ReportFilter,
        acceptances: RangeInclusive<Acceptance>,
        cut: Cut<ReportPlace>,
    ) -> Result<(Vec<ReportSummary>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let total = count_of(&mut conn, domain, filter, &acceptances, COUNT_END).await?;
        let (count, before) = cut.window();
        if before.cast_unsigned() >= total {
            return Ok((Vec::new(), total));
        }
        // Rows before a page of several kinds can be of any kind.
        let codes = codes(&acceptances);
        let is_one = codes.start() == codes.end();
        let (first, walked_over) = match is_one {
            true => (count, before),
            false => (count.saturating_add(before), 0),
        };
        let mut found = Vec::new();
        for code in codes {
            let (args, no) = reports::filtered_below(domain, filter, cut.place());
            let args = args.int(code).int(first).int(walked_over).int(no);
            let rows = conn.all(sql!("report_list_by_acceptance"), args).await?;
            for row in &rows {
                found.push(reports::summary(row)?);
            }
        }
        if !is_one {
            found.sort_unstable_by_key(|report: &ReportSummary| Reverse((report.window.begin, report.no)));
            let index = |rows: i64| usize::try_from(rows).unwrap_or(usize::MAX);
            found.drain(..index(before).min(found.len()));
            found.truncate(index(count));
        }
        Ok((found, total))
    }

    /// How many reports of each of these domains wait for a decision of its owner. Domains without are left out.
    pub async fn held_counts(&self, domains: &[DomainId]) -> Result<HashMap<DomainId, u64>, StoreError> {
        let mut conn = self.read().await?;
        let mut counts = HashMap::new();
        for &domain in domains {
            let (mut conn, filter) = (Conn(&mut conn), ReportFilter::default());
            let count = count_of(&mut conn, domain, &filter, &Acceptance::HELD, i64::MAX).await?;
            if count > 0 {
                counts.insert(domain, count);
            }
        }
        Ok(counts)
    }

    /// How many reports of a domain wait for a decision of its owner.
    pub async fn held_count(&self, domain: DomainId) -> Result<u64, StoreError> {
        Ok(self.held_counts(&[domain]).await?.remove(&domain).unwrap_or_default())
    }
}

/// The stored codes of a range.
fn codes(acceptances: &RangeInclusive<Acceptance>) -> RangeInclusive<i64> {
    acceptances.start().code()..=acceptances.end().code()
}

/// How many reports of a range of kinds there are, up to a number.
async fn count_of(
    conn: &mut Conn<'_>,
    domain: DomainId,
    filter: &ReportFilter,
    acceptances: &RangeInclusive<Acceptance>,
    end: i64,
) -> Result<u64, StoreError> {
    let codes = codes(acceptances);
    let args = reports::filtered(domain, filter)
        .int(*codes.start())
        .int(*codes.end())
        .int(end);
    let row = conn.first(sql!("report_count_by_acceptance"), args).await?;
    row.map_or(Ok(0), |row| row.count("total"))
}

async fn read(conn: &mut Conn<'_>, domain: DomainId) -> Result<Option<Trust>, StoreError> {
    let row = conn.first(sql!("domain_trust"), Args::default().int(domain.0)).await?;
    row.map(|row| Trust::read(domain, &row)).transpose()
}
