//! A change that people are to approve: what it needs, and the request for it.

use std::path::Path;

use flagkit_core::Percent;
use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::Approvers;
use serde_json::json;

use crate::approvals::ApproverList;
use crate::command_line::CommandLine;
use crate::environment::environment_name;
use crate::file;
use crate::gate::{Gate, Gates};
use crate::journal::{Journal, who};
use crate::merged_flag::MergedFlag;
use crate::project::{Document, Project, digest};
use crate::report::{Exit, Failure, Result};
use crate::request::{Plan, Request};
use crate::serial;
use crate::state::State;
use crate::write::state_folder;

/// A change that people are to approve.
pub(in crate::commands) struct Planned<'a> {
    pub(in crate::commands) file: &'a Path,
    pub(in crate::commands) env: Option<&'a str>,
    pub(in crate::commands) name: &'a str,
    /// The files before the change.
    pub(in crate::commands) project: &'a Project,
    /// The new text of the document that holds the state.
    pub(in crate::commands) text: &'a str,
    pub(in crate::commands) gates: &'a Gates,
    pub(in crate::commands) gate: &'a Gate,
    pub(in crate::commands) journal: &'a Journal,
    pub(in crate::commands) reason: Option<&'a str>,
    /// The command with which a person approves.
    pub(in crate::commands) command: String,
}

/// Returns the pending request of a flag. A request for a release that is done counts as none.
pub(in crate::commands) fn pending_request(
    file: &Path,
    env: Option<&str>,
    name: &str,
    project: &Project,
    journal: &Journal,
) -> Result<Option<Request>> {
    let Some(request) = Request::read(file, env, name)? else { return Ok(None) };
    let Some(flag) = MergedFlag::of(project, name) else { return Ok(Some(request)) };
    // A process that was stopped after the release may have left its request. Releases in other files do not count.
    let document = project.state_document();
    let approvers = ApproverList::read(file).ok().flatten().map(|list| list.approvers);
    let approved = approvers.and_then(|approvers| flag.last_serial(&approvers, environment_name(env)));
    let last = approved.max(journal.last_serial(name, &document.name()));
    let is_signed = last.is_some_and(|last| request.serial <= last);
    let is_reached = request.from != request.to && flag.digest().is_ok_and(|digest| digest == request.after);
    Ok(Some(request).filter(|_| !is_signed && !is_reached))
}

/// Returns the list of approvers and the requirement, if a change under this gate needs signatures.
///
/// Comments in the list can require more than the gate, and apply to every gate.
pub(super) fn required(file: &Path, gate: &Gate) -> Result<(Option<Approvers>, ApprovalRequirement)> {
    let requirement = gate.requirement();
    let is_signed = requirement.confirmation != Confirmation::Terminal;
    let path = state_folder(file).join("approvers");
    let shown = path.display();
    let failure = |message: String| Failure::new(Exit::Unapproved, message);
    let bytes = match file::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.is_missing() && !is_signed => return Ok((None, requirement)),
        Err(error) if error.is_missing() => {
            let help = "add a line for each person who may approve: `NAME namespaces=\"flagkit-approval\" KEY`, with \
                        the public key of an SSH key";
            return Err(failure(format!("cannot verify approvals: there is no list {shown}")).with_help(help));
        }
        Err(error) => return Err(Failure::io(format!("{shown}: {error}"))),
    };
    let approvers = String::from_utf8(bytes).map_err(|_| failure(format!("{shown}: not UTF-8")))?;
    let approvers = Approvers::parse(&approvers).map_err(|error| failure(format!("{shown}: {error}")))?;
    if is_signed || approvers.states_floor() {
        let requirement = requirement.strictest(approvers.floor());
        return Ok((Some(approvers), requirement));
    }
    Ok((None, requirement))
}

/// Returns whether a flag has its present state, and the approvals that the state needs.
pub(super) fn is_approved(planned: &Planned<'_>) -> Result<bool> {
    let (Some(approvers), _) = required(planned.file, planned.gate)? else { return Ok(true) };
    let flag = MergedFlag::of(planned.project, planned.name);
    Ok(flag.is_none_or(|flag| flag.cover(&approvers, planned.environment()).is_ok()))
}

impl Planned<'_> {
    pub(super) fn environment(&self) -> &str {
        environment_name(self.env)
    }

    /// Returns the request for this change, without an approval.
    pub(super) fn new_request(
        &self,
        requirement: ApprovalRequirement,
        approvers: Option<&Approvers>,
    ) -> Result<Request> {
        let name = self.name;
        let invalid = || Failure::new(Exit::Conflict, format!("cannot approve {name}: its definition is invalid"));
        let before = MergedFlag::of(self.project, name).ok_or_else(invalid)?;
        let after = MergedFlag::of(&self.project.with_state(self.text)?, name).ok_or_else(invalid)?;
        let digest_of = |flag: &MergedFlag| match flag.digest() {
            Ok(digest) => Ok(digest),
            // No one signs it, and the digest of the files covers the definition too.
            Err(_) if requirement.confirmation == Confirmation::Terminal => Ok(String::new()),
            Err(refusal) => Err(unapproved(format!("cannot approve {name}: got {refusal}"))),
        };
        let logged = self.journal.last_serial(name, &self.project.state_document().name());
        let last = approvers.and_then(|approvers| before.last_serial(approvers, self.environment())).max(logged);
        let serial = serial::next(last).ok_or_else(|| {
            let message =
                format!("cannot approve {name}: its last serial {} is too far in the future", last.unwrap_or(0));
            let help = "a serial is the time in seconds; verify the clocks of those who approved it";
            Failure::new(Exit::Conflict, message).with_help(help)
        })?;
        let plan = Plan {
            env: self.environment().to_owned(),
            flag: name.to_owned(),
            states: [before.state(), after.state()],
            definitions: [digest_of(&before)?, digest_of(&after)?],
            files: files_digest(self.project),
            gate: format!("sha256:{}", self.gates.digest(name)),
            requirement,
        };
        let reason = self.reason.map(str::to_owned);
        Ok(Request::new(plan, serial, who(self.file), reason))
    }

    /// Returns whether the file of the request holds one that was cancelled, as after a restore from a copy.
    pub(super) fn has_cancelled_request(&self) -> Result<bool> {
        let request = Request::read(self.file, self.env, self.name)?;
        let file = self.project.state_document().name();
        Ok(request.is_some_and(|request| self.journal.is_cancelled(self.name, &file, request.serial)))
    }

    pub(super) fn no_command(&self) -> String {
        CommandLine::new(self.file, self.env, &["no", self.name, "--reason", "TEXT"]).to_string()
    }
}

/// Returns one digest of the exact contents of all files of a project.
fn files_digest(project: &Project) -> String {
    let file = |document: &Document| [Some(document.name()), document.digest()];
    let files: Vec<_> = project.documents().map(file).collect();
    format!("sha256:{}", digest(json!(files).to_string().as_bytes()))
}

/// Returns the percentage that a request asks for.
pub(super) fn requested_percent(request: &Request) -> Option<Percent> {
    request.to.parse::<State>().ok().map(State::percent)
}

pub(super) fn unapproved(message: String) -> Failure {
    Failure::new(Exit::Unapproved, message)
}
