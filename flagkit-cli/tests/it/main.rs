//! The command as its users run it: in a folder of its own, in a pipe and at a real terminal.

#![cfg(unix)]

mod approvals;
mod approvals_check;
mod audience;
mod author;
mod base;
mod commands;
mod concurrency;
mod differential;
mod environments;
mod exit_codes;
mod go;
mod interrupts;
mod limits;
mod migrate;
mod migrations;
mod overrides;
mod pages;
mod printed_commands;
mod redirects;
mod revert;
mod roots;
mod sql;
mod subjects;
mod support;
mod walkthrough;
