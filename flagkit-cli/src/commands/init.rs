//! `init`: the first flag file of a project.

use std::path::Path;

use flagkit_sources::document::Format;
use serde_json::json;

use crate::command_line::CommandLine;
use crate::project::format;
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

const FILE: &str = "\
# The flags of this project. A running program loads a change within a tenth of a second.
# `flagkit list` lists the flags, `flagkit go NAME` releases one, `flagkit revert NAME` turns it off.

[flags]
# new-checkout = false              # off: merged, but no one sees it
# search-v2 = \"25%\"                  # on for a quarter of all users, always the same ones

# [flags.beta-ui]
# description = \"The new look\"      # metadata for people: the owner, and the day by which to remove it
# owner = \"team@example.com\"
# kind = \"release\"                  # release | experiment | ops | permission | migration
# expires = 2030-01-01              # `flagkit check` fails after that day; running programs ignore it
# on = true
# rollout = 0                       # percentage of the users that match no rule
# [[flags.beta-ui.rules]]           # the first matching rule decides
# if = { plan = [\"beta\", \"partner\"] }

# A gate: before a flag reaches more users, these checks must pass, and a person must confirm.
# [defaults]
# gate = \"standard\"
# [gate.standard]
# checks = [\"home\"]
# ramp = [1, 10, 50, 100]
# [check.home]
# url = \"http://localhost:8080/\"
# expect = { status = 200, contains = \"Welcome\" }
";

/// Returns the lines to add to a workflow.
fn ci(file: &Path) -> String {
    let check = CommandLine::new(file, None, &["check", "--base", "origin/main", "--format", "github"]);
    format!(
        "# For .github/workflows: each finding is shown beside its line.\n      - run: cargo install flagkit-cli\n      \
         - run: {check}\n"
    )
}

pub(crate) fn run(file: &Path, dry_run: bool) -> Result {
    if format(file) != Format::Toml {
        return Err(Failure::usage(format!("cannot create {}: `init` writes only TOML", file.display()))
            .with_help("use `--file flags.toml`; an empty JSON file is {\"flags\": {}}"));
    }
    if file.exists() {
        return Err(Failure::new(Exit::Conflict, format!("cannot create {}: the file already exists", file.display()))
            .with_help(format!("run `{}` to inspect it", CommandLine::new(file, None, &["check"]))));
    }
    if !dry_run {
        Writer::new(file)?.replace(None, FILE)?;
    }
    let ci = ci(file);
    let wrote = if dry_run { "would write" } else { "wrote" };
    let text = format!("{wrote} {}:\n\n{FILE}\nTo check each change in CI:\n\n{ci}", file.display());
    Ok(Report::new(text, json!({ "path": file, "content": FILE, "ci": ci, "written": !dry_run })))
}
