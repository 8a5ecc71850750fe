//! The `flagkit` command: inspects, checks, explains, releases and reverts flags.
//!
//! Five rules decide every design question:
//!
//! 1. A flag is off by default.
//! 2. Every change is neutral, narrowing or widening. A change without a proof that it narrows is widening. Narrowing
//!    is free, and widening must pass a gate.
//! 3. Machines can only reject a change, and time never widens a flag.
//! 4. An approval covers exact contents.
//! 5. The gates of the base revision decide about the head.
//!
//! ```text
//! cli ──▶ commands ──▶ Report | Failure ──▶ text, or the envelope of --json
//!            │
//!            ├── project, tree, sources, git      input: files, layers, revisions
//!            ├── subject, attribute               input: subjects and their attributes
//!            ├── evidence, instances              what a step of a migration requires, and the running instances
//!            ├── approvals                        who may approve, and verified approvals
//!            ├── gate, probe, usage, findings     requirements, uses in code, and findings
//!            ├── build_range                      the stages for which a build has code
//!            ├── environment, roots, overrides    the files and folders of a project, and variables
//!            ├── location, file                   the flag file that is meant, and how a file is read
//!            ├── request, signer, merged_flag     pending releases, the key of a person, and a flag as programs verify it
//!            ├── difference, state, names         the effect of a change, and the state of a flag
//!            ├── progress, moves                  the stage of a migration, and the moves of its partitions
//!            ├── intent, history                  a file together with its log, and the log of one migration
//!            ├── edit, write, journal, entry      output: one edit, one replaced file, one line of the log
//!            └── command_line                     the command lines that messages print
//! ```
//!
//! The library exists for the binary. Only [`check`] is a stable function, for use in tests.

#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::missing_errors_doc)] // the interface is the command line, which docs/cli.md describes

mod approvals;
mod attribute;
mod build_range;
mod cli;
mod command_line;
mod commands;
mod difference;
mod edit;
mod entry;
mod environment;
mod evidence;
mod file;
mod findings;
mod gate;
mod git;
mod history;
mod instances;
mod intent;
mod interrupts;
mod journal;
mod location;
mod merged_flag;
mod migrations;
mod moves;
mod names;
mod overrides;
mod probe;
mod progress;
mod project;
mod report;
mod request;
mod roots;
mod serial;
mod signer;
mod sources;
mod sql;
mod state;
mod subject;
mod terminal;
mod tree;
mod usage;
mod write;

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use crate::cli::{Cli, with_order_of_words};
use crate::commands::check::UNREAD;
use crate::findings::{Finding, Level};
use crate::report::{Exit, Failure, Result};

/// The errors of `flagkit check`, one per line. A test returns them as its error.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Findings(String);

/// Readable text, because a failed test prints its error with `Debug`.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

/// Checks a flag file and the code of its project, like `flagkit check`.
///
/// Its errors include expired flags, undeclared flags that the code reads, and declared flags that no code reads.
///
/// # Errors
///
/// Returns every error with its file, line and column, and the files that do not parse as Rust.
/// Returns the reason if the file cannot be read.
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
    let (findings, _) = commands::check::findings(file.as_ref(), None, None)
        .map_err(|failure| Findings(failure.without_help().to_string()))?;
    if findings.iter().all(|finding| finding.level != Level::Error) {
        return Ok(());
    }
    let reported = findings.iter().filter(|finding| finding.level == Level::Error || finding.rule == UNREAD);
    let line = |finding: &Finding| {
        let help = finding.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        format!("{}: {}{help}", finding.location(), finding.message)
    };
    Err(Findings(reported.map(line).collect::<Vec<_>>().join("\n")))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                // This is the output of `--help` or `--version`. A failure to print it cannot be reported.
                let _ = error.print();
                return ExitCode::from(Exit::Done as u8);
            }
            let words: Vec<String> = std::env::args_os().filter_map(|word| word.into_string().ok()).collect();
            let error = with_order_of_words(error, &words);
            let mut arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
            if arguments.any(|argument| argument == "--json") {
                let exit = finish(true, "", Err(Failure::usage(error.to_string().trim().to_owned())));
                return ExitCode::from(exit as u8);
            }
            let _ = error.print();
            return ExitCode::from(Exit::Usage as u8);
        }
    };
    let (json, command) = (cli.common.json, cli.command.name());
    let exit = finish(json, command, commands::run(cli));
    ExitCode::from(exit as u8)
}

/// Prints the result, and returns the exit code.
fn finish(json: bool, command: &str, result: Result) -> Exit {
    let (exit, written) = match result {
        Ok(report) => {
            let exit = report.exit;
            let written = if json {
                envelope(command, exit, &report.data, &serde_json::Value::Null)
            } else {
                anstream::stdout().write_all(report.text.as_bytes())
            };
            (exit, written)
        }
        Err(failure) => {
            let written = if json {
                envelope(command, failure.exit, &serde_json::Value::Null, &failure.to_json())
            } else {
                writeln!(anstream::stderr(), "flagkit: {failure}")
            };
            (failure.exit, written)
        }
    };
    match written {
        // The reader closed the pipe, because it needs no more output.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(_) => Exit::Io,
        Ok(()) => exit,
    }
}

/// Prints the one JSON object of `--json`.
fn envelope(command: &str, exit: Exit, data: &serde_json::Value, error: &serde_json::Value) -> io::Result<()> {
    let verb = if command.is_empty() { None } else { Some(command) };
    let envelope = json!({ "flagkit": 1, "verb": verb, "exit": exit as u8, "data": data, "error": error });
    writeln!(io::stdout(), "{envelope}")
}
