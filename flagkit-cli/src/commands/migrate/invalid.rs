//! A step back in a file that programs reject.
//!
//! Programs keep the stage that they loaded last. The log says which stage that is.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::back::{BackArgs, previous, report};
use super::migration::Target;
use crate::commands::revert::lost_names;
use crate::edit;
use crate::environment::environment_file;
use crate::file;
use crate::history::History;
use crate::intent::replace_and_log;
use crate::journal::{BACK, Entry, Journal};
use crate::progress::Progress;
use crate::project::{Project, digest, format, unreadable};
use crate::report::{Failure, Result};
use crate::write::{Writer, save};

/// A step back of a migration that cannot be read.
struct InvalidMigration<'t> {
    target: &'t Target,
    path: PathBuf,
    bytes: Vec<u8>,
    /// The progress that the log states.
    logged: Progress,
}

/// Goes one stage back from the stage that the log states. `why` is the reason why the migration cannot be read.
pub(super) fn back(target: &Target, args: &BackArgs, why: Failure) -> Result {
    let path = match &target.env {
        Some(env) => environment_file(&target.file, env)?,
        None => target.file.clone(),
    };
    let journal = Journal::read(&target.file)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let last = History::of(&journal, &target.name, &name).last_step();
    // Without a step in the log, the stage of running programs is unknown.
    let Some(logged) = last.and_then(Entry::progress) else { return Err(why) };
    let bytes = file::read(&path).map_err(|error| unreadable(&path, &error))?;
    let Some(to) = previous(target, logged, Some(logged), args)? else { return Err(why) };
    let migration = InvalidMigration { target, path, bytes, logged };
    migration.step_back(to, args)
}

impl InvalidMigration<'_> {
    fn step_back(&self, to: Progress, args: &BackArgs) -> Result {
        let Self { target, path, bytes, logged } = self;
        let name = target.name.as_str();
        let mut report = report(name, *logged, to, args);
        let edited = self.edited(to);
        let is_rewritten = edited.is_none();
        let text = match edited {
            Some(text) => text,
            None => edit::render_one_stage(format(path), name, to, &lost_names(&target.file, target.env.as_deref())?)?,
        };
        if is_rewritten {
            report.text += "running programs keep the other flags of the file until it is repaired\n";
        }
        if args.dry_run {
            return Ok(report);
        }
        let writer = Writer::try_lock(path);
        let saved = if is_rewritten { Some(save(path, bytes)?) } else { None };
        let entry = Entry::of_migration(BACK, path, &digest(text.as_bytes()), name, Some(*logged), to);
        let texts = [Some(digest(bytes)), Some(text)];
        let texts = texts.each_ref().map(Option::as_deref);
        let entries = vec![entry.because(args.reason.clone())];
        let written = replace_and_log(&target.file, path, &writer, texts, entries, false)?;
        if let Some(saved) = saved {
            let saved = saved.display().to_string();
            let _ = writeln!(report.text, "the old text of {} is saved as {saved}", path.display());
            report.data["kept"] = saved.into();
        }
        report.data["logged"] = written.logged.is_ok().into();
        if let Err(error) = written.logged {
            let _ = writeln!(report.text, "the step in {} is not in the log: {error}", path.display());
        }
        Ok(report)
    }

    /// Returns the text with the new stage, if programs accept it.
    fn edited(&self, to: Progress) -> Option<String> {
        let target = self.target;
        let text = std::str::from_utf8(&self.bytes).ok()?;
        let text = edit::set_stage(format(&self.path), text, &target.name, to).ok()?;
        let project = Project::read(&target.file, target.env.as_deref()).ok()?;
        let after = project.with_state(&text).ok()?.flags().snapshot();
        (Progress::of(after.flag(&target.name)) == Some(to)).then_some(text)
    }
}
