//! async-openai: a call and a stream, each in a function that returns what the client returns.

use agentops::{agent, llm};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessage,
    ChatCompletionRequestMessage, ChatCompletionRequestToolMessage,
    ChatCompletionRequestUserMessage, ChatCompletionResponseStream, ChatCompletionStreamOptions,
    ChatCompletionTool, ChatCompletionTools, CreateChatCompletionRequest,
    CreateChatCompletionResponse, FunctionObject,
};
use futures_util::StreamExt as _;

use crate::weather::{self, get_weather};
use crate::{Endpoint, Error};

/// A client of it.
#[must_use]
pub fn client(endpoint: &Endpoint) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new()
        .with_api_base(&endpoint.base_url)
        .with_api_key(&endpoint.key);
    Client::with_config(config)
}

/// A call.
#[llm]
pub async fn chat(
    client: &Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    client.chat().create(request).await
}

/// A call that is answered piece by piece.
#[llm]
pub async fn stream(
    client: &Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
) -> Result<ChatCompletionResponseStream, OpenAIError> {
    client.chat().create_stream(request).await
}

/// A question to a model that is offered the tool.
#[must_use]
pub fn question(model: &str, text: &str) -> CreateChatCompletionRequest {
    let user = ChatCompletionRequestUserMessage {
        content: text.into(),
        name: None,
    };
    let function = FunctionObject {
        name: weather::NAME.into(),
        description: Some(weather::DESCRIPTION.into()),
        parameters: Some(weather::parameters()),
        strict: None,
    };
    CreateChatCompletionRequest {
        model: model.into(),
        messages: vec![user.into()],
        tools: Some(vec![ChatCompletionTools::Function(ChatCompletionTool {
            function,
        })]),
        max_completion_tokens: Some(200),
        ..Default::default()
    }
}

/// The same request, answered piece by piece, with the usage in the last piece.
#[must_use]
pub fn streaming(request: CreateChatCompletionRequest) -> CreateChatCompletionRequest {
    CreateChatCompletionRequest {
        stream: Some(true),
        stream_options: Some(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        }),
        ..request
    }
}

/// Asks, does what the model asks for in turn, and asks again.
///
/// # Errors
///
/// Those of the client, and of a model that asks for what there is not.
#[agent(name = "forecaster, by async-openai")]
pub async fn forecaster(endpoint: &Endpoint, text: &str) -> Result<String, Error> {
    let client = client(endpoint);
    let mut request = question(&endpoint.model, text);
    let answer = chat(&client, request.clone()).await?;
    let choice = answer.choices.into_iter().next();
    let message = choice.ok_or("the answer has no choice")?.message;
    for call in message.tool_calls.iter().flatten() {
        let ChatCompletionMessageToolCalls::Function(call) = call else {
            return Err("the model asks for a tool that it was not offered".into());
        };
        let weather = get_weather(&serde_json::from_str(&call.function.arguments)?);
        let asked = ChatCompletionRequestAssistantMessage {
            tool_calls: message.tool_calls.clone(),
            ..Default::default()
        };
        let told = ChatCompletionRequestToolMessage {
            content: serde_json::to_string(&weather)?.into(),
            tool_call_id: call.id.clone(),
        };
        request.messages.push(asked.into());
        request
            .messages
            .push(ChatCompletionRequestMessage::Tool(told));
    }
    let mut stream = stream(&client, streaming(request)).await?;
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        for choice in chunk?.choices {
            text.push_str(choice.delta.content.as_deref().unwrap_or_default());
        }
    }
    Ok(text)
}
