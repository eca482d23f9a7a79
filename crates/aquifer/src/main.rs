use std::process::ExitCode;

fn main() -> ExitCode {
    aquifer::cli::main()
}
