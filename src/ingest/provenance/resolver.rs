//! The resolver that mails are checked with: the configured name servers, and no other host.

use mail_auth::MessageAuthenticator;

use super::{AuthenticatorError, AuthenticatorOptions};
use crate::dns::{self, DnsOptions, NoServers};

/// A resolver with a bounded cache; a try takes no longer than the whole check may.
pub(super) fn authenticator(options: &AuthenticatorOptions) -> Result<MessageAuthenticator, AuthenticatorError> {
    let usual = DnsOptions::default();
    let (config, resolving) = dns::resolver(&DnsOptions {
        servers: options.servers.clone(),
        try_time_max: usual.try_time_max.min(options.time_max),
        cached_answers_max: options.cached_answers_max,
        ..usual
    })
    .map_err(|error| match error {
        NoServers::Unknown(why) => AuthenticatorError::NoServers(why),
        NoServers::Unusable(why) => AuthenticatorError::Resolver(why),
    })?;
    MessageAuthenticator::new(config, resolving).map_err(|error| AuthenticatorError::Resolver(error.to_string()))
}
