//! What ARCHITECTURE.md says is absent is absent.

use std::fs;
use std::path::Path;

use super::docs::root;

/// The lines of every source file below `directory` that have none of `exempt` in their path; unit tests left out.
fn lines(directory: &str, exempt: &[&str]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    collect(&root().join(directory), exempt, &mut lines);
    assert!(!lines.is_empty(), "there is no code in {directory}");
    lines
}

fn collect(path: &Path, exempt: &[&str], lines: &mut Vec<(String, String)>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a directory of ours can be read");
        for entry in entries.flatten() {
            collect(&entry.path(), exempt, lines);
        }
        return;
    }
    let name = path.display().to_string();
    if !name.ends_with(".rs")
        || name.ends_with("tests.rs")
        || exempt.iter().any(|part| name.contains(part))
    {
        return;
    }
    let text = fs::read_to_string(path).expect("a source file of ours can be read");
    let code = text.split("#[cfg(test)]\n").next().unwrap_or_default();
    let code = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"));
    lines.extend(code.map(|line| (name.clone(), line.to_owned())));
}

#[track_caller]
fn check_absent(directory: &str, exempt: &[&str], absent: &[&str]) {
    for (file, line) in lines(directory, exempt) {
        for word in absent {
            assert!(!line.contains(word), "{file} has `{word}`: {line}");
        }
    }
}

#[test]
fn the_model_does_no_io_and_knows_no_other_part() {
    let parts = [
        "record", "process", "export", "monitor", "client", "config", "stats", "sync", "testing",
    ];
    let others = parts.map(|part| format!("crate::{part}"));
    let mut absent: Vec<&str> = others.iter().map(String::as_str).collect();
    absent.extend([
        "std::fs",
        "std::net",
        "std::thread",
        "thread_local!",
        "SystemTime::now",
        "env::var",
    ]);
    check_absent("agentops-core/src/model", &[], &absent);
}

#[test]
fn recording_names_nobody_behind_it() {
    check_absent(
        "agentops-core/src/record",
        &[],
        &[
            "crate::process",
            "crate::export",
            "crate::client",
            "crate::testing",
        ],
    );
}

#[test]
fn json_is_made_of_values_in_one_place() {
    check_absent(
        "agentops-core/src/record",
        &["record/value.rs"],
        &["serde_json", "to_json("],
    );
}

#[test]
fn processing_does_no_io() {
    check_absent(
        "agentops-core/src/process",
        &[],
        &["std::fs", "std::net", "std::io", "std::process"],
    );
}

#[test]
fn attribute_names_live_in_semconv() {
    check_absent("agentops-core/src", &["model/semconv.rs"], &["\"gen_ai."]);
}

#[test]
fn macros_print_tokens_in_one_place() {
    check_absent(
        "agentops-macros/src",
        // What tests make up for the macros to read is in `soup.rs`.
        &[
            "src/expand.rs",
            "src/expand/",
            "src/expansion/",
            "src/soup.rs",
        ],
        &["quote!"],
    );
}

#[test]
fn the_server_uses_the_model_alone() {
    for (file, line) in lines("agentops-server/src", &[]) {
        for named in line.split("agentops_core::").skip(1) {
            assert!(named.starts_with("model"), "{file}: {line}");
        }
    }
    // What `doctor` advises is text.
    for (file, line) in lines("agentops-server/src", &["cli/doctor.rs"]) {
        assert!(!line.contains("agentops::"), "{file}: {line}");
    }
}
