//! `approvers`: the people who may approve, and which flags have enough valid approvals.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use flagkit_core::source::ApprovalRequirement;
use flagkit_sources::approvals::Approver;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{approvals, exit_of, unknown_flag};
use crate::approvals::{ApproverList, InspectedFlag, Inspection, describe};
use crate::cli::ApproversCommand;
use crate::environment::environment_name;
use crate::environment::existing_file;
use crate::project::Project;
use crate::report::{Exit, Report, Result};
use crate::terminal::{BAD, BOLD, DIM, GOOD, Table, WARN, escape_control_chars, styled};

pub(crate) fn run(file: &Path, command: ApproversCommand) -> Result {
    let list = ApproverList::read_existing(file)?;
    match command {
        ApproversCommand::List => Ok(print_list(&list)),
        ApproversCommand::Verify { name, env } => verify(file, &list, name.as_deref(), env.as_deref()),
    }
}

/// Prints the lines of the list that count, the floor, and the lines that do not count.
fn print_list(list: &ApproverList) -> Report {
    let approvers = &list.approvers;
    let mut columns = [const { Vec::new() }; 4];
    let mut rows = Vec::new();
    for entry in approvers.entries() {
        let names: Vec<&str> = entry.names().collect();
        columns[0].push(Some(styled(BOLD, escape_control_chars(&names.join(",")))));
        columns[1].push(Some(entry.key_type()));
        columns[2].push(Some(entry.fingerprint().to_owned()));
        columns[3].push(validity(entry));
        rows.push(json!({
            "line": entry.line(), "names": names, "type": entry.key_type(), "fingerprint": entry.fingerprint(),
            "comment": entry.comment(), "hardware": entry.is_hardware_key(),
            "valid_after": entry.valid_after().map(time), "valid_before": entry.valid_before().map(time),
        }));
    }
    let mut text = Table::of(["name", "type", "fingerprint", "valid"], columns).render();
    let _ = writeln!(text, "{}", styled(DIM, format!("each flag needs at least {}", describe(approvers.floor()))));
    for line in approvers.rejected() {
        let (path, number, reason) = (list.path.display(), line.line(), escape_control_chars(line.reason()));
        let _ = writeln!(text, "{} {path}:{number}: {reason}", styled(BAD, "rejected"));
    }
    let rejected = approvers.rejected().iter().map(|line| json!({ "line": line.line(), "reason": line.reason() }));
    let data = json!({
        "path": list.path, "approvers": rows, "rejected": rejected.collect::<Vec<_>>(),
        "floor": requirement(approvers.floor()),
    });
    Report::new(text, data).with_exit(exit_of(!approvers.rejected().is_empty()))
}

/// Describes when a key may sign, unless it always may.
fn validity(entry: &Approver) -> Option<String> {
    let after = entry.valid_after().map(|after| format!("after {}", time(after)));
    let before = entry.valid_before().map(|before| {
        let has_ended = before < SystemTime::now();
        styled(if has_ended { WARN } else { DIM }, format!("before {}", time(before)))
    });
    let parts: Vec<String> = after.into_iter().chain(before).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| time.to_string()).unwrap_or_default()
}

fn requirement(requirement: ApprovalRequirement) -> Value {
    json!({ "confirm": requirement.confirmation.as_str(), "humans": requirement.humans })
}

/// Verifies the approvals of one flag or of all, as a program that requires approvals does.
fn verify(file: &Path, list: &ApproverList, name: Option<&str>, env: Option<&str>) -> Result {
    env.map(|env| existing_file(file, env)).transpose()?;
    let project = Project::read(file, env)?;
    let inspection = Inspection::of(&project, env, &list.approvers, |_| None);
    if let Some(name) = name.filter(|name| inspection.get(name).is_none()) {
        return Err(unknown_flag(file, name, inspection.flags().map(|(key, _)| key)));
    }
    let meant = |key: &str, flag: &InspectedFlag| name.map_or(flag.needs_approval, |name| name == key);
    let flags: Vec<(&str, &InspectedFlag)> = inspection.flags().filter(|(key, flag)| meant(key, flag)).collect();
    let mut text = String::new();
    for (key, flag) in &flags {
        let _ = writeln!(text, "{}  {}  {}", styled(BOLD, key), flag.state, result(flag));
        text += &super::indented(&approvals::lines(flag).join("\n"));
    }
    if flags.is_empty() {
        text += "no flag needs an approval\n";
    }
    let environment = environment_name(env);
    let source = format!("verified with {}, for the environment {environment}", list.path.display());
    let _ = writeln!(text, "{}", styled(DIM, source));
    let is_missing = flags.iter().any(|(_, flag)| flag.refusal.is_some());
    let rows: Vec<Value> = flags.iter().map(|(key, flag)| to_json(key, flag)).collect();
    let data = json!({ "environment": environment, "path": list.path, "flags": rows });
    Ok(Report::new(text, data).with_exit(if is_missing { Exit::Unapproved } else { Exit::Done }))
}

/// Says whether a flag has what it needs.
fn result(flag: &InspectedFlag) -> String {
    match &flag.refusal {
        _ if !flag.needs_approval => styled(DIM, "needs no approval"),
        None => styled(GOOD, format!("approved ({})", describe(flag.requirement))),
        Some(reason) => {
            let reason = escape_control_chars(reason);
            format!("{}: {reason}", styled(BAD, format!("not approved (needs {})", describe(flag.requirement))))
        }
    }
}

fn to_json(key: &str, flag: &InspectedFlag) -> Value {
    json!({
        "flag": key, "state": flag.state, "needs_approval": flag.needs_approval,
        "approved": flag.refusal.is_none(), "refusal": flag.refusal, "requires": requirement(flag.requirement),
        "approvals": approvals::to_json(flag),
    })
}
