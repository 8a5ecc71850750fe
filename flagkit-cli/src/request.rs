//! A pending request: a planned release of one flag, and the approvals that it has so far.
//!
//! A request is a file of its own, `.flagkit/requests/ENV/NAME.toml`, so that several people can approve it one after
//! the other. It changes no flag. It holds every field of the statement that people sign, and it is void as soon as one
//! of them differs from the planned release.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use flagkit_core::source::{Approval, ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::Statement;
use flagkit_sources::document::Format;
use flagkit_sources::document::tree::{Lines, parse};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::command_line::CommandLine;
use crate::environment::environment_name;
use crate::file::{self, ReadError};
use crate::report::{Exit, Failure, Result};
use crate::serial;
use crate::tree;
use crate::write::{create, remove_stale, state_folder};

/// A planned release that waits for people.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) env: String,
    pub(crate) flag: String,
    /// The state before the release.
    pub(crate) from: String,
    /// The state to approve.
    pub(crate) to: String,
    /// The digest of the definition before the release.
    before: String,
    /// The digest of the definition after it.
    pub(crate) after: String,
    /// The digest of all flag files before the release.
    files: String,
    pub(crate) serial: u64,
    gate: String,
    confirm: String,
    humans: u32,
    /// The user who wrote the request, and when it was written last.
    pub(crate) requested_by: String,
    requested_at: Timestamp,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default, rename = "approval")]
    pub(crate) approvals: Vec<SignedApproval>,
}

/// The approval of one person in a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedApproval {
    pub(crate) by: String,
    pub(crate) at: String,
    #[serde(default)]
    pub(crate) release: Option<String>,
    #[serde(default)]
    pub(crate) checks: Option<String>,
    pub(crate) signature: String,
}

/// The planned release of a new request.
pub(crate) struct Plan {
    pub(crate) env: String,
    pub(crate) flag: String,
    pub(crate) states: [String; 2],
    pub(crate) definitions: [String; 2],
    pub(crate) files: String,
    pub(crate) gate: String,
    pub(crate) requirement: ApprovalRequirement,
}

impl Request {
    /// Creates the request of a plan, without an approval.
    pub(crate) fn new(plan: Plan, serial: u64, requested_by: String, reason: Option<String>) -> Self {
        let Plan { env, flag, states: [from, to], definitions: [before, after], files, gate, requirement } = plan;
        let (confirm, humans) = (requirement.confirmation.as_str().to_owned(), requirement.humans);
        let requested_at = now();
        let approvals = Vec::new();
        Self {
            env,
            flag,
            from,
            to,
            before,
            after,
            files,
            serial,
            gate,
            confirm,
            humans,
            requested_by,
            requested_at,
            reason,
            approvals,
        }
    }

    /// Returns the path of the request of a flag in an environment.
    pub(crate) fn path(file: &Path, env: Option<&str>, flag: &str) -> PathBuf {
        state_folder(file).join("requests").join(environment_name(env)).join(format!("{flag}.toml"))
    }

    /// Reads the pending request of a flag in an environment, if there is one.
    pub(crate) fn read(file: &Path, env: Option<&str>, flag: &str) -> Result<Option<Self>> {
        let path = Self::path(file, env, flag);
        let shown = path.display();
        let invalid = |message: String| {
            let no = CommandLine::new(file, env, &["no", flag, "--reason", "TEXT"]);
            let remove = format!("`{no}` removes the request; then request the release again");
            Failure::new(Exit::Conflict, format!("{shown}{message}")).with_help(remove)
        };
        let bytes = match file::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => return Ok(None),
            Err(ReadError::Io(error)) => return Err(Failure::io(format!("{shown}: {error}"))),
            Err(error) => return Err(invalid(format!(": {error}"))),
        };
        let text = String::from_utf8(bytes).map_err(|_| invalid(": not UTF-8".to_owned()))?;
        let root = parse(Format::Toml, &text).map_err(|error| invalid(format!(": {error}")))?;
        let request: Self = tree::deserialize(&root)
            .map_err(|error| invalid(format!(":{}: {error}", Lines::new(&text).location(error.offset()))))?;
        if (request.env.as_str(), request.flag.as_str()) != (environment_name(env), flag) {
            let (own, of) = (&request.env, &request.flag);
            return Err(invalid(format!(": got the request of {of:?} in {own:?}, expected that of {flag:?}")));
        }
        if request.requirement().is_none() {
            return Err(invalid(format!(": confirm: got {:?}, expected signed, touch or touch+pin", request.confirm)));
        }
        let greatest = serial::greatest();
        if request.serial > greatest {
            // People would sign it, and no later release could have a greater one.
            return Err(invalid(format!(": serial: got {}, expected at most {greatest}", request.serial)));
        }
        Ok(Some(request))
    }

    /// Writes the request, or replaces the one before it.
    pub(crate) fn write(&self, file: &Path, env: Option<&str>) -> Result<PathBuf> {
        let path = Self::path(file, env, &self.flag);
        let failed = |error| Failure::io(format!("cannot write {}: {error}", path.display()));
        let folder = file::parent_dir(&path);
        fs::create_dir_all(&folder).map_err(failed)?;
        remove_stale(&folder);
        create(&path, &self.to_text()).map_err(failed)?;
        Ok(path)
    }

    /// Removes the request. Returns whether there was one.
    pub(crate) fn remove(file: &Path, env: Option<&str>, flag: &str) -> Result<bool> {
        let path = Self::path(file, env, flag);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::io(format!("cannot remove {}: {error}", path.display()))),
        }
    }

    /// Returns what the gate requires of each person. `None`: the request has an unknown word.
    fn requirement(&self) -> Option<ApprovalRequirement> {
        let confirmation = Confirmation::ALL.into_iter().find(|own| own.as_str() == self.confirm)?;
        Some(ApprovalRequirement { confirmation, humans: self.humans })
    }

    /// Returns what differs between this request and a new one for the same flag. `None`: it is still valid.
    pub(crate) fn difference(&self, new: &Self) -> Option<&'static str> {
        let parts = [
            ("the definition of the flag", [&self.after, &new.after], self.to == new.to),
            ("the state of the flag", [&self.before, &new.before], true),
            ("the gate", [&self.gate, &new.gate], true),
            ("the requirement of the gate", [&self.confirm, &new.confirm], true),
            ("a flag file", [&self.files, &new.files], true),
        ];
        let changed = parts.into_iter().find(|(_, [own, new], is_compared)| *is_compared && own != new);
        let changed = changed.map(|(what, ..)| what);
        changed.or_else(|| (self.humans != new.humans).then_some("the requirement of the gate"))
    }

    /// Returns whether this request and a new one are for the same release.
    pub(crate) fn is_same_release(&self, new: &Self) -> bool {
        self.to == new.to && self.difference(new).is_none()
    }

    /// Returns how long ago the request was written.
    pub(crate) fn age(&self) -> SignedDuration {
        now().duration_since(self.requested_at)
    }

    /// Returns this request with the time of a newer one, and without the approvals that are older than `fresh`.
    pub(crate) fn refreshed(mut self, new: &Self, fresh: SignedDuration) -> Self {
        self.approvals.retain(|approval| approval.is_fresh(fresh));
        self.requested_at = new.requested_at;
        self.requested_by.clone_from(&new.requested_by);
        self.reason = new.reason.clone().or(self.reason);
        self
    }

    /// Returns the statement of an approval.
    pub(crate) fn statement(&self, approval: &SignedApproval) -> Statement {
        Statement::of(&self.env, &self.flag, &self.after, &self.approval(approval))
    }

    /// Returns an approval as the flag file holds it.
    pub(crate) fn approval(&self, approval: &SignedApproval) -> Approval {
        let SignedApproval { by, at, release, checks, signature } = approval;
        Approval {
            by: by.as_str().into(),
            at: at.as_str().into(),
            to: self.to.as_str().into(),
            serial: self.serial,
            before: self.before.as_str().into(),
            release: release.as_deref().map(Into::into),
            checks: checks.as_deref().map(Into::into),
            gate: self.gate.as_str().into(),
            requirement: self.requirement().unwrap_or_default(),
            signature: signature.as_str().into(),
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::from("# A request to release a flag. No flag changes before people approve it.\n");
        let fields = [
            ("env", quoted(&self.env)),
            ("flag", quoted(&self.flag)),
            ("from", quoted(&self.from)),
            ("to", quoted(&self.to)),
            ("before", quoted(&self.before)),
            ("after", quoted(&self.after)),
            ("files", quoted(&self.files)),
            ("serial", self.serial.to_string()),
            ("gate", quoted(&self.gate)),
            ("confirm", quoted(&self.confirm)),
            ("humans", self.humans.to_string()),
            ("requested_by", quoted(&self.requested_by)),
            ("requested_at", self.requested_at.to_string()),
        ];
        push_fields(&mut text, fields);
        push_fields(&mut text, self.reason.iter().map(|reason| ("reason", quoted(reason))));
        for SignedApproval { by, at, release, checks, signature } in &self.approvals {
            text += "\n[[approval]]\n";
            push_fields(&mut text, [("by", quoted(by)), ("at", quoted(at))]);
            push_fields(&mut text, release.iter().map(|release| ("release", quoted(release))));
            push_fields(&mut text, checks.iter().map(|checks| ("checks", quoted(checks))));
            push_fields(&mut text, [("signature", quoted(signature))]);
        }
        text
    }
}

impl SignedApproval {
    /// Returns whether the approval is not older than this.
    pub(crate) fn is_fresh(&self, fresh: SignedDuration) -> bool {
        self.at.parse::<Timestamp>().is_ok_and(|at| now().duration_since(at) <= fresh)
    }
}

fn push_fields<'n>(text: &mut String, fields: impl IntoIterator<Item = (&'n str, String)>) {
    for (name, value) in fields {
        let _ = writeln!(text, "{name} = {value}");
    }
}

/// Returns a text in the form of TOML: a JSON string, except for a character that only JSON allows.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Returns the time in whole seconds, as statements have it.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let plan = Plan {
            env: "prod".to_owned(),
            flag: "pay".to_owned(),
            states: ["off", "10%"].map(str::to_owned),
            definitions: ["sha256:1", "sha256:2"].map(str::to_owned),
            files: "sha256:3".to_owned(),
            gate: "sha256:4".to_owned(),
            requirement: ApprovalRequirement::default(),
        };
        let mut request = Request::new(plan, 7, "ci \"1\" \u{7f}".to_owned(), Some("why\n[x]".to_owned()));
        request.approvals.push(SignedApproval {
            by: "alice".to_owned(),
            at: now().to_string(),
            release: None,
            checks: Some("sha256:5".to_owned()),
            signature: "-----BEGIN\nabc\n".to_owned(),
        });
        request
    }

    #[test]
    fn a_request_is_read_back_as_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("flags.toml");
        let request = request();
        request.write(&file, Some("prod")).expect("written");
        assert_eq!(Request::read(&file, Some("prod"), "pay").expect("valid"), Some(request.clone()));
        assert_eq!(Request::read(&file, None, "pay").expect("valid"), None);
        let folder = folder.path().join(".flagkit/requests");
        fs::rename(folder.join("prod"), folder.join("default")).expect("renamed");
        let failure = Request::read(&file, None, "pay").expect_err("of another environment");
        assert!(failure.to_string().contains("got the request of \"pay\" in \"prod\""), "{failure}");
        assert!(Request::remove(&file, None, "pay").expect("removed"));
        assert!(!Request::remove(&file, None, "pay").expect("no request"));
    }

    #[test]
    fn any_other_content_voids_a_request() {
        let (old, new) = (request(), request());
        assert_eq!(old.difference(&Request { serial: 9, approvals: Vec::new(), ..new.clone() }), None);
        let other = || "sha256:9".to_owned();
        for (new, what) in [
            (Request { after: other(), ..new.clone() }, "the definition of the flag"),
            (Request { before: other(), ..new.clone() }, "the state of the flag"),
            (Request { gate: other(), ..new.clone() }, "the gate"),
            (Request { confirm: "touch".to_owned(), ..new.clone() }, "the requirement of the gate"),
            (Request { humans: 2, ..new.clone() }, "the requirement of the gate"),
            (Request { files: other(), ..new }, "a flag file"),
        ] {
            assert_eq!(old.difference(&new), Some(what));
        }
    }
}
