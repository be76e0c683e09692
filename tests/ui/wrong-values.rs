use agentops::{agent, llm, operation, tool};

#[tool(name = 'x', skip = "a", skip_all = true, capture_args = "no", capture_return = 1)]
pub fn first(a: u8) {}

#[tool(capture = ["a"], attributes = "k", tags = "a", version = 1.5, err = "no", level = 3)]
pub fn second(a: u8) {}

#[tool(returns = "k", boxed = true, crate = "agentops", cost = "free", description = 1)]
pub fn third() -> u8 {
    1
}

#[tool(parent, links, tags = [1, 2], cost = -1.0, skip("a"), capture(1), crate)]
pub fn fourth(a: u8) {}

#[agent(role = 1, model = [])]
pub fn fifth() {}

#[llm(model = 4, provider = openai())]
pub fn sixth() {}

#[operation(operation_type = 1)]
pub fn seventh() {}
