//! Parse arguments, run, turn the result into an exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Messages are sent by many small values that one thread makes and another lets go, and reading ten thousand schedules
/// leaves holes: the allocator of glibc takes an eighth more of the processor for the first, and keeps the second.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nudged::cli::main().into()
}
