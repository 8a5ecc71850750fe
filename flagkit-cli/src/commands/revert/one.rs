//! `revert NAME`: narrows one flag.

use std::fmt::Write as _;
use std::path::Path;

use flagkit_core::tooling::Effect;
use flagkit_core::{FlagKey, Snapshot};
use flagkit_sources::document::tree::nearest;
use serde_json::json;

use super::layers::{Layer, Layers};
use super::{Change, RevertArgs, elsewhere};
use crate::command_line::CommandLine;
use crate::commands::unknown_flag;
use crate::edit::{self, Recovered};
use crate::environment::{environment_file, environments};
use crate::journal::Transition;
use crate::project::{Document, Project, digest, format};
use crate::report::{Exit, Failure, Report, Result};
use crate::state::{State, has_rules, rule_audience};

/// Plans the change of one flag. Returns no change if every program has the flag in that state.
pub(super) fn plan(file: &Path, layers: &Layers, name: &str, args: &RevertArgs) -> Result<(Option<Change>, Report)> {
    let similar = require_known(file, layers, name, args)?;
    let project = layers.project();
    let before = project.as_ref().map(|project| project.flags().snapshot());
    let flag = before.as_ref().and_then(|before| before.flag(name));
    let is_lost = layers.may_have_lost_names(file);
    let from = before.as_ref().filter(|_| !is_lost).and_then(|before| layers.state(before, name));
    let requested = args.to.map_or(State::Off, |to| State::from_percent(to, flag));
    // A percentage may widen a flag with an unknown state. Off never does.
    let to = if from.is_some() { requested } else { State::Off };
    if from.is_some_and(|from| to > from) {
        return Err(wider(file, args, name, to));
    }
    if if to == State::Off { layers.are_off(name) } else { from == Some(to) } {
        let text = format!("{name} is already {to}\n") + &elsewhere::report(file, args, |key| key == name);
        return Ok((None, Report::new(text, json!({ "flags": [] }))));
    }
    let edited = project.as_ref().zip(before.as_ref()).filter(|_| !is_lost).map(|(project, before)| {
        let (text, after) = project.with_flag(name, to)?;
        check_effects(file, args, name, from, [before, &after])?;
        let flag = after.flag(name).filter(|flag| to != State::Off && has_rules(Some(flag)));
        Ok((text, flag.map(|flag| rule_audience(Some(flag), ["still sees it", "still see it"]))))
    });
    let is_off_already = from == Some(to);
    let transition = Transition { flag: name.to_owned(), from, to };
    let is_rewritten = !matches!(edited, Some(Ok(_)));
    let (text, audience, saved) = match edited {
        Some(Ok((text, audience))) => (text, audience, None),
        Some(Err(failure)) if to != State::Off => return Err(failure),
        // The text cannot be edited, so a new one turns the flag off.
        _ => (rewrite(&layers.target, name, &layers.lost_names(file))?, None, layers.target.bytes.clone()),
    };
    let expected = layers.target.bytes.as_deref().map(digest);
    let transitions = if is_off_already { Vec::new() } else { vec![transition] };
    let change = Change { expected, text, transitions, steps: Vec::new(), saved };
    let mut report = change.report(args);
    if is_off_already {
        let (path, says) = (layers.target.path.display(), if args.dry_run { "would say" } else { "now says" });
        let _ = writeln!(report.text, "{name} is already off; {path} {says} so");
    }
    if requested != to {
        let _ = writeln!(report.text, "it is off and not {requested}, because that may be more than its state now");
    }
    if is_rewritten {
        report.text += "running programs keep the other flags of the file until it is repaired\n";
    }
    if let Some(audience) = audience {
        let revert = CommandLine::new(file, args.env.as_deref(), &["revert", name]);
        let _ = writeln!(report.text, "{audience}; `{revert}` turns it off for everyone");
    }
    if let Some(similar) = similar {
        let path = layers.target.path.display();
        let _ = writeln!(report.text, "{path} does not have {name}, but the similar flag {similar}");
    }
    report.text += &elsewhere::report(file, args, |key| key == name);
    Ok((Some(change), report))
}

/// Fails if the flag is in none of the files.
///
/// A running program may have a flag that a rejected file does not contain any more, so such a file accepts every key.
/// Returns a similar key of the files then, because the name may have a typing error.
fn require_known(file: &Path, layers: &Layers, name: &str, args: &RevertArgs) -> Result<Option<String>> {
    let keys: Vec<&str> = layers.all().flat_map(Layer::keys).map(String::as_str).collect();
    let is_rejected = layers.all().any(|layer| layer.document.is_err());
    if keys.contains(&name) {
        return Ok(None);
    }
    if (is_rejected || layers.may_have_lost_names(file)) && FlagKey::new(name).is_ok() {
        return Ok(nearest(name, keys.iter().copied()).map(str::to_owned));
    }
    let keys = keys.iter().copied();
    for env in environments(file).iter().filter(|env| Some(*env) != args.env.as_ref()) {
        let other = Layer::read(&environment_file(file, env)?);
        if other.is_ok_and(|other| other.keys().contains(name)) {
            let revert = CommandLine::new(file, Some(env), &["revert", name]);
            let message = format!("cannot find flag {name:?} in {}", layers.target.path.display());
            return Err(Failure::usage(message).with_help(format!("it is in another environment: `{revert}`")));
        }
    }
    Err(unknown_flag(file, name, keys))
}

/// Fails if the change widens a flag. The effect on a flag with an unknown state is not defined.
fn check_effects(
    file: &Path,
    args: &RevertArgs,
    name: &str,
    from: Option<State>,
    [before, after]: [&Snapshot; 2],
) -> Result<()> {
    let mut widened = before.effects(after).into_iter().filter(|(_, effect)| *effect == Effect::Widens);
    match widened.find(|(key, _)| from.is_some() || key.as_str() != name) {
        Some((key, _)) => Err(wider(file, args, key.as_str(), State::of(after.flag(key.as_str())))),
        None => Ok(()),
    }
}

/// Returns a new document that turns one flag off and leaves every other flag as running programs have it.
///
/// The other flags are invalid on purpose: a program keeps the definition that it loaded before, and a program that
/// starts has them off. Their old states are unknown, so any other text might widen them.
fn rewrite(target: &Layer, name: &str, others: &Recovered) -> Result<String> {
    let format = format(&target.path);
    let text = edit::render_one_off(format, name, others);
    let document = Document::parse_or_fail(&target.path, text.clone().into_bytes())?;
    let project = Project::new(document);
    if project.flags().snapshot().keys().any(|key| key.as_str() == name) && edit::is_off(format, &text, name) {
        return Ok(text);
    }
    Err(Failure::new(Exit::Conflict, format!("cannot turn off {name} in {}", target.path.display())))
}

fn wider(file: &Path, args: &RevertArgs, name: &str, to: State) -> Failure {
    let go = CommandLine::new(file, args.env.as_deref(), &["go", name, "--to", &to.number()]);
    Failure::new(Exit::Conflict, format!("cannot revert to {to}: this would widen {name}"))
        .with_help(format!("`revert` can only narrow; to widen, run `{go}`"))
}
