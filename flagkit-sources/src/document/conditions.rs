//! The decoder of conditions: `if` and `any` of rules and segments.
//!
//! # The format
//!
//! A table maps attributes to what their values must be. A plain value means equality, an array means any of its
//! elements, and a table means one or more operators that must all hold:
//!
//! ```toml
//! if = { country = ["PT", "ES"], plan.not = "free", seats = { gte = 3, lt = 100 } }
//! any = [{ beta = true }, { app_version.semver = ">=2.3" }]
//! ```
//!
//! | operator | operand | holds for |
//! |---|---|---|
//! | `in`, or a plain value | values | an attribute that equals one of them |
//! | `not`, `not_in` | values | an attribute that equals none of them |
//! | `contains` | values | a text with one of them in it, or a list with one of them as an element |
//! | `starts_with`, `ends_with` | texts | a text that starts or ends with one of them |
//! | `matches` | a regular expression | a text in which it is found |
//! | `lt`, `lte`, `gt`, `gte` | a number | a number on that side of it |
//! | `before`, `after` | a date with a time and a zone | a text with such a date, earlier or later |
//! | `semver` | requirements | a text with a version that meets all of them |
//! | `cidr` | networks | a text with an address in one of them |
//! | `exists` | true or false | a subject with the attribute, or without it |
//!
//! An operand must be usable with at least one type of attribute. So an empty prefix, a date without a zone and a
//! number in quotes after `lt` are problems, with the reason as advice.
//!
//! # How it works
//!
//! [`all_of`] decodes a table and [`any_of`] an array of tables. Each entry becomes one [`Condition`] per operator,
//! with its operand already parsed: a regular expression is compiled here, a network and a date are parsed here.
//! Evaluation therefore cannot fail.
//!
//! # Limits
//!
//! - A missing attribute holds for no operator except `exists`, not even for `not`; see `spec/README.md`.
//! - An empty statement is a problem, because its author meant something: `if = {}`, `any = []`, `plan = {}`.
//! - An empty list of values is allowed, because programs generate such lists: `in = []` holds for no subject.
//! - Conditions do not nest further. `any` inside `any` would need names for what it means.

use std::error::Error as _;

use flagkit_core::Error;
use flagkit_core::source::{Condition, Literal, Operator};

use super::decoder::{Decoder, join, one_of, unknown_key};
use super::node::{Entry, Node, Value};

/// The advice for a whole number that is too large to compare. The nearest fraction would be another number.
const WHOLE_NUMBERS: &str = "a whole number must be from -2^127 to 2^128 - 1";

/// The names of all operators.
///
/// An unknown name in a table of operators is compared with these for "did you mean …?". The problem lists all of them.
const OPERATORS: [&str; 16] = [
    "in",
    "not",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "lt",
    "lte",
    "gt",
    "gte",
    "before",
    "after",
    "semver",
    "cidr",
    "exists",
];

/// Decodes a table of attributes; the conditions on all of them must hold.
///
/// Reports an empty table. Returns `None` only if the conditions nest too deep, which this format cannot express.
pub(super) fn all_of(decoder: &mut Decoder<'_>, base: &str, node: &Node<'_>) -> Option<Condition> {
    let entries = decoder.table(base, node, "attributes and their conditions");
    if matches!(&node.value, Value::Table(entries) if entries.is_empty()) {
        let help = "a rule without `if` matches every subject";
        decoder.problem_with_help(node.offset(), base, "no condition", "at least one condition", help);
    }
    let mut conditions = Vec::with_capacity(entries.len());
    for entry in entries {
        attribute(decoder, &join(base, &entry.name), entry, &mut conditions);
    }
    Condition::all(conditions).ok()
}

/// Decodes an array of tables of attributes; at least one table must hold.
///
/// Reports an empty array: no subject could match it, and an `any` that was forgotten looks the same.
pub(super) fn any_of(decoder: &mut Decoder<'_>, base: &str, node: &Node<'_>) -> Option<Condition> {
    let items = decoder.array(base, node, "tables of conditions");
    if matches!(&node.value, Value::Array(items) if items.is_empty()) {
        decoder.problem(node.offset(), base, "no alternative", "at least one table of conditions");
    }
    // The exact capacity limits memory: there may be a table for every few bytes of the text.
    let mut tables = Vec::with_capacity(items.len());
    for (index, table) in items.iter().enumerate() {
        tables.extend(all_of(decoder, &format!("{base}[{index}]"), table));
    }
    Condition::any(tables).ok()
}

/// Decodes the conditions on one attribute, and appends them to `conditions`.
///
/// The id is not an attribute. A subject has it even if no attribute is called `id`, so a condition on it would never
/// hold; the advice names `subjects` and `included`.
fn attribute(decoder: &mut Decoder<'_>, path: &str, entry: &Entry<'_>, conditions: &mut Vec<Condition>) {
    match &*entry.name {
        "" => return decoder.problem(entry.offset, path, "an empty name", "the name of an attribute"),
        "id" => {
            let help = "the id is not an attribute; list ids in `subjects` of a rule, or in `included` of a segment";
            return decoder.problem_with_help(entry.offset, path, "the id", "the name of an attribute", help);
        }
        _ => {}
    }
    // Each operator is a condition of its own. The caller combines them, so that all must hold.
    let mut push = |operator| conditions.push(Condition::attribute(&entry.name, operator));
    match &entry.node.value {
        Value::Table(operators) => {
            if operators.is_empty() {
                decoder.problem(entry.node.offset(), path, "no operator", "at least one operator");
            }
            for entry in operators {
                operator(decoder, path, entry).into_iter().for_each(&mut push);
            }
        }
        _ => push(Operator::one_of(literals(decoder, path, &entry.node))),
    }
}

/// Decodes one operator and its operand.
///
/// Returns `None` after a report, so that the caller continues with the next operator of the same attribute.
///
/// `base` is the path of the attribute and `entry` the operator with its operand. The operand's kind depends on the
/// operator, see the table in `spec/README.md`. A table instead of an operator is probably an attribute with a dot
/// that lacks quotes.
fn operator(decoder: &mut Decoder<'_>, base: &str, entry: &Entry<'_>) -> Option<Operator> {
    let node = &entry.node;
    let path = &join(base, &entry.name);
    match &*entry.name {
        "in" => Some(Operator::one_of(literals(decoder, path, node))),
        "not" | "not_in" => Some(Operator::none_of(literals(decoder, path, node))),
        "contains" => Some(Operator::contains(literals(decoder, path, node))),
        "starts_with" => Some(Operator::starts_with(texts(decoder, path, node))),
        "ends_with" => Some(Operator::ends_with(texts(decoder, path, node))),
        "matches" => {
            let (pattern, expected) = (decoder.text(path, node)?, "a regular expression");
            if let Err(help) = decoder.take_pattern() {
                decoder.invalid_with_help(path, node, expected, help);
                return None;
            }
            parsed(decoder, path, node, Operator::matches(pattern), expected)
        }
        "lt" => comparison(decoder, path, node, Operator::less_than),
        "lte" => comparison(decoder, path, node, Operator::at_most),
        "gt" => comparison(decoder, path, node, Operator::greater_than),
        "gte" => comparison(decoder, path, node, Operator::at_least),
        "before" => timestamp(decoder, path, node, Operator::before),
        "after" => timestamp(decoder, path, node, Operator::after),
        "semver" => {
            let requirement = decoder.text(path, node)?;
            parsed(decoder, path, node, Operator::semver(requirement), "a version requirement such as \">=2.3, <4\"")
        }
        "cidr" => {
            let networks = texts(decoder, path, node);
            parsed(decoder, path, node, Operator::cidr(networks), "a network such as \"10.0.0.0/8\", or several")
        }
        // `exists = false` is another operator than `exists = true`, so a list of values has no meaning here.
        "exists" => {
            if let Value::Bool(there) = node.value {
                return Some(if there { Operator::exists() } else { Operator::is_missing() });
            }
            decoder.invalid(path, node, "true or false");
            None
        }
        name if matches!(node.value, Value::Table(_)) => {
            let help = "put the name of an attribute with a dot in quotes, such as \"account.seats\"";
            decoder.problem_with_help(entry.offset, path, unknown_key(name), one_of(&OPERATORS), help);
            None
        }
        _ => {
            decoder.unknown(base, entry, &OPERATORS);
            None
        }
    }
}

/// Returns the operator, or reports why its operand is invalid.
///
/// The parser of the operand gives the reason, which becomes the advice: for a regular expression, what is wrong with
/// it.
fn parsed(
    decoder: &mut Decoder<'_>,
    path: &str,
    node: &Node<'_>,
    operator: Result<Operator, Error>,
    expected: &str,
) -> Option<Operator> {
    match operator {
        Ok(operator) => Some(operator),
        Err(error) => {
            let help = match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            };
            decoder.invalid_with_help(path, node, expected, help);
            None
        }
    }
}

/// Decodes the operand of a comparison of numbers.
///
/// `make` is the constructor of the operator, for example `Operator::less_than`. A text with digits is not a number
/// here, since no attribute that is a text could be compared with it.
fn comparison(
    decoder: &mut Decoder<'_>,
    path: &str,
    node: &Node<'_>,
    make: impl FnOnce(&Literal) -> Result<Operator, Error>,
) -> Option<Operator> {
    let literal = match &node.value {
        Value::Number(number) => Literal::number(number),
        _ => None,
    };
    let Some(literal) = literal else {
        if node.is_whole() {
            decoder.invalid_with_help(path, node, "a finite number", WHOLE_NUMBERS);
        } else {
            decoder.invalid(path, node, "a finite number");
        }
        return None;
    };
    parsed(decoder, path, node, make(&literal), "a finite number")
}

/// Decodes the operand of a comparison of times: a TOML date and time, or a text that holds one.
///
/// `make` is `Operator::before` or `Operator::after`. JSON has no dates, so a text must do in both formats.
fn timestamp(
    decoder: &mut Decoder<'_>,
    path: &str,
    node: &Node<'_>,
    make: impl FnOnce(&str) -> Result<Operator, Error>,
) -> Option<Operator> {
    let text = match &node.value {
        Value::Datetime(text) => text,
        Value::Text(text) => &**text,
        _ => "",
    };
    parsed(decoder, path, node, make(text), "a date with a time and a zone such as 2027-02-01T12:00:00Z")
}

/// Decodes one or more values to compare an attribute with.
///
/// Invalid elements are reported and left out. The caller drops the flag or segment for them.
fn literals(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Vec<Literal> {
    decoder.one_or_more(path, node, literal)
}

/// Decodes one value to compare an attribute with: a text, a finite number, true or false.
///
/// A date without quotes is none of these. No attribute is a date, so equality with one would never hold.
fn literal(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Literal> {
    let literal = match &node.value {
        Value::Bool(value) => Some(Literal::from(*value)),
        Value::Text(text) => Some(Literal::from(&**text)),
        Value::Number(number) => Literal::number(number),
        _ => None,
    };
    if literal.is_none() {
        let expected = "a text, a finite number, true or false";
        match node.value {
            Value::Datetime(_) => {
                decoder.invalid_with_help(path, node, expected, "compare dates with `before` and `after`");
            }
            _ if node.is_whole() => {
                decoder.invalid_with_help(path, node, expected, WHOLE_NUMBERS);
            }
            _ => decoder.invalid(path, node, expected),
        }
    }
    literal
}

/// Decodes one or more texts that are not empty.
///
/// Every text begins with the empty text, so `starts_with = ""` would include every subject with the attribute.
///
/// The texts are borrowed from the tree, because each operator copies them into its own form.
fn texts<'n>(decoder: &mut Decoder<'_>, path: &str, node: &'n Node<'_>) -> Vec<&'n str> {
    decoder.one_or_more(path, node, |decoder, path, item| decoder.text(path, item))
}
