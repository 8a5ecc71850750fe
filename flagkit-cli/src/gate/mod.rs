//! Gates and their checks: the requirements for widening a flag, parsed from the flag file.

mod confirmation;
mod references;
mod relaxation;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use flagkit_core::Percent;
use flagkit_core::source::{ApprovalRequirement, Confirmation, Location};
use flagkit_sources::document::tree::{Lines, nearest, parse};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::confirmation::{Confirm, Humans};
use self::references::unknown_gates;
use crate::edit;
use crate::journal::Entry;
use crate::project::{Document, digest};
use crate::report::{Detail, Exit, Failure, Result};
use crate::state::State;
use crate::tree::{self, BYTE_ORDER_MARK};

/// The gates, checks and defaults of a document.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Gates {
    #[serde(default)]
    gate: BTreeMap<String, Gate>,
    #[serde(default)]
    check: BTreeMap<String, Check>,
    #[serde(default)]
    defaults: Defaults,
    /// The unparsed flags, for `gate` and `allow`.
    #[serde(skip)]
    flags: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    gate: Option<String>,
}

/// The requirements for widening a flag.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// The names of the checks that must pass before and after the change.
    #[serde(default)]
    pub(crate) checks: Vec<String>,
    pub(crate) build: Option<Build>,
    /// The allowed steps up. Empty: any step.
    #[serde(default)]
    pub(crate) ramp: Vec<Step>,
    /// The minimum time before the next step up. The rollout does not advance on its own.
    #[serde(default)]
    pub(crate) soak: Time,
    /// The pages that a person reviews after the change.
    #[serde(default)]
    pub(crate) look: Vec<String>,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    /// The status addresses of all instances, for migrations. Empty: none can be observed, and a person vouches for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instances: Option<Vec<String>>,
    /// The fewest compared reads before a migration leaves a stage that compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compared: Option<u64>,
    /// The largest share of mismatches among the compared reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mismatched: Option<Step>,
    /// The longest time of a request or a job. A backfill begins at least that long after both sides are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drain: Option<Time>,
    /// How each person confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirm>,
    /// The number of different people who confirm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    humans: Option<Humans>,
    /// The longest time between a request or an approval and the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh: Option<Time>,
}

/// The release that the running system must report before a change.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) url: String,
    /// The release. `${NAME}` stands for an environment variable.
    pub(crate) expect: String,
    /// The number of consecutive good responses.
    #[serde(default = "one_response")]
    pub(crate) consecutive: u32,
    #[serde(default = "one_minute")]
    pub(crate) within: Time,
}

fn one_response() -> u32 {
    1
}

fn one_minute() -> Time {
    Time(Duration::from_secs(60))
}

/// The reaction to a failed check after the change.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFailure {
    #[default]
    Revert,
    Report,
}

/// A request to a running system, and the expected response.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) expect: Expected,
    /// Whether to follow redirects. Otherwise `expect` is about the first response, such as a redirect to a login page.
    #[serde(default)]
    pub(crate) follow_redirects: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    #[serde(default = "status_ok")]
    pub(crate) status: u16,
    #[serde(default, deserialize_with = "part")]
    pub(crate) contains: Option<String>,
    pub(crate) max_ms: Option<u64>,
}

fn status_ok() -> u16 {
    200
}

impl Default for Expected {
    fn default() -> Self {
        Self { status: status_ok(), contains: None, max_ms: None }
    }
}

/// A percentage of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(pub(crate) Percent);

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let error = |error| serde::de::Error::custom(format!("got {text:?}, expected a percentage: {error}"));
        text.parse().map(Self).map_err(error)
    }
}

impl Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A duration such as `10m`.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // A day is 24 hours here, also when clocks change.
        let parse = |text: &str| text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
        let parsed = value.as_str().and_then(parse).and_then(|time| Duration::try_from(time).ok());
        parsed.map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("got {value}, expected a duration such as \"10m\", \"1h\" or \"2d\""))
        })
    }
}

/// Deserializes a part of a response. An empty one would be in every response, so that the check could not fail.
fn part<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => {
            Err(serde::de::Error::custom("got an empty text, expected a part of the response"))
        }
        text => Ok(text),
    }
}

/// An error in a gate or a check, with its location.
#[derive(Clone, Debug)]
pub(crate) struct GateError {
    pub(crate) location: Option<Location>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl GateError {
    /// Returns the error as a detail of a failure about a file.
    pub(crate) fn detail(self, path: &Path) -> Detail {
        let (path, message) = (path.display(), self.message);
        let detail = Detail::new(match self.location {
            Some(location) => format!("{path}:{location}: {message}"),
            None => format!("{path}: {message}"),
        });
        self.help.into_iter().fold(detail, Detail::with_help)
    }
}

impl Gates {
    /// Parses the gates of a document. All errors become one failure.
    pub(crate) fn read(document: &Document) -> Result<Self> {
        Self::parse(document).map_err(|errors| {
            let lines = errors.into_iter().map(|error| error.detail(&document.path));
            let message = format!("{} has invalid gates", document.path.display());
            Failure::new(Exit::Findings, message).with_details(lines)
        })
    }

    /// Parses the gates of a document, and returns each error separately.
    pub(crate) fn parse(document: &Document) -> std::result::Result<Self, Vec<GateError>> {
        let text = document.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&document.text);
        let root = parse(document.format(), text)
            .map_err(|error| vec![GateError { location: None, message: error.to_string(), help: None }])?;
        let mut gates: Self = tree::deserialize(&root).map_err(|error| {
            let location = Some(Lines::new(text).location(error.offset()));
            vec![GateError { location, message: error.to_string(), help: None }]
        })?;
        let flags = root.as_table().and_then(|root| root.entry("flags"));
        let flags = flags.map(|flags| tree::to_json(&flags.node)).unwrap_or_default();
        if let Value::Object(flags) = flags {
            gates.flags = flags.into_iter().collect();
        }
        let errors = gates.errors(document);
        if errors.is_empty() { Ok(gates) } else { Err(errors) }
    }

    /// Checks the references between flags, gates and checks.
    fn errors(&self, document: &Document) -> Vec<GateError> {
        let mut errors = Vec::new();
        // Parsed at most once per table, and only for errors.
        let mut locations: BTreeMap<&str, BTreeMap<String, Location>> = BTreeMap::new();
        let mut report = |table: &'static str, name: &str, message: String, help: Option<String>| {
            let names = || edit::names(document.format(), &document.text, table).into_iter().rev().collect();
            let location = locations.entry(table).or_insert_with(names).get(name).copied();
            errors.push(GateError { location, message, help });
        };
        for (name, gate) in &self.gate {
            for check in gate.checks.iter().filter(|check| !self.check.contains_key(*check)) {
                let message = format!("gate.{name}.checks: got {check:?}, expected the name of a check");
                report("gate", name, message, Some(names_help(check, "check", self.check.keys())));
            }
            for url in gate.instances.iter().flatten().filter(|url| !is_web_address(url)) {
                let message = format!("gate.{name}.instances: got {url:?}, expected http://… or https://…");
                report("gate", name, message, None);
            }
            let requirement = gate.requirement();
            if requirement.humans > 1 && requirement.confirmation == Confirmation::Terminal {
                let humans = requirement.humans;
                let message =
                    format!("gate.{name}.humans: got {humans} with confirm = \"terminal\", expected signatures");
                let help = "one person can type a name twice; add `confirm = \"signed\"`".to_owned();
                report("gate", name, message, Some(help));
            }
            if gate.ramp.windows(2).any(|pair| pair[0] >= pair[1]) {
                report("gate", name, format!("gate.{name}.ramp: expected increasing steps"), None);
            }
        }
        let flags = self.flags.iter().map(|(key, flag)| (key.as_str(), flag));
        let default = self.defaults.gate.as_deref().map(Value::from);
        let known = self.gate.keys().cloned().collect();
        for unknown in unknown_gates(flags, default.as_ref(), &known) {
            report(unknown.table, unknown.entry, unknown.message, Some(unknown.help));
        }
        errors
    }

    /// Returns the name and the gate of a flag, if it has one.
    pub(crate) fn of(&self, key: &str) -> Option<(&str, &Gate)> {
        let own = self.flags.get(key).and_then(|flag| flag.get("gate")).and_then(Value::as_str);
        let (name, gate) = self.gate.get_key_value(own.or(self.defaults.gate.as_deref())?)?;
        Some((name, gate))
    }

    /// Returns the digest of all that a flag's gate requires, including its checks.
    ///
    /// An entry of the log has it, so that a `go` counts only for the gate that was in force.
    pub(crate) fn digest(&self, key: &str) -> String {
        let gate = self.of(key).map(|(_, gate)| (gate, self.checks(gate).collect::<Vec<_>>()));
        digest(serde_json::json!(gate).to_string().as_bytes())
    }

    /// Returns the requirements of the flag's gate that a logged `go` does not meet. `last` is the `go` before it.
    pub(crate) fn missing_requirements(&self, entry: &Entry, last: Option<&Entry>) -> Vec<String> {
        let Some((_, gate)) = self.of(&entry.flag) else { return Vec::new() };
        let mut missing = gate.missing_requirements(entry, last);
        if entry.gate.as_ref() != Some(&self.digest(&entry.flag)) {
            missing.push("the same gate".to_owned());
        }
        missing
    }

    /// Returns the checks of a gate, with their names.
    pub(crate) fn checks<'g>(&'g self, gate: &'g Gate) -> impl Iterator<Item = (&'g str, &'g Check)> {
        gate.checks.iter().filter_map(|name| Some((name.as_str(), self.check.get(name)?)))
    }

    /// Returns the reason with which the file allows a finding of a flag.
    pub(crate) fn allowed(&self, key: &str, finding: &str) -> Option<&str> {
        self.flags.get(key)?.get("allow")?.get(finding)?.as_str().filter(|reason| !reason.trim().is_empty())
    }
}

/// Returns advice about a name that no gate or check of the file has.
fn names_help<'n>(name: &str, what: &str, known: impl Iterator<Item = &'n String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the file has no {what}: add `[{what}.{name}]`"),
        None => format!("the {what}s of the file: {}", known.join(", ")),
    }
}

/// Whether this is the address of a page. A variable at its begin can have the scheme.
fn is_web_address(url: &str) -> bool {
    url.starts_with("${")
        || ["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

impl Gate {
    /// Returns the requirements of this gate that a logged `go` does not meet. `last` is the `go` before it.
    fn missing_requirements(&self, entry: &Entry, last: Option<&Entry>) -> Vec<String> {
        let mut missing = Vec::new();
        let [from, to] = [&entry.from, &entry.to].map(|state| state.parse::<State>().unwrap_or(State::Off));
        if !self.allows([from, to]) {
            missing.push(format!("a step of the ramp from {from}"));
        }
        let age = last.map(|last| entry.when.duration_since(last.when));
        if from != State::Off && age.is_some_and(|age| age < self.soak()) {
            missing.push(format!("a soak of {:#}", self.soak()));
        }
        for check in &self.checks {
            if !entry.checks.iter().any(|answer| answer.name == *check && answer.passed) {
                missing.push(format!("check {check}"));
            }
        }
        if self.build.is_some() && entry.release.is_none() {
            missing.push("a build check".to_owned());
        }
        let ApprovalRequirement { confirmation, humans } = self.requirement();
        if confirmation != Confirmation::Terminal && entry.approved.len() < humans as usize {
            missing.push(if humans == 1 { "a signature".to_owned() } else { format!("signatures of {humans} people") });
        }
        missing
    }

    /// Whether the gate limits the steps, by a ramp or by a soak.
    pub(crate) fn has_steps(&self) -> bool {
        !self.ramp.is_empty() || !self.soak.0.is_zero()
    }

    /// Whether the ramp allows this step. 0%, for the subjects that a rule includes, is below the first step.
    pub(crate) fn allows(&self, [from, to]: [State; 2]) -> bool {
        self.ramp.is_empty()
            || to == State::At(Percent::ZERO)
            || to <= from
            || to.percent() == self.next(from.percent())
    }

    /// Returns the fewest compared reads before a migration leaves a stage that compares.
    pub(crate) fn fewest_compared(&self) -> u64 {
        self.compared.unwrap_or(1000)
    }

    /// Returns the largest share of mismatches among the compared reads.
    pub(crate) fn most_mismatched(&self) -> Percent {
        self.mismatched.map_or(Percent::ZERO, |share| share.0)
    }

    /// Returns how long requests from before both sides were written may last.
    pub(crate) fn drain(&self) -> SignedDuration {
        SignedDuration::try_from(self.drain.unwrap_or_else(one_minute).0).unwrap_or(SignedDuration::MAX)
    }

    /// Returns how people confirm a change, and how many.
    pub(crate) fn requirement(&self) -> ApprovalRequirement {
        let default = ApprovalRequirement::default();
        ApprovalRequirement {
            confirmation: self.confirm.map_or(default.confirmation, |confirm| confirm.0),
            humans: self.humans.map_or(default.humans, |humans| humans.0),
        }
    }

    /// Returns the age at which a request or an approval becomes too old.
    pub(crate) fn fresh(&self) -> SignedDuration {
        let day = Time(Duration::from_secs(24 * 60 * 60));
        SignedDuration::try_from(self.fresh.unwrap_or(day).0).unwrap_or(SignedDuration::MAX)
    }

    pub(crate) fn soak(&self) -> SignedDuration {
        SignedDuration::try_from(self.soak.0).unwrap_or(SignedDuration::MAX)
    }

    /// Returns the next step up.
    pub(crate) fn next(&self, from: Percent) -> Percent {
        self.ramp.iter().map(|step| step.0).find(|step| *step > from).unwrap_or(Percent::HUNDRED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the gates of a document with one migration, which has this gate.
    pub(super) fn gates(gate: &str) -> Gates {
        let text = format!("[flags.m]\nkind = \"migration\"\ngate = \"g\"\n[gate.g]\n{gate}\n");
        let document = Document::parse_or_fail(Path::new("flags.toml"), text.into_bytes()).expect("a document");
        Gates::read(&document).expect("gates")
    }

    #[track_caller]
    fn error(gate: &str) -> String {
        let text = format!("[flags.m]\ngate = \"g\"\n[gate.g]\n{gate}\n");
        let document = Document::parse_or_fail(Path::new("flags.toml"), text.into_bytes()).expect("a document");
        Gates::read(&document).expect_err("an error").to_string()
    }

    #[test]
    fn a_confirmation_that_proves_nothing_is_an_error() {
        let message = error("humans = 2");
        let start = "flags.toml has invalid gates\n  flags.toml:3:7: gate.g.humans: got 2 with confirm = \"terminal\"";
        assert!(message.starts_with(start), "{message}");
        assert!(message.contains("help: one person can type a name twice; add `confirm = \"signed\"`"), "{message}");
        for (gate, expected) in [
            (
                "confirm = \"sign\"",
                "4:11: got \"sign\", expected one of \"terminal\", \"signed\", \"touch\", \"touch+pin\"",
            ),
            ("confirm = true", "4:11: got true, expected one of"),
            ("humans = 0", "4:10: got 0, expected a number of people from 1 to 10"),
            ("humans = 11", "got 11, expected a number of people from 1 to 10"),
            ("humans = \"2\"", "got \"2\", expected a number of people"),
            ("fresh = 1", "4:9: got 1, expected a duration"),
        ] {
            let message = error(gate);
            assert!(message.contains(expected), "{gate}: {message}");
        }
        let requirement = gates("confirm = \"touch+pin\"\nhumans = 3").of("m").expect("a gate").1.requirement();
        assert_eq!((requirement.confirmation, requirement.humans), (Confirmation::TouchAndPin, 3));
    }

    #[test]
    fn the_digest_of_a_gate_includes_the_evidence_and_stays_the_same_without_it() {
        let digest = |gate: &str| gates(gate).digest("m");
        let instances = ["instances = []", "instances = [\"http://a/\"]"];
        let confirmation = ["confirm = \"signed\"", "confirm = \"touch\"", "humans = 1", "fresh = \"1h\""];
        let evidence = ["compared = 1", "mismatched = \"1%\"", "drain = \"1m\""];
        for other in instances.into_iter().chain(evidence).chain(confirmation) {
            assert_ne!(digest(other), digest(""), "{other}");
        }
        // Logs of older versions have the digest of this text.
        let gate = serde_json::json!(gates("ramp = [10]").of("m").expect("a gate").1);
        let soak = r#"{"nanos":0,"secs":0}"#;
        let text =
            format!(r#"{{"build":null,"checks":[],"look":[],"on_failure":"revert","ramp":["10%"],"soak":{soak}}}"#);
        assert_eq!(gate.to_string(), text);
    }
}
