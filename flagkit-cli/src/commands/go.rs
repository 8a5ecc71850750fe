//! More people see a feature: asked of machines, said by a human, looked at once more.
//!
//! ```text
//! clean? ─▶ a step that is allowed? ─▶ build? ─▶ checks? ─▶ the human types the name ─▶ write, if nothing changed
//!                                                                                        └─▶ checks? ─▶ a last look
//! ```
//!
//! Machines say no at every stage, and yes at none. Once it is written, only the end of the way keeps it: a check that
//! fails, a no, an interruption and a terminal that is closed all take it back.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use flagkit_core::tooling::Effect;
use flagkit_core::{Flag, FlagKey, Percent};
use fs4::FileExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{check, indented, unknown_flag};
use crate::difference::Difference;
use crate::gate::{Gate, Gates, OnFailure};
use crate::interrupts::Interrupts;
use crate::journal::{Entry, GO, Journal, Moved, REVERT};
use crate::probe;
use crate::probe::CheckResult;
use crate::project::{Definitions, Document, Project, digest};
use crate::report::{Exit, Failure, Report, Result};
use crate::state::{State, has_rules};
use crate::terminal::{self, BAD, BOLD, DIM, GOOD, Table, effect, styled};
use crate::write::{Writer, changed, lock_file};

/// How long after the write the running system gets to take the change in, before it is asked again.
const SETTLE: Duration = Duration::from_secs(1);
/// How often taking back begins anew when somebody else writes at the same time.
const ATTEMPTS: u32 = 5;

pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) to: Option<Percent>,
    pub(crate) env: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dry_run: bool,
}

/// A change that has been thought through, and not made.
struct Plan<'w> {
    wish: &'w Wish,
    project: Project,
    from: State,
    to: State,
    text: String,
    differences: Vec<Difference>,
}

/// What machines said before.
struct Asked {
    release: Option<String>,
    answers: Vec<CheckResult>,
}

/// What of a flag would be another besides its state: an environment's layer replaces it whole.
fn taken(before: Option<&Flag>, after: Option<&Flag>) -> Vec<&'static str> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let names = |flag: &Flag| flag.prerequisites().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    let differs = [
        ("rules", before.rules() != after.rules()),
        ("variants", before.variants() != after.variants() || before.off_variant() != after.off_variant()),
        ("prerequisites", names(before) != names(after)),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

/// Whether who sees a flag is decided by more than its state.
fn has_rules_or_more(flag: Option<&Flag>) -> bool {
    has_rules(flag) || flag.is_some_and(|flag| !flag.prerequisites().is_empty())
}

/// How it went on once it was written.
enum Ending {
    Kept,
    CheckFailed(Vec<CheckResult>),
    Declined,
    Interrupted,
}

pub(crate) fn run(file: &Path, wish: &Wish) -> Result {
    let name = wish.name.as_str();
    let project = Project::read(file, wish.env.as_deref())?;
    let gates = Gates::read(&project.declared)?;
    let gate = gates.of(name).map(|(_, gate)| gate.clone()).unwrap_or_default();
    let journal = Journal::read(file)?;
    let plan = Plan::new(project, wish, &gate, &journal)?;
    if plan.text == plan.project.stateful().text {
        return Ok(Report::new(
            format!("{name} is {} already\n", plan.from),
            json!({ "flag": name, "written": false }),
        ));
    }
    // Held until this is over: two at once would each approve what the other changes.
    let _alone = if wish.dry_run { None } else { Some(alone(file)?) };

    let asked = Asked { release: ask_build(&gate)?, answers: ask_checks(&gates, &gate) };
    let failed: Vec<String> = asked.answers.iter().filter(|answer| !answer.passed).map(ToString::to_string).collect();
    if !failed.is_empty() {
        return Err(Failure::new(Exit::CheckFailed, "a check does not pass; nothing was written").with_details(failed));
    }
    let picture = plan.picture(&gate, &asked);
    let mut data = json!({
        "flag": name, "from": plan.from.to_string(), "to": plan.to.to_string(), "checks": asked.answers,
        "release": asked.release, "effects": plan.differences.iter().map(Difference::to_json).collect::<Vec<_>>(),
    });
    if wish.dry_run {
        data["written"] = false.into();
        return Ok(Report::new(picture + "nothing was written\n", data));
    }
    plan.said_by_a_human(&picture)?;
    let interrupts = Interrupts::watch()?;
    plan.write(file, &asked)?;
    let undo = plan.undo();
    match plan.second_look(&interrupts, &gates, &gate) {
        Ending::Kept => {}
        Ending::CheckFailed(failed) => return Err(plan.after_failure(file, &gate, &failed, &undo)),
        Ending::Declined => {
            let now = plan.take_back(file, "the last look")?;
            return Err(Failure::new(Exit::NeedsConfirmation, format!("you did not say yes: {name} is {now} again")));
        }
        Ending::Interrupted => {
            let now = plan.take_back(file, "broken off at the last look")?;
            return Err(Failure::new(Exit::NeedsConfirmation, format!("broken off: {name} is {now} again")));
        }
    }
    plan.is_what_was_seen(file)?;
    data["written"] = true.into();
    data["undo"] = undo.clone().into();
    let text = format!("{name} is {} now, it was {}\nto undo: {undo}\n", styled(GOOD, plan.to), plan.from);
    Ok(Report::new(text, data))
}

/// The only one of its kind that runs.
fn alone(file: &Path) -> Result<File> {
    let unwritable = |error: io::Error| Failure::io(format!("{}: cannot be written: {error}", file.display()));
    let lock = lock_file(file, "go.lock").map_err(unwritable)?;
    match FileExt::try_lock(&lock) {
        Ok(()) => Ok(lock),
        Err(_) => Err(Failure::new(Exit::Conflict, "somebody else is at it: another `flagkit go` runs")
            .with_help("wait for it to end; `flagkit revert` waits for nobody")),
    }
}

fn ask_build(gate: &Gate) -> Result<Option<String>> {
    let Some(build) = &gate.build else { return Ok(None) };
    let expected = probe::expanded(&build.expect)
        .map_err(|error| Failure::new(Exit::Usage, format!("gate.build.expect: {error}")))?;
    terminal::say(&format!("{} {} for {expected:?}\n", styled(DIM, "asking"), build.url));
    match probe::build(build, &expected) {
        Ok(release) => Ok(Some(release)),
        Err(got) => Err(Failure::new(
            Exit::CheckFailed,
            format!("the build does not answer as it should: {}: got {got}", build.url),
        )
        .with_help("what is not deployed cannot be seen; nothing was written")),
    }
}

fn ask_checks(gates: &Gates, gate: &Gate) -> Vec<CheckResult> {
    gates.checks(gate).map(|(name, check)| probe::check(name, check)).collect()
}

/// Whether the ramp has this step, and the one before has lasted.
fn allowed(wish: &Wish, gate: &Gate, [from, to]: [State; 2], journal: &Journal, files: &[String]) -> Result<()> {
    if to == from {
        return Ok(());
    }
    if !gate.allows([from, to]) {
        let next = gate.next(from.percent());
        let steps: Vec<String> = gate.ramp.iter().map(|step| step.0.to_string()).collect();
        return Err(Failure::new(
            Exit::Conflict,
            format!("from {from} to {to} is no step of the ramp {}", steps.join(", ")),
        )
        .with_help(format!("`{}`", wish.command("go", Some(State::At(next))))));
    }
    let soak = gate.soak();
    // The first step has nothing to last for.
    if soak.is_zero() || from == State::Off {
        return Ok(());
    }
    if !journal.faults.is_empty() {
        return Err(Failure::new(
            Exit::CheckFailed,
            "nobody knows how long the step before has lasted: the log has faults",
        )
        .with_help("`flagkit log --verify` tells which; take their lines out once it is known how they came about"));
    }
    if let Some(last) = journal.last_go(&wish.name, files) {
        let age = Timestamp::now().duration_since(last.when);
        if age < soak {
            let left = SignedDuration::from_secs((soak - age).as_secs().max(1));
            let age = SignedDuration::from_secs(age.as_secs());
            return Err(Failure::new(
                Exit::Conflict,
                format!("the last step was {age:#} ago, and lasts {soak:#} at the least"),
            )
            .with_help(format!("not before {left:#} from now; nothing happens by itself then")));
        }
    }
    Ok(())
}

impl Wish {
    /// A command line that does this to the flag.
    fn command(&self, verb: &str, to: Option<State>) -> String {
        let to = to.map(|to| format!(" --to {}", to.number())).unwrap_or_default();
        let env = self.env.as_ref().map(|env| format!(" --env {env}")).unwrap_or_default();
        format!("flagkit {verb} {}{to}{env}", self.name)
    }
}

impl<'w> Plan<'w> {
    /// Finds out whether the step is clean and allowed, and what it does.
    fn new(project: Project, wish: &'w Wish, gate: &Gate, journal: &Journal) -> Result<Self> {
        let name = wish.name.as_str();
        let before = project.flags().snapshot();
        let declared = project.declared.load.flags();
        if !declared.contains(name) {
            return Err(unknown_flag(name, before.keys().map(FlagKey::as_str)));
        }
        let unclean = check::of_flag(&project, name);
        if !unclean.is_empty() {
            return Err(Failure::new(Exit::CheckFailed, format!("{name} is not clean")).with_details(unclean));
        }
        let flag = before.flag(name);
        let from = State::of(flag);
        let to = wish.to.map_or_else(|| State::At(gate.next(from.percent())), |to| State::meant(to, flag));
        if to < from {
            return Err(Failure::new(Exit::Conflict, format!("{name} is {from}: to {to} is a step back"))
                .with_help(format!("`{}` goes back, at once", wish.command("revert", Some(to)))));
        }
        // A step that the environment takes over from what is declared lasts there too.
        let mut files = vec![project.stateful().name()];
        if !project.stateful().load.flags().contains(name) {
            files.push(project.declared.name());
        }
        allowed(wish, gate, [from, to], journal, &files)?;
        let (text, after) = project.with_flag(name, to)?;
        let differences = Difference::between(&before, &after);
        let taken = taken(before.flag(name), after.flag(name));
        if !taken.is_empty() {
            let (state, taken) = (project.stateful().path.display(), taken.join(" and "));
            let failure = Failure::new(Exit::Conflict, format!("{name} has {taken} that {state} would take away"));
            return Err(failure.with_help("write the flag out there as it is declared, and dark, and go on from there"));
        }
        Ok(Self { wish, project, from, to, text, differences })
    }

    fn name(&self) -> &'w str {
        &self.wish.name
    }

    /// What a human should know before saying go.
    fn picture(&self, gate: &Gate, asked: &Asked) -> String {
        let mut text = String::new();
        let state = self.project.stateful().path.display();
        let _ =
            writeln!(text, "{}  {} -> {}  in {state}\n", styled(BOLD, self.name()), self.from, styled(BOLD, self.to));
        let mut table = Table::new(["", "flag", "before", "after"]);
        for difference in &self.differences {
            let key = difference.key.to_string();
            table.push([effect(difference.effect), key, difference.before.clone(), difference.shown_after()]);
        }
        text += &indented(&table.shown());
        let _ = writeln!(text, "\n{}", self.radius());
        if let Some(release) = &asked.release {
            let _ = writeln!(text, "The build that serves is {release}.");
        }
        if !asked.answers.is_empty() {
            let mut table = Table::new(["check", "", "got", "ms"]);
            for CheckResult { name, passed, got, millis } in &asked.answers {
                let verdict = if *passed { styled(GOOD, "pass") } else { styled(BAD, "fail") };
                table.push([name.clone(), verdict, got.clone(), millis.to_string()]);
            }
            let _ = write!(text, "\n{}", indented(&table.shown()));
        }
        let again = match (asked.answers.is_empty(), gate.on_failure) {
            (true, _) => "",
            (false, OnFailure::Revert) => {
                "\nThe checks are made again after the change; if one fails, it is taken back."
            }
            (false, OnFailure::Report) => "\nThe checks are made again after the change; if one fails, you are told.",
        };
        let _ = writeln!(text, "\nA revert turns it back to {} at once, without a gate.{again}\n", self.from);
        text
    }

    /// Whom it reaches, in words.
    fn radius(&self) -> String {
        let before = self.project.flags().snapshot();
        let has_rules = has_rules(before.flag(self.name()));
        let place = self.wish.env.as_ref().map_or(String::new(), |env| format!(" of {env}"));
        let (everybody, all) = if has_rules {
            (format!("Everybody{place} whom no rule matches"), format!("those{place} whom no rule matches"))
        } else {
            (format!("Everybody{place}"), format!("all subjects{place}"))
        };
        let mut text = match (self.from, self.to) {
            (_, State::At(Percent::ZERO)) => "Only those whom a rule lets in see it.\n".to_owned(),
            (_, State::ON) => format!("{everybody} sees it.\n"),
            (State::At(from), State::At(to)) if from != Percent::ZERO => {
                format!("{to} of {all} see it in place of {from}.\n")
            }
            (_, to) => format!("{to} of {all} see it, always the same ones.\n"),
        };
        if has_rules && self.from == State::Off && self.to != State::At(Percent::ZERO) {
            text += "So do those whom a rule lets in.\n";
        }
        let until = match (self.from, self.to) {
            (State::At(Percent::ZERO), _) if has_rules => "Until now only those whom a rule lets in do.".to_owned(),
            (State::Off | State::At(Percent::ZERO), _) => "Until now nobody does.".to_owned(),
            (from, State::ON) => format!("Until now {from} do."),
            _ => "Nobody who does now loses it.".to_owned(),
        };
        text += &until;
        for required in before.flag(self.name()).map(Flag::prerequisites).unwrap_or_default() {
            let required = required.name();
            let more = match State::of(before.flag(required)) {
                State::Off => format!("\n{required} is off, which it requires: nobody sees it until that is on."),
                State::ON if !has_rules_or_more(before.flag(required)) => String::new(),
                State::At(_) => format!("\nOf them only those for whom {required} is on, which it requires."),
            };
            text += &more;
        }
        let wider = self.differences.iter().filter(|difference| difference.effect == Effect::Widens);
        match wider.filter(|difference| difference.key.as_str() != self.name()).count() {
            0 => {}
            1 => text += "\n1 flag that requires it reaches more people too.",
            others => {
                let _ = write!(text, "\n{others} flags that require it reach more people too.");
            }
        }
        text
    }

    /// The human types the flag's name. There is no flag of the command that does.
    fn said_by_a_human(&self, picture: &str) -> Result<()> {
        if !terminal::is_there() {
            let command = self.wish.command("go", Some(self.to));
            return Err(Failure::new(
                Exit::NeedsConfirmation,
                "letting more people see something takes a human at a terminal",
            )
            .with_help(format!("a human may type: {command}")));
        }
        terminal::say(picture);
        match terminal::ask(&format!("Type {} to let it be seen: ", styled(BOLD, self.name()))) {
            Some(typed) if typed == self.name() => Ok(()),
            _ => {
                Err(Failure::new(Exit::NeedsConfirmation, format!("that is not {}; nothing was written", self.name())))
            }
        }
    }

    fn write(&self, file: &Path, asked: &Asked) -> Result<()> {
        let state = self.project.stateful();
        let writer = Writer::new(&state.path)?;
        Journal::can_be_added_to(file)?;
        // Of exact content: what was declared is looked at again too.
        let declared = &self.project.declared;
        if self.wish.env.is_some() && Document::read(&declared.path)?.digest() != declared.digest() {
            return Err(changed(&declared.path));
        }
        writer.replace(state.digest().as_deref(), &self.text)?;
        let moved = Moved { flag: self.name().to_owned(), from: Some(self.from), to: self.to };
        let mut entry = Entry::new(GO, &state.path, &digest(self.text.as_bytes()), &moved, self.wish.reason.clone());
        entry.definition = Some(Definitions::of(&self.project).digest(self.name()));
        entry.checks.clone_from(&asked.answers);
        entry.release.clone_from(&asked.release);
        let Err(error) = Journal::append(file, [entry]) else { return Ok(()) };
        // What is not on record is not done.
        drop(writer);
        let now = self.take_back(file, "the log could not be written").map_or(self.to, |now| now);
        Err(Failure::io(format!("the log was not written: {error}; {} is {now}", self.name())))
    }

    /// The checks again, and the human's eyes.
    fn second_look(&self, interrupts: &Interrupts, gates: &Gates, gate: &Gate) -> Ending {
        if !gate.checks.is_empty() {
            terminal::say(&format!("{} the checks again\n", styled(DIM, "making")));
            let (gates, gate) = (gates.clone(), gate.clone());
            let answers = interrupts.unless_any(move || {
                thread::sleep(SETTLE);
                ask_checks(&gates, &gate)
            });
            let Some(answers) = answers else { return Ending::Interrupted };
            let failed: Vec<CheckResult> = answers.into_iter().filter(|answer| !answer.passed).collect();
            if !failed.is_empty() {
                return Ending::CheckFailed(failed);
            }
        }
        if gate.look.is_empty() {
            return Ending::Kept;
        }
        let places: String = gate.look.iter().map(|place| "  ".to_owned() + place + "\n").collect();
        terminal::say(&format!("\n{} is {} now. Look once more:\n{places}", self.name(), self.to));
        let question = "Is everything as it should be? Type yes to keep it: ";
        // What was typed before there was anything to look at is no answer.
        terminal::forget_what_was_typed();
        match interrupts.unless_any(move || terminal::ask(question)) {
            Some(Some(answer)) if answer == "yes" => Ending::Kept,
            Some(_) => Ending::Declined,
            None => {
                terminal::say("\n");
                Ending::Interrupted
            }
        }
    }

    /// Whether what a human has just said yes to is what there is.
    fn is_what_was_seen(&self, file: &Path) -> Result<()> {
        let (name, path) = (self.name(), self.project.stateful().path.display());
        let now = Project::read(file, self.wish.env.as_deref()).map_err(|failure| {
            let message = format!("{name} is {} and stays so, but {path} was changed and cannot be read", self.to);
            Failure::new(failure.exit, message).with_details([failure.to_string()])
        })?;
        let state = State::of(now.flags().snapshot().flag(name));
        if state != self.to {
            let message = format!("{name} is {state} and not {}: somebody else changed it meanwhile", self.to);
            return Err(Failure::new(Exit::Conflict, message).with_help(format!("`flagkit log {name}` may tell who")));
        }
        let is_same = now.stateful().text == self.text
            && (self.wish.env.is_none() || now.declared.digest() == self.project.declared.digest());
        if !is_same {
            let message = format!("{name} is {state}, and something else in its file was changed while you looked");
            return Err(
                Failure::new(Exit::Conflict, message).with_help(format!("look again; `{}` undoes it", self.undo()))
            );
        }
        Ok(())
    }

    fn after_failure(&self, file: &Path, gate: &Gate, failed: &[CheckResult], undo: &str) -> Failure {
        let name = self.name();
        let failure = match gate.on_failure {
            OnFailure::Report => {
                Failure::new(Exit::CheckFailed, format!("{name} is {} now, and a check fails", self.to))
                    .with_help(format!("to undo: {undo}"))
            }
            OnFailure::Revert => match self.take_back(file, "a check failed after the change") {
                Ok(now) => {
                    Failure::new(Exit::CheckFailed, format!("a check fails after the change: {name} is {now} again"))
                }
                Err(failure) => failure,
            },
        };
        failure.with_details(failed.iter().map(ToString::to_string))
    }

    /// Puts the flag back to where it was, whatever else has changed since; but never further up than somebody else has
    /// put it meanwhile. Returns where it is now.
    fn take_back(&self, file: &Path, reason: &str) -> Result<State> {
        let mut attempt = 1;
        loop {
            match self.put_back(file, reason) {
                Err(failure) if failure.exit == Exit::Conflict && attempt < ATTEMPTS => attempt += 1,
                Err(failure) => {
                    let undo = "`flagkit revert --all` turns everything off, whatever the file holds";
                    let message = format!("{} is still {}: it could not be taken back", self.name(), self.to);
                    return Err(Failure::new(failure.exit, message)
                        .with_help(undo)
                        .with_details([failure.to_string()]));
                }
                done => return done,
            }
        }
    }

    fn put_back(&self, file: &Path, reason: &str) -> Result<State> {
        let name = self.name();
        let writer = Writer::at_once(&self.project.stateful().path);
        let now = Project::read(file, self.wish.env.as_deref())?;
        let state = now.stateful();
        // To the letter, where nothing else has changed: a switch that was not there is not there again.
        let before = now.flags().snapshot();
        let (text, after) = if state.text == self.text {
            let text = self.project.stateful().text.clone();
            let after = now.with_state(&text)?.flags().snapshot();
            (text, after)
        } else {
            now.with_flag(name, self.from)?
        };
        // A flag that is refused by now is what it was before, to whoever has read it then.
        let is = before.flag(name).map_or(self.to, |flag| State::of(Some(flag)));
        let widens =
            before.flag(name).is_some() && before.effects(&after).into_values().any(|effect| effect == Effect::Widens);
        if is <= self.from || widens {
            return Ok(is);
        }
        writer.replace(state.digest().as_deref(), &text)?;
        let moved = Moved { flag: name.to_owned(), from: Some(is), to: self.from };
        let entry = Entry::new(REVERT, &state.path, &digest(text.as_bytes()), &moved, Some(reason.to_owned()));
        // It is taken back all the same, and nothing wider is claimed than is so.
        if let Err(error) = Journal::append(file, [entry]) {
            terminal::say(&format!("the log was not written: {error}\n"));
        }
        Ok(self.from)
    }

    fn undo(&self) -> String {
        self.wish.command("revert", (self.from != State::Off).then_some(self.from))
    }
}
