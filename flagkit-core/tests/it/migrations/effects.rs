//! The effect of a change of a stage: forward widens, one safe step back narrows, all else widens.

use flagkit_core::source::Stage;
use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};

fn flags(stage: Option<Stage>) -> Flags {
    let key = FlagKey::new("split").expect("a key");
    Flags::fixed(FlagSet::from_iter(stage.map(|stage| (key, Flag::migration().at_stage(stage)))))
}

fn effect(before: Option<Stage>, after: Option<Stage>) -> Option<Effect> {
    flags(before).snapshot().effects(&flags(after).snapshot()).into_values().next()
}

#[test]
fn one_step_back_narrows_before_complete() {
    for (before, after) in Stage::ALL.into_iter().flat_map(|a| Stage::ALL.map(|b| (a, b))) {
        let expected = if before == after {
            None
        } else if before < Stage::Complete && before.previous() == Some(after) {
            Some(Effect::Narrows)
        } else {
            Some(Effect::Widens)
        };
        assert_eq!(effect(Some(before), Some(after)), expected, "{before} to {after}");
    }
}

#[test]
fn a_new_migration_is_neutral_at_off_only() {
    assert_eq!(effect(None, Some(Stage::Off)), Some(Effect::Neutral));
    for stage in &Stage::ALL[1..] {
        assert_eq!(effect(None, Some(*stage)), Some(Effect::Widens), "{stage}");
    }
}
