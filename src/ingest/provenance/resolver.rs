//! The resolver: a stub that speaks to the configured name servers and to nobody else.

use std::net::SocketAddr;
use std::time::Duration;

use mail_auth::MessageAuthenticator;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use mail_auth::hickory_resolver::system_conf::read_system_conf;

use super::{AuthenticatorError, AuthenticatorOptions};

/// One try of one question. A lost packet leaves time for another.
const TRY_TIME_MAX: Duration = Duration::from_secs(2);
const TRIES_MAX: usize = 2;
/// However long an answer says that it may be kept.
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(3_600);
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);

/// A resolver over UDP, and TCP where an answer is too long for that, with a bounded cache.
pub(super) fn of(options: &AuthenticatorOptions) -> Result<MessageAuthenticator, AuthenticatorError> {
    let servers = if options.servers.is_empty() {
        let (system, _) = read_system_conf().map_err(|error| AuthenticatorError::NoServers(error.to_string()))?;
        system.name_servers().to_vec()
    } else {
        options.servers.iter().copied().map(server).collect()
    };
    if servers.is_empty() {
        return Err(AuthenticatorError::NoServers("there are none".to_owned()));
    }
    // Without the system's search list: names in mails are whole.
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let mut resolving = ResolverOpts::default();
    resolving.timeout = TRY_TIME_MAX.min(options.time_max);
    resolving.attempts = TRIES_MAX;
    resolving.cache_size = options.cached_answers_max;
    resolving.positive_max_ttl = Some(POSITIVE_TTL_MAX);
    resolving.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    // The machine's hosts file says nothing about who may send mail.
    resolving.use_hosts_file = ResolveHosts::Never;
    MessageAuthenticator::new(config, resolving).map_err(|error| AuthenticatorError::Resolver(error.to_string()))
}

fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
