use std::future::Future;

use agentops::tool;

#[tool]
pub fn search() -> impl Future<Output = usize> {
    async { "found" }
}
