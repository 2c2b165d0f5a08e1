//! The types of the sections: a component's own where there is one, and what several components share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::units::OptionalHost;
use crate::base::{Purpose, Region};
use crate::dns::DnsOptions;
use crate::domains::{DomainsOptions, RotationOptions, ServiceNames};
use crate::enrich::PtrOptions;
use crate::http::{self, HttpConfig, Rate};
use crate::ingest::{AuthenticatorOptions, ProcessLimits};
use crate::listeners::smtp::SmtpOptions;
use crate::notify::ChannelOptions;
use crate::store::{Connections, KeepLimits, Retention};

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    pub dir: PathBuf,
    pub url: String,
    pub connections: Connections,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./tallymark-data"),
            url: String::new(),
            connections: Connections::default(),
        }
    }
}

/// `[node]`
#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    pub roles: Vec<Role>,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            name: String::new(),
            roles: Role::ALL.to_vec(),
        }
    }
}

/// `[http]`
#[derive(Debug, Clone)]
pub struct Http {
    pub listen: SocketAddr,
    pub api: HttpConfig,
    pub connections: http::ConnectionLimits,
    /// Rate of an account; 0 per second: unlimited.
    pub rate: Rate,
    /// Rate of posts without a key; 0 per second: unlimited.
    pub post_rate: Rate,
    /// Rate of a session at the web page; 0 per second: unlimited.
    pub page_rate: Rate,
    pub insecure_sign_in: bool,
}

impl Default for Http {
    fn default() -> Self {
        let api = HttpConfig::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections: http::ConnectionLimits::default(),
            rate: api.rate.unwrap_or(Rate {
                per_second: 0,
                burst: 0,
            }),
            post_rate: api.post_rate.unwrap_or(Rate {
                per_second: 0,
                burst: 0,
            }),
            page_rate: Rate {
                per_second: 5,
                burst: 200,
            },
            insecure_sign_in: false,
            api,
        }
    }
}

/// `[smtp]`
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Without the name of this host, the folder of the database and the certificate.
    pub options: SmtpOptions,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub report_address: String,
    pub account: String,
}

impl Default for Smtp {
    fn default() -> Self {
        let mut options = SmtpOptions::new("", Path::new(""));
        options.smtp.clear();
        options.budget.free_disk_bytes_min = 0;
        Self {
            options,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            report_address: String::new(),
            account: "default".to_owned(),
        }
    }
}

/// `[provenance]`
#[derive(Debug, Clone)]
pub struct Provenance {
    pub check: bool,
    pub authenticator: AuthenticatorOptions,
}

impl Default for Provenance {
    fn default() -> Self {
        Self {
            check: true,
            authenticator: AuthenticatorOptions::default(),
        }
    }
}

/// `[installation]`
#[derive(Debug, Clone, Default)]
pub struct Installation {
    pub host: OptionalHost,
    pub rua_host: OptionalHost,
    pub regions: BTreeMap<Region, RegionHosts>,
}

/// `[domains]`
#[derive(Debug, Clone)]
pub struct Domains {
    pub required: Vec<Purpose>,
    pub dns: DnsOptions,
    pub domains_in_flight_max: usize,
    pub domains_per_second_max: u32,
    pub rotation: RotationOptions,
    pub master_keys: Vec<String>,
    pub master_key_file: PathBuf,
}

impl Default for Domains {
    fn default() -> Self {
        let DomainsOptions {
            domains_in_flight_max,
            domains_per_second_max,
            rotation,
            ..
        } = DomainsOptions::new(ServiceNames::new(None, None));
        Self {
            required: Vec::new(),
            dns: DnsOptions::default(),
            domains_in_flight_max,
            domains_per_second_max,
            rotation,
            master_keys: Vec::new(),
            master_key_file: PathBuf::new(),
        }
    }
}

/// `[notify]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    pub deliveries_days: u32,
    pub channels: ChannelOptions,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            deliveries_days: 30,
            channels: ChannelOptions::default(),
        }
    }
}

/// `[retention]`
#[derive(Debug, Clone)]
pub struct RetentionSettings {
    pub originals: bool,
    pub kept: Retention,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            originals: true,
            kept: Retention {
                originals_days: 30,
                records_days: 400,
                failure_reports_days: 30,
                set_aside_days: 400,
            },
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone)]
pub struct Limits {
    pub message_bytes_max: u64,
    pub process: ProcessLimits,
    pub keep: KeepLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: SmtpOptions::new("", Path::new("")).settings.message_bytes_max,
            process: ProcessLimits::default(),
            keep: KeepLimits::default(),
        }
    }
}

/// `[enrich]`
#[derive(Debug, Clone)]
pub struct Enrich {
    /// Empty: there is none.
    pub services_file: PathBuf,
    /// Empty: the compiled-in table is used.
    pub networks_file: PathBuf,
    /// Whether the names of sending addresses are asked for.
    pub ptr: bool,
    pub ptr_options: PtrOptions,
}

impl Default for Enrich {
    fn default() -> Self {
        Self {
            services_file: PathBuf::new(),
            networks_file: PathBuf::new(),
            ptr: true,
            ptr_options: PtrOptions::default(),
        }
    }
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// Something that a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes mail from mail servers.
    Smtp,
    /// Fetches mail from mailboxes and folders.
    Imap,
    /// Answers clients.
    Api,
    /// Does what has to be done from time to time.
    Jobs,
}

impl Role {
    /// The default roles of a node.
    pub const ALL: [Self; 4] = [Self::Smtp, Self::Imap, Self::Api, Self::Jobs];

    /// As it is written in settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Api => "api",
            Self::Jobs => "jobs",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.word() == word);
        role.ok_or_else(|| format!("a node can be {}", Self::ALL.map(Self::word).join(", ")))
    }
}

/// Format of log messages: `text` for people, `json` for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line per message, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The hosts of one region; those that are missing are the installation's.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionHosts {
    /// That reports are sent to.
    pub rua_host: OptionalHost,
    /// That receives mail to the domains themselves.
    pub inbound_host: OptionalHost,
    /// That return paths point to.
    pub bounce_host: OptionalHost,
}
