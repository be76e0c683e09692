//! The `agentops` command, as somebody runs it after the program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// What the command answered: JSON, and the lines that it warned with.
pub(crate) fn agentops(home: &Path, arguments: &[&str]) -> (Value, String) {
    let output = Command::new(path())
        .args(arguments)
        .env("AGENTOPS_HOME", home)
        .output()
        .expect("it runs");
    let warnings = String::from_utf8(output.stderr).expect("it prints text");
    assert!(output.status.success(), "{warnings}");
    let answer = serde_json::from_slice(&output.stdout).expect("it answers with JSON");
    (answer, warnings)
}

/// It is of another package, so cargo does not say where it is, and does not build it for these tests alone.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let beside = Path::new(env!("CARGO_BIN_EXE_victim"));
        let directory = beside.parent().expect("it is in a directory");
        let mut build = Command::new(env!("CARGO"));
        build
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "-p",
                "agentops-server",
                "--target-dir",
            ])
            .arg(directory.parent().expect("it is in a target directory"));
        if directory.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success());
        directory.join(format!("agentops{}", std::env::consts::EXE_SUFFIX))
    })
}
