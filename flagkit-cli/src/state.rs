//! The state of a flag without its rules: off, or on for a percentage of the subjects that no rule matches.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use flagkit_core::source::Rule;
use flagkit_core::{Flag, Percent};

use crate::progress::Progress;

/// How far a flag is released. `Off` is less than `At(0%)`, which still serves the subjects that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The switch is off.
    Off,
    /// The switch is on, with this rollout.
    At(Percent),
}

impl State {
    pub(crate) const ON: Self = Self::At(Percent::HUNDRED);

    /// Returns the state of a flag. An undeclared or invalid flag is off, and so is a migration, which has a [`Progress`].
    pub(crate) fn of(flag: Option<&Flag>) -> Self {
        match flag {
            Some(flag) if flag.is_enabled() => Self::At(flag.rollout()),
            _ => Self::Off,
        }
    }

    /// Returns the state for a percentage. For a flag with rules, 0 keeps the rules on; without rules, 0 is off.
    pub(crate) fn from_percent(percent: Percent, flag: Option<&Flag>) -> Self {
        if percent == Percent::ZERO && !has_rules(flag) { Self::Off } else { Self::At(percent) }
    }

    /// Returns the rollout, or 0 if the flag is off.
    pub(crate) fn percent(self) -> Percent {
        match self {
            Self::Off => Percent::ZERO,
            Self::At(percent) => percent,
        }
    }

    /// Returns the rollout in the form of `--to`, without the percent sign.
    pub(crate) fn number(self) -> String {
        self.percent().to_string().trim_end_matches('%').to_owned()
    }
}

/// Returns whether the flag has rules, which can serve subjects outside the rollout.
pub(crate) fn has_rules(flag: Option<&Flag>) -> bool {
    flag.is_some_and(|flag| !flag.rules().is_empty())
}

/// Says who sees an enabled flag through its rules, with a verb for one and a verb for many.
///
/// A rule without ids, segments and conditions matches every subject, so the rollout of the flag applies to no one.
pub(crate) fn rule_audience(flag: Option<&Flag>, [sees, see]: [&str; 2]) -> String {
    let rules = flag.map(Flag::rules).unwrap_or_default();
    if rules.iter().all(|rule| rule.rollout() == Percent::ZERO) {
        return format!("no one {sees}");
    }
    let Some(index) = unconditional_rule(flag) else {
        return format!("only subjects that a rule includes {see}");
    };
    let (earlier, rest) = rules.split_at(index);
    let is_all = earlier.iter().all(|rule| rule.rollout() == Percent::HUNDRED);
    let by = format!("by rule {index}, which matches every subject");
    match rest.first().map(Rule::rollout) {
        Some(percent) if percent != Percent::HUNDRED => format!("{percent} of all subjects {see}, {by}"),
        _ if is_all => format!("everyone {sees}, {by}"),
        _ => format!("everyone that no earlier rule excludes {sees}, {by}"),
    }
}

/// Returns the index of the first rule that matches every subject.
pub(crate) fn unconditional_rule(flag: Option<&Flag>) -> Option<usize> {
    flag?.rules().iter().position(Rule::is_unconditional)
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Off => f.write_str("off"),
            Self::ON => f.write_str("on"),
            Self::At(percent) => write!(f, "{percent}"),
        }
    }
}

impl FromStr for State {
    type Err = flagkit_core::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::ON),
            text => text.parse().map(Self::At),
        }
    }
}

/// Returns the state of a flag as the log has it: a switch, a percentage, or the progress of a migration.
pub(crate) fn logged(flag: Option<&Flag>) -> String {
    Progress::of(flag).map_or_else(|| State::of(flag).to_string(), |progress| progress.to_string())
}

/// Summarizes a flag: its state, and its numbers of rules and variants. For a migration, this is its progress.
pub(crate) fn summary(flag: Option<&Flag>) -> String {
    let Some(flag) = flag else { return "-".to_owned() };
    if let Some(progress) = Progress::of(Some(flag)) {
        return progress.describe(flag.partition());
    }
    let state = State::of(Some(flag));
    if state == State::Off {
        return "off".to_owned();
    }
    let rules = match flag.rules().len() {
        0 => String::new(),
        1 => "1 rule".to_owned(),
        rules => format!("{rules} rules"),
    };
    let mut summary = match (state.percent(), rules.as_str()) {
        (_, "") => state.to_string(),
        // Only the rules serve subjects.
        (Percent::ZERO, rules) => rules.to_owned(),
        (_, rules) => format!("{state} + {rules}"),
    };
    if let Some(variants) = flag.variants() {
        let _ = write!(summary, ", {} variants", variants.iter().count());
    }
    summary
}
