//! What the researchers can do to a source tree: list it, search it, read it, follow a module.
//!
//! The tools walk and read the real files below one root, within limits and in a fixed order, so that a run can be
//! repeated. They know neither the question nor the model that asks.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use agentops::Level;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MAX_FILES: usize = 4_000;
const MAX_FILE_BYTES: u64 = 512 * 1024;
const MAX_OUTLINE: usize = 300;
const MAX_HITS: usize = 40;
const MAX_HITS_PER_FILE: usize = 4;
const MAX_LINES_READ: usize = 40;
const MAX_LINE_CHARS: usize = 160;

/// A source tree, or the shelf of it that one agent works on.
#[derive(Debug, Clone)]
pub struct SourceTree {
    root: PathBuf,
    shelf: Shelf,
}

/// Which files `outline` and `grep` look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shelf {
    All,
    Code,
    Docs,
}

/// One line of one file, written `path:line: text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file, from the root, with forward slashes.
    pub path: String,
    /// From 1.
    pub number: usize,
    /// Without its indentation, cut where it is very long.
    pub text: String,
}

/// A tool as a model is told of it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// What the model calls it by.
    pub name: &'static str,
    /// When to call it.
    pub description: &'static str,
    /// A JSON Schema of its arguments.
    pub parameters: Value,
}

/// Why a tool has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ToolError {
    /// There is no such file, or no file for such a module.
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The path leads out of the tree.
    OutsideTree {
        /// The path as asked for.
        path: String,
    },
    /// The file is binary, or larger than what is read.
    NotReadable {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system refused.
    Io {
        /// The file.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// The model asked for a tool that does not exist.
    UnknownTool {
        /// The name it used.
        name: String,
    },
    /// The model's arguments do not fit the tool.
    BadArguments {
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// The tools of these names, in this order.
pub fn definitions(names: &[&str]) -> Vec<Definition> {
    let all = all_definitions();
    let named = |name: &&str| all.iter().find(|tool| tool.name == *name).cloned();
    names.iter().filter_map(named).collect()
}

impl SourceTree {
    /// The whole tree below `root`.
    pub fn new(root: impl Into<PathBuf>) -> SourceTree {
        SourceTree {
            root: root.into(),
            shelf: Shelf::All,
        }
    }

    /// The same tree, of which only the Rust sources are searched.
    pub fn code(&self) -> SourceTree {
        SourceTree {
            root: self.root.clone(),
            shelf: Shelf::Code,
        }
    }

    /// The same tree, of which only the documents are searched.
    pub fn docs(&self) -> SourceTree {
        SourceTree {
            root: self.root.clone(),
            shelf: Shelf::Docs,
        }
    }

    /// Runs the tool that a model asked for with the arguments that it wrote; the answer is text, as models read it.
    pub fn call(&self, name: &str, arguments: &str) -> Result<String, ToolError> {
        match name {
            "outline" => Ok(self.outline()?.join("\n")),
            "grep" => {
                let asked: GrepArguments = parse(arguments)?;
                Ok(quoted(&self.grep(&asked.pattern)?))
            }
            "read_file" => {
                let asked: ReadFileArguments = parse(arguments)?;
                Ok(quoted(&self.read_file(&asked.path, asked.first_line)?))
            }
            "open_module" => {
                let asked: OpenModuleArguments = parse(arguments)?;
                Ok(quoted(&self.open_module(&asked.from, &asked.module)?))
            }
            _ => Err(ToolError::UnknownTool {
                name: name.to_owned(),
            }),
        }
    }

    /// The paths of the source files and documents.
    #[agentops::tool(description = "lists the files of the tree", returns(files = |paths| paths.len()))]
    pub fn outline(&self) -> Result<Vec<String>, ToolError> {
        let mut paths = self.files()?;
        paths.truncate(MAX_OUTLINE);
        Ok(paths)
    }

    /// The lines that have these words in this order; those that declare them first.
    ///
    /// Names are compared word by word, so `ring` finds `RingBuffer` and `ring_size`, and does not find `String`.
    #[agentops::tool(description = "finds lines by their words", returns(hits = |lines| lines.len()))]
    pub fn grep(&self, pattern: &str) -> Result<Vec<Line>, ToolError> {
        let wanted = words(pattern);
        let mut hits = Vec::new();
        for path in self.files()? {
            // A file that cannot be read as text has no lines to find; one file must not cost the whole search.
            let Ok(text) = self.text(&path) else { continue };
            hits.extend(matching_lines(&path, &text, &wanted));
        }
        hits.sort_by_key(|line| rank(&line.text));
        if hits.len() > MAX_HITS {
            let message = format!("{} lines match, the first {MAX_HITS} are kept", hits.len());
            agentops::current_span().log(Level::Info, &message);
            hits.truncate(MAX_HITS);
        }
        Ok(hits)
    }

    /// Some lines of a file, from `first_line` on.
    #[agentops::tool(description = "reads some lines of a file")]
    pub fn read_file(&self, path: &str, first_line: usize) -> Result<Vec<Line>, ToolError> {
        let text = self.text(path)?;
        let lines = (1..)
            .zip(text.lines())
            .skip(first_line.max(1) - 1)
            .take(MAX_LINES_READ);
        Ok(lines
            .map(|(number, line)| Line::new(path, number, line))
            .collect())
    }

    /// Reads the file of a module that `from` names in a `mod` or `use`.
    ///
    /// Where a module lives depends on whether `from` is the root of a crate, which only Cargo knows. So the places
    /// are tried in turn, and a wrong guess is a `read_file` that failed.
    #[agentops::tool(description = "follows a `mod` or `use` to its file")]
    pub fn open_module(&self, from: &str, module: &str) -> Result<Vec<Line>, ToolError> {
        for place in places(from, module) {
            match self.read_file(&place, 1) {
                Err(ToolError::NotFound { .. }) => continue,
                found => return found,
            }
        }
        Err(ToolError::NotFound {
            what: format!("module {module} of {from}"),
        })
    }

    /// One line of a file as it stands there, or the number of lines if the file ends before.
    pub fn line(&self, path: &str, number: usize) -> Result<Result<String, usize>, ToolError> {
        let text = self.text(path)?;
        let line = number
            .checked_sub(1)
            .and_then(|before| text.lines().nth(before));
        Ok(line.map(str::to_owned).ok_or_else(|| text.lines().count()))
    }

    fn text(&self, path: &str) -> Result<String, ToolError> {
        let file = self.resolve(path)?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ToolError::NotFound {
                what: path.to_owned(),
            },
            _ => ToolError::Io {
                path: path.to_owned(),
                source,
            },
        };
        let metadata = fs::metadata(&file).map_err(failed)?;
        let refused = |reason| ToolError::NotReadable {
            path: path.to_owned(),
            reason,
        };
        if !metadata.is_file() {
            return Err(refused("it is not a file"));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(refused("it is too large"));
        }
        let bytes = fs::read(&file).map_err(failed)?;
        String::from_utf8(bytes).map_err(|_| refused("it is not text"))
    }

    /// The path in the file system, unless it leads out of the tree.
    fn resolve(&self, path: &str) -> Result<PathBuf, ToolError> {
        let outside = || ToolError::OutsideTree {
            path: path.to_owned(),
        };
        if !Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(outside());
        }
        let file = self.root.join(path);
        // A link may lead out although its path does not.
        match (file.canonicalize(), self.root.canonicalize()) {
            (Ok(real), Ok(root)) if !real.starts_with(&root) => Err(outside()),
            _ => Ok(file),
        }
    }

    /// The files of this shelf: hidden ones, links and build output left out, sorted.
    fn files(&self) -> Result<Vec<String>, ToolError> {
        let mut found = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(directory) = pending.pop() {
            let failed = |source| ToolError::Io {
                path: directory.clone(),
                source,
            };
            for entry in fs::read_dir(self.root.join(&directory)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let path = join(&directory, &name);
                let kind = entry.file_type().map_err(failed)?;
                if name.starts_with('.') || kind.is_symlink() {
                    continue;
                }
                if kind.is_dir() && !matches!(name.as_str(), "target" | "node_modules") {
                    pending.push(path);
                } else if kind.is_file() && self.shelf.holds(&name) {
                    found.push(path);
                }
            }
            if found.len() > MAX_FILES {
                break;
            }
        }
        found.sort();
        found.truncate(MAX_FILES);
        Ok(found)
    }
}

impl Shelf {
    fn holds(self, name: &str) -> bool {
        let code = name.ends_with(".rs");
        let docs = name.ends_with(".md") || name.ends_with(".txt");
        match self {
            Shelf::All => code || docs || name.ends_with(".toml"),
            Shelf::Code => code,
            Shelf::Docs => docs,
        }
    }
}

impl Line {
    fn new(path: &str, number: usize, text: &str) -> Line {
        Line {
            path: path.to_owned(),
            number,
            text: text.trim().chars().take(MAX_LINE_CHARS).collect(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.number, self.text)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolError::NotFound { what } => write!(f, "not found: {what}"),
            ToolError::OutsideTree { path } => write!(f, "{path} is outside the source tree"),
            ToolError::NotReadable { path, reason } => write!(f, "cannot read {path}: {reason}"),
            ToolError::Io { path, .. } => write!(f, "cannot read {path}"),
            ToolError::UnknownTool { name } => write!(f, "no tool is called {name}"),
            ToolError::BadArguments { .. } => f.write_str("the arguments do not fit the tool"),
        }
    }
}

impl std::error::Error for ToolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ToolError::Io { source, .. } => Some(source),
            ToolError::BadArguments { source } => Some(source),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct GrepArguments {
    pattern: String,
}

#[derive(Deserialize)]
struct ReadFileArguments {
    path: String,
    #[serde(default)]
    first_line: usize,
}

#[derive(Deserialize)]
struct OpenModuleArguments {
    from: String,
    module: String,
}

fn all_definitions() -> [Definition; 4] {
    let object = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required});
    [
        Definition {
            name: "outline",
            description: "Lists the files of the source tree.",
            parameters: object(json!({}), &[]),
        },
        Definition {
            name: "grep",
            description: "Finds lines by their words, declarations first. `ring` finds RingBuffer and ring_size, not String.",
            parameters: object(json!({"pattern": {"type": "string"}}), &["pattern"]),
        },
        Definition {
            name: "read_file",
            description: "Reads forty lines of a file, from first_line on.",
            parameters: object(
                json!({"path": {"type": "string"}, "first_line": {"type": "integer"}}),
                &["path"],
            ),
        },
        Definition {
            name: "open_module",
            description: "Follows a module named by `mod x;` or `use crate::a::b` in the file `from`, and reads its start.",
            parameters: object(
                json!({"from": {"type": "string"}, "module": {"type": "string"}}),
                &["from", "module"],
            ),
        },
    ]
}

fn parse<T: DeserializeOwned>(arguments: &str) -> Result<T, ToolError> {
    serde_json::from_str(arguments).map_err(|source| ToolError::BadArguments { source })
}

fn quoted(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no lines".to_owned();
    }
    lines
        .iter()
        .map(Line::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn matching_lines(path: &str, text: &str, wanted: &[String]) -> Vec<Line> {
    let Some(first) = wanted.first() else {
        return Vec::new();
    };
    // Taking a line apart is the slow step, so it is done only where the first word occurs at all.
    let possible = |line: &str| line.to_ascii_lowercase().contains(first.as_str());
    let matches = |line: &str| {
        words(line)
            .windows(wanted.len())
            .any(|window| window == wanted)
    };
    let mut lines: Vec<Line> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| possible(line) && matches(line))
        .map(|(number, line)| Line::new(path, number, line))
        .collect();
    lines.sort_by_key(|line| rank(&line.text));
    lines.truncate(MAX_HITS_PER_FILE);
    lines
}

/// The words of a text in small letters: `RingBuffer::push_all` is ring, buffer, push, all.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in text.chars() {
        let starts = !previous.is_alphanumeric() || (c.is_uppercase() && previous.is_lowercase());
        if c.is_alphanumeric() {
            if starts || words.is_empty() {
                words.push(String::new());
            }
            let word = words.last_mut().expect("a word was begun");
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    words
}

/// What says what a file or an item is comes first, then what explains it, then the rest.
fn rank(text: &str) -> u8 {
    let bare = text
        .strip_prefix("pub(crate) ")
        .or(text.strip_prefix("pub "))
        .unwrap_or(text);
    let states = [
        "//! ",
        "# ",
        "fn ",
        "async fn ",
        "struct ",
        "enum ",
        "trait ",
        "mod ",
        "type ",
        "const ",
        "macro_rules! ",
    ];
    if states.iter().any(|start| bare.starts_with(start)) {
        0
    } else if text.starts_with("///") {
        1
    } else {
        2
    }
}

/// The files that `module`, named in the file `from`, may live in; the likeliest first.
fn places(from: &str, module: &str) -> Vec<String> {
    let (directory, file) = from.rsplit_once('/').unwrap_or(("", from));
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let own = match stem {
        "lib" | "main" | "mod" => directory.to_owned(),
        _ => join(directory, stem),
    };
    // What begins with a capital is an item of the module before it.
    let path: Vec<&str> = module
        .split("::")
        .take_while(|part| part.starts_with(char::is_lowercase))
        .collect();
    let (bases, path) = match path.split_first() {
        Some((&"crate", rest)) => (vec![source_root(directory)], rest),
        Some((&"self", rest)) => (vec![own], rest),
        Some((&"super", rest)) if stem == "mod" => (
            vec![
                directory
                    .rsplit_once('/')
                    .map_or("", |(above, _)| above)
                    .to_owned(),
            ],
            rest,
        ),
        Some((&"super", rest)) => (vec![directory.to_owned()], rest),
        _ if own == directory => (vec![own], path.as_slice()),
        _ => (vec![directory.to_owned(), own], path.as_slice()),
    };
    let mut places = Vec::new();
    for length in (1..=path.len()).rev() {
        for ending in [".rs", "/mod.rs"] {
            places.extend(
                bases
                    .iter()
                    .map(|base| join(base, &(path[..length].join("/") + ending))),
            );
        }
    }
    places
}

/// The innermost `src` around a directory; the directory itself where there is none.
fn source_root(directory: &str) -> String {
    let parts: Vec<&str> = directory.split('/').collect();
    match parts.iter().rposition(|part| *part == "src") {
        Some(position) => parts[..=position].join("/"),
        None => directory.to_owned(),
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_words(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected, "{text}");
    }

    #[test]
    fn names_fall_into_words() {
        check_words("RingBuffer::push_all", &["ring", "buffer", "push", "all"]);
        check_words("  pub fn ring(x: u8) {", &["pub", "fn", "ring", "x", "u8"]);
        check_words("String", &["string"]);
        check_words("", &[]);
    }

    fn check_places(from: &str, module: &str, expected: &[&str]) {
        assert_eq!(places(from, module), expected, "{module} in {from}");
    }

    #[test]
    fn modules_are_tried_where_they_may_be() {
        check_places("src/lib.rs", "ring", &["src/ring.rs", "src/ring/mod.rs"]);
        check_places("main.rs", "ring", &["ring.rs", "ring/mod.rs"]);
        check_places(
            "src/a.rs",
            "b",
            &["src/b.rs", "src/a/b.rs", "src/b/mod.rs", "src/a/b/mod.rs"],
        );
        check_places(
            "src/a/b.rs",
            "crate::c::Item",
            &["src/c.rs", "src/c/mod.rs"],
        );
        check_places("src/a/mod.rs", "super::c", &["src/c.rs", "src/c/mod.rs"]);
        check_places("src/a/b.rs", "crate::Item", &[]);
        check_places(
            "src/lib.rs",
            "crate::a::run",
            &[
                "src/a/run.rs",
                "src/a/run/mod.rs",
                "src/a.rs",
                "src/a/mod.rs",
            ],
        );
    }

    #[test]
    fn paths_stay_inside() {
        let tree = SourceTree::new(env!("CARGO_MANIFEST_DIR"));
        for path in ["../Cargo.toml", "/etc/passwd", "src/../../x"] {
            assert!(
                matches!(tree.read_file(path, 1), Err(ToolError::OutsideTree { .. })),
                "{path}"
            );
        }
        assert!(matches!(
            tree.read_file("src/none.rs", 1),
            Err(ToolError::NotFound { .. })
        ));
    }

    #[test]
    fn a_search_finds_declarations_first() {
        let tree = SourceTree::new(env!("CARGO_MANIFEST_DIR")).code();
        let hits = tree.grep("open module").unwrap();
        assert!(hits[0].text.starts_with("pub fn open_module"), "{hits:?}");
        assert_eq!(hits[0].path, "src/tools.rs");
    }
}
