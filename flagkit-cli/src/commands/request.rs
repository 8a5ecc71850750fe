//! `request`: checks a release like `go`, and writes a request for people. Agents and CI may run it.

use flagkit_core::Flag;

use super::go::{self, GoArgs};
use super::migrate::{self, Target};
use crate::project::Project;
use crate::report::Result;

pub(crate) fn run(args: &GoArgs) -> Result {
    let project = Project::read(&args.file, args.env.as_deref())?;
    let snapshot = project.flags().snapshot();
    if snapshot.flag(&args.name).is_some_and(Flag::is_migration) {
        let target = Target { file: args.file.clone(), name: args.name.clone(), env: args.env.clone() };
        return migrate::request(&target, args.to, args.reason.clone());
    }
    go::request(args)
}
