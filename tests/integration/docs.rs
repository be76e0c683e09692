//! README and ARCHITECTURE say what the code says.

use std::fs;
use std::path::{Path, PathBuf};

use agentops_core::model::options;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests stand inside the repository")
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn readme_lists_every_option() {
    let table = options::table();
    assert!(
        read("README.md").contains(&table),
        "README.md lacks the options' table, which is:\n\n{table}"
    );
}

#[test]
fn readme_shows_the_quickstart_as_it_is() {
    let program = format!("```rust\n{}```\n", read("examples/quickstart.rs"));
    assert!(
        read("README.md").contains(&program),
        "README.md differs from examples/quickstart.rs"
    );
    assert!(program.lines().count() <= 32, "at most 30 lines");
}

#[test]
fn readme_adds_the_layer_as_its_documentation_does() {
    let source = read("agentops-core/src/bridge/tracing.rs");
    let example = source.split("/// ```\n").nth(1).expect("an example");
    let example = example.replace("/// ", "").replace("///\n", "\n");
    let example = example.replace("agentops_core::", "agentops::");
    let (shown, _) = example.split_once("\ntracing::info!").expect("an event");
    assert!(shown.lines().count() > 5, "{shown}");
    let block = format!("```rust\n{}```\n", shown);
    assert!(
        read("README.md").contains(&block),
        "README.md lacks:\n{block}"
    );
}

/// What stands in backticks and ends as a path does: `model/id.rs`, `model/wire/`.
#[test]
fn files_that_the_documents_name_exist() {
    let mut files = Vec::new();
    collect(&root(), &mut files);
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ] {
        let text = read(document);
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|quoted| {
            let is_path = quoted.ends_with(".rs") || quoted.trim_matches('/').contains('/');
            is_path
                && quoted
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c))
        });
        for path in paths {
            let inside = format!("/{}/", path.trim_matches('/'));
            assert!(
                files.iter().any(|file| file.contains(&inside)),
                "{document} names {path}"
            );
        }
    }
}

/// Every file with a slash before and after, so that whole names are looked for.
fn collect(directory: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(directory)
        .expect("a directory of ours can be read")
        .flatten()
    {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != ".git" && name != "node_modules" {
            collect(&path, files);
        } else {
            files.push(format!("{}/", path.display()));
        }
    }
}
