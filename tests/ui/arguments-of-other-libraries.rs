use agentops::{session, tool};

#[tool(fields(query))]
pub fn fields(query: &str) {}

#[tool(ret)]
pub fn ret() -> u8 {
    1
}

#[tool(ret(Display))]
pub fn ret_display() -> u8 {
    1
}

#[tool(err)]
pub fn err() -> Result<(), String> {
    Ok(())
}

#[tool(err(Debug))]
pub fn err_debug() -> Result<(), String> {
    Ok(())
}

#[tool(target = "tools")]
pub fn target() {}

#[tool(follows_from = causes)]
pub fn follows_from(causes: &[u8]) {}

#[tool(properties = { "query": "{query}" })]
pub fn properties(query: &str) {}

#[tool(short_name = true)]
pub fn short_name() {}

#[tool(enter_on_poll = true)]
pub async fn enter_on_poll() {}

#[tool(kind = "client")]
pub fn kind() {}

#[session(capture_request = false, capture_response = false)]
pub fn capture_request() {}

#[agentops::llm(system = "openai")]
pub fn system() {}

#[tool(metadata(a = 1), ignore(b), record_all, operation_name = "x", trace_name = "x")]
pub fn several(b: u8) {}
