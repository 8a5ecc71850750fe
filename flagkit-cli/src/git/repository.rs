//! The repository of a flag file, and git run in it.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::file::parent_dir;
use crate::report::{Exit, Failure};

/// Variables that name another repository. A hook sets some of them, and a flag file belongs to the one it is in.
const LOCATION: [&str; 12] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_IMPLICIT_WORK_TREE",
];

/// A failed run of git, with its own words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("cannot run git: {0}")]
    Start(#[from] io::Error),
    /// The lines that git wrote to standard error. The first one names the reason.
    #[error("git: {}", first(.0))]
    Failed(Vec<String>),
}

/// Returns the line with the reason, without the prefix of git.
fn first(lines: &[String]) -> &str {
    let reason = lines.iter().find(|line| line.starts_with("fatal: ")).or(lines.first());
    let reason = reason.map_or("it failed without a message", String::as_str);
    reason.strip_prefix("fatal: ").or(reason.strip_prefix("error: ")).unwrap_or(reason)
}

impl GitError {
    /// Returns the failure of a command that could not do `what`.
    pub(crate) fn into_failure(self, exit: Exit, what: &str) -> Failure {
        let failure = Failure::new(exit, format!("cannot {what}: {self}"));
        match self {
            Self::Failed(lines) if lines.len() > 1 => failure.with_details(lines),
            _ => failure,
        }
    }
}

/// The output of a successful run of git.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) out: Vec<u8>,
    /// What git wrote to standard error, such as warnings.
    pub(crate) warnings: Vec<String>,
}

/// The repository that contains a flag file, by the folder at the top of its working tree.
///
/// Created once per command. It keeps the canonical path of that folder, so that links can be compared with it.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// Returns the repository of a file. Fails with git's reason if there is none, or if git rejects it.
    pub(crate) fn of(file: &Path) -> Result<Self, Failure> {
        let folder = start_folder(file).map_err(|error| Failure::io(format!("{}: {error}", file.display())))?;
        // Without a repository, only the command line can be wrong.
        let exit = if has_repository(&folder) { Exit::Io } else { Exit::Usage };
        let what = format!("use the git repository of {}", file.display());
        let unusable = |error: GitError| error.into_failure(exit, &what);
        let text = |arguments: &[&str]| {
            let out = git(&folder, arguments).map_err(unusable)?.out;
            Ok::<_, Failure>(String::from_utf8_lossy(&out).trim_end_matches(['\r', '\n']).to_owned())
        };
        let top = PathBuf::from(text(&["rev-parse", "--show-toplevel"])?);
        let root = top.canonicalize().map_err(|error| unusable(error.into()))?;
        let superproject = text(&["rev-parse", "--show-superproject-working-tree"])?;
        let is_inside = std::env::current_dir().is_ok_and(|folder| folder.starts_with(&root));
        if !superproject.is_empty() && !is_inside {
            let message = format!("cannot compare {} with a revision: it is in the submodule", file.display());
            return Err(Failure::usage(format!("{message} {}", root.display()))
                .with_help("run the command in that folder, with a revision of the submodule"));
        }
        Ok(Self { root })
    }

    /// Returns the repository of a file, or `None` if no folder above the file belongs to one.
    pub(crate) fn find(file: &Path) -> Result<Option<Self>, Failure> {
        match start_folder(file) {
            Ok(folder) if has_repository(&folder) => Self::of(file).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of a file from the root. Links in the repository stay, because a revision may have others.
    pub(crate) fn path_of(&self, file: &Path) -> Result<PathBuf, Failure> {
        let outside = || Failure::usage(format!("{} is outside of the repository", file.display()));
        let absolute =
            std::path::absolute(file).map_err(|error| Failure::io(format!("{}: {error}", file.display())))?;
        let components: Vec<Component<'_>> = absolute.components().collect();
        // `..` leads out of the folder that a link leads to, so everything before it is resolved.
        let resolved = components.iter().rposition(|part| *part == Component::ParentDir).map_or(0, |index| index + 1);
        let mut path: PathBuf = components.iter().take(resolved).collect();
        if resolved > 0 {
            path = path.canonicalize().map_err(|_| outside())?;
        }
        let mut rest = components.iter().skip(resolved);
        while !path.starts_with(&self.root) {
            path.push(rest.next().ok_or_else(outside)?);
            path = path.canonicalize().unwrap_or(path);
        }
        let inside = path.strip_prefix(&self.root).map_err(|_| outside())?;
        Ok(inside.join(rest.collect::<PathBuf>()))
    }

    /// Runs git at the root.
    pub(crate) fn git(&self, arguments: &[&str]) -> Result<Output, GitError> {
        git(&self.root, arguments)
    }

    /// Runs git at the root, with the content of a file as its standard input.
    pub(crate) fn git_with(&self, arguments: &[&str], input: impl Into<Stdio>) -> Result<Output, GitError> {
        run(command(&self.root, arguments).stdin(input))
    }
}

/// Returns the name of the user in the settings of git, if there is one.
pub(crate) fn user_name(file: &Path) -> Option<String> {
    setting(file, "user.name")
}

/// Returns a setting of git. `None`: it is unset or empty, or git cannot run. A path may begin with `~/`.
pub(crate) fn setting(file: &Path, name: &str) -> Option<String> {
    let output = git(&start_folder(file).ok()?, &["config", "--path", name]).ok()?;
    let value = String::from_utf8_lossy(&output.out).trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// Returns the folder in which git looks for the repository.
///
/// This is the folder of the file, or the folder of the first link on the way to it that is in a repository. Such a
/// link is part of what the repository says, even if it leads into another repository.
fn start_folder(file: &Path) -> io::Result<PathBuf> {
    let folder = std::path::absolute(parent_dir(file))?;
    let mut start = PathBuf::new();
    for component in folder.components() {
        if component == Component::ParentDir {
            start.pop();
            continue;
        }
        let next = start.join(component);
        if !next.is_symlink() {
            start = next;
        } else if has_repository(&start) {
            return Ok(start);
        } else {
            start = next.canonicalize()?;
        }
    }
    Ok(start)
}

/// Whether a folder, or a folder above it, has a repository.
fn has_repository(folder: &Path) -> bool {
    folder.ancestors().any(|folder| folder.join(".git").exists())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<Output, GitError> {
    run(&mut command(folder, arguments))
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    // A replaced object is another one than the commit names.
    command.arg("-C").arg(folder).args(["--no-replace-objects", "--literal-pathspecs"]);
    command.args(["-c", "core.warnAmbiguousRefs=true"]).args(arguments);
    for name in LOCATION {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<Output, GitError> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if output.status.success() {
        Ok(Output { out: output.stdout, warnings: lines })
    } else {
        Err(GitError::Failed(lines))
    }
}
