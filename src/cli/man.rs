//! `tallymark man`: the manual page, from the same texts as `--help`.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Print the manual page, for `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark man > ~/.local/share/man/man1/tallymark.1
  tallymark man | man -l -")]
pub struct Args {}

pub fn run(command: &mut clap::Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // The usage of commands below is known after this alone.
    command.build();
    out.write_all(page(command).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn page(command: &clap::Command) -> String {
    let mut page = format!(".TH TALLYMARK 1 \"\" \"tallymark {}\"\n", env!("CARGO_PKG_VERSION"));
    section(&mut page, "NAME");
    paragraph(&mut page, &format!("tallymark - {}", about(command)));
    section(&mut page, "SYNOPSIS");
    paragraph(&mut page, &usage(command));
    section(&mut page, "DESCRIPTION");
    below(&mut page, command);
    section(&mut page, "COMMANDS");
    for one in command.get_subcommands() {
        write_command(&mut page, one, &format!("tallymark {}", one.get_name()));
    }
    page
}

/// A command, and those below it.
fn write_command(page: &mut String, command: &clap::Command, name: &str) {
    let _ = writeln!(page, ".SS {}", escaped(name));
    paragraph(page, &about(command));
    if command.has_subcommands() {
        for one in command.get_subcommands() {
            write_command(page, one, &format!("{name} {}", one.get_name()));
        }
        return;
    }
    paragraph(page, &usage(command));
    below(page, command);
}

/// The options, and what follows them.
fn below(page: &mut String, command: &clap::Command) {
    let shown = command.get_arguments().filter(|argument| {
        // Those of all commands are described once.
        let is_of_all = command.get_name() != "tallymark" && argument.is_global_set();
        !argument.is_hide_set() && !is_of_all && !["help", "version"].contains(&argument.get_id().as_str())
    });
    for argument in shown {
        let _ = writeln!(page, ".TP\n.B {}", escaped(&argument.to_string()));
        let mut says = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> = argument
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        if !defaults.is_empty() && argument.get_action().takes_values() {
            says += &format!(" [default: {}]", defaults.join(", "));
        }
        let _ = writeln!(page, "{}", escaped(&says));
    }
    if let Some(more) = command.get_after_help() {
        let _ = writeln!(page, ".PP\n.nf\n{}\n.fi", escaped(&more.to_string()));
    }
}

fn about(command: &clap::Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn usage(command: &clap::Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned()
}

fn section(page: &mut String, title: &str) {
    let _ = writeln!(page, ".SH {title}");
}

fn paragraph(page: &mut String, text: &str) {
    let _ = writeln!(page, ".PP\n{}", escaped(text));
}

/// A text as roff reads it: no request at the beginning of a line, and no hyphen that becomes another sign.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (nth, line) in text.lines().enumerate() {
        if nth > 0 {
            escaped.push('\n');
        }
        if line.starts_with(['.', '\'']) {
            escaped.push_str("\\&");
        }
        escaped.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_request_and_keeps_its_signs() {
        for (text, expect) in [
            ("a -b --c", "a \\-b \\-\\-c"),
            (".TH x\n'so y", "\\&.TH x\n\\&'so y"),
            ("a\\b", "a\\eb"),
        ] {
            assert_eq!(escaped(text), expect);
        }
    }
}
