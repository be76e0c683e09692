use agentops::tool;

fn price() -> f64 {
    0.1
}

#[tool(cost = price())]
pub fn search() {}
