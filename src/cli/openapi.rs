//! `tallymark openapi`: the API as a document.

use std::io::Write;
use std::process::ExitCode;

use crate::http;

/// Print the OpenAPI document of the API, as `/openapi.json` serves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tallymark openapi > openapi.json")]
pub struct Args {}

pub fn run(_: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    out.write_all(http::openapi().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
