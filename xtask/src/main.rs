//! The `xtask` binary: parse, call, print, exit.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

use std::io::{ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use xtask::cli::Cli;
use xtask::commands::{self, Answer, Console};
use xtask::{error, process};

#[expect(clippy::disallowed_methods, reason = "this is the place that knows terminal and environment")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut stderr = std::io::stderr();
    let is_terminal = stderr.is_terminal();
    let color = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut console = Console { talk: &mut stderr, is_terminal, color };
    let answer = process::end_on_interrupt().and_then(|()| commands::run(&cli, &mut console));
    let code = answer.and_then(|answer| print(&answer, &mut std::io::stdout())).unwrap_or_else(|failure| {
        let _ = writeln!(stderr, "{}", error::describe(&failure));
        error::exit_code(&failure)
    });
    ExitCode::from(code as u8)
}

fn print(answer: &Answer, stdout: &mut impl Write) -> Result<error::ExitCode> {
    match stdout.write_all(answer.stdout.as_bytes()) {
        // A reader that has seen enough, as `head`, is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write the answer"),
        _ => Ok(answer.code),
    }
}
