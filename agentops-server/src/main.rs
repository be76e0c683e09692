//! The `agentops` command; all of it is in the library beside it, so that benches and fuzz targets can reach the parts.

use std::process::ExitCode;

/// What one thread takes and another gives back, as every span that is sent is, waits for locks of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    agentops_server::main()
}
