//! The flags that the code reads, compared with the flags that the file declares.

use std::collections::BTreeSet;
use std::path::Path;

use flagkit_core::Flag;

use super::{Locations, UNREAD, declared, nearest};
use crate::command_line::CommandLine;
use crate::findings::{Finding, Level};
use crate::project::Document;
use crate::roots::Roots;
use crate::usage::{Use, UseKind, Uses};

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
            UseKind::Macro | UseKind::Method => format!("{key} is not declared, so it is always off"),
        };
        let finding = Finding::new("undeclared", Level::Error, path, message).of(key).at(*line, *column);
        let help = match nearest(key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it with `{}`", CommandLine::new(&document.path, None, &["new", key])),
        };
        findings.push(finding.with_help(help));
    }
    let read: BTreeSet<&str> = uses.iter().filter(|used| used.is_read()).map(|used| used.key.as_str()).collect();
    let required: BTreeSet<&str> = declared(document)
        .flat_map(|(_, flag)| flag.into_iter().flat_map(Flag::prerequisites).map(flagkit_core::source::Reference::name))
        .collect();
    let below = roots.describe();
    for key in keys.iter().filter(|key| !read.contains(*key) && !required.contains(*key)) {
        let message = format!("{key} is declared, but no code below {below} reads it");
        let finding = locations.finding("unused", Level::Error, &document.path, key, message);
        findings.push(finding.with_help("remove the flag, or add `allow = { unused = \"reason\" }`"));
    }
    for path in unread.iter().filter(|path| is_ours(path)) {
        let message = "cannot parse the file as Rust: the flags that it reads are unknown";
        findings.push(Finding::new(UNREAD, Level::Warning, path, message));
    }
}
