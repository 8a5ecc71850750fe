//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use flagkit_core::Percent;

use crate::report::EXIT_CODES;

/// Looks at the flags of a project, checks them, explains answers, releases and reverts.
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
    /// The file that declares the flags.
    #[arg(long, global = true, value_name = "PATH", default_value = "flags.toml")]
    pub(crate) file: PathBuf,
    /// Prints one JSON object, the same envelope for every verb, in place of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a commented flags.toml and shows what to add to CI.
    Init {
        /// Shows what would be written, and writes nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Declares a flag, dark, and prints the line of Rust to paste.
    New {
        /// The flag's key.
        name: String,
        #[command(flatten)]
        metadata: MetadataArgs,
        /// Shows what would be written, and writes nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists all flags.
    List {
        #[command(flatten)]
        sources: Sources,
    },
    /// Shows all there is to know of a flag.
    Show {
        /// The flag's key.
        name: String,
    },
    /// Answers for a flag and a subject.
    Eval {
        /// The flag's key.
        #[arg(required_unless_present = "stdin")]
        name: Option<String>,
        #[command(flatten)]
        subject: SubjectArgs,
        /// Reads questions, one JSON object a line, and answers each with one line.
        #[arg(long, conflicts_with_all = ["name", "id", "attr"])]
        stdin: bool,
        #[command(flatten)]
        sources: Sources,
    },
    /// Shows every step on the way to an answer.
    Explain {
        /// The flag's key.
        name: String,
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        sources: Sources,
    },
    /// Compares two files, or two git revisions of the file, by what the change does.
    Diff {
        /// A file, or a git revision.
        before: String,
        /// A file, or a git revision.
        after: String,
        /// Exits with 1 if somebody may see what they did not see before.
        #[arg(long)]
        deny_widening: bool,
        /// Subjects, one JSON object a line: counts who newly sees each flag, and who no longer does.
        #[arg(long, value_name = "PATH")]
        population: Option<PathBuf>,
    },
    /// Prints a line of JSON for each change that is accepted and each fault, until it is stopped.
    Watch {
        #[command(flatten)]
        sources: Sources,
        /// Ends after so many lines.
        #[arg(long, value_name = "COUNT")]
        lines: Option<u64>,
    },
    /// Checks the flags: the file, the code, the metadata, and what a change does.
    Check {
        /// The revision that the change starts from; its gates judge the change.
        #[arg(long, value_name = "REV")]
        base: Option<String>,
        /// How findings are printed.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Lets more people see a feature: checks by a machine, the word of a human, and a second look.
    Go {
        /// The flag's key.
        name: String,
        /// How far; the next step of the gate's ramp, or 100, if it is left out.
        #[arg(long, value_name = "PERCENT")]
        to: Option<Percent>,
        /// The environment: the state is written to flags.ENV.toml beside the file.
        #[arg(long)]
        env: Option<String>,
        /// Why, for the log.
        #[arg(long)]
        reason: Option<String>,
        /// Checks, shows what would be written, and writes nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Turns a flag off, or back to less: at once, with no gate, no question and no network.
    Revert {
        /// The flag's key.
        #[arg(required_unless_present = "all")]
        name: Option<String>,
        /// Turns everything off, even if the file cannot be read.
        #[arg(long, conflicts_with_all = ["name", "to"])]
        all: bool,
        /// How far back; off, if it is left out.
        #[arg(long, value_name = "PERCENT")]
        to: Option<Percent>,
        /// The environment: the state is written to flags.ENV.toml beside the file.
        #[arg(long)]
        env: Option<String>,
        /// Why, for the log.
        #[arg(long)]
        reason: Option<String>,
        /// Shows what would be written, and writes nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Shows who turned what on and off, and when.
    Log {
        /// The flag's key; all flags, if it is left out.
        name: Option<String>,
        /// Finds out whether the log was tampered with, and whether it explains the state of the flags.
        #[arg(long)]
        verify: bool,
    },
    /// Prints the completions of a shell, with the names of the flags.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page.
    Man,
}

impl Command {
    /// Returns its name.
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
            Self::Revert { .. } => "revert",
            Self::Log { .. } => "log",
            Self::Completions { .. } => "completions",
            Self::Man => "man",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Sources {
    #[arg(
        long = "source",
        value_name = "URI",
        help = "Where flags come from, lowest layer first: file:PATH, env:PREFIX, http(s)://… [default: the file and env:FLAG_]"
    )]
    pub(crate) uris: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// The subject's id.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// An attribute: a number, true, false, a JSON array, or else a text.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attr: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    /// What the flag turns on.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Who answers for it.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// What sort of flag it is.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArg>,
    /// The day by which it should be gone: 2027-02-01.
    #[arg(long, value_name = "DAY")]
    pub(crate) expires: Option<flagkit_core::Date>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindArg {
    Release,
    Experiment,
    Ops,
    Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
    Github,
    Sarif,
}
