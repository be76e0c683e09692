//! Tells the runtime which compiler built the program, for the session's host environment.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let Ok(output) = Command::new(rustc).arg("--version").output() else {
        return;
    };
    if let Ok(version) = String::from_utf8(output.stdout) {
        println!(
            "cargo::rustc-env=AGENTOPS_RUSTC_VERSION={}",
            version.trim().trim_start_matches("rustc ")
        );
    }
}
