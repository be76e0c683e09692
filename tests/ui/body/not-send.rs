use std::rc::Rc;

use agentops::tool;

async fn ask() {}

#[tool]
pub async fn search() {
    let shared = Rc::new(1);
    ask().await;
    drop(shared);
}

fn spawn(_: impl Send) {}

pub fn caller() {
    spawn(search());
}
