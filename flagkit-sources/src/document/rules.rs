//! The decoder of rules and segments.
//!
//! # The format
//!
//! ```toml
//! [[flags.search-v2.rules]]       # in order; the first rule that matches decides
//! name = "testers"
//! subjects = ["u1", 17]           # ids
//! segment = ["staff", "press"]    # any of these
//! if = { country = "PT" }         # see `conditions`
//! rollout = 50
//!
//! [segments.staff]
//! if = { email.ends_with = "@example.com" }
//! included = ["u7"]
//! excluded = ["u8"]
//! ```
//!
//! # How it works
//!
//! Both list conditions under `if` and `any`, and both list ids. A rule belongs to a flag, so its problems refuse that
//! flag. A segment with a problem is recorded as invalid, so that its last valid definition can remain in use.
//!
//! Ids in lists are texts of decimal digits or any other characters: `17` and `"17"` are one id, of any size.
//!
//! A rule without conditions matches every subject: it is the last of a list. A segment without conditions and without
//! `included` would contain no subject, so that is a problem.

use flagkit_core::FlagSet;
use flagkit_core::source::{Condition, Reference, Rule, Segment};

use super::conditions;
use super::decoder::{Decoder, join};
use super::node::{Entry, Node, Value};
use super::variants::VariantNames;

/// The keys of a rule, for the advice on an unknown one.
const RULE: [&str; 8] = ["name", "subjects", "segment", "if", "any", "rollout", "by", "variant"];
/// The keys of a segment, for the advice on an unknown one.
const SEGMENT: [&str; 4] = ["if", "any", "included", "excluded"];

/// Decodes a rule. The caller drops the flag, and so the rule, if there was a problem.
///
/// `base` is the path of the rule with its index, and `variants` are those of its flag: a rule may assign only one of
/// them. Whether a segment exists is checked at the merge, because another layer may declare it.
pub(super) fn rule(decoder: &mut Decoder<'_>, base: &str, node: &Node<'_>, variants: VariantNames<'_>) -> Rule {
    let mut rule = Rule::new();
    let mut conditions = Vec::new();
    for entry in decoder.table(base, node, "keys of a rule") {
        let node = &entry.node;
        let path = join(base, &entry.name);
        match &*entry.name {
            "name" => rule = with(rule, decoder.text(&path, node), Rule::with_name),
            "subjects" => rule = rule.with_subjects(ids(decoder, &path, node).iter().map(String::as_str)),
            "segment" => {
                let references = decoder.one_or_more(&path, node, |decoder, path, item| {
                    let name = decoder.text(path, item)?;
                    Some(Reference::new(name).at(decoder.location(item)))
                });
                if matches!(&node.value, Value::Array(items) if items.is_empty()) {
                    decoder.invalid(&path, node, "the name of a segment, or several");
                }
                rule = rule.with_segments(references);
            }
            "if" => conditions.extend(conditions::all_of(decoder, &path, node)),
            "any" => conditions.extend(conditions::any_of(decoder, &path, node)),
            "rollout" => rule = with(rule, decoder.percent(&path, node), Rule::with_rollout),
            "by" => rule = with(rule, decoder.hashed_attribute(&path, node), Rule::with_bucket_by),
            "variant" => {
                if let Some(name) = decoder.text(&path, node) {
                    if !variants.may_have(name) {
                        decoder.invalid(&path, node, "the name of one of the flag's variants");
                    }
                    rule = rule.with_variant(name);
                }
            }
            _ => decoder.unknown(base, entry, &RULE),
        }
    }
    with(rule, join_all(conditions), Rule::when)
}

/// Decodes `[segments]` into the set.
///
/// Names of segments are free, other than keys of flags: no variable of the environment has to spell them.
pub(super) fn segments(decoder: &mut Decoder<'_>, node: &Node<'_>, set: &mut FlagSet) {
    for entry in decoder.table("segments", node, "segments") {
        match decoder.if_clean(|decoder| Some(segment(decoder, entry))) {
            Some(segment) => set.insert_segment(&entry.name, segment),
            None => set.insert_invalid_segment(&entry.name),
        }
    }
}

/// Decodes a segment. The caller drops it if there was a problem.
///
/// `excluded` wins over `included`, and both win over the conditions.
fn segment(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Segment {
    let base = join("segments", &entry.name);
    let mut segment = Segment::new();
    let mut conditions = Vec::new();
    let mut has_members = false;
    for entry in decoder.table(&base, &entry.node, "keys of a segment") {
        let node = &entry.node;
        let path = join(&base, &entry.name);
        has_members |= matches!(&*entry.name, "if" | "any" | "included");
        match &*entry.name {
            "if" => conditions.extend(conditions::all_of(decoder, &path, node)),
            "any" => conditions.extend(conditions::any_of(decoder, &path, node)),
            "included" => segment = segment.with_included(ids(decoder, &path, node).iter().map(String::as_str)),
            "excluded" => segment = segment.with_excluded(ids(decoder, &path, node).iter().map(String::as_str)),
            _ => decoder.unknown(&base, entry, &SEGMENT),
        }
    }
    if !has_members && matches!(entry.node.value, Value::Table(_)) {
        decoder.problem(
            entry.node.offset(),
            &base,
            "a segment without subjects",
            "at least one of `if`, `any` and `included`",
        );
    }
    if entry.name.is_empty() {
        decoder.problem(entry.offset, &base, "an empty name", "the name of a segment");
    }
    #[cfg(feature = "approvals")]
    {
        segment = segment.with_digest(super::digest::of_segment(&entry.node));
    }
    match join_all(conditions) {
        Some(condition) => segment.when(condition),
        None => segment,
    }
}

/// Combines the conditions of `if` and `any` in one table: both must hold. Returns `None` if there are none.
///
/// `Condition::all` fails only for conditions that are nested too deep. `if` and `any` do not nest, so it cannot fail
/// here.
fn join_all(mut conditions: Vec<Condition>) -> Option<Condition> {
    match conditions.len() {
        0 | 1 => conditions.pop(),
        _ => Condition::all(conditions).ok(),
    }
}

/// Decodes a list of ids. A whole number becomes a text in decimal, which is what bucketing hashes.
///
/// So `17` and `"17"` are one subject, also if a program passes the other form. An empty text is a problem: a subject
/// with an empty id counts as one without an id, and is in no list.
fn ids(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for item in decoder.array(path, node, "ids") {
        match &item.value {
            Value::Text(text) if !text.is_empty() => ids.push(text.to_string()),
            // A whole number of the document is in decimal already, with the exception of a zero with a sign.
            Value::Number(number) if item.is_whole() => {
                ids.push(if number == "-0" { "0".to_owned() } else { number.to_string() });
            }
            _ => decoder.invalid(path, item, "an id: a text that is not empty, or a whole number"),
        }
    }
    ids
}

/// Sets a part of the rule if its value is valid. An invalid one was reported, and the flag is dropped later.
fn with<T>(rule: Rule, value: Option<T>, set: impl FnOnce(Rule, T) -> Rule) -> Rule {
    match value {
        Some(value) => set(rule, value),
        None => rule,
    }
}
