//! One `rustc` for one crate, and what it cost.
//!
//! Cargo builds the libraries as it would for anybody's program in development, and says where they are; the crates in
//! question are then compiled without it. Knows nothing of what is in them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

/// What is asked of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Goal {
    /// As `cargo check`.
    Check,
    /// As `cargo build`, with the defaults of the dev profile.
    Build,
}

/// What a crate cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// User and system time of all the compiler's threads.
    pub(crate) cpu: Duration,
    /// Of what it wrote.
    pub(crate) bytes: u64,
}

/// The compiler with the libraries that crates are compiled against.
pub(crate) struct Compiler {
    libraries: Vec<(String, PathBuf)>,
    scratch: PathBuf,
}

impl Goal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Goal::Check => "check",
            Goal::Build => "build",
        }
    }
}

impl Compiler {
    /// Builds the libraries that this package depends on.
    pub(crate) fn new() -> Compiler {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = Command::new(env!("CARGO"))
            .args([
                "build",
                "--locked",
                "--message-format=json",
                "--manifest-path",
            ])
            .arg(manifest)
            .env("CARGO_INCREMENTAL", "0")
            .output()
            .expect("cargo runs");
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the libraries are built: {errors}");
        let library = |name: &str| {
            let path = messages.lines().find_map(|line| artifact(line, name));
            (
                name.to_owned(),
                path.unwrap_or_else(|| panic!("no library {name}")),
            )
        };
        let scratch = env::temp_dir().join(format!("agentops-compile-{}", std::process::id()));
        fs::create_dir_all(&scratch).expect("there is room for what is compiled");
        Compiler {
            libraries: ["agentops", "fastrace", "tracing"].map(library).into(),
            scratch,
        }
    }

    /// Compiles a library of this source.
    pub(crate) fn compile(&self, source: &str, goal: Goal) -> Cost {
        let path = self.scratch.join("lib.rs");
        fs::write(&path, source).expect("the source is written");
        let written = self.scratch.join(match goal {
            Goal::Check => "libmany.rmeta",
            Goal::Build => "libmany.rlib",
        });
        let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc
            .args([
                "--crate-name",
                "many",
                "--crate-type",
                "lib",
                "--edition",
                "2024",
            ])
            // A warning would be a cost that no user has.
            .args([
                "-D",
                "warnings",
                "-C",
                "debuginfo=2",
                "-C",
                "embed-bitcode=no",
            ])
            .arg(match goal {
                Goal::Check => "--emit=metadata",
                Goal::Build => "--emit=metadata,link",
            })
            .arg("--out-dir")
            .arg(&self.scratch)
            .arg(&path);
        for (name, library) in &self.libraries {
            let beside = library.parent().expect("it is in a directory");
            rustc
                .arg("--extern")
                .arg(format!("{name}={}", library.display()))
                .arg("-L")
                .arg(format!("dependency={}", beside.display()))
                // What is beside its dependencies after a build in another directory.
                .arg("-L")
                .arg(format!("dependency={}", beside.join("deps").display()));
        }
        let before = children();
        let output = rustc.output().expect("rustc runs");
        let cpu = children() - before;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "it compiles: {errors}");
        let bytes = fs::metadata(written).expect("it was written").len();
        Cost { cpu, bytes }
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        // What is left behind is in the system's own place for such things.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// The library of that name, if cargo's message is about it.
fn artifact(message: &str, name: &str) -> Option<PathBuf> {
    let files = message
        .contains(&format!("\"name\":\"{name}\""))
        .then(|| message.split_once("\"filenames\":["))??
        .1;
    let files = files.split(']').next()?;
    let mut files = files.split(',').map(|file| file.trim_matches('"'));
    files
        .find(|file| file.ends_with(".rlib"))
        .map(PathBuf::from)
}

/// CPU time of the processes that this one started and that have ended.
fn children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells");
    // The name may have spaces; what follows it has none.
    let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks
        .map(|ticks| ticks.parse::<u64>().expect("it is a number"))
        .sum();
    // Linux shows a hundred of them per second, whatever it counts by.
    Duration::from_millis(ticks * 10)
}
