//! A release by two people, from the request to the revert, in a running shop that requires approvals.

use serde_json::Value;

use super::team::Team;
use crate::support::Storefront;

const FLAGS: &str = "\
[flags.search-v2]
description = \"Search by meaning\"
on = false
gate = \"people\"

[gate.people]
confirm = \"signed\"
humans = 2
";

const PROMPT: &str = "Type search-v2 to let it be seen: ";

/// The shop, started with the approvers and the state folder of the team.
fn start(team: &Team) -> Storefront {
    let path = |name: &str| team.folder.path(name).display().to_string();
    let arguments = ["--approvers", &path(".flagkit/approvers"), "--state", &path("state")];
    Storefront::start_with(&team.folder.path("flags.toml"), &arguments)
}

/// Returns why the shop refuses the flag, according to its page for operators.
fn refusal(shop: &Storefront) -> Option<String> {
    let response = shop.get("/flags");
    let body = response.split("\r\n\r\n").nth(1).expect("a body");
    let report: Value = serde_json::from_str(body).expect("JSON");
    let flag = report["flags"].as_array().expect("flags").iter().find(|flag| flag["key"] == "search-v2");
    flag.expect("search-v2")["refusal"].as_str().map(Into::into)
}

/// Waits until the shop refuses the flag for a reason with these words, and checks that no visitor sees it.
#[track_caller]
fn assert_refused(shop: &Storefront, words: &str) {
    shop.wait_until(words, |shop| refusal(shop).is_some_and(|reason| reason.contains(words)));
    assert_eq!(shop.seen_by(20), 0);
    let page = shop.get("/explain/search-v2?user=user-1");
    assert!(page.contains("<p>Not approved: ") && page.contains("search-v2 is off"), "{page}");
    let page = shop.get("/flags");
    assert!(page.contains("until enough people have approved its definition"), "the status says what to do: {page}");
}

/// Answers the prompt of `go`, as a person with this key. Returns the exit code and the screen.
fn go(team: &Team, key: &str, answer: &str) -> (i32, String) {
    let mut terminal = team.terminal(Some(key), &["go", "search-v2", "--to", "50"]);
    terminal.wait_for(PROMPT);
    terminal.answer(answer);
    terminal.end()
}

#[test]
fn two_people_release_a_flag_in_a_shop_that_requires_approvals() {
    let team = Team::new(FLAGS);
    let shop = start(&team);
    assert_eq!((shop.seen_by(20), refusal(&shop)), (0, None), "a flag that is off needs no approval");

    // A party that can write the file cannot turn the flag on.
    team.folder.write("flags.toml", &FLAGS.replace("on = false", "on = true"));
    assert_refused(&shop, "no approval");
    team.folder.write("flags.toml", FLAGS);
    shop.wait_until("the flag is off again", |shop| refusal(shop).is_none());

    // An agent can request the release. A person who is no approver cannot approve it.
    let ran = team.run(None, &["request", "search-v2", "--to", "50"]);
    assert!(ran.code == 4 && ran.out.contains("flagkit go search-v2"), "{ran:?}");
    let (code, screen) = team.terminal(Some("eve"), &["go", "search-v2", "--to", "50"]).end();
    assert!(code == 6 && !screen.contains(PROMPT), "{code}: {screen}");

    // The first person approves, and cannot be the second.
    let (code, screen) = go(&team, "alice", "search-v2");
    assert!(code == 5 && screen.contains("nothing is live yet"), "{code}: {screen}");
    let (code, screen) = team.terminal(Some("alice"), &["go", "search-v2", "--to", "50"]).end();
    assert!(code == 6 && !screen.contains(PROMPT), "{code}: {screen}");
    // The second person first says no to the prompt.
    let (code, screen) = go(&team, "bob", "no");
    assert_eq!(code, 4, "{screen}");
    assert_eq!((shop.seen_by(20), team.flags().as_str()), (0, FLAGS));

    let (code, screen) = go(&team, "bob", "search-v2");
    assert_eq!(code, 0, "{screen}");
    shop.wait_until("some visitors see it", |shop| shop.seen_by(20) > 0);
    assert_eq!(refusal(&shop), None);
    let approved = team.flags();

    // A wider state voids the approvals. Other metadata does not.
    team.folder.write("flags.toml", &approved.replace("rollout = 50", "rollout = 51"));
    assert_refused(&shop, "50%");
    let renamed = approved.replace("Search by meaning", "The new search");
    team.folder.write("flags.toml", &renamed);
    shop.wait_until("some visitors see it again", |shop| refusal(shop).is_none() && shop.seen_by(20) > 0);

    // Anyone can turn it off. The same approvals do not turn it on again, also not in a new process.
    let ran = team.run(None, &["revert", "search-v2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    shop.wait_until("no visitor sees it", |shop| shop.seen_by(20) == 0);
    team.folder.write("flags.toml", &renamed);
    shop.wait_until("the replay is refused", |shop| refusal(shop).is_some());
    let reason = refusal(&shop).expect("a reason");
    assert_refused(&shop, &reason);
    drop(shop);
    assert_refused(&start(&team), &reason);
}
