use std::future::Future;
use std::pin::Pin;

use agentops::tool;

#[tool]
pub fn search() -> Pin<Box<dyn Future<Output = usize>>> {
    async { 1 }
}
