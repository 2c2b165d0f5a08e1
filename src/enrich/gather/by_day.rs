//! The messages of each day by flow.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::super::{Flow, FlowCounts, Tables};
use super::{Namer, Senders};
use crate::base::DayRange;
use crate::store::{Domain, Store, StoreError};
use crate::tally::{Carriers, Way};

/// Messages by flow for each day of a range, in reports with these carriers, ascending, including days without messages.
///
/// Signatures have the homes that they have for the whole range, so that the days sum to the flows of [`Senders::gather`].
/// Reports that are stored meanwhile may be in one sum and not in another.
pub async fn flows_by_day(
    store: &Store,
    domain: &Domain,
    (range, carriers): (DayRange, Carriers),
    tables: &Tables,
) -> Result<Vec<FlowCounts>, StoreError> {
    let senders = Senders::read(store, domain, range, tables).await?;
    let mut namer = Namer::new(&senders);
    // Most addresses and ways of a day were there on a day before.
    let mut known: HashMap<(Option<IpAddr>, Way), Flow> = HashMap::new();
    let mut days: Vec<FlowCounts> = range.iter().map(|_| FlowCounts::default()).collect();
    store
        .each_way(domain.id, range, carriers, |day, address, way, messages| {
            let flow = known
                .entry((address, way))
                .or_insert_with(|| namer.meaning(&senders.knowledge.peer(address), way).flow);
            let nth = day.0.checked_sub(range.first.0);
            let nth = nth.and_then(|nth| usize::try_from(nth).ok());
            if let Some(flows) = nth.and_then(|nth| days.get_mut(nth)) {
                flows.add(*flow, messages);
            }
        })
        .await?;
    Ok(days)
}
