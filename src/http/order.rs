//! The order in which connections begin: one of each address at a time. Work that thousands of connections of a few addresses
//! bring at once would otherwise be done before that of another address, which came a moment later.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections that have not begun. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Order(Arc<Mutex<HashMap<IpAddr, VecDeque<Start>>>>);

/// Starts the task of a connection.
type Start = Box<dyn FnOnce(First) + Send>;

/// The connection of its address that is about to begin. It has begun when this is dropped, and the next one starts.
pub(super) struct First {
    order: Order,
    of: IpAddr,
}

impl Order {
    /// Calls `start` when all connections of the address that came before have begun: now, or when the last of them does.
    pub(super) fn line_up(&self, of: IpAddr, start: impl FnOnce(First) + Send + 'static) {
        match self.waiting().entry(of) {
            Entry::Occupied(mut waiting) => return waiting.get_mut().push_back(Box::new(start)),
            Entry::Vacant(none) => none.insert(VecDeque::new()),
        };
        start(First {
            order: self.clone(),
            of,
        });
    }

    /// An address is in it while a connection of it is about to begin.
    fn waiting(&self) -> MutexGuard<'_, HashMap<IpAddr, VecDeque<Start>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let mut waiting = self.order.waiting();
        let next = waiting.get_mut(&self.of).and_then(VecDeque::pop_front);
        if next.is_none() {
            waiting.remove(&self.of);
        }
        drop(waiting);
        if let Some(start) = next {
            start(First {
                order: self.order.clone(),
                of: self.of,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections line up; returns which have begun, and what ends the beginning of the oldest.
    #[derive(Clone, Default)]
    struct Begun(Arc<Mutex<(Vec<u32>, VecDeque<First>)>>);

    impl Begun {
        fn line_up(&self, order: &Order, of: &str, number: u32) {
            let begun = self.clone();
            order.line_up(of.parse().unwrap(), move |first| {
                let mut begun = begun.0.lock().unwrap();
                begun.0.push(number);
                begun.1.push_back(first);
            });
        }

        fn end_oldest(&self) {
            let first = self.0.lock().unwrap().1.pop_front();
            drop(first.expect("one is about to begin"));
        }

        fn numbers(&self) -> Vec<u32> {
            self.0.lock().unwrap().0.clone()
        }
    }

    #[test]
    fn a_connection_of_another_address_waits_for_one_of_many() {
        let (order, begun) = (Order::default(), Begun::default());
        for number in 0..4 {
            begun.line_up(&order, "198.51.100.1", number);
        }
        begun.line_up(&order, "203.0.113.1", 10);
        begun.line_up(&order, "203.0.113.1", 11);
        assert_eq!(begun.numbers(), [0, 10], "one of each");
        for _ in 0..6 {
            begun.end_oldest();
        }
        assert_eq!(
            begun.numbers(),
            [0, 10, 1, 11, 2, 3],
            "in turn, and each address in order"
        );
        assert!(
            order.waiting().is_empty(),
            "nothing is kept of an address whose connections have begun"
        );
        begun.line_up(&order, "198.51.100.1", 20);
        assert_eq!(begun.numbers().last(), Some(&20));
    }
}
