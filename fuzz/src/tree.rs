//! A document before serialization: values that both TOML and JSON can express.

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

use crate::quote::{json_text, toml_text};

/// A value.
#[derive(Debug)]
pub enum Tree {
    Bool(bool),
    /// A value with the same spelling in both formats.
    Number(String),
    Text(String),
    /// A date, which needs quotes in JSON.
    Date(&'static str),
    Array(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

/// The kind of value expected at a position of a document.
#[derive(Clone, Copy)]
enum Place {
    Document,
    Meta,
    Flags,
    Flag,
    Names,
    Rules,
    Rule,
    Variants,
    Values,
    Segments,
    Segment,
    Groups,
    Attributes,
    Operators,
    Percent,
    Day,
    Moment,
    Scalar,
    Anything,
}

/// Names for flags, segments, variants and attributes alike, so that they often refer to each other.
const NAMES: [&str; 8] = ["a", "b", "new-checkout", "staff", "plan", "app.version", "é", ""];
const TEXTS: [&str; 16] = [
    "25%",
    "on",
    "free",
    "2.3",
    ">=2.3, <3",
    "^1.2.0-beta",
    "10.0.0.0/8",
    "::ffff:10.0.0.0/104",
    "a+b",
    "^(x|y){2}$",
    "2027-02-01T12:00:00Z",
    "2027-02-01",
    "release",
    "u1",
    "17",
    "xxh3",
];
const NUMBERS: [&str; 10] = [
    "0",
    "1",
    "25",
    "100",
    "0.1",
    "33.333333",
    "1e2",
    "-5",
    "9007199254740993",
    "170141183460469231731687303715884105728",
];
const DAYS: [&str; 2] = ["2027-02-01", "2024-02-29"];
const MOMENTS: [&str; 2] = ["2027-02-01T12:00:00Z", "2027-02-01T12:00:00.5+01:00"];
const OPERATORS: [&str; 17] = [
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
    "equals",
];

/// The fields of each table. A field that is listed twice is generated twice as often.
const DOCUMENT_FIELDS: [(&str, Place); 5] = [
    ("flags", Place::Flags),
    ("segments", Place::Segments),
    ("meta", Place::Meta),
    ("gate", Place::Anything),
    ("defaults", Place::Anything),
];
const FLAG_FIELDS: [(&str, Place); 18] = [
    ("on", Place::Scalar),
    ("on", Place::Scalar),
    ("inherit", Place::Scalar),
    ("rollout", Place::Percent),
    ("rules", Place::Rules),
    ("rules", Place::Rules),
    ("requires", Place::Names),
    ("variants", Place::Variants),
    ("values", Place::Values),
    ("salt", Place::Scalar),
    ("by", Place::Scalar),
    ("owner", Place::Scalar),
    ("description", Place::Scalar),
    ("kind", Place::Scalar),
    ("created", Place::Day),
    ("expires", Place::Day),
    ("allow", Place::Anything),
    ("start_at", Place::Day),
];
const RULE_FIELDS: [(&str, Place); 9] = [
    ("if", Place::Attributes),
    ("if", Place::Attributes),
    ("any", Place::Groups),
    ("name", Place::Scalar),
    ("segment", Place::Names),
    ("subjects", Place::Names),
    ("rollout", Place::Percent),
    ("by", Place::Scalar),
    ("variant", Place::Scalar),
];
const SEGMENT_FIELDS: [(&str, Place); 4] =
    [("if", Place::Attributes), ("any", Place::Groups), ("included", Place::Names), ("excluded", Place::Names)];

impl<'a> Arbitrary<'a> for Tree {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        tree(u, Place::Document, 0)
    }
}

fn tree(u: &mut Unstructured<'_>, place: Place, depth: usize) -> Result<Tree> {
    // Sometimes generate an unexpected value. When the bytes run out, `ratio` returns true, and generation ends.
    let place = if u.ratio(23, 24)? { place } else { Place::Anything };
    // Deeper than the limit of a document, but not so deep that the generator overflows the stack.
    let place = if depth > 40 { Place::Scalar } else { place };
    Ok(match place {
        Place::Document => table(u, depth, |u| Ok(*u.choose(&DOCUMENT_FIELDS)?))?,
        Place::Meta => table(u, depth, |_| Ok(("flags", Place::Scalar)))?,
        Place::Flags => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Flag)))?,
        Place::Flag if u.ratio(1, 4)? => tree(u, Place::Percent, depth)?,
        Place::Flag => table(u, depth, |u| Ok(*u.choose(&FLAG_FIELDS)?))?,
        Place::Rules => array(u, depth, Place::Rule)?,
        Place::Rule => table(u, depth, |u| Ok(*u.choose(&RULE_FIELDS)?))?,
        Place::Variants => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Percent)))?,
        Place::Values => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Anything)))?,
        Place::Segments => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Segment)))?,
        Place::Segment => table(u, depth, |u| Ok(*u.choose(&SEGMENT_FIELDS)?))?,
        Place::Groups => array(u, depth, Place::Attributes)?,
        Place::Attributes => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Operators)))?,
        Place::Operators if u.ratio(1, 3)? => tree(u, Place::Names, depth)?,
        Place::Operators => table(u, depth, |u| {
            let name = *u.choose(&OPERATORS)?;
            Ok((name, if matches!(name, "before" | "after") { Place::Moment } else { Place::Names }))
        })?,
        Place::Names if u.arbitrary()? => array(u, depth, Place::Scalar)?,
        Place::Names => tree(u, Place::Scalar, depth)?,
        Place::Percent => percent(u)?,
        // An unexpected date would be a string in only one format.
        Place::Day => Tree::Date(u.choose(&DAYS)?),
        Place::Moment => Tree::Date(u.choose(&MOMENTS)?),
        Place::Scalar => scalar(u)?,
        Place::Anything => match u.int_in_range(0..=3)? {
            1 => array(u, depth, Place::Anything)?,
            2 => table(u, depth, |u| Ok((*u.choose(&NAMES)?, Place::Anything)))?,
            _ => tree(u, Place::Scalar, depth + 1)?,
        },
    })
}

fn percent(u: &mut Unstructured<'_>) -> Result<Tree> {
    Ok(match u.int_in_range(0..=3)? {
        0 => Tree::Text((*u.choose(&TEXTS)?).to_owned()),
        1 => Tree::Bool(u.arbitrary()?),
        _ => Tree::Number((*u.choose(&NUMBERS)?).to_owned()),
    })
}

fn scalar(u: &mut Unstructured<'_>) -> Result<Tree> {
    Ok(match u.int_in_range(0..=7)? {
        0 | 1 => Tree::Bool(u.arbitrary()?),
        2 => Tree::Number((*u.choose(&NUMBERS)?).to_owned()),
        3 => Tree::Number(u.arbitrary::<i64>()?.to_string()),
        4 => Tree::Text((*u.choose(&NAMES)?).to_owned()),
        5 => Tree::Text(u.arbitrary()?),
        _ => Tree::Text((*u.choose(&TEXTS)?).to_owned()),
    })
}

fn array(u: &mut Unstructured<'_>, depth: usize, of: Place) -> Result<Tree> {
    let mut items = Vec::new();
    while items.len() < 6 && !u.ratio(3, 8)? {
        items.push(tree(u, of, depth + 1)?);
    }
    Ok(Tree::Array(items))
}

fn table(
    u: &mut Unstructured<'_>,
    depth: usize,
    mut field: impl FnMut(&mut Unstructured<'_>) -> Result<(&'static str, Place)>,
) -> Result<Tree> {
    let mut entries: Vec<(String, Tree)> = Vec::new();
    while entries.len() < 8 && !u.ratio(2, 8)? {
        let (name, place) = field(u)?;
        let name = if u.ratio(31, 32)? { name.to_owned() } else { u.arbitrary::<String>()? };
        // Use each name once: the formats have different messages for duplicates.
        if !entries.iter().any(|(known, _)| *known == name) {
            entries.push((name, tree(u, place, depth + 1)?));
        }
    }
    Ok(Tree::Table(entries))
}

impl Tree {
    /// Writes a TOML document, with or without headers for top-level tables.
    pub fn toml(&self, headers: bool) -> String {
        // An empty line: as in JSON, the document begins before its first name.
        let mut text = "\n".to_owned();
        let Self::Table(entries) = self else { return "flags = 1".to_owned() };
        for (name, value) in entries {
            match value {
                Self::Table(inner) if headers => {
                    text += &format!("[{}]\n", toml_text(name));
                    for (name, value) in inner {
                        text += &format!("{} = {}\n", toml_text(name), value.inline());
                    }
                }
                _ => text += &format!("{} = {}\n", toml_text(name), value.inline()),
            }
        }
        text
    }

    fn inline(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => toml_text(text),
            Self::Date(date) => (*date).to_owned(),
            Self::Array(items) => format!("[{}]", list(items.iter().map(Self::inline))),
            Self::Table(entries) => {
                let entries = entries.iter();
                let pairs = entries.map(|(name, value)| format!("{} = {}", toml_text(name), value.inline()));
                format!("{{{}}}", list(pairs))
            }
        }
    }

    /// Writes a JSON document.
    pub fn json(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => json_text(text),
            Self::Date(date) => format!("\"{date}\""),
            Self::Array(items) => format!("[{}]", list(items.iter().map(Self::json))),
            Self::Table(entries) => {
                let pairs = entries.iter().map(|(name, value)| format!("{}: {}", json_text(name), value.json()));
                format!("{{{}}}", list(pairs))
            }
        }
    }

    /// Moves plain values before the first table header, which would otherwise contain them.
    pub fn sort_for_headers(&mut self) {
        if let Self::Table(entries) = self {
            entries.sort_by_key(|(_, value)| matches!(value, Self::Table(_)));
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
