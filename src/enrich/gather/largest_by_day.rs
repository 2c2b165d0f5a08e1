//! The messages of each day from the services that sent most.

use std::cmp::Reverse;
use std::sync::Arc;

use super::super::{Peer, Tables};
use super::by_way::ByWay;
use super::{Namer, Senders};
use crate::base::DayRange;
use crate::store::{Domain, Store, StoreError};
use crate::tally::{Carriers, Way};

/// Services that are told apart, at most.
pub const LARGEST: usize = 5;

/// The [`LARGEST`] services with a name, by messages, most first, then by name: each with its messages of each day of a range, in
/// reports with these carriers.
///
/// The roll-ups are read twice: who sent most is known only at the end, and the days of all services would need room for each. The
/// names are those of [`Senders::gather`]. Reports that are stored meanwhile may be in one sum and not in another.
pub async fn largest_services_by_day(
    store: &Store,
    domain: &Domain,
    (range, carriers): (DayRange, Carriers),
    tables: &Tables,
) -> Result<Vec<(Arc<str>, Vec<u64>)>, StoreError> {
    let senders = Senders::read_carried(store, domain, (range, carriers), tables).await?;
    let mut namer = Namer::new(&senders);
    let largest = namer.largest();
    let mut services: Vec<_> = largest
        .iter()
        .map(|(name, _)| (Arc::clone(name), vec![0_u64; range.iter().count()]))
        .collect();
    let mut nth_service = |peer: &Peer<'_, '_>, way| {
        let place = namer.service_place(peer, way);
        largest.iter().position(|(_, other)| *other == place)
    };
    let mut known = ByWay::new(&senders, &mut nth_service);
    store
        .each_way(domain.id, range, carriers, |day, address, way, messages| {
            let nth_service = known.value(address, way, &mut nth_service);
            let nth_day = day.0.checked_sub(range.first.0);
            let nth_day = nth_day.and_then(|nth| usize::try_from(nth).ok());
            let sum = nth_service
                .and_then(|nth| services.get_mut(nth))
                .and_then(|(_, days)| days.get_mut(nth_day?));
            if let Some(sum) = sum {
                *sum = sum.saturating_add(messages);
            }
        })
        .await?;
    Ok(services)
}

impl Namer<'_, '_> {
    /// The position of a service in [`Self::services`].
    fn service_place(&mut self, peer: &Peer<'_, '_>, way: Way) -> usize {
        let meaning = self.meaning(peer, way);
        self.names[meaning.name].2
    }

    /// The services with most messages, with their positions.
    fn largest(&mut self) -> Vec<(Arc<str>, usize)> {
        let senders = self.senders;
        let mut sums: Vec<u64> = Vec::new();
        for (source, ways) in &senders.found.sources {
            let peer = senders.knowledge.peer(source.address);
            for &(way, messages) in ways {
                let place = self.service_place(&peer, way);
                sums.resize(sums.len().max(place + 1), 0);
                sums[place] = sums[place].saturating_add(messages);
            }
        }
        let named = self.service_places.iter();
        let named = named.filter_map(|(name, place)| Some((Arc::clone(name.as_ref()?), *place)));
        let mut largest: Vec<_> = named.collect();
        largest.sort_by(|(a, at), (b, bt)| (Reverse(sums.get(*at)), a).cmp(&(Reverse(sums.get(*bt)), b)));
        largest.truncate(LARGEST);
        largest
    }
}
