//! A document that is served.

use flagkit_sources::document::Format;
use xxhash_rust::xxh3::xxh3_128;

/// A document, its name for caches, and what it looks like as an event.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Format,
    /// An entity tag (RFC 9110, section 8.8.3): the XXH3-128 of the bytes, in quotes.
    pub(crate) tag: String,
    /// The data of an event, if it has one: text whose lines end in LF, none too long for a client.
    pub(crate) data: Option<String>,
}

/// The longest line that flagkit's client takes is 1 MiB, the name of the field included.
const MAX_LINE: usize = (1 << 20) - 8;

impl Document {
    pub(crate) fn new(bytes: Vec<u8>, format: Format) -> Self {
        let tag = format!("\"{:032x}\"", xxh3_128(&bytes));
        let data = std::str::from_utf8(&bytes).ok().map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
        let data = data.filter(|data| data.lines().all(|line| line.len() <= MAX_LINE));
        Self { bytes, format, tag, data }
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
        let data = |text: String| Document::new(text.into_bytes(), Format::Json).data;
        assert_eq!(data("a\r\nb\rc".to_owned()).as_deref(), Some("a\nb\nc"));
        assert!(data("x".repeat(MAX_LINE)).is_some() && data("x".repeat(MAX_LINE + 1)).is_none());
    }
}
