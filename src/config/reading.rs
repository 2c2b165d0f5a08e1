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
mod tests;
