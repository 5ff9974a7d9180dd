//! The program `eightysix`: hands the command line to `cli` and returns its exit code.
//!
//! Nothing else happens here, so that everything can be tested as a library.

use std::process::ExitCode;

fn main() -> ExitCode {
    eightysix::cli::main()
}
