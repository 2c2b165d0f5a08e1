//! What a target is: where an account is told of events, a webhook or a channel of a platform, or of its state, a digest.

use super::events::Wanted;
use crate::base::{AccountId, Day, DomainId, Millis, Period, TargetId, words};

/// Where an account is told of events. `A` is what only its kind has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<A = Address> {
    pub id: TargetId,
    pub account: AccountId,
    /// Events of this domain alone; `None`: of all, and those that are not of a domain.
    pub domain: Option<DomainId>,
    pub events: Wanted,
    pub active: bool,
    /// Attempts that failed in a row, and when the first of them was.
    pub failures: u64,
    pub failing_since: Option<Millis>,
    /// When the program switched it off, and why.
    pub disabled: Option<(Millis, String)>,
    /// When the last attempt was, and the status of its answer.
    pub last: Option<(Millis, Option<u16>)>,
    pub created_at: Millis,
    /// When its owner changed it last.
    pub updated_at: Millis,
    pub address: A,
}

/// What targets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Webhook(Webhook),
    Channel(Channel),
    Digest(Digest),
}

impl From<Webhook> for Address {
    fn from(webhook: Webhook) -> Self {
        Self::Webhook(webhook)
    }
}

impl From<Channel> for Address {
    fn from(channel: Channel) -> Self {
        Self::Channel(channel)
    }
}

impl From<Digest> for Address {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl<A> Target<A> {
    /// The target as one of another type of addresses; `None` if `address` is.
    pub(super) fn filter_map<B>(self, address: impl FnOnce(A) -> Option<B>) -> Option<Target<B>> {
        Some(Target {
            address: address(self.address)?,
            id: self.id,
            account: self.account,
            domain: self.domain,
            events: self.events,
            active: self.active,
            failures: self.failures,
            failing_since: self.failing_since,
            disabled: self.disabled,
            last: self.last,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// The target as one of any kind.
    ///
    /// # Panics
    /// Never.
    pub fn any(self) -> Target
    where
        A: Into<Address>,
    {
        self.filter_map(|address| Some(address.into()))
            .expect("every address is one")
    }
}

/// A kind of targets.
pub(super) trait Kind: Into<Address> + Clone {
    /// Targets of this kind that an account may have.
    const COUNT_MAX: usize;

    fn from_address(address: Address) -> Option<Self>;
}

/// Of whatever kind. None is added as this.
impl Kind for Address {
    const COUNT_MAX: usize = 0;

    fn from_address(address: Address) -> Option<Self> {
        Some(address)
    }
}

/// A target to add.
#[derive(Debug, Clone)]
pub struct NewTarget<A> {
    pub domain: Option<DomainId>,
    pub events: Wanted,
    /// Why it begins switched off and waits for its reader; `None`: it is on.
    pub off: Option<String>,
    pub address: A,
}

/// Webhooks of one account.
pub const WEBHOOKS_MAX: usize = 20;

/// What only a webhook has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// Encrypted.
    pub secret: Vec<u8>,
    /// The one before, encrypted, and until when it signs too.
    pub previous: Option<(Vec<u8>, Millis)>,
    pub rotated_at: Option<Millis>,
}

impl Kind for Webhook {
    const COUNT_MAX: usize = WEBHOOKS_MAX;

    fn from_address(address: Address) -> Option<Self> {
        match address {
            Address::Webhook(webhook) => Some(webhook),
            Address::Channel(_) | Address::Digest(_) => None,
        }
    }
}

/// Channels of one account.
pub const CHANNELS_MAX: usize = 20;

words! {
    /// What a channel is on. The provider documents the first three. Code 0 is a webhook's, 100 a digest's.
    Platform: i64 {
        Slack = 1 "slack",
        Discord = 2 "discord",
        Telegram = 3 "telegram",
        Teams = 4 "teams",
        Mattermost = 5 "mattermost",
        Ntfy = 6 "ntfy",
        PagerDuty = 7 "pagerduty",
        Email = 8 "email",
    }
}

/// What only a channel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub platform: Platform,
    /// Its owner's name for it.
    pub name: String,
    /// Where it is and what lets us in, encrypted.
    pub configuration: Vec<u8>,
}

impl Kind for Channel {
    const COUNT_MAX: usize = CHANNELS_MAX;

    fn from_address(address: Address) -> Option<Self> {
        match address {
            Address::Channel(channel) => Some(channel),
            Address::Webhook(_) | Address::Digest(_) => None,
        }
    }
}

/// Digests of one account.
pub const DIGESTS_MAX: usize = 20;

/// What only a digest has. It wants no events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Its owner's name for it.
    pub name: String,
    /// The address that it goes to, encrypted.
    pub recipient: Vec<u8>,
    pub period: Period,
    /// The domains that it is about; `None`: all of the account.
    pub domains: Option<Vec<DomainId>>,
    /// The first day of the newest period that was told of.
    pub told: Day,
}

impl Kind for Digest {
    const COUNT_MAX: usize = DIGESTS_MAX;

    fn from_address(address: Address) -> Option<Self> {
        match address {
            Address::Digest(digest) => Some(digest),
            Address::Webhook(_) | Address::Channel(_) => None,
        }
    }
}
