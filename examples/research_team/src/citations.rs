//! The guardrail: no answer leaves the team before every line it cites has been looked up.
//!
//! A citation is `path:line`, alone or followed by `: ` and the text of that line. This reads the answer as text and
//! the tree as files; it does not know who wrote the answer, or from what.

use std::fmt;

use agentops::Level;

use crate::tools::{SourceTree, ToolError};

/// A place that an answer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The file, from the root of the tree.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// What the answer says is written there, where it quotes the line.
    pub text: Option<String>,
}

/// A citation that does not hold.
#[derive(Debug)]
#[non_exhaustive]
pub enum CitationError {
    /// The file cannot be opened.
    NoSuchFile {
        /// What was cited.
        citation: Citation,
        /// Why not.
        source: ToolError,
    },
    /// The file ends before the line.
    NoSuchLine {
        /// What was cited.
        citation: Citation,
        /// How long the file is.
        lines: usize,
    },
    /// The line says something else.
    OtherText {
        /// What was cited.
        citation: Citation,
        /// What is there.
        found: String,
    },
}

/// Opens every place that the answer cites. Returns how many there are; fails on the first that does not hold.
#[agentops::guardrail(spec = "output", skip(tree))]
pub fn check_citations(tree: &SourceTree, answer: &str) -> Result<usize, CitationError> {
    let citations = citations(answer);
    if citations.is_empty() {
        agentops::current_span().log(Level::Warn, "the answer cites nothing");
    }
    for citation in &citations {
        check(tree, citation)?;
    }
    Ok(citations.len())
}

fn check(tree: &SourceTree, citation: &Citation) -> Result<(), CitationError> {
    let citation = citation.clone();
    match tree.line(&citation.path, citation.line) {
        Err(source) => Err(CitationError::NoSuchFile { citation, source }),
        Ok(Err(lines)) => Err(CitationError::NoSuchLine { citation, lines }),
        Ok(Ok(found)) => match &citation.text {
            Some(text) if !found.contains(text.as_str()) => {
                Err(CitationError::OtherText { citation, found })
            }
            _ => Ok(()),
        },
    }
}

/// Every `path:line` in a text, in order.
fn citations(text: &str) -> Vec<Citation> {
    text.lines().flat_map(citations_of_line).collect()
}

fn citations_of_line(line: &str) -> Vec<Citation> {
    let quoting = line.trim_start_matches([' ', '-', '*', '>']).trim_end();
    if let Some((place, text)) = quoting.split_once(": ")
        && let Some((path, line)) = place_of(place)
    {
        return vec![Citation {
            path,
            line,
            text: Some(text.trim().to_owned()),
        }];
    }
    let named = quoting.split_whitespace().filter_map(place_of);
    named
        .map(|(path, line)| Citation {
            path,
            line,
            text: None,
        })
        .collect()
}

/// Takes `src/lib.rs:12` apart; a web address or a time of day is no place.
fn place_of(word: &str) -> Option<(String, usize)> {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let (path, line) = bare.rsplit_once(':')?;
    let (_, extension) = path.rsplit_once('.')?;
    let is_path = !path.contains([' ', ':']) && extension.starts_with(char::is_alphabetic);
    is_path.then_some((path.to_owned(), line.parse().ok()?))
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

impl fmt::Display for CitationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CitationError::NoSuchFile { citation, .. } => {
                write!(f, "the answer cites {citation}, which cannot be opened")
            }
            CitationError::NoSuchLine { citation, lines } => {
                write!(
                    f,
                    "the answer cites {citation}, but the file has {lines} lines"
                )
            }
            CitationError::OtherText { citation, found } => {
                write!(
                    f,
                    "the answer misquotes {citation}, which says: {}",
                    found.trim()
                )
            }
        }
    }
}

impl std::error::Error for CitationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CitationError::NoSuchFile { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_citations_of(text: &str, expected: &[&str]) {
        let found: Vec<String> = citations(text).iter().map(Citation::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn places_are_found_in_prose_and_in_quotes() {
        check_citations_of(
            "see `src/lib.rs:12` and (README.md:3).",
            &["src/lib.rs:12", "README.md:3"],
        );
        check_citations_of("  src/lib.rs:12: let x: u8 = a.rs:1;", &["src/lib.rs:12"]);
        check_citations_of("at 12:30 on https://example.org:443, not a.b:c", &[]);
    }

    #[test]
    fn a_citation_must_hold() {
        let tree = SourceTree::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            check_citations(&tree, "Cargo.toml:1: [package]\nCargo.toml:2").unwrap(),
            2
        );
        let failure = |answer: &str| check_citations(&tree, answer).unwrap_err();
        assert!(matches!(
            failure("Cargo.toml:1: [lib]"),
            CitationError::OtherText { .. }
        ));
        assert!(matches!(
            failure("Cargo.toml:100001"),
            CitationError::NoSuchLine { .. }
        ));
        assert!(matches!(
            failure("Cargo.toml:0"),
            CitationError::NoSuchLine { .. }
        ));
        assert!(matches!(
            failure("src/none.rs:1"),
            CitationError::NoSuchFile { .. }
        ));
    }
}
