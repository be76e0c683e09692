//! The `agentops` command; all of it is in the library beside it, so that benches and fuzz targets can reach the parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentops_server::main()
}
