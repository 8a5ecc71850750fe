//! A gate, a list or a statement that requires several people needs as many people with keys of their own.

use flagkit_sources::File;
use flagkit_sources::approvals::Statement;

use crate::support::approvals::{DEFINITION, ENV, Person, Signed, document, list, refusal, start, statement};
use crate::support::{TestDir, builder};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// The statement of a gate that requires two people.
fn for_two() -> Statement {
    let mut statement = statement(DEFINITION, "10%");
    statement.requirement.humans = 2;
    statement
}

fn refused(list: &str, statement: &Statement, people: &[&Person]) -> Option<String> {
    let approvals: Vec<_> = people.iter().map(|person| Signed::new(statement, person)).collect();
    let (_dir, guard) = start(list, &document(DEFINITION, &approvals));
    refusal(&guard)
}

#[test]
fn two_people_with_two_keys_are_two() {
    let (alice, bob) = (Person::new(ALICE, 1), Person::new(BOB, 2));
    let list = list(&[&alice, &bob]);
    assert_eq!(refused(&list, &for_two(), &[&alice, &bob]), None);
    assert_eq!(refused(&list, &for_two(), &[&alice]), Some("1 of 2 valid approvals".into()));
    let mallory = Person::new("mallory", 3);
    let expected = "1 of 2 valid approvals (mallory: a person who is not in the list of approvers)";
    assert_eq!(refused(&list, &for_two(), &[&alice, &mallory]), Some(expected.into()));
}

#[test]
fn the_same_person_counts_once_also_with_two_keys() {
    let (alice, laptop) = (Person::new(ALICE, 1), Person::new(ALICE, 11));
    let list = list(&[&alice, &laptop, &Person::new(BOB, 2)]);
    let expected = "1 of 2 valid approvals (alice@example.com: a second approval by the same person)";
    assert_eq!(refused(&list, &for_two(), &[&alice, &alice]), Some(expected.into()));
    assert_eq!(refused(&list, &for_two(), &[&alice, &laptop]), Some(expected.into()));
}

#[test]
fn the_same_key_counts_once_also_under_two_names() {
    let (alice, also_bob) = (Person::new(ALICE, 1), Person::new(BOB, 1));
    let expected = "1 of 2 valid approvals (bob@example.com: a second approval with the same key, or by the same owner \
                    under another name: alice@example.com)";
    for list in [list(&[&alice, &also_bob]), format!("{ALICE},{BOB} {}\n", alice.public_key())] {
        assert_eq!(refused(&list, &for_two(), &[&alice, &also_bob]), Some(expected.into()));
    }
}

#[test]
fn an_owner_of_two_keys_is_not_two_people_by_a_shared_key() {
    // The owner of the first key has the second one too, under another name, and both sign.
    let (alice, also_bob, bob) = (Person::new(ALICE, 1), Person::new(BOB, 1), Person::new(BOB, 2));
    let list = list(&[&alice, &also_bob, &bob]);
    assert!(refused(&list, &for_two(), &[&alice, &bob]).is_some_and(|refusal| refusal.contains("the same owner")));
}

#[test]
fn the_gate_of_the_document_may_require_more_than_was_signed() {
    let alice = Person::new(ALICE, 1);
    let gated = |gate: &str| {
        let definition = format!("{DEFINITION}gate = \"strict\"\n");
        let document = document(&definition, &[Signed::new(&statement(DEFINITION, "10%"), &alice)]);
        let (_dir, guard) = start(&list(&[&alice]), &format!("{document}\n[gate.strict]\n{gate}\n"));
        refusal(&guard)
    };
    assert_eq!(gated("confirm = \"signed\""), None);
    assert_eq!(gated("humans = 2"), Some("1 of 2 valid approvals".into()));
    let expected = "0 of 1 valid approvals (alice@example.com: a signature by a key that is not a hardware key, which \
                    cannot prove a touch)";
    assert_eq!(gated("confirm = \"touch\""), Some(expected.into()));
}

#[test]
fn a_gate_of_the_declared_file_may_be_named_in_the_file_of_an_environment() {
    let (alice, bob) = (Person::new(ALICE, 1), Person::new(BOB, 2));
    let declared = "[flags.new-checkout]\ngate = \"g\"\n[gate.g]\nconfirm = \"signed\"\nhumans = 2\n";
    let refused = |gate: &str, people: &[&Person]| {
        let dir = TestDir::new();
        let approvals: Vec<_> =
            people.iter().map(|person| Signed::new(&statement(DEFINITION, "10%"), person)).collect();
        let [below, above] = [dir.path("flags.toml"), dir.path("flags.prod.toml")];
        std::fs::write(&below, declared).expect("the file is written");
        std::fs::write(&above, document(&format!("{DEFINITION}{gate}"), &approvals)).expect("the file is written");
        let builder = builder().required(File::new(below)).required(File::new(above));
        let guard = builder.require_approvals(list(&[&alice, &bob]), ENV).start().expect("starts");
        refusal(&guard)
    };
    for gate in ["", "gate = \"g\"\n", "gate = \"other\"\n"] {
        assert_eq!(refused(gate, &[&alice, &bob]), None, "{gate}");
        // The gate below the environment counts.
        assert_eq!(refused(gate, &[&alice]), Some("1 of 2 valid approvals".into()), "{gate}");
    }
}

#[test]
fn no_document_lowers_what_the_list_requires() {
    let (alice, bob) = (Person::new(ALICE, 1), Person::new(BOB, 2));
    let list = format!("# flagkit: humans = 2\n{}", list(&[&alice, &bob]));
    let for_one = statement(DEFINITION, "10%");
    assert_eq!(refused(&list, &for_one, &[&alice]), Some("1 of 2 valid approvals".into()));
    assert_eq!(refused(&list, &for_one, &[&alice, &bob]), None);
    let strict = format!("# flagkit: confirm = \"touch\"\n{list}");
    assert!(refused(&strict, &for_one, &[&alice, &bob]).is_some_and(|refusal| refusal.contains("hardware key")));
}

#[test]
fn approvals_of_two_releases_do_not_add_up() {
    let (alice, bob) = (Person::new(ALICE, 1), Person::new(BOB, 2));
    let people = list(&[&alice, &bob]);
    let other = |change: fn(&mut Statement)| {
        let mut other = for_two();
        change(&mut other);
        let approvals = [Signed::new(&for_two(), &alice), Signed::new(&other, &bob)];
        let (_dir, guard) = start(&people, &document(DEFINITION, &approvals));
        refusal(&guard)
    };
    assert_eq!(other(|_| {}), None);
    let differ: [fn(&mut Statement); 4] = [
        |other| other.serial += 1,
        |other| other.before = format!("sha256:{:064}", 9),
        |other| other.gate = format!("sha256:{:064}", 9),
        |other| other.requirement.humans = 3,
    ];
    for change in differ {
        assert!(other(change).is_some_and(|refusal| refusal.starts_with("1 of ")));
    }
    // The second person may approve later, after another deployment and other reports of the checks.
    let may_differ: [fn(&mut Statement); 3] = [
        |other| other.at = "2026-02-01T00:00:00Z".into(),
        |other| other.release = Some("ffffff".into()),
        |other| other.checks = Some(format!("sha256:{:064}", 9)),
    ];
    for change in may_differ {
        assert_eq!(other(change), None);
    }
}
