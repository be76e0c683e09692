use agentops::{agent, guardrail, llm, operation, session, task, tool, trace, workflow};

#[session(cost = 1.0, model = "m")]
pub fn session_fn() {}

#[trace(role = "r", spec = "input")]
pub fn trace_fn() {}

#[agent(cost = 1.0, provider = "p", operation_type = "o", spec = "input", description = "d")]
pub fn agent_fn() {}

#[workflow(cost = 1.0, model = "m", role = "r")]
pub fn workflow_fn() {}

#[operation(cost = 1.0, model = "m", role = "r", spec = "input")]
pub fn operation_fn() {}

#[task(cost = 1.0, provider = "p", description = "d")]
pub fn task_fn() {}

#[tool(model = "m", provider = "p", operation_type = "o", spec = "input", role = "r")]
pub fn tool_fn() {}

#[llm(cost = 1.0, operation_type = "o", spec = "input", role = "r", description = "d")]
pub fn llm_fn() {}

#[guardrail(cost = 1.0, model = "m", operation_type = "o", role = "r")]
pub fn guardrail_fn() {}
