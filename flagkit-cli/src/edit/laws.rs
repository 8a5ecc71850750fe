//! Properties of every edit, checked with random documents.

use std::collections::BTreeMap;

use flagkit_core::source::{Approval, ApprovalRequirement, Confirmation};
use flagkit_core::{Flag, Percent};
use flagkit_sources::document::Format;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

use super::{remove_approvals, set, set_all, set_approvals};
use crate::state::State;

const KEYS: [&str; 5] = ["a", "b", "c.d", "long-name", "x_1"];

/// The written form of a flag.
#[derive(Clone, Copy, Debug)]
enum Form {
    Short,
    Inline,
    Dotted,
    Header,
}

#[derive(Clone, Debug)]
struct Written {
    form: Form,
    on: Option<bool>,
    rollout: Option<u8>,
    owner: bool,
    has_rule: bool,
}

fn written() -> impl Strategy<Value = Written> {
    let form = prop_oneof![Just(Form::Short), Just(Form::Inline), Just(Form::Dotted), Just(Form::Header)];
    (form, option::weighted(0.8, any::<bool>()), option::of(0..=100_u8), any::<bool>(), any::<bool>())
        .prop_map(|(form, on, rollout, owner, has_rule)| Written { form, on, rollout, owner, has_rule })
}

fn document() -> impl Strategy<Value = BTreeMap<&'static str, Written>> {
    btree_map(prop::sample::select(&KEYS[..]), written(), 0..=KEYS.len())
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        2 => Just(State::Off),
        2 => Just(State::ON),
        3 => (1..100_000_000_u32).prop_map(|millionths| State::At(Percent::from_millionths(millionths).unwrap())),
    ]
}

impl Written {
    fn short(&self) -> String {
        match (self.on, self.rollout) {
            (Some(false), _) => "false".to_owned(),
            (_, Some(rollout)) => format!("\"{rollout}%\""),
            _ => "true".to_owned(),
        }
    }

    fn fields(&self, rule: &str) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        if self.owner {
            fields.push(("owner", "\"me\"".to_owned()));
        }
        fields.extend(self.on.map(|on| ("on", on.to_string())));
        fields.extend(self.rollout.map(|rollout| ("rollout", rollout.to_string())));
        if self.has_rule {
            fields.push(("rules", format!("[{rule}]")));
        }
        fields
    }
}

fn list(fields: &[(&str, String)], write: impl Fn(&str, &str) -> String) -> String {
    fields.iter().map(|(name, value)| write(name, value)).collect::<Vec<_>>().join(", ")
}

/// Returns the document in TOML. Flags with their own headers come last.
fn toml(document: &BTreeMap<&str, Written>, newline: &str) -> String {
    let rule = "{ if = { plan = \"beta\" } }";
    let (mut first, mut last) = (vec!["# head".to_owned(), "[flags]".to_owned()], Vec::new());
    for (key, written) in document {
        let fields = written.fields(rule);
        match written.form {
            Form::Short => first.push(format!("\"{key}\" = {} # short", written.short())),
            Form::Inline => {
                first.push(format!("'{key}' = {{ {} }}", list(&fields, |name, value| format!("{name} = {value}"))));
            }
            Form::Dotted => {
                // Without a field, the flag would not exist.
                first.push(format!("\"{key}\".description = \"dotted\""));
                first.extend(fields.iter().map(|(name, value)| format!("\"{key}\".{name} = {value}")));
            }
            Form::Header => {
                last.extend([String::new(), format!("[flags.\"{key}\"] # header")]);
                last.extend(fields.iter().map(|(name, value)| format!("  {name} = {value} # {name}")));
            }
        }
    }
    first.into_iter().chain(last).map(|line| line + newline).collect()
}

fn json(document: &BTreeMap<&str, Written>, newline: &str) -> String {
    let flags = document.iter().map(|(key, written)| {
        let fields = written.fields("{\"if\": {\"plan\": \"beta\"}}");
        let long = || format!("{{{}}}", list(&fields, |name, value| format!("\"{name}\": {value}")));
        let flag = if matches!(written.form, Form::Short) { written.short() } else { long() };
        format!("{newline}  \"{key}\": {flag}")
    });
    format!("{{\"flags\": {{{}}}}}{newline}", flags.collect::<Vec<_>>().join(","))
}

/// Returns the flags of a document, as an application reads them.
fn read(format: Format, text: &str) -> BTreeMap<&'static str, Flag> {
    let load = format.read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(load.problems().is_empty(), "{:?}\n{text}", load.problems());
    KEYS.iter().filter_map(|key| Some((*key, load.flags().get(key)?.clone()))).collect()
}

/// Returns a description of a flag without its state and its location.
fn beside_its_state(flag: &Flag) -> String {
    let (rules, owner) = (flag.rules().len(), flag.metadata().map(|metadata| format!("{metadata:?}")));
    format!("{rules} {owner:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_change_says_what_it_should_and_nothing_else(
        document in document(),
        key in prop::sample::select(&KEYS[..]),
        to in state(),
        newline in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        for (format, text) in [(Format::Toml, toml(&document, newline)), (Format::Json, json(&document, newline))] {
            let before = read(format, &text);
            let changed = set(format, &text, key, to).unwrap();
            let after = read(format, &changed);

            prop_assert_eq!(State::of(after.get(key)), to, "{}\n{}", text, changed);
            for (other, flag) in before.iter().filter(|(other, _)| **other != key) {
                prop_assert_eq!(State::of(after.get(other)), State::of(Some(flag)), "{}\n{}", text, changed);
            }
            for (key, flag) in &before {
                prop_assert_eq!(beside_its_state(&after[key]), beside_its_state(flag), "{}\n{}", text, changed);
            }
            prop_assert_eq!(after.len(), before.len() + usize::from(!before.contains_key(key)));
            prop_assert_eq!(changed.matches('#').count(), text.matches('#').count(), "{}\n{}", text, changed);
            prop_assert_eq!(changed.replace("\r\n", "").contains('\n'), newline == "\n", "{}\n{}", text, changed);

            prop_assert_eq!(&set(format, &changed, key, to).unwrap(), &changed, "a second time");
            if let Some(flag) = before.get(key) {
                let back = set(format, &changed, key, State::of(Some(flag))).unwrap();
                let back = read(format, &back);
                for (key, flag) in &before {
                    prop_assert_eq!(State::of(back.get(key)), State::of(Some(flag)), "{}\n{}", text, changed);
                }
            }
        }
    }

    #[test]
    fn many_changes_at_once_are_those_one_after_the_other(
        document in document(),
        states in btree_map(prop::sample::select(&KEYS[..]), state(), 0..=KEYS.len()),
    ) {
        for (format, text) in [(Format::Toml, toml(&document, "\n")), (Format::Json, json(&document, "\n"))] {
            let together = read(format, &set_all(format, &text, &states).unwrap());
            let one_by_one = states.iter().fold(text, |text, (key, to)| set(format, &text, key, *to).unwrap());
            let one_by_one = read(format, &one_by_one);
            for key in KEYS {
                prop_assert_eq!(State::of(together.get(key)), State::of(one_by_one.get(key)), "{}", key);
            }
        }
    }

    #[test]
    fn approvals_come_and_go_and_change_nothing_else(
        document in document(),
        key in prop::sample::select(&KEYS[..]),
        to in state(),
        count in 1..4_u64,
        newline in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        for (format, text) in [(Format::Toml, toml(&document, newline)), (Format::Json, json(&document, newline))] {
            let text = set(format, &text, key, to).unwrap();
            let before = read(format, &text);
            let approvals: Vec<Approval> = (1..=count).map(approval).collect();
            let approved = set_approvals(format, &text, key, &[approval(9)]).unwrap();
            let approved = set_approvals(format, &approved, key, &approvals).unwrap();
            let after = read(format, &approved);

            for (other, flag) in &before {
                prop_assert_eq!(State::of(after.get(other)), State::of(Some(flag)), "{}\n{}", text, approved);
                prop_assert_eq!(beside_its_state(&after[other]), beside_its_state(flag), "{}\n{}", text, approved);
                let expected = if *other == key { approvals.as_slice() } else { &[] };
                prop_assert_eq!(after[other].approvals().len(), expected.len(), "{}\n{}", text, approved);
                for (got, expected) in after[other].approvals().iter().zip(expected) {
                    prop_assert_eq!((&got.by, &got.at, got.serial), (&expected.by, &expected.at, expected.serial));
                }
            }
            prop_assert_eq!(approved.matches('#').count(), text.matches('#').count(), "{}\n{}", text, approved);
            prop_assert_eq!(approved.replace("\r\n", "").contains('\n'), newline == "\n", "{}\n{}", text, approved);

            let bare = remove_approvals(format, &approved, key).unwrap();
            let is_short = document.get(key).is_none_or(|written| matches!(written.form, Form::Short));
            prop_assert!(is_short || bare == text, "{}\n{}", text, bare);
            prop_assert!(!bare.contains("SIGNATURE"), "{}\n{}", text, bare);
            let off = set(format, &approved, key, State::Off).unwrap();
            prop_assert!(!off.contains("approval"), "{}\n{}", approved, off);
            prop_assert_eq!(State::of(read(format, &off).get(key)), State::Off);
        }
    }
}

fn approval(serial: u64) -> Approval {
    let digest: Box<str> = format!("sha256:{serial:064}").into();
    let requirement = ApprovalRequirement { confirmation: Confirmation::Signed, humans: 1 };
    let signature = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n".into();
    Approval {
        by: format!("person-{serial} \"x\"@example.com").into(),
        at: "2026-11-29T10:03:11Z".into(),
        to: "on".into(),
        serial,
        before: digest.clone(),
        release: (serial == 1).then(|| "r1".into()),
        checks: (serial == 2).then(|| digest.clone()),
        gate: digest,
        requirement,
        signature,
    }
}
