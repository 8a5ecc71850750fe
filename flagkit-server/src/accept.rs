//! Content negotiation: the document or the stream.
//!
//! `GET /flags` has two representations at one URL, and the header `Accept` chooses between them (RFC 9110, section
//! 12.5.1). Media types are case-insensitive, and a type with `q=0` is not acceptable. The parser is here because the
//! rule is short: crates that parse `Accept` have no answer to "was this type named, or only matched by a wildcard?".

use axum::http::{HeaderMap, header};

/// The media type of the stream.
pub(crate) const EVENTS: &str = "text/event-stream";

/// A media range of `Accept`, such as `text/*;q=0.5`.
struct MediaRange {
    /// The type and subtype, in lower case.
    name: String,
    /// The weight in thousandths.
    weight: u16,
}

/// Returns whether the client prefers the stream to a document of this content type.
///
/// The client must name the stream: `*/*` and `text/*` also match it, but the clients that send them expect a document.
pub(crate) fn prefers_stream(headers: &HeaderMap, content_type: &str) -> bool {
    let ranges = media_ranges(headers);
    let weight = |name: &str| ranges.iter().filter(|range| range.name == name).map(|range| range.weight).max();
    let stream = weight(EVENTS).unwrap_or(0);
    // The most specific range that matches the type decides.
    let (kind, _) = content_type.split_once('/').unwrap_or_default();
    let document = weight(content_type).or_else(|| weight(&format!("{kind}/*"))).or_else(|| weight("*/*"));
    stream > 0 && stream >= document.unwrap_or(0)
}

/// Parses all `Accept` headers. A range with an invalid weight is left out.
fn media_ranges(headers: &HeaderMap) -> Vec<MediaRange> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.iter().flat_map(|value| split(value, ',')).filter_map(media_range).collect()
}

fn media_range(text: &str) -> Option<MediaRange> {
    let mut parts = split(text, ';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    Some(MediaRange { name, weight: weight.map_or(Some(1000), thousandths)? })
}

/// Parses a weight: `0` to `1` with up to three decimals (RFC 9110, section 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_valid = matches!(whole, "0" | "1") && decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    let weight: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (is_valid && weight <= 1000).then_some(weight)
}

/// Splits a text at a separator, except inside quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match char {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        char == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(accept: &[&'static str], content_type: &str) -> bool {
        let values = accept.iter().map(|value| (header::ACCEPT, value.parse().expect("a header value")));
        prefers_stream(&values.collect(), content_type)
    }

    #[test]
    fn the_stream_is_chosen_if_it_is_named_and_preferred() {
        for accept in [
            "text/event-stream",
            "Text/Event-Stream",
            "TEXT/EVENT-STREAM;Q=0.001",
            "text/event-stream; charset=utf-8; q=1.000",
            "text/html, text/event-stream",
            "application/toml, text/event-stream",
            "text/event-stream;q=0.5, */*;q=0.1",
            "text/event-stream;q=0.5, application/toml;q=0.4, */*",
            "x/y;z=\"a,b;q=0\\\"\" , text/event-stream",
            "text/event-stream;q=0.2, text/event-stream",
            ", ,text/event-stream,",
            "application/json, text/event-stream;q=0.5",
        ] {
            assert!(streams(&[accept], "application/toml"), "{accept}");
        }
        assert!(streams(&["application/toml;q=0.9", "text/event-stream"], "application/toml"));
        assert!(streams(&["application/*;q=0, text/event-stream;q=0.1"], "application/json"));
    }

    #[test]
    fn any_other_header_chooses_the_document() {
        for accept in [
            "",
            "*/*",
            "text/*",
            "text/html",
            "text/event-stream;q=0",
            "Text/Event-Stream; q=0.000",
            "text/event-stream;q=0, */*",
            "text/event-stream;q=0.5, application/toml",
            "text/event-stream;q=0.5, application/*",
            "text/event-stream;q=0.5, */*",
            "application/toml, text/event-stream;q=0.9",
            "x-text/event-stream",
            "text/event-streams",
            "x/y;z=\"text/event-stream\"",
            "x/y;z=\", text/event-stream, \"",
            "text/event-stream;q=2",
            "text/event-stream;q=-1",
            "text/event-stream;q=0.0001",
            "text/event-stream;q=",
            "text/event-stream;q=yes",
        ] {
            assert!(!streams(&[accept], "application/toml"), "{accept}");
        }
        assert!(!streams(&[], "application/toml"));
        assert!(!streams(&["text/event-stream;q=0.5", "application/toml"], "application/toml"));
    }
}
