//! The decoder of variants, their weights and their values.
//!
//! # The format
//!
//! ```toml
//! [flags.theme]
//! variants = { control = 50, blue = 25.5, red = 24.5 }    # weights, relative to their sum
//! values.blue = { primary = "#00f" }                      # any value
//! ```
//!
//! # How it works
//!
//! `variants` maps names to weights and `values` maps the same names to values, so the two are decoded together. A
//! variant without a value has none. A value without a variant is a problem, because its name is probably misspelled.
//!
//! A variant is assigned by a second hash, which is independent of the one for the rollout. So a higher percentage
//! changes no subject's variant, and only an edit of the weights does.
//!
//! # Limits
//!
//! - A weight is a number, and not a text or a percentage: weights are relative to their sum.
//! - A name has the form of a key, because the command prints it and programs compare it.
//! - At least one weight is above 0. A variant with weight 0 is served only by a rule that names it.
//! - An integer beyond 64 bits in a value is a problem: it would lose digits.
//!
//! Weights are exact: they are parsed from their written form into millionths. The value of a variant becomes a
//! [`Payload`], which keeps the order of names in a table, and integers of 64 bits.

use std::collections::{HashMap, HashSet};

use flagkit_core::source::Payload;
use flagkit_core::{FlagKey, Variant, Variants};

use super::decoder::{Decoder, illegal_key, join};
use super::flags::KEY;
use super::node::{Node, Value};

/// What a problem says was expected where a weight is invalid. The limit keeps the sum of weights within 64 bits.
const WEIGHT: &str = "a weight from 0 to 1000000 with at most 6 decimals";

/// The variants that a rule may name.
///
/// A rule with any other name would never serve a value, so the flag is invalid.
///
/// The decoder of a flag creates it, and that of a rule checks a name against it.
#[derive(Clone, Copy)]
pub(super) enum VariantNames<'a> {
    /// Those of the flag, if it has any.
    Of(Option<&'a Variants>),
    /// Those of a lower layer, which are not known yet.
    Inherited,
}

impl VariantNames<'_> {
    /// Returns whether a rule may name this variant.
    ///
    /// An inherited variant may have any name here. The merge of the layers checks it.
    pub(super) fn may_have(self, name: &str) -> bool {
        match self {
            Self::Of(variants) => variants.is_some_and(|variants| variants.get(name).is_some()),
            Self::Inherited => true,
        }
    }
}

/// Decodes `variants` and `values` of the flag at `base`.
///
/// `weights` is the node of `variants`, and `values` that of `values`. Returns `None` for a flag without variants, and
/// for one with any invalid weight. The caller passes the result to the rules, which may name a variant.
pub(super) fn variants(
    decoder: &mut Decoder<'_>,
    base: &str,
    weights: Option<&Node<'_>>,
    values: Option<&Node<'_>>,
) -> Option<Variants> {
    let mut payloads = HashMap::new();
    if let Some(node) = values {
        let path = join(base, "values");
        // A `variants` that is not a table is reported below, so its values are not compared with names.
        let names = match weights.map(|node| &node.value) {
            Some(Value::Table(entries)) => Some(entries.iter().map(|variant| &*variant.name).collect()),
            Some(_) => None,
            None => Some(HashSet::new()),
        };
        for entry in decoder.table(&path, node, "variant values") {
            let path = join(&path, &entry.name);
            if names.as_ref().is_some_and(|names| !names.contains(&*entry.name)) {
                let got = format!("a value for the unknown variant {:?}", entry.name);
                decoder.problem(entry.offset, &path, got, "the name of one of the flag's variants");
            }
            payloads.insert(&*entry.name, payload(decoder, &path, &entry.node));
        }
    }
    let node = weights?;
    let path = join(base, "variants");
    // Values are decoded first, so that each variant takes its own while the weights are read.
    let mut weighted = Vec::new();
    let entries = decoder.table(&path, node, "variants and their weights");
    for entry in entries {
        let path = join(&path, &entry.name);
        if FlagKey::new(&entry.name).is_err() {
            decoder.problem(entry.offset, &path, illegal_key(&entry.name), KEY);
        }
        let variant = match payloads.remove(&*entry.name).flatten() {
            Some(payload) => Variant::with_payload(&entry.name, payload),
            None => Variant::new(&entry.name),
        };
        match weight(&entry.node) {
            Some(weight) => weighted.push((variant, weight)),
            None if matches!(entry.node.value, Value::Text(_)) => {
                decoder.invalid_with_help(&path, &entry.node, WEIGHT, "write a number, without quotes and without `%`");
            }
            None => decoder.invalid(&path, &entry.node, WEIGHT),
        }
    }
    // A variant with an invalid weight is missing from the list, which would cause misleading problems later.
    if weighted.len() < entries.len() || !matches!(node.value, Value::Table(_)) {
        return None;
    }
    let variants = Variants::new(weighted).ok();
    if variants.is_none() {
        let got = if entries.is_empty() { "no variants" } else { "weights that sum to 0" };
        decoder.problem(node.offset(), &path, got, "variants with weights, one of them above 0");
    }
    variants
}

/// Decodes a weight: a decimal without exponent, as a number of millionths.
///
/// Zeros at the end are not counted as decimals, so `1.50000000` is `1.5`. A text is not a weight.
fn weight(node: &Node<'_>) -> Option<u64> {
    let Value::Number(text) = &node.value else { return None };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = fraction.get(..1).map(|_| fraction.trim_end_matches('0'))?;
    if !digits(whole) || !(fraction.is_empty() || digits(fraction)) || fraction.len() > 6 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    let weight = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)?;
    (weight <= Variants::MAX_WEIGHT).then_some(weight)
}

/// Decodes the value of a variant. The limit on the depth of a document also limits this recursion.
///
/// A date becomes a text, since JSON and serde have no dates. Returns `None` after it has reported a problem.
fn payload(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Payload> {
    Some(match &node.value {
        Value::Null => Payload::Null,
        Value::Bool(value) => Payload::Bool(*value),
        Value::Number(number) => match (number.parse(), number.parse::<f64>()) {
            (Ok(integer), _) => Payload::Integer(integer),
            // `f64` cannot represent every whole number of this size, so the value would change.
            _ if node.is_whole() => {
                let help = "write it as a text, or with a fraction if the nearest binary fraction is acceptable";
                let expected = "a whole number from -2^63 to 2^63 - 1";
                decoder.invalid_with_help(path, node, expected, help);
                return None;
            }
            (_, Ok(float)) if float.is_finite() => Payload::Float(float),
            _ => {
                decoder.invalid(path, node, "a finite number");
                return None;
            }
        },
        Value::Text(text) => Payload::Text(text.as_ref().into()),
        Value::Datetime(text) => Payload::Text(text.as_str().into()),
        Value::Array(items) => Payload::List(items.iter().filter_map(|item| payload(decoder, path, item)).collect()),
        Value::Table(entries) => Payload::Table(
            entries
                .iter()
                .filter_map(|entry| Some((entry.name.as_ref().into(), payload(decoder, path, &entry.node)?)))
                .collect(),
        ),
    })
}
