//! The environments that state the stage of a migration themselves.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::migration::{Target, states_stage};
use crate::command_line::CommandLine;
use crate::environment::{environment_file, environments, is_layer_above};
use crate::progress::Progress;
use crate::project::{Document, Project};

/// An environment with a file that states the stage.
struct Stating {
    env: String,
    path: PathBuf,
    /// `None`: the files of the environment are not valid.
    progress: Option<Progress>,
}

/// Returns the environments above the one of the command that state the stage.
fn stating(target: &Target) -> impl Iterator<Item = Stating> {
    let is_above = |env: &String| target.env.as_ref().is_none_or(|own| is_layer_above(env, own));
    environments(&target.file).into_iter().filter(is_above).filter_map(|env| {
        let path = environment_file(&target.file, &env).ok()?;
        let document = Document::read_if_there(&path).ok()?;
        let project = Project::read(&target.file, Some(&env)).ok();
        let progress = project.and_then(|project| Progress::of(project.flags().snapshot().flag(&target.name)));
        states_stage(&document, &target.name).then_some(Stating { env, path, progress })
    })
}

/// Returns whether an environment states the stage.
pub(super) fn is_stated(target: &Target) -> bool {
    stating(target).next().is_some()
}

/// Lists the environments in which the migration is further on than this, with the command that brings it back there.
pub(super) fn further_on(target: &Target, than: Progress) -> String {
    let mut text = String::new();
    for Stating { env, path, progress } in stating(target) {
        let back = CommandLine::new(&target.file, Some(&env), &["migrate", &target.name, "back"]);
        let (name, path) = (&target.name, path.display());
        let _ = match progress {
            Some(progress) if progress <= than => Ok(()),
            Some(progress) => writeln!(text, "{name} is still at {progress} in {path}; to go one stage back: {back}"),
            None => writeln!(text, "{path} is not valid, and states a stage of {name}; to go one stage back: {back}"),
        };
    }
    text
}
