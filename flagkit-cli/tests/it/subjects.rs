//! The subject of an evaluation: the command answers as a program does, whatever the type and size of an attribute.

use flagkit_core::source::{Load, Provenance};
use flagkit_core::{Attribute, Context, Flags};
use flagkit_sources::document::Format;

use crate::support::Folder;

const FLAGS: &str = "\
[flags.big]
on = true
rollout = 50
by = \"account\"

[flags.tenth]
on = true
rollout = 0
rules = [{ if = { score = 0.1 } }]

[flags.version]
on = true
rollout = 0
rules = [{ if = { v = \"2.10\" } }]

[flags.absent]
on = true
rollout = 0
rules = [{ if = { account.exists = false } }]

[flags.listed]
on = true
rollout = 0
rules = [{ subjects = [0, 18446744073709551615, 340282366920938463463374607431768211455] }]

[flags.typed]
on = true
rollout = 0
rules = [
  { if = { surname = \"null\" } },
  { if = { seats = 5 } },
  { if = { beta = true } },
  { if = { tags.contains = [\"b\", 3] } },
  { if = { at.before = 2027-02-01T12:00:00Z } },
]
";

/// The answer of a program.
fn program(key: &str, account: impl Attribute) -> bool {
    let flags = Flags::new();
    let load: Load = Format::Toml.read(FLAGS.as_bytes()).expect("loads");
    assert!(load.problems().is_empty(), "{:?}", load.problems());
    flags.add_layer(Provenance::new("test:")).publish(load);
    flags.is_on(key, &Context::new("u1").with("account", account))
}

/// Whole numbers at the limits of the types that a program may have, each with the answer for it.
fn numbers() -> Vec<(String, bool)> {
    let signed = [i128::MIN, i64::MIN.into(), -1, 0, 1, i64::MAX.into(), i128::from(i64::MAX) + 1, i128::MAX];
    let unsigned = [u64::MAX.into(), u128::from(u64::MAX) - 7, 1 << 127, u128::MAX];
    let mut numbers: Vec<_> = signed.iter().map(|number| (number.to_string(), program("big", *number))).collect();
    numbers.extend(unsigned.iter().map(|number| (number.to_string(), program("big", *number))));
    numbers.push(("-0".to_owned(), program("big", 0)));
    numbers
}

fn folder() -> Folder {
    Folder::with("flags.toml", FLAGS)
}

#[track_caller]
fn check(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) {
    let ran = folder.run(arguments);
    let shown = format!("{}{}", ran.out, ran.err);
    assert!(ran.code == code && words.iter().all(|word| shown.contains(word)), "{arguments:?}: {ran:?}");
}

#[test]
fn a_whole_number_of_any_size_is_the_number_of_a_program() {
    let (folder, numbers) = (folder(), numbers());
    assert!(numbers.iter().any(|(_, on)| *on) && numbers.iter().any(|(_, on)| !on), "{numbers:?}");
    for (number, on) in &numbers {
        let shown = if *on { "big is on" } else { "big is off" };
        check(&folder, &["eval", "big", "--attr", &format!("account={number}")], 0, &[shown]);
        check(&folder, &["explain", "big", "--attr", &format!("account:number={number}")], 0, &[shown]);
    }
    let lines = |flag: bool| {
        let flag = if flag { "\"flag\":\"big\"," } else { "" };
        numbers.iter().fold(String::new(), |text, (number, _)| {
            text + &format!("{{{flag}\"id\":\"u1\",\"attributes\":{{\"account\":{number}}}}}\n")
        })
    };
    let ran = folder.run_with(&["eval", "--stdin"], &lines(true));
    let answers: Vec<bool> = ran.out.lines().map(|line| line.contains("\"on\":true")).collect();
    assert_eq!(answers, numbers.iter().map(|(_, on)| *on).collect::<Vec<_>>(), "{ran:?}");
    folder.write("people.jsonl", &lines(false));
    folder.write("before.toml", "[flags.big]\non = false\n");
    let data = folder.json(&["diff", "before.toml", "flags.toml", "--population", "people.jsonl"]);
    let rows = data["data"]["flags"].as_array().expect("flags");
    let row = rows.iter().find(|row| row["flag"] == "big").expect("the flag");
    assert_eq!(row["newly"], numbers.iter().filter(|(_, on)| *on).count(), "{row}");
}

#[test]
fn an_id_of_any_size_is_in_a_list() {
    let folder = folder();
    let ids =
        ["-0", "0", "\"0\"", "18446744073709551615", "340282366920938463463374607431768211455", "18446744073709551616"];
    let input = ids.map(|id| format!("{{\"flag\":\"listed\",\"id\":{id}}}")).join("\n");
    let ran = folder.run_with(&["eval", "--stdin"], &input);
    let answers: Vec<bool> = ran.out.lines().map(|line| line.contains("\"on\":true")).collect();
    assert_eq!(answers, [true, true, true, true, true, false], "{ran:?}");
}

#[test]
fn a_fraction_is_the_nearest_one() {
    let folder = folder();
    for (score, on) in
        [("0.1", true), ("1e-1", true), ("0.1000000000000000055511151231257827", true), ("0.10000000000000002", false)]
    {
        let shown = if on { "tenth is on" } else { "tenth is off" };
        check(&folder, &["eval", "tenth", "--attr", &format!("score={score}")], 0, &[shown]);
    }
}

#[test]
fn a_number_beyond_every_type_is_an_error_and_not_another_number() {
    let folder = folder();
    let huge = "340282366920938463463374607431768211456";
    let expected = format!("got {huge}, expected a whole number from -2^127 to 2^128 - 1");
    check(&folder, &["eval", "big", "--attr", &format!("account:number={huge}")], 2, &[&expected]);
    let line = format!("{{\"flag\":\"big\",\"attributes\":{{\"account\":{huge}}}}}\n");
    let ran = folder.run_with(&["eval", "--stdin"], &line);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("\"column\":39") && ran.out.contains(&format!("attributes.account: {expected}")),
        "{ran:?}"
    );
    let ran = folder.run_with(&["eval", "--stdin"], "{\"flag\":\"big\",\"attributes\":{\"a\":1e999}}\n");
    assert!(ran.code == 1 && ran.out.contains("attributes.a: got 1e999, expected a finite number"), "{ran:?}");
    let ran = folder.run_with(&["eval", "--stdin"], "{\"flag\":\"big\",\"attributes\":{\"a\":{\"b\":1}}}\n");
    assert!(ran.code == 1 && ran.out.contains("attributes.a: got an object"), "{ran:?}");
    let ran = folder.run_with(&["eval", "--stdin"], "{\"flag\":\"big\",\"id\":1.5}\n");
    assert!(ran.code == 1 && ran.out.contains("id: got 1.5, expected a text or a whole number"), "{ran:?}");
}

#[test]
fn a_type_says_what_an_attribute_is() {
    let folder = folder();
    check(&folder, &["eval", "version", "--attr", "v:text=2.10"], 0, &["version is on"]);
    check(&folder, &["eval", "version", "--attr", "v=\"2.10\""], 0, &["version is on"]);
    check(
        &folder,
        &["eval", "version", "--attr", "v=2.10"],
        0,
        &["version is off", "note: v is the number 2.1", "v:text=2.10"],
    );
    for argument in [
        "surname=null",
        "surname:text=null",
        "seats=5",
        "seats:number=5",
        "seats:number=5.0",
        "beta=true",
        "beta:bool=true",
        "tags:list=a,b",
        "tags=[1, \"b\"]",
        "tags:list=[3]",
        "at:date=2027-02-01T11:59:59Z",
    ] {
        check(&folder, &["eval", "typed", "--attr", argument], 0, &["typed is on"]);
    }
    for argument in ["seats:text=5", "beta:text=true", "tags:list=", "tags:list=bb"] {
        check(&folder, &["eval", "typed", "--attr", argument], 0, &["typed is off"]);
    }
}

#[test]
fn a_value_that_does_not_fit_its_type_is_explained() {
    let folder = folder();
    for (argument, words) in [
        ("seats:number=many", &["got \"many\", expected a number"][..]),
        ("seats:number=", &["expected a number"]),
        ("seats:number=007", &["got \"007\", expected a number"]),
        ("beta:bool=yes", &["got \"yes\", expected true or false"]),
        ("at:date=2027-02-01", &["expected a date with a time and a zone"]),
        ("tags:list=[1,", &["expected an array of JSON"]),
        ("tags=[a, b]", &["got \"[a, b]\", expected an array of JSON", "tags:list=a,b"]),
        ("v:txt=1", &["got the type \"txt\", expected one of text, number, bool, date, list", "did you mean `text`?"]),
        ("app:plan=beta", &["got the type \"plan\"", "app:plan:text=beta"]),
        ("=1", &["expected NAME=VALUE"]),
        (":text=1", &["expected NAME=VALUE"]),
        ("v", &["expected NAME=VALUE"]),
    ] {
        check(&folder, &["eval", "typed", "--attr", argument], 2, words);
    }
}

#[test]
fn a_number_of_128_bits_is_present() {
    let folder = folder();
    assert!(!program("absent", u128::MAX));
    let largest = format!("account={}", u128::MAX);
    check(&folder, &["eval", "absent", "--attr", &largest], 0, &["absent is off"]);
    check(&folder, &["eval", "absent"], 0, &["absent is on"]);
}
