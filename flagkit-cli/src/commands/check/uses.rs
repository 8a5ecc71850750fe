//! The flags that the code reads, compared with the flags that the file declares.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::Flag;

use super::{Locations, UNREAD, declared, nearest};
use crate::build_range::static_name;
use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::project::Document;
use crate::roots::Roots;
use crate::usage::{Use, UseKind, Uses};

/// Code that reads a migration as a switch, or another flag as a migration.
const WRONG_KIND: &str = "wrong-kind";

pub(super) fn check_uses(roots: &Roots, document: &Document, locations: &Locations, findings: &mut Vec<Finding>) {
    let Uses { found: uses, unread, has_other_files } = Uses::find(roots);
    // Code outside of the file's folder may read another flag file, if there is one.
    let is_ours = |path: &Path| roots.are_named || !has_other_files || roots.is_beside_file(path);
    let keys: BTreeSet<&str> = declared(document).map(|(key, _)| key).collect();
    for Use { key, path, line, column, kind } in
        uses.iter().filter(|used| used.needs_declaration() && !keys.contains(used.key.as_str()) && is_ours(&used.path))
    {
        let message = match kind {
            UseKind::Test => format!("a test sets {key}, which is not declared"),
            UseKind::Migration(_) => format!("the migration {key} is not declared"),
            UseKind::Macro | UseKind::Method | UseKind::Lookup => {
                format!("{key} is not declared, so it is always off")
            }
        };
        let finding = Finding::new("undeclared", Level::Error, path, message).of(key).at(*line, *column);
        let help = nearest(key, keys.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        findings.push(finding.with_help(help.unwrap_or_else(|| declare(document, key, *kind))));
    }
    for used in uses.iter().filter(|used| is_ours(&used.path)) {
        findings.extend(check_kind(used, document));
    }
    let is_migration = |key: &str| document.load.flags().get(key).is_some_and(Flag::is_migration);
    // A switch of a migration is a finding of its own, and reads no stage.
    let is_read = |used: &&Use| used.is_read() && (!used.is_switch() || !is_migration(&used.key));
    let read: BTreeSet<&str> = uses.iter().filter(is_read).map(|used| used.key.as_str()).collect();
    let required: BTreeSet<&str> = declared(document)
        .flat_map(|(_, flag)| flag.into_iter().flat_map(Flag::prerequisites).map(flagkit_core::source::Reference::name))
        .collect();
    let below = roots.describe();
    for key in keys.iter().filter(|key| !read.contains(*key) && !required.contains(*key)) {
        let (what, remove) = if is_migration(key) {
            ("declares it with `migration!`", "remove it at stage off or contracted")
        } else {
            ("reads it", "remove the flag")
        };
        let message = format!("{key} is declared, but no code below {below} {what}");
        let finding = locations.finding("unused", Level::Error, &document.path, key, message);
        findings.push(finding.with_help(format!("{remove}, or add `allow = {{ unused = \"reason\" }}`")));
    }
    for path in unread.iter().filter(|path| is_ours(path)) {
        let message = "cannot parse the file as Rust: the flags that it reads are unknown";
        findings.push(Finding::new(UNREAD, Level::Warning, path, message));
    }
}

/// Reports code that reads a migration as a switch, or that plans the stages of another flag.
fn check_kind(used: &Use, document: &Document) -> Option<Finding> {
    let Use { key, path, line, column, kind } = used;
    let is_migration = document.load.flags().get(key)?.is_migration();
    let (message, help) = match kind {
        UseKind::Migration(_) if !is_migration => {
            let help = format!("write `kind = \"migration\"` for {key} in {}", document.path.display());
            (format!("{key} is not a migration, so `migration!` finds no stage of it"), help)
        }
        UseKind::Macro | UseKind::Method if is_migration => {
            let help = format!(
                "write `migration! {{ pub static {}: \"{key}\", range = Full }}`, and plan each unit of work",
                static_name(key)
            );
            (format!("{key} is a migration, which is never on: this code always uses the old side"), help)
        }
        _ => return None,
    };
    Some(Finding::new(WRONG_KIND, Level::Error, path, message).of(key).at(*line, *column).with_help(help))
}

/// Returns the advice to declare a key.
fn declare(document: &Document, key: &str, kind: UseKind) -> String {
    let words = ["new", key, "--kind", "migration"];
    let words = if matches!(kind, UseKind::Migration(_)) { &words[..] } else { &words[..2] };
    format!("declare it with `{}`", CommandLine::new(&document.path, None, words))
}
