//! What one message may cost: one [`Budget`], drawn on by everything that works on the message.
//!
//! A limit on items bounds nothing where items differ in size, and limits on two things multiply. So the budget
//! counts scarce resources: bytes of memory, bytes of the database, steps, and processor time. It is made where a
//! message is received, and is passed down. The rooms that draw on it do not know the clock. A limit that is exceeded
//! stays exceeded: every later draw is refused for the same reason, so that all work on the message ends.

use std::cell::Cell;

/// The limits of one message. A limit that is exceeded is a [`Breach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostLimits {
    /// Memory held at one time for what was unpacked and parsed, in bytes. The message itself is not counted.
    pub memory_bytes_max: u64,
    /// Steps: each tag, text, comment and reference of a report, and each member of an archive that is opened.
    pub events_max: u64,
    /// Distinct source addresses of one report.
    pub addresses_max: usize,
    /// Bytes that a message may take in the database, as a multiple of its own length. The kept original is one of these.
    pub stored_times_max: u64,
    /// Bytes that any message may take in the database beyond its original, however short it is.
    pub stored_bytes_free: u64,
}

impl Default for CostLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 * 1024 * 1024,
            events_max: 10_000_000,
            addresses_max: 200_000,
            stored_times_max: 4,
            stored_bytes_free: 64 * 1024,
        }
    }
}

impl CostLimits {
    /// No limits.
    pub const NONE: Self = Self {
        memory_bytes_max: u64::MAX,
        events_max: u64::MAX,
        addresses_max: usize::MAX,
        stored_times_max: u64::MAX,
        stored_bytes_free: u64::MAX,
    };

    /// Bytes that the reports of a message may take in the database.
    fn reports_bytes_max(&self, message_bytes: usize) -> u64 {
        let beyond_original = self.stored_times_max.saturating_sub(1);
        let by_size = (message_bytes as u64).saturating_mul(beyond_original);
        by_size.max(self.stored_bytes_free)
    }

    /// Bytes that a message may take in the database: its own length, and what its reports may take.
    pub fn stored_bytes_max(&self, message_bytes: usize) -> u64 {
        self.reports_bytes_max(message_bytes)
            .saturating_add(message_bytes as u64)
    }
}

/// The limit that a message exceeded. The text says what was exceeded and which setting allows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Breach {
    #[error("reading it took more processor time than one message may take (limits.seconds_max)")]
    TooSlow,
    #[error("it has more than {0} tags, texts and references (limits.events_max)")]
    TooManyEvents(u64),
    #[error("what is in it takes more than {0} bytes of memory (limits.memory_bytes_max)")]
    TooMuchMemory(u64),
    /// Evidence: identifiers, authentication results, reasons and texts that differ between records.
    #[error(
        "its records differ in more results, reasons and texts than a message of its size may (limits.memory_bytes_max, limits.stored_times_max)"
    )]
    TooMuchEvidence,
    #[error("a report in it has more than {0} different source addresses (limits.addresses_max)")]
    TooManyAddresses(usize),
    #[error(
        "a report in it spreads its messages over {0} days, which takes more room than a message of its size may take (limits.stored_times_max)"
    )]
    TooManyDays(u64),
    #[error("its reports take more room in the database than a message of its size may take (limits.stored_times_max)")]
    TooMuchToStore,
}

impl Breach {
    /// The stable word in the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooSlow => "too_slow",
            Self::TooManyEvents(_) => "too_many_events",
            Self::TooMuchMemory(_) => "too_much_memory",
            Self::TooMuchEvidence => "too_much_evidence",
            Self::TooManyAddresses(_) => "too_many_addresses",
            Self::TooManyDays(_) => "too_many_days",
            Self::TooMuchToStore => "too_much_to_store",
        }
    }
}

/// What one message may still cost. It consists of cells, because the reader of a text draws on it while the walk through
/// the message holds it as well.
pub struct Budget<'a> {
    limits: CostLimits,
    /// Bytes that reports may take in the database.
    stored_bytes_max: u64,
    stop: &'a dyn Fn(u64) -> bool,
    breach: Cell<Option<Breach>>,
    memory: Cell<u64>,
    stored: Cell<u64>,
    events: Cell<u64>,
    unpacked: Cell<u64>,
}

impl<'a> Budget<'a> {
    /// The budget of a message of `message_bytes`. `stop` is told how many bytes were unpacked so far, and says whether the
    /// time for the message is over.
    pub fn new(limits: &CostLimits, message_bytes: usize, stop: &'a dyn Fn(u64) -> bool) -> Self {
        Self {
            limits: *limits,
            stored_bytes_max: limits.reports_bytes_max(message_bytes),
            stop,
            breach: Cell::new(None),
            memory: Cell::new(0),
            stored: Cell::new(0),
            events: Cell::new(0),
            unpacked: Cell::new(0),
        }
    }

    /// A budget with no limit but time.
    pub fn of_time(stop: &'a dyn Fn(u64) -> bool) -> Self {
        Self::new(&CostLimits::NONE, 0, stop)
    }

    /// Checks that work may continue, and that there is time left.
    ///
    /// # Errors
    /// The limit that was exceeded first.
    pub fn check(&self) -> Result<(), Breach> {
        match self.breach.get() {
            Some(breach) => Err(breach),
            None if (self.stop)(self.unpacked.get()) => Err(self.refuse(Breach::TooSlow)),
            None => Ok(()),
        }
    }

    /// The limit that was exceeded first, if one was.
    pub fn breach(&self) -> Option<Breach> {
        self.breach.get()
    }

    /// Ends all work on the message; returns the limit that was exceeded first.
    pub fn refuse(&self, breach: Breach) -> Breach {
        let first = self.breach.get().unwrap_or(breach);
        self.breach.set(Some(first));
        first
    }

    /// Draws `count` steps and asks whether the time is over.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn spend_events(&self, count: u64) -> Result<(), Breach> {
        let events = self.events.get().saturating_add(count);
        self.events.set(events);
        if events > self.limits.events_max {
            return Err(self.refuse(Breach::TooManyEvents(self.limits.events_max)));
        }
        self.check()
    }

    /// Notes that `bytes` more were unpacked, from the mail or from an archive in it. What is read twice counts twice.
    pub fn note_unpacked(&self, bytes: u64) {
        self.unpacked.set(self.unpacked.get().saturating_add(bytes));
    }

    /// Draws what a report costs, or refuses it as `breach`.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn charge(&self, cost: Cost, breach: Breach) -> Result<(), Breach> {
        if let Some(breach) = self.breach.get() {
            return Err(breach);
        }
        if !self.has_room(cost) {
            return Err(self.refuse(breach));
        }
        self.memory.set(self.memory.get().saturating_add(cost.memory));
        self.stored.set(self.stored.get().saturating_add(cost.stored));
        Ok(())
    }

    /// Whether `cost` can be drawn.
    pub fn has_room(&self, cost: Cost) -> bool {
        self.memory.get().saturating_add(cost.memory) <= self.limits.memory_bytes_max
            && self.stored.get().saturating_add(cost.stored) <= self.stored_bytes_max
    }

    /// Returns to the budget what was drawn for something that was dropped.
    pub fn refund(&self, cost: Cost) {
        self.memory.set(self.memory.get().saturating_sub(cost.memory));
        self.stored.set(self.stored.get().saturating_sub(cost.stored));
    }

    /// Draws `bytes` of memory until the returned value is dropped.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn hold(&self, bytes: usize) -> Result<Held<'_>, Breach> {
        let mut held = Held { budget: self, bytes: 0 };
        held.grow(bytes)?;
        Ok(held)
    }

    /// The limit that was exceeded if there is too little memory.
    pub fn too_much_memory(&self) -> Breach {
        Breach::TooMuchMemory(self.limits.memory_bytes_max)
    }

    /// The limits.
    pub fn limits(&self) -> &CostLimits {
        &self.limits
    }

    /// What is drawn at the moment.
    pub fn drawn(&self) -> Cost {
        Cost {
            memory: self.memory.get(),
            stored: self.stored.get(),
        }
    }
}

/// What something takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// In memory, until the message is written.
    pub memory: u64,
    /// In the database.
    pub stored: u64,
}

impl Cost {
    /// Both together with those of `other`.
    pub fn add(&mut self, other: Self) {
        self.memory = self.memory.saturating_add(other.memory);
        self.stored = self.stored.saturating_add(other.stored);
    }
}

/// Memory that is drawn until this is dropped.
pub struct Held<'b> {
    budget: &'b Budget<'b>,
    bytes: u64,
}

impl Held<'_> {
    /// Draws more.
    ///
    /// # Errors
    /// As [`Budget::check`].
    pub fn grow(&mut self, bytes: usize) -> Result<(), Breach> {
        let cost = Cost {
            memory: bytes as u64,
            stored: 0,
        };
        self.budget.charge(cost, self.budget.too_much_memory())?;
        self.bytes += cost.memory;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.refund(Cost {
            memory: self.bytes,
            stored: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CostLimits = CostLimits {
        memory_bytes_max: 1_000,
        events_max: 10,
        addresses_max: 5,
        stored_times_max: 4,
        stored_bytes_free: 500,
    };

    fn cost(memory: u64, stored: u64) -> Cost {
        Cost { memory, stored }
    }

    #[test]
    fn the_first_breach_stays_and_refuses_every_later_draw() {
        let budget = Budget::new(&LIMITS, 0, &|_| false);
        assert_eq!(budget.spend_events(10), Ok(()));
        assert_eq!(budget.spend_events(1), Err(Breach::TooManyEvents(10)));
        assert_eq!(budget.breach(), Some(Breach::TooManyEvents(10)));
        assert_eq!(budget.check(), Err(Breach::TooManyEvents(10)));
        assert_eq!(budget.hold(1).err(), Some(Breach::TooManyEvents(10)));
        let charged = budget.charge(cost(1, 1), Breach::TooMuchEvidence);
        assert_eq!(charged, Err(Breach::TooManyEvents(10)));
        assert_eq!(budget.refuse(Breach::TooSlow), Breach::TooManyEvents(10));
    }

    #[test]
    fn memory_is_given_back_and_the_limit_is_exact() {
        let budget = Budget::new(&LIMITS, 0, &|_| false);
        for _ in 0..100 {
            let mut held = budget.hold(400).unwrap();
            held.grow(600).unwrap();
            assert_eq!(budget.drawn(), cost(1_000, 0));
        }
        assert_eq!(budget.drawn(), cost(0, 0));
        let _held = budget.hold(1_000).unwrap();
        assert_eq!(budget.hold(1).err(), Some(Breach::TooMuchMemory(1_000)));
    }

    #[test]
    fn room_in_the_database_goes_by_the_length_of_the_message() {
        for (message_bytes, room) in [(0, 500), (100, 500), (1_000, 3_000), (usize::MAX, u64::MAX)] {
            let budget = Budget::new(&LIMITS, message_bytes, &|_| false);
            assert!(budget.has_room(cost(0, room)), "{message_bytes}");
            assert!(
                room == u64::MAX || !budget.has_room(cost(0, room + 1)),
                "{message_bytes}"
            );
            assert_eq!(budget.charge(cost(0, room), Breach::TooMuchToStore), Ok(()));
        }
        let budget = Budget::of_time(&|_| false);
        assert_eq!(budget.charge(cost(u64::MAX, u64::MAX), Breach::TooMuchToStore), Ok(()));
    }

    #[test]
    fn the_clock_is_asked_at_each_check_until_it_says_stop() {
        let asked = Cell::new(0);
        let stop = |_| {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        let budget = Budget::new(&LIMITS, 0, &stop);
        assert_eq!((budget.check(), budget.check()), (Ok(()), Ok(())));
        assert_eq!(budget.check(), Err(Breach::TooSlow));
        assert_eq!(budget.check(), Err(Breach::TooSlow));
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn stop_gets_unpacked_bytes_at_each_question() {
        let told = Cell::new(0);
        let stop = |unpacked| {
            told.set(unpacked);
            unpacked > 100
        };
        let budget = Budget::new(&LIMITS, 0, &stop);
        assert!((0..1_000).all(|_| budget.check().is_ok()));
        assert_eq!(told.get(), 0);
        budget.note_unpacked(60);
        assert_eq!(budget.check(), Ok(()));
        budget.note_unpacked(41);
        assert_eq!(told.get(), 60, "told with the next question");
        assert_eq!((budget.check(), told.get()), (Err(Breach::TooSlow), 101));
    }
}
