//! A document that is served.

use axum::body::Bytes;
use flagkit_sources::document::Format;
use xxhash_rust::xxh3::xxh3_128;

/// A document, its name for caches, and what it looks like as an event.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) format: Format,
    /// An entity tag (RFC 9110, section 8.8.3): the XXH3-128 of the bytes, in quotes.
    pub(crate) tag: String,
    /// The event, if it can be one: no line may be too long for a client.
    pub(crate) event: Option<Bytes>,
}

/// The longest line that flagkit's client takes is 1 MiB, the name of the field included.
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

    /// Tells whether a list of entity tags names this one, by the weak comparison that RFC 9110 asks for.
    pub(crate) fn is_named_in(&self, tags: &str) -> bool {
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

/// A server-sent event: fields in lines, and a blank one.
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
        assert!(document.is_named_in(tag) && document.is_named_in("*"));
        assert!(document.is_named_in(&format!("\"a\", W/{tag}")) && document.is_named_in(&format!("{tag},\"b\"")));
        assert!(
            !document.is_named_in("\"a\"") && !document.is_named_in("") && !document.is_named_in(tag.trim_matches('"'))
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
