//! Definitions and statements have the texts and digests of `spec/approvals.json`, which `spec/approvals.py` computes
//! independently.

use std::sync::{Arc, Mutex};

use flagkit_core::Flags;
use flagkit_core::source::{Approvable, ApprovalRequirement, ApprovalVerifier, Confirmation, Provenance};
use flagkit_sources::approvals::{Statement, definition_digest};
use flagkit_sources::document::Format;
use serde_json::Value;

fn vectors(name: &str) -> Vec<Value> {
    let file = include_str!("../../../../spec/approvals.json");
    let Value::Object(mut vectors) = serde_json::from_str(file).expect("JSON") else { panic!("an object") };
    let vectors = vectors.remove(name).expect("vectors");
    vectors.as_array().filter(|vectors| !vectors.is_empty()).expect("an array").clone()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}"))
}

/// A verifier that computes the digest of one flag, with a state.
struct Digester {
    key: String,
    state: String,
    found: Arc<Mutex<Option<String>>>,
}

impl ApprovalVerifier for Digester {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        if flag.key().as_str() == self.key {
            let digest = definition_digest(&self.key, flag.flag(), |name| flag.segment(name), &self.state);
            *self.found.lock().expect("not poisoned") = Some(digest.expect("a digest"));
        }
        Ok(())
    }
}

#[test]
fn definitions_have_the_digests_of_the_vectors() {
    for vector in vectors("definitions") {
        let (key, state) = (text(&vector, "flag").to_owned(), text(&vector, "state").to_owned());
        let found = Arc::default();
        let flags = Flags::new();
        flags.require_approvals(Digester { key: key.clone(), state: state.clone(), found: Arc::clone(&found) });
        for layer in vector["layers"].as_array().expect("layers") {
            let format = if layer["format"] == "json" { Format::Json } else { Format::Toml };
            let load = format.read(text(layer, "text").as_bytes()).expect("well-formed");
            assert_eq!(load.problems(), &[], "{layer}");
            flags.add_layer(Provenance::new("test:")).publish(load);
        }
        // A flag that no layer declares is verified by no one. It is off, and has no declarations.
        let of_undeclared = || {
            let off = flagkit_core::Flag::off();
            definition_digest(&key, &off, |_| None, &state).expect("a digest")
        };
        let found = found.lock().expect("not poisoned").clone().unwrap_or_else(of_undeclared);
        assert_eq!(found, text(&vector, "digest"), "{}", text(&vector, "definition"));
    }
}

#[test]
fn statements_have_the_texts_of_the_vectors() {
    for vector in vectors("statements") {
        let fields = &vector["fields"];
        let owned = |name: &str| text(fields, name).to_owned();
        let confirmation = Confirmation::ALL.into_iter().find(|word| word.as_str() == text(fields, "confirm"));
        let humans = fields["humans"].as_u64().and_then(|humans| humans.try_into().ok());
        let statement = Statement {
            env: owned("env"),
            flag: owned("flag"),
            before: owned("before"),
            after: owned("after"),
            to: owned("to"),
            serial: fields["serial"].as_u64().expect("a serial"),
            release: fields["release"].as_str().map(Into::into),
            checks: fields["checks"].as_str().map(Into::into),
            gate: owned("gate"),
            requirement: ApprovalRequirement {
                confirmation: confirmation.expect("a word"),
                humans: humans.expect("a number"),
            },
            by: owned("by"),
            at: owned("at"),
        };
        assert_eq!(statement.to_text().as_deref(), Ok(text(&vector, "text")));
    }
}
