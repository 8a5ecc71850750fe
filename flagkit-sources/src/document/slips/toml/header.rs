//! The slips of headers, such as `[flags.x` and `[flags.new checkout]`.
//!
//! A header has a line of its own, so the line is read as a whole: its brackets, its names, and what follows.
//!
//! | line | explanation |
//! |---|---|
//! | `[flags.x` | a header without its closing bracket |
//! | `[[flags.x]`, `[flags.x]]` | one bracket on one side, two on the other |
//! | `[flags..x]`, `[]` | an empty name |
//! | `[flags.new checkout]` | a space in a name without quotes |
//! | `[flags.x] on = true` | a key on the line of a header |

use super::super::super::node::shorten;
use super::super::super::syntax_error::SyntaxError;
use super::super::line::Line;
use super::key::is_pair;

/// Explains a header: missing brackets, empty names, names that need quotes, and text after it.
///
/// `body` is the line from its first bracket. A header without a slip returns `None`: its error is about something
/// else, such as a name that occurs before.
pub(super) fn header(line: &Line<'_>, body: &str) -> Option<SyntaxError> {
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

/// Returns whether a line that begins with `[` is a header, and not a value within an array.
///
/// An array of arrays has lines that begin with `[` as well. Such a line has a comma, or begins with a number or a
/// brace.
pub(super) fn is_header(body: &str) -> bool {
    let inner = body.trim_start_matches('[');
    inner.is_empty() || (!inner.contains(',') && !inner.trim_start().starts_with(['{', '-', '#']))
}

/// Explains characters that a name without quotes cannot have.
///
/// A space is meant as part of a name, as in `[flags.new checkout]`. Other characters need quotes. A flag's key cannot
/// have them even then, which a later problem says.
pub(super) fn name_characters(line: &Line<'_>, name: &str) -> Option<SyntaxError> {
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
