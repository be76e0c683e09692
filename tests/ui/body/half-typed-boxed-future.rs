use std::future::Future;
use std::pin::Pin;

use agentops::tool;

#[tool]
pub fn search(query: String) -> Pin<Box<dyn Future<Output = usize>>> {
    Box::pin(async move { query. })
}
