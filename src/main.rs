//! The program `eightysix`: hands the command line to `cli` and returns its exit code.
//!
//! Nothing else happens here, so that everything can be tested as a library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Steps allocate small things that live as long as the step; musl's own allocator, which the container would have, is
/// slowest at that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    eightysix::cli::main()
}
