//! Text in a page. Names come from the URL and colours from the flag file, so all of them are untrusted.

/// Escapes a text for the content of an element.
pub(crate) fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes a text for an attribute in double quotes.
pub(crate) fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;")
}

/// Encodes a text for the query of a URL.
pub(crate) fn query(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(encode).collect()
}
