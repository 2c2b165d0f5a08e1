//! `tallymark networks`: the table of networks, and making it again.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::text::{Align, Table, bytes, count, escape};
use crate::app;
use crate::base::Day;
use crate::base::clock::Clock;
use crate::base::text::write_json;
use crate::config::Config;
use crate::enrich::{MadeFrom, NamesFiles, Networks, Tables, make_networks};

/// Age in days from which on it is pointed out that the table is old.
const OLD_DAYS: i32 = 180;
/// Longest CSV file that a table is made from, in bytes.
const CSV_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Show the network table in use and its age, look up addresses, or make a new table.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark networks
  tallymark networks find 8.8.8.8 2001:4860:4860::8888
  tallymark networks make asn-ipv4.csv asn-ipv6.csv asn-country-ipv4.csv asn-country-ipv6.csv \\
      --day 2026-06-17 --source 'ip-location-db (RouteViews, DB-IP, NRO)' --output networks.bin

A table is part of the program; the setting enrich.networks_file names one of your own. docs/senders.md describes both.")]
pub struct Args {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the network of addresses: AS number, AS name, and the country of registration.
    Find {
        /// IPv4 or IPv6.
        #[arg(required = true)]
        addresses: Vec<IpAddr>,
    },
    /// Make a table from CSV files: `first,last,AS number,AS name` or `first,last,country code` per line.
    Make {
        /// The CSV files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The day that the data describes.
        #[arg(long, value_name = "YYYY-MM-DD")]
        day: Day,
        /// Where the data is from, with the names that its licence asks for.
        #[arg(long, value_name = "TEXT")]
        source: String,
        /// File to write. An existing file is replaced.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub fn run(args: &Args, config: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match &args.command {
        None if args.json => show_json(&Used::load(config)?, out)?,
        None => show(&Used::load(config)?, out)?,
        Some(Command::Find { addresses }) => find(Used::load(config)?.tables.networks(), addresses, out)?,
        Some(Command::Make {
            files,
            day,
            source,
            output,
        }) => make(files, *day, source, output, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The table that the settings name.
struct Used {
    tables: Tables,
    /// `None`: the compiled-in table.
    file: Option<PathBuf>,
}

impl Used {
    fn load(config: Option<&Path>) -> anyhow::Result<Self> {
        let files = NamesFiles {
            services: None,
            ..app::names_files(&Config::load(config)?)
        };
        Ok(Self {
            tables: Tables::load(&files)?,
            file: files.networks,
        })
    }

    fn name(&self) -> String {
        let file = self.file.as_ref();
        file.map_or_else(|| "compiled in".to_owned(), |path| path.display().to_string())
    }
}

fn age_days(networks: &Networks) -> Option<i32> {
    let today = Day::from_unix(Clock::system().now() / 1_000);
    networks.day().map(|day| today.0 - day.0)
}

fn show_json(used: &Used, out: &mut dyn Write) -> anyhow::Result<()> {
    let networks = used.tables.networks();
    let (ipv4, ipv6) = networks.ranges();
    let answer = json!({
        "table": used.name(),
        "day": networks.day().map(|day| day.to_string()),
        "age_days": age_days(networks),
        "source": networks.source(),
        "systems": networks.systems(),
        "ipv4_ranges": ipv4,
        "ipv6_ranges": ipv6,
        "countries": networks.countries(),
        "memory_bytes": networks.bytes(),
    });
    write_json(&answer, out)?;
    writeln!(out)?;
    Ok(())
}

fn show(used: &Used, out: &mut dyn Write) -> anyhow::Result<()> {
    let networks = used.tables.networks();
    let (ipv4, ipv6) = networks.ranges();
    let (Some(day), Some(age)) = (networks.day(), age_days(networks)) else {
        writeln!(
            out,
            "No network table: this program was built without the feature `networks`."
        )?;
        return Ok(());
    };
    writeln!(out, "table      {}", escape(&used.name()))?;
    writeln!(out, "source     {}", escape(networks.source()))?;
    writeln!(out, "data of    {day}, {age} days ago")?;
    writeln!(out, "AS         {}", count(networks.systems() as u64))?;
    writeln!(
        out,
        "ranges     {} IPv4, {} IPv6",
        count(ipv4 as u64),
        count(ipv6 as u64)
    )?;
    writeln!(out, "countries  {}", networks.countries())?;
    writeln!(out, "memory     {}", bytes(networks.bytes() as u64))?;
    if age > OLD_DAYS {
        writeln!(
            out,
            "The table is older than {OLD_DAYS} days: networks that moved since have their old names."
        )?;
    }
    Ok(())
}

fn find(networks: &Networks, addresses: &[IpAddr], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        ("address", Align::Left),
        ("AS", Align::Right),
        ("AS name", Align::Left),
        ("registered in", Align::Left),
    ]);
    for address in addresses {
        let facts = networks.facts(*address);
        table.row([
            address.to_string(),
            facts.asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string()),
            facts.as_name.unwrap_or("-").to_owned(),
            facts.country.unwrap_or("-").to_owned(),
        ]);
    }
    write!(out, "{table}")?;
    Ok(())
}

fn make(files: &[PathBuf], day: Day, source: &str, output: &PathBuf, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut texts = Vec::with_capacity(files.len());
    for path in files {
        let bytes = fs::metadata(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        ensure!(
            bytes <= CSV_BYTES_MAX,
            "{} is longer than {CSV_BYTES_MAX} bytes",
            path.display()
        );
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        texts.push((path.display().to_string(), text));
    }
    let from = MadeFrom {
        files: texts.iter().map(|(name, text)| (name.clone(), text.as_str())).collect(),
        source: source.to_owned(),
        day,
    };
    let bytes = make_networks(&from)?;
    // What cannot be read again is not written.
    let networks = Networks::read(&bytes)?;
    fs::write(output, &bytes).with_context(|| format!("cannot write {}", output.display()))?;
    let (ipv4, ipv6) = networks.ranges();
    writeln!(
        out,
        "{}: {} bytes, {} AS, {} IPv4 and {} IPv6 ranges, {} countries.",
        escape(&output.display().to_string()),
        count(bytes.len() as u64),
        count(networks.systems() as u64),
        count(ipv4 as u64),
        count(ipv6 as u64),
        networks.countries()
    )?;
    Ok(())
}
