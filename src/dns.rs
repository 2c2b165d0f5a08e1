//! The DNS client. Nothing else in the program talks to a name server, and only this file uses hickory-resolver.
//!
//! A question has one of three answers: what is there, that nothing is there, or that it is unknown (a server that
//! fails or does not answer). The caller must keep the last two apart.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::sync::Semaphore;

use crate::base::clock::{self, Clock};

/// Longest time for which an answer is cached, whatever its time to live.
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(3_600);
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);
/// Longest time for which [`Dns`] caches records that others publish and many domains refer to.
const SHARED_TTL_MAX: Duration = Duration::from_secs(300);
/// CNAME records that are followed, one to the next.
pub const ALIASES_MAX: usize = 8;
/// Names of an address that are looked at: a reverse zone may have any number.
pub const NAMES_MAX: usize = 16;
/// Questions that wait on one connection to a name server before more are refused.
const ON_A_CONNECTION_MAX: usize = 4_096;

/// Which name servers are asked, and how.
#[derive(Debug, Clone)]
pub struct DnsOptions {
    /// None: those that the system uses.
    pub servers: Vec<SocketAddr>,
    /// One try of one question.
    pub try_time_max: Duration,
    /// A lost packet deserves another.
    pub tries_max: usize,
    /// Answers that are kept as long as their time to live allows.
    pub cached_answers_max: u64,
    /// Questions that wait for their answers at the same time; [`Dns`] makes others wait.
    pub in_flight_max: usize,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            try_time_max: Duration::from_secs(2),
            tries_max: 2,
            cached_answers_max: 1_024,
            in_flight_max: 200,
        }
    }
}

/// Why no name server can be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoServers {
    /// Name them in the settings.
    #[error("the system's name servers cannot be found out: {0}")]
    Unknown(String),
    /// They are known, but cannot be used.
    #[error("the name servers cannot be used: {0}")]
    Unusable(String),
}

/// Why a question has no answer. That nothing is there *is* an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// No answer came in time.
    Silence,
    /// A server said that it cannot say: `SERVFAIL`, `REFUSED`, or what it sent was no answer.
    Failure(String),
    /// CNAME records lead in a circle at this name, or through more names than resolvers follow.
    Circle(String),
    /// The requested name cannot exist in DNS.
    NoName,
}

/// Whether a cached answer is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Ask, whatever is remembered: the user has just changed the record and waits.
    Fresh,
    /// An answer of the last minutes will do.
    Shared,
}

/// Asks questions. Cheap to clone: all clones share the cache and the limit.
#[derive(Clone)]
pub struct Dns {
    fresh: TokioResolver,
    shared: TokioResolver,
    in_flight: Arc<Semaphore>,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Dns {
    /// Ready to ask; sends nothing yet.
    ///
    /// # Errors
    /// [`NoServers`] if there are none.
    pub fn new(options: &DnsOptions) -> Result<Self, NoServers> {
        let build = |cached_answers_max, ttl_max| {
            let (config, mut resolving) = resolver(&DnsOptions {
                cached_answers_max,
                ..options.clone()
            })?;
            resolving.positive_max_ttl = Some(ttl_max);
            resolving.negative_max_ttl = Some(ttl_max);
            let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            let built = builder.with_options(resolving).build();
            built.map_err(|error| NoServers::Unusable(error.to_string()))
        };
        Ok(Self {
            fresh: build(0, Duration::ZERO)?,
            shared: build(options.cached_answers_max, SHARED_TTL_MAX)?,
            in_flight: Arc::new(Semaphore::new(options.in_flight_max.max(1))),
        })
    }

    /// The TXT records of a name, each with its strings put together. Invalid UTF-8 in them is replaced.
    ///
    /// # Errors
    /// [`Unanswered`]; that there are none is an empty list.
    pub async fn texts(&self, name: &str, freshness: Freshness) -> Result<Vec<String>, Unanswered> {
        let records = self.records(name, RecordType::TXT, freshness).await?;
        let texts = records.into_iter().filter_map(|data| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(texts.collect())
    }

    /// Where mail to a name goes: preference and host, lower-case, without trailing dot; `""` is the root (RFC 7505).
    ///
    /// # Errors
    /// [`Unanswered`]; that there are none is an empty list.
    pub async fn mail_hosts(&self, name: &str, freshness: Freshness) -> Result<Vec<(u16, String)>, Unanswered> {
        let records = self.records(name, RecordType::MX, freshness).await?;
        let hosts = records.into_iter().filter_map(|data| match data {
            RData::MX(mx) => Some((mx.preference, plain(&mx.exchange))),
            _ => None,
        });
        Ok(hosts.collect())
    }

    /// What a name is an alias of: the next name in the chain, lower-case, without trailing dot.
    ///
    /// # Errors
    /// [`Unanswered`]. `None` if the name is not an alias.
    pub async fn alias(&self, name: &str, freshness: Freshness) -> Result<Option<String>, Unanswered> {
        let records = self.records(name, RecordType::CNAME, freshness).await?;
        Ok(records.into_iter().find_map(|data| match data {
            RData::CNAME(target) => Some(plain(&target.0)),
            _ => None,
        }))
    }

    /// Whether there is such a name, whatever it has.
    ///
    /// # Errors
    /// [`Unanswered`]; that there is none is `false`.
    pub async fn exists(&self, name: &str, freshness: Freshness) -> Result<bool, Unanswered> {
        let fqdn = Name::from_ascii(format!("{name}.")).map_err(|_| Unanswered::NoName)?;
        let (answer, is_there) = self.ask(fqdn, RecordType::A, freshness).await;
        Ok(!answer?.is_empty() || is_there)
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// [`Unanswered`]; that it has none is an empty list.
    pub async fn addresses(&self, name: &str, freshness: Freshness) -> Result<Vec<IpAddr>, Unanswered> {
        let mut addresses = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            let records = self.records(name, kind, freshness).await?;
            addresses.extend(records.into_iter().filter_map(|data| match data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            }));
        }
        Ok(addresses)
    }

    /// The names that an address has (PTR), up to [`NAMES_MAX`], each once, lower-case, without trailing dot. One question.
    ///
    /// # Errors
    /// [`Unanswered`]; that it has none is an empty list.
    pub async fn names_of(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        let (answer, _) = self.ask(Name::from(address), RecordType::PTR, Freshness::Fresh).await;
        let mut names = Vec::new();
        for data in answer? {
            if let RData::PTR(name) = data {
                let name = plain(&name.0);
                if names.len() < NAMES_MAX && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }

    /// Whether a name has an address. One question.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn has_address(&self, name: &str, address: IpAddr) -> Result<bool, Unanswered> {
        let fqdn = Name::from_ascii(format!("{name}.")).map_err(|_| Unanswered::NoName)?;
        let kind = match address {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        let (answer, _) = self.ask(fqdn, kind, Freshness::Fresh).await;
        Ok(answer?.iter().any(|data| data.ip_addr() == Some(address)))
    }

    /// Whether the name servers answer at all: they are asked who serves the root, which every server knows.
    pub async fn is_up(&self) -> bool {
        self.ask(Name::root(), RecordType::NS, Freshness::Fresh).await.0.is_ok()
    }

    async fn records(&self, name: &str, kind: RecordType, freshness: Freshness) -> Result<Vec<RData>, Unanswered> {
        let fqdn = Name::from_ascii(format!("{name}.")).map_err(|_| Unanswered::NoName)?;
        let (answer, may_be_alias) = self.ask(fqdn, kind, freshness).await;
        // A circle looks like nothing at all, or like a server that fails.
        if may_be_alias && kind != RecordType::CNAME {
            self.follow(name, freshness).await?;
        }
        answer
    }

    /// Whether the chain of names that begins here has an end.
    async fn follow(&self, name: &str, freshness: Freshness) -> Result<(), Unanswered> {
        let mut chain = vec![name.to_ascii_lowercase()];
        while let Some(last) = chain.last() {
            let Ok(fqdn) = Name::from_ascii(format!("{last}.")) else {
                break;
            };
            let (Ok(answer), _) = self.ask(fqdn, RecordType::CNAME, freshness).await else {
                break;
            };
            let next = answer.into_iter().find_map(|data| match data {
                RData::CNAME(target) => Some(plain(&target.0)),
                _ => None,
            });
            let Some(next) = next else { break };
            if chain.contains(&next) || chain.len() > ALIASES_MAX {
                return Err(Unanswered::Circle(next));
            }
            chain.push(next);
        }
        Ok(())
    }

    /// One question, and whether the name may be an alias that leads nowhere.
    async fn ask(&self, name: Name, kind: RecordType, freshness: Freshness) -> (Result<Vec<RData>, Unanswered>, bool) {
        let resolver = match freshness {
            Freshness::Fresh => &self.fresh,
            Freshness::Shared => &self.shared,
        };
        // The library reads the clock for every question, and panics where there is no such date.
        if !clock::is_set(Clock::system().now()) {
            let why = "the clock of this machine is not set".to_owned();
            return (Err(Unanswered::Failure(why)), false);
        }
        // Never closed: it always gives a permit.
        let _permit = self.in_flight.acquire().await;
        match resolver.lookup(name, kind).await {
            Ok(lookup) => {
                let records = lookup.answers().iter().map(|record| record.data.clone());
                (Ok(records.collect()), false)
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(nothing))) => {
                (Ok(Vec::new()), nothing.response_code != ResponseCode::NXDomain)
            }
            Err(NetError::Timeout) => (Err(Unanswered::Silence), false),
            Err(NetError::Dns(DnsError::ResponseCode(code))) => {
                (Err(Unanswered::Failure(code.to_str().to_owned())), true)
            }
            Err(error) => (Err(Unanswered::Failure(error.to_string())), false),
        }
    }
}

/// The configuration of a resolver that speaks to these servers only: UDP, and TCP where an answer is too long
/// for that.
///
/// # Errors
/// [`NoServers`] if there are none.
pub fn resolver(options: &DnsOptions) -> Result<(ResolverConfig, ResolverOpts), NoServers> {
    let servers = if options.servers.is_empty() {
        let (system, _) = read_system_conf().map_err(|error| NoServers::Unknown(error.to_string()))?;
        system.name_servers().to_vec()
    } else {
        options.servers.iter().copied().map(server).collect()
    };
    if servers.is_empty() {
        return Err(NoServers::Unknown("there are none".to_owned()));
    }
    // Without the system's search list: the names that are asked for are whole.
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let mut resolving = ResolverOpts::default();
    resolving.timeout = options.try_time_max;
    resolving.attempts = options.tries_max;
    resolving.cache_size = options.cached_answers_max;
    resolving.positive_max_ttl = Some(POSITIVE_TTL_MAX);
    resolving.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    // One server at a time: what is in flight here is in flight there.
    resolving.num_concurrent_reqs = 1;
    resolving.max_active_requests = ON_A_CONNECTION_MAX;
    // The machine's hosts file says nothing about what others publish.
    resolving.use_hosts_file = ResolveHosts::Never;
    Ok((config, resolving))
}

fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn plain(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
