//! `/domains/{id}/dmarc/stats`: sums, from the roll-ups.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::authenticated::{VERIFIED, carriers};
use super::comparison::Comparison;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::owned::OwnedDomain;
use super::parts::{self, By, PartDays};
use super::range::day_range;
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{
    ComparisonBody, DayBody, Dispositions, FlowsBody, MissingReporter, NewestDay, NewestStats, NewestTotals, StatsBody,
};
use crate::base::text::shown;
use crate::base::{Day, DayRange};
use crate::enrich::{FlowCounts, flows_by_day};
use crate::insight::{Completeness, DayShare, history_range, is_settled};
use crate::store::{DayTotals, Domain, Stats, Store, StoreError};
use crate::tally::{Carriers, Totals};

/// Which sums are asked for, and what they include.
pub(super) const OPTIONS: &[Parameter] = &[
    Parameter {
        name: "include",
        says: "`flows` adds messages by flow: `flows` of each day and of the range, and columns of the CSV. Each address of each \
        day is read for it, which sums alone do without. `completeness` adds `completeness` and `missing` to each day: how much of \
        it was reported. `dispositions` adds `dispositions` to each day: what receivers did with its messages. `all` adds these three. \
        `services` or `reporters` adds `parts`: the messages of each day by who sent or reported them, for the five with the most. \
        Reporters have no sums with `authenticated=pass`. `,completeness` behind another word adds that, too.",
        schema: || json!({ "type": "string", "enum": INCLUDED }),
    },
    VERIFIED,
];
const INCLUDED: [&str; 10] = [
    "flows",
    "completeness",
    "dispositions",
    "services",
    "reporters",
    "all",
    "flows,completeness",
    "dispositions,completeness",
    "services,completeness",
    "reporters,completeness",
];

/// Missing reporters that are named for a day, and the longest name.
const MISSING_MAX: usize = 10;
const REPORTER_BYTES_MAX: usize = 255;

/// `GET /domains/{id}/dmarc/stats`
pub(super) async fn stats(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    let included = parameters.word("include", &INCLUDED, |word| {
        INCLUDED.into_iter().find(|known| *known == word)
    });
    let carriers = carriers(&mut parameters);
    let mut words = included.into_iter().flat_map(|included| included.split(','));
    let by = words.find_map(By::included);
    if by == Some(By::Reporter) && carriers != Carriers::All {
        parameters.refuse("include", "cannot be reporters with authenticated=pass");
    }
    parameters.finish()?;
    let includes =
        |word: &str| included.is_some_and(|included| included == "all" || included.split(',').any(|one| one == word));
    let mut stats = figures(&state.store, &domain, (range, carriers), state.today()).await?;
    if !includes("dispositions") {
        stats.daily_stats.iter_mut().for_each(|day| day.dispositions = None);
    }
    if includes("completeness") {
        complete(&state, &domain, range, &mut stats).await?;
    }
    let name = file_name(&[domain.name.as_str(), "days", &days_in_name(range)]);
    if includes("flows") {
        let tables = state.tables.current();
        stats.include(&flows_by_day(&state.store, &domain, (range, carriers), &tables).await?);
        if listing.is_csv() {
            return Ok(listing.answer(FlowDays::from(&stats), |_| name));
        }
    }
    if let Some(by) = by {
        parts::add(&state, &domain, (range, carriers), (by, &mut stats)).await?;
        if listing.is_csv() {
            let name = file_name(&[domain.name.as_str(), by.in_name(), &days_in_name(range)]);
            return Ok(listing.answer(PartDays::from(&stats), |_| name));
        }
    }
    Ok(listing.answer(stats, |_| name))
}

/// The sums of a range of days, and how they compare with the days before.
pub async fn figures(
    store: &Store,
    domain: &Domain,
    (range, carriers): (DayRange, Carriers),
    today: Day,
) -> Result<StatsBody, StoreError> {
    let comparison = Comparison::new(range, today);
    let since = comparison.before.first;
    let (stats, before) = store.stats_and_before(domain.id, range, (since, carriers)).await?;
    let comparison = compare(&comparison, &stats, &before);
    let within = stats.days.iter().rfind(|day| day.totals.messages() > 0);
    let last_day = match within {
        Some(day) => Some(day.day),
        None => store.last_day(&[domain.id], range.last).await?,
    };
    Ok(StatsBody {
        last_day: last_day.map(|day| day.to_string()),
        comparison,
        ..StatsBody::from(stats)
    })
}

/// How the complete days compare with as many before them.
fn compare(comparison: &Comparison, stats: &Stats, before: &Totals) -> Option<ComparisonBody> {
    let mut complete = Totals::default();
    for day in stats.days.iter().filter(|day| comparison.complete.contains(day.day)) {
        complete.add(&day.totals);
    }
    comparison.body(before, &complete)
}

/// Adds how complete each day of the range is.
async fn complete(state: &AppState, domain: &Domain, range: DayRange, stats: &mut StatsBody) -> Result<(), ApiError> {
    let now = state.clock.now().div_euclid(1_000);
    // The reports are read only where a day may still get some.
    let arrivals = match is_settled(range.last, now) {
        true => Vec::new(),
        false => {
            state
                .store
                .report_arrivals(domain.id, history_range(state.today()))
                .await?
        }
    };
    let known = Completeness::learn(&arrivals, now);
    for (day, body) in range.iter().zip(&mut stats.daily_stats) {
        let Some(DayShare { share, missing }) = known.day(day) else {
            continue;
        };
        body.completeness = Some(thousandths(share));
        let missing = missing.into_iter().take(MISSING_MAX).map(|one| MissingReporter {
            reporter: shown(&one.reporter, REPORTER_BYTES_MAX).into_owned(),
            share: thousandths(one.share),
        });
        body.missing = missing.collect();
    }
    Ok(())
}

/// Rounded down, so that only a complete day is 1.
fn thousandths(share: f64) -> f64 {
    (share * 1_000.0).floor() / 1_000.0
}

/// The days with their flows, for CSV.
#[derive(Debug, Serialize)]
pub(super) struct FlowDays {
    pub days: Vec<FlowDay>,
}

/// The messages of a day, with their flows.
#[derive(Debug, Serialize)]
pub(super) struct FlowDay {
    pub date: String,
    pub pass: u64,
    pub fail: u64,
    pub flows: FlowsBody,
}

impl From<&StatsBody> for FlowDays {
    fn from(stats: &StatsBody) -> Self {
        let day = |day: &DayBody| FlowDay {
            date: day.date.clone(),
            pass: day.pass,
            fail: day.fail,
            flows: day.flows.unwrap_or_default(),
        };
        Self {
            days: stats.daily_stats.iter().map(day).collect(),
        }
    }
}

impl StatsBody {
    /// Adds the flows of its days.
    fn include(&mut self, days: &[FlowCounts]) {
        let mut all = FlowCounts::default();
        for (day, flows) in self.daily_stats.iter_mut().zip(days) {
            day.flows = Some(flows.into());
            all.merge(flows);
        }
        self.flows = Some((&all).into());
    }
}

impl From<Stats> for StatsBody {
    fn from(stats: Stats) -> Self {
        Self {
            total_messages: stats.totals.messages(),
            pass_rate: pass_rate(stats.totals.pass, stats.totals.fail),
            failed_messages: stats.totals.fail,
            daily_stats: stats.days.iter().map(DayBody::from).collect(),
            from: stats.range.first.to_string(),
            to: stats.range.last.to_string(),
            last_day: None,
            comparison: None,
            dispositions: Dispositions::from(&stats.totals),
            dkim_aligned: stats.totals.dkim_aligned,
            spf_aligned: stats.totals.spf_aligned,
            reports: stats.reports,
            sources: stats.sources,
            unauthenticated_messages: stats.unvouched_messages,
            flows: None,
            parts: None,
            newest: NewestStats {
                totals: NewestTotals {
                    total_messages: stats.totals.messages(),
                    passed: stats.totals.pass,
                    spf_passed: stats.totals.spf_aligned,
                    dkim_passed: stats.totals.dkim_aligned,
                },
                daily: stats.days.iter().map(NewestDay::from).collect(),
            },
        }
    }
}

impl From<&DayTotals> for NewestDay {
    fn from(day: &DayTotals) -> Self {
        Self {
            date: day.day.to_string(),
            total: day.totals.messages(),
            passed: day.totals.pass,
            failed: day.totals.fail,
        }
    }
}

impl DayBody {
    /// A day without messages.
    pub(super) fn empty(day: Day) -> Self {
        Self {
            date: day.to_string(),
            pass: 0,
            fail: 0,
            completeness: None,
            missing: Vec::new(),
            flows: None,
            dispositions: None,
        }
    }
}

impl From<&DayTotals> for DayBody {
    fn from(day: &DayTotals) -> Self {
        Self {
            date: day.day.to_string(),
            pass: day.totals.pass,
            fail: day.totals.fail,
            completeness: None,
            missing: Vec::new(),
            flows: None,
            dispositions: Some(Dispositions::from(&day.totals)),
        }
    }
}
