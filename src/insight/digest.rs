//! The state of some domains over a period, for readers of mail. Each figure is that of the page: totals, what needs attention,
//! what rules found, readiness.

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::attention::{Concern, Finding, attention, attention_stretches};
use super::readiness::readiness;
use crate::base::clock::format_instant;
use crate::base::numbers::{counted, total};
use crate::base::text::shown;
use crate::base::{AccountId, Day, DayRange, DomainId, Millis, Period, SetAsideKind};
use crate::enrich::Tables;
use crate::store::{Domain, FindingKind, NewsFilter, Store, StoreError, StoredFinding, StretchTotals, Stretches};
use crate::tally::Totals;

/// Domains, and things of each kind, that a digest lists.
const LISTED_MAX: usize = 20;
/// Longest text of a stranger, bytes.
const TEXT_BYTES_MAX: usize = 255;
/// Days that readiness is judged by, as on the page.
const READINESS_DAYS: i32 = 30;
const DAY: Millis = 86_400_000;

/// What a digest is about.
#[derive(Debug, Clone)]
pub struct DigestScope {
    pub account: AccountId,
    pub period: Period,
    /// Days of the period.
    pub range: DayRange,
    /// `None`: all of the account.
    pub domains: Option<Vec<DomainId>>,
}

/// The data of a digest; `None` if none of its domains is left.
///
/// # Errors
/// The database is unavailable, or rows are damaged.
pub async fn digest(
    store: &Store,
    scope: &DigestScope,
    now: Millis,
    tables: &Tables,
) -> Result<Option<Value>, StoreError> {
    let mut domains = store.domains(scope.account).await?;
    if let Some(wanted) = &scope.domains {
        domains.retain(|domain| wanted.contains(&domain.id));
    }
    if domains.is_empty() {
        return Ok(None);
    }
    let before = scope.period.before(scope.range);
    let stretches = Stretches {
        first: [before.first, before.first, scope.range.first],
        last: scope.range.last,
    };
    let figures = store.totals_of_account(scope.account, stretches).await?;
    let sums_of = |domain: &Domain| figures.get(&domain.id).copied().unwrap_or_default();
    domains.sort_by_cached_key(|domain| {
        let messages = sums_of(domain).of[2].messages();
        (std::cmp::Reverse(messages), domain.name.to_string())
    });
    let found = Box::pin(look(store, scope, &domains, now, tables)).await?;
    let mut rows = Vec::new();
    for domain in domains.iter().take(LISTED_MAX) {
        let range = DayRange::ending(today(now), READINESS_DAYS);
        let ready = Box::pin(readiness(store, domain, (range, now), tables)).await?;
        let mut row = named(Some(domain));
        add(&mut row, sums(&[sums_of(domain)]));
        add(
            &mut row,
            json!({ "readiness": ready.says, "verdict": ready.verdict.word() }),
        );
        rows.push(row);
    }
    let all: Vec<_> = domains.iter().map(sums_of).collect();
    let mut data = json!({
        "period": scope.period.word(),
        "from": scope.range.first.to_string(),
        "to": scope.range.last.to_string(),
        "previous_from": before.first.to_string(),
        "previous_to": before.last.to_string(),
        "domains": rows,
        "domains_total": domains.len(),
    });
    add(&mut data, sums(&all));
    add(&mut data, found);
    Ok(Some(data))
}

/// What is to be done, what is new, and who is silent.
async fn look(
    store: &Store,
    scope: &DigestScope,
    domains: &[Domain],
    now: Millis,
    tables: &Tables,
) -> Result<Value, StoreError> {
    let today = today(now);
    let mut figures = store
        .totals_of_account(scope.account, attention_stretches(today))
        .await?;
    let with_totals = domains.iter().map(|domain| {
        let totals: StretchTotals = figures.remove(&domain.id).unwrap_or_default();
        (domain.clone(), totals)
    });
    // The quarantine is the whole account's.
    let quarantined = match scope.domains {
        None => store.set_aside_total(scope.account, SetAsideKind::Quarantined).await?,
        Some(_) => 0,
    };
    let found = Box::pin(attention(store, with_totals.collect(), quarantined, now, tables)).await?;
    let of = |concerns: &[Concern]| {
        concerns
            .iter()
            .map(|concern| found.about(*concern).len())
            .sum::<usize>()
    };
    let is_silent = |finding: &Finding| finding.concern == Concern::ReporterSilent;
    let (silent, to_do): (Vec<_>, Vec<_>) = found.most_important().into_iter().partition(is_silent);
    let silent_total = of(&[Concern::ReporterSilent]);
    let to_do_total = of(Concern::ALL) - silent_total;
    let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
    let (news, new_total) = store
        .findings_begun(&ids, &news_of(scope.range, now), LISTED_MAX)
        .await?;
    let named: HashMap<_, _> = domains.iter().map(|domain| (domain.id, domain)).collect();
    let new = news
        .iter()
        .filter_map(|(of, one)| news_row(named.get(of).copied(), one));
    let things = to_do_total + silent_total;
    Ok(json!({
        "nothing_to_do": things == 0,
        "says": match things {
            0 => "Nothing to do.".to_owned(),
            _ => format!("{}.", counted(things as u64, "thing to look at", "things to look at")),
        },
        "to_do": to_do.iter().take(LISTED_MAX).map(row).collect::<Vec<_>>(),
        "to_do_total": to_do_total,
        "silent": silent.iter().take(LISTED_MAX).map(row).collect::<Vec<_>>(),
        "silent_total": silent_total,
        "new": new.collect::<Vec<_>>(),
        "new_total": new_total,
    }))
}

fn row(finding: &Finding) -> Value {
    let mut row = named(finding.domain.as_deref());
    add(
        &mut row,
        json!({
            "kind": finding.concern.word(),
            "reason": shown(&finding.reason(), 2 * TEXT_BYTES_MAX),
            "action": finding.action(),
        }),
    );
    row
}

/// The findings that are news of a period. They are made when reports have come, a day later. The next period begins where this one
/// ends, so that nothing is told twice. Silent reporters have a list of their own.
fn news_of(range: DayRange, now: Millis) -> NewsFilter {
    NewsFilter {
        from: range.first.begin() * 1_000 + DAY,
        until: range.last.end() * 1_000 + DAY,
        but: FindingKind::ReporterSilent,
        now,
    }
}

/// What a rule found, in words; `None` for what is not news.
fn news_row(domain: Option<&Domain>, finding: &StoredFinding) -> Option<Value> {
    let subject = shown(&finding.subject, TEXT_BYTES_MAX);
    let says = match finding.kind {
        FindingKind::ServiceNew => format!("{subject} sends as this domain."),
        FindingKind::ServiceBroken => format!("{subject} failed."),
        FindingKind::PolicyChanged => "Reporters saw another policy.".to_owned(),
        FindingKind::RecordChanged => format!("The {subject} record changed."),
        FindingKind::VolumeChanged => "The volume changed far more than usual.".to_owned(),
        FindingKind::ReporterSilent | FindingKind::Judged => return None,
    };
    let mut row = named(domain);
    let more = json!({
        "kind": finding.kind.word(),
        "subject": subject,
        "since": format_instant(finding.opened_at),
        "says": until(says, finding),
    });
    add(&mut row, more);
    Some(row)
}

/// A sentence, with the day on which it ceased to be true. What is of one moment has none.
fn until(says: String, finding: &StoredFinding) -> String {
    match finding.ended_at {
        Some(ended_at) if ended_at > finding.opened_at => {
            format!("{} until {}.", says.trim_end_matches('.'), today(ended_at))
        }
        _ => says,
    }
}

fn named(domain: Option<&Domain>) -> Value {
    json!({
        "domain_id": domain.map(|domain| &domain.public_id),
        "domain": domain.map(|domain| domain.name.as_str()),
    })
}

/// Messages of the period, and of the one before it.
fn sums(of: &[StretchTotals]) -> Value {
    let sum = |nth: usize, part: fn(&Totals) -> u64| total(of.iter().map(|one| part(&one.of[nth])));
    let (pass, fail) = (|totals: &Totals| totals.pass, |totals: &Totals| totals.fail);
    json!({
        "message_count": sum(2, Totals::messages),
        "pass_count": sum(2, pass),
        "fail_count": sum(2, fail),
        "previous_message_count": sum(1, Totals::messages),
        "previous_pass_count": sum(1, pass),
        "previous_fail_count": sum(1, fail),
    })
}

fn add(to: &mut Value, more: Value) {
    if let (Some(all), Value::Object(more)) = (to.as_object_mut(), more) {
        all.extend(more);
    }
}

fn today(now: Millis) -> Day {
    Day::from_unix(now.div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instant_is_in_the_news_of_one_period() {
        let range = Period::Weekly.last_before(Day(20_535));
        let (this, before) = (news_of(range, 0), news_of(Period::Weekly.before(range), 0));
        assert_eq!(before.until, this.from);
        assert_eq!(this.until - this.from, 7 * DAY);
    }

    #[test]
    fn what_has_ended_says_until_when() {
        let finding = |ended_at: Option<Millis>| StoredFinding {
            no: None,
            kind: FindingKind::ServiceBroken,
            subject: "Shop".to_owned(),
            is_open: ended_at.is_none(),
            opened_at: 0,
            ended_at,
            told_at: 0,
            detail: Value::Null,
            data: Value::Null,
            snooze: None,
        };
        for (ended_at, says) in [
            (None, "Shop failed."),
            (Some(0), "Shop failed."),
            (Some(3 * DAY), "Shop failed until 1970-01-04."),
        ] {
            assert_eq!(news_row(None, &finding(ended_at)).unwrap()["says"], says);
        }
    }
}
