//! Found.
#![deny(missing_docs)]

use agentops::tool;

#[tool]
pub fn search(query: &str) -> usize {
    query.len()
}
