use std::future::Future;

use agentops::tool;

#[tool]
pub fn search(query: String) -> impl Future<Output = usize> {
    async move { query }
}
