//! By which name the crate under annotation knows the runtime.
//!
//! A dependency may be renamed, and the compiler that runs this macro was told under what name: `--extern NAME=FILE`.
//! That holds for whatever way the name came about, workspace inheritance and other build systems included, and nothing
//! has to be read or asked. Where the arguments are not the compiler's, as in an editor, the name is `agentops`.

use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs};

/// What it is called, unless it was renamed.
pub(crate) const NAME: &str = "agentops";

/// What the runtime is called, or `None` if the crate does not depend on it.
pub(crate) fn name() -> Option<&'static str> {
    static FOUND: LazyLock<Option<String>> = LazyLock::new(|| {
        let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
        find(arguments.flat_map(from_file))
    });
    FOUND.as_deref()
}

/// Arguments that are too long for a command line are in a file, one to a line.
fn from_file(argument: String) -> Vec<String> {
    argument
        .strip_prefix('@')
        .and_then(|path| fs::read_to_string(path).ok())
        .map_or_else(
            || vec![argument.clone()],
            |text| text.lines().map(str::to_owned).collect(),
        )
}

fn find(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let mut arguments = arguments.into_iter();
    let (mut of_compiler, mut renamed) = (false, None);
    while let Some(argument) = arguments.next() {
        let (key, value) = match argument.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = || {
            value
                .clone()
                .or_else(|| arguments.next())
                .unwrap_or_default()
        };
        match key.as_str() {
            "--crate-name" => {
                of_compiler = true;
                if value() == NAME {
                    return Some(NAME.to_owned());
                }
            }
            "--extern" => match external(&value()) {
                Some(NAME) => return Some(NAME.to_owned()),
                Some(name) => renamed = Some(name.to_owned()),
                None => {}
            },
            _ => {}
        }
    }
    if of_compiler {
        renamed
    } else {
        Some(NAME.to_owned())
    }
}

/// The name in `[OPTIONS:]NAME[=FILE]`, if it is the runtime's.
fn external(value: &str) -> Option<&str> {
    let (name, file) = value.split_once('=').unwrap_or((value, ""));
    let name = name.rsplit(':').next()?;
    let stem = Path::new(file).file_stem()?.to_str()?;
    let library = stem.strip_prefix("lib").unwrap_or(stem);
    let library = library.split('-').next()?;
    (library == NAME).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Option<&str>) {
        let found = find(arguments.iter().map(ToString::to_string));
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_dependency_has_the_name_that_the_compiler_was_told() {
        check(
            &[
                "rustc",
                "--crate-name",
                "app",
                "--extern",
                "agentops=/t/libagentops-0f.rmeta",
            ],
            Some("agentops"),
        );
        check(
            &[
                "rustc",
                "--crate-name=app",
                "--extern=priv:telemetry=/t/libagentops-0f.rlib",
            ],
            Some("telemetry"),
        );
        check(
            &[
                "rustc",
                "--crate-name",
                "app",
                "--extern",
                "old=/t/libagentops-0e.rlib",
                "--extern",
                "agentops=/t/libagentops.rlib",
            ],
            Some("agentops"),
        );
    }

    #[test]
    fn the_runtimes_own_code_knows_it_too() {
        check(
            &["rustc", "--crate-name", "agentops", "src/lib.rs"],
            Some("agentops"),
        );
    }

    #[test]
    fn other_crates_are_not_it() {
        let core = "agentops_core=/t/libagentops_core-0f.rlib";
        check(
            &[
                "rustc",
                "--crate-name",
                "app",
                "--extern",
                core,
                "--extern",
                "proc_macro",
            ],
            None,
        );
    }

    #[test]
    fn editors_have_no_such_arguments() {
        check(&["rust-analyzer-proc-macro-srv"], Some("agentops"));
    }
}
