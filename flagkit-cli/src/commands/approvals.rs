//! The approvals of one flag, as text and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::source::Approval;
use serde_json::{Value, json};

use super::indented;
use crate::approvals::{ApproverList, InspectedApproval, InspectedFlag, Inspection};
use crate::project::Project;
use crate::report::Result;
use crate::terminal::{BAD, DIM, GOOD, escape_control_chars, styled};

/// The approvals of a flag in the environments of a project, for `show`.
pub(super) struct ShownApprovals {
    /// `None`: the project has no list, so approvals are shown unverified.
    list: Option<ApproverList>,
    text: String,
    rows: Vec<Value>,
}

impl ShownApprovals {
    pub(super) fn new(file: &Path) -> Result<Self> {
        Ok(Self { list: ApproverList::read(file)?, text: String::new(), rows: Vec::new() })
    }

    /// Adds the approvals of a flag in one environment. Returns whether programs keep the flag dark.
    pub(super) fn add(&mut self, project: &Project, env: Option<&str>, name: &str) -> bool {
        let prefix = env.map(|env| format!("{env}  ")).unwrap_or_default();
        let mut add = |lines: Vec<String>, rows: Value| {
            self.text.extend(lines.iter().map(|line| format!("{prefix}{line}\n")));
            for mut row in rows.as_array().cloned().unwrap_or_default() {
                row["environment"] = env.into();
                self.rows.push(row);
            }
        };
        let Some(list) = &self.list else {
            let snapshot = project.flags().snapshot();
            let approvals = snapshot.flag(name).map(flagkit_core::Flag::approvals).unwrap_or_default();
            let unverified = styled(DIM, format!("not verified: there is no {}", ApproverList::NAME));
            let lines = approvals.iter().map(|approval| format!("{}  {unverified}", line(approval)));
            add(lines.collect(), approvals.iter().map(fields).collect());
            return false;
        };
        let inspection = Inspection::of(project, env, &list.approvers, |_| None);
        let Some(flag) = inspection.get(name) else { return false };
        add(lines(flag), to_json(flag));
        let refusal = inspection.shown_refusals().and_then(|mut refusals| refusals.remove(name));
        if let Some(reason) = &refusal {
            let reason = escape_control_chars(reason);
            let _ = writeln!(self.text, "{prefix}{}: {reason}", styled(BAD, "not approved"));
        }
        refusal.is_some()
    }

    /// Adds the section to the output. A flag without approvals has none.
    pub(super) fn show(self, text: &mut String, data: &mut Value) {
        if self.text.is_empty() {
            return;
        }
        let by = self.list.map(|list| list.path);
        let verified = by.as_ref().map(|path| format!(", verified with {}", path.display())).unwrap_or_default();
        let _ = write!(text, "approvals{verified}\n{}", indented(&self.text));
        (data["approvals"], data["approvers"]) = (self.rows.into(), json!(by));
    }
}

/// Describes who approved, when, and what.
fn line(approval: &Approval) -> String {
    let [by, at, to] = [&approval.by, &approval.at, &approval.to].map(|text| escape_control_chars(text));
    format!("{at}  {by}  to {to}  serial {}", approval.serial)
}

fn fields(approval: &Approval) -> Value {
    json!({
        "by": approval.by, "at": approval.at, "to": approval.to, "serial": approval.serial,
        "release": approval.release,
    })
}

/// Returns a line for each approval of a flag.
pub(super) fn lines(flag: &InspectedFlag) -> Vec<String> {
    let line = |inspected: &InspectedApproval| {
        let result = match &inspected.signature {
            Ok(signature) => styled(GOOD, format!("valid, {}", signature.confirmation.as_str())),
            Err(reason) => styled(BAD, format!("invalid: {}", escape_control_chars(&reason.to_string()))),
        };
        format!("{}  {result}", line(&inspected.approval))
    };
    flag.approvals.iter().map(line).collect()
}

/// Returns the approvals of a flag as JSON.
pub(super) fn to_json(flag: &InspectedFlag) -> Value {
    let row = |inspected: &InspectedApproval| {
        let (mut row, signature) = (fields(&inspected.approval), inspected.signature.as_ref());
        row["valid"] = signature.is_ok().into();
        row["refusal"] = signature.err().map(ToString::to_string).into();
        row["fingerprint"] = signature.ok().map(|signature| signature.fingerprint.as_str()).into();
        row["confirm"] = signature.ok().map(|signature| signature.confirmation.as_str()).into();
        row
    };
    flag.approvals.iter().map(row).collect()
}
