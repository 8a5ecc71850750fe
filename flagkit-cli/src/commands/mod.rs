//! What can be done, a file each.

pub(crate) mod check;
mod diff;
mod eval;
mod go;
mod init;
mod list;
mod log;
mod new;
mod revert;
mod show;
mod watch;

use std::fmt::Write as _;

use clap::CommandFactory as _;
use flagkit_core::Snapshot;
use strsim::jaro_winkler;

use crate::cli::{Cli, Command};
use crate::project::Document;
use crate::report::{Exit, Failure, Report, Result};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result {
    let Cli { common, command } = cli;
    let file = common.file.as_path();
    match command {
        Command::Init { dry_run } => init::run(file, dry_run),
        Command::New { name, metadata, dry_run } => new::run(file, &name, &metadata, dry_run),
        Command::List { sources } => list::run(file, &sources),
        Command::Show { name } => show::run(file, &name),
        Command::Eval { name: Some(name), subject, sources, .. } => eval::eval(file, &name, &subject, &sources),
        Command::Eval { sources, .. } => eval::batch(file, &sources),
        Command::Explain { name, subject, sources } => eval::explain(file, &name, &subject, &sources),
        Command::Diff { before, after, deny_widening, population } => {
            diff::run(file, [&before, &after], deny_widening, population.as_deref())
        }
        Command::Watch { sources, lines } => watch::run(file, &sources, lines),
        Command::Check { base, format } => check::run(file, base.as_deref(), format),
        Command::Go { name, to, env, reason, dry_run } => go::run(file, &go::Wish { name, to, env, reason, dry_run }),
        Command::Revert { name, all: _, to, env, reason, dry_run } => {
            revert::run(file, &revert::Wish { name, to, env, reason, dry_run })
        }
        Command::Log { name, verify } => log::run(file, name.as_deref(), verify),
        Command::Completions { shell } => Ok(completions(file, shell)),
        Command::Man => man(),
    }
}

/// The verbs that take the name of a flag.
const NAMING: [&str; 6] = ["show", "eval", "explain", "go", "revert", "log"];

/// The script of a shell, with the flags that are declared now.
fn completions(file: &std::path::Path, shell: clap_complete::Shell) -> Report {
    let keys: Vec<String> = match Document::read(file) {
        Ok(document) => document.load.flags().keys().map(ToString::to_string).collect(),
        Err(_) => Vec::new(),
    };
    let known = |command: clap::Command| {
        let keys: Vec<clap::builder::PossibleValue> =
            keys.iter().cloned().map(clap::builder::PossibleValue::new).collect();
        command.mut_arg("name", |arg| arg.value_parser(clap::builder::PossibleValuesParser::new(keys)))
    };
    let mut command = Cli::command();
    if !keys.is_empty() {
        for verb in NAMING {
            command = command.mut_subcommand(verb, known);
        }
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "flagkit", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == clap_complete::Shell::Fish && !keys.is_empty() {
        // What is generated for fish knows no values of arguments that have no name.
        let verbs = NAMING.join(" ");
        let keys = keys.join(" ");
        let _ = writeln!(script, "complete -c flagkit -n \"__fish_seen_subcommand_from {verbs}\" -f -a \"{keys}\"");
    }
    Report::new(script.clone(), serde_json::json!({ "shell": shell.to_string(), "script": script }))
}

fn man() -> Result {
    let mut page = Vec::new();
    let failed = |error: std::io::Error| Failure::io(error.to_string());
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
    for verb in Cli::command().get_subcommands() {
        let name = format!("flagkit-{}", verb.get_name());
        clap_mangen::Man::new(verb.clone().name(name)).render(&mut page).map_err(failed)?;
    }
    let page = String::from_utf8_lossy(&page).into_owned();
    Ok(Report::new(page.clone(), serde_json::json!({ "page": page })))
}

/// A flag that is asked for and not there, with the one that may be meant.
fn unknown_flag<'k>(name: &str, keys: impl IntoIterator<Item = &'k str>) -> Failure {
    let near = nearest(name, keys);
    let failure = Failure::usage(format!("there is no flag {name:?}"));
    match near {
        Some(near) => failure.with_help(format!("did you mean `{near}`?")),
        None => failure.with_help("`flagkit list` shows all; `flagkit new` declares one"),
    }
}

fn nearest<'k>(name: &str, keys: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let scored = keys.into_iter().map(|key| (jaro_winkler(name, key), key)).filter(|(score, _)| *score > 0.85);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
}

/// The key, if the snapshot has it.
fn declared(snapshot: &Snapshot, name: &str) -> Result<()> {
    let keys = || snapshot.keys().map(flagkit_core::FlagKey::as_str);
    if snapshot.flag(name).is_some() || keys().any(|key| key == name) {
        return Ok(());
    }
    Err(unknown_flag(name, keys()))
}

/// Lines of a text, each a little to the right.
fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut indented, line| {
        let _ = writeln!(indented, "  {line}");
        indented
    })
}

/// Findings are no failure of the verb.
fn exit_of(has_findings: bool) -> Exit {
    if has_findings { Exit::Findings } else { Exit::Done }
}
