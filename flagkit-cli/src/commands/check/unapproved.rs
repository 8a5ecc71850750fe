//! `check`: flags that are on without approvals.

use std::collections::BTreeSet;

use super::Locations;
use super::approvers::ListResult;
use crate::approvals::Inspection;
use crate::command_line::CommandLine;
use crate::environment::environment_name;
use crate::environment::environment_of;
use crate::findings::{Finding, Level};
use crate::project::Project;

/// A flag that programs keep dark. `allow` has no effect on it, because the change could allow itself.
pub(super) const UNAPPROVED: &str = "unapproved";
/// A flag without a gate that requires signatures. Only programs that require approvals keep it dark.
const UNGATED: &str = "ungated";

/// Reports each flag that is on without valid approvals by the present list: an error if its gate requires signatures,
/// and a warning otherwise.
///
/// `projects` are the environments. A flag that is a finding in one of them is not reported again for `declared`.
pub(super) fn check_unapproved(
    declared: &Project,
    projects: &[Project],
    list: &ListResult,
    findings: &mut Vec<Finding>,
) {
    // Without a usable list there is a finding about the list.
    let Ok(Some(list)) = list else { return };
    let mut reported = BTreeSet::new();
    for project in projects.iter().chain([declared]) {
        let file = &declared.declared.path;
        let env = project.environment.as_ref().and_then(|document| environment_of(file, &document.name()));
        let inspection = Inspection::of(project, env.as_deref(), &list.approvers, |_| None);
        let (gated, ungated) = (inspection.gated_refusals(), inspection.ungated_refusals());
        let refusals = gated.into_iter().map(|it| (true, it)).chain(ungated.into_iter().map(|it| (false, it)));
        for (is_gated, (key, reason)) in refusals {
            let is_again = env.is_none() && reported.contains(&key);
            let Some(flag) = inspection.get(&key).filter(|_| !is_again) else { continue };
            let (state, environment) = (project.state_document(), environment_name(env.as_deref()));
            let on = format!("{key} is {} in {environment}", flag.state);
            let (rule, level, message, help) = if is_gated {
                let verify = CommandLine::new(file, env.as_deref(), &["approvers", "verify", &key]);
                let help =
                    format!("`{verify}` shows each approval; a program that requires approvals rejects this state");
                (UNAPPROVED, Level::Error, format!("{on}, and not approved: {reason}"), help)
            } else {
                let message = format!(
                    "{on}, and no gate requires signatures of it: a program that requires approvals \
                                       keeps it dark"
                );
                let help = format!(
                    "give it a gate with `confirm = \"signed\"`, and release it again; \
                                    `allow = {{ {UNGATED} = \"…\" }}` accepts it with a reason"
                );
                (UNGATED, Level::Warning, message, help)
            };
            findings.push(Locations::of(state).finding(rule, level, &state.path, &key, message).with_help(help));
            reported.insert(key);
        }
    }
}
