//! What the compiler says to people who made a mistake, word for word.
//!
//! Each file in `ui` is one mistake, and the answer stands beside it. Each file in `ui/body` is a mistake in a function's
//! own code, where the compiler must say the same without our attributes; a file has an answer beside it only where it
//! does not. Texts are pinned to one compiler; `AGENTOPS_BLESS=1` writes them anew.
//!
//! The compiler is called directly: one file takes it some 60 ms, on what cargo has already built for other tests.
//! `trybuild` would build every dependency once more, and cannot compare a file with itself.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::{env, fs, thread};

use serde_json::Value;

/// Whose words the answers are.
const COMPILER: &str = "1.95";

#[test]
fn every_mistake_is_explained() {
    if !compiler_is_ours() {
        return;
    }
    let compiler = Compiler::ours();
    each(&sources("."), |source| {
        // Mistakes leave arguments unused.
        let answer = compiler.answer(source, &read(source), "-Aunused");
        if answer.is_empty() {
            return Err("is no mistake".to_owned());
        }
        agreed(source, &answer)
    });
}

#[test]
fn a_body_reads_as_if_the_attribute_were_not_there() {
    if !compiler_is_ours() {
        return;
    }
    let compiler = Compiler::ours();
    each(&sources("body"), |source| {
        let text = read(source);
        let plain = compiler.answer(source, &without_attributes(&text), "-Wunused");
        let answer = compiler.answer(source, &text, "-Wunused");
        let beside = source.with_extension("stderr");
        if plain.is_empty() {
            return Err("is no mistake".to_owned());
        }
        if answer != plain {
            return agreed(source, &answer);
        }
        if blessing() {
            // There may be none.
            let _ = fs::remove_file(beside);
        } else if beside.exists() {
            return Err("has an answer of its own no longer".to_owned());
        }
        Ok(())
    });
}

#[test]
fn generated_names_are_never_said() {
    let answers = answers();
    assert!(answers.len() > 50, "only {} answers", answers.len());
    for answer in answers {
        let text = read(&answer);
        for word in ["__agentops", "__AGENTOPS"] {
            assert!(!text.contains(word), "{} says {word}", answer.display());
        }
    }
}

#[test]
fn an_answer_belongs_to_a_mistake() {
    for answer in answers() {
        let source = answer.with_extension("rs");
        assert!(source.exists(), "{} answers nothing", answer.display());
    }
}

#[test]
fn a_crate_without_the_runtime_is_told_what_it_needs() {
    if !compiler_is_ours() {
        return;
    }
    let source = "#[agentops_macros::tool]\npub fn search() {}\n";
    let compiler = Compiler::ours();
    let macros = format!("--extern=agentops_macros={}", compiler.macros.display());
    let answer = compiler.run(Path::new("alone.rs"), source, &[&macros]);
    let expected = "error: `#[tool]` needs the crate `agentops` in Cargo.toml, or `crate = path`";
    assert!(answer.starts_with(expected), "{answer}");
    assert!(answer.contains("--> alone.rs:1:1"), "{answer}");
    assert_eq!(answer.matches("error").count(), 2, "{answer}");
}

/// Runs one check over many files, and reports every one that fails.
fn each(sources: &[PathBuf], check: impl Fn(&Path) -> Result<(), String> + Sync) {
    assert!(!sources.is_empty(), "no files");
    let queue = Mutex::new(sources.iter());
    let next = || queue.lock().expect("no check panics").next();
    let work = || {
        let mut failures = Vec::new();
        while let Some(source) = next() {
            if let Err(why) = check(source) {
                failures.push(format!("{} {why}\n", source.display()));
            }
        }
        failures
    };
    let threads = thread::available_parallelism().map_or(2, Into::into);
    let failures: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let found = workers.into_iter().map(|worker| worker.join());
        found
            .flat_map(|found| found.expect("no check panics"))
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.concat());
}

fn agreed(source: &Path, answer: &str) -> Result<(), String> {
    let beside = source.with_extension("stderr");
    if blessing() {
        return fs::write(beside, answer).map_err(|error| error.to_string());
    }
    let expected = fs::read_to_string(beside).unwrap_or_default();
    if expected == answer {
        return Ok(());
    }
    Err(format!(
        "is answered otherwise (AGENTOPS_BLESS=1 accepts it)\n\n{answer}\ninstead of\n\n{expected}"
    ))
}

fn blessing() -> bool {
    env::var_os("AGENTOPS_BLESS").is_some()
}

/// The same code at the same places, without us.
fn without_attributes(text: &str) -> String {
    const OURS: [&str; 6] = [
        "#[agentops::",
        "#[agent",
        "#[session",
        "#[tool",
        "use agentops",
        "#[llm",
    ];
    let ours = |line: &str| OURS.iter().any(|ours| line.trim_start().starts_with(ours));
    let blank = |line| if ours(line) { "" } else { line };
    text.lines().flat_map(|line| [blank(line), "\n"]).collect()
}

#[expect(
    clippy::print_stderr,
    reason = "a test that does nothing must not do it silently"
)]
fn compiler_is_ours() -> bool {
    let version = run(Command::new(rustc()).arg("--version"));
    let same = version.starts_with(&format!("rustc {COMPILER}."));
    if !same {
        eprintln!("skipped: the answers are those of rustc {COMPILER}, and this is {version}");
    }
    same
}

fn rustc() -> String {
    env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// The compiler, with all that cargo would tell it.
struct Compiler {
    scratch: PathBuf,
    sysroot: String,
    runtime: PathBuf,
    macros: PathBuf,
}

impl Compiler {
    /// All tests need the same to be built.
    fn ours() -> &'static Compiler {
        static OURS: LazyLock<Compiler> = LazyLock::new(Compiler::new);
        &OURS
    }

    fn new() -> Compiler {
        let built = run(Command::new(env!("CARGO"))
            .args(["build", "--package=agentops", "--locked", "--offline"])
            .arg("--message-format=json")
            .current_dir(root()));
        let artifacts: HashMap<String, PathBuf> = built.lines().filter_map(artifact).collect();
        let artifact = |name: &str| {
            let found = artifacts.get(name);
            found
                .unwrap_or_else(|| panic!("cargo builds {name}"))
                .clone()
        };
        Compiler {
            scratch: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
            sysroot: run(Command::new(rustc()).args(["--print", "sysroot"]))
                .trim()
                .to_owned(),
            runtime: artifact("agentops"),
            macros: artifact("agentops_macros"),
        }
    }

    /// What is said of `text` as the contents of `source`.
    fn answer(&self, source: &Path, text: &str, lints: &str) -> String {
        let name = source.file_name().map_or(source, Path::new);
        let runtime = format!("--extern=agentops={}", self.runtime.display());
        let answer = self.run(name, text, &[&runtime, lints]);
        let panicked = answer.contains("panicked");
        assert!(!panicked, "{}: {answer}", source.display());
        answer
    }

    fn run(&self, name: &Path, text: &str, arguments: &[&str]) -> String {
        let dependencies = self.runtime.parent().expect("a file is in a directory");
        // Where others who compile a file of this name are not.
        let place = directory(&self.scratch);
        fs::write(place.join(name), text).expect("the file is written");
        let program = text.contains("fn main()");
        let output = Command::new(rustc())
            .current_dir(&place)
            .env_remove("RUSTC_LOG")
            .env("CARGO_CRATE_NAME", "mistake")
            .args(["--edition=2024", "--crate-name=mistake"])
            .arg(if program {
                "--crate-type=bin"
            } else {
                "--crate-type=lib"
            })
            .args(["--emit=metadata", "--out-dir=out", "--color=never"])
            .args(["--diagnostic-width=120", "-L"])
            .arg(format!("dependency={}", dependencies.display()))
            .args(arguments)
            .arg(name)
            .output()
            .expect("the compiler runs");
        fs::remove_dir_all(place).expect("the directory is ours");
        self.normal(&String::from_utf8_lossy(&output.stderr))
    }

    /// Without sums, and without what other people's installations hold.
    fn normal(&self, said: &str) -> String {
        const SUMS: [&str; 4] = [
            "error: aborting due to",
            "For more information about",
            "Some errors have detailed",
            "warning: 1 warning emitted",
        ];
        let mut lines: Vec<&str> = Vec::new();
        let mut elsewhere = false;
        for mut line in said.lines() {
            let start = line.trim_start();
            if let Some(place) = start.strip_prefix("--> ").or(start.strip_prefix("::: ")) {
                elsewhere = place.starts_with("/rustc/") || place.starts_with(&self.sysroot);
                if elsewhere {
                    continue;
                }
                // In our own sources lines move.
                if let Some((file, _)) = line.split_once(".rs:").filter(|_| place.contains("/src/"))
                {
                    line = file;
                }
            }
            // Long types are in files of a new name each time.
            if start.starts_with("= note: the full name for the type has been written")
                || start.starts_with("= note: consider using `--verbose`")
            {
                continue;
            }
            // The standard library's source may be there or not.
            let quoted =
                start.starts_with(|first: char| first.is_ascii_digit() || "|.".contains(first));
            elsewhere &= quoted;
            let sum =
                SUMS.iter().any(|sum| line.starts_with(sum)) || line.ends_with("warnings emitted");
            let doubled = line.is_empty() && lines.last().is_none_or(|last| last.is_empty());
            if !elsewhere && !sum && !doubled {
                lines.push(line);
            }
        }
        let text = lines.join("\n");
        let text = text.trim_end();
        if text.is_empty() {
            String::new()
        } else {
            format!("{text}\n")
        }
    }
}

/// The crate's name and file, in a line of what cargo says it built.
fn artifact(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let name = message["target"]["name"].as_str()?.replace('-', "_");
    let files = message["filenames"].as_array()?;
    let library = files
        .iter()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .find(|file| {
            let extension = file.extension().and_then(OsStr::to_str);
            ["rmeta", "so", "dylib", "dll"].contains(&extension.unwrap_or_default())
        });
    Some((name, library?))
}

fn directory(parent: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let place = parent.join(format!("ui-{}-{number}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory for tests can be written to");
    place
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the toolchain is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("it writes text")
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests are in the repository")
}

fn sources(folder: &str) -> Vec<PathBuf> {
    files(folder, "rs")
}

fn answers() -> Vec<PathBuf> {
    [files(".", "stderr"), files("body", "stderr")].concat()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("ui")
        .join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
