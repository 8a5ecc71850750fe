//! A flag file to begin with.

use std::path::Path;

use flagkit_sources::document::Format;
use serde_json::json;

use crate::project::format;
use crate::report::{Exit, Failure, Report, Result};
use crate::write::Writer;

const FILE: &str = "\
# Flags of this project. Every program that reads this file picks up a change within a tenth of a second.
# `flagkit list` shows them, `flagkit go NAME` releases, `flagkit revert NAME` turns off.

[flags]
# new-checkout = false              # dark: merged, and seen by nobody
# search-v2 = \"25%\"                  # a quarter of all users, always the same ones

# [flags.beta-ui]
# description = \"The new look\"      # for people: who answers for it, and until when it is needed
# owner = \"team@example.com\"
# kind = \"release\"                  # release | experiment | ops | permission
# expires = 2030-01-01              # `flagkit check` fails after that day; a running program never looks at it
# on = true
# rollout = 0                       # percent of those whom no rule matches
# [[flags.beta-ui.rules]]           # the first that matches decides
# if = { plan = [\"beta\", \"partner\"] }

# Before more people see a flag, a gate asks a running system, and then a human.
# [defaults]
# gate = \"standard\"
# [gate.standard]
# checks = [\"home\"]
# ramp = [1, 10, 50, 100]
# [check.home]
# url = \"http://localhost:8080/\"
# expect = { status = 200, contains = \"Welcome\" }
";

const CI: &str = "\
# For .github/workflows: findings show up beside the lines they are about.
      - run: cargo install flagkit-cli
      - run: flagkit check --base origin/main --format github
";

pub(crate) fn run(file: &Path, dry_run: bool) -> Result {
    if format(file) != Format::Toml {
        return Err(Failure::usage(format!("{}: a file to begin with is TOML, for its comments", file.display()))
            .with_help("such as `--file flags.toml`; an empty JSON one is {\"flags\": {}}"));
    }
    if file.exists() {
        return Err(Failure::new(Exit::Conflict, format!("{} is there already; it is left as it is", file.display()))
            .with_help("`flagkit check` tells what could be better about it"));
    }
    if !dry_run {
        Writer::new(file)?.replace(None, FILE)?;
    }
    let verb = if dry_run { "would write" } else { "wrote" };
    let text = format!("{verb} {}:\n\n{FILE}\nTo check it with every change:\n\n{CI}", file.display());
    Ok(Report::new(text, json!({ "path": file, "content": FILE, "ci": CI, "written": !dry_run })))
}
