//! The `flagkit` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    flagkit_cli::main()
}
