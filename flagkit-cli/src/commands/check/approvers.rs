//! `check`: the list of approvers, and its change since a base.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flagkit_core::FlagKey;
use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::{Approver, Approvers};
use jiff::Timestamp;

use crate::approvals::{ApproverList, describe};
use crate::edit;
use crate::file::{self, ReadError};
use crate::findings::{Finding, Level};
use crate::gate::Gates;
use crate::project::Document;

/// A list that cannot approve what the gates require.
const APPROVERS: &str = "approvers";
/// A key that becomes invalid soon.
const EXPIRES: &str = "approver-expires";
/// A gate that requires more than the list does of each flag.
const FLOOR: &str = "approver-floor";
/// A list that differs from the one of the base.
pub(super) const CHANGED: &str = "approvers-changed";

/// How long before its end a key is reported.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The list of approvers as a build would compile it in: the list, none, or the reason why it cannot be used.
pub(super) type ListResult = Result<Option<ApproverList>, String>;

/// Reads the list of a flag file, and reports what is wrong with it.
pub(super) fn check_approvers(document: &Document, gates: &Gates, findings: &mut Vec<Finding>) -> ListResult {
    let path = ApproverList::path_beside(&document.path);
    let gates = signed_gates(document, gates);
    let error = |message: String| Finding::new(APPROVERS, Level::Error, &path, message);
    let bytes = match file::read(&path) {
        Ok(bytes) => bytes,
        Err(ReadError::Missing) => {
            findings.extend(gates.keys().map(|gate| missing(document, gate, &path)));
            return Ok(None);
        }
        Err(reason) => {
            findings.push(error(format!("cannot read the list: {reason}")));
            return Err(reason.to_string());
        }
    };
    match ApproverList::parse(&bytes) {
        Ok(approvers) => {
            let list = ApproverList { path, approvers };
            check_list(&list, &gates, findings);
            Ok(Some(list))
        }
        Err(reason) => {
            // The first line says what is wrong with the list, and each further one is about one of its lines.
            let (message, lines) = reason.split_once('\n').unwrap_or((&reason, ""));
            let lines: Vec<Finding> = lines.lines().map(|line| at_line(&path, message, line.trim())).collect();
            let is_about_lines = !lines.is_empty();
            findings.extend(lines);
            findings.extend((!is_about_lines).then(|| error(message.to_owned())));
            Err(message.to_owned())
        }
    }
}

/// Returns the finding for one line of a list that no program can use. `line` is `line 3: …`.
fn at_line(path: &Path, message: &str, line: &str) -> Finding {
    let numbered = line.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    let numbered = numbered.and_then(|(number, reason)| Some((number.parse::<usize>().ok()?, reason)));
    let (number, reason) = numbered.unwrap_or((0, line));
    let finding = Finding::new(APPROVERS, Level::Error, path, format!("{message}: {reason}"));
    if number == 0 { finding } else { finding.at(number, 1) }
}

/// Returns the gates of the declared flags that require signatures.
fn signed_gates(document: &Document, gates: &Gates) -> BTreeMap<String, ApprovalRequirement> {
    let of_flags = document.keys().map(FlagKey::as_str).filter_map(|key| gates.of(key));
    let requirements = of_flags.map(|(name, gate)| (name.to_owned(), gate.requirement()));
    requirements.filter(|(_, requirement)| requirement.confirmation > Confirmation::Terminal).collect()
}

fn missing(document: &Document, gate: &str, path: &Path) -> Finding {
    let message = format!("gate {gate} requires signatures, and there is no {}", path.display());
    let finding = Finding::new(APPROVERS, Level::Error, &document.path, message);
    let names = edit::names(document.format(), &document.text, "gate");
    let location = names.into_iter().find(|(name, _)| name == gate).map(|(_, location)| location);
    let finding = location.into_iter().fold(finding, |finding, at| finding.at(at.line, at.column));
    finding.with_help("write a line for each person: `NAME ssh-ed25519 AAAA…`, with the public key")
}

/// Checks the lines of a list, and whether the gates can be met.
fn check_list(list: &ApproverList, gates: &BTreeMap<String, ApprovalRequirement>, findings: &mut Vec<Finding>) {
    let now = SystemTime::now();
    for line in list.approvers.rejected() {
        let message = format!("the line is rejected: {}", line.reason());
        findings.push(Finding::new(APPROVERS, Level::Error, &list.path, message).at(line.line(), 1));
    }
    for entry in list.approvers.entries() {
        let Some(end) = entry.valid_before().filter(|end| *end >= now && *end < now + SOON) else { continue };
        let message = format!("the key of {} is valid until {}", names(entry), time(end));
        let help = "enrol the next key; approvals that were made until then stay valid";
        let finding = Finding::new(EXPIRES, Level::Warning, &list.path, message).at(entry.line(), 1);
        findings.push(finding.with_help(help));
    }
    let floor = list.approvers.floor();
    findings.extend(gates.iter().filter_map(|(name, gate)| above_floor(list, name, *gate)));
    let gates = gates.iter().map(|(name, gate)| (format!("gate {name}"), gate.strictest(floor)));
    for (who, required) in [("the list".to_owned(), floor)].into_iter().chain(gates) {
        let people = list.people(required.confirmation, now);
        if usize::try_from(required.humans).is_ok_and(|humans| people < humans) {
            let keys = if required.confirmation > Confirmation::Signed { "valid hardware keys" } else { "valid keys" };
            let has = if people == 1 { "person has" } else { "people have" };
            let needed = if required.humans == 1 { "person" } else { "people" };
            let message = format!("{who} requires {} {needed}, and {people} {has} {keys}", required.humans);
            findings.push(Finding::new(APPROVERS, Level::Error, &list.path, message));
        }
    }
}

/// Returns the warning for a gate that requires more than the floor of a list.
///
/// Programs read gates from the documents, and the floor from the list in the build. A party that writes a document can
/// leave the gate out, and sign for another one.
fn above_floor(list: &ApproverList, name: &str, gate: ApprovalRequirement) -> Option<Finding> {
    let floor = list.approvers.floor();
    let humans = (gate.humans > floor.humans).then(|| format!("`# flagkit: humans = {}`", gate.humans));
    let confirm = (gate.confirmation > floor.confirmation)
        .then(|| format!("`# flagkit: confirm = \"{}\"`", gate.confirmation.as_str()));
    let lines: Vec<String> = [humans, confirm].into_iter().flatten().collect();
    let line = if lines.len() > 1 { "lines" } else { "line" };
    let (required, floor) = (describe(gate), describe(floor));
    let message = format!(
        "gate {name} requires {required}, and the list requires {floor}: a program requires no more \
                           than the list does if a document leaves the gate out"
    );
    let help = format!("to require it of each flag, add the {line} {} to the list", lines.join(" and "));
    (!lines.is_empty()).then(|| Finding::new(FLOOR, Level::Warning, &list.path, message).with_help(help))
}

/// Returns the names of an approver, as the list has them.
fn names(entry: &Approver) -> String {
    entry.names().collect::<Vec<_>>().join(",")
}

/// Returns a time in UTC.
fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "the end of time".to_owned(), |time| time.to_string())
}

/// The list at the base.
pub(super) struct BaseList {
    /// The path of the list from the root of the repository.
    pub(super) path: PathBuf,
    /// The list, none, or the reason why it cannot be used.
    pub(super) approvers: Result<Option<Approvers>, String>,
}

/// The difference between the lists of the base and of the head.
struct ListChange {
    /// Approvers who are new, or have another key, other names or another validity.
    added: Vec<String>,
    removed: Vec<String>,
    /// What no longer holds for all flags.
    weaker: Vec<String>,
}

impl ListChange {
    fn between(base: &BaseList, head: &ListResult) -> Self {
        let mut change = Self { added: Vec::new(), removed: Vec::new(), weaker: Vec::new() };
        let (before, after) = (base.approvers.as_ref().ok().and_then(Option::as_ref), head.as_ref().ok());
        let after = after.and_then(Option::as_ref).map(|list| &list.approvers);
        let entries = |list: Option<&Approvers>| -> Vec<String> {
            list.map(|list| list.entries().iter().map(described).collect()).unwrap_or_default()
        };
        let [of_base, of_head] = [entries(before), entries(after)];
        change.added = of_head.iter().filter(|entry| !of_base.contains(entry)).cloned().collect();
        change.removed = of_base.iter().filter(|entry| !of_head.contains(entry)).cloned().collect();
        match (before, after) {
            (Some(before), Some(after)) => {
                let [was, is] = [before.floor(), after.floor()];
                if is.humans < was.humans || is.confirmation < was.confirmation {
                    let floors = [was, is].map(describe);
                    change.weaker.push(format!("the floor is {} instead of {}", floors[1], floors[0]));
                }
            }
            (Some(_), None) if head.is_ok() => change.weaker.push("the list was deleted".to_owned()),
            (Some(_), None) => change.weaker.push("the list cannot be used any more".to_owned()),
            (None, _) => {}
        }
        change
    }

    /// Whether the change could make an approval count that did not count by the list of the base.
    fn is_weaker(&self) -> bool {
        !self.added.is_empty() || !self.weaker.is_empty()
    }

    fn is_empty(&self) -> bool {
        !self.is_weaker() && self.removed.is_empty()
    }
}

impl std::fmt::Display for ListChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed =
            |what: &str, entries: &[String]| (!entries.is_empty()).then(|| format!("{what} {}", entries.join(", ")));
        let parts = [listed("added", &self.added), listed("removed", &self.removed)].into_iter().flatten();
        f.write_str(&parts.chain(self.weaker.iter().cloned()).collect::<Vec<_>>().join("; "))
    }
}

/// Describes all of an approver that decides what it can approve.
fn described(entry: &Approver) -> String {
    let after = entry.valid_after().map(|after| format!(", valid after {}", time(after))).unwrap_or_default();
    let before = entry.valid_before().map(|before| format!(", valid before {}", time(before))).unwrap_or_default();
    format!("{} ({} {}{after}{before})", names(entry), entry.key_type(), entry.fingerprint())
}

/// Reports a change of the list. The one that widens a flag too must not let more people approve.
pub(super) fn check_change(
    file: &Path,
    base_name: &str,
    base: &BaseList,
    head: &ListResult,
    widens: bool,
    findings: &mut Vec<Finding>,
) {
    let change = ListChange::between(base, head);
    if change.is_empty() {
        return;
    }
    let path = ApproverList::path_beside(file);
    let finding = if widens && change.is_weaker() {
        let message = format!("the list changed since {base_name}, in a change that also widens a flag: {change}");
        let help = "change the list and widen flags in separate changes: the list of the base decides";
        Finding::new(CHANGED, Level::Error, &path, message).with_help(help)
    } else {
        let message = format!("the list changed since {base_name}: {change}");
        let help = "compare the fingerprints with their owners, on another channel than this change";
        Finding::new(CHANGED, Level::Warning, &path, message).with_help(help)
    };
    findings.push(finding);
}
