//! More people see a feature: asked of machines, said by a human, looked at once more.
//!
//! ```text
//! clean? ─▶ a step that is allowed? ─▶ build? ─▶ checks? ─▶ the human types the name ─▶ write, if nothing changed
//!                                                                                        └─▶ checks? ─▶ a last look
//! ```
//!
//! Machines say no at every stage, and yes at none. What fails after the write is written back.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use flagkit_core::{Effect, FlagKey, Percent, Snapshot};
use fs4::FileExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::diff::summary;
use super::revert::{Done, entry, percent};
use super::{check, indented, unknown_flag};
use crate::edit;
use crate::gate::{Gate, Gates, OnFailure};
use crate::journal::Journal;
use crate::outcome::{Exit, Failure, Report, Result};
use crate::probe::{self, Answer};
use crate::project::Project;
use crate::state::State;
use crate::terminal::{self, BAD, BOLD, DIM, GOOD, Table, effect, styled};
use crate::write::{Writer, lock_file};

/// How long after the write the running system gets to take the change in, before it is asked again.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dry_run: bool,
}

/// A change that has been thought through, and not made.
struct Plan {
    project: Project,
    from: State,
    to: State,
    text: String,
    effects: Vec<(FlagKey, Effect, String, String)>,
}

pub(crate) fn run(file: &Path, wish: &Wish) -> Result {
    let name = wish.name.as_str();
    let project = Project::read(file, wish.env.as_deref())?;
    let gates = Gates::read(&project.declared)?;
    let gate = gates.of(name).map(|(_, gate)| gate.clone()).unwrap_or_default();
    let journal = Journal::read(file)?;
    let plan = plan(project, wish, &gate, &journal)?;
    if plan.text == plan.project.stateful().text {
        return Ok(Report::new(
            format!("{name} is {} already\n", plan.from),
            json!({ "flag": name, "written": false }),
        ));
    }

    // Held until this is over: two at once would each approve what the other changes.
    let lock = lock_file(file, "go.lock").map_err(|error| Failure::io(format!("{}: {error}", file.display())))?;
    if FileExt::try_lock(&lock).is_err() {
        return Err(Failure::new(Exit::Conflict, "somebody else is at it: another `flagkit go` runs")
            .with_help("wait for it to end; `flagkit revert` waits for nobody"));
    }

    let release = ask_build(&gate)?;
    let answers = ask_checks(&gates, &gate);
    let picture = picture(name, &plan, &gate, release.as_deref(), &answers, wish.env.as_deref());
    let mut data = json!({
        "flag": name, "from": plan.from.to_string(), "to": plan.to.to_string(), "checks": answers, "release": release,
        "effects": plan.effects.iter().map(|(key, effect, old, new)| json!({
            "flag": key.as_str(), "effect": effect.as_str(), "before": old, "after": new,
        })).collect::<Vec<_>>(),
    });
    if answers.iter().any(|answer| !answer.passed) {
        let failed =
            answers.iter().filter(|answer| !answer.passed).map(|answer| format!("{}: {}", answer.name, answer.got));
        return Err(Failure::new(Exit::Refused, "a check does not pass; nothing was written").with_details(failed));
    }
    if wish.dry_run {
        data["written"] = false.into();
        return Ok(Report::new(picture + "nothing was written\n", data));
    }
    said_by_a_human(name, &plan, wish, &picture)?;
    write(file, &plan, wish, &answers, release.as_deref())?;
    let undo = undo(name, &plan, wish);

    if let Some(failed) = look_again(&gates, &gate) {
        return after_failure(file, &plan, wish, &gate, &failed, &undo);
    }
    if !gate.look.is_empty() {
        let places: String = gate.look.iter().map(|place| "  ".to_owned() + place + "\n").collect();
        terminal::say(&format!("\n{name} is {} now. Look once more:\n{places}", plan.to));
        let answer = terminal::ask("Is everything as it should be? Type yes to keep it: ");
        if answer.as_deref() != Some("yes") {
            take_back(file, wish, &plan, "the last look")?;
            return Err(Failure::new(Exit::Human, format!("you did not say yes: {name} is {} again", plan.from)));
        }
    }
    data["written"] = true.into();
    data["undo"] = undo.clone().into();
    let text = format!("{name} is {} now, it was {}\nto undo: {undo}\n", styled(GOOD, plan.to), plan.from);
    Ok(Report::new(text, data))
}

/// Finds out whether the step is clean and allowed, and what it does.
fn plan(project: Project, wish: &Wish, gate: &Gate, journal: &Journal) -> Result<Plan> {
    let name = wish.name.as_str();
    let before = project.flags().snapshot();
    let declared = project.declared.load.flags();
    if !declared.contains(name) {
        return Err(unknown_flag(name, before.keys().map(FlagKey::as_str)));
    }
    let unclean = check::of_flag(&project, name);
    if !unclean.is_empty() {
        return Err(Failure::new(Exit::Refused, format!("{name} is not clean")).with_details(unclean));
    }
    let has_rules = declared.get(name).is_some_and(|flag| !flag.rules().is_empty() || flag.variants().is_some());
    if let (Some(env), true, None) = (&wish.env, has_rules, project.stateful().load.flags().get(name)) {
        let state = project.stateful().path.display();
        return Err(Failure::new(
            Exit::Conflict,
            format!("{name} has rules or variants, which {state} would take away"),
        )
        .with_help(format!("write it out in the file of {env}, with its rules and dark, and go on from there")));
    }
    let from = State::of(before.flag(name));
    let to = State::new(wish.to.unwrap_or_else(|| gate.next(from.percent())));
    if to < from {
        return Err(Failure::new(Exit::Conflict, format!("{name} is {from}: to {to} is a step back"))
            .with_help(format!("`flagkit revert {name} --to {}` goes back, at once", percent(to))));
    }
    allowed(name, gate, from, to, journal)?;
    let text = edit::set(&project.stateful().text, name, to)?;
    let after = project.with_state(&text)?.flags().snapshot();
    let in_force = State::of(after.flag(name));
    if in_force != to {
        return Err(Failure::new(Exit::Conflict, format!("{name} would be {in_force} and not {to}")));
    }
    let shown = |snapshot: &Snapshot, key: &FlagKey| summary(snapshot.flag(key.as_str()));
    let effects = before.effects(&after).into_iter();
    let effects =
        effects.map(|(key, effect)| (key.clone(), effect, shown(&before, &key), shown(&after, &key))).collect();
    Ok(Plan { project, from, to, text, effects })
}

/// Whether the ramp has this step, and the one before has lasted.
fn allowed(name: &str, gate: &Gate, from: State, to: State, journal: &Journal) -> Result<()> {
    if to == from {
        return Ok(());
    }
    if !gate.ramp.is_empty() {
        let next = gate.next(from.percent());
        let steps: Vec<String> = gate.ramp.iter().map(|step| step.0.to_string()).collect();
        if to.percent() != next {
            return Err(Failure::new(
                Exit::Conflict,
                format!("from {from} to {to} is no step of the ramp {}", steps.join(", ")),
            )
            .with_help(format!("`flagkit go {name} --to {}`", percent(State::new(next)))));
        }
    }
    let soak = SignedDuration::try_from(gate.soak.0).unwrap_or(SignedDuration::MAX);
    // The first step has nothing to last for.
    if let Some(last) = journal.last(name).filter(|last| last.verb == "go" && from != State::OFF) {
        let age = Timestamp::now().duration_since(last.when);
        if age < soak {
            let left = SignedDuration::from_secs((soak - age).as_secs().max(1));
            return Err(Failure::new(
                Exit::Conflict,
                format!(
                    "the last step was {:#} ago, and lasts {soak:#} at the least",
                    SignedDuration::from_secs(age.as_secs())
                ),
            )
            .with_help(format!("not before {left:#} from now; nothing happens by itself then")));
        }
    }
    Ok(())
}

fn ask_build(gate: &Gate) -> Result<Option<String>> {
    let Some(build) = &gate.build else { return Ok(None) };
    let expected = probe::expanded(&build.expect)
        .map_err(|error| Failure::new(Exit::Usage, format!("gate.build.expect: {error}")))?;
    terminal::say(&format!("{} {} for {expected:?}\n", styled(DIM, "asking"), build.url));
    match probe::build(build, &expected) {
        Ok(release) => Ok(Some(release)),
        Err(got) => Err(Failure::new(
            Exit::Refused,
            format!("the build does not answer as it should: {}: got {got}", build.url),
        )
        .with_help("what is not deployed cannot be seen; nothing was written")),
    }
}

fn ask_checks(gates: &Gates, gate: &Gate) -> Vec<Answer> {
    gates.checks(gate).map(|(name, check)| probe::check(name, check)).collect()
}

/// What a human should know before saying go.
fn picture(
    name: &str,
    plan: &Plan,
    gate: &Gate,
    release: Option<&str>,
    answers: &[Answer],
    env: Option<&str>,
) -> String {
    let mut text = String::new();
    let state = plan.project.stateful().path.display();
    let _ = writeln!(text, "{}  {} -> {}  in {state}\n", styled(BOLD, name), plan.from, styled(BOLD, plan.to));
    let mut table = Table::new(["", "flag", "before", "after"]);
    for (key, what, old, new) in &plan.effects {
        table.push([effect(*what), key.to_string(), old.clone(), new.clone()]);
    }
    text += &indented(&table.shown());
    let _ = writeln!(text, "\n{}", radius(plan, env));
    if let Some(release) = release {
        let _ = writeln!(text, "the build that serves is {release}");
    }
    if !answers.is_empty() {
        let mut table = Table::new(["check", "", "got", "ms"]);
        for Answer { name, passed, got, millis } in answers {
            let verdict = if *passed { styled(GOOD, "pass") } else { styled(BAD, "fail") };
            table.push([name.clone(), verdict, got.clone(), millis.to_string()]);
        }
        let _ = write!(text, "\n{}", indented(&table.shown()));
    }
    let again = match (answers.is_empty(), gate.on_failure) {
        (true, _) => "",
        (false, OnFailure::Revert) => "\nThe checks are made again after the change; if one fails, it is taken back.",
        (false, OnFailure::Report) => "\nThe checks are made again after the change; if one fails, you are told.",
    };
    let _ = writeln!(text, "\nA revert turns it back to {} at once, without a gate.{again}\n", plan.from);
    text
}

/// Whom it reaches, in words.
fn radius(plan: &Plan, env: Option<&str>) -> String {
    let flag = |snapshot: &Snapshot, key: &FlagKey| snapshot.flag(key.as_str()).map_or(0, |flag| flag.rules().len());
    let rules = plan.effects.iter().map(|(key, ..)| flag(&plan.project.flags().snapshot(), key)).max().unwrap_or(0);
    let place = env.map_or(String::new(), |env| format!(" of {env}"));
    let whom = if rules == 0 { "all subjects".to_owned() } else { format!("the subjects{place} whom no rule matches") };
    let others = plan.effects.iter().filter(|(_, effect, ..)| *effect == Effect::Widens).count().saturating_sub(1);
    let more = match others {
        0 => String::new(),
        1 => ", and 1 flag that requires it reaches more people too".to_owned(),
        others => format!(", and {others} flags that require it reach more people too"),
    };
    match (plan.from, plan.to) {
        (State::OFF, State::ON) => format!("Everybody among {whom} sees it; until now nobody does{more}."),
        (from, State::ON) => format!("Everybody among {whom} sees it; until now {from} do{more}."),
        (State::OFF, to) => format!("{to} of {whom} see it, always the same ones; until now nobody does{more}."),
        (from, to) => format!("{to} of {whom} see it in place of {from}; nobody who does now loses it{more}."),
    }
}

/// The human types the flag's name. There is no flag of the command that does.
fn said_by_a_human(name: &str, plan: &Plan, wish: &Wish, picture: &str) -> Result<()> {
    if !terminal::is_there() {
        let command = command("go", name, Some(plan.to), wish);
        return Err(Failure::new(Exit::Human, "letting more people see something takes a human at a terminal")
            .with_help(format!("a human may type: {command}")));
    }
    terminal::say(picture);
    match terminal::ask(&format!("Type {} to let it be seen: ", styled(BOLD, name))) {
        Some(typed) if typed == name => Ok(()),
        _ => Err(Failure::new(Exit::Human, format!("that is not {name}; nothing was written"))),
    }
}

fn write(file: &Path, plan: &Plan, wish: &Wish, answers: &[Answer], release: Option<&str>) -> Result<()> {
    let state = plan.project.stateful();
    let is_new = wish.env.is_some() && !state.path.exists();
    // Of exact content: what was declared is looked at again too.
    let declared = &plan.project.declared;
    let writer = Writer::new(&state.path)?;
    if wish.env.is_some() && crate::project::Document::read(&declared.path)?.digest() != declared.digest() {
        return Err(crate::write::changed(&declared.path));
    }
    writer.replace((!is_new).then(|| state.digest()).as_deref(), &plan.text)?;
    let done = Done { flag: wish.name.clone(), from: plan.from, to: plan.to };
    let mut entry = entry("go", &state.path, &plan.text, done, wish.reason.clone());
    entry.checks = answers.to_vec();
    entry.release = release.map(str::to_owned);
    Journal::append(&writer, file, [entry])
}

/// The checks again, until they pass or have had their time. Returns what fails.
fn look_again(gates: &Gates, gate: &Gate) -> Option<Vec<Answer>> {
    if gate.checks.is_empty() {
        return None;
    }
    terminal::say(&format!("{} the checks again\n", styled(DIM, "making")));
    thread::sleep(SETTLE);
    let failed: Vec<Answer> = ask_checks(gates, gate).into_iter().filter(|answer| !answer.passed).collect();
    (!failed.is_empty()).then_some(failed)
}

fn after_failure(file: &Path, plan: &Plan, wish: &Wish, gate: &Gate, failed: &[Answer], undo: &str) -> Result {
    let details: Vec<String> = failed.iter().map(|answer| format!("{}: {}", answer.name, answer.got)).collect();
    let name = &wish.name;
    if gate.on_failure == OnFailure::Report {
        return Err(Failure::new(Exit::Refused, format!("{name} is {} now, and a check fails", plan.to))
            .with_details(details)
            .with_help(format!("to undo: {undo}")));
    }
    take_back(file, wish, plan, "a check failed after the change")?;
    Err(Failure::new(Exit::Refused, format!("a check fails after the change: {name} is {} again", plan.from))
        .with_details(details))
}

/// Writes the flag back to where it was, whatever else has changed since.
fn take_back(file: &Path, wish: &Wish, plan: &Plan, reason: &str) -> Result<()> {
    let writer = Writer::new(&plan.project.stateful().path)?;
    let now = Project::read(file, wish.env.as_deref())?;
    let state = now.stateful();
    let text = edit::set(&state.text, &wish.name, plan.from)?;
    // To the letter, where nothing else has changed: a switch that was not there is not there again.
    let text = if state.text == plan.text { plan.project.stateful().text.clone() } else { text };
    writer.replace(Some(&state.digest()), &text)?;
    let done = Done { flag: wish.name.clone(), from: plan.to, to: plan.from };
    Journal::append(&writer, file, [entry("revert", &state.path, &text, done, Some(reason.to_owned()))])
}

fn undo(name: &str, plan: &Plan, wish: &Wish) -> String {
    let to = (plan.from != State::OFF).then_some(plan.from);
    command("revert", name, to, wish)
}

/// A command line that says the same.
fn command(verb: &str, name: &str, to: Option<State>, wish: &Wish) -> String {
    let to = to.map(|to| format!(" --to {}", percent(to))).unwrap_or_default();
    let env = wish.env.as_ref().map(|env| format!(" --env {env}")).unwrap_or_default();
    format!("flagkit {verb} {name}{to}{env}")
}
