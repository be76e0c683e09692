//! Nothing that a program builds for our sake needs a newer compiler than we declare.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;

use super::docs::root;

#[test]
fn no_dependency_of_the_sdk_declares_a_newer_compiler() {
    let metadata = metadata();
    let packages = array(&metadata["packages"]);
    let ours = packages
        .iter()
        .find(|package| package["name"] == "agentops")
        .expect("the facade is a package");
    let declared = version(&ours["rust_version"]);
    let needed = normal_dependencies(&metadata, &ours["id"]);
    assert!(
        needed.len() > 10,
        "only {} packages were looked at",
        needed.len()
    );
    for package in packages
        .iter()
        .filter(|package| needed.contains(&package["id"]))
    {
        assert!(
            version(&package["rust_version"]) <= declared,
            "{} {} declares {}, and we declare {}",
            package["name"],
            package["version"],
            package["rust_version"],
            ours["rust_version"],
        );
    }
}

fn metadata() -> Value {
    // Of other platforms nothing may have been downloaded.
    let rustc = run(Command::new("rustc").arg("-vV"));
    let host = rustc
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("the compiler says where it runs");
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--all-features",
        "--filter-platform",
        host,
    ];
    let json = run(Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root()));
    serde_json::from_str(&json).expect("cargo answers with JSON")
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the toolchain is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("it writes text")
}

/// A package with all that it needs to be built into a program, build scripts and procedural macros included.
fn normal_dependencies<'a>(metadata: &'a Value, package: &'a Value) -> HashSet<&'a Value> {
    let nodes = array(&metadata["resolve"]["nodes"]);
    let mut found = HashSet::new();
    let mut open = vec![package];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == *id);
        for dependency in node.map_or(&[][..], |node| array(&node["deps"])) {
            let kinds = array(&dependency["dep_kinds"]);
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                open.push(&dependency["pkg"]);
            }
        }
    }
    found
}

/// `1.89` and `1.89.0` as numbers; nothing declared is the oldest.
fn version(declared: &Value) -> Vec<u64> {
    let text = declared.as_str().unwrap_or_default();
    let mut parts: Vec<u64> = text
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    parts.resize(3, 0);
    parts
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
