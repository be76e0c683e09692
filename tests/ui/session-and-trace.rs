use agentops::{session, trace};

#[session]
#[trace]
pub fn search() {}
