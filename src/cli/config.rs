//! `tallymark config`: the settings, explained and checked.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Config;

/// Show all settings, or check a settings file.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print a file with every setting, its default and what it means.
    #[command(after_help = "Example:\n  tallymark config example > tallymark.toml")]
    Example,
    /// Read a settings file and the environment, and say whether they can be used.
    #[command(after_help = "Example:\n  tallymark config check tallymark.toml")]
    Check {
        /// The file; --config if it is left out.
        file: Option<PathBuf>,
    },
}

pub fn run(command: Command, config: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Example => write!(out, "{}", Config::example())?,
        Command::Check { file } => {
            let file = file.as_deref().or(config);
            Config::load(file)?;
            match file {
                Some(file) => writeln!(out, "{} is good", file.display())?,
                None => writeln!(out, "the environment is good (no file was given)")?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
