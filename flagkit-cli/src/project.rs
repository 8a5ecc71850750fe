//! The flag files of a project, read from disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flagkit_core::source::{Load, LoadError, OnFailedStart, Problem, Provenance, Reference, Rule, StartPolicy};
use flagkit_core::{Flag, FlagKey, Flags, Snapshot};
use flagkit_sources::MAX_LEN;
use flagkit_sources::document::Format;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::command_line::CommandLine;
use crate::edit;
use crate::environment::{environment_file, environments, files_of, lower_files};
use crate::file::{self, ReadError};
use crate::report::{Detail, Exit, Failure, Result};
use crate::state::{State, summary};
use crate::tree::document_to_json;

/// A document: its text, and the flags and problems in it.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) load: Load,
    /// Whether the file exists yet.
    exists: bool,
}

impl Document {
    /// Reads and parses a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = file::read(path).map_err(|error| unreadable(path, &error))?;
        Self::parse_or_fail(path, bytes)
    }

    /// Reads and parses a file. A missing file counts as a document without flags.
    pub(crate) fn read_if_there(path: &Path) -> Result<Self> {
        match file::read(path) {
            Ok(bytes) => Self::parse_or_fail(path, bytes),
            Err(error) if error.is_missing() => Self::missing(path),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    /// Returns the document of a file that does not exist yet. It has no flags.
    pub(crate) fn missing(path: &Path) -> Result<Self> {
        Ok(Self { exists: false, ..Self::parse_or_fail(path, empty(path).into())? })
    }

    /// Parses the bytes of a file.
    pub(crate) fn parse_or_fail(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::parse(path, bytes).map_err(|error| invalid(path, &error))
    }

    /// Parses the bytes of a file. The error lists the problems one by one.
    ///
    /// A text of a revision or of an edit has the size limit of a file, because programs will read it as a file.
    pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> std::result::Result<Self, LoadError> {
        if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_LEN) {
            let message = format!("the file is too large: got {} bytes, expected at most {MAX_LEN}", bytes.len());
            return Err(LoadError::new(message));
        }
        let load = Format::from_path(path).read(&bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| LoadError::new("not UTF-8"))?;
        Ok(Self { path: path.to_owned(), text, load, exists: true })
    }

    pub(crate) fn format(&self) -> Format {
        format(&self.path)
    }

    /// Returns the digest of the exact content, or `None` if the file does not exist yet.
    pub(crate) fn digest(&self) -> Option<String> {
        self.exists.then(|| digest(self.text.as_bytes()))
    }

    /// Returns the keys of the document, valid or not.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &FlagKey> {
        self.load.flags().keys()
    }

    /// Returns the name of the file, without its folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Returns the format of a file.
pub(crate) fn format(path: &Path) -> Format {
    Format::from_path(path)
}

/// Returns the text of a document without flags.
pub(crate) fn empty(path: &Path) -> &'static str {
    match format(path) {
        Format::Json => "{\"flags\": {}}\n",
        _ => "[flags]\n",
    }
}

/// Returns the failure for a document that is rejected as a whole.
pub(crate) fn invalid(path: &Path, error: &LoadError) -> Failure {
    let problems = error.problems().iter().map(|problem| Detail::of(path.display(), problem));
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    Failure::new(Exit::Findings, format!("{}: {message}", path.display()))
        .with_details(problems)
        .with_help(revert_all_help(path, None))
}

/// Returns the advice to turn everything off.
fn revert_all_help(file: &Path, env: Option<&str>) -> String {
    let revert = CommandLine::new(file, env, &["revert", "--all"]);
    format!("`{revert}` turns everything off, whatever the file contains")
}

/// Returns the SHA-256 of exact content, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn unreadable(path: &Path, error: &ReadError) -> Failure {
    if error.is_missing() { missing(path) } else { Failure::io(format!("{}: {error}", path.display())) }
}

/// Returns the failure for a file that does not exist.
pub(crate) fn missing(path: &Path) -> Failure {
    let init = CommandLine::new(path, None, &["init"]);
    Failure::io(format!("{}: there is no such file", path.display()))
        .with_help(format!("`{init}` writes one; `--file PATH` names another"))
}

/// The file that declares the flags, and the files with the state of an environment.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) declared: Document,
    /// The files between the declaration and the environment's own file, lowest first: `flags.prod.toml` for `prod.eu`.
    pub(crate) between: Vec<Document>,
    /// The file with the environment's own state.
    pub(crate) environment: Option<Document>,
}

impl Project {
    /// Creates the project of a declaration without an environment.
    pub(crate) fn new(declared: Document) -> Self {
        Self { declared, between: Vec::new(), environment: None }
    }

    /// Reads the file and, for an environment, the files beside it. A missing file of an environment has no flags.
    pub(crate) fn read(file: &Path, env: Option<&str>) -> Result<Self> {
        let mut project = Self::new(Document::read(file)?);
        if let Some(env) = env {
            let with_env = |failure: Failure| match failure.exit {
                Exit::Findings => failure.with_help(revert_all_help(file, Some(env))),
                _ => failure,
            };
            let between = lower_files(file, env)?;
            project.between = between.iter().map(|path| Document::read(path)).collect::<Result<_>>()?;
            project.environment = Some(Document::read_if_there(&environment_file(file, env)?).map_err(with_env)?);
        }
        Ok(project)
    }

    /// Returns all documents, lowest layer first.
    pub(crate) fn documents(&self) -> impl DoubleEndedIterator<Item = &Document> + Clone {
        [&self.declared].into_iter().chain(&self.between).chain(&self.environment)
    }

    /// Returns the documents below the one that contains the state, lowest layer first.
    pub(crate) fn below_state(&self) -> impl Iterator<Item = &Document> {
        let state = self.state_document();
        self.documents().filter(move |document| document.path != state.path)
    }

    /// Returns the keys to which the environment gives a state, although the declaration does not have them.
    ///
    /// Such a state is of a flag that was removed, or it has a typing error. A flag that is declared later under this
    /// key would have the state at once.
    pub(crate) fn undeclared_states(&self) -> Vec<(&Document, &FlagKey)> {
        let declared = self.declared.load.flags();
        let keys = |document| Document::keys(document).map(move |key| (document, key));
        let above = self.between.iter().chain(&self.environment).flat_map(keys);
        above.filter(|(_, key)| !declared.contains(key.as_str())).collect()
    }

    /// Returns the document that contains the state.
    pub(crate) fn state_document(&self) -> &Document {
        self.environment.as_ref().unwrap_or(&self.declared)
    }

    /// Returns the flags that result from the documents together, and their problems.
    pub(crate) fn flags(&self) -> Layered {
        Layered::of(self.documents())
    }

    /// Returns the text of the state document with a flag in another state, and the resulting flags.
    ///
    /// Fails if any other flag would change.
    pub(crate) fn with_flag(&self, name: &str, to: State) -> Result<(String, Arc<Snapshot>)> {
        let state = self.state_document();
        let text = if to != State::Off
            && self.has_parts_below(name)
            && edit::states_no_parts(state.format(), &state.text, name)
        {
            edit::set_inheriting(state.format(), &state.text, name, to)?
        } else {
            edit::set(state.format(), &state.text, name, to)?
        };
        let (before, after) = (self.flags().snapshot(), self.with_state(&text)?.flags().snapshot());
        // An invalid flag is off, whatever state its text has.
        let is = after.flag(name).map(|flag| State::of(Some(flag)));
        if is.is_some_and(|is| is != to) {
            return Err(Failure::new(
                Exit::Conflict,
                format!("{name} would be {} and not {to}", State::of(after.flag(name))),
            ));
        }
        self.ensure_unchanged(name, [&before, &after])?;
        Ok((text, after))
    }

    /// Whether the layers below the state declare parts of a flag that a plain state would replace.
    fn has_parts_below(&self, name: &str) -> bool {
        let below = Layered::of(self.below_state()).snapshot();
        let has_parts =
            |flag: &Flag| !flag.rules().is_empty() || !flag.prerequisites().is_empty() || flag.variants().is_some();
        self.environment.is_some() && below.flag(name).is_some_and(has_parts)
    }

    /// Fails if the change to another project affects any other flag.
    pub(crate) fn ensure_only(&self, name: &str, after: &Self) -> Result<()> {
        self.ensure_unchanged(name, [&self.flags().snapshot(), &after.flags().snapshot()])
    }

    fn ensure_unchanged(&self, name: &str, [before, after]: [&Snapshot; 2]) -> Result<()> {
        let mut others = before.keys().chain(after.keys()).filter(|key| key.as_str() != name);
        match others.find(|key| before.flag(key.as_str()) != after.flag(key.as_str())) {
            None => Ok(()),
            Some(other) => Err(Failure::new(Exit::Conflict, format!("{name} cannot be changed without {other}"))
                .with_help(format!(
                    "write `[flags.{name}]` with lines of its own into {}",
                    self.state_document().path.display()
                ))),
        }
    }

    /// Returns a copy of the project with this text instead of the text that contains the state.
    pub(crate) fn with_state(&self, text: &str) -> Result<Self> {
        let changed = Document::parse_or_fail(&self.state_document().path, text.as_bytes().to_vec())?;
        let mut project = self.clone();
        match &mut project.environment {
            Some(environment) => *environment = changed,
            None => project.declared = changed,
        }
        Ok(project)
    }
}

/// Returns the first environment that has a key on before its flag is declared, with its file and the state there.
pub(crate) fn live_environment(file: &Path, key: &str) -> Result<Option<(String, PathBuf, String)>> {
    for env in environments(file) {
        for path in files_of(file, &env) {
            let document = Document::read(&path)?;
            let flag = document.load.flags().get(key);
            // A running program may have the previous state of an invalid flag.
            let is_invalid = flag.is_none() && document.load.flags().contains(key);
            if is_invalid || State::of(flag) != State::Off {
                return Ok(Some((env, path, if is_invalid { "invalid".to_owned() } else { summary(flag) })));
            }
        }
    }
    Ok(None)
}

/// The definitions of flags: everything except their states.
#[derive(Debug)]
pub(crate) struct Definitions<'p> {
    /// The documents with their values as written. The document with the highest precedence comes first.
    documents: Vec<(&'p Document, Value)>,
}

impl<'p> Definitions<'p> {
    pub(crate) fn of(project: &'p Project) -> Self {
        let raw = |document: &'p Document| (document, document_to_json(document.format(), &document.text));
        Self { documents: project.documents().rev().map(raw).collect() }
    }

    /// Returns a digest of a flag and the segments that it names, without the flag's state and metadata.
    ///
    /// The digest stays the same as long as the same people would see the flag in the same state.
    pub(crate) fn digest(&self, name: &str) -> String {
        let texts = self.documents.iter().map(|(document, raw)| {
            let flag = raw.get("flags").and_then(|flags| flags.get(name));
            let mut flag = flag.and_then(Value::as_object).cloned().unwrap_or_default();
            for own in [
                "on",
                "rollout",
                "stage",
                "description",
                "owner",
                "kind",
                "created",
                "expires",
                "gate",
                "allow",
                "approval",
            ] {
                flag.remove(own);
            }
            let rules = document.load.flags().get(name).map(Flag::rules).unwrap_or_default();
            let named = rules.iter().flat_map(Rule::segments).map(Reference::name);
            let segments: BTreeMap<&str, Vec<Option<&Value>>> = named.map(|name| (name, self.segment(name))).collect();
            json!([flag, segments]).to_string()
        });
        digest(texts.collect::<Vec<_>>().join("\n").as_bytes())
    }

    fn segment(&self, name: &str) -> Vec<Option<&Value>> {
        self.documents.iter().map(|(_, raw)| raw.get("segments").and_then(|all| all.get(name))).collect()
    }
}

/// The flags of layered documents, and their problems.
#[derive(Debug)]
pub(crate) struct Layered {
    pub(crate) flags: Flags,
    /// The problems, each with the path of its document.
    pub(crate) problems: Vec<(PathBuf, Problem)>,
}

impl Layered {
    pub(crate) fn of<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Self {
        Self::in_flags(Flags::new(), documents)
    }

    /// Adds the layers to flags that have none yet.
    pub(crate) fn in_flags<'d>(flags: Flags, documents: impl IntoIterator<Item = &'d Document>) -> Self {
        let (mut layers, mut paths) = (Vec::new(), Vec::new());
        for document in documents {
            let provenance = Provenance::new(format!("file:{}", document.path.display()));
            let publisher = flags.add_layer(provenance).before_first_load(StartPolicy::all(OnFailedStart::StayDark));
            layers.push((publisher, document.load.clone()));
            paths.push(document.path.clone());
        }
        // No flag is in effect before the last publish, so none keeps a definition that only some of the layers have.
        for (publisher, load) in layers {
            publisher.publish(load);
        }
        let sources = flags.status().sources.into_iter().zip(paths);
        let problems =
            sources.flat_map(|(source, path)| source.problems.into_iter().map(move |problem| (path.clone(), problem)));
        Self { problems: problems.collect(), flags }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.flags.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_flag_is_of_all_but_its_state() {
        let digest = |name: &str, text: &str| {
            let declared = Document::parse_or_fail(Path::new(name), text.into()).expect("flags");
            Definitions::of(&Project::new(declared)).digest("f")
        };
        let toml = |condition: &str| {
            digest("flags.toml", &format!("[flags.f]\non = true\nrules = [{{ if = {{ a = {condition} }} }}]\n"))
        };
        let json = |condition: &str| {
            digest(
                "flags.json",
                &format!(r#"{{"flags": {{"f": {{"on": true, "rules": [{{"if": {{"a": {condition}}}}}]}}}}}}"#),
            )
        };
        // Most parsers read both as the same number, because they need more than 64 bits.
        let [one, other] = ["99999999999999999999", "99999999999999999998"];
        assert_ne!(toml(one), toml(other));
        assert_ne!(json(one), json(other));
        assert_eq!(
            digest("flags.toml", "[flags.f]\non = true\nrollout = 5\n"),
            digest("flags.toml", "[flags]\nf = { on = false }\n")
        );
    }
}
