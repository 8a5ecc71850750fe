//! Following the flag files, with or without approvals.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use flagkit_sources::{Builder, Env, File, Guard};

use crate::options::Options;

/// The environment of a flag file without environments, as the command names it.
const DEFAULT: &str = "default";

/// Follows the flag file, the file of the environment, and variables, and installs the flags for `flag!`.
///
/// The list of approvers comes from a file that the operator names, because no user has the keys of a list that is part
/// of this repository. A real program embeds its list: `include_str!(".flagkit/approvers")`. A person who can write the
/// flag file may be able to write a list beside it too, and could then approve anything.
pub(crate) fn follow(options: &Options) -> Result<Guard, Box<dyn Error>> {
    let mut builder = Builder::new().source(File::new(&options.flags));
    if let Some(environment) = &options.environment {
        builder = builder.optional(File::new(beside(&options.flags, environment)));
    }
    if let Some(path) = &options.approvers {
        let approvers = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        builder = builder.require_approvals(approvers, options.environment.as_deref().unwrap_or(DEFAULT));
    }
    if let Some(folder) = &options.state {
        builder = builder.state_folder(folder);
    }
    Ok(builder.source(Env::new("FLAG_")).install()?)
}

/// Returns the path of the file of an environment: `flags.prod.toml` beside `flags.toml`.
fn beside(flags: &Path, environment: &str) -> PathBuf {
    let extension = flags.extension().unwrap_or_default().to_string_lossy();
    flags.with_extension(format!("{environment}.{extension}"))
}
