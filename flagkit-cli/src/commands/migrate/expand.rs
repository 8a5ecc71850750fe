//! `migrate NAME expand-done`: the certificate that the SQL that adds the new side was applied.

use serde_json::json;

use super::migration::{Migration, Target};
use crate::evidence::EXPAND_SQL;
use crate::history::AppliedSql;
use crate::journal::{EXPAND, Entry, Journal};
use crate::migrations::expansions;
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

/// Records the present content of the SQL files, so that a file that is edited later does not count as applied.
pub(super) fn run(target: &Target, note: Option<String>) -> Result {
    // Another command could change the log in the meantime.
    let path = Migration::read(target)?.document().path.clone();
    let _writer = Writer::new(&path)?;
    let migration = Migration::read(target)?;
    let (name, stage) = (migration.name(), migration.now);
    let applied: Vec<AppliedSql> = expansions(&target.file, name)?
        .into_iter()
        .map(|sql| AppliedSql { file: sql.path.display().to_string(), digest: sql.digest })
        .collect();
    if applied.is_empty() {
        let message = format!("cannot record the SQL of {name}: no SQL file has its marker");
        let help = format!(
            "write `-- flagkit: expand {name}` above the statements that add the new side; if it needs none, add `allow \
             = {{ {EXPAND_SQL} = \"the reason\" }}` to the flag"
        );
        return Err(Failure::new(Exit::Conflict, message).with_help(help));
    }
    let files: Vec<String> = applied.iter().map(|sql| sql.file.clone()).collect();
    let digest = migration.document().digest().unwrap_or_default();
    let mut entry = Entry::of_migration(EXPAND, &path, &digest, name, Some(stage), stage).because(note);
    entry.applied = applied;
    Journal::append(&target.file, [entry]).map_err(|error| {
        Failure::io(format!("cannot write the log {}: {error}", Journal::path(&target.file).display()))
    })?;
    let text = format!("recorded that the SQL of {name} was applied: {}\n", files.join(", "));
    Ok(Report::new(text, json!({ "flag": name, "files": files })))
}
