//! How many DNS questions a mail may still cause.
//!
//! The library looks into its caches before it asks the resolver, one time per question: that is where questions are
//! counted, and where they end. Nothing is cached here, that is for the resolver (failures too, and by time to live).

use std::borrow::Borrow;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::fetched::Spending;
use mail_auth::{DnsError, Error, MX, Parameters, RecordSet, ResolverCache, Txt};
// The library hands in until when an answer holds; it is not asked what time it is.
use std::time::Instant;

/// Questions that are left.
pub(super) struct Budget {
    wanted: AtomicU64,
    questions_max: u64,
    /// What all mail without an envelope shares.
    shared: Option<Arc<Spending>>,
}

/// What the library is called with: some input, and this budget in place of each of its caches.
pub(super) type Budgeted<'b, P> = Parameters<'b, P, Budget, Budget, Budget, Budget, Budget>;

impl Budget {
    pub fn new(questions_max: u64) -> Self {
        Self {
            wanted: AtomicU64::new(0),
            questions_max,
            shared: None,
        }
    }

    /// As [`Self::new`], also within what is shared.
    pub fn shared(questions_max: u64, shared: Option<Arc<Spending>>) -> Self {
        Self {
            shared,
            ..Self::new(questions_max)
        }
    }

    /// Puts this budget around some input.
    pub fn with<P>(&self, params: P) -> Budgeted<'_, P> {
        Parameters {
            params,
            cache_txt: Some(self),
            cache_mx: Some(self),
            cache_ptr: Some(self),
            cache_ipv4: Some(self),
            cache_ipv6: Some(self),
        }
    }

    /// Questions that went to the resolver.
    pub fn asked(&self) -> u64 {
        self.wanted.load(Ordering::Relaxed).min(self.questions_max)
    }

    /// Whether one was wanted and not asked.
    pub fn is_exhausted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > self.questions_max
    }

    /// Takes one question; `None` if it may be asked, else what to say in place of an answer.
    fn take<A>(&self, name: &(impl Hash + ?Sized), instead: impl FnOnce() -> A) -> Option<A> {
        let before = self.wanted.fetch_add(1, Ordering::Relaxed);
        let is_within = before < self.questions_max;
        let is_admitted = || self.shared.as_ref().is_none_or(|shared| shared.admit(name));
        (!is_within || !is_admitted()).then(instead)
    }
}

macro_rules! counts {
    ($($key:ty => $value:ty, $instead:expr;)+) => { $(
        impl ResolverCache<$key, $value> for Budget {
            fn get<Q>(&self, name: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.take(name, || $instead)
            }

            fn remove<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: $value, _: Instant) {}
        }
    )+ };
}

counts! {
    // Which the library takes for a fault of the DNS: a temporary error.
    Box<str> => Txt, Txt::Error(Error::Dns(DnsError::Resolver("too many questions".to_owned())));
    // These have no error: the caller asks `is_exhausted`.
    Box<str> => RecordSet<MX>, nothing();
    Box<str> => RecordSet<Ipv4Addr>, nothing();
    Box<str> => RecordSet<Ipv6Addr>, nothing();
    IpAddr => RecordSet<Box<str>>, nothing();
}

fn nothing<T>() -> RecordSet<T> {
    RecordSet {
        rrset: Arc::from([]),
        dnssec_status: mail_auth::DnssecStatus::Indeterminate,
    }
}
