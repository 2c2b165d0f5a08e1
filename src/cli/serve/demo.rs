//! A small installation to look at: reports about example.com, moved to the last 30 days.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::super::text::{count, counted, escape};
use super::reachable;
use crate::app::{App, DEMO_ACCOUNT};
use crate::base::{Day, DomainName, Mode, Permission};
use crate::config::Installation;
use crate::ingest::{Belonging, Fate, RawMessage};
use crate::store::{Account, Domain, NewDomain};
use crate::unpack;

const DOMAIN: &str = "example.com";
const RUA_HOST: &str = "reports.demo.invalid";
const KEY_NAME: &str = "demo";
/// Keys of the demo that are valid at the same time.
const KEYS_MAX: usize = 10;

macro_rules! fixtures {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../fixtures/demo/", $name)))),+]
    };
}

/// What reporters sent, in the forms that they send: mails, archives, plain XML.
const FILES: &[(&str, &[u8])] = fixtures![
    "01-inbox-week-1.eml",
    "02-inbox-week-2.eml",
    "03-inbox-week-3.zip",
    "04-inbox-week-4.zip",
    "05-postbox.eml",
    "06-postbox.eml",
    "07-postbox.xml.gz",
    "08-heavy-industries.xml",
    "09-campus.xml.gz",
    "10-campus.xml.gz",
    "11-registry.xml",
    "12-town-hall.zip",
    "13-town-hall.xml",
];

/// What the demo shows, for the welcome.
#[derive(Debug)]
pub struct Demo {
    pub account: Account,
    key: String,
    domain_id: String,
    reports: u64,
    messages: u64,
}

/// Makes account, key and domain, and loads the reports. The reports of an earlier demo are replaced, so that starting it
/// again on another day counts nothing twice. Its keys and the domain's id stay, so that what was pasted still works.
pub async fn load(app: &App) -> anyhow::Result<Demo> {
    let account = match app.store.account_by_name(DEMO_ACCOUNT).await? {
        Some(account) => account,
        None => app.store.add_account(DEMO_ACCOUNT, Mode::Live, app.clock.now()).await?,
    };
    revoke_oldest(app, &account).await?;
    let (secret, _) = app.add_key(&account, KEY_NAME, Permission::FullAccess, None).await?;
    let domain = fresh_domain(app, &account).await?;
    let mut demo = Demo {
        account: account.clone(),
        key: secret.reveal().to_owned(),
        domain_id: domain.public_id.clone(),
        reports: 0,
        messages: 0,
    };

    let texts = texts()?;
    let days = days_to_move(&texts, Day::from_unix(app.clock.now().div_euclid(1_000)));
    let belonging = Belonging::Domain(account.id, domain.id);
    let submitted = texts.iter().map(|(name, xml)| {
        app.intake.submit(RawMessage {
            bytes: moved(xml, days).into_bytes(),
            received_at: app.clock.now(),
            envelope: None,
            origin: format!("demo/{name}"),
            belonging,
        })
    });
    for outcome in futures_util::future::join_all(submitted).await {
        let outcome = outcome?;
        if let Some(note) = outcome.set_aside.first() {
            bail!("a report of the demo could not be read: {}", note.detail);
        }
        for report in outcome.reports.iter().filter(|report| report.fate == Fate::Stored) {
            demo.reports += 1;
            demo.messages += report.messages;
        }
    }
    Ok(demo)
}

/// Gives an installation without a host for reports one that cannot exist (RFC 2606). With it the demo shows the DNS records of its
/// domain, and the advice beside them says that no report arrives there.
pub fn name_host(installation: &mut Installation) -> anyhow::Result<()> {
    if installation.rua_host.name().is_none() {
        installation.rua_host = RUA_HOST.to_owned().try_into().map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

/// Default folder of a demo: next to that of the settings, so that invented reports are never stored among real ones.
pub fn folder_beside(data: &Path) -> PathBuf {
    match data.file_name() {
        Some(name) => {
            let mut name = name.to_owned();
            name.push("-demo");
            data.with_file_name(name)
        }
        None => data.join("demo"),
    }
}

/// What is printed: each line can be pasted.
pub fn welcome(demo: &Demo, (address, link): (SocketAddr, Option<&str>), data: &Path) -> String {
    let Demo { key, domain_id, .. } = demo;
    let address = reachable(address);
    let link = link.unwrap_or("/");
    let curl = format!("curl -s -H 'Authorization: Bearer {key}' 'http://{address}/domains/{domain_id}/dmarc");
    format!(
        "\
Tallymark serves a demo on http://{address}: {} about {DOMAIN}, {} messages, in the last 30 days.

To look at it, open http://{address}{link}
(it signs in once, within an hour; later, sign in at http://{address}/ with the key).

API key: {key}

How many messages passed, day by day:
  {curl}/stats?days=30'
Who sends as {DOMAIN}:
  {curl}/sources?days=30'
The reports, newest first:
  {curl}/reports?per_page=5'

The demo is in {}, apart from your own reports; remove that folder to be rid of it.
Ctrl-C stops it. To count your own reports: tallymark import --add-domains PATH
",
        counted(demo.reports, "report", "reports"),
        count(demo.messages),
        escape(&data.display().to_string()),
    )
}

/// Keys of earlier demos stay valid, but not any number of them: no one knows the secret of one whose start was forgotten.
async fn revoke_oldest(app: &App, account: &Account) -> anyhow::Result<()> {
    let keys = app.store.keys(account.id).await?;
    let in_use = keys
        .iter()
        .filter(|key| key.name == KEY_NAME && key.revoked_at.is_none());
    let mut in_use: Vec<_> = in_use.map(|key| key.id).collect();
    in_use.sort_unstable();
    let too_many = (in_use.len() + 1).saturating_sub(KEYS_MAX);
    for id in in_use.into_iter().take(too_many) {
        app.store.revoke_key(account.id, id, app.clock.now()).await?;
    }
    Ok(())
}

async fn fresh_domain(app: &App, account: &Account) -> anyhow::Result<Domain> {
    let name = DomainName::parse(DOMAIN).context("the demo's own domain")?;
    let Some(old) = app.store.domain_by_name(account.id, &name).await? else {
        return Ok(app.add_domain(account, name).await?);
    };
    app.store
        .remove_domain(account.id, &old.public_id, app.clock.now())
        .await?;
    let again = NewDomain {
        public_id: old.public_id,
        name,
        region: old.region,
        tls_mode: old.tls_mode,
        open_tracking: old.open_tracking,
        click_tracking: old.click_tracking,
        custom_return_path: old.custom_return_path,
        rua_token: old.rua_token,
    };
    Ok(app.store.add_domain(account.id, again, app.clock.now()).await?)
}

/// The report texts in the files.
fn texts() -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut texts = Vec::new();
    for (name, bytes) in FILES {
        unpack::unpack(bytes, &unpack::Limits::default(), &|| false, &mut |text| {
            let mut xml = String::new();
            let read = text.open().and_then(|mut reader| reader.read_to_string(&mut xml));
            texts.push(read.map(|_| (*name, xml)));
        });
    }
    Ok(texts.into_iter().collect::<io::Result<Vec<_>>>()?)
}

/// How many days bring the last window of the reports to yesterday, the last day that can be complete.
fn days_to_move(texts: &[(&str, String)], today: Day) -> i32 {
    let ends = texts.iter().filter_map(|(_, xml)| epoch(xml, "end"));
    let last = ends.max().map_or(today, |end| Day::from_unix(end - 1));
    today.plus(-1).0 - last.0
}

/// The report with its window `days` later.
fn moved(xml: &str, days: i32) -> String {
    let mut moved = xml.to_owned();
    for element in ["begin", "end"] {
        let Some(old) = epoch(&moved, element) else {
            continue;
        };
        let new = old + i64::from(days) * Day::SECONDS;
        moved = moved.replacen(
            &format!("<{element}>{old}</{element}>"),
            &format!("<{element}>{new}</{element}>"),
            1,
        );
    }
    moved
}

/// The number in the first element of that name; the demo's own reports write it without any white space.
fn epoch(xml: &str, element: &str) -> Option<i64> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    rest.split_once('<')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_address_can_be_reached() {
        for (listening, told) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), told);
        }
    }

    #[test]
    fn a_demo_is_beside_the_folder_of_the_settings() {
        for (data, demo) in [
            ("./tallymark-data", "./tallymark-data-demo"),
            ("/var/lib/tallymark/", "/var/lib/tallymark-demo"),
            (".", "./demo"),
            ("/", "/demo"),
        ] {
            assert_eq!(folder_beside(Path::new(data)), Path::new(demo));
        }
    }

    #[test]
    fn a_window_moves_by_whole_days() {
        let xml = "<date_range><begin>86400</begin><end>172799</end></date_range>";
        assert_eq!(
            moved(xml, 2),
            "<date_range><begin>259200</begin><end>345599</end></date_range>"
        );
        assert_eq!(moved(xml, 0), xml);
    }

    #[test]
    fn every_fixture_moves_into_the_last_30_days() {
        let (texts, today) = (texts().unwrap(), Day(20_000));
        let days = days_to_move(&texts, today);
        for (name, xml) in &texts {
            let moved = moved(xml, days);
            let begin = Day::from_unix(epoch(&moved, "begin").expect(name));
            let last = Day::from_unix(epoch(&moved, "end").expect(name) - 1);
            assert!(begin.0 > today.0 - 30 && last < today, "{name}: {begin:?} to {last:?}");
            assert!(
                xml.contains(&format!("<domain>{DOMAIN}</domain>")),
                "{name} is about {DOMAIN}"
            );
        }
        assert_eq!(texts.len(), FILES.len());
    }

    #[test]
    fn no_fixture_is_forgotten() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo");
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
