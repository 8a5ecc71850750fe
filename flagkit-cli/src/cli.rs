//! The command line.

use std::path::PathBuf;
use std::str::FromStr as _;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use flagkit_core::Percent;
use flagkit_core::source::Stage;
use jiff::Timestamp;

use crate::findings::Format;
use crate::report::EXIT_CODES;

/// Inspect, check, release and revert the feature flags of a project.
#[derive(Debug, Parser)]
#[command(name = "flagkit", version, after_help = EXIT_CODES, max_term_width = 80)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The file that declares the flags [default: flags.toml, here or in the nearest folder above].
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object instead of text, in the same envelope for every command.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

const KEY_HELP: &str = "The SSH key with which you sign, or its public key [default: FLAGKIT_KEY, or the key of git]";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a commented flags.toml, and show the lines to add to CI.
    Init {
        /// Show the change, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Declare a flag that is off, and print the Rust code that reads it.
    New {
        /// The flag's key.
        name: String,
        #[command(flatten)]
        metadata: MetadataArgs,
        /// Show the change, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// List all flags.
    List {
        #[command(flatten)]
        sources: Sources,
    },
    /// Show the state, metadata, uses and latest changes of a flag.
    Show {
        /// The flag's key.
        name: String,
        /// The environment: shows the flag with its layer flags.ENV.toml.
        #[arg(long)]
        env: Option<String>,
    },
    /// Evaluate a flag for a subject.
    Eval {
        /// The flag's key.
        #[arg(required_unless_present = "stdin")]
        name: Option<String>,
        #[command(flatten)]
        subject: SubjectArgs,
        /// Evaluate each line of standard input, a JSON object, and print one line for it.
        #[arg(long, conflicts_with_all = ["name", "id", "attr"])]
        stdin: bool,
        #[command(flatten)]
        sources: Sources,
    },
    /// Explain each step of an evaluation.
    Explain {
        /// The flag's key.
        name: String,
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        sources: Sources,
    },
    /// Compare two files or git revisions, and show the effect on each flag.
    Diff {
        /// A file, or a git revision of the flag file.
        before: String,
        /// A file, or a git revision of the flag file.
        after: String,
        /// Exit with 1 if the change widens a flag.
        #[arg(long)]
        deny_widening: bool,
        /// The environment: compares the flags with its layer flags.ENV.toml.
        #[arg(long)]
        env: Option<String>,
        /// A file of subjects, one JSON object per line. Count those that gain or lose each flag.
        #[arg(long, value_name = "PATH")]
        population: Option<PathBuf>,
    },
    /// Print a line of JSON for each accepted change and each error, until stopped.
    Watch {
        #[command(flatten)]
        sources: Sources,
        /// The number of lines after which to stop.
        #[arg(long, value_name = "COUNT")]
        lines: Option<u64>,
    },
    /// Check the file, its use in the code, the metadata, and the effect of a change.
    Check {
        /// The revision before the change. Its gates decide about the change.
        #[arg(long, value_name = "REV")]
        base: Option<String>,
        /// The only environment to check [default: all].
        #[arg(long)]
        env: Option<String>,
        /// A file with the present stages of an environment. Check only that this build fits them, before a deploy.
        #[arg(long, value_name = "PATH", conflicts_with_all = ["base", "env"])]
        against: Option<PathBuf>,
        /// The output format of the findings.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Widen a flag, after checks by machines and a confirmation by a person.
    Go {
        /// The flag's key.
        name: String,
        /// The target percentage [default: that of the request, or the next step of the gate's ramp, or 100].
        #[arg(long, value_name = "PERCENT")]
        to: Option<Percent>,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the log.
        #[arg(long)]
        reason: Option<String>,
        #[arg(long, value_name = "PATH", help = KEY_HELP)]
        key: Option<PathBuf>,
        /// Run the checks, show the change, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Request that people widen a flag or advance a migration, after checks by machines. Write no flag file.
    Request {
        /// The flag's key.
        name: String,
        /// The target percentage [default: the next step of the gate's ramp, or 100].
        #[arg(long, value_name = "PERCENT")]
        to: Option<Percent>,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the people who approve.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Cancel the pending request of a flag.
    No {
        /// The flag's key.
        name: String,
        /// The environment of the request.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the log.
        #[arg(long)]
        reason: String,
    },
    /// Turn a flag off or narrow it, or bring a migration one stage back, at once, without a gate, a prompt or the network.
    Revert {
        /// The flag's key.
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        /// Turn off all flags, even in an invalid file. Migrations go back one stage.
        #[arg(long, conflicts_with_all = ["name", "to"])]
        all: bool,
        /// The target percentage [default: off].
        #[arg(long, value_name = "PERCENT")]
        to: Option<Percent>,
        /// Bring a migration back from stage complete, although its old data is stale.
        #[arg(long, conflicts_with_all = ["all", "to"])]
        accept_stale_data: bool,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the log.
        #[arg(long)]
        reason: Option<String>,
        /// Show the change, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Move a migration of data by one stage, after evidence and a confirmation.
    Migrate {
        /// The migration's key.
        name: String,
        #[command(subcommand)]
        command: MigrateCommand,
    },
    /// Show the log: which flags were widened or narrowed, when, and by which user.
    Log {
        /// The flag's key [default: all flags].
        name: Option<String>,
        /// Verify that the log is unedited, and that it matches the state of the flags.
        #[arg(long)]
        verify: bool,
    },
    /// List the people who may approve, or verify the approvals of flags.
    Approvers {
        #[command(subcommand)]
        command: ApproversCommand,
    },
    /// Print a completion script, which completes the keys of flags too.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApproversCommand {
    /// List the approvers with their keys, and the rejected lines of the list.
    List,
    /// Verify the approvals of each flag that is on, as a program that requires approvals does.
    Verify {
        /// The flag's key [default: all flags that are on].
        name: Option<String>,
        /// The environment: verifies the flags with its layer flags.ENV.toml.
        #[arg(long)]
        env: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Show the stage, the running instances, and the evidence for the next step.
    Status {
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
    },
    /// Go one stage forward, after checks and evidence, and a confirmation by a person.
    Advance {
        /// The stage to reach, which must be the next one.
        #[arg(long, value_name = "STAGE", value_parser = Stage::from_str)]
        to: Option<Stage>,
        /// The share of the partitions to move [default: the next step of the gate's ramp, or 100].
        #[arg(long, value_name = "PERCENT")]
        partitions: Option<Percent>,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the log.
        #[arg(long)]
        reason: Option<String>,
        #[arg(long, value_name = "PATH", help = KEY_HELP)]
        key: Option<PathBuf>,
        /// Run the checks, show the evidence, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Go one stage back, at once, without a gate or a prompt.
    Back {
        /// The stage to reach, which must be the one before.
        #[arg(long, value_name = "STAGE", value_parser = Stage::from_str)]
        to: Option<Stage>,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// Go back from `complete`, although the old data is stale.
        #[arg(long)]
        accept_stale_data: bool,
        /// The reason, for the log.
        #[arg(long)]
        reason: Option<String>,
        /// Show the change, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Record that the SQL that adds the new side was applied to the database.
    ExpandDone {
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// A note, for the log.
        #[arg(long)]
        note: Option<String>,
    },
    /// Record that a backfill has copied the existing rows to the new side.
    BackfillDone {
        /// The time when the backfill started, such as 2027-02-01T10:00:00Z.
        #[arg(long, value_name = "TIME")]
        started: Timestamp,
        /// The time when the backfill ended [default: now].
        #[arg(long, value_name = "TIME")]
        ended: Option<Timestamp>,
        /// The number of copied rows.
        #[arg(long, value_name = "COUNT")]
        rows: u64,
        /// The number of rows that differ after the backfill. Only a backfill without any counts.
        #[arg(long, value_name = "COUNT")]
        mismatches: u64,
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// A note, for the log.
        #[arg(long)]
        note: Option<String>,
    },
    /// Take the last step, after a later release without code for the old side runs everywhere.
    Contract {
        /// The environment. Its state is in flags.ENV.toml, beside the flag file.
        #[arg(long)]
        env: Option<String>,
        /// The reason, for the log.
        #[arg(long)]
        reason: Option<String>,
        #[arg(long, value_name = "PATH", help = KEY_HELP)]
        key: Option<PathBuf>,
        /// Run the checks, show the evidence, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Adds advice to an error of the command line, if the name of a migration is missing or in the wrong position.
pub(crate) fn with_order_of_words(mut error: clap::Error, arguments: &[String]) -> clap::Error {
    let mut after = arguments.iter().skip_while(|argument| *argument != "migrate").skip(1);
    if let Some(command) = after.next().filter(|word| MigrateCommand::has_subcommand(word)) {
        let tip = format!("the name comes first: flagkit migrate NAME {command}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

impl MigrateCommand {
    /// Returns the environment, if there is one.
    pub(crate) fn env(&self) -> Option<&str> {
        match self {
            Self::Status { env }
            | Self::Advance { env, .. }
            | Self::Back { env, .. }
            | Self::ExpandDone { env, .. }
            | Self::BackfillDone { env, .. }
            | Self::Contract { env, .. } => env.as_deref(),
        }
    }
}

impl Command {
    /// Returns the name of the command.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Init { .. } => "init",
            Self::New { .. } => "new",
            Self::List { .. } => "list",
            Self::Show { .. } => "show",
            Self::Eval { .. } => "eval",
            Self::Explain { .. } => "explain",
            Self::Diff { .. } => "diff",
            Self::Watch { .. } => "watch",
            Self::Check { .. } => "check",
            Self::Go { .. } => "go",
            Self::Request { .. } => "request",
            Self::No { .. } => "no",
            Self::Revert { .. } => "revert",
            Self::Migrate { .. } => "migrate",
            Self::Log { .. } => "log",
            Self::Approvers { .. } => "approvers",
            Self::Completions { .. } => "completions",
            Self::Man => "man",
        }
    }
}

// The sources of flags, for commands that only read.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    #[arg(
        long = "source",
        value_name = "URI",
        help = "A source of flags, lowest layer first: file:PATH, env:PREFIX, http(s)://… [default: the file and \
                env:FLAG_]"
    )]
    pub(crate) uris: Vec<String>,
    /// The environment: adds the layer flags.ENV.toml, beside the flag file.
    #[arg(long, conflicts_with = "uris")]
    pub(crate) env: Option<String>,
}

// The subject of an evaluation.
#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// The subject's id.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// An attribute. TYPE is text, number, bool, date or list; without it, the value is a JSON number, true, false, a
    /// JSON array, or else text.
    #[arg(long, value_name = "NAME[:TYPE]=VALUE")]
    pub(crate) attr: Vec<String>,
}

// The metadata of a new flag.
#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    /// A description of the feature.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The person or team that is responsible for the flag.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// The kind of flag.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArg>,
    /// The day by which to remove the flag, such as 2027-02-01.
    #[arg(long, value_name = "DAY")]
    pub(crate) expires: Option<flagkit_core::Date>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindArg {
    Release,
    Experiment,
    Ops,
    Permission,
    Migration,
}
