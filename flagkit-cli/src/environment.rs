//! The environments of a flag file: the files beside it that hold the states of its flags.
//!
//! `flags.prod.toml` and `flags.prod.json` are files of the environment `prod` of `flags.toml`. The environment
//! `prod.eu` has three layers: `flags.toml`, `flags.prod.toml` if it exists, and `flags.prod.eu.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use flagkit_sources::document::tree::nearest;

use crate::command_line::{CommandLine, quoted_path};
use crate::file::parent_dir;
use crate::report::{Exit, Failure, Result};

/// Words in the names of files that people copy, and that no program reads.
const SAMPLES: [&str; 8] = ["example", "examples", "sample", "template", "dist", "schema", "bak", "orig"];

/// Returns the name of an environment in approvals and requests. The flag file by itself is the environment `default`.
pub(crate) fn environment_name(env: Option<&str>) -> &str {
    env.unwrap_or("default")
}

/// Returns the path of the file with the state of an environment, whether it exists or not.
///
/// A new file has the format of the flag file.
pub(crate) fn environment_file(file: &Path, env: &str) -> Result<PathBuf> {
    check_name(env)?;
    let mut existing = candidates(file, env).into_iter().filter(|path| path.exists() || path.is_symlink());
    match (existing.next(), existing.next()) {
        (None, _) => Ok(candidates(file, env).swap_remove(0)),
        (Some(path), None) => Ok(path),
        (Some(one), Some(other)) => {
            let message = format!("{env} has two files: {} and {}", one.display(), other.display());
            Err(Failure::new(Exit::Conflict, message)
                .with_help(format!("remove one, or use one of them directly: `--file {}`", quoted_path(&one))))
        }
    }
}

/// Returns the path of the file with the state of an environment, which must exist.
pub(crate) fn existing_file(file: &Path, env: &str) -> Result<PathBuf> {
    let path = environment_file(file, env)?;
    if path.exists() || path.is_symlink() {
        return Ok(path);
    }
    let known = environments(file);
    let help = match nearest(env, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `--env {near}`?"),
        None if known.is_empty() => format!("`{}` creates it", CommandLine::new(file, Some(env), &["go", "NAME"])),
        None => format!("the environments are {}", known.join(", ")),
    };
    Err(Failure::io(format!("cannot find the environment {env}: there is no file {}", path.display())).with_help(help))
}

/// Returns the files between the flag file and the file of an environment, lowest first.
pub(crate) fn lower_files(file: &Path, env: &str) -> Result<Vec<PathBuf>> {
    let parents = env.match_indices('.').map(|(at, _)| &env[..at]);
    let files = parents.map(|parent| environment_file(file, parent)).collect::<Result<Vec<_>>>()?;
    Ok(files.into_iter().filter(|path| path.exists() || path.is_symlink()).collect())
}

/// Returns whether one environment is a layer above another: `prod.eu` is above `prod`.
pub(crate) fn is_layer_above(env: &str, lower: &str) -> bool {
    env.strip_prefix(lower).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns the environments that have a file beside this one, sorted by name.
pub(crate) fn environments(file: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent_dir(file)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter_map(|name| environment_of(file, &name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns all files of an environment that exist. More than one is an error, which `check` reports.
pub(crate) fn files_of(file: &Path, env: &str) -> Vec<PathBuf> {
    let mut files = candidates(file, env);
    files.retain(|path| path.exists() || path.is_symlink());
    files
}

/// Returns the environment of the state file with this name, or `None` if no state file has such a name.
pub(crate) fn environment_of(file: &Path, name: &str) -> Option<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let rest = name.strip_prefix(&*stem)?.strip_prefix('.')?;
    let env = extensions(file).into_iter().find_map(|extension| match extension.as_str() {
        "" => Some(rest),
        extension => rest.strip_suffix(extension)?.strip_suffix('.'),
    })?;
    check_name(env).is_ok().then(|| env.to_owned())
}

fn check_name(env: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if env.split('.').any(|part| part.is_empty() || !part.chars().all(is_plain)) {
        return Err(Failure::usage(format!("{env:?} is no name of an environment"))
            .with_help("letters, digits, '-' and '_', such as prod; prod.eu is a layer above prod"));
    }
    match sample_word(env) {
        None => Ok(()),
        Some(word) => Err(Failure::usage(format!("{env:?} is no name of an environment: {word} marks a file to copy"))),
    }
}

/// Returns the word of a name that marks a file to copy, which no program reads.
pub(crate) fn sample_word(name: &str) -> Option<&str> {
    let mut words = name.split(['.', '-', '_']);
    words.find(|word| SAMPLES.iter().any(|sample| word.eq_ignore_ascii_case(sample)))
}

/// Returns the paths that the file of an environment may have, the one with the format of the flag file first.
fn candidates(file: &Path, env: &str) -> Vec<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let path = |extension: String| {
        let dot = if extension.is_empty() { "" } else { "." };
        file.with_file_name(format!("{stem}.{env}{dot}{extension}"))
    };
    extensions(file).into_iter().map(path).collect()
}

/// Returns the extensions of an environment's file. A flag file without an extension has environments without one.
fn extensions(file: &Path) -> Vec<String> {
    let own = file.extension().unwrap_or_default().to_string_lossy().into_owned();
    let others: &[&str] = if own.is_empty() { &[] } else { &["toml", "json"] };
    let others = others.iter().filter(|other| !own.eq_ignore_ascii_case(other)).map(|other| (*other).to_owned());
    [own.clone()].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_the_flag_file_is_an_environment_unless_people_copy_it() {
        let env = |file: &str, name: &str| environment_of(Path::new(file), name);
        for (file, name, expected) in [
            ("flags.toml", "flags.prod.toml", Some("prod")),
            ("flags.toml", "flags.prod.json", Some("prod")),
            ("config/flags.json", "flags.prod.toml", Some("prod")),
            ("flags.toml", "flags.prod.eu.toml", Some("prod.eu")),
            ("flags.toml", "flags.prod-eu_1.toml", Some("prod-eu_1")),
            ("flags", "flags.prod", Some("prod")),
            ("shop.conf", "shop.prod.conf", Some("prod")),
            ("flags.toml", "flags.toml", None),
            ("flags.toml", "flags.json", None),
            ("flags.toml", "flags.example.toml", None),
            ("flags.toml", "flags.prod.sample.json", None),
            ("flags.toml", "flags.Template-prod.toml", None),
            ("flags.toml", "flags.prod.toml.bak", None),
            ("flags.toml", "flags.prod.yaml", None),
            ("flags.toml", "other.prod.toml", None),
            ("flags.toml", "flags..toml", None),
        ] {
            assert_eq!(env(file, name).as_deref(), expected, "{name} beside {file}");
        }
    }
}
