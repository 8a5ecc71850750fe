//! The source that reads environment variables.
//!
//! # The problem
//!
//! An operator needs to override a flag for one process: without access to the file, or in a container that only the
//! environment configures. A variable cannot spell `new-checkout`.
//!
//! # How it works
//!
//! Each variable with the prefix declares a flag by its [`EnvKey`], the key in upper case with `_` for `-` and `.`. The
//! merge in the core finds the declared key with that spelling. A variable of no declared key counts for every key with
//! its spelling, so overrides work without a file.
//!
//! # Limits
//!
//! A variable sets the switch and the percentage, or the stage of a migration, not rules or variants. The names `a-b` and
//! `a.b` share a variable; if both are declared, the variable makes both dark and a problem reports it.

use std::env;
use std::ffi::{OsStr, OsString};

use flagkit_core::source::{EnvKey, Load, LoadError, Problem, Provenance, Source, Stage};
use flagkit_core::{Flag, FlagKey, FlagSet};

use crate::document::tree::nearest;

/// Overrides flags by environment variables: `FLAG_NEW_CHECKOUT=on`.
///
/// The name is the prefix and the key in upper case with `_` for `-` and `.`. See [`EnvKey`] for details.
/// The value is `on`, `off`, `true`, `false` or a percentage such as `25%`, in any case, or the stage of a migration. An
/// empty variable counts as unset.
///
/// Any other value is a problem in the status, and the flag is dark, because dark is safe and the intended value is
/// unknown. A migration keeps its stage instead. A name or value that is not UTF-8 is a problem too.
///
/// A variable that overrides no declared flag is a warning in the status: its name is probably misspelled. It applies
/// to every key with that spelling nevertheless, so variables work without a file.
///
/// Other processes cannot change the environment of a process, so it is read once, when the source is created.
///
/// # Examples
///
/// ```
/// use flagkit_sources::{Builder, Env};
///
/// let vars = [("FLAG_NEW_CHECKOUT".into(), "on".into())];
/// let guard = Builder::new().source(Env::from_vars("FLAG_", vars)).start()?;
/// assert!(guard.flags().is_on("new-checkout", &()));
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Env {
    prefix: String,
    vars: Vec<(OsString, OsString)>,
}

impl Env {
    /// Reads the variables of this process that begin with `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self::from_vars(prefix, env::vars_os())
    }

    /// Uses those of the given variables that begin with `prefix`.
    pub fn from_vars(prefix: impl Into<String>, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let prefix = prefix.into();
        let has_prefix = |name: &OsStr| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        let mut vars: Vec<_> = vars.into_iter().filter(|(name, _)| has_prefix(name)).collect();
        vars.sort();
        Self { prefix, vars }
    }
}

impl Source for Env {
    fn provenance(&self) -> Provenance {
        Provenance::new(format!("env:{}", self.prefix))
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let mut flags = FlagSet::new();
        let mut problems = Vec::new();
        for (name, value) in &self.vars {
            let shown = name.to_string_lossy();
            let key = match env_key(&self.prefix, name) {
                Ok(key) => key,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            match flag(&shown, value) {
                Ok(Some(flag)) => flags.insert_folded(key, flag),
                Ok(None) => {}
                Err(problem) => {
                    problems.push(problem);
                    flags.insert_invalid_folded(key);
                }
            }
        }
        Ok(Load::new(flags).with_problems(problems))
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.clone()))
    }
}

/// Returns the key that a variable sets.
///
/// # Errors
///
/// Returns a problem if the rest of the name is not a key in upper case. Its help has the correct name, if there is
/// one.
fn env_key(prefix: &str, name: &OsStr) -> Result<EnvKey, Problem> {
    let shown = name.to_string_lossy();
    let key = shown.get(prefix.len()..).unwrap_or_default();
    EnvKey::new(key).map_err(|_| {
        let problem = Problem::new(&*shown, format!("{key:?}"), "a key in upper case with `_` for `-` and `.`");
        match FlagKey::new(key) {
            Ok(key) => problem.with_help(format!("write {prefix}{}", EnvKey::from_key(&key))),
            Err(_) => problem,
        }
    })
}

/// Returns the flag that a value defines; `None` for an empty value.
fn flag(name: &str, value: &OsStr) -> Result<Option<Flag>, Problem> {
    let expected = "on, off, a percentage such as 25%, or the stage of a migration";
    let Some(text) = value.to_str() else {
        return Err(Problem::new(name, "a value that is not UTF-8", expected));
    };
    let text = text.trim();
    let is = |words: [&str; 2]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if text.is_empty() {
        Ok(None)
    } else if is(["on", "true"]) {
        Ok(Some(Flag::on()))
    } else if is(["off", "false"]) {
        Ok(Some(Flag::off()))
    } else if text.ends_with('%') {
        let percent = text.parse().map_err(|error: flagkit_core::Error| {
            Problem::new(name, shown(text), expected).with_help(error.to_string())
        })?;
        Ok(Some(Flag::on().with_rollout(percent)))
    } else if let Ok(stage) = text.to_ascii_lowercase().parse::<Stage>() {
        Ok(Some(Flag::migration().at_stage(stage)))
    } else {
        let problem = Problem::new(name, shown(text), expected);
        Err(match similar_value(text) {
            Some(value) => problem.with_help(format!("did you mean {value}?")),
            None => problem,
        })
    }
}

/// Returns the value that was probably meant.
fn similar_value(text: &str) -> Option<String> {
    if text.parse::<u8>().is_ok_and(|number| (2..=100).contains(&number)) {
        return Some(format!("{text}%"));
    }
    let value = match &*text.to_ascii_lowercase() {
        "1" | "yes" | "y" | "t" | "enable" | "enabled" => "on",
        "0" | "no" | "n" | "f" | "disable" | "disabled" => "off",
        text => {
            nearest(text, ["on", "off", "true", "false"]).or_else(|| nearest(text, Stage::ALL.map(Stage::as_str)))?
        }
    };
    Some(value.to_owned())
}

/// Describes a value for a message.
///
/// A long one may be a secret under the wrong name, so only its length is shown.
fn shown(text: &str) -> String {
    const MAX_SHOWN: usize = 8;
    if text.chars().count() <= MAX_SHOWN {
        format!("the text {text:?}")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(vars: &[(&str, &str)]) -> Load {
        let vars = vars.iter().map(|(name, value)| (name.into(), value.into()));
        Env::from_vars("FLAG_", vars).load().expect("the environment always loads")
    }

    #[test]
    fn other_variables_are_ignored() {
        let load = load(&[("PATH", "/bin"), ("FLAGS", "x"), ("flag_x", "on"), ("FLAG_EMPTY", "")]);
        assert!(load.flags().is_empty());
        assert_eq!(load.problems(), []);
    }

    #[test]
    fn a_wrong_name_gets_the_right_one_as_help() {
        let load = load(&[("FLAG_new-checkout", "on"), ("FLAG_", "on"), ("FLAG_Ä", "on")]);
        assert!(load.flags().is_empty());
        let shown: Vec<String> = load.problems().iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 3);
        assert!(shown.iter().any(|problem| problem.ends_with("write FLAG_NEW_CHECKOUT")), "{shown:?}");
    }

    #[test]
    fn a_wrong_value_gets_the_right_one_as_help() {
        let help = |value: &str| {
            let load = load(&[("FLAG_A", value)]);
            load.problems()[0].help().map(str::to_owned)
        };
        let expected = [("1", "on"), ("0", "off"), ("Yes", "on"), ("disabled", "off"), ("tru", "true"), ("25", "25%")];
        for (value, meant) in expected {
            assert_eq!(help(value), Some(format!("did you mean {meant}?")), "{value}");
        }
        for value in ["-1", "101", "canary", "2.5.1"] {
            assert_eq!(help(value), None, "{value}");
        }
    }

    #[test]
    fn a_wrong_value_is_a_problem_and_a_long_one_is_not_shown() {
        let load = load(&[("FLAG_A", "onn"), ("FLAG_B", "canary-secret"), ("FLAG_C", "101%"), ("FLAG_D", "1")]);
        assert_eq!(load.flags().len(), 4, "each key is invalid and so dark");
        let shown = load.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(load.problems().len(), 4);
        assert!(
            shown.contains("\"onn\"") && shown.contains("outside 0 to 100") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
