//! Parse arguments, run, turn the result into an exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A message is many small values that one thread makes and another lets go, and reading ten thousand schedules leaves holes.
/// The allocator of glibc takes a quarter of the senders' time for the first, and keeps the second. For C (`override`) it
/// would serve too, but the tests of the clock preload a library that it must not meet.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nudged::cli::main().into()
}
