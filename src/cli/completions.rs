//! `tallymark completions`: what a shell needs to complete our arguments.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark completions bash > ~/.local/share/bash-completion/completions/tallymark
  tallymark completions zsh > ~/.zfunc/_tallymark
  tallymark completions fish > ~/.config/fish/completions/tallymark.fish")]
pub struct Args {
    /// Which shell.
    shell: Shell,
}

pub fn run(args: &Args, command: &mut clap::Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // clap_complete panics when its writer fails, as it does behind `| head`.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "tallymark", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
