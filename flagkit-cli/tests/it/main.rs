//! The command as its users run it: in a folder of its own, in a pipe and at a real terminal.

#![cfg(unix)]

mod commands;
mod concurrency;
mod exit_codes;
mod go;
mod interrupts;
mod printed_commands;
mod revert;
mod support;
mod walkthrough;
