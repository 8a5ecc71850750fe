//! Integers and dates of TOML, in the forms that both formats share.
//!
//! An integer becomes its decimal text, so that the decoder parses numbers of both formats alike and no digit is lost.
//! A date becomes the form of RFC 3339, which conditions compare.
//!
//! # How it works
//!
//! `decode_scalar` of the parser recognises the type of a scalar, and the builder calls a function here for the two
//! types that need more work. An error goes to the sink of the parser, at the span of the scalar. The value is then
//! `Null`, and no flag is read from it, because the document is refused.
//!
//! # Limits
//!
//! The minimum for integers in TOML is 64 bits. Conditions compare integers of up to 128 bits, so the limit of
//! 64 bits applies only where the decoder sets it.

use std::borrow::Cow;

use toml_datetime::Datetime;
use toml_parser::decoder::IntegerRadix;
use toml_parser::{ErrorSink, ParseError, Span};

use super::super::node::Value;

/// Returns an integer in decimal, converted from its radix. A decimal one may have any size, and keeps its minus sign.
///
/// The decoder limits the size where it matters. An integer in another radix must be below 2^127, because it is
/// converted here. `decode_scalar` has removed underscores and the prefix. Errors are reported at `span`.
pub(super) fn integer<'t>(text: Cow<'t, str>, radix: IntegerRadix, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    // `decode_scalar` accepts an integer without digits, and digits of other scripts.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix.value())) {
        error.report_error(ParseError::new(radix.invalid_description()).with_unexpected(span));
        return Value::Null;
    }
    if radix == IntegerRadix::Dec {
        return Value::Number(match text.strip_prefix('+') {
            Some(digits) => Cow::Owned(digits.to_owned()),
            None => text,
        });
    }
    if let Ok(integer) = i128::from_str_radix(&text, radix.value()) {
        return Value::Number(Cow::Owned(integer.to_string()));
    }
    error.report_error(ParseError::new("a whole number must be below 2^127").with_unexpected(span));
    Value::Null
}

/// Returns a date, a time or both in the form of RFC 3339: with `T` and with seconds.
///
/// `1979-05-27 07:32Z` becomes `1979-05-27T07:32:00Z`. Whether a zone is needed is for the decoder to say. A date that
/// does not exist is reported.
///
/// `toml_datetime` checks days and months. Its message becomes the error.
pub(super) fn datetime<'t>(text: &str, span: Span, error: &mut dyn ErrorSink) -> Value<'t> {
    match text.parse::<Datetime>() {
        Ok(mut datetime) => {
            // Seconds are optional in TOML 1.1, but required in RFC 3339.
            if let Some(time) = &mut datetime.time {
                time.second.get_or_insert(0);
            }
            Value::Datetime(datetime.to_string())
        }
        Err(cause) => {
            error.report_error(ParseError::new(cause.to_string()).with_unexpected(span));
            Value::Null
        }
    }
}
