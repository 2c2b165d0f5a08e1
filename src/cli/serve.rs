//! `tallymark serve`: the API and the way in for mail, until it is told to stop.

mod demo;

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::Context;
use crate::app::{self, App, Mail, ServerLock, Unnamed};
use crate::base::clock::{self, Clock};
use crate::config::{Config, LogFormat, Role};

/// Serve the web page and the API, and receive mail if the settings say so.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark serve --demo                  invented reports of the last 30 days, and curl lines to try
  tallymark serve --config tallymark.toml
  tallymark serve --listen [::1]:9000 --data /var/lib/tallymark
  tallymark serve --smtp 127.0.0.1:2525   receive reports as mail, too
  tallymark serve --roles smtp,jobs       one of several nodes on one PostgreSQL, without the API

Ctrl-C and SIGTERM stop it: running requests are answered, and accepted mail is stored.
SIGHUP makes it read the certificate for mail again, and the files of [enrich] if they changed.")]
pub struct Args {
    /// Load invented reports of the last 30 days for example.com into an account `demo`, and print how to view them.
    /// Without --data, its database has its own folder next to that of the settings.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on [default: 127.0.0.1:8080, or http.listen of the settings].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Addresses that receive mail over SMTP [default: nowhere, or smtp.listen of the settings].
    #[arg(long, value_name = "ADDR,...", value_delimiter = ',')]
    smtp: Vec<SocketAddr>,
    /// Addresses that receive mail over LMTP, from a mail server of your own [default: nowhere, or smtp.lmtp_listen of the settings].
    #[arg(long, value_name = "ADDR,...", value_delimiter = ',')]
    lmtp: Vec<SocketAddr>,
    /// Roles of this node: smtp, imap, api, jobs [default: all, or node.roles of the settings].
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',')]
    roles: Vec<Role>,
}

pub async fn run(mut context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(listen) = args.listen {
        context.config.http.listen = listen;
    }
    if !args.roles.is_empty() {
        context.config.node.roles = args.roles;
    }
    if !args.smtp.is_empty() {
        context.config.smtp.options.smtp = args.smtp;
    }
    if !args.lmtp.is_empty() {
        context.config.smtp.options.lmtp = args.lmtp;
    }
    if context.config.node.roles.is_empty() {
        bail!("node.roles is empty: this node would do nothing");
    }
    if args.demo && !context.data_was_given {
        let database = &mut context.config.database;
        database.dir = demo::folder_beside(&database.dir);
        database.url.clear();
    }
    if args.demo {
        // Its addresses are invented.
        context.config.enrich.ptr = false;
        demo::name_host(&mut context.config.installation)?;
    }
    start_logging(&context.config)?;
    for note in context.config.notes() {
        tracing::warn!("{note}");
    }
    wait_for_clock(&context.clock).await;
    let signals = App::signals()?;
    // Before the database is touched: a port that is taken most often means that it runs already.
    let listener = listen(context.config.http.listen).await?;
    let address = listener.local_addr()?;
    // Held to the end. Before the database is opened: the demo replaces what a running one shows.
    let _lock = ServerLock::take(&app::database(&context.config)?)?;
    let data = context.config.database.dir.clone();
    let mut app = context.open().await?;
    app.log_advice();
    if args.demo {
        let demo = demo::load(&app).await?;
        let link = app.offer_sign_in(&demo.account).await?;
        write!(out, "{}", demo::welcome(&demo, (address, link.as_deref()), &data))?;
    } else {
        writeln!(out, "Listening on http://{address}")?;
        // A terminal forgets. A journal would keep the link for its readers.
        if io::stdout().is_terminal() {
            write!(out, "{}", next_step(&mut app, address).await?)?;
            if !app.config.has_way_in() {
                writeln!(out, "{NO_WAY_IN}")?;
            }
        }
    }
    let mail = app.listen_for_mail().await?;
    for (protocol, address) in mail.iter().flat_map(Mail::addresses) {
        writeln!(out, "Listening on {protocol}://{address}")?;
        tracing::info!(protocol, %address, "receiving mail");
    }
    // The reader of our output waits for these lines.
    out.flush()?;
    tracing::info!(%address, "serving");
    app.serve(signals, listener, mail).await?;
    Ok(ExitCode::SUCCESS)
}

/// What is said where reports do not come by themselves.
const NO_WAY_IN: &str = "Nothing receives reports yet: set smtp.listen, or add a mailbox, folder or bucket; `tallymark doctor` says \
    what else is missing.";

/// How to look at the page.
async fn next_step(app: &mut App, address: SocketAddr) -> anyhow::Result<String> {
    let Unnamed::One(account) = app::unnamed_account(&app.store).await? else {
        return Ok("To look at it, make a key with `tallymark keys create`, and sign in with it.\n".to_owned());
    };
    let address = reachable(address);
    Ok(match app.offer_sign_in(&account).await? {
        Some(path) => format!("Open http://{address}{path} to sign in: once, within an hour.\n"),
        None => format!("To look at it, make a key with `tallymark keys create`, and sign in at http://{address}/.\n"),
    })
}

/// Where a client on this machine finds us, if we listen everywhere.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Returns once the machine's clock is set: one without a battery says 1970, or less, until it has heard from a time server.
async fn wait_for_clock(clock: &Clock) {
    let mut looks = 0_u32;
    while !clock::is_set(clock.now()) {
        if looks.is_multiple_of(CLOCK_LOGGED_EVERY) {
            tracing::error!(
                now = clock::format_instant(clock.now()),
                "the clock of this machine is not set: nothing is served until it is"
            );
        }
        looks = looks.wrapping_add(1);
        tokio::time::sleep(CLOCK_EVERY).await;
    }
}

/// How often a clock that is not set is looked at, and at how many looks the log says so.
const CLOCK_EVERY: Duration = Duration::from_secs(1);
const CLOCK_LOGGED_EVERY: u32 = 60;

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "port {} of {} is taken, perhaps by another tallymark: choose another with --listen {}:{}",
            address.port(),
            address.ip(),
            address.ip(),
            address.port().wrapping_add(1).max(1024),
        ),
        _ => anyhow!(error).context(format!(
            "cannot listen on {address}; choose another address with --listen"
        )),
    })
}

fn start_logging(config: &Config) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(&config.log.filter).with_context(|| format!("log.filter {:?}", config.log.filter))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match config.log.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow!("logging cannot be started: {error}"))
}
