//! The state of a flag, apart from its rules: switched off, or on for a part of those for whom no rule decides.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use flagkit_core::{Flag, Percent};

/// How far a flag is let be seen. Off is less than on for nobody but those whom a rule lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The switch is off.
    Off,
    /// The switch is on, and the rollout at so much.
    At(Percent),
}

impl State {
    pub(crate) const ON: Self = Self::At(Percent::HUNDRED);

    /// The state of a flag in force; of one that is not declared or refused it is off.
    pub(crate) fn of(flag: Option<&Flag>) -> Self {
        match flag {
            Some(flag) if flag.is_enabled() => Self::At(flag.rollout()),
            _ => Self::Off,
        }
    }

    /// The state that is meant by a percentage: 0 leaves those in whom a rule lets in and, without rules, is off.
    pub(crate) fn meant(percent: Percent, flag: Option<&Flag>) -> Self {
        if percent == Percent::ZERO && !has_rules(flag) { Self::Off } else { Self::At(percent) }
    }

    /// The rollout; of what is off, 0.
    pub(crate) fn percent(self) -> Percent {
        match self {
            Self::Off => Percent::ZERO,
            Self::At(percent) => percent,
        }
    }

    /// The rollout as `--to` takes it: without a sign.
    pub(crate) fn number(self) -> String {
        self.percent().to_string().trim_end_matches('%').to_owned()
    }
}

/// Whether anybody may see it for whom the rollout does not decide.
pub(crate) fn has_rules(flag: Option<&Flag>) -> bool {
    flag.is_some_and(|flag| !flag.rules().is_empty())
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
    type Err = flagkit_core::PercentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::ON),
            text => text.parse().map(Self::At),
        }
    }
}

/// A flag in a few words: its state, rules and variants.
pub(crate) fn words(flag: Option<&Flag>) -> String {
    let Some(flag) = flag else { return "-".to_owned() };
    let state = State::of(Some(flag));
    if state == State::Off {
        return "off".to_owned();
    }
    let rules = match flag.rules().len() {
        0 => String::new(),
        1 => "1 rule".to_owned(),
        rules => format!("{rules} rules"),
    };
    let mut words = match (state.percent(), rules.as_str()) {
        (_, "") => state.to_string(),
        // For nobody else.
        (Percent::ZERO, rules) => rules.to_owned(),
        (_, rules) => format!("{state} + {rules}"),
    };
    if let Some(variants) = flag.variants() {
        let _ = write!(words, ", {} variants", variants.iter().count());
    }
    words
}
