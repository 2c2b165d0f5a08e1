//! How many requests an account may make: a leaky bucket for each, kept as one instant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::{AccountId, DomainId};

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; 0 is taken as 1.
    pub per_second: u32,
    /// At once, after a quiet time; 0 is taken as 1.
    pub burst: u32,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// All keys of an account share one: a key that makes keys gains nothing by it.
    Account(AccountId),
    /// All that is posted to a domain without a key.
    Domain(DomainId),
    /// A session of the page, by the beginning of its token's hash. What the page asks of the API within this process
    /// counts here, once per page, and not against the account.
    Session([u8; 16]),
    /// Requests without a valid key. IPv6 addresses count by their /64: one customer has all of it.
    Peer(IpAddr),
}

/// What is left after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The burst.
    pub limit: u32,
    pub remaining: u32,
    /// `None`: the request may pass. Else the seconds after which one may.
    pub retry_after_seconds: Option<u64>,
}

/// All buckets, in the memory of this process.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Option<Rate>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When a bucket will be empty again, on the monotonic clock. Absent: it is.
    empty_at: HashMap<Bucket, Duration>,
    swept_at: Duration,
}

/// Empty buckets are swept away at this number, 65,536 of some 40 bytes; if none is empty, newcomers are not counted.
const BUCKETS_MAX: usize = 65_536;

impl RateLimiter {
    /// `None` lets everything pass and returns no [`Allowance`].
    pub fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Counts one request at `now` (monotonic).
    pub fn take(&self, bucket: Bucket, now: Duration) -> Option<Allowance> {
        self.count(bucket, now, 1)
    }

    /// What is left, without counting anything.
    pub fn look(&self, bucket: Bucket, now: Duration) -> Option<Allowance> {
        self.count(bucket, now, 0)
    }

    fn count(&self, bucket: Bucket, now: Duration, requests: u32) -> Option<Allowance> {
        let rate = self.rate?;
        let (per_second, burst) = (rate.per_second.max(1), rate.burst.max(1));
        let each = Duration::from_secs(1) / per_second;
        let room = each * burst;

        // A panic while the lock is held leaves a bucket too full or too empty by one: no reason to stop.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = buckets.empty_at.get(&bucket).copied().unwrap_or(now).max(now);
        let filled = empty_at + each * requests - now;
        if filled > room {
            let wait = (filled - room).as_secs_f64().ceil() as u64;
            return Some(Allowance {
                limit: burst,
                remaining: 0,
                retry_after_seconds: Some(wait.max(1)),
            });
        }
        if requests > 0 {
            buckets.insert(bucket, now + filled, now);
        }
        Some(Allowance {
            limit: burst,
            remaining: u32::try_from((room - filled).as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX),
            retry_after_seconds: None,
        })
    }
}

impl Buckets {
    fn insert(&mut self, bucket: Bucket, empty_at: Duration, now: Duration) {
        if let Some(known) = self.empty_at.get_mut(&bucket) {
            *known = empty_at;
            return;
        }
        if self.empty_at.len() >= BUCKETS_MAX {
            // At most once a second, so that an attacker with many addresses cannot make every request pay for it.
            if now.saturating_sub(self.swept_at) < Duration::from_secs(1) && self.swept_at <= now {
                return;
            }
            self.swept_at = now;
            self.empty_at.retain(|_, empty_at| *empty_at > now);
        }
        if self.empty_at.len() < BUCKETS_MAX {
            self.empty_at.insert(bucket, empty_at);
        }
    }
}

impl Bucket {
    /// The bucket of the clients at this address.
    pub fn peer(address: IpAddr) -> Self {
        Self::Peer(network_of(address))
    }
}

/// The address under which a client is counted: of IPv6 the /64, which one customer has all of.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Bucket = Bucket::Account(AccountId(1));

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        RateLimiter::new(Some(Rate { per_second, burst }))
    }

    #[test]
    fn a_burst_passes_then_requests_wait_for_the_rate() {
        let limiter = limiter(2, 3);
        let now = Duration::from_secs(10);
        for remaining in [2, 1, 0] {
            let allowance = limiter.take(ONE, now).unwrap();
            assert_eq!((allowance.remaining, allowance.retry_after_seconds), (remaining, None));
        }
        let refused = limiter.take(ONE, now).unwrap();
        assert_eq!((refused.limit, refused.retry_after_seconds), (3, Some(1)));
        let later = now + Duration::from_millis(500);
        assert_eq!(limiter.take(ONE, later).unwrap().retry_after_seconds, None);
        assert_eq!(limiter.take(ONE, later).unwrap().retry_after_seconds, Some(1));
    }

    #[test]
    fn looking_counts_nothing_and_callers_do_not_share() {
        let limiter = limiter(1, 1);
        let now = Duration::ZERO;
        assert_eq!(limiter.look(ONE, now).unwrap().remaining, 1);
        assert_eq!(limiter.take(ONE, now).unwrap().remaining, 0);
        assert_eq!(limiter.look(ONE, now).unwrap().remaining, 0);
        assert_eq!(
            limiter
                .take(Bucket::Account(AccountId(2)), now)
                .unwrap()
                .retry_after_seconds,
            None
        );
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(RateLimiter::new(None).take(ONE, Duration::ZERO), None);
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let peer = |address: &str| Bucket::peer(address.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }

    #[test]
    fn the_buckets_are_bounded() {
        let limiter = limiter(1, 1);
        for account in 0..(BUCKETS_MAX as i64 + 10) {
            limiter.take(Bucket::Account(AccountId(account)), Duration::from_secs(5));
        }
        assert_eq!(limiter.buckets.lock().unwrap().empty_at.len(), BUCKETS_MAX);
        limiter.take(Bucket::Account(AccountId(-1)), Duration::from_secs(60));
        assert_eq!(limiter.buckets.lock().unwrap().empty_at.len(), 1);
    }
}
