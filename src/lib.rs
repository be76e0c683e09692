//! AgentOps for Rust: annotate an agent's functions, and every run becomes a session that can be read, searched and
//! priced.
#![doc = "TEMP"]

pub use agentops_core::{
    Agent, Builder, Capture, CurrentSession, CurrentSpan, EndState, Error, ErrorCode, Guard, Level,
    ManualSpan, Session, Sink, SpanBuilder, SpanContext, SpanKind, builder, current_session,
    current_span, export, flush, init, model, opaque, span, start_session,
};

#[cfg(feature = "macros")]
pub use agentops_macros::{
    agent, guardrail, llm, main, operation, session, skip, task, tool, trace, workflow,
};

#[doc(hidden)]
pub use agentops_core::__private;
