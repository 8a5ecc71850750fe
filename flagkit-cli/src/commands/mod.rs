//! The commands, one file each.

mod approvals;
mod approvers;
pub(crate) mod check;
mod diff;
mod eval;
mod go;
mod init;
mod list;
mod log;
mod man;
mod migrate;
mod new;
mod no;
mod request;
mod revert;
mod show;
mod watch;

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use flagkit_core::Snapshot;
use flagkit_sources::document::tree::nearest;

use self::diff::DiffArgs;
use crate::cli::{Cli, Command};
use crate::command_line::CommandLine;
use crate::environment::environment_file;
use crate::intent::finish_intent;
use crate::location::{FLAG_FILE, locate};
use crate::project::Document;
use crate::report::{Exit, Failure, Report, Result};
use crate::write::finish_interrupted;

/// Runs the command of a command line.
pub(crate) fn run(cli: Cli) -> Result {
    let Cli { common, command } = cli;
    // `init` creates a file, so it never uses one of a folder above.
    let file = match (&command, common.file) {
        (Command::Init { .. }, None) => FLAG_FILE.into(),
        (_, given) => locate(given),
    };
    let file = file.as_path();
    finish_interrupted(file);
    if let Command::Go { env: Some(env), .. }
    | Command::Request { env: Some(env), .. }
    | Command::Revert { env: Some(env), .. } = &command
    {
        finish_interrupted(&environment_file(file, env)?);
    }
    if let Command::Migrate { command, .. } = &command
        && let Some(env) = command.env()
    {
        finish_interrupted(&environment_file(file, env)?);
    }
    finish_intent(file);
    match command {
        Command::Init { dry_run } => init::run(file, dry_run),
        Command::New { name, metadata, dry_run } => new::run(file, &name, &metadata, dry_run),
        Command::List { sources } => list::run(file, &sources),
        Command::Show { name, env } => show::run(file, &name, env.as_deref()),
        Command::Eval { name: Some(name), subject, sources, .. } => eval::eval(file, &name, &subject, &sources),
        Command::Eval { sources, .. } => eval::batch(file, &sources),
        Command::Explain { name, subject, sources } => eval::explain(file, &name, &subject, &sources),
        Command::Diff { before, after, deny_widening, env, population } => {
            let args = DiffArgs { deny_widening, env, population };
            diff::run(file, [&before, &after], &args)
        }
        Command::Watch { sources, lines } => watch::run(file, &sources, lines),
        Command::Check { against: Some(against), format, .. } => check::run_against(file, &against, format),
        Command::Check { base, env, format, .. } => check::run(file, base.as_deref(), env.as_deref(), format),
        Command::Go { name, to, env, reason, key, dry_run } => {
            let file = file.to_owned();
            go::run(&go::GoArgs { file, name, to, env, reason, key, dry_run })
        }
        Command::Request { name, to, env, reason } => {
            let file = file.to_owned();
            request::run(&go::GoArgs { file, name, to, env, reason, key: None, dry_run: false })
        }
        Command::No { name, env, reason } => no::run(file, env.as_deref(), &name, &reason),
        Command::Revert { name, all: _, to, accept_stale_data, env, reason, dry_run } => {
            revert::run(file, &revert::RevertArgs { name, to, env, reason, accept_stale_data, dry_run })
        }
        Command::Migrate { name, command } => migrate::run(file, name, command),
        Command::Log { name, verify } => log::run(file, name.as_deref(), verify),
        Command::Approvers { command } => approvers::run(file, command),
        Command::Completions { shell } => Ok(completions(file, shell)),
        Command::Man => man::run(),
    }
}

/// The commands with an argument that completes to the key of a flag.
const WITH_KEY: [&str; 9] = ["show", "eval", "explain", "go", "request", "no", "revert", "migrate", "log"];

/// The completion script of a shell, with the keys that are declared now.
fn completions(file: &Path, shell: clap_complete::Shell) -> Report {
    let keys: Vec<String> = match Document::read(file) {
        Ok(document) => document.load.flags().keys().map(ToString::to_string).collect(),
        Err(_) => Vec::new(),
    };
    let with_keys = |command: clap::Command| {
        let keys: Vec<clap::builder::PossibleValue> =
            keys.iter().cloned().map(clap::builder::PossibleValue::new).collect();
        command.mut_arg("name", |arg| arg.value_parser(clap::builder::PossibleValuesParser::new(keys)))
    };
    let mut command = Cli::command();
    if !keys.is_empty() {
        for name in WITH_KEY {
            command = command.mut_subcommand(name, with_keys);
        }
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "flagkit", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == clap_complete::Shell::Fish && !keys.is_empty() {
        // The generated script for fish completes no values of positional arguments.
        let commands = WITH_KEY.join(" ");
        let keys = keys.join(" ");
        let _ = writeln!(script, "complete -c flagkit -n \"__fish_seen_subcommand_from {commands}\" -f -a \"{keys}\"");
    }
    Report::new(script.clone(), serde_json::json!({ "shell": shell.to_string(), "script": script }))
}

/// The failure for an undeclared flag, with the most similar key as advice.
fn unknown_flag<'k>(file: &Path, name: &str, keys: impl IntoIterator<Item = &'k str>) -> Failure {
    let near = nearest(name, keys);
    let failure = Failure::usage(format!("cannot find flag {name:?}"));
    if let Some(near) = near {
        return failure.with_help(format!("did you mean `{near}`?"));
    }
    let [list, new] = [&["list"][..], &["new", "NAME"]].map(|words| CommandLine::new(file, None, words));
    failure.with_help(format!("`{list}` lists all flags; `{new}` declares one"))
}

/// Fails unless the snapshot has the flag.
fn require_declared(file: &Path, snapshot: &Snapshot, name: &str) -> Result<()> {
    let keys = || snapshot.keys().map(flagkit_core::FlagKey::as_str);
    if snapshot.flag(name).is_some() || keys().any(|key| key == name) {
        return Ok(());
    }
    Err(unknown_flag(file, name, keys()))
}

/// Indents each line by two spaces.
fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut indented, line| {
        let _ = writeln!(indented, "  {line}");
        indented
    })
}

/// The exit code of a successful command.
fn exit_of(has_findings: bool) -> Exit {
    if has_findings { Exit::Findings } else { Exit::Done }
}
