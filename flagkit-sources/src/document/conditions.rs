//! The decoder of conditions: `if` and `any` of rules and segments.
//!
//! A table maps attributes to what their values must be. A plain value means equality, an array means any of its
//! elements, and a table means one or more operators that must all hold.

use flagkit_core::Error;
use flagkit_core::source::{Condition, Literal, Operator};

use super::decoder::{Decoder, join, one_of, unknown_key};
use super::node::{Entry, Node, Value};

/// The advice for a whole number that is too large to compare.
const WHOLE_NUMBERS: &str = "a whole number must be from -2^127 to 2^127 - 1";

/// The names of all operators.
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

/// Decodes the conditions on one attribute.
fn attribute(decoder: &mut Decoder<'_>, path: &str, entry: &Entry<'_>, conditions: &mut Vec<Condition>) {
    match &*entry.name {
        "" => return decoder.problem(entry.offset, path, "an empty name", "the name of an attribute"),
        "id" => {
            let help = "the id is not an attribute; list ids in `subjects` of a rule, or in `included` of a segment";
            return decoder.problem_with_help(entry.offset, path, "the id", "the name of an attribute", help);
        }
        _ => {}
    }
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
            let pattern = decoder.text(path, node)?;
            let pattern =
                decoder.take_pattern().and_then(|()| Operator::matches(pattern).map_err(|error| error.to_string()));
            parsed(decoder, path, node, pattern, "a regular expression")
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
        "exists" => {
            if let Value::Bool(there) = node.value {
                return Some(if there { Operator::exists() } else { Operator::is_missing() });
            }
            decoder.problem(node.offset(), path, node.describe(), "true or false");
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
fn parsed<E: ToString>(
    decoder: &mut Decoder<'_>,
    path: &str,
    node: &Node<'_>,
    operator: Result<Operator, E>,
    expected: &str,
) -> Option<Operator> {
    match operator {
        Ok(operator) => Some(operator),
        Err(error) => {
            decoder.problem_with_help(node.offset(), path, node.describe(), expected, error.to_string());
            None
        }
    }
}

/// Decodes the operand of a comparison of numbers.
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
            decoder.problem_with_help(node.offset(), path, node.describe(), "a finite number", WHOLE_NUMBERS);
        } else {
            decoder.problem(node.offset(), path, node.describe(), "a finite number");
        }
        return None;
    };
    parsed(decoder, path, node, make(&literal), "a finite number")
}

/// Decodes the operand of a comparison of times: a TOML date and time, or a text that holds one.
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
fn literals(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Vec<Literal> {
    decoder.one_or_more(path, node, literal)
}

/// Decodes one value to compare an attribute with.
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
            Value::Datetime(_) => decoder.problem_with_help(
                node.offset(),
                path,
                node.describe(),
                expected,
                "compare dates with `before` and `after`",
            ),
            _ if node.is_whole() => {
                decoder.problem_with_help(node.offset(), path, node.describe(), expected, WHOLE_NUMBERS);
            }
            _ => decoder.problem(node.offset(), path, node.describe(), expected),
        }
    }
    literal
}

/// Decodes one or more texts that are not empty.
fn texts<'n>(decoder: &mut Decoder<'_>, path: &str, node: &'n Node<'_>) -> Vec<&'n str> {
    decoder.one_or_more(path, node, |decoder, path, item| decoder.text(path, item))
}
