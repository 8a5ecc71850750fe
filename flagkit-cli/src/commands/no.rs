//! `no`: cancels a pending request, also a damaged one. Anyone may run it, and any machine.

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
    let request = match pending_request(file, env, name, &project, &journal) {
        Ok(request) => request.map(|request| ([request.from, request.to], Some(request.serial))),
        // A damaged request has unknown states.
        Err(failure) if failure.exit == Exit::Conflict => Some((["unknown"; 2].map(str::to_owned), None)),
        Err(failure) => return Err(failure),
    };
    // The request of a finished release is removed too.
    Request::remove(file, env, name)?;
    let Some((states, serial)) = request else {
        require_declared(file, &project.flags().snapshot(), name)?;
        let show = CommandLine::new(file, env, &["show", name]);
        let message = format!("cannot cancel the request for {name}: there is none");
        return Err(Failure::new(Exit::Conflict, message).with_help(format!("`{show}` shows the state of the flag")));
    };
    let [from, to] = states.clone();
    let text = match serial {
        Some(_) => format!("cancelled the request for {name} to {to}\n"),
        None => format!("removed the damaged request for {name}\n"),
    };
    let digest = document.digest().unwrap_or_default();
    let mut entry = Entry::from_to(NO, &document.path, &digest, name, states).because(Some(reason.to_owned()));
    // A copy of the request is void from now on.
    entry.serial = serial;
    let data = json!({ "flag": name, "from": from, "to": to, "reason": reason, "logged": true });
    Journal::append(file, [entry]).map_err(|error| {
        let log = Journal::path(file);
        Failure::io(format!("{}, but cannot write the log {}: {error}", text.trim_end(), log.display()))
    })?;
    Ok(Report::new(text, data))
}
