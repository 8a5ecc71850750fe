//! The slips of TOML.
//!
//! A line outside of brackets is a header, a key with its value, or a comment. It is read from its start, because the
//! parser often reports what follows a mistake. Inside brackets only the value at the error is read.

use super::super::Format;
use super::super::node::shorten;
use super::super::syntax_error::SyntaxError;
use super::brackets::{Brackets, Open, closing};
use super::line::Line;
use super::word;

/// Explains the error of a line.
pub(super) fn slip(line: &Line<'_>, brackets: &mut Brackets<'_>, error: &SyntaxError) -> Option<SyntaxError> {
    let body = line.text().trim_start();
    if let Some(offset) = brackets.open_text() {
        return Some(unclosed_text(brackets, offset));
    }
    let open = brackets.innermost();
    if open.is_none() {
        if let Some(slip) = statement(line, body) {
            return Some(slip);
        }
    }
    brackets.advance(line.start() + line.text().len());
    if let Some(offset) = brackets.open_text() {
        return Some(unclosed_text(brackets, offset));
    }
    let open = open.or_else(|| brackets.innermost());
    if let Some(open) = open {
        let is_next = is_pair(body) || (body.starts_with('[') && is_header(body));
        if (is_next || brackets.is_last(error.offset)) && brackets.is_never_closed(open) {
            brackets.abandon();
            return Some(unclosed(open));
        }
    }
    let before = line.to(line.error()).trim_end();
    if brackets.innermost().is_none() && before.ends_with([']', '}']) {
        return after_value(line, line.from(line.error()));
    }
    let open = open.or_else(|| body.contains(['[', '{']).then_some(Open { bracket: '{', offset: line.start() }))?;
    value_in_brackets(line, open, brackets.before(line.start() + line.error()))
}

/// Explains three quotes that nothing closes.
fn unclosed_text(brackets: &Brackets<'_>, offset: usize) -> SyntaxError {
    let quotes = brackets.after(offset).get(..3).unwrap_or_default();
    let expected = format!("`{quotes}` at the end of the text");
    SyntaxError::new(offset, format!("a text without its closing `{quotes}`"), expected)
        .with_help(format!("close the text with `{quotes}`"))
}

/// Explains a line outside of brackets: a comment, a header, or a key with its value.
fn statement(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    match comment_mark(body) {
        Some(mark) => Some(comment(line, line.position(body), mark)),
        None if body.starts_with('[') && is_header(body) => header(line, body),
        None => key(line, body),
    }
}

/// Explains a bracket that nothing closes.
pub(super) fn unclosed(open: Open) -> SyntaxError {
    let Open { bracket, offset } = open;
    let got = format!("`{bracket}` without its closing `{}`", closing(bracket));
    SyntaxError::new(offset, got, "brackets that are closed").with_help(format!("close it with `{}`", closing(bracket)))
}

/// Returns whether a line begins with a name and `=`.
fn is_pair(body: &str) -> bool {
    let len = key_len(body);
    len > 0 && body.get(len..).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Returns whether a line that begins with `[` is a header, and not a value within an array.
fn is_header(body: &str) -> bool {
    let inner = body.trim_start_matches('[');
    inner.is_empty() || (!inner.contains(',') && !inner.trim_start().starts_with(['{', '-', '#']))
}

/// Returns the mark with which other languages begin a comment.
fn comment_mark(text: &str) -> Option<&'static str> {
    ["//", "/*", "--", ";"].into_iter().find(|mark| text.starts_with(mark))
}

fn comment(line: &Line<'_>, at: usize, mark: &str) -> SyntaxError {
    line.slip(at, format!("`{mark}`"), "`#` before a comment").with_help("a comment begins with `#`")
}

/// Explains a header: missing brackets, empty names, names that need quotes, and text after it.
fn header(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    let at = line.position(body);
    let (open, close) = if body.starts_with("[[") { ("[[", "]]") } else { ("[", "]") };
    let inner = body.strip_prefix(open)?;
    let Some((end, _)) = line.outside_quotes().find(|(position, c)| *position > at && *c == ']') else {
        let got = format!("a header without its closing `{close}`");
        return Some(line.slip(at, got, format!("`{close}`")).with_help(format!("close the header with `{close}`")));
    };
    let (name, rest) = (inner.get(..end - at - open.len())?, line.from(end));
    let has_two = rest.starts_with("]]");
    if has_two != (open == "[[") {
        let got = format!("a header with `{open}` and `{}`", if has_two { "]]" } else { "]" });
        let help = "write `[name]` for a table, and `[[name]]` for one of several";
        return Some(line.slip(at, got, format!("`{close}`")).with_help(help));
    }
    if name.split('.').any(|part| part.trim().is_empty()) {
        let help = "write a name between the brackets, and one between two dots";
        return Some(line.slip(at, "a header with an empty name", "a name").with_help(help));
    }
    if let Some(slip) = name_characters(line, name) {
        return Some(slip);
    }
    let rest = rest.trim_start_matches(']').trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return None;
    }
    let help = if is_pair(rest) { "write the key on the next line" } else { "a header is on a line of its own" };
    let got = format!("`{}` after a header", shorten(rest));
    Some(line.slip(line.position(rest), got, "the end of the line").with_help(help))
}

/// Explains characters that a name without quotes cannot have.
fn name_characters(line: &Line<'_>, name: &str) -> Option<SyntaxError> {
    let start = line.position(name);
    let trimmed = start + name.len() - name.trim_start().len()..start + name.trim_end().len();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let around_dot = |at: usize| line.to(at).trim_end().ends_with('.') || line.from(at).trim_start().starts_with('.');
    let (at, c) = line
        .outside_quotes()
        .find(|(at, c)| trimmed.contains(at) && !is_bare(*c) && !(*c == ' ' && around_dot(*at)))?;
    let (what, help) = match c {
        ' ' => ("a space".to_owned(), "write `-` instead, or put the name in quotes"),
        c => (format!("`{c}`"), "put the name in quotes"),
    };
    let got = format!("{what} in a name without quotes");
    Some(line.slip(at, got, "letters and digits of ASCII, `_` and `-`").with_help(help))
}

/// Explains a key with its value.
fn key(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    let name = body.get(..key_len(body))?;
    let rest = body.get(name.len()..)?.trim_start();
    let (at, rest_at) = (line.position(body), line.position(rest));
    if name.is_empty() {
        return nameless(line, body);
    }
    if let Some(slip) = name_characters(line, name) {
        return Some(slip);
    }
    let shown = shorten(name);
    if let Some(sign) = ["=>", "==", "=:", ":=", "+=", "->", "?="].into_iter().find(|sign| rest.starts_with(sign)) {
        let help = format!("write `{shown} = …`");
        return Some(line.slip(rest_at, format!("`{sign}` after a name"), "`=`").with_help(help));
    }
    if let Some(written) = rest.strip_prefix('=') {
        return value(line, &shown, written.trim_start());
    }
    if let Some(written) = rest.strip_prefix(':') {
        let help = match written.trim() {
            "" => format!("write a header `[{shown}]` for a table, and `{shown} = …` for a value"),
            written => format!("write `{shown} = {}`", shorten(written)),
        };
        return Some(line.slip(rest_at, "`:` after a name", "`=`").with_help(help));
    }
    if rest.is_empty() || rest.starts_with('#') {
        let help = format!("write `{shown} = true`, for example");
        return Some(line.slip(at, format!("the name `{shown}` without a value"), "`=` and a value").with_help(help));
    }
    let symbol = rest.chars().next().filter(|c| c.is_ascii_punctuation() && !matches!(c, '"' | '\''));
    let equals = line.outside_quotes().any(|(position, c)| position >= rest_at && c == '=');
    Some(match (equals, symbol) {
        (true, Some(symbol)) => {
            let got = format!("`{symbol}` in a name without quotes");
            line.slip(rest_at, got, "letters and digits of ASCII, `_` and `-`").with_help("put the name in quotes")
        }
        (true, None) => line
            .slip(at + name.len(), "a space in a name without quotes", "`=` after the name")
            .with_help("write `-` instead, or put the name in quotes"),
        (false, _) => line
            .slip(rest_at, format!("`{}` after the name `{shown}`", shorten(rest)), "`=`")
            .with_help(format!("write `{shown} = {}`", shorten(rest))),
    })
}

/// Explains a line that begins with neither a name nor a header.
fn nameless(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
    let at = line.position(body);
    let first = body.chars().next()?;
    let (got, expected, help) = match first {
        '-' => ("an item of YAML", "a key and a value", "write a list in brackets: `key = [\"a\", \"b\"]`"),
        '=' => ("`=` without a name", "a name before `=`", "write `key = value`"),
        ']' | '}' => ("a closing bracket that nothing opened", "a key or a header", "delete it"),
        ',' => ("a comma at the start of a line", "a key or a header", "delete it"),
        _ => return None,
    };
    Some(line.slip(at, got, expected).with_help(help))
}

/// Returns the length of a key: names with or without quotes, and dots.
fn key_len(text: &str) -> usize {
    let mut quote = None;
    let end = text.char_indices().find(|(_, c)| match quote {
        Some(open) => {
            quote = quote.filter(|_| *c != open);
            false
        }
        None if matches!(c, '"' | '\'') => {
            quote = Some(*c);
            false
        }
        None => !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')),
    });
    let len = end.map_or(text.len(), |(at, _)| at);
    // A hyphen by itself begins an item of YAML.
    if text.get(..len).is_some_and(|key| key.chars().all(|c| c == '-')) { 0 } else { len }
}

/// Explains the value after a name and `=`.
fn value(line: &Line<'_>, name: &str, written: &str) -> Option<SyntaxError> {
    let at = line.position(written);
    if written.is_empty() || written.starts_with('#') {
        let help = format!("write a value after `{name} =`, or delete the line");
        return Some(
            line.slip(line.to(at).trim_end().len(), "no value", "a value such as true, 25 or \"text\"").with_help(help),
        );
    }
    if let Some(sign) = written.chars().next().filter(|c| matches!(c, '=' | ':' | '>')) {
        let help = format!("write `{name} = …`, with one `=`");
        return Some(line.slip(at, format!("`{sign}` after `=`"), "a value").with_help(help));
    }
    match written.chars().next()? {
        '"' | '\'' => match text(line, written)? {
            Ok((rest, quote)) => after_text(line, rest, quote),
            Err(slip) => Some(slip),
        },
        '[' | '{' => None,
        _ => word(line, written).or_else(|| after_value(line, written.get(word_len(written)..)?)),
    }
}

/// Explains a word that is no value.
fn word(line: &Line<'_>, written: &str) -> Option<SyntaxError> {
    let word = written.get(..word_len(written)).filter(|word| !word.is_empty())?;
    let rest = written.get(word.len()..).unwrap_or_default();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = rest.strip_prefix(',').map(|rest| rest.get(..word_len(rest)).unwrap_or_default());
    if let Some(fraction) = fraction.filter(|fraction| is_digits(word) && is_digits(fraction)) {
        let got = format!("`{word},{fraction}`");
        return Some(
            line.slip(line.position(word), got, "a number").with_help(format!("write {word}.{fraction}, with a point")),
        );
    }
    let advice = word::advice(Format::Toml, word)?;
    let got = format!("`{}` without quotes", shorten(word));
    Some(line.slip(line.position(word), got, "a value such as true, 25 or \"text\"").with_help(advice))
}

/// Returns the length of a word: up to a space, a separator or a bracket.
fn word_len(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || ",;#[]{}=\"'".contains(c)).unwrap_or(text.len())
}

/// Explains the value at the error, inside brackets. `before` is the document up to the error.
fn value_in_brackets(line: &Line<'_>, open: Open, before: &str) -> Option<SyntaxError> {
    let colon = line.outside_quotes().find(|(at, c)| *c == ':' && line.to(*at).trim_end().ends_with(['"', '\'']));
    if let Some((at, _)) = colon.filter(|_| open.bracket == '{') {
        return Some(line.slip(at, "`:` after a name", "`=`").with_help("write `=` between a name and its value"));
    }
    if let Some(slip) = line.text_around_error().and_then(|written| text(line, written)?.err()) {
        return Some(slip);
    }
    let is_word = |c: char| c.is_alphanumeric() || "_-.%+".contains(c);
    let start = line.to(line.error()).trim_end_matches(is_word).len();
    let rest = line.from(start).trim_start();
    let before = before.get(..before.len() - (line.error() - start)).unwrap_or_default().trim_end();
    if before.ends_with(['=', '[', ',']) && !is_pair(rest) {
        let after = rest.get(word_len(rest)..)?.trim_start();
        let missing = || is_pair(after).then(|| missing_comma(line.start() + line.position(rest) + word_len(rest)));
        return word(line, rest).or_else(missing);
    }
    let has_value = before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | ']' | '}'));
    let begins_value = is_pair(rest) || rest.starts_with(['"', '\'', '[', '{']);
    (has_value && begins_value).then(|| missing_comma(before.len()))
}

/// Explains two values without a comma between them, at the end of the first one.
pub(super) fn missing_comma(offset: usize) -> SyntaxError {
    SyntaxError::new(offset, "no comma between two values", "`,`").with_help("write `,` after the value")
}

/// Reads a text in quotes, and returns what follows it.
///
/// The error explains a quote that is missing, or an escape that does not exist. `None` stands for three quotes, which
/// begin a text of several lines.
fn text<'t>(line: &Line<'_>, written: &'t str) -> Option<Result<(&'t str, char), SyntaxError>> {
    let at = line.position(written);
    let quote = written.chars().next()?;
    if written.starts_with(&quote.to_string().repeat(3)) {
        return None;
    }
    let mut characters = written.char_indices().skip(1);
    while let Some((position, c)) = characters.next() {
        match c {
            '\\' if quote == '"' => {
                let (_, escaped) = characters.next()?;
                if !"btnfre\"\\uUx".contains(escaped) {
                    let help = "write `\\\\` for a backslash, or put the text in single quotes";
                    let got = format!("the escape `\\{escaped}`");
                    let slip = line.slip(at + position, got, "an escape such as `\\n` or `\\\\`");
                    return Some(Err(slip.with_help(help)));
                }
            }
            c if c == quote => return Some(Ok((written.get(position + 1..)?, quote))),
            c if c.is_control() && c != '\t' => {
                let help = format!("write it as `\\u{:04X}`, or delete it", u32::from(c));
                let slip = line.slip(at + position, "a control character in a text", "a text without one");
                return Some(Err(slip.with_help(help)));
            }
            _ => {}
        }
    }
    let got = format!("a text without its closing `{quote}`");
    let help = match written {
        _ if written.ends_with("\\\"") => {
            "`\\\"` is a quote within the text; write `\\\\` for a backslash at its end".to_owned()
        }
        _ if written.ends_with(['\u{201C}', '\u{201D}', '\u{2019}']) => {
            "close the text with a straight quote".to_owned()
        }
        _ => format!("close the text with `{quote}`"),
    };
    Some(Err(line.slip(at, got, format!("`{quote}` at the end of the text")).with_help(help)))
}

/// Explains what follows a text in quotes.
fn after_text(line: &Line<'_>, rest: &str, quote: char) -> Option<SyntaxError> {
    if rest.starts_with(|c: char| c.is_alphanumeric()) {
        let help = match quote {
            '"' => "write `\\\"` for a quote within the text",
            _ => "put a text with `'` in double quotes",
        };
        let got = format!("`{}` after the closing `{quote}`", shorten(rest));
        return Some(line.slip(line.position(rest), got, "the end of the text").with_help(help));
    }
    after_value(line, rest)
}

/// Explains what follows a complete value on its line.
fn after_value(line: &Line<'_>, rest: &str) -> Option<SyntaxError> {
    let rest = rest.trim();
    let at = line.position(rest);
    let first = rest.chars().next().filter(|c| *c != '#')?;
    if let Some(mark) = comment_mark(rest).filter(|mark| *mark != ";") {
        return Some(comment(line, at, mark));
    }
    let help = match first {
        ',' | ';' if rest.len() == 1 => "delete it; a value ends with its line",
        ']' | '}' | ')' => "delete it; nothing opened it",
        _ if rest.contains('=') => "write each key on a line of its own",
        _ => "a value ends with its line; put a text in quotes, and several values in brackets",
    };
    Some(line.slip(at, format!("`{}` after the value", shorten(rest)), "the end of the line").with_help(help))
}
