//! The stages of a migration for which a build has code, as `migration!` declares them.

use flagkit_core::source::Stage;
use proc_macro2::{Span, TokenStream, TokenTree};

use crate::usage::literal;

/// The range of a build, and the stage that it embeds for a start without a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BuildRange {
    /// Whether the build has code for the new path only.
    pub(crate) is_contracted: bool,
    /// The stage of `start = …`. `None`: the one that the flag file states.
    pub(crate) start: Option<Stage>,
    /// Whether a `cfg` decides if the build has the code at all.
    pub(crate) is_conditional: bool,
}

impl BuildRange {
    /// The first and the last stage of the range.
    pub(crate) fn stages(self) -> [Stage; 2] {
        if self.is_contracted { [Stage::Complete, Stage::Contracted] } else { [Stage::Off, Stage::Complete] }
    }

    /// Returns whether the build has code for a stage.
    pub(crate) fn contains(self, stage: Stage) -> bool {
        let [first, last] = self.stages();
        first <= stage && stage <= last
    }

    /// Returns the word in the code.
    pub(crate) fn as_str(self) -> &'static str {
        if self.is_contracted { "Contracted" } else { "Full" }
    }

    /// Reads the tokens of `migration!`. Returns the key with its location, and the range.
    pub(crate) fn parse(tokens: TokenStream) -> Option<(String, Span, Self)> {
        let mut tokens = tokens.into_iter();
        let (key, span) = tokens.find_map(|token| literal(&token))?;
        let (mut range, mut start) = (None, None);
        let mut name = None;
        let mut value = None;
        for token in tokens.map(Some).chain([None]) {
            match token {
                Some(TokenTree::Ident(ident)) => value = Some(ident.to_string()),
                Some(TokenTree::Punct(mark)) if mark.as_char() == '=' => name = value.take(),
                // Only the last part of a path counts, such as `Live` of `Stage::Live`.
                Some(TokenTree::Punct(mark)) if mark.as_char() != ',' => {}
                _ => match (name.take().as_deref(), value.take()) {
                    (Some("range"), value) => range = value,
                    (Some("start"), value) => start = value,
                    _ => {}
                },
            }
        }
        let is_contracted = range.as_deref() == Some("Contracted");
        let range = Self { is_contracted, start: stage(start.as_deref()), is_conditional: false };
        Some((key, span, range))
    }
}

/// Returns the name of the static of a migration.
pub(crate) fn static_name(key: &str) -> String {
    let name = key.replace(['-', '.'], "_").to_ascii_uppercase();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("MIGRATION_{name}") } else { name }
}

/// Returns the stage with the name of a variant in Rust.
fn stage(name: Option<&str>) -> Option<Stage> {
    Stage::ALL.into_iter().find(|stage| Some(format!("{stage:?}").as_str()) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_and_the_start_are_read() {
        let parse = |code: &str| {
            let (key, _, range) = BuildRange::parse(code.parse().expect("tokens")).expect("a key");
            (key, range.is_contracted, range.start)
        };
        let full = ("split-name".to_owned(), false, None);
        assert_eq!(parse("pub static A: \"split-name\", range = Full"), full);
        assert_eq!(parse("/// Splits.\n#[doc(hidden)] pub(crate) static A: \"split-name\", range = Full,"), full);
        assert_eq!(
            parse(
                "static A: \"m\", start = Stage::DualWrite, second_write = Fail, range = flagkit::migrate::Contracted"
            ),
            ("m".to_owned(), true, Some(Stage::DualWrite))
        );
        assert!(BuildRange::parse("static A: KEY, range = Full".parse().expect("tokens")).is_none());
    }
}
