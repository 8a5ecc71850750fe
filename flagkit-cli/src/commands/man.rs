//! `man`: the manual page.

use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;
use serde_json::json;

use crate::cli::Cli;
use crate::report::{Failure, Report, Result};

/// Prints one page with a section for each command, because one page is what people install.
pub(super) fn run() -> Result {
    let page = page().map_err(|error| Failure::io(error.to_string()))?;
    Ok(Report::new(page.clone(), json!({ "page": page })))
}

fn page() -> io::Result<String> {
    let command = Cli::command();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    let page = String::from_utf8_lossy(&page).into_owned();
    // The generator would refer to a page of each command.
    let (head, rest) = page.split_once(".SH SUBCOMMANDS").unwrap_or((&page, ""));
    let (_, tail) = rest.split_once(".SH EXTRA").unwrap_or_default();
    let mut commands = String::from(".SH COMMANDS\n");
    for command in command.get_subcommands() {
        commands += &section(command, "flagkit")?;
    }
    Ok(format!("{head}{commands}.SH \"EXIT STATUS\"{}", tail.replacen("\nExit codes:", "", 1)))
}

/// The sections of a command and of its subcommands, each with its arguments, description and options.
fn section(command: &clap::Command, parent: &str) -> io::Result<String> {
    let name = format!("{parent} {}", command.get_name());
    let man = Man::new(command.clone().bin_name(name.clone()));
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with(".ie") && !line.starts_with(".el"));
    let mut section = format!(".SS \"{name}\"\n");
    for line in lines {
        section += match line {
            ".SH SYNOPSIS" | ".SH OPTIONS" => continue,
            // A paragraph separates the description from the arguments above it.
            ".SH DESCRIPTION" => ".PP",
            other => other,
        };
        section.push('\n');
    }
    for command in command.get_subcommands() {
        section += &self::section(command, &name)?;
    }
    Ok(section)
}
