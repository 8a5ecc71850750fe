//! The state of a flag as text, and which of two states is wider.

use std::fmt;
use std::str::FromStr;

use flagkit_core::source::Stage;
use flagkit_core::{Flag, Percent};

use super::Refusal;

/// The state of a flag: what a release changes, apart from the definition.
///
/// As text it is `off`, `on`, a percentage, or the stage of a migration with an optional share: `live@25%`. At `0%` the
/// flag is on only for subjects that a rule includes.
///
/// # Examples
///
/// ```
/// use flagkit_sources::approvals::State;
///
/// let (half, all): (State, State) = ("50%".parse()?, "on".parse()?);
/// assert!(all.covers(half) && !half.covers(all));
/// assert_eq!(half.to_string(), "50%");
/// # Ok::<(), flagkit_sources::approvals::Refusal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Off,
    Rollout(Percent),
    /// The share is that of the partitions at the stage. The others are at the stage before it.
    Stage(Stage, Percent),
}

impl State {
    /// The state of a flag that is off, and of a migration that has not begun.
    pub const OFF: Self = Self(Kind::Off);

    /// Returns the state of a flag that inherits nothing.
    pub fn of(flag: &Flag) -> Self {
        Self(match flag.stage() {
            Some(Stage::Off) => Kind::Off,
            Some(stage) if flag.partition().is_some() => Kind::Stage(stage, flag.rollout()),
            Some(stage) => Kind::Stage(stage, Percent::HUNDRED),
            None if flag.is_enabled() => Kind::Rollout(flag.rollout()),
            None => Kind::Off,
        })
    }

    /// Returns whether an approval of this state is one of `other` too: whether it is at least as wide.
    ///
    /// `off` is covered by every state. A stage covers all stages before it, and no rollout.
    pub fn covers(self, other: Self) -> bool {
        match (self.0, other.0) {
            (_, Kind::Off) => true,
            (Kind::Rollout(own), Kind::Rollout(other)) => own >= other,
            (Kind::Stage(own, share), Kind::Stage(other, other_share)) => (own, share) >= (other, other_share),
            (Kind::Off | Kind::Rollout(_) | Kind::Stage(..), _) => false,
        }
    }

    /// Returns whether the flag is off, or the migration has not begun.
    pub(crate) fn is_off(self) -> bool {
        self == Self::OFF
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Off => f.write_str("off"),
            Kind::Rollout(Percent::HUNDRED) => f.write_str("on"),
            Kind::Rollout(percent) => write!(f, "{percent}"),
            Kind::Stage(stage, Percent::HUNDRED) => write!(f, "{stage}"),
            Kind::Stage(stage, percent) => write!(f, "{stage}@{percent}"),
        }
    }
}

/// Accepts only the text that `Display` writes, so that one state has one text.
impl FromStr for State {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::InvalidField { name: "to", reason: "it is no state, such as `on`, `10%` or `live`" };
        let kind = match text.split_once('@') {
            _ if text == "off" => Kind::Off,
            _ if text == "on" => Kind::Rollout(Percent::HUNDRED),
            Some((stage, share)) => {
                Kind::Stage(stage.parse().map_err(|_| refusal())?, share.parse().map_err(|_| refusal())?)
            }
            None => match text.parse() {
                Ok(stage) => Kind::Stage(stage, Percent::HUNDRED),
                Err(_) => Kind::Rollout(text.parse().map_err(|_| refusal())?),
            },
        };
        let is_canonical = |state: &Self| state.to_string() == text && !matches!(state.0, Kind::Stage(Stage::Off, _));
        Some(Self(kind)).filter(is_canonical).ok_or_else(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All states of this list, from the narrowest to the widest.
    const ROLLOUTS: [&str; 5] = ["off", "0%", "0.5%", "99.999999%", "on"];
    const STAGES: [&str; 6] = ["off", "dual-write@0%", "dual-write", "live@25%", "live", "contracted"];

    fn state(text: &str) -> State {
        text.parse().expect(text)
    }

    #[test]
    fn a_wider_state_covers_the_narrower_ones() {
        for list in [&ROLLOUTS[..], &STAGES[..]] {
            for (i, wide) in list.iter().enumerate() {
                for (k, narrow) in list.iter().enumerate() {
                    assert_eq!(state(wide).covers(state(narrow)), i >= k, "{wide} and {narrow}");
                }
            }
        }
        assert!(!state("on").covers(state("live")) && !state("contracted").covers(state("0%")));
    }

    #[test]
    fn one_state_has_one_text() {
        for text in ROLLOUTS.iter().chain(&STAGES) {
            assert_eq!(state(text).to_string(), *text);
        }
        for text in ["", "100%", "10", "010%", "10.0%", "live@100%", "live@", "@10%", "On", "on ", "off@10%", "110%"] {
            assert!(text.parse::<State>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_state_of_a_flag() {
        let percent = |text: &str| text.parse::<Percent>().expect("a percentage");
        for (flag, text) in [
            (Flag::off(), "off"),
            (Flag::off().with_rollout(percent("10")), "off"),
            (Flag::on(), "on"),
            (Flag::on().with_rollout(percent("10")), "10%"),
            (Flag::on().with_rollout(percent("0")), "0%"),
            (Flag::migration(), "off"),
            (Flag::migration().at_stage(Stage::Live), "live"),
            (Flag::migration().at_stage(Stage::Live).with_rollout(percent("25")), "live"),
            (Flag::migration().at_stage(Stage::Live).with_bucket_by("shop").with_rollout(percent("25")), "live@25%"),
        ] {
            assert_eq!(State::of(&flag).to_string(), text);
        }
    }
}
