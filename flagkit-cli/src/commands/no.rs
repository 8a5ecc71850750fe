//! `no`: cancels a pending request. Anyone may run it, and any machine.

use std::path::Path;

use serde_json::json;

use super::go::pending_request;
use super::require_declared;
use crate::command_line::CommandLine;
use crate::journal::{Entry, Journal, NO};
use crate::project::Project;
use crate::report::{Exit, Failure, Report, Result};
use crate::request::Request;
use crate::write::Writer;

pub(crate) fn run(file: &Path, env: Option<&str>, name: &str, reason: &str) -> Result {
    let project = Project::read(file, env)?;
    let document = project.state_document();
    // A person may be at the prompt of `go`, which compares the request under this lock.
    let _writer = Writer::try_lock(&document.path);
    let journal = Journal::read(file)?;
    let request = pending_request(file, env, name, &project, &journal)?;
    // The request of a finished release is removed too.
    Request::remove(file, env, name)?;
    let Some(request) = request else {
        require_declared(file, &project.flags().snapshot(), name)?;
        let show = CommandLine::new(file, env, &["show", name]);
        let message = format!("cannot cancel the request for {name}: there is none");
        return Err(Failure::new(Exit::Conflict, message).with_help(format!("`{show}` shows the state of the flag")));
    };
    let states = [request.from.clone(), request.to.clone()];
    let digest = document.digest().unwrap_or_default();
    let entry = Entry::from_to(NO, &document.path, &digest, name, states).because(Some(reason.to_owned()));
    let text = format!("cancelled the request for {name} to {}\n", request.to);
    let data = json!({ "flag": name, "from": request.from, "to": request.to, "reason": reason, "logged": true });
    Journal::append(file, [entry]).map_err(|error| {
        let log = Journal::path(file);
        Failure::io(format!("{}, but cannot write the log {}: {error}", text.trim_end(), log.display()))
    })?;
    Ok(Report::new(text, data))
}
