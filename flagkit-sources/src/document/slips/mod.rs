//! The most usual slips of syntax, each with an explanation of its own.
//!
//! # The problem
//!
//! A parser reports the first token that its grammar does not allow. That is often not what the author did: for `x =
//! on` the grammar misses quotes, and the author misses the word `true`. A bracket that stays open is reported many
//! lines later.
//!
//! # The idea
//!
//! The parsers report errors as they find them. [`explain`] then reads the line of each error again, with the knowledge
//! of what people write by mistake. A slip that it recognises replaces all errors of its line, because one mistake
//! should be reported once. Every other error stays unchanged, so nothing depends on this list being complete.
//!
//! | slip | explanation |
//! |---|---|
//! | a mark of a merge conflict | one for the whole conflict |
//! | a no-break space, a byte-order mark, a control character | the character by its code, since no editor shows it |
//! | curly quotes, dashes, wide signs | the character of the keyboard |
//! | JSON or YAML in a TOML file, TOML or YAML in a JSON file | one for the whole document |
//! | everything else | by `toml` and `json` |
//!
//! # The files, in reading order
//!
//! - this file: the slips of both formats: marks of a merge conflict, invisible characters, curly quotes.
//! - `line`: the line of an error. `brackets`: the brackets that are open where a line begins.
//! - `word`: a value without quotes, such as `on`, `True`, `25%` and `1h`.
//! - `toml`, `json`: the slips of one format.
//!
//! # How it works
//!
//! 1. A document in another format is one slip, and the only error.
//! 2. The other errors are sorted by offset, so that one scan of the brackets serves all of them.
//! 3. For each error its line is read: first for a mark of a merge conflict, then for a character that looks like
//!    another one, then by the format.
//! 4. A slip drops the remaining errors of its line, or of its conflict. A bracket that nothing closes drops all later
//!    errors.
//!
//! # Limits
//!
//! Only valid text has a tree, so a slip is recognised by its line and by the brackets before it. A line of more than
//! 1,000 bytes is not read again.

mod brackets;
mod json;
mod line;
mod toml;
mod word;

use self::brackets::Brackets;
use self::line::Line;
use super::Format;
use super::syntax_error::{SyntaxError, SyntaxErrors};

/// Replaces errors that are due to a usual slip by its explanation.
///
/// Errors are read in the order of the document. After a bracket that nothing closes, the remaining errors are dropped:
/// the parser has read everything after it as part of that bracket.
///
/// [`Format::parse`] calls this once, for a text that is not well-formed.
pub(super) fn explain(format: Format, text: &str, errors: SyntaxErrors) -> SyntaxErrors {
    if let Some(slip) = other_format(format, text) {
        return slip.into();
    }
    errors.map(|mut list| {
        list.sort_by_key(|error| error.offset);
        let mut brackets = Brackets::new(format, text);
        let mut explained = Vec::new();
        // Errors before this offset are part of a slip that has been explained.
        let mut explained_to = 0;
        for error in list {
            if error.offset < explained_to {
                continue;
            }
            let slip = Line::at(text, error.offset).and_then(|line| {
                brackets.advance(line.start());
                let end = text.len().min(line.start() + line.text().len() + 1);
                conflict(&line, text).or_else(|| Some((slip(format, &line, &mut brackets, &error)?, end)))
            });
            match slip {
                Some((slip, end)) => {
                    explained_to = end;
                    explained.push(slip);
                }
                None => explained.push(error),
            }
            if brackets.is_abandoned() {
                break;
            }
        }
        explained
    })
}

/// Explains the error of a line, if the line has a usual slip.
///
/// An error with advice, such as a duplicate name, is not one of the grammar and stays unchanged.
fn slip(format: Format, line: &Line<'_>, brackets: &mut Brackets<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    if error.has_advice() {
        return None;
    }
    character(line).or_else(|| match format {
        Format::Toml => toml::slip(line, brackets, error),
        Format::Json => json::slip(line, brackets, error),
    })
}

/// Explains a document in another format: JSON or YAML in a TOML file, TOML in a JSON file.
///
/// The first line that is not a comment decides. Every line of such a document is an error, so this is the only one.
fn other_format(format: Format, text: &str) -> Option<SyntaxError> {
    // Blank lines at the start are skipped, so that the error is at the first line with text.
    let start = text.len() - text.trim_start().len();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    let is_key = |key: &str| key.trim().chars().all(|c| c.is_alphanumeric() || "_-.\"'".contains(c));
    let is_toml = |line: &str| {
        let header =
            line.strip_prefix('[').and_then(|rest| rest.trim_end_matches(']').strip_prefix(char::is_alphabetic));
        let pair = line.split_once('=').is_some_and(|(key, _)| !key.is_empty() && is_key(key));
        header.is_some_and(|rest| is_key(rest) || rest.starts_with('[')) || pair
    };
    let (got, help) = match format {
        Format::Toml if first.starts_with('{') && !first.contains('=') => {
            ("JSON", "this looks like JSON; give a JSON file the extension `.json`")
        }
        Format::Toml if first == "---" || first.strip_suffix(':').is_some_and(is_key) => (
            "YAML",
            "this looks like YAML, which flagkit does not read; write TOML: a header `[flags]`, then `key = value`",
        ),
        Format::Json if is_toml(first) => ("TOML", "this looks like TOML; give a TOML file the extension `.toml`"),
        Format::Json if first == "---" || first.strip_suffix(':').is_some_and(is_key) => {
            ("YAML", "this looks like YAML, which flagkit does not read; write JSON: {\"flags\": {}}")
        }
        _ => return None,
    };
    Some(SyntaxError::new(start, format!("a document in {got}"), format.name()).with_help(help))
}

/// Explains a mark of a merge conflict. All errors up to the end of the conflict belong to it.
///
/// git writes marks of seven characters at the start of a line. A conflict begins with `<`, and ends with `>`. Returns
/// the explanation and the offset of the end.
fn conflict(line: &Line<'_>, text: &str) -> Option<(SyntaxError, usize)> {
    let is_mark = |line: &str, c: char| {
        let rest = line.trim_start_matches(c);
        line.len() - rest.len() == 7 && (rest.is_empty() || rest.starts_with([' ', '\r']))
    };
    // The parser may report any of the four lines, depending on what precedes the conflict.
    let mark = ['<', '|', '=', '>'].into_iter().find(|c| is_mark(line.text(), *c))?;
    let rest = text.get(line.start()..)?;
    let mut end = line.start();
    for line in rest.split_inclusive('\n') {
        end += line.len();
        if is_mark(line.trim_end(), '>') {
            break;
        }
    }
    let got = format!("the mark of a merge conflict, `{}`", mark.to_string().repeat(7));
    let help = "keep one of the two versions, and delete the lines with marks";
    Some((line.slip(0, got, "a document without conflicts").with_help(help), end))
}

/// Explains a character that looks like another one, or like none.
///
/// Word processors and web pages turn quotes into curly ones, hyphens into dashes, and spaces into no-break spaces.
/// Input methods write wide forms of signs. None of them has a meaning outside of texts and comments.
fn character(line: &Line<'_>) -> Option<SyntaxError> {
    line.outside_quotes().find_map(|(at, c)| {
        let code = u32::from(c);
        let (got, expected, help) = match c {
            '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '«' | '»' | '\u{FF02}' | '\u{2033}' => {
                (format!("the quotation mark `{c}`"), "`\"`", "write straight quotes, as in \"text\"".to_owned())
            }
            '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '‹' | '›' | '\u{FF07}' | '\u{2032}' | '`'
            | '\u{B4}' => {
                (format!("the quotation mark U+{code:04X}"), "`\"`", "write straight quotes, as in \"text\"".to_owned())
            }
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' => {
                (format!("the dash `{c}` (U+{code:04X})"), "`-`", "write the hyphen of the keyboard, `-`".to_owned())
            }
            '\u{FF1D}' | '\u{FF1A}' | '\u{FF0C}' | '\u{FF3B}' | '\u{FF3D}' | '\u{FF5B}' | '\u{FF5D}' => {
                // Unicode has the wide forms in the order of ASCII, from U+FF01 for U+0021.
                let narrow = char::from_u32(code - 0xFEE0).unwrap_or(' ');
                (format!("the wide character `{c}`"), "a character of ASCII", format!("write `{narrow}`"))
            }
            _ => (
                format!("{} (U+{code:04X})", invisible(c)?),
                "a space, or nothing",
                if c.is_control() {
                    "delete it".to_owned()
                } else {
                    "delete it; such characters come from web pages and word processors".to_owned()
                },
            ),
        };
        Some(line.slip(at, got, expected).with_help(help))
    })
}

/// Describes a character that is invisible or looks like a space. Returns `None` for all others.
///
/// The explanation adds the code of the character, because no editor shows the character itself.
fn invisible(c: char) -> Option<&'static str> {
    Some(match c {
        '\t' | '\n' | '\r' => return None,
        '\u{A0}' | '\u{202F}' | '\u{2007}' => "a no-break space",
        '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{205F}' | '\u{3000}' => "a space that is not the ordinary one",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break that is not the ordinary one",
        '\u{FEFF}' => "a byte-order mark within the document",
        '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{AD}'
        | '\u{61C}'
        | '\u{180E}' => "an invisible character",
        c if c.is_control() => "a control character",
        _ => return None,
    })
}
