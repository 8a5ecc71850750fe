//! Approvals and the requirements of gates load as the document states them. A flag with an invalid approval is
//! refused; a gate that cannot be read requires the most.

use flagkit_core::Flag;
use flagkit_core::source::{Approval, ApprovalRequirement, Confirmation, Load};
use flagkit_sources::document::Format;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

const STRICTEST: ApprovalRequirement = ApprovalRequirement { confirmation: Confirmation::TouchAndPin, humans: 10 };

/// The fields of a valid approval, in TOML.
fn fields() -> Vec<(&'static str, String)> {
    let text = |value: &str| format!("{value:?}");
    vec![
        ("by", text("alice@example.com")),
        ("at", "2026-11-29T10:03:11Z".to_owned()),
        ("to", text("10%")),
        ("serial", "1795946591".to_owned()),
        ("before", text(DIGEST)),
        ("release", text("3f2c9d1")),
        ("checks", text(DIGEST)),
        ("gate", text(DIGEST)),
        ("confirm", text("touch+pin")),
        ("humans", "2".to_owned()),
        ("signature", text(SIGNATURE)),
    ]
}

/// A flag that is on, with one approval of these fields.
fn toml<'a>(fields: impl IntoIterator<Item = &'a (&'static str, String)>) -> String {
    let lines = fields.into_iter().map(|(name, value)| format!("{name} = {value}\n"));
    format!("[flags.x]\non = true\n[[flags.x.approval]]\n{}", lines.collect::<String>())
}

fn read(format: Format, text: &str) -> Load {
    format.read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn approval() -> Approval {
    Approval {
        by: "alice@example.com".into(),
        at: "2026-11-29T10:03:11Z".into(),
        to: "10%".into(),
        serial: 1_795_946_591,
        before: DIGEST.into(),
        release: Some("3f2c9d1".into()),
        checks: Some(DIGEST.into()),
        gate: DIGEST.into(),
        requirement: ApprovalRequirement { confirmation: Confirmation::TouchAndPin, humans: 2 },
        signature: SIGNATURE.into(),
    }
}

#[test]
fn an_approval_loads_from_both_formats() {
    let toml = read(Format::Toml, &toml(&fields()));
    let json = fields().into_iter().map(|(name, value)| match name {
        "at" => format!("\"at\": \"{value}\""),
        _ => format!("\"{name}\": {value}"),
    });
    let json = json.collect::<Vec<_>>().join(", ");
    let json = read(Format::Json, &format!("{{\"flags\": {{\"x\": {{\"on\": true, \"approval\": [{{{json}}}]}}}}}}"));
    for load in [toml, json] {
        assert_eq!(load.problems(), &[]);
        assert_eq!(load.flags().get("x").expect("valid").approvals(), [approval()]);
    }
}

#[test]
fn only_release_and_checks_can_be_left_out() {
    for left_out in fields().iter().map(|(name, _)| *name) {
        let load = read(Format::Toml, &toml(fields().iter().filter(|(name, _)| *name != left_out)));
        if matches!(left_out, "release" | "checks") {
            let expected = match left_out {
                "release" => Approval { release: None, ..approval() },
                _ => Approval { checks: None, ..approval() },
            };
            assert_eq!(load.flags().get("x").expect("valid").approvals(), [expected]);
            continue;
        }
        let [problem] = load.problems() else { panic!("{left_out}: {:?}", load.problems()) };
        assert!(problem.to_string().starts_with("3:1: flags.x.approval[0]: got an approval without"), "{problem}");
        assert!(problem.got().contains(&format!("`{left_out}`")) && problem.help().is_some(), "{problem}");
        assert!(load.flags().get("x").is_none() && load.flags().contains("x"), "{left_out}");
    }
}

/// Values that a field cannot have, because they would have two readings, more than one line, or none.
#[test]
fn each_field_has_one_form() {
    let long = format!("{:?}", "x".repeat(257));
    let long_signature = format!("{:?}", "x".repeat(16 * 1024 + 1));
    let upper = format!("{:?}", DIGEST.replace('a', "A"));
    let short = format!("{:?}", &DIGEST[..70]);
    let digests = ["1", "\"\"", "\"sha256:\"", "\"0123\"", &upper, &short];
    let lines = ["1", "true", "\"\"", "\"a\\nb\"", "\"a\\tb\"", "\"a\\u0000b\"", "\"a\\u2028b\"", "\"\\u0085\"", &long];
    let times = [
        "1",
        "2026-11-29",
        "2026-11-29T10:03:11.5Z",
        "2026-11-29T10:03:11+00:00",
        "2026-11-29T10:03:11",
        "\"2026-11-29 10:03:11Z\"",
        "\"2026-11-29t10:03:11z\"",
        "\"2026-02-29T10:03:11Z\"",
        "\"2026-11-29T24:00:00Z\"",
        "\"2026-11-29T10:03:60Z\"",
        "\"2026-11-29T10:03Z\"",
        "\"2026-11-29T+1:03:11Z\"",
        "\"now\"",
    ];
    let states = [
        "10",
        "true",
        "\"10\"",
        "\"10.0%\"",
        "\"010%\"",
        "\"100%\"",
        "\"off\"",
        "\"On\"",
        "\"101%\"",
        "\"dark\"",
        "\"live@\"",
        "\"live@100%\"",
        "\"Live\"",
        "\"off@5%\"",
        "\"on@5%\"",
        "\" on\"",
    ];
    let serials = ["0", "-1", "1.0", "1.5", "\"1\"", "9223372036854775808e0"];
    let releases = [&lines[..], &["\"-\""]].concat();
    let humans = ["0", "11", "-1", "1.0", "\"2\"", "true"];
    let invalid: [(&str, &[&str]); 11] = [
        ("by", &lines),
        ("at", &times),
        ("to", &states),
        ("serial", &serials),
        ("before", &digests),
        ("release", &releases),
        ("checks", &digests),
        ("gate", &digests),
        ("confirm", &["1", "\"\"", "\"tty\"", "\"Signed\"", "[\"signed\"]"]),
        ("humans", &humans),
        ("signature", &["1", "\"\"", "\"\\u0000\"", "\"\\u001b[2J\"", "\"é\"", &long_signature]),
    ];
    for (field, values) in invalid {
        for value in values {
            let mut fields = fields();
            let index = fields.iter().position(|(name, _)| *name == field).expect("a field");
            fields[index].1 = (*value).to_owned();
            let load = read(Format::Toml, &toml(&fields));
            let [problem] = load.problems() else { panic!("{field} = {value}: {:?}", load.problems()) };
            assert_eq!(problem.path(), format!("flags.x.approval[0].{field}"), "{value}");
            let location = problem.location().expect("a location");
            assert_eq!((location.line, location.column), (4 + index, field.len() + 4), "{field} = {value}");
            assert!(load.flags().get("x").is_none(), "{field} = {value}");
        }
    }
    for state in ["on", "0%", "0.5%", "99.999999%", "dual-write", "live", "live@25%", "contracted@1%", "dual-write@0%"]
    {
        let mut fields = fields();
        fields[2].1 = format!("{state:?}");
        let load = read(Format::Toml, &toml(&fields));
        assert_eq!(load.flags().get("x").map(|flag| &*flag.approvals()[0].to), Some(state));
    }
}

#[test]
fn an_unknown_field_is_a_problem() {
    let mut fields = fields();
    fields.push(("signatures", "\"\"".to_owned()));
    let load = read(Format::Toml, &toml(&fields));
    let [problem] = load.problems() else { panic!("{:?}", load.problems()) };
    assert_eq!(problem.path(), "flags.x.approval[0].signatures");
    assert_eq!(problem.help(), Some("did you mean `signature`?"));
    assert!(load.flags().get("x").is_none());
}

#[test]
fn approvals_are_an_array_of_at_most_20() {
    let one = toml(&fields());
    let header = "[[flags.x.approval]]\n";
    let (_, fields) = one.split_once(header).expect("an approval");
    let many = |count: usize| format!("[flags.x]\non = true\n{}", format!("{header}{fields}").repeat(count));
    let load = read(Format::Toml, &many(20));
    assert_eq!((load.problems(), load.flags().get("x").map(|flag| flag.approvals().len())), (&[][..], Some(20)));
    let load = read(Format::Toml, &many(100));
    let [problem] = load.problems() else { panic!("{:?}", load.problems()) };
    assert!(problem.to_string().contains("flags.x.approval: got 100 approvals, expected at most 20"), "{problem}");
    assert!(load.flags().get("x").is_none());
    for (value, got) in [("true", "true"), ("{ by = 'a' }", "a table"), ("[1]", "the number 1")] {
        let load = read(Format::Toml, &format!("[flags.x]\non = true\napproval = {value}\n"));
        let [problem] = load.problems() else { panic!("{value}: {:?}", load.problems()) };
        assert_eq!(problem.got(), got);
    }
    let load = read(Format::Toml, "flags.x = { on = true, approval = [] }");
    assert_eq!(load.problems(), &[]);
}

#[test]
fn a_flag_that_is_off_stays_off_with_an_invalid_approval() {
    let text = toml(&[("by", "1".to_owned())]).replace("on = true", "on = false");
    let load = read(Format::Toml, &text);
    assert_eq!(load.problems().len(), 2);
    assert_eq!(load.flags().get("x"), Some(&Flag::off()));
}

fn requirement(text: &str) -> (Option<ApprovalRequirement>, usize) {
    let load = read(Format::Toml, text);
    let flag = load.flags().get("x").unwrap_or_else(|| panic!("{:?}", load.problems()));
    (flag.approval_requirement(), load.problems().len())
}

#[test]
fn the_gate_of_a_flag_or_of_the_document_says_what_approvals_need() {
    let gates = "[gate.two]\nhumans = 2\nramp = [1]\n[gate.touched]\nconfirm = \"touch\"\nfuture = true\n[gate.none]\n";
    let required = |confirmation, humans| Some(ApprovalRequirement { confirmation, humans });
    for (text, expected) in [
        ("[flags.x]\ngate = \"two\"\n", required(Confirmation::Terminal, 2)),
        ("[flags.x]\ngate = \"touched\"\n", required(Confirmation::Touch, 1)),
        ("[defaults]\ngate = \"two\"\n[flags.x]\n", required(Confirmation::Terminal, 2)),
        ("[defaults]\ngate = \"two\"\n[flags.x]\ngate = \"touched\"\n", required(Confirmation::Touch, 1)),
        ("[defaults]\ngate = \"two\"\n[flags]\nx = \"10%\"\n", required(Confirmation::Terminal, 2)),
        ("[defaults]\ngate = \"two\"\n[flags.x]\non = false\nrollout = 101\n", required(Confirmation::Terminal, 2)),
        ("[defaults]\ngate = \"two\"\n[flags.x]\nkind = \"migration\"\n", required(Confirmation::Terminal, 2)),
        ("[flags.x]\ngate = \"none\"\n", None),
        ("[flags]\nx = true\n", None),
    ] {
        for text in [format!("{text}{gates}"), format!("{gates}{text}")] {
            assert_eq!(requirement(&text).0, expected, "{text}");
        }
    }
}

/// Such a document is usually the file of an environment, and the declared file has the gate.
#[test]
fn a_document_without_gates_adds_no_requirement() {
    for text in [
        "[flags.x]\ngate = \"g\"\n",
        "[defaults]\ngate = \"g\"\n[flags]\nx = true\n",
        "[defaults]\ngate = \"g\"\n[flags.x]\ngate = \"h\"\n",
    ] {
        assert_eq!(requirement(text), (None, 0), "{text}");
    }
}

/// It is unknown what the author meant, so the flag needs the most that any gate can require.
#[test]
fn a_gate_that_cannot_be_read_requires_the_most() {
    for (gate, problems) in [
        ("[gate.g]\nconfirm = \"tty\"\n", 1),
        ("[gate.g]\nconfirm = 2\nhumans = 2\n", 1),
        ("[gate.g]\nhumans = 0\n", 1),
        ("[gate.g]\nhumans = 11\nconfirm = \"\"\n", 2),
        ("[gate.g]\nhumans = \"2\"\n", 1),
        ("[gate]\ng = 1\n", 0),
        ("[gate.h]\n", 0),
        ("[gate]\n", 0),
    ] {
        for flags in ["[flags.x]\ngate = \"g\"\n", "[defaults]\ngate = \"g\"\n[flags]\nx = true\n"] {
            assert_eq!(requirement(&format!("{flags}{gate}")), (Some(STRICTEST), problems), "{flags}{gate}");
        }
    }
    for text in ["[flags.x]\ngate = 1\n", "[flags.x]\ngate = { confirm = \"signed\" }\n", "defaults = 1\n[flags.x]\n"] {
        assert_eq!(requirement(text), (Some(STRICTEST), 0), "{text}");
    }
    let text = "gate = 1\n[flags.x]\ngate = \"g\"\n";
    assert_eq!(requirement(text).0, Some(STRICTEST), "{text}");
    let load = read(Format::Toml, "[flags]\n[gate.g]\nconfirm = \"sined\"\nhumans = 0\n");
    let problems: Vec<String> = load.problems().iter().map(ToString::to_string).collect();
    let words = "one of `terminal`, `signed`, `touch` or `touch+pin`";
    assert_eq!(
        problems,
        [
            format!("3:11: gate.g.confirm: got the text \"sined\", expected {words}; did you mean \"signed\"?"),
            "4:10: gate.g.humans: got the number 0, expected a whole number from 1 to 10".to_owned(),
        ]
    );
}
