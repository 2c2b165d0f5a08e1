//! What `sources` and `services` share: which domain and days, and names with their evidence.

use serde_json::{Value, json};

use super::Context;
use super::asked::{Asked, Opened};
use crate::base::{Day, DayRange};
use crate::enrich::{FlowCounts, Gathered, Named, Senders, Tables};
use crate::store::{Stats, Whose};

/// How many senders are shown, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Shown {
    /// Maximum number of rows. The sums below them include all rows.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Print one JSON object with all rows.
    #[arg(long)]
    pub json: bool,
}

/// The senders of a domain, and the figures that they sum to.
pub struct Found {
    pub range: DayRange,
    pub stats: Stats,
    pub gathered: Gathered<'static>,
    /// Day of the network table.
    networks_day: Option<Day>,
}

/// Reads who sent as the domain.
pub async fn find(context: Context, asked: &Asked) -> anyhow::Result<Found> {
    // For the rest of this command.
    let tables: &'static Tables = Box::leak(Box::new(crate::app::tables(&context.config)?));
    let Opened { app, domain, range, .. } = Box::pin(asked.open(context)).await?;
    let stats = app.store.stats(domain.id, range).await?;
    let gathered = Senders::read(&app.store, &domain, range, tables).await?.gather();
    app.close().await;
    Ok(Found {
        range,
        stats,
        gathered,
        networks_day: tables.networks().day(),
    })
}

/// How a name is known: `dkim sendgrid.net`.
pub fn evidence_text(named: &Named) -> String {
    match *named.fact == *named.name {
        true => named.rule.word().to_owned(),
        false => format!("{} {}", named.rule.word(), named.fact),
    }
}

/// A name with its evidence.
pub fn named_json(named: Option<&Named>) -> Value {
    named.map_or(Value::Null, |named| {
        json!({
            "name": &*named.name,
            "category": named.category.map(|category| category.word()),
            "evidence": named.rule.word(),
            "fact": &*named.fact,
        })
    })
}

/// The flow of most messages, and whose they are if the owner decided.
pub fn way_text(flows: &FlowCounts, decision: Option<Whose>) -> String {
    let flow = flows.main().map_or("-", |flow| flow.word());
    match decision {
        Some(whose) => format!("{flow}, decided {}", whose.word()),
        None => flow.to_owned(),
    }
}

/// Messages by flow.
pub fn flows_json(flows: &FlowCounts) -> Value {
    let counts = flows
        .iter()
        .map(|(flow, count)| (flow.word().to_owned(), Value::from(count)));
    Value::Object(counts.collect())
}

/// What an answer is about and sums to, and which network table it has names from.
pub fn frame_json(found: &Found) -> Value {
    json!({
        "from": found.range.first.to_string(),
        "to": found.range.last.to_string(),
        "pass": found.gathered.totals.pass,
        "fail": found.gathered.totals.fail,
        "networks_day": found.networks_day.map(|day| day.to_string()),
    })
}

/// Sentences below a table: what is left out, and what the names are worth.
pub fn remarks(found: &Found, rows: usize, shown: usize, noun: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    if shown < rows {
        remarks.push(format!(
            "The first {shown} of {rows} {noun} are shown; --limit shows more."
        ));
    }
    if found.stats.totals != found.gathered.totals {
        remarks.push("Reports came in while this was read: the sums differ from those of the domain.".to_owned());
    }
    remarks
}
