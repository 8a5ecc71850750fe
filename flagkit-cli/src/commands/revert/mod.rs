//! `revert`: narrows flags at once. It has no gate and no prompt, uses no network, and works on invalid files.
//!
//! A program that rejects a file, or a flag in it, keeps what it loaded before. So a flag counts as off only if every
//! program that reads the file turns it off.
//!
//! - `layers`: the files, whatever they contain.
//! - `one` and `all`: the change of one flag, and of all flags.
//! - `migrations`: the migrations among the flags, which go back one stage.
//! - `elsewhere`: the environments that turn a reverted flag on by themselves.

mod all;
mod elsewhere;
mod layers;
mod migrations;
mod one;

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flagkit_core::Percent;
use serde_json::{Value, json};

use self::layers::Layers;
use crate::edit::Recovered;
use crate::environment::environment_file;
use crate::journal::{BACK, Entry, Journal, REVERT, Transition};
use crate::location::skipped;
use crate::progress::Progress;
use crate::project::digest;
use crate::report::{Exit, Failure, Report, Result};
use crate::terminal::{GOOD, styled};
use crate::write::{Replaced, Writer, save};

/// The number of attempts if another process writes at the same time.
const ATTEMPTS: u32 = 5;

/// The arguments of `revert`.
pub(crate) struct RevertArgs {
    /// `None`: all flags.
    pub(crate) name: Option<String>,
    /// The target. `None`: off.
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    /// Whether a migration may go back from `complete`.
    pub(crate) accept_stale_data: bool,
    pub(crate) dry_run: bool,
}

pub(crate) fn run(file: &Path, args: &RevertArgs) -> Result {
    let path = match &args.env {
        Some(env) => environment_file(file, env)?,
        None => file.to_owned(),
    };
    let mut writer = None;
    let mut attempt = 1;
    loop {
        let layers = Layers::read(file, args.env.as_deref())?;
        let (change, mut report) = match &args.name {
            Some(name) if migrations::keys(file, &layers).contains(name) => {
                return migrations::revert(file, &layers, name, args);
            }
            Some(name) => one::plan(file, &layers, name, args)?,
            None => all::plan(file, &layers, args)?,
        };
        if let Some(skipped) = skipped(file) {
            let (skipped, file) = (skipped.display(), file.display());
            let _ = writeln!(report.text, "{skipped} has no table `flags`, so the flag file is {file}");
        }
        let change = match change {
            Some(change) if !args.dry_run => change,
            _ => {
                report.data["written"] = false.into();
                return Ok(report);
            }
        };
        let Some(writer) = &writer else {
            // Read the files again under the lock: another run may have written since the first read.
            writer = Some(Writer::try_lock(&path));
            continue;
        };
        match change.write(&path, writer) {
            Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
            Err(failure) => return Err(failure),
            Ok((replaced, saved)) => {
                report.data["written"] = true.into();
                if let Some(saved) = saved {
                    let saved = saved.display().to_string();
                    let _ = writeln!(report.text, "the old text of {} is saved as {saved}", path.display());
                    report.data["kept"] = saved.into();
                }
                change.log(file, &path, args, &mut report).map_err(|failure| match &report.data["kept"] {
                    Value::String(saved) => failure.with_details([format!("the old text is saved as {saved}")]),
                    _ => failure,
                })?;
                return match replaced {
                    Replaced::Whole => Ok(report),
                    Replaced::Without(lost) => {
                        let message = format!("the flags in {} were changed, but {lost}", path.display());
                        Err(Failure::io(message).with_details(report.text.lines().map(str::to_owned)))
                    }
                };
            }
        }
    }
}

/// A step back of a migration.
#[derive(Debug)]
struct Step {
    flag: String,
    from: Progress,
    to: Progress,
}

/// Returns each name that the file of an environment may have had; see [`Layers::lost_names`].
pub(super) fn lost_names(file: &Path, env: Option<&str>) -> Result<Recovered> {
    Ok(Layers::read(file, env)?.lost_names(file))
}

/// A change that is not written yet.
struct Change {
    /// The digest of the text that is replaced.
    expected: Option<String>,
    text: String,
    transitions: Vec<Transition>,
    /// The steps back of migrations.
    steps: Vec<Step>,
    /// The old text, if the new one does not keep the rest of it. It is saved in another file.
    saved: Option<Vec<u8>>,
}

impl Change {
    /// Replaces the file. Returns the path at which the old text is saved.
    fn write(&self, path: &Path, writer: &Writer) -> Result<(Replaced, Option<PathBuf>)> {
        let saved = self.saved.as_ref().map(|bytes| save(path, bytes)).transpose()?;
        Ok((writer.replace(self.expected.as_deref(), &self.text)?, saved))
    }

    fn report(&self, args: &RevertArgs) -> Report {
        let turned = if args.dry_run { "would turn" } else { "turned" };
        let lines = self.transitions.iter().map(|Transition { flag, from, to }| match from {
            Some(from) => format!("{turned} {flag} from {from} to {}\n", styled(GOOD, to)),
            None => format!("{turned} {flag} {}; its previous state is unknown\n", styled(GOOD, to)),
        });
        let brought = if args.dry_run { "would bring" } else { "brought" };
        let steps = self
            .steps
            .iter()
            .map(|Step { flag, from, to }| format!("{brought} {flag} back from {from} to {}\n", styled(GOOD, to)));
        let lines = lines.chain(steps).collect::<String>();
        let mut flags: Vec<_> = self
            .transitions
            .iter()
            .map(|transition| {
                let from = transition.from.map(|state| state.to_string());
                json!({ "flag": transition.flag, "from": from, "to": transition.to.to_string() })
            })
            .collect();
        flags.extend(
            self.steps
                .iter()
                .map(|Step { flag, from, to }| json!({ "flag": flag, "from": from.to_string(), "to": to.to_string() })),
        );
        Report::new(lines, json!({ "flags": flags }))
    }

    /// Writes the entries of the log. The flags are off also if that fails, and the report or the failure says so.
    ///
    /// A log that the user may not write is no failure, because turning a flag off must not depend on it.
    fn log(&self, file: &Path, path: &Path, args: &RevertArgs, report: &mut Report) -> Result<()> {
        let digest = digest(self.text.as_bytes());
        let entries = self
            .transitions
            .iter()
            .map(|transition| Entry::new(REVERT, path, &digest, transition, args.reason.clone()));
        let steps = self.steps.iter().map(|Step { flag, from, to }| {
            Entry::of_migration(BACK, path, &digest, flag, Some(*from), *to).because(args.reason.clone())
        });
        let logged = Journal::append(file, entries.chain(steps));
        report.data["logged"] = logged.is_ok().into();
        let Err(error) = logged else { return Ok(()) };
        let log = Journal::path(file);
        if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound) {
            let _ = writeln!(report.text, "the change is not in the log: cannot write {}: {error}", log.display());
            return Ok(());
        }
        let done = self.transitions.iter().map(|transition| format!("{} is {}", transition.flag, transition.to));
        let done = done.chain(self.steps.iter().map(|step| format!("{} is at {}", step.flag, step.to)));
        let message = format!("the flags were changed, but cannot write the log {}: {error}", log.display());
        Err(Failure::io(message).with_details(done))
    }
}
