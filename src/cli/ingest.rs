//! `tallymark ingest`: one message from a mail server that pipes it to us.

use std::io::{self, Read as _, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::Context;
use super::context::account_or_first;
use super::text::counted;
use crate::app::App;
use crate::ingest::{Belonging, Envelope, Owner, RawMessage};

/// Exit code for "try again later" (`EX_TEMPFAIL` of sysexits.h): the mail server keeps the message.
pub(super) const TRY_AGAIN: u8 = 75;

/// Store one message from standard input, where a mail server pipes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark ingest --stdin < message.eml
  in Postfix's master.cf:
    tallymark unix - n n - 4 pipe flags=q user=tallymark null_sender= argv=/usr/bin/tallymark
      --config /etc/tallymark.toml ingest --stdin --peer=${client_address} --helo=${client_helo}
      --sender=${sender} --recipient=${recipient}

Exit code 0: the message is committed to the database, as a report, in quarantine or as other mail.
Exit code 75: it is not. The mail server must keep it and try again.")]
pub struct Args {
    /// Read the message from standard input, up to its end.
    #[arg(long, required = true)]
    stdin: bool,
    /// Recipient of the message. It decides which account and domain get the message. Repeatable.
    #[arg(long, value_name = "ADDRESS")]
    recipient: Vec<String>,
    /// Account of a message without --recipient [default: the only account, or the one called `default`, which an empty
    /// database gets].
    #[arg(long, value_name = "NAME", conflicts_with = "recipient")]
    account: Option<String>,
    /// Address of the server that delivered the message, for SPF, DKIM and DMARC. Empty: no server.
    #[arg(long, value_name = "IP", value_parser = peer)]
    peer: Option<Peer>,
    /// Name in that server's HELO or EHLO.
    #[arg(long, value_name = "NAME", requires = "peer", default_value = "")]
    helo: String,
    /// Sender of the envelope. Empty: the null sender.
    #[arg(long, value_name = "ADDRESS", requires = "peer", default_value = "")]
    sender: String,
    /// Id of the message in the mail server's queue.
    #[arg(long, value_name = "ID", requires = "peer", default_value = "")]
    queue_id: String,
}

pub async fn run(context: Context, args: Args, _: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let bytes = read(context.config.limits.message_bytes_max)?;
    let app = context.open().await?;
    let taken = take(&app, args, bytes).await;
    app.close().await;
    taken.map(|()| ExitCode::SUCCESS)
}

fn read(bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = io::stdin()
        .lock()
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes);
    read.context("standard input")?;
    if bytes.len() as u64 > bytes_max {
        bail!(
            "the message is longer than limits.message_bytes_max, {}",
            counted(bytes_max, "byte", "bytes")
        );
    }
    Ok(bytes)
}

async fn take(app: &App, args: Args, bytes: Vec<u8>) -> anyhow::Result<()> {
    let belongings = belongings(app, &args).await?;
    let [first, ..] = &*belongings else {
        bail!("the message has no recipient")
    };
    let peer = args.peer.and_then(|Peer(address)| address);
    let origin = match peer {
        Some(peer) => format!("{peer} {}, from <{}>", args.helo, args.sender),
        None => "standard input".to_owned(),
    };
    let raw = RawMessage {
        bytes,
        received_at: app.clock.now(),
        origin,
        belonging: *first,
        envelope: peer.map(|peer| Envelope {
            peer,
            is_from_peer: true,
            helo: args.helo,
            mail_from: args.sender,
            tls: None,
            queue_id: args.queue_id,
        }),
    };
    let outcomes = app.intake.submit_to(raw, &belongings).await;
    outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(())
}

/// The peer that brought a message; mail from the same machine has no peer.
#[derive(Debug, Clone, Copy)]
struct Peer(Option<IpAddr>);

fn peer(text: &str) -> Result<Peer, std::net::AddrParseError> {
    match text {
        "" => Ok(Peer(None)),
        text => text.parse().map(|address| Peer(Some(address))),
    }
}

/// Whose it is: as the SMTP server decides.
async fn belongings(app: &App, args: &Args) -> anyhow::Result<Vec<Belonging>> {
    if args.recipient.is_empty() {
        let account = account_or_first(&app.store, &app.clock, args.account.as_deref()).await?;
        return Ok(vec![Belonging::Account(account.id)]);
    }
    let addresses = app.addresses();
    let mut belongings = Vec::new();
    for recipient in &args.recipient {
        let (local, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
        match addresses.owner(local, domain).await? {
            Owner::Known(owners) => {
                let new: Vec<_> = owners.into_iter().filter(|owner| !belongings.contains(owner)).collect();
                belongings.extend(new);
            }
            Owner::NotConfigured => bail!("smtp.account names no account, and {recipient} belongs to it"),
            Owner::UnknownUser | Owner::Foreign => bail!("{recipient} is not an address of this installation"),
        }
    }
    Ok(belongings)
}
