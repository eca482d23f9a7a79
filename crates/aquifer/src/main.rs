//! An open, self-hosted AQuA: the server, the loader and the client in one binary.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
