//! Regular expressions that match in linear time without memory.
//!
//! A pattern becomes a deterministic automaton when it is made. A search reads each byte of the text once, follows a
//! table and allocates nothing. An automaton can be exponentially larger than its pattern, so building is bounded and a
//! pattern that exceeds the bound is rejected.
//!
//! # Why an automaton
//!
//! A document may come from another machine, so a pattern may be hostile. A backtracking search can take exponential
//! time for one short pattern. An automaton moves that cost from the read to the parser of the document, which can
//! reject the pattern.

use std::fmt;
use std::sync::Arc;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use crate::error::PatternError;

/// A compiled pattern. The operator `matches` holds one. A clone copies the text and shares the automaton.
///
/// Two patterns are equal if their texts are equal, because equal texts compile to equal automata.
#[derive(Clone)]
pub(super) struct Pattern {
    text: Box<str>,
    automaton: Arc<dense::DFA<Vec<u32>>>,
}

/// The maximum length of a pattern, in bytes.
///
/// Bounds the time of the parser, before anything is built.
const MAX_LEN: usize = 256;
/// The maximum memory of an automaton, and of building it, in bytes.
const MAX_SIZE: usize = 16 << 10;
/// Bounds the nondeterministic automaton and the memory of its determinization, each on its own.
const MAX_BUILD: usize = 64 << 10;

impl Pattern {
    /// Compiles a pattern. The error describes what is wrong with it.
    ///
    /// The settings keep automata small:
    ///
    /// - Without Unicode, `\w` and `(?i)` cover ASCII letters only. A letter outside of ASCII is matched as its bytes.
    /// - `MatchKind::All` gives no alternative priority, because only the existence of a match matters.
    /// - `StartKind::Unanchored` leaves out the states for searches that begin at a fixed position.
    /// - The nesting limit bounds the recursion of the parser.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_LEN {
            return Err(PatternError::TooLong { len: text.len(), max: MAX_LEN });
        }
        let automaton = dense::Builder::new()
            .syntax(syntax::Config::new().unicode(false).utf8(false).nest_limit(32))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_BUILD)))
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .match_kind(MatchKind::All)
                    .dfa_size_limit(Some(MAX_SIZE))
                    .determinize_size_limit(Some(MAX_BUILD)),
            )
            .build(text)
            .map_err(|error| explain(&error))?;
        Ok(Self { text: text.into(), automaton: Arc::new(automaton) })
    }

    /// Returns whether the pattern is found anywhere in the text.
    ///
    /// The search ends at the first match, which need not be the longest.
    #[inline]
    pub(super) fn is_match(&self, text: &str) -> bool {
        let input = Input::new(text).anchored(Anchored::No).earliest(true);
        // A search fails only for automata that give up at certain bytes, and none is built here.
        self.automaton.try_search_fwd(&input).is_ok_and(|found| found.is_some())
    }
}

/// Finds the reason in the chain of causes of the builder's error, which is many lines long.
///
/// The words of the message select the kind of the error. A test in this file fails if another version of the crate no
/// longer reports its limits so.
fn explain(error: &dense::BuildError) -> PatternError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = error.to_string();
        cause = error.source();
    }
    // A syntax error is several lines with a drawing; the last line is the message.
    let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
    if reason.contains("limit") {
        PatternError::TooComplex
    } else if reason.contains("Unicode") {
        PatternError::NotAscii
    } else {
        PatternError::Syntax { reason: reason.into() }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).expect(pattern).is_match(text)
    }

    #[test]
    fn patterns_are_found_anywhere() {
        assert!(finds("b+", "abbc") && !finds("^b+", "abbc") && !finds("b+$", "abbc"));
        assert!(finds("(?i)PORTO", "porto") && finds(r"^\d{3}$", "123") && !finds(r"^\d{3}$", "1234"));
        assert!(finds("é", "café") && finds("", "") && finds("a|^$", ""));
        assert!(finds(r"\bcat\b", "a cat!") && !finds(r"\bcat\b", "concat"));
    }

    #[test]
    fn patterns_of_every_day_are_small_enough() {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        assert!(finds(uuid, "id: 67e55044-10b1-426f-9247-bb680e5fe0c8"));
        assert!(finds(r"(?i)^[a-z0-9._%+-]+@([a-z0-9-]+\.)+[a-z]{2,}$", "Someone.Else@mail.example.com"));
        assert!(finds(r"^/(shop|cart|checkout)(/|$)", "/cart/7"));
        assert!(finds(r"\w{1,50}", "x") && finds(r"^.{0,200}$", "x"));
        assert!(finds("(Safari|Chrome|Firefox|Edge)/(1[0-9]{2}|[89][0-9])\\.", "Firefox/118.0"));
    }

    #[test]
    fn hostile_patterns_are_refused_or_harmless() {
        let refused = |pattern: &str| Pattern::parse(pattern).expect_err(pattern).to_string();
        assert!(refused("(").contains("unclosed group"));
        assert!(refused(&"a".repeat(257)).contains("257 bytes"));
        assert!(refused("(a|b)*a(a|b){30}").contains("too complex"));
        assert!(refused(r"(\w{1,50}){50}").contains("too complex"));
        assert!(refused(r"(a)\1").contains("backreferences"), "{}", refused(r"(a)\1"));
        assert!(!finds("^(a+)+$", &format!("{}b", "a".repeat(100_000))));
    }
}
