//! From nodes to variants and their values.

use std::collections::{HashMap, HashSet};

use flagkit_core::source::Payload;
use flagkit_core::{FlagKey, Variant, Variants};

use super::decoder::{Decoder, join};
use super::node::{Node, Value};

const WEIGHT: &str = "a weight from 0 to 1000000 with at most 6 decimals";

/// Decodes `variants` and `values` of the flag at `base`.
pub(super) fn variants(
    decoder: &mut Decoder<'_>,
    base: &str,
    weights: Option<&Node<'_>>,
    values: Option<&Node<'_>>,
) -> Option<Variants> {
    let mut payloads = HashMap::new();
    if let Some(node) = values {
        let path = join(base, "values");
        // What is no table has its own problem.
        let names = match weights.map(|node| &node.value) {
            Some(Value::Table(entries)) => Some(entries.iter().map(|variant| &*variant.name).collect()),
            Some(_) => None,
            None => Some(HashSet::new()),
        };
        for entry in decoder.table(&path, node, "variants' values") {
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
    let mut shares = Vec::new();
    let entries = decoder.table(&path, node, "variants and their weights");
    for entry in entries {
        let path = join(&path, &entry.name);
        if let Err(error) = FlagKey::new(&entry.name) {
            decoder.problem(entry.offset, &path, error.to_string(), "a name of the form of a key");
        }
        let variant = match payloads.remove(&*entry.name).flatten() {
            Some(payload) => Variant::with_payload(&entry.name, payload),
            None => Variant::new(&entry.name),
        };
        match weight(&entry.node) {
            Some(weight) => shares.push((variant, weight)),
            None => decoder.problem(entry.node.offset, &path, entry.node.describe(), WEIGHT),
        }
    }
    // Without some of them, or all, there would be follow-up problems.
    if shares.len() < entries.len() || !matches!(node.value, Value::Table(_)) {
        return None;
    }
    match Variants::new(shares) {
        Ok(variants) => Some(variants),
        Err(error) => {
            decoder.problem(node.offset, &path, error.to_string(), "variants with weights, one of them above 0");
            None
        }
    }
}

/// A weight in millionths.
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

/// Recursion is bounded as the document's depth is.
fn payload(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Payload> {
    Some(match &node.value {
        Value::Null => Payload::Null,
        Value::Bool(value) => Payload::Bool(*value),
        Value::Number(number) => match (number.parse(), number.parse::<f64>()) {
            (Ok(integer), _) => Payload::Integer(integer),
            // As a fraction it would be another number.
            _ if node.is_whole() => {
                let help = "write it with a fraction, if the nearest binary fraction will do, or as a text";
                let expected = "a whole number from -2^63 to 2^63 - 1";
                decoder.problem_with_help(node.offset, path, node.describe(), expected, help);
                return None;
            }
            (_, Ok(float)) if float.is_finite() => Payload::Float(float),
            _ => {
                decoder.problem(node.offset, path, node.describe(), "a finite number");
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
