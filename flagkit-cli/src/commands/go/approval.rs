//! The approvals of a release: what people sign, the request that collects the signatures, and when they are enough.
//!
//! ```text
//! request ─▶ first person signs ─▶ recorded in the request ─▶ second person signs ─▶ flag file and approvals at once
//! ```
//!
//! Releases of flags and steps of migrations use the same code. Under a gate with `confirm = "terminal"` no one signs,
//! and a request only states what to release.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::{Approver, Approvers, Refusal, Signature};
use jiff::SignedDuration;
use serde_json::json;

use super::Preflight;
use super::planned::{Planned, pending_request, required, unapproved};
use crate::command_line::CommandLine;
use crate::edit;
use crate::journal::{Approved, Entry};
use crate::merged_flag::MergedFlag;
use crate::project::{Document, digest};
use crate::report::{Exit, Failure, Report, Result};
use crate::request::{Request, SignedApproval, now};
use crate::signer::Signer;
use crate::terminal::{self, escape_control_chars};
use crate::write::{Writer, changed, state_folder};

/// The approvals of a planned change: those that it has, and those that it needs.
pub(in crate::commands) struct Release<'a> {
    planned: Planned<'a>,
    /// The list of the people who may sign. `None`: the gate requires no signature.
    approvers: Option<Approvers>,
    requirement: ApprovalRequirement,
    /// The request on disk. `None`: there is none.
    pending: Option<Request>,
    request: Request,
}

/// A person who may approve, and the key.
pub(in crate::commands) struct Person {
    name: String,
    signer: Signer,
}

/// The result of one person's approval.
pub(in crate::commands) enum Collected {
    /// The approval is recorded, and another person is required.
    Waiting(Report),
    /// The approvals are enough. The change can be written.
    Complete(Approval),
}

/// The approvals of a change that can be written.
pub(in crate::commands) struct Approval {
    /// The new text of the document, with the approvals.
    pub(in crate::commands) text: String,
    serial: Option<u64>,
    approved: Vec<Approved>,
    /// The request on disk, which the release finishes.
    pending: Option<Box<Request>>,
}

impl<'a> Release<'a> {
    /// Creates the release of a planned change, with the pending request on disk.
    pub(in crate::commands) fn new(planned: Planned<'a>) -> Result<Self> {
        let (approvers, requirement) = required(planned.file, planned.gate)?;
        let request = planned.new_request(requirement, approvers.as_ref())?;
        let pending = pending_request(planned.file, planned.env, planned.name, planned.project, planned.journal)?;
        Ok(Self { planned, approvers, requirement, pending, request })
    }

    /// Continues with the approvals of the pending request. Fails if the request is void or too old.
    pub(in crate::commands) fn resume(mut self) -> Result<Self> {
        let (name, no) = (self.planned.name, self.planned.no_command());
        let request = CommandLine::new(self.planned.file, self.planned.env, &["request", name]);
        let Some(pending) = &self.pending else {
            if self.planned.has_cancelled_request()? {
                let message = format!("the request for {name} is void: it was cancelled; nothing was written");
                let help = format!("`{request}` requests the release again, without the approvals so far");
                return Err(Failure::new(Exit::Conflict, message).with_help(help));
            }
            return Ok(self);
        };
        let help = format!("`{request}` requests the release again, and `{no}` cancels the request");
        if pending.to != self.request.to {
            let message = format!("cannot go to {}: a request to {} is pending", self.request.to, pending.to);
            return Err(Failure::new(Exit::Conflict, message).with_help(format!("to cancel the request, run `{no}`")));
        }
        if let Some(changed) = pending.difference(&self.request) {
            let message = format!("the request for {name} is void: {changed} changed after it; nothing was written");
            return Err(Failure::new(Exit::Conflict, message).with_help(help));
        }
        let fresh = self.planned.gate.fresh();
        let is_old = |approval: &SignedApproval| !approval.is_fresh(fresh);
        if pending.age() > fresh || pending.approvals.iter().any(is_old) {
            let message = format!("the request for {name} is too old: it counts for {fresh:#}; nothing was written");
            return Err(unapproved(message).with_help(help));
        }
        self.request = pending.clone();
        self.approved(&self.request).map_err(|failure| failure.with_help(help))?;
        Ok(self)
    }

    /// Finds the key and the name of the person at the terminal. `None`: no signature is required.
    pub(in crate::commands) fn person(&self, key: Option<&Path>) -> Result<Option<Person>> {
        let Some(approvers) = &self.approvers else { return Ok(None) };
        let signer = Signer::find(self.planned.file, key)?;
        let own = approvers.entries().iter().filter(|entry| entry.fingerprint() == signer.fingerprint());
        let Some(name) = own.flat_map(Approver::names).next().map(str::to_owned) else {
            let list = state_folder(self.planned.file).join("approvers");
            let message = format!("the key {} is not in {}", signer.fingerprint(), list.display());
            let help = format!("the list has the people who may approve; `{}` names another key", "--key PATH");
            return Err(unapproved(message).with_help(help));
        };
        let earlier = self.request.approvals.iter().find(|approval| approvers.is_same_person(&approval.by, &name));
        if let Some(earlier) = earlier {
            let message = format!("{name} cannot approve again: {} approved this release already", earlier.by);
            let help = format!("another person runs `{}`", self.planned.command);
            return Err(unapproved(message).with_help(help));
        }
        Ok(Some(Person { name, signer }))
    }

    /// Says who requested and approved the change, and who signs it now. Empty without a request and a signature.
    pub(in crate::commands) fn introduction(&self, person: Option<&Person>) -> String {
        let mut text = String::new();
        if self.pending.is_some() {
            let reason = self.request.reason.as_ref().map(|reason| format!(": {}", escape_control_chars(reason)));
            let by = escape_control_chars(&self.request.requested_by);
            let _ = writeln!(text, "Requested by {by}{}", reason.unwrap_or_default());
        }
        // Anyone can write an approval into a request. Under a gate without signatures, none is verified.
        for Approved { by, at, .. } in self.approved(&self.request).unwrap_or_default() {
            let _ = writeln!(text, "Approved by {} at {}", escape_control_chars(&by), escape_control_chars(&at));
        }
        if let Some(Person { name, signer }) = person {
            let humans = self.requirement.humans;
            let people = if humans == 1 { "1 person".to_owned() } else { format!("{humans} people") };
            let (name, key) = (escape_control_chars(name), signer.fingerprint());
            let _ = writeln!(text, "You approve it as {name}, with the key {key}. It needs {people}.");
        }
        if text.is_empty() { text } else { text + "\n" }
    }

    /// Requests the signature of a person for the statement, and records the approval.
    pub(in crate::commands) fn approve(mut self, person: Option<&Person>, preflight: &Preflight) -> Result<Collected> {
        let Some(person) = person else {
            let (text, pending) = (self.planned.text.to_owned(), self.pending.map(Box::new));
            return Ok(Collected::Complete(Approval { text, serial: None, approved: Vec::new(), pending }));
        };
        let mut approval = SignedApproval {
            by: person.name.clone(),
            at: now().to_string(),
            release: preflight.release.clone(),
            checks: checks_digest(preflight),
            signature: String::new(),
        };
        let failed = |refusal: Refusal| unapproved(format!("cannot sign the statement: got {refusal}"));
        let statement = self.request.statement(&approval).to_text().map_err(failed)?;
        if self.requirement.confirmation >= Confirmation::Touch {
            terminal::print("Touch the key when it blinks.\n");
        }
        approval.signature = person.signer.sign(&statement)?;
        self.request.approvals.push(approval);
        let approved = self.approved(&self.request)?;
        if approved.len() < self.requirement.humans as usize {
            return self.wait().map(Collected::Waiting);
        }
        let text = self.text()?;
        let (serial, pending) = (Some(self.request.serial), self.pending.map(Box::new));
        Ok(Collected::Complete(Approval { text, serial, approved, pending }))
    }

    /// Verifies the approvals of a request. Fails if any of them does not count.
    fn approved(&self, request: &Request) -> Result<Vec<Approved>> {
        let Some(approvers) = &self.approvers else { return Ok(Vec::new()) };
        let mut approved: Vec<Approved> = Vec::new();
        for approval in &request.approvals {
            let refused = |reason: String| {
                let message = format!("the approval of {} does not count: {reason}; nothing was written", approval.by);
                unapproved(message)
            };
            let verified = approvers.verify(&request.statement(approval), &approval.signature);
            let Signature { principal, fingerprint, confirmation, .. } =
                verified.map_err(|refusal| refused(format!("got {refusal}")))?;
            if confirmation < self.requirement.confirmation {
                let [got, expected] = [confirmation, self.requirement.confirmation].map(Confirmation::as_str);
                return Err(refused(format!("got a signature that proves {got:?}, expected {expected:?}")));
            }
            if approved.iter().any(|other| approvers.is_same_person(&other.by, &principal)) {
                return Err(refused("got a second approval by the same person".to_owned()));
            }
            approved.push(Approved { by: principal, at: approval.at.clone(), key: fingerprint });
        }
        Ok(approved)
    }

    /// Writes the approvals so far, and returns what the next person does.
    fn wait(self) -> Result<Report> {
        let Planned { file, env, name, command, project, .. } = &self.planned;
        let writer = Writer::new(&project.state_document().path)?;
        for document in project.documents() {
            if Document::read_if_there(&document.path)?.digest() != document.digest() {
                return Err(changed(&document.path));
            }
        }
        ensure_pending(file, *env, name, self.pending.as_ref())?;
        let path = self.request.write(file, *env)?;
        drop(writer);
        let (got, humans) = (self.request.approvals.len(), self.requirement.humans);
        let by: Vec<&str> = self.request.approvals.iter().map(|approval| approval.by.as_str()).collect();
        let text = format!(
            "{got} of {humans} people approved {name} to {}: {}; nothing is live yet\nanother person runs: {command}\n\
             to cancel: {}\n",
            self.request.to,
            by.join(", "),
            self.planned.no_command(),
        );
        let mut data = self.data(&path);
        data["approved"] = json!(by);
        Ok(Report::new(text, data).with_exit(Exit::Waiting))
    }

    /// Writes the request, and returns what a person does to approve it. Approves nothing.
    pub(in crate::commands) fn request(mut self) -> Result {
        let fresh = self.planned.gate.fresh();
        if let Some(pending) = self.pending.clone() {
            if pending.is_same_release(&self.request) {
                self.request = pending.refreshed(&self.request, fresh);
            } else {
                self.ensure_replaceable(pending, fresh)?;
            }
        }
        let Planned { file, env, name, command, .. } = &self.planned;
        let path = self.request.write(file, *env)?;
        let (from, to) = (&self.request.from, &self.request.to);
        let left = self.requirement.humans.saturating_sub(u32::try_from(self.request.approvals.len()).unwrap_or(0));
        let people = if left == 1 { "a person".to_owned() } else { format!("{left} people") };
        let text = format!(
            "requested {name} {from} -> {to} in {}; nothing is live yet\n{people} must approve it within {fresh:#}: \
             {command}\nto cancel: {}\n",
            path.display(),
            self.planned.no_command(),
        );
        Ok(Report::new(text, self.data(&path)).with_exit(Exit::NeedsConfirmation))
    }

    /// Fails if a pending request to another state has approvals that still count.
    fn ensure_replaceable(&self, pending: Request, fresh: SignedDuration) -> Result<()> {
        let (to, pending) = (&self.request.to, pending.refreshed(&self.request, fresh));
        let approved = self.approved(&pending).unwrap_or_default();
        let by: Vec<String> = approved.into_iter().map(|approved| approved.by).collect();
        if by.is_empty() || pending.difference(&self.request).is_some() {
            return Ok(());
        }
        let message = format!("cannot request {to}: {} approved a request to {} already", by.join(", "), pending.to);
        let help = format!("to cancel that request, run `{}`", self.planned.no_command());
        Err(Failure::new(Exit::Conflict, message).with_help(help))
    }

    fn data(&self, path: &Path) -> serde_json::Value {
        json!({
            "flag": self.planned.name, "from": self.request.from, "to": self.request.to, "written": false,
            "request": path, "humans": self.requirement.humans, "confirm": self.requirement.confirmation.as_str(),
            "next": { "command": self.planned.command },
        })
    }

    /// Returns the new text of the document with the approvals. Fails unless a program accepts the flag in it.
    fn text(&self) -> Result<String> {
        let Planned { name, project, text, .. } = &self.planned;
        let approvals: Vec<_> = self.request.approvals.iter().map(|approval| self.request.approval(approval)).collect();
        let document = project.state_document();
        let text = edit::set_approvals(document.format(), text, name, &approvals)?;
        let after = project.with_state(&text)?;
        project.ensure_only(name, &after)?;
        let flag = MergedFlag::of(&after, name);
        if let (Some(approvers), Some(flag)) = (&self.approvers, flag) {
            flag.cover(approvers, self.planned.environment()).map_err(|refusal| {
                let path = document.path.display();
                unapproved(format!("cannot write the approvals into {path}: programs would refuse {name}: {refusal}"))
            })?;
        }
        Ok(text)
    }
}

impl Approval {
    /// Fails if the request changed since it was read. The caller holds the lock of the [`Writer`].
    pub(in crate::commands) fn ensure_pending(&self, file: &Path, env: Option<&str>, name: &str) -> Result<()> {
        ensure_pending(file, env, name, self.pending.as_deref())
    }

    /// Adds the approvals to the entry of the log.
    pub(in crate::commands) fn record(&self, entry: &mut Entry) {
        entry.serial = self.serial;
        entry.approved.clone_from(&self.approved);
    }

    /// Returns whether the release has signatures. Without them, an undo can restore the exact old text.
    pub(in crate::commands) fn is_signed(&self) -> bool {
        self.serial.is_some()
    }
}

/// Fails if the request on disk is not the one that was read. It may have been cancelled in the meantime.
fn ensure_pending(file: &Path, env: Option<&str>, name: &str, pending: Option<&Request>) -> Result<()> {
    match (Request::read(file, env, name)?, pending) {
        (now, pending) if now.as_ref() == pending => Ok(()),
        // The request of a finished release counts as none.
        (Some(_), None) => Ok(()),
        _ => {
            let message = format!("the request for {name} was cancelled or changed meanwhile; nothing was written");
            let log = CommandLine::new(file, None, &["log", name]);
            Err(Failure::new(Exit::Conflict, message).with_help(format!("run `{log}` to find out who cancelled it")))
        }
    }
}

/// Returns the digest of the results of the checks. `None`: the gate has no checks.
fn checks_digest(preflight: &Preflight) -> Option<String> {
    let results = json!(preflight.checks).to_string();
    (!preflight.checks.is_empty()).then(|| format!("sha256:{}", digest(results.as_bytes())))
}
