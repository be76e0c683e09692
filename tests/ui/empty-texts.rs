use agentops::{agent, guardrail, llm};

#[agent(role = "", model = " ", tags = ["a", ""])]
pub fn plan() {}

#[llm(provider = "", version = "")]
pub fn ask() {}

#[guardrail(spec = "")]
pub fn check() {}
