//! A value without quotes that is neither a number nor true or false.
//!
//! # The problem
//!
//! A parser can only report that a word is no value. It cannot add how to write the value that the author means.
//!
//! # The idea
//!
//! Authors of flag files come from YAML, Python and spreadsheets. So they write `on`, `True`, `null`, `25%` and `1h`,
//! and each of these has one most likely meaning.
//!
//! | word | advice |
//! |---|---|
//! | `on`, `yes`, `enabled` | write true |
//! | `off`, `no`, `disabled` | write false |
//! | `True`, `FALSE` | write it in lower case |
//! | `tru`, `flase` | did you mean true, or false? |
//! | `null`, `None`, `nil` | TOML has no null; JSON has one in lower case |
//! | `.5`, `5.`, `007`, `+5` | the number in the form that the format has |
//! | `2027-2-1`, `01/02/2027` | a day as year, month and day |
//! | `25%`, `1h`, `ada@example.com` | put it in quotes |
//!
//! # The order
//!
//! A word with a fixed meaning comes first. Then a misspelled `true` or `false`, then a number or a date in another
//! form. What remains is a text that lacks its quotes. Words of one or two letters are not compared with `true`, since
//! too many of them are near it by chance.

use super::super::Format;
use super::super::node::shorten;
use super::super::suggest::nearest;

/// The longest word that the advice repeats.
///
/// It fits a key or an address. A longer word would fill the line of the message.
const MAX_REPEATED: usize = 40;

/// Returns advice on a word instead of a value, or `None` for a word that is a value.
///
/// A word with another meaning is a text without quotes.
pub(super) fn advice(format: Format, word: &str) -> Option<String> {
    if is_value(format, word) {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let advice = match &*lower {
        "true" | "false" => format!("write {lower}, in lower case"),
        "on" | "yes" | "y" | "enabled" | "enable" => "write true".to_owned(),
        "off" | "no" | "n" | "disabled" | "disable" => "write false".to_owned(),
        "null" | "nil" | "none" | "undefined" => match format {
            Format::Toml => "TOML has no null; delete the key".to_owned(),
            Format::Json => "write null, or leave the name out".to_owned(),
        },
        "nan" | "inf" | "infinity" | "-inf" | "-infinity" => "write a finite number".to_owned(),
        _ => match nearest(&lower, ["true", "false"]).filter(|_| word.len() > 2) {
            Some(meant) => format!("did you mean {meant}?"),
            None => number(format, word).unwrap_or_else(|| in_quotes(word)),
        },
    };
    Some(advice)
}

/// Returns advice on a word that is meant as a number or a date.
///
/// Neither format allows a point at either end of a number, nor zeros before it, and JSON allows no `+`. A date has
/// three parts, one of them a year of four digits.
fn number(format: Format, word: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (sign, magnitude) = match word.strip_prefix(['-', '+']) {
        Some(rest) => (word.get(..1)?, rest),
        None => ("", word),
    };
    // A plus has no meaning in either format, so the advice leaves it out.
    let sign = if sign == "-" { "-" } else { "" };
    if let Some(fraction) = magnitude.strip_prefix('.').filter(|fraction| digits(fraction)) {
        return Some(format!("write {sign}0.{fraction}"));
    }
    if let Some(whole) = magnitude.strip_suffix('.').filter(|whole| digits(whole)) {
        return Some(format!("write {sign}{whole}.0"));
    }
    if digits(magnitude) && magnitude.len() > 1 && magnitude.starts_with('0') {
        let value = magnitude.trim_start_matches('0');
        let value = if value.is_empty() { "0" } else { value };
        return Some(format!("write {sign}{value}, or \"{word}\" in quotes if it is a text"));
    }
    if digits(magnitude) && format == Format::Json && word.starts_with('+') {
        return Some(format!("write {magnitude}"));
    }
    // The order of the parts differs between countries, so the advice shows the form and no guess.
    let parts: Vec<&str> = word.split(['-', '/', '.']).collect();
    let is_day =
        matches!(&*parts, [a, b, c] if [a, b, c].iter().all(|part| digits(part)) && (a.len() == 4 || c.len() == 4));
    is_day.then(|| match format {
        Format::Toml => "write a day as year, month and day, such as 2027-02-01".to_owned(),
        Format::Json => "write a day in quotes, such as \"2027-02-01\"".to_owned(),
    })
}

/// Returns the advice to put a word in quotes. A long word is not repeated.
fn in_quotes(word: &str) -> String {
    match word.len() {
        0..=MAX_REPEATED => format!("write \"{}\", in quotes", shorten(word)),
        _ => "put a text in quotes".to_owned(),
    }
}

/// Returns whether the format has the word as a value.
///
/// Times and dates of TOML count if they look like one: whether the day exists is an error of its own.
fn is_value(format: Format, word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.replace('_', "").parse::<f64>().is_ok()
        && !digits.ends_with('.')
        && !(digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit));
    let is_radix = ["0x", "0o", "0b"].iter().any(|prefix| word.starts_with(prefix));
    let is_date = word.len() >= 10
        && word.bytes().zip(*b"0000-00-00").all(|(byte, form)| match form {
            b'-' => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match format {
        Format::Toml => matches!(word, "true" | "false") || is_number || is_radix || is_date || word.contains(':'),
        Format::Json => matches!(word, "true" | "false" | "null") || (is_number && !word.starts_with('+')),
    }
}
