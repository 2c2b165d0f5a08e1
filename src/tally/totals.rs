//! Sums of messages.

use crate::base::words;
use crate::report::aggregate::{Disposition, Verdict};

words! {
    /// Reports or sources by their outcome.
    ResultFilter: i64 {
        /// Every message passed.
        Pass = 0 "pass",
        /// No message passed.
        Fail = 1 "fail",
        /// Some did.
        Mixed = 2 "mixed",
    }
}

/// Messages by disposition and by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// DMARC pass.
    pub pass: u64,
    pub fail: u64,
    pub dkim_aligned: u64,
    pub spf_aligned: u64,
    /// No action: the dispositions `none` and `pass` (RFC 9990, appendix A). Includes messages that passed and have
    /// no stated disposition, because DMARC asks for no action then.
    pub none: u64,
    pub quarantine: u64,
    pub reject: u64,
}

/// Human-readable, as `verify` prints it.
impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            pass,
            fail,
            dkim_aligned,
            spf_aligned,
            none,
            quarantine,
            reject,
        } = self;
        write!(
            f,
            "{pass} passed and {fail} failed (DKIM aligned {dkim_aligned}, SPF aligned {spf_aligned}; no action {none}, \
             quarantined {quarantine}, rejected {reject})"
        )
    }
}

impl Totals {
    /// No sum is larger: a number that every client reads exactly (RFC 8259, 6), and far from where sums over years would
    /// overflow. What would be more stays here.
    pub const SUM_MAX: u64 = (1 << 53) - 1;

    /// All messages.
    pub fn messages(&self) -> u64 {
        self.pass.saturating_add(self.fail)
    }

    /// Messages whose disposition is unknown: the reporter used a word outside the standards, or stated none for
    /// messages that did not pass. With `none`, `quarantine` and `reject` they are all messages.
    pub fn unknown(&self) -> u64 {
        [self.none, self.quarantine, self.reject]
            .iter()
            .fold(self.messages(), |rest, known| rest.saturating_sub(*known))
    }

    /// Adds `count` messages with this verdict.
    pub fn add_verdict(&mut self, verdict: Verdict, count: u64) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(count).min(Self::SUM_MAX);
        add(if verdict.passes() {
            &mut self.pass
        } else {
            &mut self.fail
        });
        if verdict.dkim_aligned {
            add(&mut self.dkim_aligned);
        }
        if verdict.spf_aligned {
            add(&mut self.spf_aligned);
        }
        match verdict.disposition {
            Disposition::None | Disposition::Pass => add(&mut self.none),
            Disposition::Quarantine => add(&mut self.quarantine),
            Disposition::Reject => add(&mut self.reject),
            // What is in no other sum is unknown: see `unknown`.
            Disposition::Unknown => {}
        }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |sum, more| sum.saturating_add(more).min(Self::SUM_MAX));
    }

    /// Takes a sum away that was added before.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, u64::saturating_sub);
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        self.pass = with(self.pass, other.pass);
        self.fail = with(self.fail, other.fail);
        self.dkim_aligned = with(self.dkim_aligned, other.dkim_aligned);
        self.spf_aligned = with(self.spf_aligned, other.spf_aligned);
        self.none = with(self.none, other.none);
        self.quarantine = with(self.quarantine, other.quarantine);
        self.reject = with(self.reject, other.reject);
    }

    /// Whether the filter matches it.
    pub fn matches(&self, filter: Option<ResultFilter>) -> bool {
        match filter {
            None => true,
            Some(ResultFilter::Pass) => self.fail == 0 && self.pass > 0,
            Some(ResultFilter::Fail) => self.pass == 0 && self.fail > 0,
            Some(ResultFilter::Mixed) => self.pass > 0 && self.fail > 0,
        }
    }
}
