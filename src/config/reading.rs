//! Reading settings: the file, then the environment over it, with errors that name the place to change.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::described::Described;
use super::feeds::BadEntry;
use super::lists::LISTS;
use super::settings::{Config, default_table, is_section, value_of};
use super::table::SECTIONS;
use super::zero::BadZero;

/// What environment variables begin with: `TALLYMARK__HTTP__LISTEN` sets `listen` in `[http]`.
pub const ENVIRONMENT_PREFIX: &str = "TALLYMARK__";

/// Why the settings cannot be used. Each names the place to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}", path = .path.display())]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds a key that does not exist: most often a misspelling.
    #[error("{path}:{line}: there is no setting {key}{}", nearest_text(.nearest.as_ref()), path = .path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// `section.key`, as written.
        key: String,
        /// The existing key that looks most like it.
        nearest: Option<String>,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("{path}:{line}: {message}", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// One sentence.
        message: String,
    },
    /// An environment variable names no setting, or its value does not fit.
    #[error("environment variable {variable}: {message}")]
    Environment {
        /// Its name.
        variable: String,
        /// One sentence.
        message: String,
    },
}

impl Config {
    /// The settings: defaults, overlaid with the file if there is one, overlaid with the environment.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?,
        };
        #[expect(clippy::disallowed_methods, reason = "this is the place")]
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with(ENVIRONMENT_PREFIX)
                .then(|| (name, value.to_string_lossy().into_owned()))
        });
        Self::read(path.unwrap_or(Path::new("")), &text, environment)
    }

    /// The settings of a file's text, overlaid with environment variables (those with the prefix).
    pub fn read(
        path: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        find_unknown_key(path, text)?;
        let invalid = |error: &toml::de::Error| ConfigError::Invalid {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: named(
                setting_at(text, error.span().map_or(0, |span| span.start)),
                error.message(),
            ),
        };
        let mut config: Self = toml::from_str(text).map_err(|error| invalid(&error))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| invalid(&error))?;
        let mut variables: Vec<_> = environment.into_iter().collect();
        variables.sort();
        let variables_seen: Vec<_> = variables.iter().map(|(variable, _)| variable.clone()).collect();
        for (variable, value) in variables {
            config = overlay(&mut table, &variable, &value)
                .map_err(|message| ConfigError::Environment { variable, message })?;
        }
        if let Some(bad) = config.bad_zero() {
            return Err(bad_zero(path, text, &variables_seen, &bad));
        }
        if let Some((key, what)) = config.outbound.mail.complaint() {
            return Err(ConfigError::Invalid {
                path: path.to_owned(),
                line: line_of_setting(text, &["outbound", "mail", key]),
                message: format!("outbound.mail.{key} {what}"),
            });
        }
        config.check_lists().map_err(|bad| ConfigError::Invalid {
            path: path.to_owned(),
            line: line_of_entry(text, &bad),
            message: bad.message,
        })?;
        Ok(config)
    }
}

/// Names the place of a 0 that has no meaning: the variable, else the line of the file.
fn bad_zero(path: &Path, text: &str, variables: &[String], bad: &BadZero) -> ConfigError {
    let message = bad.message();
    let setting = format!("{ENVIRONMENT_PREFIX}{}__{}", bad.section.replace('.', "__"), bad.key);
    if let Some(variable) = variables
        .iter()
        .find(|variable| variable.eq_ignore_ascii_case(&setting))
    {
        let variable = variable.clone();
        return ConfigError::Environment { variable, message };
    }
    let line = match bad.nth {
        None => {
            let place: Vec<_> = bad.section.split('.').chain([bad.key]).collect();
            line_of_setting(text, &place)
        }
        Some(nth) => {
            let table = DeTable::parse(text).ok();
            let at = table.and_then(|table| {
                let list = table.get_ref().get(bad.section)?.get_ref();
                let entry = list.as_array()?.get(nth)?.get_ref();
                Some(entry.as_table()?.get(bad.key)?.span().start)
            });
            line_of(text, at.unwrap_or(0))
        }
    };
    let path = path.to_owned();
    ConfigError::Invalid { path, line, message }
}

/// The line of a setting by the names of its tables and its own, or of the last of them that is there.
fn line_of_setting(text: &str, names: &[&str]) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 1 };
    let (mut tables, mut at) = (Some(table.get_ref()), 0);
    for name in names {
        let Some(value) = tables.and_then(|table| table.get(*name)) else {
            break;
        };
        (tables, at) = (value.get_ref().as_table(), value.span().start);
    }
    line_of(text, at)
}

/// Applies one environment variable to the table and returns the resulting settings.
fn overlay(table: &mut toml::Table, variable: &str, value: &str) -> Result<Config, String> {
    let path = variable
        .strip_prefix(ENVIRONMENT_PREFIX)
        .unwrap_or(variable)
        .to_lowercase();
    let path = path.replace("__", ".");
    let (section, key) = path.rsplit_once('.').unwrap_or((&path, ""));
    if is_list(section) {
        return Err(format!(
            "there may be several of [[{section}]]: they are set in the file"
        ));
    }
    if !is_setting(section, key) {
        let nearest = nearest_key(section, key)
            .map(|near| format!("{ENVIRONMENT_PREFIX}{}", near.to_uppercase().replace('.', "__")));
        return Err(format!("there is no such setting{}", nearest_text(nearest.as_ref())));
    }
    // A text needs no quotes in the environment; everything else is written as in the file.
    let value = match value_of(&default_table(), section).and_then(|values| values.get(key)) {
        Some(toml::Value::String(_)) => toml::Value::String(value.to_owned()),
        _ => value
            .parse::<toml::Value>()
            .map_err(|error| error.message().to_owned())?,
    };
    insert(table, section, key, value);
    Config::deserialize(table.clone()).map_err(|error| error.message().to_owned())
}

/// Sets a value in a section, also in one below another.
fn insert(table: &mut toml::Table, section: &str, key: &str, value: toml::Value) {
    let (first, below) = section.split_once('.').unwrap_or((section, ""));
    let section = table
        .entry(first)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    match section {
        toml::Value::Table(section) if !below.is_empty() => insert(section, below, key, value),
        toml::Value::Table(section) => drop(section.insert(key.to_owned(), value)),
        // The file has something else there, which is refused.
        _ => {}
    }
}

/// serde's own message for an unknown key knows neither the file nor the key that was meant.
fn find_unknown_key(path: &Path, text: &str) -> Result<(), ConfigError> {
    // The next step complains about text that is not TOML.
    let Ok(table) = DeTable::parse(text) else {
        return Ok(());
    };
    let unknown = |section: &str, key: &str, at: usize| ConfigError::UnknownKey {
        path: path.to_owned(),
        line: line_of(text, at),
        nearest: nearest_key(section, key),
        key: join(section, key),
    };
    for (section, value) in table.get_ref() {
        let name = section.get_ref();
        if !all().any(|known| known.name == name) {
            return Err(unknown(name, "", section.span().start));
        }
        let tables = match value.get_ref() {
            DeValue::Table(keys) => vec![keys],
            DeValue::Array(entries) => entries.iter().filter_map(|entry| entry.get_ref().as_table()).collect(),
            _ => continue,
        };
        for (key, value) in tables.into_iter().flatten() {
            if !is_setting(name, key.get_ref()) {
                return Err(unknown(name, key.get_ref(), key.span().start));
            }
            let below = value.get_ref().as_table().filter(|_| is_section(name, key.get_ref()));
            for inner in below.into_iter().flat_map(|keys| keys.keys()) {
                let section = join(name, key.get_ref());
                if !is_setting(&section, inner.get_ref()) {
                    return Err(unknown(&section, inner.get_ref(), inner.span().start));
                }
            }
        }
    }
    Ok(())
}

/// Sections and lists.
fn all() -> impl Iterator<Item = &'static Described<&'static [Described<()>]>> {
    SECTIONS.iter().chain(LISTS)
}

fn is_list(name: &str) -> bool {
    LISTS.iter().any(|known| known.name == name)
}

fn is_setting(section: &str, key: &str) -> bool {
    let section = all().find(|known| known.name == section);
    section.is_some_and(|section| section.below.iter().any(|known| known.name == key))
}

/// Where an entry of a list begins.
fn line_of_entry(text: &str, bad: &BadEntry) -> usize {
    let table = DeTable::parse(text).ok();
    let at = table.and_then(|table| {
        let list = table.get_ref().get(bad.list)?.get_ref();
        Some(list.as_array()?.get(bad.nth)?.span().start)
    });
    line_of(text, at.unwrap_or(0))
}

/// The setting or the section that looks most like this one, if any looks like it at all.
///
/// A key is first looked for in its own section, then (also if it stands outside of any) everywhere.
fn nearest_key(section: &str, key: &str) -> Option<String> {
    let nearest = |candidates: &mut dyn Iterator<Item = (&'static str, &'static str)>, word: &str| {
        let (likeness, name) = candidates
            .map(|(section, key)| {
                (
                    strsim::jaro_winkler(if key.is_empty() { section } else { key }, word),
                    join(section, key),
                )
            })
            // The first of equals.
            .reduce(|best, other| if other.0 > best.0 { other } else { best })?;
        (likeness > 0.8).then_some(name)
    };
    let keys = || all().flat_map(|s| s.below.iter().map(|k| (s.name, k.name)));
    if key.is_empty() {
        return nearest(&mut all().map(|s| (s.name, "")), section).or_else(|| nearest(&mut keys(), section));
    }
    nearest(&mut keys().filter(|(known, _)| *known == section), key).or_else(|| nearest(&mut keys(), key))
}

fn join(section: &str, key: &str) -> String {
    if key.is_empty() {
        section.to_owned()
    } else {
        format!("{section}.{key}")
    }
}

fn nearest_text(nearest: Option<&String>) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean {nearest}?"),
        None => "; `tallymark config example` lists all".to_owned(),
    }
}

/// The setting whose value the byte belongs to, if it is one's.
fn setting_at(text: &str, at: usize) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    for (section, value) in table.get_ref() {
        let tables = match value.get_ref() {
            DeValue::Table(keys) => vec![keys],
            DeValue::Array(entries) => entries.iter().filter_map(|entry| entry.get_ref().as_table()).collect(),
            _ => Vec::new(),
        };
        let mut keys = tables.into_iter().flatten();
        if let Some((key, _)) =
            keys.find(|(key, value)| (key.span().start..value.span().end.max(key.span().end)).contains(&at))
        {
            return Some(join(section.get_ref(), key.get_ref()));
        }
        if value.span().contains(&at) || section.span().contains(&at) {
            return Some(section.get_ref().to_string());
        }
    }
    None
}

/// The complaint with the name of the setting that it is about, unless it has it.
fn named(setting: Option<String>, message: &str) -> String {
    match setting {
        Some(setting) if !message.contains(&setting) => format!("{setting}: {message}"),
        _ => message.to_owned(),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn read(text: &str) -> Result<Config, ConfigError> {
        Config::read(Path::new("t.toml"), text, [])
    }

    fn overlaid(text: &str, variable: &str, value: &str) -> Result<Config, ConfigError> {
        Config::read(Path::new("t.toml"), text, [(variable.to_owned(), value.to_owned())])
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(toml::Table::try_from(read("").unwrap()).unwrap(), default_table());
    }

    #[test]
    fn a_section_may_be_below_another() {
        let mail = read("[outbound]\nports = [25]\n[outbound.mail]\nhost = \"a.example\"\nfrom = \"me@a.example\"\n");
        let config = overlaid("", "TALLYMARK__OUTBOUND__MAIL__FROM", "me@a.example");
        assert_eq!(mail.unwrap().outbound.mail.host, "a.example");
        let error = config.unwrap_err().to_string();
        assert!(error.contains("outbound.mail.host is missing"), "{error}");
        let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
        check(
            "[outbound.mail]\nhots = \"a.example\"\n",
            "t.toml:2: there is no setting outbound.mail.hots: did you mean outbound.mail.host?",
        );
        check(
            "[outbound.mail]\nhost = \"a.example\"\ntls = \"plain\"\nuser = \"u\"\npassword_file = \"p\"\nfrom = \"me@a.example\"\n",
            "t.toml:3: outbound.mail.tls must not be plain with a user: anyone on the way could read the password",
        );
        check(
            "[outbound.mail]\nhost = \"a.example\"\nfrom = \"a\\r\\nb@c.example\"\n",
            "t.toml:3: outbound.mail.from must be a plain address, as in alerts@example.com",
        );
        check(
            "[outbound]\nmail = 3\n",
            "t.toml:2: outbound.mail: invalid type: integer `3`, expected a table of settings",
        );
    }

    #[test]
    fn an_unknown_key_names_file_line_and_nearest() {
        let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
        check(
            "[http]\n\nlisten_on = \"[::1]:80\"\n",
            "t.toml:3: there is no setting http.listen_on: did you mean http.listen?",
        );
        check(
            "[htttp]\nlisten = \"[::1]:80\"\n",
            "t.toml:1: there is no setting htttp: did you mean http?",
        );
        check(
            "listen = \"[::1]:80\"\n",
            "t.toml:1: there is no setting listen: did you mean http.listen?",
        );
        check(
            "[http]\nzzz = 1\n",
            "t.toml:2: there is no setting http.zzz; `tallymark config example` lists all",
        );
    }

    #[test]
    fn a_list_is_read_and_its_entries_are_checked() {
        let two = "[[folder]]\nname = \"a\"\npath = \"/a\"\n[[folder]]\nname = \"b\"\npath = \"/b\"\n";
        let config = read(two).unwrap();
        assert_eq!(config.folder.len(), 2);
        assert_eq!(
            (&*config.folder[1].entry.name, config.folder[1].entry.poll.as_secs()),
            ("b", 10)
        );
        let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
        check(
            "[[imap]]\nname = \"a\"\n\nhots = \"b\"\n",
            "t.toml:4: there is no setting imap.hots: did you mean imap.host?",
        );
        check("[http]\n[[folder]]\n", "t.toml:2: each [[folder]] needs a name");
        check(
            &two.replace("\"b\"", "\"a\""),
            "t.toml:4: there is another feed named a",
        );
        check("[[folder]]\nname = \"a\"\n", "t.toml:1: a: path is missing");
        check(&two.replace("/b", "/a"), "t.toml:4: b: a reads /a already");
        let mailbox = |name: &str, host: &str, folder: &str| {
            format!(
                "[[imap]]\nname = \"{name}\"\nhost = \"{host}\"\nuser = \"u\"\nfolder = \"{folder}\"\npassword_file = \"p\"\n"
            )
        };
        read(&(mailbox("a", "h", "f") + &mailbox("b", "h", "g"))).unwrap();
        check(
            &(mailbox("a", "h", "f") + &mailbox("b", "H", "f")),
            "t.toml:7: b: a reads f of u at h already",
        );
        let imap = |more: &str| {
            let text = format!("[[imap]]\nname = \"a\"\nhost = \"h\"\nuser = \"u\"\n{more}");
            read(&text).map_or_else(|error| error.to_string(), |_| String::new())
        };
        assert_eq!(imap("password_file = \"p\"\nsince = \"2026-01-31\"\n"), "");
        for (more, expect) in [
            ("", "t.toml:1: a: password_file is missing"),
            (
                "password_file = \"p\"\nsince = \"May\"\n",
                "t.toml:1: a: since is a day such as",
            ),
            (
                "password_file = \"p\"\nprocessed_folder = \"INBOX\"\n",
                "t.toml:1: a: mail cannot go to",
            ),
            (
                "password_file = \"p\"\nfolder = \"a\\r\\nb\"\n",
                "t.toml:1: a: a name must not contain a line break",
            ),
            (
                "auth = \"xoauth2\"\noauth_token_url = \"http://a\"\n",
                "t.toml:1: a: oauth_token_url must begin",
            ),
        ] {
            assert!(imap(more).starts_with(expect), "{more}: {}", imap(more));
        }
        let error = overlaid("", "TALLYMARK__IMAP__HOST", "x").unwrap_err().to_string();
        assert!(error.contains("they are set in the file"), "{error}");
    }

    #[test]
    fn a_wrong_value_names_file_and_line() {
        let error = read("[http]\n\nrate_burst = \"many\"\n").unwrap_err().to_string();
        assert!(error.starts_with("t.toml:3: http.rate_burst: invalid type"), "{error}");
        let error = read("[http\n").unwrap_err().to_string();
        assert!(error.starts_with("t.toml:1: "), "{error}");
    }

    #[test]
    fn a_wrong_value_names_its_setting_wherever_it_stands() {
        for (text, place) in [
            (
                "[http]\nlisten = [\"127.0.0.1:80\"]\n",
                "t.toml:2: http.listen: invalid type: sequence",
            ),
            ("http = 3\n", "t.toml:1: http: invalid type"),
            ("http.listen = 3\n", "t.toml:1: http.listen: "),
            ("http = { rate_burst = true }\n", "t.toml:1: http.rate_burst: "),
            ("[http]\nrate_burst = -1\n", "t.toml:2: http.rate_burst: "),
            ("[log]\nformat = \"xml\"\n", "t.toml:2: log.format: "),
            (
                "[domains]\nrequired = [\n  \"dmarc\",\n  \"dmark\",\n]\n",
                "t.toml:4: domains.required: ",
            ),
            ("[[folder]]\nname = \"a\"\npath = 3\n", "t.toml:3: folder.path: "),
            (
                "[[imap]]\nname = \"a\"\n[[imap]]\nport = \"x\"\n",
                "t.toml:4: imap.port: ",
            ),
            ("[installation]\nregions = 3\n", "t.toml:2: installation.regions: "),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{text}: {error}");
            let named = place.split(": ").nth(1).unwrap();
            assert_eq!(error.matches(named).count(), 1, "{error}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = overlaid("[http]\nrate_burst = 7\n", "TALLYMARK__HTTP__RATE_BURST", "9").unwrap();
        assert_eq!(config.http.rate.burst, 9);
        let config = overlaid("", "TALLYMARK__HTTP__LISTEN", "[::1]:81").unwrap();
        assert_eq!(config.http.listen, "[::1]:81".parse().unwrap());
        let config = overlaid("", "TALLYMARK__LOG__FORMAT", "json").unwrap();
        assert_eq!(config.log.format, LogFormat::Json);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let check = |variable: &str, value: &str, expect: &str| {
            let error = overlaid("", variable, value).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        };
        check(
            "TALLYMARK__HTTP__LISTN",
            "x",
            "environment variable TALLYMARK__HTTP__LISTN: there is no such setting: did you mean TALLYMARK__HTTP__LISTEN?",
        );
        check(
            "TALLYMARK__HTTP__LISTEN",
            "x",
            "environment variable TALLYMARK__HTTP__LISTEN: ",
        );
        check(
            "TALLYMARK__HTTP__RATE_BURST",
            "-1",
            "environment variable TALLYMARK__HTTP__RATE_BURST: ",
        );
        check(
            "TALLYMARK__HTTP__RATE_BURST",
            "a lot",
            "environment variable TALLYMARK__HTTP__RATE_BURST: ",
        );
    }
}
