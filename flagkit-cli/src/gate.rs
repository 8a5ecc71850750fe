//! What must be so before more people see a flag: gates and their checks, as the file says.

use std::collections::BTreeMap;
use std::time::Duration;

use flagkit_core::Percent;
use flagkit_core::source::Location;
use flagkit_sources::document::Format;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;
use toml::de::DeTable;

use crate::edit;
use crate::journal::Entry;
use crate::project::Document;
use crate::raw;
use crate::report::{Exit, Failure, Result};
use crate::state::State;

/// All that a document says of releasing.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Gates {
    #[serde(default)]
    gate: BTreeMap<String, Gate>,
    #[serde(default)]
    check: BTreeMap<String, Check>,
    #[serde(default)]
    defaults: Defaults,
    /// As they are written.
    #[serde(skip)]
    flags: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    gate: Option<String>,
}

/// A gate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// Names of checks that must pass before, and again after.
    #[serde(default)]
    pub(crate) checks: Vec<String>,
    pub(crate) build: Option<Build>,
    /// The steps that are allowed upwards; none: any.
    #[serde(default)]
    pub(crate) ramp: Vec<Step>,
    /// How long a step lasts before the next one up may come. It is a not-before: nothing happens by itself.
    #[serde(default)]
    pub(crate) soak: Time,
    /// Where the human looks once more.
    #[serde(default)]
    pub(crate) look: Vec<String>,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// What the running system must answer before anything else.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) url: String,
    /// With `${NAME}` for environment variables.
    pub(crate) expect: String,
    /// How many times running.
    #[serde(default = "once")]
    pub(crate) consecutive: u32,
    #[serde(default = "soon")]
    pub(crate) within: Time,
}

fn once() -> u32 {
    1
}

fn soon() -> Time {
    Time(Duration::from_secs(60))
}

/// What to do when a check fails after the change.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFailure {
    #[default]
    Revert,
    Report,
}

/// What a gate asks of a running system.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) expect: Expected,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    #[serde(default = "ok")]
    pub(crate) status: u16,
    pub(crate) contains: Option<String>,
    pub(crate) max_ms: Option<u64>,
}

fn ok() -> u16 {
    200
}

impl Default for Expected {
    fn default() -> Self {
        Self { status: ok(), contains: None, max_ms: None }
    }
}

/// A percentage of a ramp, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(pub(crate) Percent);

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let error = |error| serde::de::Error::custom(format!("{text:?} is {error}; a step is a percentage"));
        text.parse().map(Self).map_err(error)
    }
}

/// A length of time such as `10m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
        parsed
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no length of time such as \"10m\"")))
    }
}

/// What makes no sense, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct GateFault {
    pub(crate) location: Option<Location>,
    pub(crate) message: String,
}

impl Gates {
    /// Reads what a document says.
    pub(crate) fn read(document: &Document) -> Result<Self> {
        Self::parse(document).map_err(|faults| {
            let path = document.path.display();
            let lines = faults.into_iter().map(|GateFault { location, message }| match location {
                Some(location) => format!("{path}:{location}: {message}"),
                None => format!("{path}: {message}"),
            });
            Failure::new(Exit::Findings, format!("{path}: its gates make no sense")).with_details(lines)
        })
    }

    /// The same, with the faults one by one.
    pub(crate) fn parse(document: &Document) -> std::result::Result<Self, Vec<GateFault>> {
        let of_toml = |error: toml::de::Error| {
            let location = error.span().map(|span| {
                let before = document.text.get(..span.start).unwrap_or_default();
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                Location { line: before.matches('\n').count() + 1, column }
            });
            vec![GateFault { location, message: error.message().to_owned() }]
        };
        let (mut gates, flags): (Self, Value) = if document.format() == Format::Json {
            let gates = serde_json::from_str(&document.text).map_err(|error| {
                let location = Location { line: error.line(), column: error.column() };
                vec![GateFault { location: Some(location), message: error.to_string() }]
            })?;
            let mut whole = raw::raw(Format::Json, &document.text);
            (gates, whole.get_mut("flags").map(Value::take).unwrap_or_default())
        } else {
            let mut table = DeTable::parse(&document.text).map_err(of_toml)?;
            // Of these a program reads numbers that nothing here has room for.
            let [flags, _] = ["flags", "segments"].map(|name| table.get_mut().remove(name));
            let gates = Self::deserialize(toml::Deserializer::from(table)).map_err(of_toml)?;
            (gates, flags.map(|flags| raw::of_toml(flags.get_ref())).unwrap_or_default())
        };
        if let Value::Object(flags) = flags {
            gates.flags = flags.into_iter().collect();
        }
        let faults = gates.faults(document);
        if faults.is_empty() { Ok(gates) } else { Err(faults) }
    }

    fn faults(&self, document: &Document) -> Vec<GateFault> {
        let mut faults = Vec::new();
        // Read once, and only if there is something to tell.
        let mut places: BTreeMap<&str, BTreeMap<String, Location>> = BTreeMap::new();
        let mut tell = |table: &'static str, name: &str, message: String| {
            let names = || edit::names(document.format(), &document.text, table).into_iter().rev().collect();
            let location = places.entry(table).or_insert_with(names).get(name).copied();
            faults.push(GateFault { location, message });
        };
        for (name, gate) in &self.gate {
            for check in gate.checks.iter().filter(|check| !self.check.contains_key(*check)) {
                tell("gate", name, format!("gate.{name}.checks: there is no check {check:?}"));
            }
            if gate.ramp.windows(2).any(|pair| pair[0] >= pair[1]) {
                tell("gate", name, format!("gate.{name}.ramp: steps that do not go up"));
            }
        }
        let named = self.flags.iter().filter_map(|(key, flag)| Some((key.as_str(), flag.get("gate")?)));
        for (key, gate) in named {
            match gate.as_str() {
                Some(name) if self.gate.contains_key(name) => {}
                Some(name) => tell("flags", key, format!("flags.{key}.gate: there is no gate {name:?}")),
                None => tell("flags", key, format!("flags.{key}.gate: got {gate}, expected the name of a gate")),
            }
        }
        if let Some(name) = self.defaults.gate.as_ref().filter(|name| !self.gate.contains_key(*name)) {
            tell("defaults", "gate", format!("defaults.gate: there is no gate {name:?}"));
        }
        faults
    }

    /// The gate of a flag, by its name, if it has one.
    pub(crate) fn of(&self, key: &str) -> Option<(&str, &Gate)> {
        let own = self.flags.get(key).and_then(|flag| flag.get("gate")).and_then(Value::as_str);
        let (name, gate) = self.gate.get_key_value(own.or(self.defaults.gate.as_deref())?)?;
        Some((name, gate))
    }

    /// The checks of a gate, by name.
    pub(crate) fn checks<'g>(&'g self, gate: &'g Gate) -> impl Iterator<Item = (&'g str, &'g Check)> {
        gate.checks.iter().filter_map(|name| Some((name.as_str(), self.check.get(name)?)))
    }

    /// Why a finding of a flag is meant to be, if the file says so.
    pub(crate) fn allowed(&self, key: &str, finding: &str) -> Option<&str> {
        self.flags.get(key)?.get("allow")?.get(finding)?.as_str().filter(|reason| !reason.trim().is_empty())
    }

    /// What is less strict here than it was before, a line each.
    pub(crate) fn weaker_than(&self, before: &Self) -> Vec<String> {
        let mut weaker = Vec::new();
        for key in self.flags.keys().filter(|key| before.flags.contains_key(*key)) {
            match (before.of(key), self.of(key)) {
                (Some((name, _)), None) => weaker.push(format!("{key} has no gate any more; it had {name}")),
                (Some((old, _)), Some((new, _))) if old != new => {
                    weaker.push(format!("{key} has gate {new} in place of {old}"));
                }
                _ => {}
            }
        }
        for (name, old) in &before.gate {
            let Some(new) = self.gate.get(name) else {
                weaker.push(format!("gate {name} is gone"));
                continue;
            };
            let mut less = |is_less: bool, what: &str| {
                if is_less {
                    weaker.push(format!("gate {name}: {what}"));
                }
            };
            less(old.checks.iter().any(|check| !new.checks.contains(check)), "fewer checks");
            less(old.build.is_some() && new.build != old.build, "another build is asked for, or none");
            let has_more_steps = new.ramp.is_empty() || new.ramp.iter().any(|step| !old.ramp.contains(step));
            less(
                !old.ramp.is_empty() && new.ramp != old.ramp && (has_more_steps || skips(&old.ramp, &new.ramp)),
                "another ramp",
            );
            less(new.soak < old.soak, "a shorter soak");
            less(old.look.iter().any(|look| !new.look.contains(look)), "fewer places to look at");
            less(
                old.on_failure == OnFailure::Revert && new.on_failure == OnFailure::Report,
                "a failure is only reported",
            );
        }
        for (name, old) in &before.check {
            if self.check.get(name).is_some_and(|new| new != old) {
                weaker.push(format!("check {name} asks for something else"));
            }
        }
        weaker
    }
}

/// Whether the new ramp leaves out a step that the old one asks for.
fn skips(old: &[Step], new: &[Step]) -> bool {
    old.iter().any(|step| !new.contains(step))
}

impl Gate {
    /// What this gate asks for and a `go` that is on record, after another one, did not show.
    pub(crate) fn lacks(&self, entry: &Entry, last: Option<&Entry>) -> Vec<String> {
        let mut lacks = Vec::new();
        let [from, to] = [&entry.from, &entry.to].map(|state| state.parse::<State>().unwrap_or(State::Off));
        if !self.allows([from, to]) {
            lacks.push(format!("a step of the ramp from {from}"));
        }
        let age = last.map(|last| entry.when.duration_since(last.when));
        if from != State::Off && age.is_some_and(|age| age < self.soak()) {
            lacks.push(format!("a soak of {:#}", self.soak()));
        }
        for check in &self.checks {
            if !entry.checks.iter().any(|answer| answer.name == *check && answer.passed) {
                lacks.push(format!("check {check}"));
            }
        }
        if self.build.is_some() && entry.release.is_none() {
            lacks.push("a release that serves".to_owned());
        }
        lacks
    }

    /// Whether the ramp has this step. To those alone whom a rule lets in is less than the first.
    pub(crate) fn allows(&self, [from, to]: [State; 2]) -> bool {
        self.ramp.is_empty()
            || to == State::At(Percent::ZERO)
            || to <= from
            || to.percent() == self.next(from.percent())
    }

    pub(crate) fn soak(&self) -> SignedDuration {
        SignedDuration::try_from(self.soak.0).unwrap_or(SignedDuration::MAX)
    }

    /// The next step up from here.
    pub(crate) fn next(&self, from: Percent) -> Percent {
        self.ramp.iter().map(|step| step.0).find(|step| *step > from).unwrap_or(Percent::HUNDRED)
    }
}
