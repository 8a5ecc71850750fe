//! `check`: flags that are on without the approvals that their gates require.

use std::collections::BTreeSet;

use flagkit_core::source::Confirmation;

use super::Locations;
use super::approvers::ListResult;
use crate::approvals::Inspection;
use crate::command_line::CommandLine;
use crate::environment::environment_name;
use crate::environment::environment_of;
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::project::Project;

/// A flag that programs keep dark. `allow` has no effect on it, because the change could allow itself.
pub(super) const UNAPPROVED: &str = "unapproved";

/// Reports each flag with a signed gate that is on without valid approvals by the present list.
///
/// `projects` are the environments. A flag that is a finding in one of them is not reported again for `declared`.
pub(super) fn check_unapproved(
    declared: &Project,
    projects: &[Project],
    gates: &Gates,
    list: &ListResult,
    findings: &mut Vec<Finding>,
) {
    // Without a usable list there is a finding about the list.
    let Ok(Some(list)) = list else { return };
    let is_signed = |key: &flagkit_core::FlagKey| {
        gates.of(key.as_str()).is_some_and(|(_, gate)| gate.requirement().confirmation > Confirmation::Terminal)
    };
    if !declared.declared.keys().any(is_signed) {
        return;
    }
    let mut reported = BTreeSet::new();
    for project in projects.iter().chain([declared]) {
        let file = &declared.declared.path;
        let env = project.environment.as_ref().and_then(|document| environment_of(file, &document.name()));
        let inspection = Inspection::of(project, env.as_deref(), &list.approvers, |_| None);
        for (key, reason) in inspection.gated_refusals() {
            let is_again = env.is_none() && reported.contains(&key);
            let Some(flag) = inspection.get(&key).filter(|_| !is_again) else { continue };
            let (state, environment) = (project.state_document(), environment_name(env.as_deref()));
            let message = format!("{key} is {} in {environment}, and not approved: {reason}", flag.state);
            let finding = Locations::of(state).finding(UNAPPROVED, Level::Error, &state.path, &key, message);
            let verify = CommandLine::new(file, env.as_deref(), &["approvers", "verify", &key]);
            let help = format!("`{verify}` shows each approval; a program that requires approvals rejects this state");
            findings.push(finding.with_help(help));
            reported.insert(key);
        }
    }
}
