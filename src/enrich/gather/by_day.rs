//! The messages of each day by flow.

use super::super::{FlowCounts, Peer, Tables};
use super::by_way::ByWay;
use super::{Namer, Senders};
use crate::base::DayRange;
use crate::store::{Domain, Store, StoreError};
use crate::tally::Carriers;

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
    let mut flow = |peer: &Peer<'_, '_>, way| namer.meaning(peer, way).flow;
    let mut known = ByWay::new(&senders, &mut flow);
    let mut days: Vec<FlowCounts> = range.iter().map(|_| FlowCounts::default()).collect();
    store
        .each_way(domain.id, range, carriers, |day, address, way, messages| {
            let flow = known.value(address, way, &mut flow);
            let nth = day.0.checked_sub(range.first.0);
            let nth = nth.and_then(|nth| usize::try_from(nth).ok());
            if let Some(flows) = nth.and_then(|nth| days.get_mut(nth)) {
                flows.add(flow, messages);
            }
        })
        .await?;
    Ok(days)
}
