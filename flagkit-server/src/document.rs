//! The document that is served.

use axum::body::Bytes;
use flagkit_sources::document::Format;
use xxhash_rust::xxh3::xxh3_128;

/// One version of the flag file: its bytes, its entity tag, and its event.
///
/// Made when the file changes, and shared by every response until the next change.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) format: Format,
    /// An entity tag (RFC 9110, section 8.8.3): the XXH3-128 of the bytes, in quotes.
    pub(crate) tag: String,
    /// The server-sent event. `None` if a line is too long for clients.
    pub(crate) event: Option<Bytes>,
}

/// The longest line, in bytes. The client in flagkit-sources accepts 1 MiB with the field's name.
const MAX_LINE: usize = (1 << 20) - 8;

impl Document {
    pub(crate) fn new(bytes: Vec<u8>, format: Format) -> Self {
        let tag = format!("\"{:032x}\"", xxh3_128(&bytes));
        let event = std::str::from_utf8(&bytes).ok().and_then(|text| event(text, format, &tag));
        Self { bytes: bytes.into(), format, tag, event }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self.format {
            Format::Json => "application/json",
            _ => "application/toml",
        }
    }

    /// Returns whether a list of entity tags names this document, by the weak comparison of RFC 9110, section 8.8.3.2.
    pub(crate) fn matches_any(&self, tags: &str) -> bool {
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

/// Returns the text as a server-sent event: one field per line, then an empty line.
fn event(text: &str, format: Format, tag: &str) -> Option<Bytes> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut event = format!("event: {}\nid: {tag}\n", format.extension());
    for line in text.split('\n') {
        if line.len() > MAX_LINE {
            return None;
        }
        event.extend(["data: ", line, "\n"]);
    }
    event.push('\n');
    Some(event.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let document = Document::new(b"[flags]\n".to_vec(), Format::Toml);
        let tag = &document.tag;
        assert!(document.matches_any(tag) && document.matches_any("*"));
        assert!(document.matches_any(&format!("\"a\", W/{tag}")) && document.matches_any(&format!("{tag},\"b\"")));
        assert!(
            !document.matches_any("\"a\"") && !document.matches_any("") && !document.matches_any(tag.trim_matches('"'))
        );
    }

    #[test]
    fn a_document_with_a_line_too_long_has_no_event() {
        let document = |text: String| Document::new(text.into_bytes(), Format::Json);
        let short = document("a\r\nb\rc\n".to_owned());
        let expected = format!("event: json\nid: {}\ndata: a\ndata: b\ndata: c\ndata: \n\n", short.tag);
        assert_eq!(short.event.as_deref(), Some(expected.as_bytes()));
        let has_event = |len| document("x".repeat(len)).event.is_some();
        assert!(has_event(MAX_LINE) && !has_event(MAX_LINE + 1));
    }
}
