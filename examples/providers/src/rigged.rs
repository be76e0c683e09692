//! rig: an agent with a tool. Nothing is annotated: rig's own spans of `tracing` say what it does.

use rig::agent::AgentBuilder;
use rig::providers::openai::OpenAIConfig;
use rig::tool::{Tool, ToolContext, ToolExecutionError};
use serde_json::Value;

use crate::weather::{self, Place};
use crate::{Endpoint, Error};

/// The tool, for rig.
#[derive(Debug, Clone, Copy)]
pub struct Station;

impl Tool for Station {
    const NAME: &'static str = weather::NAME;
    type Args = Place;
    type Output = Value;
    type Error = ToolExecutionError;

    fn description(&self) -> String {
        weather::DESCRIPTION.into()
    }

    fn parameters(&self) -> Value {
        weather::parameters()
    }

    async fn call(&self, _: &mut ToolContext, place: Place) -> Result<Value, ToolExecutionError> {
        Ok(serde_json::to_value(weather::at(&place)).unwrap_or_default())
    }
}

/// Has an agent of rig's ask, use the tool and answer.
///
/// # Errors
///
/// Those of rig.
pub async fn ask(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let mut config = OpenAIConfig::new(endpoint.key.clone());
    config.base_url.clone_from(&endpoint.base_url);
    let agent = AgentBuilder::new(config.client().completion(&*endpoint.model))
        .name("meteorologist, by rig")
        .preamble("Be brief.")
        .tool(Station)
        .default_max_turns(3)
        .record_content_telemetry(true)
        .build();
    Ok(agent.prompt(text).await?.output())
}
