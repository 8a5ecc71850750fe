//! The environments that turn a reverted flag on by themselves.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::FlagKey;

use super::RevertArgs;
use super::layers::Layer;
use super::migrations::in_use;
use crate::command_line::CommandLine;
use crate::environment::{environment_file, environments, is_layer_above};
use crate::state::State;

/// Lists the environments in which a reverted flag is on, or may be on because its definition is invalid.
pub(super) fn report(file: &Path, args: &RevertArgs, is_reverted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let is_above = |env: &String| args.env.as_ref().is_none_or(|reverted| is_layer_above(env, reverted));
    for env in environments(file).into_iter().filter(is_above) {
        let Ok(path) = environment_file(file, &env) else { continue };
        let what = args.name.as_deref().unwrap_or("--all");
        let revert = CommandLine::new(file, Some(&env), &["revert", what]);
        let Ok(layer) = Layer::read(&path) else {
            let _ = writeln!(text, "{} cannot be read, so its flags may be on; to turn off: {revert}", path.display());
            continue;
        };
        let [on, unknown] = count(&layer, &is_reverted);
        let migrations = layer.document.as_ref().map(in_use).unwrap_or_default();
        for (name, progress) in migrations.into_iter().filter(|(name, _)| is_reverted(name)) {
            let revert = CommandLine::new(file, Some(&env), &["revert", &name]);
            let _ =
                writeln!(text, "{name} is still at {progress} in {}; to go one stage back: {revert}", path.display());
        }
        let subject =
            |count: usize| if count == 1 { "1 of these flags".to_owned() } else { format!("{count} of these flags") };
        if on > 0 {
            let is = if on == 1 { "is" } else { "are" };
            let _ = writeln!(text, "{} {is} still on in {}; to turn off: {revert}", subject(on), path.display());
        } else if unknown > 0 {
            let (subject, path) = (subject(unknown), path.display());
            let _ = writeln!(text, "{subject} may still be on in {path}, which is not valid; to turn off: {revert}");
        } else if layer.document.is_err() {
            // Programs keep the flags that an emptied or cut file had before.
            let path = path.display();
            let _ = writeln!(text, "{path} is not valid, so its flags may be on; to turn off: {revert}");
        }
    }
    text
}

/// Returns how many reverted flags are on in a layer, and how many have an unknown state there.
fn count(layer: &Layer, is_reverted: &impl Fn(&str) -> bool) -> [usize; 2] {
    let Ok(document) = &layer.document else {
        return [0, layer.keys().iter().filter(|key| is_reverted(key)).count()];
    };
    let own = document.load.flags();
    let states = own.keys().map(FlagKey::as_str).filter(|key| is_reverted(key)).map(|key| own.get(key));
    states.fold([0, 0], |[on, unknown], flag| match flag {
        None => [on, unknown + 1],
        Some(flag) if State::of(Some(flag)) != State::Off => [on + 1, unknown],
        Some(_) => [on, unknown],
    })
}
