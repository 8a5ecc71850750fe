//! `flagkit`, the command: looks at flags, checks them, explains answers, releases and reverts.
//!
//! Five rules everything follows from. Dark unless proven. Every change is neutral, narrows or widens, and what is not
//! provably narrowing widens; narrowing is free, widening is gated. Machines may only say no, and time never widens. An
//! approval is of exact content. The base judges the head.
//!
//! ```text
//! cli ──▶ verbs ──▶ Report | Failure ──▶ text, or the envelope of --json
//!           │
//!           ├── project, raw, sources, subject  what there is: files, layers, whom to ask for
//!           ├── gate, probe, usage, findings    what is asked before, and what is found
//!           ├── difference, state, names        what a change does, and how far a flag is
//!           └── edit, write, journal            what is done: one cut, one rename, one line
//! ```
//!
//! The library exists for the binary; of it, [`check`] alone is promised, for tests.

#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::missing_errors_doc)] // the command line is what is promised, and docs/cli.md describes it

mod cli;
mod commands;
mod difference;
mod edit;
mod findings;
mod gate;
mod git;
mod interrupts;
mod journal;
mod names;

mod probe;
mod project;
mod raw;
mod report;
mod sources;
mod state;
mod subject;
mod terminal;
mod usage;

mod write;

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use crate::cli::Cli;
use crate::commands::check::UNREAD;
use crate::findings::{Finding, Level};
use crate::report::{Exit, Failure, Result};

/// What `flagkit check` finds wrong, a line each, for a test to fail with.
pub struct Findings(String);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As people read it: this is what a test that fails shows.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Findings {}

/// Checks flags and the code below their file, as `flagkit check` does: flags that expired, that are asked for and not declared,
/// declared and not asked for, and all else that is an error there.
///
/// # Errors
///
/// Returns every error with file, line and column, and the files whose uses are not known with them; and what is the matter
/// where the file cannot be read.
///
/// # Examples
///
/// In `tests/flags.rs`:
///
/// ```
/// # const FLAGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/storefront/flags.toml");
/// // #[test]
/// fn flags_are_in_order() -> Result<(), flagkit_cli::Findings> {
///     flagkit_cli::check(FLAGS) // concat!(env!("CARGO_MANIFEST_DIR"), "/flags.toml")
/// }
/// # flags_are_in_order().expect("they are");
/// ```
pub fn check(file: impl AsRef<Path>) -> std::result::Result<(), Findings> {
    let (findings, _) = commands::check::findings(file.as_ref(), None)
        .map_err(|failure| Findings(failure.without_help().to_string()))?;
    if findings.iter().all(|finding| finding.level != Level::Error) {
        return Ok(());
    }
    let told = findings.iter().filter(|finding| finding.level == Level::Error || finding.rule == UNREAD);
    let line = |finding: &Finding| {
        let help = finding.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        format!("{}: {}{help}", finding.place(), finding.message)
    };
    Err(Findings(told.map(line).collect::<Vec<_>>().join("\n")))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                // Help was asked for. Nobody to tell if that fails.
                let _ = error.print();
                return ExitCode::from(Exit::Done as u8);
            }
            let mut arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
            if arguments.any(|argument| argument == "--json") {
                let exit = finish(true, "", Err(Failure::usage(error.to_string().trim().to_owned())));
                return ExitCode::from(exit as u8);
            }
            let _ = error.print();
            return ExitCode::from(Exit::Usage as u8);
        }
    };
    let (json, verb) = (cli.common.json, cli.command.name());
    let exit = finish(json, verb, commands::run(cli));
    ExitCode::from(exit as u8)
}

/// Says how it ended.
fn finish(json: bool, verb: &str, result: Result) -> Exit {
    let (exit, written) = match result {
        Ok(report) => {
            let exit = report.exit;
            let written = if json {
                envelope(verb, exit, &report.data, &serde_json::Value::Null)
            } else {
                anstream::stdout().write_all(report.text.as_bytes())
            };
            (exit, written)
        }
        Err(failure) => {
            let written = if json {
                envelope(verb, failure.exit, &serde_json::Value::Null, &failure.to_json())
            } else {
                writeln!(anstream::stderr(), "flagkit: {failure}")
            };
            (failure.exit, written)
        }
    };
    match written {
        // Whoever read it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(_) => Exit::Io,
        Ok(()) => exit,
    }
}

fn envelope(verb: &str, exit: Exit, data: &serde_json::Value, error: &serde_json::Value) -> io::Result<()> {
    let verb = if verb.is_empty() { None } else { Some(verb) };
    let envelope = json!({ "flagkit": 1, "verb": verb, "exit": exit as u8, "data": data, "error": error });
    writeln!(io::stdout(), "{envelope}")
}
