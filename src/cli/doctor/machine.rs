//! This machine: its clock, the folder of the data and its disk, the ports, the certificate, and the ways in for reports.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::finding::Checked;
use crate::app::{self, ServerLock};
use crate::base::Millis;
use crate::base::clock::{self, format_instant};
use crate::base::numbers::bytes;
use crate::base::text::causes;
use crate::config::{Config, Role};
use crate::listeners::smtp::{Tls, TlsFiles};
use crate::store::Location;

/// With less than this free, mail is refused or will be soon, bytes.
const FREE_MIN: u64 = 64 << 20;
/// With less than this free a person should look, bytes.
const FREE_GOOD: u64 = 1 << 30;
/// The first second of 2026, unix milliseconds: this program is younger than that.
const YOUNGEST: Millis = 1_767_225_600_000;

/// A clock that was never set says 1970, or the day on which its system was made.
pub(super) fn clock(now: Millis) -> Checked {
    let says = format!("it is {}", format_instant(now));
    if clock::is_set(now) && now >= YOUNGEST {
        return Checked::ok("clock", says);
    }
    Checked::fail("clock", says, "Set the clock of this machine, and let NTP keep it.")
}

/// The folder of the data: that it is there, is the owner's alone, and has room.
pub(super) fn folder(config: &Config) -> Vec<Checked> {
    let dir = &config.database.dir;
    let shown = dir.display();
    let about = match fs::metadata(dir) {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            let next = "Name a folder in database.dir, or with --data DIR.";
            return vec![Checked::fail("folder", format!("{shown} is not a folder"), next)];
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let says = format!("{shown} is not there yet");
            let next = "`tallymark serve` and `tallymark import PATH` make it.";
            return vec![Checked::warn("folder", says, next)];
        }
        Err(error) => {
            let next = "Run this as the user that runs `tallymark serve`.";
            return vec![Checked::fail("folder", format!("{shown}: {error}"), next)];
        }
    };
    let permissions = if !app::may_write(dir) {
        let says = format!("{shown} belongs to uid {} and cannot be written to", about.uid());
        let next = "Run this as the user that runs `tallymark serve`, or give it the folder.";
        Checked::fail("folder", says, next)
    } else if about.mode() & 0o077 != 0 {
        let says = format!("{shown} can be read by other users (mode {:03o})", about.mode() & 0o777);
        Checked::warn("folder", says, format!("chmod 700 {shown}"))
    } else {
        Checked::ok("folder", format!("{shown} is its owner's alone"))
    };
    vec![permissions, disk(dir)]
}

fn disk(dir: &Path) -> Checked {
    let next = "Free some room: without it mail is refused, and its senders try again later.";
    match app::free_bytes(dir) {
        Ok(free) => {
            let says = format!("{} are free at {}", bytes(free), dir.display());
            match free {
                ..FREE_MIN => Checked::fail("disk", says, next),
                FREE_MIN..FREE_GOOD => Checked::warn("disk", says, next),
                FREE_GOOD.. => Checked::ok("disk", says),
            }
        }
        Err(error) => Checked::fail("disk", format!("{}: {error}", dir.display()), next),
    }
}

/// Whether a server has the database now.
pub(super) enum Serving {
    /// The sentence that names it.
    By(String),
    None,
    /// The database is on a server, so that it cannot be known.
    NotKnown,
}

impl Serving {
    pub(super) fn look(config: &Config) -> Self {
        let location = app::database(config);
        let Ok(location @ Location::File(_)) = location else {
            return Self::NotKnown;
        };
        ServerLock::holder(&location).map_or(Self::None, Self::By)
    }
}

/// Each port that the settings name, tried.
pub(super) fn ports(config: &Config, serving: &Serving) -> Vec<Checked> {
    let smtp = &config.smtp.options;
    let does = |role| config.node.roles.contains(&role);
    let mut named = vec![("http.listen", config.http.listen)];
    if does(Role::Smtp) {
        named.extend(smtp.smtp.iter().map(|address| ("smtp.listen", *address)));
        named.extend(smtp.lmtp.iter().map(|address| ("smtp.lmtp_listen", *address)));
    }
    named.into_iter().map(|named| port(named, serving)).collect()
}

fn port((setting, address): (&str, SocketAddr), serving: &Serving) -> Checked {
    let Err(error) = TcpListener::bind(address) else {
        return Checked::ok("port", format!("{setting}: {address} is free"));
    };
    match (error.kind(), serving) {
        (ErrorKind::AddrInUse, Serving::By(holder)) => {
            Checked::ok("port", format!("{setting}: {address} is taken, and {holder}"))
        }
        (ErrorKind::AddrInUse, Serving::NotKnown) => {
            let says = format!("{setting}: {address} is taken");
            let next = "That is in order if `serve` runs here; `ss -ltnp` names the program.".to_owned();
            Checked::warn("port", says, next)
        }
        (ErrorKind::PermissionDenied, Serving::By(holder)) => Checked::ok(
            "port",
            format!("{setting}: {address} cannot be tried by this user, and {holder}"),
        ),
        (ErrorKind::AddrInUse, Serving::None) => {
            let says = format!("{setting}: {address} is taken by another program");
            let next = format!("Stop that program (`ss -ltnp` names it), or choose another port in {setting}.");
            Checked::fail("port", says, next)
        }
        (ErrorKind::PermissionDenied, _) => {
            let says = format!("{setting}: {address} is below 1024, and this user may not listen there");
            let next = "Allow it with `setcap cap_net_bind_service=+ep` on the program, or with AmbientCapabilities= in the unit.";
            Checked::fail("port", says, next)
        }
        (ErrorKind::AddrNotAvailable, _) => {
            let says = format!("{setting}: {} is not an address of this machine", address.ip());
            Checked::fail(
                "port",
                says,
                format!("Name one of its addresses in {setting}, or 0.0.0.0 for all."),
            )
        }
        _ => {
            let says = format!("{setting}: {address}: {error}");
            Checked::fail("port", says, format!("Choose another address in {setting}."))
        }
    }
}

/// The certificate for mail, if the operator has one.
pub(super) fn certificate(config: &Config) -> Option<Checked> {
    let smtp = &config.smtp;
    if smtp.certificate.as_os_str().is_empty() {
        return None;
    }
    let files = TlsFiles::Given {
        certificate: smtp.certificate.clone(),
        key: smtp.key.clone(),
    };
    Some(match Tls::open(&files) {
        Ok(_) => Checked::ok("certificate", format!("{} can be used", smtp.certificate.display())),
        Err(error) => {
            let next = "Correct smtp.certificate and smtp.key. Until then mail is received with a self-signed one.";
            Checked::warn("certificate", causes(&error), next)
        }
    })
}

/// Whether there is any way in for reports.
pub(super) fn intake(config: &Config) -> Option<Checked> {
    (!config.has_way_in()).then(|| {
        let says =
            "no listener for mail, and no place to read, is set: reports come by upload and import only".to_owned();
        let next =
            "Set smtp.listen, or add a mailbox, folder or bucket; docs/operating.md and docs/mailboxes.md show how.";
        Checked::warn("intake", says, next)
    })
}
