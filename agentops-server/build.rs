//! Lists the dashboard's built files, so that the command carries them.
//!
//! They are made from `ui/` by npm and lie in `ui-dist` as they are; building the command needs no more than them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=ui-dist");
    let root =
        Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("ui-dist");
    let mut names = Vec::new();
    list(&root, "", &mut names)?;
    names.sort();
    let mut text = String::from("[\n");
    for name in names {
        let path = root.join(&name);
        writeln!(
            text,
            "    (\"/{name}\", include_bytes!({path:?}).as_slice()),"
        )
        .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("pages.rs"), text)
}

/// The files below a directory, with slashes whatever the system has.
fn list(root: &Path, below: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::other(format!("{} is no name for a page's file", name.display()))
        })?;
        let name = format!("{below}{name}");
        if entry.file_type()?.is_dir() {
            list(root, &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}
