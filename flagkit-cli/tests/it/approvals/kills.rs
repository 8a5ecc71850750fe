//! SIGKILL at any point of the steps of two people: nothing is lost, and nothing is live without both.

use std::thread;
use std::time::{Duration, Instant};

use super::team::{REQUEST, Team, two};
use crate::support::Terminal;

/// The number of kills of each person, unless `FLAGKIT_KILLS` has another.
const ROUNDS: u32 = 10;

fn rounds() -> u32 {
    std::env::var("FLAGKIT_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// Starts `go` with the answer typed ahead, so that the kill may come at any point.
fn start(team: &Team, key: &str) -> Terminal {
    let mut terminal = team.terminal(Some(key), &["go", "pay"]);
    terminal.answer("pay");
    terminal
}

/// Kills runs of a person, spread over the duration of a whole run. Calls `check` after each, until rounds ended before
/// the effect of the run and after it. `check` returns whether the run had its effect.
fn kill(team: &Team, key: &str, whole: Duration, mut check: impl FnMut(u32) -> bool) -> [u32; 2] {
    let (rounds, mut round, mut before, mut after) = (rounds(), 0, 0, 0);
    while round < rounds || before == 0 || after == 0 {
        let mut terminal = start(team, key);
        // Not a wait for a condition: the kills are spread over the duration of the run. A run takes longer on a busy
        // machine than at the measurement, or the reverse, so rounds are added until there are kills on both sides.
        let delay = match round.checked_sub(rounds) {
            None => whole * round / rounds,
            Some(added) if after == 0 => whole * (added + 2),
            Some(_) => Duration::ZERO,
        };
        thread::sleep(delay);
        terminal.kill_nine();
        let count = if check(round) { &mut after } else { &mut before };
        *count += 1;
        round += 1;
    }
    [before, after]
}

/// Checks that the flag file is whole: dark and unchanged, or live with the approvals of both people.
#[track_caller]
fn is_live(team: &Team) -> bool {
    let (text, two) = (team.flags(), two());
    let is_live = team.is_live("flags.toml", None);
    if text == two {
        assert!(!is_live);
    } else {
        let approvals = text.matches("[[flags.pay.approval]]").count();
        assert!(is_live && approvals == 2 && text.contains("on = true"), "{text}");
    }
    is_live
}

/// Runs `go` to its end. Returns how long it took.
#[track_caller]
fn run(team: &Team, key: &str, code: i32) -> Duration {
    let begin = Instant::now();
    let (ended, screen) = start(team, key).end();
    assert_eq!(ended, code, "{screen}");
    begin.elapsed()
}

#[test]
fn a_kill_during_the_steps_of_two_people_loses_nothing() {
    let team = Team::new(&two());
    let [first, second] = [("alice", 5), ("bob", 0)].map(|(key, code)| run(&team, key, code));
    assert!(is_live(&team));
    assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);

    let path = REQUEST;
    let of_first = kill(&team, "alice", first, |round| {
        assert!(!is_live(&team), "round {round}: nothing is live after one person");
        if !team.has_request() {
            return false;
        }
        let request = team.folder.read(path);
        assert_eq!(request.matches("[[approval]]").count(), 1, "round {round}: the request is whole");
        let ran = team.folder.run(&["no", "pay", "--reason", "again"]);
        assert_eq!(ran.code, 0, "round {round}: {ran:?}");
        true
    });

    run(&team, "alice", 5);
    let of_second = kill(&team, "bob", second, |round| {
        let is_live = is_live(&team);
        let ran = team.folder.run(&["log", "--verify"]);
        assert_eq!(ran.code, 0, "round {round}: {ran:?}");
        let last = team.folder.entries().into_iter().rfind(|entry| entry["verb"] != "no").expect("an entry");
        if is_live {
            assert_eq!((&last["verb"], last["approved"].as_array().map(Vec::len)), (&"go".into(), Some(2)), "{last}");
            let ran = team.folder.run(&["no", "pay", "--reason", "again"]);
            assert_eq!(ran.code, 7, "round {round}: the request is done: {ran:?}");
            assert_eq!(team.folder.run(&["revert", "pay"]).code, 0);
            run(&team, "alice", 5);
        } else {
            assert_ne!(last["verb"], "go", "round {round}");
            let request = team.folder.read(path);
            assert_eq!(request.matches("[[approval]]").count(), 1, "round {round}: the first approval is still there");
        }
        is_live
    });
    run(&team, "bob", 0);
    assert!(is_live(&team));
    println!("kills before and after the effect: {of_first:?} of the first person, {of_second:?} of the second");
}
