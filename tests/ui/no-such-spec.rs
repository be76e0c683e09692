use agentops::guardrail;

#[guardrail(spec = "both")]
pub fn check() {}
