//! The way to a chat model: one client, one request at a time, over HTTP.
//!
//! The same client speaks to OpenAI, to whatever `OPENAI_BASE_URL` names, and to the stand-in; it cannot tell them
//! apart. The two annotated functions are where every model call of the program is recorded.

use std::time::Instant;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatChoice, ChatCompletionRequestMessage, ChatCompletionResponseMessage,
    ChatCompletionStreamOptions, ChatCompletionTool, ChatCompletionTools,
    CreateChatCompletionRequest, CreateChatCompletionResponse, CreateChatCompletionStreamResponse,
    FunctionObject, Role,
};
use futures_util::StreamExt;

use crate::tools::Definition;

/// The model that the team asks unless told otherwise.
pub const DEFAULT_MODEL: &str = "gpt-4o-mini";

const MAX_COMPLETION_TOKENS: u32 = 1_500;

/// A chat model and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Model {
    client: Client<OpenAIConfig>,
    name: String,
}

impl Model {
    /// The service that `OPENAI_API_KEY` is for, at `OPENAI_BASE_URL` where that is set.
    pub fn service(name: &str) -> Result<Model, OpenAIError> {
        let http = reqwest::Client::builder().build()?;
        Ok(Model {
            client: Client::build(http, OpenAIConfig::new()),
            name: name.to_owned(),
        })
    }

    /// A server on this machine, which needs neither a key, nor certificates, nor a proxy on the way.
    pub fn local(name: &str, base_url: &str) -> Result<Model, OpenAIError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()?;
        let config = OpenAIConfig::new()
            .with_api_base(base_url)
            .with_api_key("none");
        Ok(Model {
            client: Client::build(http, config),
            name: name.to_owned(),
        })
    }

    /// What to send to go on with a conversation, in which the model may call these tools.
    pub fn request(
        &self,
        messages: &[ChatCompletionRequestMessage],
        tools: &[Definition],
    ) -> CreateChatCompletionRequest {
        CreateChatCompletionRequest {
            model: self.name.clone(),
            messages: messages.to_vec(),
            tools: (!tools.is_empty()).then(|| tools.iter().map(function).collect()),
            max_completion_tokens: Some(MAX_COMPLETION_TOKENS),
            ..CreateChatCompletionRequest::default()
        }
    }

    /// Sends a request and waits for the whole answer.
    #[agentops::llm(provider = "openai")]
    pub async fn chat(
        &self,
        request: CreateChatCompletionRequest,
    ) -> Result<CreateChatCompletionResponse, OpenAIError> {
        self.client.chat().create(request).await
    }

    /// Sends a request made by [`streaming`] and reads the answer as it is written.
    ///
    /// Returns what [`chat`](Model::chat) would have, so that a trace shows both alike.
    #[agentops::llm(provider = "openai")]
    pub async fn chat_stream(
        &self,
        request: CreateChatCompletionRequest,
    ) -> Result<CreateChatCompletionResponse, OpenAIError> {
        let sent = Instant::now();
        let mut stream = self.client.chat().create_stream(request).await?;
        let mut response = CreateChatCompletionResponse::default();
        while let Some(chunk) = stream.next().await {
            if response.id.is_empty() {
                let seconds = sent.elapsed().as_secs_f64();
                agentops::current_span()
                    .set_attribute("gen_ai.response.time_to_first_chunk", seconds);
            }
            add(&mut response, chunk?);
        }
        Ok(response)
    }
}

/// The same request, to be answered piece by piece, with the usage in the last piece.
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

/// What the model said, in words and in tool calls.
pub fn message(response: CreateChatCompletionResponse) -> ChatCompletionResponseMessage {
    response
        .choices
        .into_iter()
        .next()
        .map(|choice| choice.message)
        .unwrap_or_default()
}

/// Puts a piece of a streamed answer where it belongs in the whole.
fn add(response: &mut CreateChatCompletionResponse, chunk: CreateChatCompletionStreamResponse) {
    response.id = chunk.id;
    response.created = chunk.created;
    response.model = chunk.model;
    response.object = "chat.completion".to_owned();
    response.usage = chunk.usage.or(response.usage.take());
    for piece in chunk.choices {
        let index = piece.index as usize;
        while response.choices.len() <= index {
            let message = ChatCompletionResponseMessage {
                role: Role::Assistant,
                ..Default::default()
            };
            let index = response.choices.len() as u32;
            response.choices.push(ChatChoice {
                index,
                message,
                ..ChatChoice::default()
            });
        }
        let choice = &mut response.choices[index];
        choice.finish_reason = piece.finish_reason.or(choice.finish_reason);
        if let Some(text) = piece.delta.content {
            choice
                .message
                .content
                .get_or_insert_default()
                .push_str(&text);
        }
    }
}

fn function(tool: &Definition) -> ChatCompletionTools {
    ChatCompletionTools::Function(ChatCompletionTool {
        function: FunctionObject {
            name: tool.name.to_owned(),
            description: Some(tool.description.to_owned()),
            parameters: Some(tool.parameters.clone()),
            strict: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_a_whole() {
        let mut whole = CreateChatCompletionResponse::default();
        for choices in [
            r#"[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]"#,
            r#"[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]"#,
            r#"[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#,
        ] {
            let chunk = format!(
                r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":{choices}}}"#
            );
            add(&mut whole, serde_json::from_str(&chunk).unwrap());
        }
        assert_eq!(
            whole.usage.as_ref().map(|usage| usage.total_tokens),
            Some(5)
        );
        assert_eq!(message(whole).content.as_deref(), Some("Hello"));
    }
}
