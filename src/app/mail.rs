//! Receiving mail: what has to be there before the listeners are, and the listeners.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

use super::place::make_private_dir;
use super::{App, options};
use crate::base::Mode;
use crate::config::Role;
use crate::ingest::Addresses;
use crate::listeners::smtp::{Listener, Protocol, Tls, TlsFiles};

/// File descriptors for everything but connections.
const OTHER_FILES: u64 = 1_024;

/// Listeners that do not answer yet.
#[derive(Debug)]
pub struct Mail(Listener);

impl App {
    /// Opens the listeners for mail, if this node's roles and settings ask for any.
    ///
    /// # Errors
    /// A setting is wrong, an address is taken, or the certificate cannot be used.
    pub async fn listen_for_mail(&self) -> anyhow::Result<Option<Mail>> {
        let smtp = &self.config.smtp;
        if !self.does(Role::Smtp) || (smtp.options.smtp.is_empty() && smtp.options.lmtp.is_empty()) {
            return Ok(None);
        }
        let mut options = options::smtp(&self.config)?;
        // Mail that is encrypted with another certificate is better than none: senders of reports take any.
        if let Some(files @ TlsFiles::Given { .. }) = &options.tls
            && let Err(error) = Tls::open(files)
        {
            tracing::error!(
                %error,
                "smtp.certificate cannot be used; mail is received with a self-signed one until the next start"
            );
            options.tls = options::self_signed(&self.config);
        }
        make_private_dir(&self.config.database.dir)?;
        self.ensure_mail_account().await?;
        allow_connections(options.connections.total_max);
        let listener = Listener::bind(
            self.clock.clone(),
            self.intake.clone(),
            self.addresses(),
            self.metrics.clone(),
            options,
        );
        Ok(Some(Mail(listener.await.context("mail cannot be received")?)))
    }

    /// Whose mail an address is.
    pub fn addresses(&self) -> Addresses {
        Addresses::new(
            self.store.clone(),
            self.clock.clone(),
            &options::address_names(&self.config),
        )
    }

    /// Mail to postmaster must have somewhere to go (RFC 5321, 4.5.1).
    async fn ensure_mail_account(&self) -> anyhow::Result<()> {
        let name = &self.config.smtp.account;
        if self.store.account_by_name(name).await?.is_some() {
            return Ok(());
        }
        if !self.store.accounts().await?.is_empty() {
            bail!("there is no account {name}: set smtp.account to the account that mail to postmaster belongs to");
        }
        self.store.add_account(name, Mode::Live, self.clock.now()).await?;
        Ok(())
    }
}

impl Mail {
    /// Where it listens: `smtp` or `lmtp`, and the address.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let word = |protocol| match protocol {
            Protocol::Smtp => "smtp",
            Protocol::Lmtp => "lmtp",
        };
        let addresses = self.0.addresses();
        addresses
            .into_iter()
            .map(move |(protocol, address)| (word(protocol), address))
    }

    /// Tells, whenever it is asked, whether mail is refused because too little disk is free.
    pub(super) fn disk_look(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        self.0.disk_look()
    }

    pub(super) async fn serve(self, stop: CancellationToken) {
        self.0.serve(stop).await;
    }
}

/// Each connection is a file descriptor, and another while the body of a message is on the disk. A process has 1,024 unless
/// it asks for more.
fn allow_connections(connections: usize) {
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_mul(2)
        .saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(most),
            maximum,
        },
    );
    if raised.is_err() || most < wanted {
        tracing::warn!(
            wanted,
            allowed = most,
            "fewer files may be open than smtp.connections_max needs; raise the limit (LimitNOFILE in systemd)"
        );
    }
}
